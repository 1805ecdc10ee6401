/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sizes that `capture/src/record.rs` asserts too, and the offset of each struct's last field.
 */
#ifndef PEREGRINE_LAYOUT_H
#define PEREGRINE_LAYOUT_H

#define LAYOUT(type, size, last, offset)                                                           \
	_Static_assert(sizeof(struct type) == size, #type);                                        \
	_Static_assert(__builtin_offsetof(struct type, last) == offset, #type "." #last)

LAYOUT(record_header, 64, lane, 57);
LAYOUT(process_facts, 168, comm, 152);
LAYOUT(fork_record, 256, cgroup_length, 252);
LAYOUT(exec_record, 328, environment_length, 324);
LAYOUT(exit_record, 72, status, 64);
LAYOUT(cgroup_attach_record, 88, path_length, 84);
LAYOUT(exec_failed_record, 96, arguments_length, 92);
LAYOUT(open_record, 144, resolved_length, 140);
LAYOUT(socket_facts, 80, queue_limit, 76);
LAYOUT(connect_record, 168, via, 164);
LAYOUT(file_facts, 32, magic, 24);
LAYOUT(memory_facts, 16, vm_swap, 8);
LAYOUT(identity_facts, 40, vsession_id, 36);
LAYOUT(polled_descriptor, 24, sections, 0);
LAYOUT(call_record, 256, sections, 136);
LAYOUT(config, 148, page_kib, 144);
LAYOUT(control, 2096, reads_streams, 2088);
LAYOUT(lane_state, 40, held_back, 32);
LAYOUT(flood, 40, pid, 32);
LAYOUT(ring_tag, 16, user_data, 8);
LAYOUT(prefix_key, 68, text, 4);
LAYOUT(last_name, 64, text, 0);
LAYOUT(recipe, 24, steps, 0);

#undef LAYOUT
#endif
