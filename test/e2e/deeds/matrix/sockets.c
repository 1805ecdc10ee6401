// SPDX-License-Identifier: Apache-2.0
// Sockets. All over the loopback interface.
#include "matrix.h"
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

static struct sockaddr_in loopback = {.sin_family = AF_INET};
static struct sockaddr_in6 loopback6 = {.sin6_family = AF_INET6};

static int bound(int family, int type)
{
	int fd = socket(family, type, 0), yes = 1;
	socklen_t length;

	loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	loopback6.sin6_addr = in6addr_loopback;
	loopback.sin_port = loopback6.sin6_port = 0;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (family == AF_INET) {
		length = sizeof(loopback);
		need(!bind(fd, (void *)&loopback, length) &&
			     !getsockname(fd, (void *)&loopback, &length),
		     "bind");
	} else {
		length = sizeof(loopback6);
		need(!bind(fd, (void *)&loopback6, length) &&
			     !getsockname(fd, (void *)&loopback6, &length),
		     "bind");
	}
	return fd;
}

static int listening(int family)
{
	int fd = bound(family, SOCK_STREAM);
	need(!listen(fd, 5), "listen");
	return fd;
}

static const char *end_of(int fd, int is_peer)
{
	static char texts[4][64];
	static int next;
	char *text = texts[next++ & 3];
	struct sockaddr_in end;
	socklen_t length = sizeof(end);

	(is_peer ? getpeername : getsockname)(fd, (void *)&end, &length);
	sprintf(text, "%s:%u", inet_ntoa(end.sin_addr), ntohs(end.sin_port));
	return text;
}

static void tell_tuple(int fd, int is_server)
{
	truth("evt.arg.tuple", "%s->%s", end_of(fd, is_server), end_of(fd, !is_server));
}

DEED(socket, tcp)
{
	int fd = CALL(syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			      IPPROTO_TCP));
	tell_socket(fd, 0);
	truth("evt.rawarg.fd", "%d", fd);
	truth("evt.arg.fd", "<4t>");
	truth("evt.arg.domain", "AF_INET");
	truth("evt.arg.type", "1");
	truth("evt.arg.proto", "6");
	truth("evt.arg.flags", "O_NONBLOCK|O_CLOEXEC");
}

DEED(socket, unix)
{
	int fd = CALL(syscall(SYS_socket, AF_UNIX, SOCK_DGRAM, 0));
	tell_socket(fd, 0);
	truth("evt.arg.domain", "AF_LOCAL|AF_UNIX");
	truth("evt.arg.type", "2");
}

DEED(socket, netlink)
{
	CALL(syscall(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	truth("fd.type", "netlink");
	truth("fd.typechar", "n");
	truth("evt.arg.domain", "AF_ROUTE|AF_NETLINK");
}

DEED(socket, refused)
{
	CALL(syscall(SYS_socket, 99, SOCK_STREAM, 0));
	truth("fd.num", "-1");
	truth("fd.typechar", "4");
	truth("evt.arg.fd", "EAFNOSUPPORT");
}

DEED(socketpair, unix)
{
	int pair[2];
	CALL(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair));
	tell_socket(pair[0], 0);
	truth("evt.rawarg.fd1", "%d", pair[0]);
	truth("evt.rawarg.fd2", "%d", pair[1]);
	truth("evt.arg.domain", "AF_LOCAL|AF_UNIX");
	truth("evt.arg.type", "1");
}

DEED(bind, tcp)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CALL(syscall(SYS_bind, fd, &loopback, sizeof(loopback)));
	tell_socket(fd, 0);
	tell_fd("fd", fd);
	truth("evt.arg.addr", "127.0.0.1:0");
	truth("fd.l4proto", "tcp");
}

DEED(bind, unix)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "bind-unix"};
	CALL(syscall(SYS_bind, fd, &address, sizeof(address)));
	tell_socket(fd, 0);
	truth("evt.arg.addr", "bind-unix");
}

