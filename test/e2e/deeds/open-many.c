// SPDX-License-Identifier: Apache-2.0
// open-many FOLDER FROM TO: opens FOLDER/FROM up to FOLDER/(TO - 1), which need not exist. A short
// rest now and then, as a flood that no ring could hold would test something else.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define REST_EVERY 64
#define REST_US 2000

int main(int argc, char **argv)
{
	char path[4096];

	if (argc != 4)
		return 2;
	for (int number = atoi(argv[2]); number < atoi(argv[3]); number++) {
		snprintf(path, sizeof(path), "%s/%d", argv[1], number);
		int fd = open(path, O_RDONLY);
		if (fd >= 0)
			close(fd);
		if (number % REST_EVERY == 0)
			usleep(REST_US);
	}
	return 0;
}
