/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fields that the kernel renamed: per field a pair of flavours (CO-RE ignores what follows the
 * three underscores in a type's name) and one accessor.
 */
#ifndef PEREGRINE_DRIFT_H
#define PEREGRINE_DRIFT_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct timespec64___drift {
	__s64 tv_sec;
	long tv_nsec;
};

/* Up to 6.5. */
struct inode___times_old {
	struct timespec64___drift i_ctime, i_mtime;
};

/* 6.6 (ctime) and 6.7 (mtime) to 6.10. */
struct inode___times_accessor {
	struct timespec64___drift __i_ctime, __i_mtime;
};

/* Since 6.11. */
struct inode___times_split {
	__s64 i_ctime_sec, i_mtime_sec;
	__u32 i_ctime_nsec, i_mtime_nsec;
};

/* Up to 6.1. */
struct mm_rss_stat {
	struct {
		__s64 counter;
	} count[4];
};

struct mm_struct___counts_old {
	struct mm_rss_stat rss_stat;
};

/* Since 6.2. */
struct percpu_counter {
	__s64 count;
};

struct mm_struct___counts_percpu {
	struct percpu_counter rss_stat[4];
};

/* Up to 6.14. */
struct kernfs_node___parent {
	struct kernfs_node *parent;
};

/* Since 6.15. */
struct kernfs_node___rcu_parent {
	struct kernfs_node *__parent;
};

#pragma clang attribute pop

/* Since 6.13 the change time carries a mark that somebody has looked at it (fs/inode.c). */
#define I_CTIME_QUERIED (1U << 31)

static __always_inline __u64 inode_ctime(const struct inode *inode)
{
	const struct inode___times_split *split = (const void *)inode;
	const struct inode___times_accessor *accessor = (const void *)inode;
	const struct inode___times_old *old = (const void *)inode;

	if (bpf_core_field_exists(split->i_ctime_sec))
		return BPF_CORE_READ(split, i_ctime_sec) * 1000000000ULL +
		       (BPF_CORE_READ(split, i_ctime_nsec) & ~I_CTIME_QUERIED);
	if (bpf_core_field_exists(accessor->__i_ctime))
		return BPF_CORE_READ(accessor, __i_ctime.tv_sec) * 1000000000ULL +
		       BPF_CORE_READ(accessor, __i_ctime.tv_nsec);
	if (bpf_core_field_exists(old->i_ctime))
		return BPF_CORE_READ(old, i_ctime.tv_sec) * 1000000000ULL +
		       BPF_CORE_READ(old, i_ctime.tv_nsec);
	return 0;
}

static __always_inline __u64 inode_mtime(const struct inode *inode)
{
	const struct inode___times_split *split = (const void *)inode;
	const struct inode___times_accessor *accessor = (const void *)inode;
	const struct inode___times_old *old = (const void *)inode;

	if (bpf_core_field_exists(split->i_mtime_sec))
		return BPF_CORE_READ(split, i_mtime_sec) * 1000000000ULL +
		       BPF_CORE_READ(split, i_mtime_nsec);
	if (bpf_core_field_exists(accessor->__i_mtime))
		return BPF_CORE_READ(accessor, __i_mtime.tv_sec) * 1000000000ULL +
		       BPF_CORE_READ(accessor, __i_mtime.tv_nsec);
	if (bpf_core_field_exists(old->i_mtime))
		return BPF_CORE_READ(old, i_mtime.tv_sec) * 1000000000ULL +
		       BPF_CORE_READ(old, i_mtime.tv_nsec);
	return 0;
}

enum memory_count { /* include/linux/mm_types_task.h */
	MEMORY_FILE = 0,
	MEMORY_ANONYMOUS = 1,
	MEMORY_SWAPPED = 2,
	MEMORY_SHARED = 3,
};

/* Pages of a kind that a process has; the sum may be below zero until the CPUs' parts are added. */
#define memory_pages(mm, kind)                                                                     \
	({                                                                                         \
		const struct mm_struct___counts_percpu *percpu = (const void *)(mm);               \
		const struct mm_struct___counts_old *old = (const void *)(mm);                     \
		__s64 pages = bpf_core_type_exists(struct mm_rss_stat)                             \
				      ? BPF_CORE_READ(old, rss_stat.count[kind].counter)           \
				      : BPF_CORE_READ(percpu, rss_stat[kind].count);               \
		pages > 0 ? pages : 0;                                                             \
	})

static __always_inline const struct kernfs_node *kernfs_parent(const struct kernfs_node *node)
{
	const struct kernfs_node___rcu_parent *now = (const void *)node;
	const struct kernfs_node___parent *old = (const void *)node;

	if (bpf_core_field_exists(now->__parent))
		return BPF_CORE_READ(now, __parent);
	return BPF_CORE_READ(old, parent);
}

#endif
