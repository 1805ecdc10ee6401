/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Putting a record together and sending it.
 *
 * Waking the reader costs ten times the rest (1.2 µs and more), so a record is sent without a
 * wake-up unless the reader has said that it sleeps. The reader sets control.reader_asleep, looks
 * into the lanes once more, and only then waits; a program looks at the word before and after it
 * sends. Whoever turns it back to 0 owes the wake-up, so there is one per sleep and none is lost.
 */
#ifndef PEREGRINE_EMIT_H
#define PEREGRINE_EMIT_H

static __always_inline struct scratch *scratch_get(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&scratch_records, &cpu);
}

/* Begins a record whose fixed part has this size. */
static __always_inline void *scratch_begin(struct scratch *scratch, __u32 fixed_size)
{
	scratch->position = fixed_size;
	return scratch->bytes;
}

static __always_inline __u8 *scratch_end(struct scratch *scratch)
{
	return scratch->bytes + (scratch->position & (SCRATCH_HALF - 1));
}

static __always_inline void header_fill(struct record_header *header, struct task_struct *task,
					enum record_kind kind)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	/* Loads through the verifier's own types: a helper call for each would cost 8 ns. */
	const struct cred *cred = task->cred;

	__builtin_memset(header, 0, sizeof(*header));
	header->time = bpf_ktime_get_boot_ns();
	header->start_time = task->group_leader->start_boottime;
	header->pid = pid_tgid >> 32;
	header->tid = (__u32)pid_tgid;
	header->euid = cred->euid.val;
	header->egid = cred->egid.val;
	header->loginuid = task->loginuid.val;
	header->kind = kind;
	header->cpu = bpf_get_smp_processor_id();
	header->version = RECORD_VERSION;
}

static __always_inline bool wake_is_owed(void)
{
	return control.reader_asleep &&
	       __sync_val_compare_and_swap(&control.reader_asleep, 1, 0) == 1;
}

int flood_holds_back(__u32 length); /* flood.h */

static __always_inline bool lane_holds_back(enum lane index, __u32 length)
{
	return index == LANE_BUSY &&
	       bpf_ringbuf_query(&lane_busy, BPF_RB_AVAIL_DATA) > config.busy_pressed &&
	       flood_holds_back(length);
}

static __always_inline void lane_send(void *lane, enum lane index, void *record, __u32 length)
{
	struct record_header *header = record;
	__u32 key = index;
	struct lane_state *state = bpf_map_lookup_elem(&lane_states, &key);
	__u64 flags = wake_is_owed() ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;

	if (!state)
		return;
	header->lane = index;
	header->length = length;
	header->sequence = ++state->sequence;
	if (lane_holds_back(index, length)) {
		state->held_back++;
		state->drops++;
	} else if (bpf_ringbuf_output(lane, record, length, flags)) {
		state->drops++;
	}
}

/* Sends what stands in the scratch. */
static __always_inline void emit(void *lane, enum lane index, struct scratch *scratch)
{
	lane_send(lane, index, scratch->bytes, scratch->position & (SCRATCH_HALF - 1));
	if (wake_is_owed()) {
		struct record_header wake = {
			.length = sizeof(wake),
			.version = RECORD_VERSION,
			.lane = index,
			.kind = RECORD_WAKE,
		};

		bpf_ringbuf_output(lane, &wake, sizeof(wake), BPF_RB_FORCE_WAKEUP);
	}
}

/* Appends a text of the kernel; returns its length with the NUL. */
static __always_inline __u32 append_kernel_text(struct scratch *scratch, const void *text,
						__u32 limit)
{
	long length = bpf_probe_read_kernel_str(scratch_end(scratch), limit, text);

	if (length < 0)
		return 0;
	scratch->position += length;
	return length;
}

/* Appends a text of the caller; returns its length with the NUL, and sets a flag if it failed. */
static __always_inline __u32 append_user_text(struct scratch *scratch, const void *text,
					      __u32 limit, __u32 *flags)
{
	long length = bpf_probe_read_user_str(scratch_end(scratch), limit, text);

	if (length < 0) {
		*flags |= RECORD_UNREADABLE;
		return 0;
	}
	if (length == limit)
		*flags |= RECORD_TRUNCATED;
	scratch->position += length;
	return length;
}

#define CHUNK 4096

/* What stands before the first absent page. */
static __always_inline __u32 append_user_pages(struct scratch *scratch, __u64 start, __u32 wanted)
{
	__u32 done = 0;

	for (__u32 i = 0; i < 8; i++) {
		__u32 step = CHUNK - ((start + done) & (CHUNK - 1));

		if (done + step > wanted)
			break;
		if (bpf_probe_read_user(scratch_end(scratch), step & (2 * CHUNK - 1),
					(void *)(start + done)))
			break;
		scratch->position += step;
		done += step;
	}
	return done;
}

/* Appends memory of the caller, at most `limit` bytes (a power of two); returns how many. */
static __always_inline __u32 append_user_bytes(struct scratch *scratch, __u64 start, __u64 end,
					       __u32 limit, __u32 *flags)
{
	__u64 wanted = end > start ? end - start : 0;
	long failed;

	if (wanted >= limit) {
		if (wanted > limit)
			*flags |= RECORD_TRUNCATED;
		wanted = limit;
		failed = bpf_probe_read_user(scratch_end(scratch), limit, (void *)start);
	} else {
		failed = bpf_probe_read_user(scratch_end(scratch), wanted & (limit - 1),
					     (void *)start);
	}
	if (failed) {
		*flags |= RECORD_UNREADABLE;
		return append_user_pages(scratch, start, wanted);
	}
	scratch->position += wanted;
	return wanted;
}

#endif
