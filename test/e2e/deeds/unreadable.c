// SPDX-License-Identifier: Apache-2.0
// unreadable: an open and an exec whose names lie where no memory is.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOWHERE 8L

int main(void)
{
	if (syscall(SYS_openat, AT_FDCWD, NOWHERE, O_RDONLY) != -1 || errno != EFAULT)
		return 2;
	if (syscall(SYS_execve, NOWHERE, NULL, NULL) != -1 || errno != EFAULT)
		return 3;
	return 0;
}
