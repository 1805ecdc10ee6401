/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who floods loses first. While the busy lane is more than three quarters full, each cgroup may put
 * into it only so many bytes for so many that the reader takes out; what is beyond that is held
 * back: not sent, but counted like a record that found the lane full, and counted by cgroup, so
 * that the daemon can say whose it was. Shares go by what the reader does and not by time, so that
 * nobody fills the rest of the lane while it stands still.
 */
#ifndef PEREGRINE_FLOOD_H
#define PEREGRINE_FLOOD_H

static __always_inline void flood_note(struct flood *flood, const struct task_struct *task)
{
	__sync_fetch_and_add(&flood->held_back, 1);
	flood->pid = bpf_get_current_pid_tgid() >> 32;
	flood->start_time = task->group_leader->start_boottime;
}

/*
 * Charges the cgroup of the current task with a record of `length` bytes; 1 if that is more than
 * its share. A global function, so that the verifier looks at it once.
 */
__noinline int flood_holds_back(__u32 length)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 window = bpf_ringbuf_query(&lane_busy, BPF_RB_CONS_POS) / config.flood_window;
	__u64 cgroup = BPF_CORE_READ(cgroup_of(task), kn, id);
	struct flood *flood = bpf_map_lookup_elem(&floods, &cgroup);

	if (!flood) {
		struct flood fresh = {.window = window};

		bpf_map_update_elem(&floods, &cgroup, &fresh, BPF_NOEXIST);
		flood = bpf_map_lookup_elem(&floods, &cgroup);
		if (!flood)
			return 0;
	}
	/* CPUs that enter a window together may both start it anew, which gives a little more. */
	if (flood->window != window) {
		flood->window = window;
		flood->bytes = 0;
	}
	if (__sync_fetch_and_add(&flood->bytes, length) + length <= config.flood_budget)
		return 0;
	flood_note(flood, task);
	return 1;
}

#endif
