/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel knows of a process. */
#ifndef PEREGRINE_TASK_H
#define PEREGRINE_TASK_H

static __always_inline __u32 pid_number(const struct pid *pid, __u32 level)
{
	const struct upid *numbers = (const void *)pid + bpf_core_field_offset(struct pid, numbers);
	int number = 0;

	if (!pid)
		return 0;
	bpf_core_read(&number, sizeof(number),
		      (const void *)numbers + level * bpf_core_type_size(struct upid) +
			      bpf_core_field_offset(struct upid, nr));
	return number;
}

static __always_inline const struct pid *pid_of(const struct signal_struct *signal,
						enum pid_type type)
{
	const struct pid *pid = NULL;

	bpf_core_read(&pid, sizeof(pid), &signal->pids[type]);
	return pid;
}

static __always_inline __u64 pid_namespace_start(const struct pid *pid, __u32 level)
{
	const void *numbers = (const void *)pid + bpf_core_field_offset(struct pid, numbers);
	const struct pid_namespace *namespace = NULL;

	bpf_core_read(&namespace, sizeof(namespace),
		      numbers + level * bpf_core_type_size(struct upid) +
			      bpf_core_field_offset(struct upid, ns));
	return BPF_CORE_READ(namespace, child_reaper, start_boottime);
}

/* As new_encode_dev() (include/linux/kdev_t.h) does it, and so /proc/PID/stat. */
static __always_inline __u32 terminal_of(const struct signal_struct *signal)
{
	const struct tty_struct *tty = BPF_CORE_READ(signal, tty);
	__u32 major, minor;

	if (!tty)
		return 0;
	major = BPF_CORE_READ(tty, driver, major);
	minor = BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index);
	return (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
}

static __always_inline void memory_fill(struct memory_facts *facts, const struct mm_struct *mm)
{
	__u32 kib = config.page_kib;

	facts->vm_size = BPF_CORE_READ(mm, total_vm) * kib;
	facts->vm_rss = (memory_pages(mm, MEMORY_FILE) + memory_pages(mm, MEMORY_ANONYMOUS) +
			 memory_pages(mm, MEMORY_SHARED)) *
			kib;
	facts->vm_swap = memory_pages(mm, MEMORY_SWAPPED) * kib;
	facts->_pad = 0;
}

#define COUNTED_WORDS 64 /* of 64 descriptors each */

static __always_inline __u32 descriptors_of(struct task_struct *task)
{
	const struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	const unsigned long *open = BPF_CORE_READ(table, open_fds);
	__u32 room = BPF_CORE_READ(table, max_fds), count = 0;

	if (room > COUNTED_WORDS * 64)
		return ~0u;
	for (__u32 i = 0; i < COUNTED_WORDS; i++) {
		__u64 word = 0;

		if (i * 64 >= room)
			break;
		bpf_probe_read_kernel(&word, sizeof(word), open + i);
		count += __builtin_popcountll(word);
	}
	return count;
}

static __always_inline void usage_fill(struct process_facts *facts, struct task_struct *task,
				       const struct signal_struct *signal)
{
	struct memory_facts memory;

	memory_fill(&memory, BPF_CORE_READ(task, mm));
	facts->vm_size = memory.vm_size;
	facts->vm_rss = memory.vm_rss;
	facts->vm_swap = memory.vm_swap;
	facts->major_faults = BPF_CORE_READ(task, maj_flt);
	facts->minor_faults = BPF_CORE_READ(task, min_flt);
	facts->descriptor_limit = BPF_CORE_READ(signal, rlim[RLIMIT_NOFILE].rlim_cur);
	facts->n_descriptors = descriptors_of(task);
	facts->n_threads = BPF_CORE_READ(signal, nr_threads);
}

static __always_inline void identity_fill(struct identity_facts *facts, struct task_struct *task)
{
	const struct signal_struct *signal = BPF_CORE_READ(task, signal);
	const struct cred *cred = BPF_CORE_READ(task, cred);
	const struct pid *group = pid_of(signal, PIDTYPE_PGID);
	const struct pid *session = pid_of(signal, PIDTYPE_SID);
	__u32 level = BPF_CORE_READ(task, thread_pid, level);

	bpf_core_read(&facts->cap_inheritable, sizeof(__u64), &cred->cap_inheritable);
	bpf_core_read(&facts->cap_permitted, sizeof(__u64), &cred->cap_permitted);
	bpf_core_read(&facts->cap_effective, sizeof(__u64), &cred->cap_effective);
	facts->session_id = pid_number(session, 0);
	facts->group_id = pid_number(group, 0);
	facts->vgroup_id = pid_number(group, level);
	facts->vsession_id = pid_number(session, level);
}

