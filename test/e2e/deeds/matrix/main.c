// SPDX-License-Identifier: Apache-2.0
// matrix FOLDER [FIRST COUNT]: does every deed, or so many, in a child of its own and prints, per
// deed, a line of fields that tabs part: event, how, pid, and FIELD=TRUTH for each.
#include "matrix.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>

#define MOST_DEEDS 400
#define ROOM 65536

static struct deed {
	const char *event, *how;
	void (*run)(void);
} deeds[MOST_DEEDS];
static int n_deeds;
static char *told; // shared with the child
static char folder[4096];

void add_deed(const char *event, const char *how, void (*run)(void))
{
	deeds[n_deeds++] = (struct deed){event, how, run};
}

void mark(void)
{
	syscall(SYS_getpgrp);
}

void need(int holds, const char *what)
{
	if (holds)
		return;
	truth("broken", "%s: %s", what, strerror(errno));
	_exit(1);
}

void truth(const char *field, const char *format, ...)
{
	size_t length = strlen(told);
	va_list arguments;

	length += snprintf(told + length, ROOM - length, "\t%s=", field);
	va_start(arguments, format);
	vsnprintf(told + length, ROOM - length, format, arguments);
	va_end(arguments);
}

void tell_result(long result, int error)
{
	int is_failed = result == -1 && error;

	truth("evt.rawres", "%ld", is_failed ? -(long)error : result);
	truth("evt.res", "%s", is_failed ? strerrorname_np(error) : "SUCCESS");
	truth("evt.failed", "%s", is_failed ? "true" : "false");
	truth("evt.count.error", "%d", is_failed);
}

static const char *link_of(int fd)
{
	static char text[4096];
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t length = readlink(path, text, sizeof(text) - 1);
	text[length > 0 ? length : 0] = 0;
	return text;
}

struct kind {
	const char *word, *letter, *name;
};

static struct kind kind_of(int fd)
{
	static const struct {
		const char *link, *word, *letter;
	} anonymous[] = {
		{"anon_inode:[eventfd]", "event", "e"},
		{"anon_inode:[eventpoll]", "eventpoll", "l"},
		{"anon_inode:[io_uring]", "io_uring", "r"},
		{"anon_inode:[pidfd]", "pidfd", "P"},
		{"anon_inode:[signalfd]", "signalfd", "s"},
		{"anon_inode:[timerfd]", "timerfd", "t"},
		{"anon_inode:[userfaultfd]", "userfaultfd", "u"},
		{"anon_inode:inotify", "inotify", "i"},
		{"anon_inode:bpf-map", "bpf", "b"},
	};
	const char *link = link_of(fd);
	struct stat facts;

	fstat(fd, &facts);
	for (size_t i = 0; i < sizeof(anonymous) / sizeof(*anonymous); i++)
		if (!strcmp(link, anonymous[i].link))
			return (struct kind){anonymous[i].word, anonymous[i].letter, ""};
	if (S_ISFIFO(facts.st_mode))
		return (struct kind){"pipe", "p", link[0] == '/' ? link : ""};
	if (!strncmp(link, "/memfd:", 7)) {
		static char name[4096];
		snprintf(name, sizeof(name), "%s", link + 7);
		char *end = strstr(name, " (deleted)");
		if (end)
			*end = 0;
		return (struct kind){"memfd", "m", name};
	}
	if (S_ISDIR(facts.st_mode))
		return (struct kind){"directory", "d", link};
	return (struct kind){"file", "f", link};
}

void tell_file(int fd)
{
	struct kind kind = kind_of(fd);
	struct stat facts;

	need(!fstat(fd, &facts), "fstat");
	truth("fd.num", "%d", fd);
	truth("fd.type", "%s", kind.word);
	truth("fd.typechar", "%s", kind.letter);
	truth("fd.name", "%s", kind.name);
	truth("fd.ino", "%lu", facts.st_ino);
	truth("fd.dev", "%lX", facts.st_dev);
	truth("fd.dev.major", "%u", major(facts.st_dev));
	truth("fd.dev.minor", "%u", minor(facts.st_dev));
	truth("fd.l4proto", "<NA>");
	truth("fd.is_server", "false");
	truth("fd.connected", "false");
	truth("fd.uid", "%ld%d", syscall(SYS_gettid), fd);
	truth("fd.containername", ":%s", kind.name);
	if (*kind.letter == 'f') {
		const char *slash = strrchr(kind.name, '/');
		truth("fd.filename", "%s", slash + 1);
		truth("fd.directory", "%.*s", slash > kind.name ? (int)(slash - kind.name) : 1,
		      kind.name);
	}
	if (*kind.letter == 'd')
		truth("fd.directory", "%s", kind.name);
	if (*kind.letter == 'd' || *kind.letter == 'f')
		truth("fd.realpath", "%s", kind.name);
}