DEED(listen, tcp)
{
	int fd = bound(AF_INET, SOCK_STREAM);
	CALL(syscall(SYS_listen, fd, 17));
	tell_socket(fd, 0);
	tell_fd("fd", fd);
	truth("evt.arg.backlog", "17");
}

static int connected(int family, int *listener)
{
	int fd = socket(family, SOCK_STREAM, 0);
	*listener = listening(family);
	struct sockaddr *address = family == AF_INET ? (void *)&loopback : (void *)&loopback6;
	need(!connect(fd, address, family == AF_INET ? sizeof(loopback) : sizeof(loopback6)),
	     "connect");
	return fd;
}

DEED(connect, tcp)
{
	int listener = listening(AF_INET), fd = socket(AF_INET, SOCK_STREAM, 0);
	CALL(syscall(SYS_connect, fd, &loopback, sizeof(loopback)));
	tell_socket(fd, 0);
	tell_tuple(fd, 0);
	truth("fd.name_changed", "true");
	truth("fd.is_server", "true"); // the server is this machine
	truth("evt.rawarg.fd", "%d", fd);
	truth("evt.arg.fd", "<4t>%s->%s", end_of(fd, 0), end_of(fd, 1));
	truth("evt.arg.addr", "%s", end_of(listener, 0));
}

DEED(connect, tcp6)
{
	listening(AF_INET6);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	CALL(syscall(SYS_connect, fd, &loopback6, sizeof(loopback6)));
	tell_socket(fd, 0);
}

DEED(connect, udp)
{
	bound(AF_INET, SOCK_DGRAM);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	CALL(syscall(SYS_connect, fd, &loopback, sizeof(loopback)));
	tell_socket(fd, 0);
	tell_tuple(fd, 0);
}

DEED(connect, refused)
{
	int nobody = bound(AF_INET, SOCK_STREAM), fd = socket(AF_INET, SOCK_STREAM, 0);
	close(nobody);
	CALL(syscall(SYS_connect, fd, &loopback, sizeof(loopback)));
	truth("fd.num", "%d", fd);
	truth("fd.name", "%s", "");
	truth("fd.is_server", "false");
	truth("fd.connected", "false");
	truth("fd.sip", "<NA>");
	truth("evt.arg.addr", "127.0.0.1:%u", ntohs(loopback.sin_port));
}

DEED(connect, in_progress)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	// A network for documentation, which is no one's, through the loopback
	// interface.
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
	int listener = listening(AF_INET);
	address = loopback;
	need(listener >= 0, "listen");
	CALL(syscall(SYS_connect, fd, &address, sizeof(address)));
	truth("fd.num", "%d", fd);
	truth("fd.sip", "127.0.0.1");
	truth("fd.sport", "%u", ntohs(loopback.sin_port));
}

DEED(connect, unix)
{
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "connect-unix"};
	need(!bind(listener, (void *)&address, sizeof(address)) && !listen(listener, 1), "listen");
	CALL(syscall(SYS_connect, fd, &address, sizeof(address)));
	tell_socket(fd, 0);
	truth("fd.connected", "true");
	truth("evt.arg.addr", "connect-unix");
}

#ifdef SYS_accept
DEED(accept, tcp)
{
	int listener;
	connected(AF_INET, &listener);
	int fd = CALL(syscall(SYS_accept, listener, NULL, NULL));
	tell_socket(fd, 1);
	tell_tuple(fd, 1);
	truth("fd.is_server", "true");
	truth("fd.name_changed", "true");
	truth("evt.arg.fd", "<4t>%s->%s", end_of(fd, 1), end_of(fd, 0));
	truth("evt.arg.queuelen", "0");
	truth("evt.arg.queuemax", "5");
	truth("evt.arg.queuepct", "0");
}
#endif

DEED(accept4, tcp)
{
	int listener;
	connected(AF_INET, &listener);
	need(!connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&loopback, sizeof(loopback)),
	     "connect");
	int fd = CALL(syscall(SYS_accept4, listener, NULL, NULL, SOCK_CLOEXEC));
	tell_socket(fd, 1);
	tell_tuple(fd, 1);
	truth("evt.arg.flags", "80000");
	truth("evt.arg.queuelen", "1");
	truth("evt.arg.queuemax", "5");
	truth("evt.arg.queuepct", "20");
}

