/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A refused execve or execveat: the image is still the caller's, so all comes from its memory. */
#ifndef PEREGRINE_EXEC_FAILED_H
#define PEREGRINE_EXEC_FAILED_H

#define FAILED_ARGUMENTS 32 /* a refused exec is told by its first arguments */
#define FAILED_ARGUMENT_LIMIT 512

struct argument_walk {
	const char *const *arguments;
	__u32 flags;
	__u32 _pad;
};

static long argument_step(__u32 index, void *context)
{
	struct argument_walk *walk = context;
	struct scratch *scratch = scratch_get();
	const char *argument = NULL;

	if (!scratch)
		return 1;
	if (bpf_probe_read_user(&argument, sizeof(argument), walk->arguments + index)) {
		walk->flags |= RECORD_UNREADABLE;
		return 1;
	}
	if (!argument)
		return 1;
	if (index == FAILED_ARGUMENTS - 1)
		walk->flags |= RECORD_TRUNCATED;
	append_user_text(scratch, argument, FAILED_ARGUMENT_LIMIT, &walk->flags);
	return 0;
}

static __always_inline void exec_failed_exit(struct task_struct *task, __s32 dirfd,
					     const char *filename, const char *const *arguments,
					     __u32 at, __s64 result)
{
	struct scratch *scratch;
	struct exec_failed_record *record;
	struct argument_walk walk = {.arguments = arguments};
	__u32 start;

	if (result >= 0)
		return;
	scratch = scratch_get();
	if (!scratch)
		return;
	record = scratch_begin(scratch, sizeof(*record));
	header_fill(&record->header, task, RECORD_EXEC_FAILED);
	record->result = result;
	record->dirfd = dirfd;
	record->at = at;
	record->filename_length = append_user_text(scratch, filename, LIMIT_PATH,
						   &record->header.flags);
	record->base_flags = 0;
	record->base_length = append_base(scratch, sizeof(*record), record->filename_length, dirfd,
					  task, &record->base_flags);
	start = scratch->position;
#ifdef PEREGRINE_BOUNDED_WALK
	for (__u32 i = 0; i < 8; i++)
		if (argument_step(i, &walk))
			break;
#else
	bpf_loop(FAILED_ARGUMENTS, argument_step, &walk, 0);
#endif
	record->arguments_length = scratch->position - start;
	record->header.flags |= walk.flags;
	emit(&lane_busy, LANE_BUSY, scratch);
}

#endif