static __always_inline void process_fill(struct process_facts *facts, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct task_struct *parent = BPF_CORE_READ(leader, real_parent);
	const struct signal_struct *signal = BPF_CORE_READ(task, signal);
	const struct cred *cred = BPF_CORE_READ(task, cred);
	const struct pid *group = pid_of(signal, PIDTYPE_PGID);
	const struct pid *session = pid_of(signal, PIDTYPE_SID);
	const struct pid *pid = pid_of(signal, PIDTYPE_TGID);
	__u32 level;

	/* While a fork is traced, its leader is not hashed yet and has only its own pid. */
	if (!pid)
		pid = BPF_CORE_READ(task, thread_pid);
	level = BPF_CORE_READ(pid, level);

	facts->start_time = BPF_CORE_READ(leader, start_boottime);
	facts->parent_start_time = BPF_CORE_READ(parent, group_leader, start_boottime);
	facts->pidns_start_time = pid_namespace_start(pid, level);
	bpf_core_read(&facts->cap_inheritable, sizeof(__u64), &cred->cap_inheritable);
	bpf_core_read(&facts->cap_permitted, sizeof(__u64), &cred->cap_permitted);
	bpf_core_read(&facts->cap_effective, sizeof(__u64), &cred->cap_effective);
	facts->pid = BPF_CORE_READ(task, tgid);
	facts->parent_pid = BPF_CORE_READ(parent, tgid);
	facts->vpid = pid_number(pid, level);
	facts->session_id = pid_number(session, 0);
	facts->group_id = pid_number(group, 0);
	facts->vgroup_id = pid_number(group, level);
	facts->vsession_id = pid_number(session, level);
	facts->tty = terminal_of(signal);
	facts->uid = BPF_CORE_READ(cred, uid.val);
	facts->gid = BPF_CORE_READ(cred, gid.val);
	facts->euid = BPF_CORE_READ(cred, euid.val);
	facts->egid = BPF_CORE_READ(cred, egid.val);
	facts->loginuid = BPF_CORE_READ(task, loginuid.val);
	usage_fill(facts, task, signal);
	bpf_core_read(&facts->comm, sizeof(facts->comm), &task->comm);
}

/* The number that the caller used, and whether it came in as a 32-bit call. */
static __always_inline __u32 system_call_number(struct task_struct *task, struct pt_regs *regs,
						bool *is_compat)
{
#if defined(__TARGET_ARCH_x86)
	*is_compat = task->thread_info.status & TS_COMPAT;
	return (__u32)regs->orig_ax & ~X32_SYSCALL_BIT;
#else
	*is_compat = task->thread_info.flags & (1UL << TIF_32BIT_ARM64);
	return regs->syscallno;
#endif
}

struct system_call {
	__u64 arguments[6];
};

static __always_inline void system_call_fill(struct system_call *call, struct pt_regs *regs)
{
	call->arguments[0] = PT_REGS_PARM1_SYSCALL(regs);
	call->arguments[1] = PT_REGS_PARM2_SYSCALL(regs);
	call->arguments[2] = PT_REGS_PARM3_SYSCALL(regs);
	call->arguments[3] = PT_REGS_PARM4_SYSCALL(regs);
	call->arguments[4] = PT_REGS_PARM5_SYSCALL(regs);
	call->arguments[5] = PT_REGS_PARM6_SYSCALL(regs);
}

/* A 32-bit program's: its registers. */
static __always_inline void system_call_fill_compat(struct system_call *call, struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	call->arguments[0] = (__u32)regs->bx;
	call->arguments[1] = (__u32)regs->cx;
	call->arguments[2] = (__u32)regs->dx;
	call->arguments[3] = (__u32)regs->si;
	call->arguments[4] = (__u32)regs->di;
	call->arguments[5] = (__u32)regs->bp;
#else
	system_call_fill(call, regs);
#endif
}

/* The file behind a descriptor of this task, without a lock: another thread may replace it. */
static __always_inline struct file *file_of(struct task_struct *task, __s32 fd)
{
	/* Loads through the verifier's own types, as in header_fill(). */
	const struct files_struct *files = task->files;
	const struct fdtable *table;
	struct file *file = NULL;

	if (!files || fd < 0)
		return NULL;
	table = files->fdt;
	if (!table || fd >= table->max_fds)
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd);
	return file;
}

/*
 * Which layer of an overlayfs holds the inode. The overlay's own inode is struct ovl_inode
 * (fs/overlayfs/ovl_entry.h), whose BTF sits in a module: its pointer to the upper dentry stands
 * right behind the VFS inode, whatever that one's size.
 */
static __always_inline __u32 layer_of(const struct inode *inode)
{
	const struct dentry *upper = NULL;

	if (BPF_CORE_READ(inode, i_sb, s_magic) != OVERLAYFS_SUPER_MAGIC)
		return 0;
	bpf_probe_read_kernel(&upper, sizeof(upper),
			      (const void *)inode + bpf_core_type_size(struct inode));
	if (upper && BPF_CORE_READ(upper, d_inode, i_ino))
		return FILE_UPPER_LAYER;
	return FILE_LOWER_LAYER;
}

#endif
