/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any system call, read at its exit by a recipe: a few steps, each of which appends what an
 * argument points to or what a descriptor stands for. The recipes are data
 * (capture/src/recipes.rs), so a new call needs no new program.
 */
#ifndef PEREGRINE_CALL_H
#define PEREGRINE_CALL_H

#define LIMIT_DATA 80 /* bytes of what is sent or received that rules see */

static __always_inline struct call_record *call_record_of(struct scratch *scratch)
{
	return (void *)scratch->bytes;
}

static __always_inline void call_section(struct call_record *record, enum section_kind kind,
					 __u32 argument, __u32 flags, __u32 length)
{
	__u32 index = record->n_sections;

	if (index >= CALL_SECTIONS)
		return;
	record->sections[index].kind = kind;
	record->sections[index].argument = argument;
	record->sections[index].flags = flags;
	record->sections[index].length = length;
	record->n_sections = index + 1;
}

static __always_inline __u64 call_argument(const struct call_record *record, __u32 argument)
{
	return argument < SECTION_RESULT ? record->arguments[argument] : (__u64)record->result;
}

static __always_inline void call_text(struct call_record *record, struct scratch *scratch,
				      __u32 argument, bool is_certain)
{
	__u32 flags = 0, start = scratch->position & (SCRATCH_HALF - 1);
	__u32 length = append_user_text(scratch, (void *)call_argument(record, argument),
					LIMIT_PATH, &flags);

	if (is_certain || length)
		record->header.flags |= flags;
	if (is_certain)
		name_check(scratch, record, start, length);
	if (length)
		call_section(record, SECTION_TEXT, argument, 0, length);
}

/* What the name of `length` bytes at `start` is relative to. */
static __always_inline void call_base(struct call_record *record, struct scratch *scratch,
				      struct task_struct *task, __u32 start, __u32 length,
				      __u32 argument, __s32 dirfd)
{
	__u32 flags = 0;
	__u32 base_length = append_base(scratch, start, length, dirfd, task, &flags);

	if (flags)
		call_section(record, SECTION_BASE, argument, flags, base_length);
}

static __always_inline void call_path(struct call_record *record, struct scratch *scratch,
				      struct task_struct *task, const struct step *step)
{
	__u32 start = scratch->position & (SCRATCH_HALF - 1);
	__s32 dirfd = AT_FDCWD;
	__u32 length;

	call_text(record, scratch, step->argument, true);
	length = scratch->position - start;
	if (!length)
		return;
	if (step->other != OTHER_CWD)
		dirfd = call_argument(record, step->other);
	call_base(record, scratch, task, start, length, step->argument, dirfd);
}

/* Reserves the bytes of a struct and gives their place. */
static __always_inline void *call_struct(struct scratch *scratch, __u32 size)
{
	void *place = scratch_end(scratch);

	scratch->position += size;
	return place;
}

static __always_inline void call_socket(struct call_record *record, struct scratch *scratch,
					const struct file *file, const struct sock *sock,
					__u16 type, __u32 argument)
{
	struct socket_facts *facts = call_struct(scratch, sizeof(*facts));
	__u32 length;

	__builtin_memset(facts, 0, sizeof(*facts));
	socket_fill(facts, file, sock, type);
	call_section(record, SECTION_SOCKET, argument, 0, sizeof(*facts));
	if (facts->family != AF_UNIX)
		return;
	length = append_unix_name(scratch, (const void *)facts->peer);
	if (!length)
		length = append_unix_name(scratch, sock);
	if (length)
		call_section(record, SECTION_SOCKET_PATH, argument, 0, length);
}

