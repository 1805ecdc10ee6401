// SPDX-License-Identifier: Apache-2.0
// marks PROGRAM FOLDER COUNT PAUSE_US [CGROUP]: COUNT times a run of PROGRAM with an argument that
// begins with `mark-`, and an open of a file below FOLDER that is not there; from within CGROUP.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void enter(const char *cgroup)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	int procs = open(path, O_WRONLY);

	if (procs < 0 || write(procs, "0", 1) != 1) {
		perror(path);
		exit(3);
	}
	close(procs);
}

int main(int argc, char **argv)
{
	char name[4096];

	if (argc < 5)
		return 2;
	if (argc > 5)
		enter(argv[5]);
	for (long n = 0; n < atol(argv[3]); n++) {
		usleep(atol(argv[4]));
		snprintf(name, sizeof(name), "mark-%ld", n);
		pid_t child = vfork();

		if (child == 0) {
			execl(argv[1], argv[1], name, NULL);
			_exit(1);
		}
		waitpid(child, NULL, 0);
		snprintf(name, sizeof(name), "%s/%ld", argv[2], n);
		open(name, O_RDONLY);
	}
	return 0;
}
