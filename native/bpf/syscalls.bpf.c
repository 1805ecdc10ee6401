/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Exits of system calls, by one of two ways that the daemon chooses at start:
 *
 * - a tracepoint per system call (syscalls:sys_exit_X): other calls cost 5 ns more. Calls of
 *   32-bit programs pass no such tracepoint, so only where the kernel has no 32-bit entry;
 * - raw sys_exit with a set of interesting numbers: other calls cost 19 ns more, every entry is
 * seen.
 *
 * Only the exit is hooked: by then the kernel holds the answer, and an enter hook doubles the cost.
 */

static __always_inline void open_exit_openat(struct task_struct *task,
					     const struct system_call *call, __s64 result)
{
	struct open_arguments arguments = {
		.call = OPEN_CALL_OPENAT,
		.dirfd = call->arguments[0],
		.path = (void *)call->arguments[1],
		.flags = call->arguments[2],
		.mode = call->arguments[3],
	};

	open_exit(task, &arguments, result);
}

static __always_inline void open_exit_open(struct task_struct *task, const struct system_call *call,
					   __s64 result)
{
	struct open_arguments arguments = {
		.call = OPEN_CALL_OPEN,
		.dirfd = AT_FDCWD,
		.path = (void *)call->arguments[0],
		.flags = call->arguments[1],
		.mode = call->arguments[2],
	};

	open_exit(task, &arguments, result);
}

#define O_CREAT_WRONLY_TRUNC 01101 /* what creat(2) stands for */

static __always_inline void open_exit_creat(struct task_struct *task,
					    const struct system_call *call, __s64 result)
{
	struct open_arguments arguments = {
		.call = OPEN_CALL_CREAT,
		.dirfd = AT_FDCWD,
		.path = (void *)call->arguments[0],
		.flags = O_CREAT_WRONLY_TRUNC,
		.mode = call->arguments[1],
	};

	open_exit(task, &arguments, result);
}

static __always_inline void open_exit_openat2(struct task_struct *task,
					      const struct system_call *call, __s64 result)
{
	__u64 how[3] = {}; /* struct open_how: flags, mode, resolve */
	struct open_arguments arguments = {
		.call = OPEN_CALL_OPENAT2,
		.dirfd = call->arguments[0],
		.path = (void *)call->arguments[1],
		.is_uncertain = true,
	};

	bpf_probe_read_user(how, sizeof(how), (void *)call->arguments[2]);
	arguments.flags = how[0];
	arguments.mode = how[1];
	arguments.resolve = how[2];
	open_exit(task, &arguments, result);
}

static __always_inline void connect_exit_connect(struct task_struct *task,
						 const struct system_call *call, __s64 result)
{
	connect_exit(task, call->arguments[0], (void *)call->arguments[1], call->arguments[2],
		     result);
}

static __always_inline void exec_failed_exit_execve(struct task_struct *task,
						    const struct system_call *call, __s64 result)
{
	exec_failed_exit(task, AT_FDCWD, (void *)call->arguments[0], (void *)call->arguments[1], 0,
			 result);
}

static __always_inline void exec_failed_exit_execveat(struct task_struct *task,
						      const struct system_call *call, __s64 result)
{
	exec_failed_exit(task, call->arguments[0], (void *)call->arguments[1],
			 (void *)call->arguments[2], 1, result);
}

/* A tracepoint per system call. */
#define SYSCALL_EXIT(name, handler)                                                                \
	SEC("tracepoint/syscalls/sys_exit_" #name)                                                 \
	int syscall_exit_##name(struct syscall_exit_arguments *context)                            \
	{                                                                                          \
		struct task_struct *task = bpf_get_current_task_btf();                             \
		struct system_call call;                                                           \
                                                                                                   \
		system_call_fill(&call, (struct pt_regs *)bpf_task_pt_regs(task));                 \
		handler(task, &call, context->result);                                             \
		return 0;                                                                          \
	}

SYSCALL_EXIT(open, open_exit_open)
SYSCALL_EXIT(creat, open_exit_creat)
SYSCALL_EXIT(openat, open_exit_openat)
SYSCALL_EXIT(openat2, open_exit_openat2)
SYSCALL_EXIT(connect, connect_exit_connect)
SYSCALL_EXIT(execve, exec_failed_exit_execve)
SYSCALL_EXIT(execveat, exec_failed_exit_execveat)

/* Attached to the exit of every other call that is of interest. */
SEC("tracepoint/syscalls")
int syscall_exit_by_recipe(struct syscall_exit_arguments *context)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 number = context->number;
	struct system_call call;

	if (number >= N_SYSCALLS)
		return 0;
	system_call_fill(&call, (struct pt_regs *)bpf_task_pt_regs(task));
	call_exit(task, &call, number, false, context->result);
	return 0;
}

