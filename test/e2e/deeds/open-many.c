// SPDX-License-Identifier: Apache-2.0
// open-many FOLDER FROM TO [RATE]: opens FOLDER/FROM up to FOLDER/(TO - 1), which need not exist. A
// short rest now and then, as a flood that no ring could hold would test something else; or RATE a
// second.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define REST_EVERY 64
#define REST_US 2000

int main(int argc, char **argv)
{
	char path[4096];

	if (argc != 4 && argc != 5)
		return 2;
	long rate = argc == 5 ? atol(argv[4]) : 0;
	struct timespec due;
	clock_gettime(CLOCK_MONOTONIC, &due);
	for (int number = atoi(argv[2]); number < atoi(argv[3]); number++) {
		snprintf(path, sizeof(path), "%s/%d", argv[1], number);
		int fd = open(path, O_RDONLY);
		if (fd >= 0)
			close(fd);
		if (number % REST_EVERY != 0)
			continue;
		if (rate == 0) {
			usleep(REST_US);
			continue;
		}
		due.tv_nsec += REST_EVERY * 1000000000L / rate;
		due.tv_sec += due.tv_nsec / 1000000000L;
		due.tv_nsec %= 1000000000L;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
	}
	return 0;
}
