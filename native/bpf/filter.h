/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which opens can match no rule, told from the way of access, the outcome and how the name begins
 * (rules/src/prefilter.rs has the other side). What cannot be told passes: names that are relative,
 * long, unreadable, or not clean as text.
 */
#ifndef PEREGRINE_FILTER_H
#define PEREGRINE_FILTER_H

#define O_ACCMODE 3
#define O_RDONLY 0
#define O_WRONLY 1
#define O_CREAT 0100
#define O_TMPFILE_ALONE 020000000

enum open_class {
	CLASS_READS = 1,
	CLASS_WRITES = 2,
	CLASS_CREATES = 4,
	CLASS_FAILED = 8,
	N_CLASSES = 16,
};

#define NAME_WORDS 32 /* of 8 bytes: longer names pass */

static __always_inline __u64 open_bit(enum open_call call, __u32 flags, __s64 result)
{
	__u32 access = flags & O_ACCMODE, class = 0;

	if (access != O_WRONLY)
		class |= CLASS_READS;
	if (access != O_RDONLY)
		class |= CLASS_WRITES;
	if (flags & (O_CREAT | O_TMPFILE_ALONE))
		class |= CLASS_CREATES;
	if (result < 0)
		class |= CLASS_FAILED;
	return 1ULL << ((call * N_CLASSES + class) & 63);
}

#define ONES 0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL

/* The high bit of each byte that equals `byte`. Above a byte that does, others may be set wrongly,
 * which only lets more pass. */
static __always_inline __u64 bytes_equal(__u64 word, __u8 byte)
{
	__u64 zero = word ^ (ONES * byte);

	return (zero - ONES) & ~zero & HIGHS;
}

/* Whether a name of `length` bytes, its NUL included, has `//`, `/.` or `..` in it. */
static __always_inline bool name_is_unclean(struct scratch *scratch, __u32 start, __u32 length)
{
	__u64 *words = (void *)scratch->bytes + start;

	/* What an earlier name has left behind the end is none of this one. */
	*(__u64 *)(scratch->bytes + ((start + length) & (SCRATCH_HALF - 1))) = 0;
	for (__u32 i = 0; i < NAME_WORDS; i++) {
		__u64 word, next, dots, slashes;

		if (i * 8 >= length)
			return false;
		word = words[i];
		next = word >> 8 | (__u64)scratch->bytes[start + i * 8 + 8] << 56;
		slashes = bytes_equal(word, '/');
		dots = bytes_equal(next, '.');
		if (slashes & (dots | bytes_equal(next, '/')))
			return true;
		if (bytes_equal(word, '.') & dots)
			return true;
	}
	return true;
}

/*
 * Whether some rule may match because of how the name begins. The name of `length` bytes stands at
 * `start`; the four bytes before it are free and take the length of the key, so that nothing is
 * copied.
 */
static __always_inline bool name_is_wanted(struct scratch *scratch, __u32 start, __u32 length,
					   __u64 bit)
{
	struct prefix_key *key = (void *)scratch->bytes + start - sizeof(__u32);
	__u32 known = length - 1;
	__u64 *bits;

	if (control.opens_always & bit)
		return true;
	if (length < 2 || length > NAME_WORDS * 8 || scratch->bytes[start] != '/')
		return true;
	if (name_is_unclean(scratch, start, length))
		return true;
	key->length = (known < PREFIX_BYTES ? known : PREFIX_BYTES) * 8;
	bits = bpf_map_lookup_elem(&open_prefixes, key);
	return bits && (*bits & bit);
}

/*
 * Whether some rule may match because of the opened file: it has another last name than the one
 * that was asked for, or one that is asked for. It has another one behind a symlink, or when
 * another thread has changed the name in memory meanwhile; then rules must see both.
 */
static __always_inline bool file_is_wanted(struct scratch *scratch, __u32 start, __u32 length,
					   const struct file *file, __u64 bit)
{
	const struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	__u32 n = BPF_CORE_READ(dentry, d_name.len);
	__u32 end = start + length - 1, room = start + NAME_WORDS * 8 + 16;
	struct last_name *name = (void *)scratch->bytes + room;
	__u64 *given, *opened = (void *)name, *bits;

	if (!file || n + 2 > length || n >= LAST_BYTES)
		return true;
	if (scratch->bytes[(end - n - 1) & (SCRATCH_HALF - 1)] != '/')
		return true;
	__builtin_memset(name, 0, sizeof(*name));
	if (bpf_probe_read_kernel(name, n & (LAST_BYTES - 1), BPF_CORE_READ(dentry, d_name.name)))
		return true;
	/* Both end in zeros. */
	*(__u64 *)(scratch->bytes + (end & (SCRATCH_HALF - 1))) = 0;
	given = (void *)scratch->bytes + ((end - n) & (SCRATCH_HALF - 1));
	for (__u32 i = 0; i < LAST_BYTES / 8; i++) {
		if (i * 8 >= n)
			break;
		if (given[i] != opened[i])
			return true;
	}
	/* Most files are told apart by the length alone, and looking them up costs more than all of
	 * the above. */
	if (!(control.opens_last_named & bit) || !(control.opens_last_lengths >> (n & 63) & 1))
		return false;
	bits = bpf_map_lookup_elem(&open_last_names, name);
	return bits && (*bits & bit);
}

/*
 * Whether no rule can match an open whose name of `length` bytes stands in its record. A global
 * function, so that the verifier looks at the loops once, and not once for each call that opens.
 */
__noinline int open_is_left_out(__u32 length, __u64 bit, __u64 file, __s64 result)
{
	struct scratch *scratch = scratch_get();
	__u32 start = sizeof(struct open_record);

	if (!scratch || !length || name_is_wanted(scratch, start, length, bit))
		return 0;
	return result < 0 || !file_is_wanted(scratch, start, length, (const void *)file, bit);
}

/* Counts an event that is left out; true if it is sent all the same, to check the filter. */
static __always_inline bool filtered_is_audited(void)
{
	__u32 lane = LANE_BUSY, every = control.audit_every;
	struct lane_state *state = bpf_map_lookup_elem(&lane_states, &lane);

	if (!state)
		return false;
	state->filtered++;
	return every && state->filtered % every == 0;
}

#endif
