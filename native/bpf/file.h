/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The open family, judged at exit: the kernel's own file tells what was opened, whatever the
 * caller did to the name meanwhile; the name as it stands at exit tells what was asked for.
 */
#ifndef PEREGRINE_FILE_H
#define PEREGRINE_FILE_H

struct open_arguments {
	const char *path;
	__u64 resolve;
	__s32 dirfd;
	__u32 flags;
	__u32 mode;
	enum open_call call;
	/* The flags stood in memory, where they may have changed since the kernel read them. */
	bool is_uncertain;
};

/*
 * Appends what a relative name is relative to; nothing for an absolute one.
 * The name is `length` bytes long and begins at `start` of the scratch.
 */
static __always_inline __u32 append_base(struct scratch *scratch, __u32 start, __u32 length,
					 __s32 dirfd, struct task_struct *task, __u32 *flags)
{
	const struct fs_struct *fs = BPF_CORE_READ(task, fs);
	const struct file *directory;

	if (length && scratch->bytes[start & (SCRATCH_HALF - 1)] == '/')
		return 0;
	if (dirfd == AT_FDCWD)
		return append_path(scratch, &fs->pwd, task, flags);
	directory = file_of(task, dirfd);
	if (!directory)
		return 0;
	return append_path(scratch, &directory->f_path, task, flags);
}

static __always_inline void opened_fill(struct open_record *record, const struct file *file)
{
	const struct inode *inode = BPF_CORE_READ(file, f_inode);

	record->inode = BPF_CORE_READ(inode, i_ino);
	record->device = BPF_CORE_READ(inode, i_sb, s_dev);
	record->file_mode = BPF_CORE_READ(inode, i_mode);
	record->file_flags = layer_of(inode);
	if (BPF_CORE_READ(file, f_mode) & FMODE_CREATED)
		record->file_flags |= FILE_CREATED;
}

/* Appends what follows the requested name, and sends the record. `file`: NULL without one. */
static __always_inline void open_finish(struct open_record *record, struct scratch *scratch,
					struct task_struct *task, const struct file *file)
{
	record->base_length = append_base(scratch, sizeof(*record), record->requested_length,
					  record->dirfd, task, &record->base_flags);
	if (file) {
		opened_fill(record, file);
		record->resolved_length = append_path(scratch, &file->f_path, task,
						      &record->resolved_flags);
	} else if (record->result >= 0) {
		/* No descriptor, or another thread has closed it already. */
		record->header.flags |= RECORD_FROM_CALLER;
	}
	emit(&lane_busy, LANE_BUSY, scratch);
}

static __always_inline void open_exit(struct task_struct *task,
				      const struct open_arguments *arguments, __s64 result)
{
	__u64 bit = open_bit(arguments->call, arguments->flags, result);
	bool is_possible =
		arguments->is_uncertain ||
		((control.opens_always | control.opens_named | control.opens_last_named) & bit);
	struct scratch *scratch;
	struct file *file = NULL;
	struct open_record *record;
	__u32 length, flags = 0;

	if (!is_possible) {
		if (!filtered_is_audited())
			return;
		flags = RECORD_AUDIT;
	}
	scratch = scratch_get();
	if (!scratch || (__u32)(bpf_get_current_pid_tgid() >> 32) == config.own_pid)
		return;
	record = scratch_begin(scratch, sizeof(*record));
	length = append_user_text(scratch, arguments->path, LIMIT_PATH, &flags);
	if (result >= 0)
		file = file_of(task, result);
	if (is_possible && !arguments->is_uncertain &&
	    open_is_left_out(length, bit, (__u64)file, result)) {
		if (!filtered_is_audited())
			return;
		flags |= RECORD_AUDIT;
	}
	header_fill(&record->header, task, RECORD_OPEN);
	record->header.flags = flags;
	record->requested_length = length;
	record->result = result;
	record->inode = 0;
	record->resolve = arguments->resolve;
	record->device = 0;
	record->open_flags = arguments->flags;
	record->mode = arguments->mode;
	record->dirfd = arguments->dirfd;
	record->call = arguments->call;
	record->via = VIA_SYSCALL;
	record->_pad = 0;
	record->file_mode = 0;
	record->file_flags = 0;
	record->base_flags = 0;
	record->resolved_flags = 0;
	record->resolved_length = 0;

	open_finish(record, scratch, task, file);
}

#endif
