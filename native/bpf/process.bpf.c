/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Life cycle of processes: fork, exec, exit, and moves between cgroups.
 *
 * sched_process_fork fires in the parent before the child can run, once per clone of any flavour,
 * so a child is known before it does anything. sched_process_exec fires once the new image stands
 * and covers execve, execveat and what io_uring or a kernel thread may start. sched_process_exit
 * fires for each thread; the last one of a process ends it. An exec by another thread than the
 * main one gives that thread the main one's pid and start time, so the key stays.
 */

#define SYS_CLONE3 435 /* in all tables */
#define CLONE_FLAGS_ONLY 0xffffff00 /* the lowest byte is the exit signal */
#if defined(__TARGET_ARCH_x86)
#define SYS_CLONE 56
#define SYS_CLONE_COMPAT 120
#define SYS_VFORK 58
#else
#define SYS_CLONE 220
#define SYS_CLONE_COMPAT 120
#define SYS_VFORK 1023 /* there is none */
#endif
#define CLONE_VFORK_AND_VM 0x4100

/* What the call asked to share; the flags come first in clone and in struct clone_args. */
static __always_inline __u64 clone_flags(__u32 number, bool is_compat, struct pt_regs *regs)
{
	struct system_call call;
	__u64 flags = 0;

	if (is_compat)
		system_call_fill_compat(&call, regs);
	else
		system_call_fill(&call, regs);
	if (number == SYS_CLONE3) {
		bpf_probe_read_user(&flags, sizeof(flags), (void *)call.arguments[0]);
		return flags;
	}
	if (number == (is_compat ? SYS_CLONE_COMPAT : SYS_CLONE))
		return call.arguments[0] & CLONE_FLAGS_ONLY;
	return !is_compat && number == SYS_VFORK ? CLONE_VFORK_AND_VM : 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	struct scratch *scratch;
	struct fork_record *record;
	bool is_compat;

	if (BPF_CORE_READ(child, pid) != BPF_CORE_READ(child, tgid))
		return 0;
	scratch = scratch_get();
	if (!scratch)
		return 0;
	record = scratch_begin(scratch, sizeof(*record));
	header_fill(&record->header, parent, RECORD_FORK);
	process_fill(&record->child, child);
	record->syscall = system_call_number(parent, regs, &is_compat);
	record->is_compat = is_compat;
	record->flags = clone_flags(record->syscall, is_compat, regs);
	record->child.cgroup_id = BPF_CORE_READ(cgroup_of(child), kn, id);
	record->cgroup_flags = 0;
	record->cgroup_length = append_cgroup(scratch, cgroup_of(child), &record->cgroup_flags);
	emit(&lane_life_cycle, LANE_LIFE_CYCLE, scratch);
	return 0;
}

static __always_inline void executable_fill(struct exec_record *record, const struct file *file)
{
	const struct inode *inode = BPF_CORE_READ(file, f_inode);

	record->executable_inode = BPF_CORE_READ(inode, i_ino);
	record->executable_ctime = inode_ctime(inode);
	record->executable_mtime = inode_mtime(inode);
	record->executable_device = BPF_CORE_READ(inode, i_sb, s_dev);
	record->executable_uid = BPF_CORE_READ(inode, i_uid.val);
	record->executable_gid = BPF_CORE_READ(inode, i_gid.val);
	record->executable_mode = BPF_CORE_READ(inode, i_mode);
	record->executable_flags = layer_of(inode);
}