DEED(accept4, tcp6)
{
	int listener;
	connected(AF_INET6, &listener);
	tell_socket(CALL(syscall(SYS_accept4, listener, NULL, NULL, 0)), 1);
}

DEED(accept4, refused)
{
	int listener = listening(AF_INET);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	CALL(syscall(SYS_accept4, listener, NULL, NULL, 0));
	truth("fd.num", "-1");
	truth("fd.typechar", "4");
	truth("fd.name", "NULL");
	truth("evt.arg.tuple", "NULL");
	truth("evt.arg.fd", "EAGAIN");
}

static void tell_moved(const char *direction, long bytes)
{
	truth("evt.io_dir", "%s", direction);
	truth("evt.category", "net");
	truth("evt.buflen", "%ld", bytes);
	truth("evt.buflen.net", "%ld", bytes);
	truth(*direction == 'r' ? "evt.buflen.net.in" : "evt.buflen.net.out", "%ld", bytes);
	truth("evt.arg.data", "hello");
	truth("evt.buffer", "hello");
}

DEED(sendto, udp)
{
	bound(AF_INET, SOCK_DGRAM);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	unsigned short port = ntohs(loopback.sin_port);
	tell_moved("write",
		   CALL(syscall(SYS_sendto, fd, "hello", 5, 0, &loopback, sizeof(loopback))));
	truth("fd.num", "%d", fd);
	truth("fd.sip", "127.0.0.1");
	truth("fd.sport", "%u", port);
	truth("fd.l4proto", "udp");
	truth("fd.name_changed", "true");
	truth("evt.arg.size", "5");
	truth("evt.rawarg.fd", "%d", fd);
}

DEED(sendto, tcp_client)
{
	int listener, fd = connected(AF_INET, &listener);
	tell_moved("write", CALL(syscall(SYS_sendto, fd, "hello", 5, 0, NULL, 0)));
	tell_socket(fd, 0);
	tell_tuple(fd, 0);
	truth("fd.name_changed", "false");
}

DEED(sendmsg, tcp_server)
{
	int listener;
	connected(AF_INET, &listener);
	int fd = accept(listener, NULL, NULL);
	struct iovec vectors[] = {{"hel", 3}, {"lo", 2}};
	struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 2};
	tell_moved("write", CALL(syscall(SYS_sendmsg, fd, &message, 0)));
	tell_socket(fd, 1);
	tell_tuple(fd, 1);
	truth("evt.arg.size", "5");
}

DEED(sendmmsg, udp)
{
	int server = bound(AF_INET, SOCK_DGRAM), fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct iovec vector = {"hello", 5};
	struct mmsghdr message = {.msg_hdr = {.msg_iov = &vector,
					      .msg_iovlen = 1,
					      .msg_name = &loopback,
					      .msg_namelen = sizeof(loopback)}};
	need(server >= 0, "bind");
	CALL(syscall(SYS_sendmmsg, fd, &message, 1, 0));
	truth("fd.sport", "%u", ntohs(loopback.sin_port));
	truth("evt.arg.data", "hello");
	truth("evt.arg.size", "5");
}

DEED(recvfrom, udp)
{
	int server = bound(AF_INET, SOCK_DGRAM), client = socket(AF_INET, SOCK_DGRAM, 0);
	char room[64];
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	sendto(client, "hello", 5, 0, (void *)&loopback, sizeof(loopback));
	tell_moved("read", CALL(syscall(SYS_recvfrom, server, room, 64, 0, &from, &length)));
	truth("fd.sport", "%u", ntohs(loopback.sin_port));
	truth("fd.cport", "%u", ntohs(from.sin_port));
	truth("fd.cip", "127.0.0.1");
	truth("fd.is_server", "true");
	truth("evt.arg.size", "64");
	truth("evt.arg.tuple", "127.0.0.1:%u->127.0.0.1:%u", ntohs(from.sin_port),
	      ntohs(loopback.sin_port));
}