static __always_inline void call_file(struct call_record *record, struct scratch *scratch,
				      struct task_struct *task, const struct file *file,
				      __u32 argument)
{
	struct file_facts *facts = call_struct(scratch, sizeof(*facts));
	const struct inode *inode = BPF_CORE_READ(file, f_inode);
	__u32 length, flags = 0;

	facts->inode = BPF_CORE_READ(inode, i_ino);
	facts->device = BPF_CORE_READ(inode, i_sb, s_dev);
	facts->mode = BPF_CORE_READ(inode, i_mode);
	facts->file_flags = layer_of(inode);
	facts->open_flags = BPF_CORE_READ(file, f_flags);
	call_section(record, SECTION_FILE, argument, 0, sizeof(*facts));
	length = append_path(scratch, &file->f_path, task, &flags);
	if (length)
		call_section(record, SECTION_FILE_PATH, argument, flags, length);
}

static __always_inline void call_descriptor(struct call_record *record, struct scratch *scratch,
					    struct task_struct *task, __u32 argument)
{
	__s32 fd = call_argument(record, argument);
	const struct file *file;
	const struct sock *sock;
	__u16 type = 0;

	if (fd < 0)
		return;
	file = file_of(task, fd);
	if (!file) {
		/* Another thread has closed it, or it never was one; a failed call tells which. */
		if (record->result >= 0)
			record->header.flags |= RECORD_FROM_CALLER;
		return;
	}
	sock = sock_of(file, &type);
	if (sock)
		call_socket(record, scratch, file, sock, type, argument);
	else
		call_file(record, scratch, task, file, argument);
}

static __always_inline void call_bytes(struct call_record *record, struct scratch *scratch,
				       __u64 start, __s64 wanted, enum section_kind kind,
				       __u32 argument, __u32 limit)
{
	__u32 length;

	if (!start || wanted <= 0)
		return;
	if (wanted > limit) {
		wanted = limit;
		if (kind == SECTION_ADDRESS)
			record->header.flags |= RECORD_TRUNCATED;
	}
	length = wanted;
	/* Keeps the compiler from leaving out the mask that the verifier asks for. */
	barrier_var(length);
	length &= 2 * LIMIT_ADDRESS - 1;
	if (bpf_probe_read_user(scratch_end(scratch), length, (void *)start)) {
		record->header.flags |= RECORD_UNREADABLE;
		return;
	}
	scratch->position += length;
	call_section(record, kind, argument, 0, length);
}

/* struct user_msghdr (include/linux/socket.h) and its 32-bit form: address, first vector. */
struct message {
	__u64 name;
	__u64 name_length;
	__u64 vector;
	__u64 n_vectors;
};

struct vector {
	__u64 base;
	__u64 length;
};

static __always_inline bool read_words(__u64 *words, __u32 count, __u64 from, bool is_compat)
{
	__u32 narrow[4] = {};

	if (!is_compat)
		return !bpf_probe_read_user(words, count * sizeof(__u64), (void *)from);
	if (bpf_probe_read_user(narrow, count * sizeof(__u32), (void *)from))
		return false;
	words[0] = narrow[0];
	words[1] = narrow[1];
	if (count == 4) {
		words[2] = narrow[2];
		words[3] = narrow[3];
	}
	return true;
}

static __always_inline void call_message(struct call_record *record, struct scratch *scratch,
					 __u32 argument)
{
	bool is_compat = record->is_compat;
	struct message message = {};
	struct vector vector = {};

	if (!read_words((__u64 *)&message, 4, call_argument(record, argument), is_compat)) {
		record->header.flags |= RECORD_UNREADABLE;
		return;
	}
	call_bytes(record, scratch, message.name, (__s32)message.name_length, SECTION_ADDRESS,
		   argument, LIMIT_ADDRESS);
	if (!message.n_vectors || record->result <= 0 ||
	    !read_words((__u64 *)&vector, 2, message.vector, is_compat))
		return;
	if (vector.length > record->result)
		vector.length = record->result;
	call_bytes(record, scratch, vector.base, vector.length, SECTION_BYTES, argument,
		   LIMIT_DATA);
}

