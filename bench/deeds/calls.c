// SPDX-License-Identifier: Apache-2.0
// calls getppid|open|exec CPU REPEATS CALLS [FILE]: times CALLS of one deed, REPEATS times, on one
// CPU; prints the nanoseconds per call of each repeat.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000L + time.tv_nsec;
}

// A system call that no rule and no hook asks for.
static void call_getppid(const char *file)
{
	(void)file;
	syscall(SYS_getppid);
}

static void call_open(const char *file)
{
	char bytes[64];
	int fd = open(file, O_RDONLY);

	if (read(fd, bytes, sizeof(bytes)) < 0)
		exit(3);
	close(fd);
}

static void call_exec(const char *file)
{
	pid_t child = vfork();

	if (child == 0) {
		execl(file, file, "argument", NULL);
		_exit(1);
	}
	waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
	cpu_set_t cpus;

	if (argc < 5)
		return 2;
	const char *file = argc > 5 ? argv[5] : NULL;
	void (*call)(const char *) = !strcmp(argv[1], "getppid") ? call_getppid
				     : !strcmp(argv[1], "open")  ? call_open
								 : call_exec;
	CPU_ZERO(&cpus);
	CPU_SET(atoi(argv[2]), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		return 3;
	long repeats = atol(argv[3]), calls = atol(argv[4]);
	for (long repeat = -1; repeat < repeats; repeat++) {
		long begun = now_ns();
		for (long n = 0; n < calls; n++)
			call(file);
		// The first one warms caches up.
		if (repeat >= 0)
			printf("%.2f\n", (double)(now_ns() - begun) / calls);
	}
	return 0;
}
