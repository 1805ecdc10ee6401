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
	__u64 text = call_argument(record, argument);
	__u32 length;

	/* No name at all is not one that cannot be read; it keeps its place among the checked. */
	if (!text) {
		record->n_names += is_certain;
		return;
	}
	length = append_user_text(scratch, (void *)text, LIMIT_PATH, &flags);

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
	facts->magic = BPF_CORE_READ(inode, i_sb, s_magic);
	facts->_pad = 0;
	call_section(record, SECTION_FILE, argument, 0, sizeof(*facts));
	length = append_path(scratch, &file->f_path, task, &flags);
	if (length)
		call_section(record, SECTION_FILE_PATH, argument, flags, length);
}

/* What a descriptor stands for. A global function, so that the verifier looks at it once. */
__noinline int call_descriptor(__u32 argument, __s32 fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *scratch = scratch_get();
	struct call_record *record;
	const struct file *file;
	const struct sock *sock;
	__u16 type = 0;

	if (!scratch || fd < 0)
		return 0;
	record = call_record_of(scratch);
	file = file_of(task, fd);
	if (!file) {
		/* Another thread has closed it, or it never was one; a failed call tells which. */
		if (record->result >= 0)
			record->header.flags |= RECORD_FROM_CALLER;
		return 0;
	}
	sock = sock_of(file, &type);
	if (sock)
		call_socket(record, scratch, file, sock, type, argument);
	else
		call_file(record, scratch, task, file, argument);
	return 0;
}

/* A new pair of descriptors. */
static __always_inline void call_pair(struct call_record *record, struct scratch *scratch,
				      __u32 argument)
{
	__s32 numbers[2] = {}, *pair;

	if (record->result < 0)
		return;
	if (bpf_probe_read_user(numbers, sizeof(numbers),
				(void *)call_argument(record, argument))) {
		record->header.flags |= RECORD_UNREADABLE;
		return;
	}
	pair = call_struct(scratch, sizeof(numbers));
	pair[0] = numbers[0];
	pair[1] = numbers[1];
	call_section(record, SECTION_PAIR, argument, 0, sizeof(numbers));
	call_descriptor(SECTION_FIRST, numbers[0]);
	call_descriptor(SECTION_SECOND, numbers[1]);
}

static __always_inline void call_memory(struct call_record *record, struct scratch *scratch,
					struct task_struct *task)
{
	struct memory_facts *facts = call_struct(scratch, sizeof(*facts));

	memory_fill(facts, BPF_CORE_READ(task, mm));
	call_section(record, SECTION_MEMORY, 0, 0, sizeof(*facts));
}

static __always_inline void call_identity(struct call_record *record, struct scratch *scratch,
					  struct task_struct *task)
{
	struct identity_facts *facts;

