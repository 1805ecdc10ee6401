// SPDX-License-Identifier: Apache-2.0
// Deeds of the matrix: real system calls, each with what is true of it, as the caller and the
// kernel's own /proc, fstat and getsockname say. See main.c.
#ifndef MATRIX_H
#define MATRIX_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

// Registers a deed: which event it makes, and how it comes about.
#define DEED(event, how)                                                                           \
	static void deed_##event##_##how(void);                                                    \
	__attribute__((constructor)) static void register_##event##_##how(void)                    \
	{                                                                                          \
		add_deed(#event, #how, deed_##event##_##how);                                      \
	}                                                                                          \
	static void deed_##event##_##how(void)

// Makes the call between two marks, tells its result, and gives it back. Only what stands between
// the marks is the deed's.
#define CALL(call)                                                                                 \
	({                                                                                         \
		mark();                                                                            \
		errno = 0;                                                                         \
		long result_ = (long)(call);                                                       \
		int error_ = errno;                                                                \
		mark();                                                                            \
		tell_result(result_, error_);                                                      \
		result_;                                                                           \
	})

// The same of a call that makes a child, which ends at once.
#define CALL_FORK(call)                                                                            \
	CALL(({                                                                                    \
		long child_ = (call);                                                              \
		if (!child_)                                                                       \
			_exit(0);                                                                  \
		child_;                                                                            \
	}))

void add_deed(const char *event, const char *how, void (*run)(void));
void mark(void);
// What a field must be, as an output prints it.
void truth(const char *field, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tell_result(long result, int error);
// The file behind a descriptor that is the event's own.
void tell_file(int fd);
// The same of a descriptor that is a parameter.
void tell_fd(const char *parameter, int fd);
// A socket, by what getsockname and getpeername say.
void tell_socket(int fd, int is_server);
// No descriptor came of it.
void tell_no_file(const char *typechar, const char *name);
// A name relative to the working directory, and one that is not: plain text and what it resolves
// to.
void tell_path(const char *parameter, const char *given);
// Ends the program if the condition does not hold: the deed itself is broken.
void need(int holds, const char *what);
// Makes a file and gives an absolute name of it.
const char *made_file(const char *name);
// When a process began, since the epoch in nanoseconds, to a tick of /proc.
long long start_of(int pid);
// The working directory, without a slash at its end.
const char *here(void);

#endif
