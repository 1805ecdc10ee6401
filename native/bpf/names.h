/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls that act on a name leave no object that would tell which name the kernel has taken. So
 * their names are read at the entry too, and a difference at the exit is flagged: another thread
 * has changed them meanwhile.
 */
#ifndef PEREGRINE_NAMES_H
#define PEREGRINE_NAMES_H

#define CHECKED_NAMES 2
#define CHECKED_WORDS 32 /* of 8 bytes: what stands behind them is not compared */

struct names_at_entry {
	__u64 hashes[CHECKED_NAMES];
	__u32 number; /* of the call */
	__u32 _pad;
};

/* Key: thread. The least recently used entries make room; without one nothing is compared. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct names_at_entry);
} names_at_entry SEC(".maps");

/* Of a text in the scratch; `length` counts its NUL. FNV-1a over words. */
static __always_inline __u64 name_hash(struct scratch *scratch, __u32 start, __u32 length)
{
	__u64 hash = 0xcbf29ce484222325ULL ^ length;

	*(__u64 *)(scratch->bytes + ((start + length) & (SCRATCH_HALF - 1))) = 0;
	for (__u32 i = 0; i < CHECKED_WORDS; i++) {
		if (i * 8 >= length)
			break;
		hash ^= *(__u64 *)(scratch->bytes + ((start + i * 8) & (SCRATCH_HALF - 1)));
		hash *= 0x100000001b3ULL;
	}
	return hash;
}

/* Compares the name that has just been read with what it was at the entry. */
static __always_inline void name_check(struct scratch *scratch, struct call_record *record,
				       __u32 start, __u32 length)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct names_at_entry *names = bpf_map_lookup_elem(&names_at_entry, &thread);
	__u32 index = record->n_names++;

	if (!names || names->number != record->number || index >= CHECKED_NAMES ||
	    !names->hashes[index])
		return;
	if (names->hashes[index] != (name_hash(scratch, start, length) | 1))
		record->header.flags |= RECORD_MISMATCH;
}

/* Hashes the name of one step of the recipe at the entry; 0 if it is not in memory yet, which it is
 * when the kernel has read it, so that tells nothing. */
static __always_inline __u64 name_at_entry(struct scratch *scratch, const void *name)
{
	__u32 flags = 0, length;

	scratch->position = 0;
	length = append_user_text(scratch, name, LIMIT_PATH, &flags);
	return length ? name_hash(scratch, 0, length) | 1 : 0;
}

#endif
