/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Requests in an io_uring, which no system call tells of. At submission the kernel has its own copy
 * of names, which is noted; at completion the outcome is known, and the request is told as the call
 * that it stands for. Completion runs in a thread of the process, so its descriptors and its
 * working directory are at hand. A request that asked for no completion on success (CQE_SKIP) is
 * told when it is submitted, flagged, since nothing comes later.
 *
 * The tracepoint at submission has its present form since 6.3; older kernels are not watched here.
 */

/* include/uapi/linux/io_uring.h */
enum ring_opcode {
	RING_SENDMSG = 9,
	RING_RECVMSG = 10,
	RING_ACCEPT = 13,
	RING_CONNECT = 16,
	RING_OPENAT = 18,
	RING_SEND = 26,
	RING_RECV = 27,
	RING_OPENAT2 = 28,
	RING_SHUTDOWN = 34,
	RING_RENAMEAT = 35,
	RING_UNLINKAT = 36,
	RING_MKDIRAT = 37,
	RING_SYMLINKAT = 38,
	RING_LINKAT = 39,
	RING_SOCKET = 45,
	RING_BIND = 56,
	RING_LISTEN = 57,
};

#define REQUEST_SKIPS_COMPLETION (1U << 6) /* REQ_F_CQE_SKIP, as IOSQE_CQE_SKIP_SUCCESS_BIT */
#define COMPLETION_MORE 2 /* IORING_CQE_F_MORE: the request stays */

static __always_inline void ring_lost(void)
{
	__u32 lane = LANE_BUSY;
	struct lane_state *state = bpf_map_lookup_elem(&lane_states, &lane);

	if (state)
		state->ring_lost++;
}

static __always_inline struct ring_request *ring_request_of(struct scratch *scratch)
{
	/* Behind where a record is put together. */
	return (void *)(scratch->bytes + SCRATCH_HALF);
}

static __always_inline void ring_name(struct ring_request *request, __u32 index,
				      const struct filename *filename)
{
	long length = bpf_probe_read_kernel_str(request->names[index], RING_NAME,
						BPF_CORE_READ(filename, name));

	if (length == RING_NAME)
		request->flags |= RECORD_TRUNCATED;
	request->lengths[index] = length < 0 ? 0 : length;
}

static __always_inline void ring_open(struct ring_request *request, const struct io_open *open)
{
	request->arguments[0] = BPF_CORE_READ(open, dfd);
	request->arguments[2] = BPF_CORE_READ(open, how.flags);
	request->arguments[3] = BPF_CORE_READ(open, how.mode);
	request->resolve = BPF_CORE_READ(open, how.resolve);
	request->is_direct = BPF_CORE_READ(open, file_slot) != 0;
	ring_name(request, 0, BPF_CORE_READ(open, filename));
}

static __always_inline void ring_two_names(struct ring_request *request,
					   const struct io_rename *rename)
{
	request->arguments[0] = BPF_CORE_READ(rename, old_dfd);
	request->arguments[2] = BPF_CORE_READ(rename, new_dfd);
	request->arguments[4] = BPF_CORE_READ(rename, flags);
	ring_name(request, 0, BPF_CORE_READ(rename, oldpath));
	ring_name(request, 1, BPF_CORE_READ(rename, newpath));
}

static __always_inline void ring_link(struct ring_request *request, const struct io_link *link)
{
	request->arguments[0] = BPF_CORE_READ(link, old_dfd);
	request->arguments[2] = BPF_CORE_READ(link, new_dfd);
	request->arguments[4] = BPF_CORE_READ(link, flags);
	ring_name(request, 0, BPF_CORE_READ(link, oldpath));
	ring_name(request, 1, BPF_CORE_READ(link, newpath));
}

static __always_inline void ring_message(struct ring_request *request,
					 const struct io_sr_msg *message)
{
	request->arguments[1] = (__u64)BPF_CORE_READ(message, umsg);
	request->arguments[2] = BPF_CORE_READ(message, len);
	request->arguments[3] = BPF_CORE_READ(message, msg_flags);
}