void tell_no_file(const char *typechar, const char *name)
{
	truth("fd.typechar", "%s", typechar);
	truth("fd.name", "%s", name);
	truth("fd.type", "<NA>");
	truth("fd.filename", "<NA>");
}

static void parameter_of(char *field, const char *prefix, const char *parameter)
{
	sprintf(field, "evt.%s.%s", prefix, parameter);
}

static const char *text_of(const struct sockaddr_storage *address)
{
	static char texts[4][80];
	static int next;
	char host[64], *text = texts[next++ & 3];

	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		sprintf(text, "%s:%u", host, ntohs(in->sin_port));
	} else {
		const struct sockaddr_in6 *in = (const void *)address;
		inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof(host));
		sprintf(text, "%s:%u", host, ntohs(in->sin6_port));
	}
	return text;
}

static const char *host_of(const char *end)
{
	static char texts[4][80];
	static int next;
	char *text = texts[next++ & 3];

	strcpy(text, end);
	*strrchr(text, ':') = 0;
	return text;
}

void tell_fd(const char *parameter, int fd)
{
	char field[64];
	struct sockaddr_storage local, remote;
	socklen_t length = sizeof(local), remote_length = sizeof(remote);

	parameter_of(field, "rawarg", parameter);
	truth(field, "%d", fd);
	parameter_of(field, "arg", parameter);
	if (getsockname(fd, (struct sockaddr *)&local, &length)) {
		struct kind kind = kind_of(fd);
		truth(field, "<%s>%s", kind.letter, kind.name);
	} else if (local.ss_family == AF_INET &&
		   getpeername(fd, (struct sockaddr *)&remote, &remote_length)) {
		int type = 0;
		length = sizeof(type);
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
		const char *end = text_of(&local);
		truth(field, "<4%s>%s", type == SOCK_DGRAM ? "u" : "t",
		      strcmp(end, "0.0.0.0:0") ? end : "");
	}
}

void tell_socket(int fd, int is_server)
{
	struct sockaddr_storage local = {}, remote = {};
	socklen_t length = sizeof(local);
	struct stat facts;
	int type = 0;

	need(!fstat(fd, &facts), "fstat");
	need(!getsockname(fd, (struct sockaddr *)&local, &length), "getsockname");
	length = sizeof(type);
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
	length = sizeof(remote);
	int is_connected = !getpeername(fd, (struct sockaddr *)&remote, &length);
	truth("fd.num", "%d", fd);
	truth("fd.ino", "%lu", facts.st_ino);
	truth("fd.dev", "0");
	truth("fd.nameraw", "%s", "");
	truth("fd.uid", "%ld%d", syscall(SYS_gettid), fd);
	if (local.ss_family == AF_UNIX) {
		truth("fd.type", "unix");
		truth("fd.typechar", "u");
		truth("fd.sockfamily", "unix");
		truth("fd.l4proto", "<NA>");
		return;
	}
	int is_ipv4 = local.ss_family == AF_INET;
	const char *own = text_of(&local), *other = text_of(&remote);
	const char *client = is_server ? other : own, *server = is_server ? own : other;
	int is_bound = !!strcmp(strrchr(own, ':'), ":0");
	truth("fd.type", is_ipv4 ? "ipv4" : "ipv6");
	truth("fd.typechar", is_ipv4 ? "4" : "6");
	truth("fd.sockfamily", "ip");
	truth("fd.l4proto", "%s", !is_bound ? "<NA>" : type == SOCK_DGRAM ? "udp" : "tcp");
	truth("fd.connected", "%s", is_connected ? "true" : "false");
	if (!is_connected) {
		truth("fd.cip", "<NA>");
		truth("fd.cport", "<NA>");
		truth("fd.sip", "%s", is_bound ? host_of(own) : "<NA>");
		truth("fd.sport", "%s", is_bound ? strrchr(own, ':') + 1 : "<NA>");
		truth("fd.is_server", "%s", is_bound ? "true" : "false");
		truth("fd.name", "%s", is_bound ? own : "");
		return;
	}
	truth("fd.name", "%s->%s", client, server);
	truth("fd.cip", "%s", host_of(client));
	truth("fd.sip", "%s", host_of(server));
	truth("fd.lip", "%s", host_of(own));
	truth("fd.rip", "%s", host_of(other));
	truth("fd.cport", "%s", strrchr(client, ':') + 1);
	truth("fd.sport", "%s", strrchr(server, ':') + 1);
	truth("fd.lport", "%s", strrchr(own, ':') + 1);
	truth("fd.rport", "%s", strrchr(other, ':') + 1);
	truth("fd.cproto", "%s", strrchr(client, ':') + 1);
	truth("fd.sproto", "%s", strrchr(server, ':') + 1);
	truth("fd.lproto", "%s", strrchr(own, ':') + 1);
	truth("fd.rproto", "%s", strrchr(other, ':') + 1);
}

