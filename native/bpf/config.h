/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every setting of the programs: fixed at load (.rodata), or changed while running (.bss). */
#ifndef PEREGRINE_CONFIG_H
#define PEREGRINE_CONFIG_H

#define N_SYSCALLS 1024 /* above the highest number of any table, x32's included */

/* What the dispatcher on raw sys_exit can do; 0 is nothing. */
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
};

/* Fixed at load. In a section of its own, so that the daemon finds it by the section's name. */
struct config {
	__u32 own_pid; /* what the daemon does itself is no event; 0: none is left out */
	/* System call number to handler, for native and for 32-bit calls. */
	__u8 handlers[N_SYSCALLS];
	__u8 compat_handlers[N_SYSCALLS];
};

const volatile struct config config SEC(".rodata.config");

/* Changes while running; the daemon maps it into its memory. */
struct control {
	__u32 reader_asleep; /* 1 while the reader sleeps until it is woken, see emit.h */
	__u32 handlers; /* handlers of interest, a bit each; HANDLER_NONE's is never set */
};

volatile struct control control SEC(".data.control");

#endif