static __always_inline void call_address_out(struct call_record *record, struct scratch *scratch,
					     const struct step *step)
{
	__u64 from = call_argument(record, step->other);
	__s32 length = 0;

	if (!from || record->result < 0)
		return;
	bpf_probe_read_user(&length, sizeof(length), (void *)from);
	call_bytes(record, scratch, call_argument(record, step->argument), length, SECTION_ADDRESS,
		   step->argument, LIMIT_ADDRESS);
}

static __always_inline void call_cwd(struct call_record *record, struct scratch *scratch,
				     struct task_struct *task)
{
	const struct fs_struct *fs = BPF_CORE_READ(task, fs);
	__u32 flags = 0, length;

	if (record->result < 0)
		return;
	length = append_path(scratch, &fs->pwd, task, &flags);
	call_section(record, SECTION_CWD, 0, flags, length);
}

/* One step of the recipe. A global function, so that the verifier looks at it once. */
__noinline int call_step(__u32 index)
{
	struct scratch *scratch = scratch_get();
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_record *record;
	struct recipe *recipe;
	struct step *step;
	__u32 key;

	if (!scratch || index >= N_STEPS)
		return 1;
	record = call_record_of(scratch);
	key = record->number + (record->is_compat ? N_SYSCALLS : 0);
	recipe = bpf_map_lookup_elem(&recipes, &key);
	if (!recipe)
		return 1;
	step = &recipe->steps[index];
	switch (step->kind) {
	case STEP_TEXT:
		call_text(record, scratch, step->argument, true);
		return 0;
	case STEP_MAYBE_TEXT:
		call_text(record, scratch, step->argument, false);
		return 0;
	case STEP_PATH:
		call_path(record, scratch, task, step);
		return 0;
	case STEP_DESCRIPTOR:
		call_descriptor(record, scratch, task, step->argument);
		return 0;
	case STEP_ADDRESS:
		call_bytes(record, scratch, call_argument(record, step->argument),
			   (__s32)call_argument(record, step->other), SECTION_ADDRESS,
			   step->argument, LIMIT_ADDRESS);
		return 0;
	case STEP_ADDRESS_OUT:
		call_address_out(record, scratch, step);
		return 0;
	case STEP_BYTES:
		call_bytes(record, scratch, call_argument(record, step->argument), step->other,
			   SECTION_BYTES, step->argument, LIMIT_ADDRESS);
		return 0;
	case STEP_DATA:
		call_bytes(record, scratch, call_argument(record, step->argument),
			   call_argument(record, step->other), SECTION_BYTES, step->argument,
			   LIMIT_DATA);
		return 0;
	case STEP_MESSAGE:
		call_message(record, scratch, step->argument);
		return 0;
	case STEP_CWD:
		call_cwd(record, scratch, task);
		return 0;
	}
	return 1;
}

static __always_inline void call_begin(struct call_record *record, struct task_struct *task,
				       __u32 number, bool is_compat, enum call_via via,
				       __s64 result)
{
	header_fill(&record->header, task, RECORD_CALL);
	record->result = result;
	record->number = number;
	record->is_compat = is_compat;
	record->via = via;
	record->n_sections = 0;
	record->n_names = 0;
	__builtin_memset(record->sections, 0, sizeof(record->sections));
}

static __always_inline void call_exit(struct task_struct *task, const struct system_call *call,
				      __u32 number, bool is_compat, __s64 result)
{
	struct scratch *scratch = scratch_get();
	struct call_record *record;

	if (!scratch || (__u32)(bpf_get_current_pid_tgid() >> 32) == config.own_pid)
		return;
	record = scratch_begin(scratch, sizeof(*record));
	call_begin(record, task, number, is_compat, VIA_SYSCALL, result);
	for (__u32 i = 0; i < 6; i++)
		record->arguments[i] = call->arguments[i];
	for (__u32 i = 0; i < N_STEPS; i++)
		if (call_step(i))
			break;
	if (record->n_names) {
		__u64 thread = bpf_get_current_pid_tgid();

		bpf_map_delete_elem(&names_at_entry, &thread);
	}
	emit(&lane_busy, LANE_BUSY, scratch);
}

#endif
