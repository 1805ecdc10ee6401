// SPDX-License-Identifier: Apache-2.0
// reuse FOLDER PROGRAM: a first child runs PROGRAM and ends; a second one gets the same pid, and
// opens FOLDER/second without running anything.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char path[4096];
	pid_t wanted;

	if (argc != 3)
		return 2;
	snprintf(path, sizeof(path), "%s/second", argv[1]);
	wanted = fork();
	if (wanted == 0) {
		execl(argv[2], argv[2], argv[1], NULL);
		_exit(1);
	}
	waitpid(wanted, NULL, 0);
	struct clone_args how = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&wanted,
		.set_tid_size = 1,
	};
	pid_t second = syscall(SYS_clone3, &how, sizeof(how));
	if (second == 0) {
		open(path, O_RDONLY);
		_exit(0);
	}
	if (second != wanted) {
		perror("clone3 with the pid of a process that ended");
		return 3;
	}
	waitpid(second, NULL, 0);
	printf("%d\n", wanted);
	return 0;
}