/* What the kind of request says of itself, as the arguments of the call that it stands for. */
static __always_inline void ring_fill(struct ring_request *request, const struct io_kiocb *kernel)
{
	const void *command = (const void *)kernel + bpf_core_field_offset(struct io_kiocb, cmd);
	const struct io_unlink *unlink = command;
	const struct io_mkdir *mkdir = command;
	const struct io_connect *connect = command;
	const struct io_accept *accept = command;
	const struct io_socket *socket = command;

	switch (request->opcode) {
	case RING_OPENAT:
	case RING_OPENAT2:
		ring_open(request, command);
		return;
	case RING_UNLINKAT:
		request->arguments[0] = BPF_CORE_READ(unlink, dfd);
		request->arguments[2] = BPF_CORE_READ(unlink, flags);
		ring_name(request, 0, BPF_CORE_READ(unlink, filename));
		return;
	case RING_MKDIRAT:
		request->arguments[0] = BPF_CORE_READ(mkdir, dfd);
		request->arguments[2] = BPF_CORE_READ(mkdir, mode);
		ring_name(request, 0, BPF_CORE_READ(mkdir, filename));
		return;
	case RING_RENAMEAT:
		ring_two_names(request, command);
		return;
	case RING_LINKAT:
		ring_link(request, command);
		return;
	case RING_SYMLINKAT:
		ring_link(request, command);
		request->arguments[1] = request->arguments[2];
		return;
	case RING_CONNECT:
		request->arguments[0] = BPF_CORE_READ(kernel, cqe.fd);
		request->arguments[1] = (__u64)BPF_CORE_READ(connect, addr);
		request->arguments[2] = BPF_CORE_READ(connect, addr_len);
		return;
	case RING_ACCEPT:
		request->arguments[0] = BPF_CORE_READ(kernel, cqe.fd);
		request->arguments[3] = BPF_CORE_READ(accept, flags);
		request->is_direct = BPF_CORE_READ(accept, file_slot) != 0;
		return;
	case RING_SOCKET:
		request->arguments[0] = BPF_CORE_READ(socket, domain);
		request->arguments[1] = BPF_CORE_READ(socket, type);
		request->arguments[2] = BPF_CORE_READ(socket, protocol);
		request->is_direct = BPF_CORE_READ(socket, file_slot) != 0;
		return;
	case RING_SEND:
	case RING_RECV:
	case RING_SENDMSG:
	case RING_RECVMSG:
		request->arguments[0] = BPF_CORE_READ(kernel, cqe.fd);
		ring_message(request, command);
		return;
	default:
		request->arguments[0] = BPF_CORE_READ(kernel, cqe.fd);
	}
}

/* Appends a name that the kernel has copied; returns its length. */
static __always_inline __u32 ring_append_name(struct scratch *scratch,
					      const struct ring_request *request, __u32 index)
{
	if (!request->lengths[index])
		return 0;
	return append_kernel_text(scratch, request->names[index], RING_NAME);
}

static __always_inline void ring_emit_open(struct scratch *scratch, struct task_struct *task,
					   const struct ring_request *request, __s64 result)
{
	struct open_record *record = scratch_begin(scratch, sizeof(*record));
	struct file *file = NULL;

	__builtin_memset(record, 0, sizeof(*record));
	header_fill(&record->header, task, RECORD_OPEN);
	record->header.flags = request->flags;
	record->via = VIA_IO_URING;
	record->result = result;
	record->resolve = request->resolve;
	record->open_flags = request->arguments[2];
	record->mode = request->arguments[3];
	record->dirfd = request->arguments[0];
	record->call = request->opcode == RING_OPENAT ? OPEN_CALL_OPENAT : OPEN_CALL_OPENAT2;
	record->requested_length = ring_append_name(scratch, request, 0);
	if (result >= 0 && !request->is_direct)
		file = file_of(task, result);
	open_finish(record, scratch, task, file);
}