/* Told before the exec itself, so that who reads that knows them already. */
__noinline int streams_tell(void)
{
	struct scratch *scratch = scratch_get();
	struct call_record *record;

	if (!scratch)
		return 0;
	record = scratch_begin(scratch, sizeof(*record));
	call_begin(record, bpf_get_current_task_btf(), 0, false, VIA_SYSCALL, 0);
	record->header.kind = RECORD_STREAMS;
	for (__u32 i = 0; i < 3; i++)
		call_descriptor(i, i);
	/* One that is closed is no loss. */
	record->header.flags &= ~RECORD_FROM_CALLER;
	emit(&lane_life_cycle, LANE_LIFE_CYCLE, scratch);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_pid, struct linux_binprm *binary)
{
	struct scratch *scratch = scratch_get();
	const struct mm_struct *mm = BPF_CORE_READ(task, mm);
	const struct cgroup *cgroup = cgroup_of(task);
	const struct file *executable;
	const struct fs_struct *fs = BPF_CORE_READ(task, fs);
	__u64 arguments = BPF_CORE_READ(mm, arg_start), arguments_end = BPF_CORE_READ(mm, arg_end);
	__u64 environment = BPF_CORE_READ(mm, env_start);
	__u64 environment_end = BPF_CORE_READ(mm, env_end);
	struct exec_record *record;

	if (!scratch)
		return 0;
	if (control.reads_streams)
		streams_tell();
	record = scratch_begin(scratch, sizeof(*record));
	header_fill(&record->header, task, RECORD_EXEC);
	process_fill(&record->process, task);
	record->process.cgroup_id = BPF_CORE_READ(cgroup, kn, id);
	executable = BPF_CORE_READ(mm, exe_file);
	executable_fill(record, executable);
	record->arguments_total = arguments_end - arguments;
	record->environment_total = environment_end - environment;
	record->executable_path_flags = 0;
	record->cwd_flags = 0;
	record->cgroup_flags = 0;

	record->filename_length = append_kernel_text(scratch, BPF_CORE_READ(binary, filename),
						     LIMIT_PATH);
	record->executable_length = append_path(scratch, &executable->f_path, task,
						&record->executable_path_flags);
	record->cwd_length = append_path(scratch, &fs->pwd, task, &record->cwd_flags);
	record->cgroup_length = append_cgroup(scratch, cgroup, &record->cgroup_flags);
	record->arguments_length = append_user_bytes(scratch, arguments, arguments_end,
						     LIMIT_ARGUMENTS, &record->header.flags);
	record->environment_length = append_user_bytes(scratch, environment, environment_end,
						       LIMIT_ENVIRONMENT, &record->header.flags);
	emit(&lane_life_cycle, LANE_LIFE_CYCLE, scratch);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	struct scratch *scratch;
	struct exit_record *record;

	/* do_exit() has counted this thread off already: 0 is the process's end. */
	if (BPF_CORE_READ(task, signal, live.counter) > 0)
		return 0;
	scratch = scratch_get();
	if (!scratch)
		return 0;
	record = scratch_begin(scratch, sizeof(*record));
	header_fill(&record->header, task, RECORD_EXIT);
	record->status = BPF_CORE_READ(task, exit_code);
	record->_pad = 0;
	emit(&lane_life_cycle, LANE_LIFE_CYCLE, scratch);
	return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(process_cgroup_attach, struct cgroup *cgroup, const char *path,
	     struct task_struct *task, bool whole_group)
{
	struct scratch *scratch;
	struct cgroup_attach_record *record;

	if (BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid))
		return 0;
	/* Each version 1 controller tells of its own move; only the one that names the container
	 * counts. */
	if (BPF_CORE_READ(cgroup, kn, id) != BPF_CORE_READ(cgroup_of(task), kn, id))
		return 0;
	scratch = scratch_get();
	if (!scratch)
		return 0;
	record = scratch_begin(scratch, sizeof(*record));
	header_fill(&record->header, bpf_get_current_task_btf(), RECORD_CGROUP_ATTACH);
	record->cgroup_id = BPF_CORE_READ(cgroup, kn, id);
	record->start_time = BPF_CORE_READ(task, start_boottime);
	record->pid = BPF_CORE_READ(task, tgid);
	record->path_length = append_kernel_text(scratch, path, LIMIT_PATH);
	emit(&lane_life_cycle, LANE_LIFE_CYCLE, scratch);
	return 0;
}
