// SPDX-License-Identifier: Apache-2.0
// stamps open|print FOLDER COUNT PAUSE_US: COUNT times the monotonic clock's time in nanoseconds,
// as the name of a file that is opened (and is not there), or as a line on standard output.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char text[4096];
	struct timespec time;

	if (argc != 5)
		return 2;
	int is_print = !strcmp(argv[1], "print");
	for (long n = 0; n < atol(argv[3]); n++) {
		usleep(atol(argv[4]));
		clock_gettime(CLOCK_MONOTONIC, &time);
		long stamp = time.tv_sec * 1000000000L + time.tv_nsec;
		if (is_print) {
			int length = snprintf(text, sizeof(text), "%ld\n", stamp);
			if (write(1, text, length) != length)
				return 3;
		} else {
			snprintf(text, sizeof(text), "%s/%ld", argv[2], stamp);
			open(text, O_RDONLY);
		}
	}
	return 0;
}
