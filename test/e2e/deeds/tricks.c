// SPDX-License-Identifier: Apache-2.0
// tricks rename PATH: takes the name of another program and opens PATH.
// tricks descriptor PROGRAM ARGUMENT: runs a program that it has open, by its descriptor.
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char *arguments[] = {"harmless", argc > 3 ? argv[3] : NULL, NULL};
	char *environment[] = {NULL};

	if (argc > 2 && !strcmp(argv[1], "rename")) {
		prctl(PR_SET_NAME, "sshd");
		memset(argv[0], 'x', strlen(argv[0]));
		return open(argv[2], O_RDONLY | O_CREAT, 0600) < 0;
	}
	if (argc > 3 && !strcmp(argv[1], "descriptor"))
		fexecve(open(argv[2], O_RDONLY | O_CLOEXEC), arguments, environment);
	return 2;
}