static __always_inline void ring_emit_connect(struct scratch *scratch, struct task_struct *task,
					      const struct ring_request *request,
					      const struct file *file, __s64 result)
{
	struct connect_record *record = scratch_begin(scratch, sizeof(*record));

	__builtin_memset(record, 0, sizeof(*record));
	header_fill(&record->header, task, RECORD_CONNECT);
	record->header.flags = request->flags;
	record->via = VIA_IO_URING;
	record->result = result;
	record->fd = request->arguments[0];
	record->address_length =
		append_user_bytes(scratch, request->arguments[1],
				  request->arguments[1] + (__u32)request->arguments[2],
				  LIMIT_ADDRESS, &record->header.flags);
	connect_finish(record, scratch, file);
}

/* A name as a section of its own, with what it is relative to. */
static __always_inline void ring_section(struct call_record *record, struct scratch *scratch,
					 struct task_struct *task,
					 const struct ring_request *request, __u32 index,
					 __u32 argument, __s32 dirfd)
{
	__u32 start = scratch->position & (SCRATCH_HALF - 1);
	__u32 length = ring_append_name(scratch, request, index);

	if (!length)
		return;
	call_section(record, SECTION_TEXT, argument, 0, length);
	call_base(record, scratch, task, start, length, argument, dirfd);
}

static __always_inline void ring_socket(struct call_record *record, struct scratch *scratch,
					const struct file *file, __u32 argument)
{
	__u16 type = 0;
	const struct sock *sock = file ? sock_of(file, &type) : NULL;

	if (sock)
		call_socket(record, scratch, file, sock, type, argument);
}

static __always_inline void ring_emit_call(struct scratch *scratch, struct task_struct *task,
					   const struct ring_request *request,
					   const struct file *file, __s64 result)
{
	struct call_record *record = scratch_begin(scratch, sizeof(*record));

	call_begin(record, task, request->number, false, VIA_IO_URING, result);
	record->header.flags = request->flags;
	for (__u32 i = 0; i < 6; i++)
		record->arguments[i] = request->arguments[i];
	switch (request->opcode) {
	case RING_UNLINKAT:
	case RING_MKDIRAT:
		ring_section(record, scratch, task, request, 0, 1, request->arguments[0]);
		break;
	case RING_RENAMEAT:
	case RING_LINKAT:
		ring_section(record, scratch, task, request, 0, 1, request->arguments[0]);
		ring_section(record, scratch, task, request, 1, 3, request->arguments[2]);
		break;
	case RING_SYMLINKAT:
		ring_section(record, scratch, task, request, 0, 0, AT_FDCWD);
		ring_section(record, scratch, task, request, 1, 2, request->arguments[1]);
		break;
	case RING_ACCEPT:
	case RING_SOCKET:
		if (result >= 0 && !request->is_direct)
			ring_socket(record, scratch, file_of(task, result), SECTION_RESULT);
		break;
	case RING_SENDMSG:
	case RING_RECVMSG:
		ring_socket(record, scratch, file, 0);
		call_message(record, scratch, 1, false);
		break;
	default:
		ring_socket(record, scratch, file, 0);
	}
	emit(&lane_busy, LANE_BUSY, scratch);
}

/* Global functions, so that the verifier looks at each once. */
__noinline int ring_tell_open(__u64 key, __s64 result)
{
	struct scratch *scratch = scratch_get();
	struct ring_request *request = bpf_map_lookup_elem(&ring_requests, &key);

	if (scratch && request)
		ring_emit_open(scratch, bpf_get_current_task_btf(), request, result);
	return 0;
}

__noinline int ring_tell_connect(__u64 key, __s64 result)
{
	struct scratch *scratch = scratch_get();
	struct ring_request *request = bpf_map_lookup_elem(&ring_requests, &key);
	const struct io_kiocb *kernel = (const void *)key;

	if (scratch && request)
		ring_emit_connect(scratch, bpf_get_current_task_btf(), request,
				  BPF_CORE_READ(kernel, cmd.file), result);
	return 0;
}

__noinline int ring_tell_call(__u64 key, __s64 result)
{
	struct scratch *scratch = scratch_get();
	struct ring_request *request = bpf_map_lookup_elem(&ring_requests, &key);
	const struct io_kiocb *kernel = (const void *)key;

	if (scratch && request)
		ring_emit_call(scratch, bpf_get_current_task_btf(), request,
			       BPF_CORE_READ(kernel, cmd.file), result);
	return 0;
}