DEED(recvmsg, tcp_server)
{
	int listener, client = connected(AF_INET, &listener), fd = accept(listener, NULL, NULL);
	char room[64];
	struct iovec vector = {room, 64};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
	need(send(client, "hello", 5, 0) == 5, "send");
	tell_moved("read", CALL(syscall(SYS_recvmsg, fd, &message, 0)));
	tell_socket(fd, 1);
	tell_tuple(fd, 1);
}

// Bytes as an output prints them.
static const char *printable(const void *bytes, size_t length)
{
	static char text[256];
	for (size_t i = 0; i < length; i++) {
		char byte = ((const char *)bytes)[i];
		text[i] = byte >= ' ' && byte <= '~' ? byte : '.';
	}
	text[length] = 0;
	return text;
}

// A descriptor on its way, and who sends it.
static void send_control(int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = {};
	struct iovec vector = {"hello", 5};
	struct msghdr message = {.msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = room,
				 .msg_controllen = sizeof(room)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(int));
	need(sendmsg(fd, &message, 0) == 5, "sendmsg");
}

DEED(recvmsg, control)
{
	int pair[2];
	char room[64], control[CMSG_SPACE(sizeof(int))];
	struct iovec vector = {room, 64};
	struct msghdr message = {.msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	need(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
	send_control(pair[0]);
	CALL(syscall(SYS_recvmsg, pair[1], &message, 0));
	need(message.msg_controllen > 0, "control");
	truth("evt.arg.msgcontrol", "%s", printable(control, message.msg_controllen));
	truth("fd.num", "%d", pair[1]);
	truth("fd.type", "unix");
}

DEED(recvmmsg, control)
{
	int pair[2];
	char room[64], control[CMSG_SPACE(sizeof(int))];
	struct iovec vector = {room, 64};
	struct mmsghdr message = {.msg_hdr = {.msg_iov = &vector,
					      .msg_iovlen = 1,
					      .msg_control = control,
					      .msg_controllen = sizeof(control)}};
	need(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
	send_control(pair[0]);
	CALL(syscall(SYS_recvmmsg, pair[1], &message, 1, 0, NULL));
	truth("evt.arg.msgcontrol", "%s", printable(control, message.msg_hdr.msg_controllen));
	truth("evt.arg.size", "64");
	truth("fd.num", "%d", pair[1]);
	truth("fd.type", "unix");
}

// Files and sockets of several kinds, one that is closed, and one that is left
// out.
DEED(poll, several)
{
	int listener, client = connected(AF_INET, &listener), server = accept(listener, NULL, NULL);
	int server6, client6 = connected(AF_INET6, &server6);
	int file = open("/etc/passwd", O_RDONLY), closed = dup(file);
	struct sockaddr_in end;
	struct sockaddr_in6 end6;
	socklen_t length = sizeof(end), length6 = sizeof(end6);
	struct pollfd fds[] = {{file, POLLIN, 0},    {client, POLLOUT, 0}, {-1, POLLIN, 0},
			       {closed, POLLIN, 0},  {server, POLLIN, 0},  {listener, POLLIN, 0},
			       {client6, POLLOUT, 0}};
	need(!close(closed), "close");
	need(!getsockname(client, (void *)&end, &length), "getsockname");
	need(!getsockname(client6, (void *)&end6, &length6), "getsockname");
	unsigned port = ntohs(end.sin_port), to = ntohs(loopback.sin_port);
	unsigned port6 = ntohs(end6.sin6_port), to6 = ntohs(loopback6.sin6_port);
	getpeername(client, (void *)&end, &length);
	to = ntohs(end.sin_port);
	CALL(syscall(SYS_poll, fds, 7, 0));
	truth("fdlist.nums", "%d,%d,-1,%d,%d,%d,%d", file, client, closed, server, listener,
	      client6);
	truth("fdlist.names",
	      "/etc/"
	      "passwd,127.0.0.1:%u->127.0.0.1:%u,<NA>,<NA>,127.0.0.1:%u->127.0.0.1:%u,"
	      "127.0.0.1:%u,::1:%u->::1:%u",
	      port, to, port, to, to, port6, to6);
	truth("fdlist.cips", "127.0.0.1,127.0.0.1,::1");
	truth("fdlist.sips", "127.0.0.1,127.0.0.1,127.0.0.1,::1");
	truth("fdlist.cports", "%u,%u,%u", port, port, port6);
	truth("fdlist.sports", "%u,%u,%u,%u", to, to, to, to6);
	truth("evt.arg.fds", "%d:f1 %d:44 -1:?0 %d:?40 %d:40 %d:40 %d:64", file, client, closed,
	      server, listener, client6);
}

DEED(recvmmsg, udp)
{
	int server = bound(AF_INET, SOCK_DGRAM), client = socket(AF_INET, SOCK_DGRAM, 0);
	char room[64];
	struct iovec vector = {room, 64};
	struct mmsghdr message = {.msg_hdr = {.msg_iov = &vector, .msg_iovlen = 1}};
	sendto(client, "hello", 5, 0, (void *)&loopback, sizeof(loopback));
	CALL(syscall(SYS_recvmmsg, server, &message, 1, 0, NULL));
	truth("fd.num", "%d", server);
	truth("fd.type", "ipv4");
}

DEED(shutdown, tcp)
{
	int listener, fd = connected(AF_INET, &listener);
	CALL(syscall(SYS_shutdown, fd, SHUT_WR));
	truth("evt.arg.how", "SHUT_WR");
	truth("fd.num", "%d", fd);
	truth("fd.sport", "%u", ntohs(loopback.sin_port));
}

DEED(setsockopt, number)
{
	int fd = bound(AF_INET, SOCK_STREAM), yes = 1;
	CALL(syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes)));
	tell_socket(fd, 0);
	tell_fd("fd", fd);
	truth("evt.arg.level", "SOL_SOCKET");
	truth("evt.arg.optname", "SO_KEEPALIVE");
	truth("evt.arg.val", "1");
	truth("evt.arg.optlen", "4");
}

DEED(setsockopt, time)
{
	int fd = bound(AF_INET, SOCK_STREAM);
	struct timeval time = {.tv_sec = 1, .tv_usec = 500000};
	CALL(syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)));
	truth("evt.arg.optname", "SO_RCVTIMEO");
	truth("evt.arg.val", "1.5s");
	truth("evt.arg.optlen", "16");
}

