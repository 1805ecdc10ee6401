// SPDX-License-Identifier: Apache-2.0
// unlinked memfd|FILE PROGRAM [ARGUMENT...]: runs a copy of PROGRAM that has no name: in a memfd,
// or made at FILE and removed before it runs.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv, char **environment)
{
	struct stat status;

	if (argc < 3)
		return 2;
	int is_memfd = !strcmp(argv[1], "memfd");
	int from = open(argv[2], O_RDONLY | O_CLOEXEC);
	int to = is_memfd ? memfd_create("hidden", MFD_CLOEXEC)
			  : open(argv[1], O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	if (from < 0 || to < 0 || fstat(from, &status) < 0)
		return 3;
	if (sendfile(to, from, NULL, status.st_size) != status.st_size)
		return 4;
	int run = to;
	if (!is_memfd) {
		// A file that is open for writing cannot be run.
		run = open(argv[1], O_RDONLY | O_CLOEXEC);
		close(to);
		unlink(argv[1]);
	}
	fexecve(run, argv + 2, environment);
	perror("fexecve");
	return 5;
}