/* Each handler once, as a subprogram, however many ways lead to it. */
#define SUBPROGRAM(handler)                                                                        \
	static __noinline int handler##_sub(struct task_struct *task, struct system_call *call,    \
					    __s64 result)                                          \
	{                                                                                          \
		handler(task, call, result);                                                       \
		return 0;                                                                          \
	}

SUBPROGRAM(open_exit_open)
SUBPROGRAM(open_exit_creat)
SUBPROGRAM(open_exit_openat)
SUBPROGRAM(open_exit_openat2)
SUBPROGRAM(connect_exit_connect)
SUBPROGRAM(exec_failed_exit_execve)
SUBPROGRAM(exec_failed_exit_execveat)

/* Attached to the entry of the calls that act on a name. */
SEC("tracepoint/syscalls")
int syscall_enter_names(struct syscall_exit_arguments *context)
{
	struct scratch *scratch = scratch_get();
	__u64 thread = bpf_get_current_pid_tgid();
	struct names_at_entry names = {.number = context->number};
	__u32 key = context->number, n = 0;
	struct recipe *recipe = bpf_map_lookup_elem(&recipes, &key);
	struct system_call call;

	if (!scratch || !recipe || key >= N_SYSCALLS)
		return 0;
	/* Not from the context, which ends behind the last argument that the call has. */
	system_call_fill(&call, (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf()));
	for (__u32 i = 0; i < 3; i++) {
		const struct step *step = &recipe->steps[i];
		__u32 argument = step->argument;

		if ((step->kind != STEP_TEXT && step->kind != STEP_PATH) || argument >= 4)
			continue;
		if (n >= CHECKED_NAMES)
			break;
		names.hashes[n++] = name_at_entry(scratch, (void *)call.arguments[argument & 3]);
	}
	bpf_map_update_elem(&names_at_entry, &thread, &names, 0);
	return 0;
}

/* Attached to the entry of the calls whose recipe begins with STEP_AT_ENTRY. */
SEC("tracepoint/syscalls")
int syscall_enter_by_recipe(struct syscall_exit_arguments *context)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 number = context->number;
	struct system_call call;

	if (number >= N_SYSCALLS)
		return 0;
	system_call_fill(&call, (struct pt_regs *)bpf_task_pt_regs(task));
	call_enter(task, &call, number);
	return 0;
}

static __noinline int call_exit_sub(struct task_struct *task, struct system_call *call,
				    __u32 number, bool is_compat, __s64 result)
{
	call_exit(task, call, number, is_compat, result);
	return 0;
}

/* Calls of 32-bit programs for all of sockets: the real call and its arguments. */
static __always_inline __u32 socketcall_unpack(struct system_call *call)
{
	__u32 number = call->arguments[0], arguments[6] = {};

	if (number >= N_SYSCALLS - SOCKETCALL_BASE)
		return N_SYSCALLS;
	/* Fewer where the call takes fewer: what stands behind may be the end of a page. */
	if (bpf_probe_read_user(arguments, sizeof(arguments), (void *)call->arguments[1]))
		bpf_probe_read_user(arguments, 3 * sizeof(__u32), (void *)call->arguments[1]);
	for (__u32 i = 0; i < 6; i++)
		call->arguments[i] = arguments[i];
	return SOCKETCALL_BASE + number;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(syscall_exit, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct system_call call;
	bool is_compat;
	__u32 number = system_call_number(task, regs, &is_compat);
	__u32 handler;

	if (number >= N_SYSCALLS)
		return 0;
	handler = is_compat ? control.compat_handlers[number & (N_SYSCALLS - 1)]
			    : control.handlers[number & (N_SYSCALLS - 1)];
	if (!handler)
		return 0;
	if (is_compat)
		system_call_fill_compat(&call, regs);
	else
		system_call_fill(&call, regs);
	if (handler == HANDLER_SOCKETCALL) {
		number = socketcall_unpack(&call);
		if (number >= N_SYSCALLS)
			return 0;
		handler = control.compat_handlers[number & (N_SYSCALLS - 1)];
	}
	switch (handler) {
	case HANDLER_OPEN:
		return open_exit_open_sub(task, &call, result);
	case HANDLER_CREAT:
		return open_exit_creat_sub(task, &call, result);
	case HANDLER_OPENAT:
		return open_exit_openat_sub(task, &call, result);
	case HANDLER_OPENAT2:
		return open_exit_openat2_sub(task, &call, result);
	case HANDLER_CONNECT:
		return connect_exit_connect_sub(task, &call, result);
	case HANDLER_EXECVE:
		return exec_failed_exit_execve_sub(task, &call, result);
	case HANDLER_EXECVEAT:
		return exec_failed_exit_execveat_sub(task, &call, result);
	case HANDLER_CALL:
		return call_exit_sub(task, &call, number, is_compat, result);
	}
	return 0;
}