	if (record->result < 0)
		return;
	facts = call_struct(scratch, sizeof(*facts));
	identity_fill(facts, task);
	call_section(record, SECTION_IDENTITY, 0, 0, sizeof(*facts));
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
		if (limit != LIMIT_DATA)
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

/* struct user_msghdr (include/linux/socket.h) and its 32-bit form, without its flags. */
struct message {
	__u64 name;
	__u64 name_length;
	__u64 vector;
	__u64 n_vectors;
	__u64 control;
	__u64 control_length;
};

#define MESSAGE_WORDS 6

struct vector {
	__u64 base;
	__u64 length;
};

static __always_inline bool read_words(__u64 *words, __u32 count, __u64 from, bool is_compat)
{
	__u32 narrow[MESSAGE_WORDS] = {};

	if (!is_compat)
		return !bpf_probe_read_user(words, count * sizeof(__u64), (void *)from);
	if (bpf_probe_read_user(narrow, count * sizeof(__u32), (void *)from))
		return false;
	words[0] = narrow[0];
	words[1] = narrow[1];
	if (count == MESSAGE_WORDS) {
		words[2] = narrow[2];
		words[3] = narrow[3];
		words[4] = narrow[4];
		words[5] = narrow[5];
	}
	return true;
}

#define SUMMED_VECTORS 8 /* of more the sum is not told */

/*
 * The first bytes that an array of `count` vectors at `from` stands for, `available` at most, and
 * how many those of all are. A global function, so that the verifier looks at it once.
 */
__noinline int call_vectors(__u64 from, __u64 count, __u32 argument, __s64 available)
{
	struct scratch *scratch = scratch_get();
	struct call_record *record;
	__u32 start, left, step;
	__u64 total = 0, *place;
	bool is_compat;

	if (!scratch)
		return 0;
	record = call_record_of(scratch);
	is_compat = record->is_compat;
	step = is_compat ? 8 : sizeof(struct vector);
	start = scratch->position;
	left = available <= 0 ? 0 : available > LIMIT_DATA ? LIMIT_DATA : available;
	for (__u32 i = 0; i < SUMMED_VECTORS; i++) {
		struct vector vector = {};
		__u32 length;

		if (i >= count)
			break;
		if (!read_words((__u64 *)&vector, 2, from + i * step, is_compat)) {
			record->header.flags |= RECORD_UNREADABLE;
			return 0;
		}
		total += vector.length;
		length = vector.length > left ? left : vector.length;
		barrier_var(length);
		length &= 127;
		if (!length)
			continue;
		if (bpf_probe_read_user(scratch_end(scratch), length, (void *)vector.base)) {
			record->header.flags |= RECORD_UNREADABLE;
			left = 0;
			continue;
		}
		scratch->position += length;
		left -= length;
	}
	call_section(record, SECTION_BYTES, argument, 0, scratch->position - start);
	if (count > SUMMED_VECTORS)
		return 0;
	place = call_struct(scratch, sizeof(total));
	*place = total;
	call_section(record, SECTION_TOTAL, argument, 0, sizeof(total));
	return 0;
}

/* Of several (struct mmsghdr) the first, behind whose header stands how long it was. */
static __always_inline void call_message(struct call_record *record, struct scratch *scratch,
					 __u32 argument, __u32 how)
{
	bool is_compat = record->is_compat;
	struct message message = {};
	__s64 available = record->result;

	if (!read_words((__u64 *)&message, MESSAGE_WORDS, call_argument(record, argument),
			is_compat)) {
		record->header.flags |= RECORD_UNREADABLE;
		return;
	}
	call_bytes(record, scratch, message.name, (__s32)message.name_length, SECTION_ADDRESS,
		   argument, LIMIT_ADDRESS);
	/* The kernel has put the length of what came in the place of the room that there was. */
	if ((how & MESSAGE_RECEIVED) && available >= 0)
		call_bytes(record, scratch, message.control, (__s64)message.control_length,
			   SECTION_CONTROL, argument, LIMIT_ADDRESS);
	if ((how & MESSAGE_OF_SEVERAL) && available > 0) {
		__u32 length = 0;

		bpf_probe_read_user(
			&length, sizeof(length),
			(void *)(call_argument(record, argument) + (is_compat ? 28 : 56)));
		available = length;
	}
	call_vectors(message.vector, message.n_vectors, argument, available);
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

static __always_inline void call_data_out(struct call_record *record, struct scratch *scratch,
					  const struct step *step)
{
	__u64 from = call_argument(record, step->other);
	__u32 length = 0;

	if (!from || record->result < 0)
		return;
	bpf_probe_read_user(&length, sizeof(length), (void *)from);
	call_bytes(record, scratch, call_argument(record, step->argument), length, SECTION_BYTES,
		   step->argument, LIMIT_DATA);
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

/* Appends what was read at the call's entry. */
static __always_inline void call_from_entry(struct call_record *record, struct scratch *scratch)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct read_at_entry *read = bpf_map_lookup_elem(&read_at_entry, &thread);
	__u32 length;

	/* It began before the hook was there, or it is a 32-bit call, whose entry is not hooked. */
	if (!read || read->record.number != record->number) {
		record->header.flags |= RECORD_FROM_CALLER;
		return;
	}
	length = read->record.header.length & (ENTRY_BYTES - 1);
	__builtin_memcpy(record->sections, read->record.sections, sizeof(record->sections));
	record->n_sections = read->record.n_sections;
	record->header.flags |= read->record.header.flags;
	bpf_probe_read_kernel(scratch_end(scratch), length, read->bytes);
	scratch->position += length;
	bpf_map_delete_elem(&read_at_entry, &thread);
}

#define POLLED_LIMIT 16 /* struct pollfd that LIMIT_ADDRESS holds */

/*
 * What the descriptors stand for whose `count` struct pollfd are at `from`: the first section of a
 * record, since each is told in the room of the first two and then takes them along. A global
 * function, so that the verifier looks at it once.
 */
__noinline int call_polled(__u64 from, __u32 count, __u32 argument)
{
	struct scratch *scratch = scratch_get();
	struct call_record *record;
	__u32 start, flags;

	if (!scratch)
		return 0;
	record = call_record_of(scratch);
	if (record->n_sections)
		return 0;
	flags = record->header.flags;
	start = scratch->position;
	for (__u32 i = 0; i < POLLED_LIMIT; i++) {
		struct polled_descriptor *place;
		__s32 fd = -1;

		if (i >= count)
			break;
		if (scratch->position > SCRATCH_HALF - 2 * LIMIT_PATH) {
			flags |= RECORD_TRUNCATED;
			break;
		}
		if (bpf_probe_read_user(&fd, sizeof(fd), (void *)(from + i * 8)))
			break;
		place = call_struct(scratch, sizeof(*place));
		call_descriptor(argument, fd);
		__builtin_memcpy(place->sections, record->sections, sizeof(*place));
		__builtin_memset(record->sections, 0, sizeof(*place));
		record->n_sections = 0;
	}
	/* One that is not open is no loss: the call says so. */
	record->header.flags = flags | (record->header.flags & ~RECORD_FROM_CALLER);
	call_section(record, SECTION_POLLED, argument, 0, scratch->position - start);
	return 0;
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
		call_descriptor(step->argument, call_argument(record, step->argument));
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
		call_message(record, scratch, step->argument, step->other);
		return 0;
	case STEP_CWD:
		call_cwd(record, scratch, task);
		return 0;
	case STEP_AT_ENTRY:
		call_from_entry(record, scratch);
		return 1;
	case STEP_IDENTITY:
		call_identity(record, scratch, task);
		return 0;
	case STEP_PAIR:
		call_pair(record, scratch, step->argument);
		return 0;
	case STEP_MEMORY:
		call_memory(record, scratch, task);
		return 0;
	case STEP_VECTORS:
		call_vectors(call_argument(record, step->argument),
			     call_argument(record, step->other), step->argument, record->result);
		return 0;
	case STEP_DATA_OUT:
		call_data_out(record, scratch, step);
		return 0;
	case STEP_ARRAY:
		call_bytes(record, scratch, call_argument(record, step->argument),
			   (__u32)call_argument(record, step->other) * (__u64)step->size,
			   SECTION_BYTES, step->argument, LIMIT_ADDRESS);
		return 0;
	case STEP_POLLED:
		call_polled(call_argument(record, step->argument),
			    call_argument(record, step->other), step->argument);
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

/* Reads at the entry what will be gone at the exit. */
static __always_inline void call_enter(struct task_struct *task, const struct system_call *call,
				       __u32 number)
{
	struct scratch *scratch = scratch_get();
	__u64 thread = bpf_get_current_pid_tgid();
	struct call_record *record;
	__u32 length, last;

	if (!scratch || (__u32)(thread >> 32) == config.own_pid)
		return;
	record = scratch_begin(scratch, sizeof(*record));
	call_begin(record, task, number, false, VIA_SYSCALL, 0);
	for (__u32 i = 0; i < 6; i++)
		record->arguments[i] = call->arguments[i];
	for (__u32 i = 1; i < N_STEPS; i++)
		if (call_step(i))
			break;
	/* No file there: the call will fail, and that is no loss of an object. */
	record->header.flags &= ~RECORD_FROM_CALLER;
	length = scratch->position - sizeof(*record);
	last = record->n_sections - 1;
	if (length > ENTRY_BYTES - 1 && last < CALL_SECTIONS) {
		record->sections[last].length -= length - (ENTRY_BYTES - 1);
		record->sections[last].flags |= PATH_CUT;
		record->header.flags |= RECORD_TRUNCATED;
		length = ENTRY_BYTES - 1;
	}
	record->header.length = length;
	bpf_map_update_elem(&read_at_entry, &thread, scratch->bytes, 0);
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
