/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every setting of the programs: fixed at load (.rodata), or changed while running (.data). */
#ifndef PEREGRINE_CONFIG_H
#define PEREGRINE_CONFIG_H

#define N_RING_CALLS 64
#define N_SYSCALLS 1024 /* above the highest number of any table, x32's included */

/* What a system call's exit is handed to; 0 is nothing. */
enum handler {
	HANDLER_NONE,
	HANDLER_OPEN,
	HANDLER_CREAT,
	HANDLER_OPENAT,
	HANDLER_OPENAT2,
	HANDLER_CONNECT,
	HANDLER_EXECVE,
	HANDLER_EXECVEAT,
	HANDLER_SOCKETCALL,
	HANDLER_CALL, /* by its recipe */
};

/* Fixed at load. In a section of its own, so that the daemon finds it by the section's name. */
struct config {
	__u32 own_pid; /* what the daemon does itself is no event; 0: none is left out */
	/* Kind of an io_uring request to the native call that it stands for; 0: of no interest. */
	__u16 ring_calls[N_RING_CALLS];
	__u32 busy_pressed; /* bytes waiting in the busy lane from which on floods are held back */
	__u32 flood_window; /* a stretch lasts while the reader takes out so many bytes */
	__u32 flood_budget; /* bytes that a cgroup may send then in each stretch */
	__u32 page_kib; /* KiB of a page */
};

const volatile struct config config SEC(".rodata.config");

/* Changes while running; the daemon maps it into its memory. */
struct control {
	__u32 reader_asleep; /* 1 while the reader sleeps until it is woken, see emit.h */
	/* System call number to enum handler, for native and for 32-bit calls: what is of interest.
	 * The calls of socketcall(2) stand at SOCKETCALL_BASE and their own number. */
	__u8 handlers[N_SYSCALLS];
	__u8 compat_handlers[N_SYSCALLS];
	__u32 audit_every; /* of the opens that are left out, send one in so many; 0: none */
	/* What opens are of interest, a bit per enum open_call and class of open (filter.h). */
	__u64 opens_always; /* whatever the name */
	__u64 opens_named; /* if the name begins with a prefix in open_prefixes that has the bit */
	__u64 opens_last_named; /* if its last name is in open_last_names and has the bit */
	__u64 opens_last_lengths; /* bit n: some name in open_last_names has n bytes */
	__u32 reads_streams; /* 1: what descriptors 0 to 2 stand for is told before each exec */
	__u32 _pad;
};

volatile struct control control SEC(".data.control");

#define SOCKETCALL_BASE 1000

/* How the exit of a call is read: steps, each of which appends sections. */
enum step_kind {
	STEP_END = 0,
	STEP_TEXT = 1, /* text at `argument` */
	STEP_PATH = 2, /* the same, and what it is relative to: descriptor at `other`, or the cwd */
	STEP_DESCRIPTOR = 3, /* file or socket behind the descriptor at `argument` */
	STEP_ADDRESS = 4, /* struct sockaddr at `argument`, as long as `other` says */
	STEP_ADDRESS_OUT = 5, /* the same, but `other` points to the length */
	STEP_BYTES = 6, /* `other` bytes at `argument` */
	STEP_DATA = 7, /* the first bytes at `argument`, as many as `other` says */
	STEP_MESSAGE = 8, /* struct msghdr at `argument`; `other`: enum message_flag */
	STEP_MAYBE_TEXT = 9, /* text at `argument`, if it is one */
	STEP_CWD = 10, /* working directory, if the call succeeded */
	STEP_AT_ENTRY = 11, /* the steps behind it are read at the call's entry */
	STEP_PAIR = 12, /* two descriptors at `argument`, if the call succeeded */
	STEP_MEMORY = 13, /* how much memory the process has */
	STEP_VECTORS = 14, /* struct iovec at `argument`, as many as `other` says: bytes, sum */
	STEP_DATA_OUT = 15, /* as STEP_DATA, but `other` points to the length, a __u32 */
	STEP_ARRAY = 16, /* `size` bytes at `argument` times what `other` says */
	STEP_IDENTITY = 17, /* who the process is and what it may, if the call succeeded */
	STEP_POLLED = 18, /* what those of the struct pollfd at `argument` are, `other` many */
};

enum message_flag {
	MESSAGE_OF_SEVERAL = 1, /* the first of several struct mmsghdr */
	MESSAGE_RECEIVED = 2, /* its control messages are of interest */
};

#define OTHER_CWD 255 /* as `other` of STEP_PATH: relative to the working directory */
#define N_STEPS 6

struct step {
	__u8 kind; /* enum step_kind */
	__u8 argument; /* 0 to 5, or SECTION_RESULT */
	__u8 other;
	__u8 size;
};

struct recipe {
	struct step steps[N_STEPS];
};

#endif
