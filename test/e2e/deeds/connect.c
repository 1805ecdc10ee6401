// SPDX-License-Identifier: Apache-2.0
// connect 4|6 ADDRESS PORT, or connect unix PATH 0: one connection, closed again.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	struct sockaddr *address = (struct sockaddr *)&local;
	socklen_t length = sizeof(local);

	if (argc != 4)
		return 2;
	if (*argv[1] == '4') {
		inet_pton(AF_INET, argv[2], &four.sin_addr);
		four.sin_port = htons(atoi(argv[3]));
		address = (struct sockaddr *)&four;
		length = sizeof(four);
	} else if (*argv[1] == '6') {
		inet_pton(AF_INET6, argv[2], &six.sin6_addr);
		six.sin6_port = htons(atoi(argv[3]));
		address = (struct sockaddr *)&six;
		length = sizeof(six);
	} else {
		strncpy(local.sun_path, argv[2], sizeof(local.sun_path) - 1);
	}
	int fd = socket(address->sa_family, SOCK_STREAM, 0);
	if (connect(fd, address, length) < 0)
		perror("connect");
	close(fd);
	return 0;
}
