// SPDX-License-Identifier: Apache-2.0
// flood open|fork CPU [FILE]: opens and closes FILE, or makes children that end at once, as fast as
// one CPU can, until standard input ends; prints how often.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int is_told_to_stop(void)
{
	struct pollfd input = {.fd = 0, .events = POLLIN};

	return poll(&input, 1, 0) > 0;
}

static void once(const char *file)
{
	if (file) {
		close(open(file, O_RDONLY));
		return;
	}
	pid_t child = vfork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
	cpu_set_t cpus;
	long count = 0;

	if (argc < 3)
		return 2;
	const char *file = !strcmp(argv[1], "open") && argc > 3 ? argv[3] : NULL;
	CPU_ZERO(&cpus);
	CPU_SET(atoi(argv[2]), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		return 3;
	for (; count % 1000 || !is_told_to_stop(); count++)
		once(file);
	printf("%ld\n", count);
	return 0;
}