DEED(getsockopt, number)
{
	int fd = bound(AF_INET, SOCK_STREAM), type;
	socklen_t length = sizeof(type);
	CALL(syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &length));
	tell_socket(fd, 0);
	truth("evt.arg.optname", "SO_TYPE");
	truth("evt.arg.val", "1");
	truth("evt.arg.optlen", "4");
}

DEED(close, tcp_server)
{
	int listener;
	connected(AF_INET, &listener);
	int fd = accept(listener, NULL, NULL);
	tell_socket(fd, 1);
	truth("evt.category", "net");
	CALL(syscall(SYS_close, fd));
}

DEED(write, tcp_client)
{
	int listener, fd = connected(AF_INET, &listener);
	tell_moved("write", CALL(syscall(SYS_write, fd, "hello", 5)));
	tell_socket(fd, 0);
}

DEED(write, syslog)
{
	int listener = socket(AF_UNIX, SOCK_DGRAM, 0), fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "dev/log"};
	mkdir("dev", 0700);
	need(!bind(listener, (void *)&address, sizeof(address)), "bind");
	snprintf(address.sun_path, sizeof(address.sun_path), "./dev/log");
	need(!connect(fd, (void *)&address, sizeof(address)), "connect");
	CALL(syscall(SYS_write, fd, "hello", 5));
	truth("fd.type", "unix");
	truth("evt.category", "ipc");
}
