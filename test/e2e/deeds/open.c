// SPDX-License-Identifier: Apache-2.0
// open CALL PATH r|w|c: one open by the named call, without libc's choice of another; says the
// result as the kernel returned it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	const char *call = argv[1], *path = argv[2];
	int flags = *argv[3] == 'r' ? O_RDONLY : *argv[3] == 'w' ? O_WRONLY : O_RDWR | O_CREAT;
	struct open_how how = {.flags = flags, .mode = flags & O_CREAT ? 0600 : 0};
	long result = -1;

	if (!strcmp(call, "openat"))
		result = syscall(SYS_openat, AT_FDCWD, path, flags, 0600);
	else if (!strcmp(call, "openat2"))
		result = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
#ifdef SYS_open /* arm64 has neither. */
	else if (!strcmp(call, "open"))
		result = syscall(SYS_open, path, flags, 0600);
	else if (!strcmp(call, "creat"))
		result = syscall(SYS_creat, path, 0600);
#endif
	else
		return 2;
	printf("%ld\n", result < 0 ? (long)-errno : result);
	return 0;
}
