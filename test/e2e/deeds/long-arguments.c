// SPDX-License-Identifier: Apache-2.0
// long-arguments PROGRAM FIRST BYTES: runs PROGRAM with FIRST and then BYTES of further arguments.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// The kernel's MAX_ARG_STRLEN is 128 KiB with the NUL.
#define STRING (131072 - 1)

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	size_t bytes = strtoul(argv[3], NULL, 10), count = bytes / (STRING + 1);
	char *string = malloc(STRING + 1), **arguments = calloc(count + 4, sizeof(char *));
	// Arguments may take a quarter of the stack, and 6 MiB at most.
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};

	if (!string || !arguments || setrlimit(RLIMIT_STACK, &unlimited) < 0)
		return 3;
	memset(string, 'x', STRING);
	string[STRING] = 0;
	arguments[0] = argv[1];
	arguments[1] = argv[2];
	for (size_t i = 0; i < count; i++)
		arguments[i + 2] = string;
	if (bytes % (STRING + 1))
		arguments[count + 2] = string + STRING + 1 - bytes % (STRING + 1);
	execve(argv[1], arguments, (char *[]){NULL});
	perror("execve");
	return 4;
}