void tell_path(const char *parameter, const char *given)
{
	char field[64];

	parameter_of(field, "rawarg", parameter);
	truth(field, "%s", given);
	parameter_of(field, "arg", parameter);
	if (*given == '/')
		truth(field, "%s", given);
	else
		truth(field, "%s/%s", here(), given);
}

const char *here(void)
{
	return folder;
}

const char *made_file(const char *name)
{
	static char paths[4][4200];
	static int next;
	char *path = paths[next++ & 3];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0644);
	need(fd >= 0 && write(fd, "0123456789", 10) == 10, path);
	close(fd);
	return path;
}

// A file of /proc as a text.
static const char *text_of_file(const char *path)
{
	static char texts[2][8192];
	static int next;
	char *text = texts[next++ & 1];
	int fd = open(path, O_RDONLY);
	ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof(texts[0]) - 1);

	text[length > 0 ? length : 0] = 0;
	close(fd);
	return text;
}

static const char *file_of(int pid, const char *name)
{
	static char path[64];

	sprintf(path, "/proc/%d/%s", pid, name);
	return path;
}

static long long nanoseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

// When a process began, since the epoch.
long long start_of(int pid)
{
	const char *stat = text_of_file(file_of(pid, "stat"));
	unsigned long long ticks = 0;

	sscanf(strrchr(stat, ')') + 1,
	       " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
	       &ticks);
	return nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_BOOTTIME) + ticks * 10000000LL;
}

static const char *status_line(const char *name)
{
	const char *line = strstr(text_of_file("/proc/self/status"), name);

	need(line != NULL, name);
	return line + strlen(name);
}

// Times, and who leads this session.
static void tell_surroundings(void)
{
	struct stat facts;
	long long start = start_of(getpid());
	const struct passwd *user = getpwuid(getuid());
	char *end, comm[64];

	// A tick of /proc is 10 ms.
	truth("proc.pid.ts", "@20000000:%lld", start);
	truth("proc.ppid.ts", "@20000000:%lld", start_of(getppid()));
	truth("proc.pidns_init_start_ts", "@20000000:%lld", start_of(1));
	need(!stat("/proc/self/exe", &facts), "stat");
	truth("proc.exe_ino.ctime_duration_proc_start", "@20000000:%lld",
	      start - facts.st_ctim.tv_sec * 1000000000LL - facts.st_ctim.tv_nsec);
	// The deed comes at once, but the machine may be busy.
	truth("evt.rawtime", "@20000000000:%lld", nanoseconds(CLOCK_REALTIME));
	truth("evt.time", "@20000000000:%lld", nanoseconds(CLOCK_REALTIME));
	truth("evt.rawtime.s", "@20:%lld", nanoseconds(CLOCK_REALTIME) / 1000000000);
	truth("proc.duration", "@20000000000:0");
	snprintf(comm, sizeof(comm), "%s", text_of_file(file_of(getsid(0), "comm")));
	if ((end = strchr(comm, '\n')))
		*end = 0;
	truth("proc.sname", "%s", comm);
	truth("proc.sid.exe", "%s", text_of_file(file_of(getsid(0), "cmdline")));
	truth("proc.vmsize", "~%lu", strtoul(status_line("VmSize:"), NULL, 10));
	truth("user.shell", "%s", user ? user->pw_shell : "<NA>");
	if (!strtoull(status_line("CapInh:"), NULL, 16))
		truth("thread.cap_inheritable", "%s", "");
	truth("evt.count.exit", "1");
}