/* A pointer argument of the tracepoint as a number, which the verifier lets through to a global
 * function and into a map. */
static __always_inline __u64 ring_key(const void *context, __u32 argument)
{
	__u64 key = 0;

	bpf_probe_read_kernel(&key, sizeof(key), (const __u64 *)context + argument);
	return key;
}

static __always_inline struct ring_tag ring_tag_of(const struct io_kiocb *kernel)
{
	struct ring_tag tag = {
		.ring = (__u64)BPF_CORE_READ(kernel, ctx),
		.user_data = BPF_CORE_READ(kernel, cqe.user_data),
	};

	return tag;
}

static __always_inline void ring_tell(__u64 key, __u8 opcode, __s64 result)
{
	if (opcode == RING_OPENAT || opcode == RING_OPENAT2)
		ring_tell_open(key, result);
	else if (opcode == RING_CONNECT)
		ring_tell_connect(key, result);
	else
		ring_tell_call(key, result);
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(ring_submit, struct io_kiocb *kernel)
{
	__u64 key = ring_key(ctx, 0);
	__u8 opcode = BPF_CORE_READ(kernel, opcode);
	__u32 number = config.ring_calls[opcode & (N_RING_CALLS - 1)];
	struct ring_request *request;
	struct scratch *scratch;
	struct ring_tag tag;

	if (opcode >= N_RING_CALLS || !number || !control.handlers[number & (N_SYSCALLS - 1)] ||
	    (__u32)(bpf_get_current_pid_tgid() >> 32) == config.own_pid)
		return 0;
	scratch = scratch_get();
	if (!scratch)
		return 0;
	request = ring_request_of(scratch);
	__builtin_memset(request, 0, __builtin_offsetof(struct ring_request, names));
	request->number = number;
	request->opcode = opcode;
	ring_fill(request, kernel);
	if (BPF_CORE_READ(kernel, flags) & REQUEST_SKIPS_COMPLETION)
		request->flags |= RECORD_FROM_CALLER;
	/* Another one with this tag is under way: a completion would not tell which of them it is
	 * of, if it found its queue full. */
	tag = ring_tag_of(kernel);
	if (!request->flags && bpf_map_update_elem(&ring_tags, &tag, &key, BPF_NOEXIST))
		request->flags |= RECORD_FROM_CALLER;
	/* Fails only when thousands are under way at once; then it is counted. */
	if (bpf_map_update_elem(&ring_requests, &key, request, 0)) {
		bpf_map_delete_elem(&ring_tags, &tag);
		ring_lost();
		return 0;
	}
	if (request->flags & RECORD_FROM_CALLER) {
		ring_tell(key, opcode, 0);
		bpf_map_delete_elem(&ring_requests, &key);
	}
	return 0;
}

/* A request has completed, and ends unless more completions of it follow. */
static __always_inline void ring_end(__u64 key, const struct ring_tag *tag, __s64 result,
				     __u32 completion_flags)
{
	struct ring_request *request = bpf_map_lookup_elem(&ring_requests, &key);

	if (!request)
		return;
	ring_tell(key, request->opcode, result);
	if (completion_flags & COMPLETION_MORE)
		return;
	bpf_map_delete_elem(&ring_requests, &key);
	bpf_map_delete_elem(&ring_tags, tag);
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(ring_complete, void *ring, struct io_kiocb *kernel)
{
	struct ring_tag tag = ring_tag_of(kernel);

	ring_end(ring_key(ctx, 1), &tag, BPF_CORE_READ(kernel, cqe.res),
		 BPF_CORE_READ(kernel, cqe.flags));
	return 0;
}

/* Instead of the above when the queue of completions is full. */
SEC("tp_btf/io_uring_cqe_overflow")
int BPF_PROG(ring_overflow, void *ring, __u64 user_data, __s32 result, __u32 completion_flags)
{
	struct ring_tag tag = {.ring = ring_key(ctx, 0), .user_data = user_data};
	__u64 *key = bpf_map_lookup_elem(&ring_tags, &tag);

	if (key)
		ring_end(*key, &tag, result, completion_flags);
	return 0;
}
