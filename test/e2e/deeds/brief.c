// SPDX-License-Identifier: Apache-2.0
// brief FOLDER COUNT PROGRAM: COUNT children that open FOLDER/NUMBER and end at once, then COUNT
// children that run PROGRAM with FOLDER as its argument.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char path[4096];

	if (argc != 4)
		return 2;
	for (int number = 0; number < atoi(argv[2]); number++) {
		snprintf(path, sizeof(path), "%s/%d", argv[1], number);
		if (fork() == 0) {
			open(path, O_RDONLY);
			_exit(0);
		}
		wait(NULL);
	}
	for (int number = 0; number < atoi(argv[2]); number++) {
		pid_t child = vfork();
		if (child == 0) {
			execl(argv[3], argv[3], argv[1], NULL);
			_exit(1);
		}
		waitpid(child, NULL, 0);
	}
	return 0;
}