// What holds of every deed, unless it says otherwise: who does it.
static void tell_process(int argc, char **argv)
{
	const char *exe = argv[0];
	char arguments[5000];
	int room = sizeof(arguments), length_of_all = 0;

	snprintf(arguments, room, "%s", argv[1]);
	length_of_all = strlen(argv[1]);
	for (int i = 2; i < argc; i++) {
		snprintf(arguments + strlen(arguments), room - strlen(arguments), " %s", argv[i]);
		length_of_all += strlen(argv[i]);
	}

	static char path[4096], text[4096];
	struct stat facts;
	struct rlimit limit;
	int fd, tty;

	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = 0;
	need(!stat("/proc/self/exe", &facts), "stat");
	getrlimit(RLIMIT_NOFILE, &limit);
	fd = open("/proc/self/loginuid", O_RDONLY);
	length = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	text[length > 0 ? length : 0] = 0;
	close(fd);
	truth("user.loginuid", "%ld", length > 0 ? (long)(int)strtoul(text, NULL, 10) : -1);
	fd = open("/proc/self/stat", O_RDONLY);
	length = read(fd, text, sizeof(text) - 1);
	text[length > 0 ? length : 0] = 0;
	close(fd);
	need(sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %d", &tty) == 1, "stat");
	truth("proc.tty", "%d", tty);
	truth("proc.pid", "%d", getpid());
	truth("proc.vpid", "%d", getpid());
	truth("proc.ppid", "%d", getppid());
	truth("proc.pvpid", "%d", getppid());
	truth("proc.apid[1]", "%d", getppid());
	truth("thread.tid", "%d", getpid());
	truth("thread.vtid", "%d", getpid());
	truth("thread.ismain", "true");
	truth("thread.nametid", "matrix%d", getpid());
	truth("proc.sid", "%d", getsid(0));
	truth("proc.pgid", "%d", getpgid(0));
	truth("proc.vpgid", "%d", getpgid(0));
	truth("proc.is_sid_leader", "false");
	truth("proc.is_pgid_leader", "false");
	truth("proc.is_vpgid_leader", "false");
	truth("proc.name", "matrix");
	truth("proc.pname", "matrix");
	truth("proc.aname[1]", "matrix");
	truth("proc.exe", "%s", exe);
	truth("proc.pexe", "%s", exe);
	truth("proc.exepath", "%s", path);
	truth("proc.pexepath", "%s", path);
	truth("proc.args", "%s", arguments);
	truth("proc.aargs[1]", "%s", arguments);
	truth("proc.cmdline", "matrix %s", arguments);
	truth("proc.pcmdline", "matrix %s", arguments);
	truth("proc.acmdline[1]", "matrix %s", arguments);
	truth("proc.exeline", "%s %s", exe, arguments);
	truth("proc.cmdnargs", "%d", argc - 1);
	truth("proc.cmdlenargs", "%d", length_of_all);
	truth("proc.env[MATRIX]", "%s", getenv("MATRIX") ?: "");
	truth("proc.exe_ino", "%lu", facts.st_ino);
	truth("proc.exe_ino.ctime", "%ld%09ld", facts.st_ctim.tv_sec, facts.st_ctim.tv_nsec);
	truth("proc.exe_ino.mtime", "%ld%09ld", facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
	truth("proc.is_exe_writable", "true");
	truth("proc.is_exe_from_memfd", "false");
	truth("proc.fdlimit", "%lu", limit.rlim_cur);
	truth("user.uid", "0");
	truth("user.name", "root");
	truth("user.homedir", "/root");
	truth("group.gid", "0");
	truth("group.name", "root");
	tell_surroundings();
	truth("evt.dir", "<");
	truth("evt.source", "syscall");
	truth("evt.is_async", "false");
	truth("evt.count", "1");
	truth("evt.via", "syscall");
	truth("evt.truncated", "false");
	truth("evt.unreadable", "false");
	truth("evt.mismatch", "false");
	truth("container.id", "host");
}

int main(int argc, char **argv)
{
	need(argc > 1 && !chdir(argv[1]) && getcwd(folder, sizeof(folder)), "matrix FOLDER");
	told = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int first = argc > 3 ? atoi(argv[2]) : 0;
	int end = argc > 3 ? first + atoi(argv[3]) : n_deeds;
	for (int i = first; i < end && i < n_deeds; i++) {
		told[0] = 0;
		pid_t child = fork();
		if (!child) {
			umask(022);
			tell_process(argc, argv);
			deeds[i].run();
			_exit(7);
		}
		waitpid(child, NULL, 0);
		printf("%s\t%s\t%d%s\n", deeds[i].event, deeds[i].how, child, told);
		fflush(stdout);
	}
	return 0;
}
