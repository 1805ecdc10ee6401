// SPDX-License-Identifier: Apache-2.0
// Processes, who they are and what they may.
#include "matrix.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

// A child that waits to be ended.
static pid_t waiting(void)
{
	pid_t child = fork();

	if (!child)
		for (;;)
			pause();
	return child;
}

static void end(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static int entries(const char *folder)
{
	DIR *directory = opendir(folder);
	int count = 0;

	need(directory != NULL, folder);
	for (struct dirent *entry; (entry = readdir(directory));)
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

// What the program is that took the place of this one.
static void tell_true(const char *program, const char *exe)
{
	char path[4096];
	struct stat facts;

	need(!stat(program, &facts) && realpath(program, path), program);
	truth("proc.exe", "%s", exe);
	truth("proc.exepath", "%s", path);
	truth("proc.args", "%s", "");
	truth("proc.cmdline", "true");
	truth("proc.exeline", "%s ", exe);
	truth("proc.cmdnargs", "0");
	truth("proc.cmdlenargs", "0");
	truth("proc.env[MATRIX]", "%s", "");
	truth("proc.exe_ino", "%lu", facts.st_ino);
	truth("proc.exe_ino.ctime", "%ld%09ld", facts.st_ctim.tv_sec, facts.st_ctim.tv_nsec);
	truth("proc.exe_ino.mtime", "%ld%09ld", facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
	truth("thread.nametid", "true%d", getpid());
	truth("proc.exe_ino.ctime_duration_proc_start", "@20000000:%lld",
	      start_of(getpid()) - facts.st_ctim.tv_sec * 1000000000LL - facts.st_ctim.tv_nsec);
	// The program itself, the loader and a stack: less than a megabyte.
	truth("proc.vmsize", "~500");
}

DEED(execve, program)
{
	char *arguments[] = {"argv zero", "one", "", "two words", NULL};
	char *environment[] = {"A=1", "SPACED= x ", NULL};
	struct stat facts;
	need(!stat("/bin/true", &facts), "stat");
	char path[4096];
	need(realpath("/bin/true", path) != NULL, "realpath");
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	int kept = open(here(), O_PATH), closed = open(here(), O_PATH | O_CLOEXEC);
	need(kept >= 0 && closed >= 0, "open");
	truth("evt.rawres", "0");
	truth("evt.res", "SUCCESS");
	tell_true("/bin/true", "argv zero");
	truth("proc.name", "true");
	truth("proc.exepath", "%s", path);
	truth("proc.args", "one  two words");
	truth("proc.args[0]", "one");
	truth("proc.args[2]", "two words");
	truth("proc.args[9]", "%s", "");
	truth("proc.cmdline", "true one  two words");
	truth("proc.exeline", "argv zero one  two words");
	truth("proc.cmdnargs", "3");
	truth("proc.cmdlenargs", "12");
	truth("proc.env", "A=1 SPACED= x ");
	truth("proc.env[A]", "1");
	truth("proc.env[SPACED]", "x");
	truth("proc.env[NONE]", "%s", "");
	truth("proc.exe_ino", "%lu", facts.st_ino);
	truth("proc.exe_ino.ctime", "%ld%09ld", facts.st_ctim.tv_sec, facts.st_ctim.tv_nsec);
	truth("proc.exe_ino.mtime", "%ld%09ld", facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
	truth("proc.is_exe_from_memfd", "false");
	// Without the folder's own descriptor and the one that the exec closes.
	truth("proc.fdopencount", "%d", entries("/proc/self/fd") - 2);
	truth("thread.nametid", "true%d", getpid());
	truth("proc.env[MATRIX]", "%s", "");
	truth("proc.fdlimit", "%lu", limit.rlim_cur);
	truth("proc.nthreads", "1");
	truth("proc.nchilds", "0");
	truth("thread.ismain", "true");
	truth("evt.arg.exe", "argv zero");
	truth("evt.arg.args", "one..two words.");
	truth("evt.arg.env", "A=1.SPACED= x .");
	truth("evt.arg.comm", "true");
	truth("evt.arg.filename", "/bin/true");
	truth("evt.arg.trusted_exepath", "%s", path);
	truth("evt.arg.fdlimit", "%lu", limit.rlim_cur);
	truth("evt.arg.exe_ino", "%lu", facts.st_ino);
	truth("evt.arg.tid", "true");
	truth("evt.rawarg.tid", "%d", getpid());
	truth("evt.rawarg.pid", "%d", getpid());
	truth("evt.rawarg.ptid", "%d", getppid());
	truth("evt.arg.cwd", "%s/", here());
	truth("evt.rawarg.tty", "%s", "0");
	truth("evt.arg.uid", "root");
	truth("evt.arg.gid", "root");
	truth("evt.rawarg.pgid", "%d", getpgid(0));
	truth("evt.rawarg.vpgid", "%d", getpgid(0));
	truth("evt.arg.vm_swap", "0");
	execve("/bin/true", arguments, environment);
	need(0, "execve");
}

DEED(execve, streams)
{
	char *arguments[] = {"true", NULL};
	int pair[2], listener = socket(AF_INET, SOCK_STREAM, 0);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in own, address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	need(!bind(listener, (void *)&address, length) && !listen(listener, 1) &&
		     !getsockname(listener, (void *)&address, &length) &&
		     !connect(client, (void *)&address, length) &&
		     !getsockname(client, (void *)&own, &length) && !pipe(pair),
	     "connect");
	dup2(open(made_file("execve-streams"), O_RDONLY), 0);
	dup2(client, 1);
	dup2(pair[1], 2);
	truth("proc.name", "true");
	truth("proc.stdin.type", "file");
	truth("proc.stdin.name", "%s/execve-streams", here());
	truth("proc.stdout.type", "ipv4");
	truth("proc.stdout.name", "127.0.0.1:%u->127.0.0.1:%u", ntohs(own.sin_port),
	      ntohs(address.sin_port));
	truth("proc.stderr.type", "pipe");
	truth("proc.stderr.name", "%s", "");
	tell_true("/bin/true", "true");
	execve("/bin/true", arguments, NULL);
	need(0, "execve");
}

DEED(dup2, stream)
{
	int fd = open(made_file("dup2-stream"), O_RDONLY);
	CALL(syscall(SYS_dup2, fd, 0));
	truth("proc.stdin.type", "file");
	truth("proc.stdin.name", "%s/dup2-stream", here());
	truth("fd.types[0]", "[\"file\"]");
}

DEED(execve, missing)
{
	char *arguments[] = {"none", "one", NULL};
	CALL(syscall(SYS_execve, "/no-such-program", arguments, NULL));
	truth("proc.name", "matrix");
	truth("evt.arg.exe", "none");
	truth("evt.arg.args", "one.");
	truth("evt.arg.filename", "/no-such-program");
}

DEED(execveat, missing)
{
	char *arguments[] = {"none", "one", NULL};
	CALL(syscall(SYS_execveat, AT_FDCWD, "no-such-program", arguments, NULL, 0));
	truth("proc.name", "matrix");
	truth("evt.arg.exe", "none");
	truth("evt.arg.args", "one.");
}

// The parameters of who makes a child.
static void tell_maker(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	truth("evt.arg.exe", "%s", program_invocation_name);
	truth("evt.arg.comm", "matrix");
	truth("evt.rawarg.tid", "%d", getpid());
	truth("evt.rawarg.pid", "%d", getpid());
	truth("evt.rawarg.ptid", "%d", getppid());
	truth("evt.arg.cwd", "%s/", here());
	truth("evt.arg.fdlimit", "%lu", limit.rlim_cur);
	truth("evt.arg.vm_swap", "0");
	truth("evt.arg.uid", "0");
	truth("evt.arg.gid", "0");
	truth("evt.rawarg.vtid", "%d", getpid());
	truth("evt.rawarg.vpid", "%d", getpid());
}

DEED(fork, child)
{
	pid_t child = CALL_FORK(syscall(SYS_fork));
	truth("evt.rawarg.res", "%d", child);
	truth("evt.arg.flags", "0");
	tell_maker();
}

DEED(clone, vm)
{
	pid_t child = CALL_FORK(
		syscall(SYS_clone, CLONE_NEWUTS | CLONE_FS | SIGCHLD, NULL, NULL, NULL, NULL));
	truth("evt.rawarg.res", "%d", child);
	truth("evt.arg.flags", "CLONE_FS|CLONE_NEWUTS");
	tell_maker();
}

DEED(clone3, files)
{
	struct clone_args arguments = {.flags = CLONE_FILES, .exit_signal = SIGCHLD};
	pid_t child = CALL_FORK(syscall(SYS_clone3, &arguments, sizeof(arguments)));
	truth("evt.rawarg.res", "%d", child);
	truth("evt.arg.flags", "CLONE_FILES");
	tell_maker();
}

DEED(procexit, code)
{
	truth("evt.rawarg.status", "1792");
	truth("evt.arg.ret", "7");
	truth("evt.arg.sig", "0");
	truth("evt.arg.core", "0");
	truth("evt.res", "<NA>");
	truth("evt.rawres", "<NA>");
}

DEED(procexit, signal)
{
	truth("evt.rawarg.status", "9");
	truth("evt.arg.ret", "0");
	truth("evt.arg.sig", "SIGKILL");
	kill(getpid(), SIGKILL);
}

DEED(kill, child)
{
	pid_t child = waiting();
	CALL(syscall(SYS_kill, child, SIGTERM));
	truth("evt.arg.pid", "matrix");
	truth("evt.rawarg.pid", "%d", child);
	truth("evt.arg.sig", "SIGTERM");
	end(child);
}

DEED(kill, nobody)
{
	CALL(syscall(SYS_kill, 4194303, 0));
	truth("evt.arg.sig", "0");
}

DEED(tkill, own)
{
	CALL(syscall(SYS_tkill, syscall(SYS_gettid), 0));
	truth("evt.arg.tid", "matrix");
}

DEED(tgkill, own)
{
	CALL(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGCONT));
	truth("evt.arg.pid", "matrix");
	truth("evt.arg.tid", "matrix");
	truth("evt.arg.sig", "SIGCONT");
}

DEED(ptrace, seize)
{
	pid_t child = waiting();
	CALL(syscall(SYS_ptrace, PTRACE_SEIZE, child, NULL, PTRACE_O_EXITKILL));
	truth("evt.arg.request", "PTRACE_SEIZE");
	truth("evt.arg.pid", "matrix");
	truth("evt.arg.addr", "0");
	truth("evt.arg.data", "%X", PTRACE_O_EXITKILL);
	end(child);
}

DEED(ptrace, refused)
{
	CALL(syscall(SYS_ptrace, PTRACE_CONT, getppid(), NULL, SIGINT));
	truth("evt.arg.request", "PTRACE_CONT");
	truth("evt.arg.data", "SIGINT");
}

static void tell_daemon(void)
{
	const struct passwd *user = getpwuid(1);

	need(user != NULL, "user 1");
	truth("user.uid", "1");
	truth("user.name", "daemon");
	truth("user.homedir", "%s", user->pw_dir);
	truth("user.shell", "%s", user->pw_shell);
	truth("proc.is_exe_writable", "false");
}

static void tell_leader(int is_of_session)
{
	truth("proc.is_sid_leader", "%s", is_of_session ? "true" : "false");
	if (is_of_session) {
		truth("proc.sname", "matrix");
		truth("proc.sid.exe", "%s", program_invocation_name);
	}
	truth("proc.is_pgid_leader", "true");
	truth("proc.is_vpgid_leader", "true");
	truth("proc.pgid.name", "matrix");
}

DEED(setuid, other)
{
	CALL(syscall(SYS_setuid, 1));
	truth("evt.arg.uid", "daemon");
	truth("evt.rawarg.uid", "1");
	tell_daemon();
	truth("thread.cap_effective", "%s", "");
}

DEED(setuid, refused)
{
	need(!setuid(1), "setuid");
	CALL(syscall(SYS_setuid, 0));
	truth("evt.arg.uid", "root");
	tell_daemon();
}

DEED(setgid, other)
{
	CALL(syscall(SYS_setgid, 1));
	truth("evt.arg.gid", "daemon");
	truth("group.gid", "1");
	truth("group.name", "daemon");
}

DEED(setreuid, half)
{
	CALL(syscall(SYS_setreuid, -1, 1));
	truth("evt.arg.ruid", "<NONE>");
	truth("evt.arg.euid", "daemon");
	tell_daemon();
}

DEED(setregid, half)
{
	CALL(syscall(SYS_setregid, 1, -1));
	truth("evt.rawarg.rgid", "1");
	truth("evt.arg.egid", "<NONE>");
}

DEED(setresuid, all)
{
	CALL(syscall(SYS_setresuid, 1, 1, -1));
	truth("evt.arg.ruid", "daemon");
	truth("evt.arg.euid", "daemon");
	truth("evt.arg.suid", "<NONE>");
	tell_daemon();
}

DEED(setresgid, all)
{
	CALL(syscall(SYS_setresgid, 1, 1, -1));
	truth("evt.arg.rgid", "daemon");
	truth("evt.arg.egid", "daemon");
	truth("evt.arg.sgid", "<NONE>");
	truth("group.gid", "1");
	truth("group.name", "daemon");
}

DEED(getuid, own)
{
	CALL(syscall(SYS_getuid));
	truth("evt.arg.uid", "root");
}

DEED(geteuid, own)
{
	CALL(syscall(SYS_geteuid));
	truth("evt.arg.euid", "root");
}

DEED(getgid, own)
{
	CALL(syscall(SYS_getgid));
	truth("evt.arg.gid", "root");
}

DEED(getegid, own)
{
	CALL(syscall(SYS_getegid));
	truth("evt.arg.egid", "root");
}

DEED(getresuid, own)
{
	uid_t ids[3];
	CALL(syscall(SYS_getresuid, ids, ids + 1, ids + 2));
	truth("evt.arg.ruid", "root");
	truth("evt.arg.euid", "root");
	truth("evt.arg.suid", "root");
}

DEED(getresgid, own)
{
	gid_t ids[3];
	CALL(syscall(SYS_getresgid, ids, ids + 1, ids + 2));
	truth("evt.arg.rgid", "root");
	truth("evt.arg.egid", "root");
	truth("evt.arg.sgid", "root");
}

DEED(setsid, leader)
{
	pid_t own = CALL(syscall(SYS_setsid));
	truth("evt.rawarg.res", "%d", own);
	truth("evt.arg.res", "matrix");
	truth("proc.sid", "%d", own);
	truth("proc.pgid", "%d", own);
	truth("proc.vpgid", "%d", own);
	tell_leader(1);
}

DEED(setsid, refused)
{
	setsid();
	CALL(syscall(SYS_setsid));
	truth("evt.res", "-1");
	truth("proc.sid", "%d", getpid());
	truth("proc.pgid", "%d", getpid());
	truth("proc.vpgid", "%d", getpid());
	tell_leader(1);
}

DEED(setpgid, own)
{
	CALL(syscall(SYS_setpgid, 0, 0));
	truth("evt.rawarg.pid", "0");
	truth("evt.rawarg.pgid", "0");
	truth("proc.pgid", "%d", getpid());
	truth("proc.vpgid", "%d", getpid());
	tell_leader(0);
}

DEED(capset, fewer)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{1 << CAP_KILL, 1 << CAP_KILL | 1 << CAP_CHOWN, 0},
						 {}};
	CALL(syscall(SYS_capset, &header, data));
	truth("evt.arg.cap_effective", "%X", 1 << CAP_KILL);
	truth("evt.arg.cap_permitted", "%X", 1 << CAP_KILL | 1 << CAP_CHOWN);
	truth("evt.arg.cap_inheritable", "0");
	truth("thread.cap_effective", "CAP_KILL");
	truth("thread.cap_permitted", "CAP_CHOWN CAP_KILL");
}

DEED(prctl, name)
{
	CALL(syscall(SYS_prctl, PR_SET_NAME, "spoofed"));
	truth("evt.arg.option", "PR_SET_NAME");
	truth("evt.arg.arg2_str", "spoofed");
	truth("proc.name", "matrix");
}

DEED(prctl, number)
{
	CALL(syscall(SYS_prctl, PR_SET_DUMPABLE, 1));
	truth("evt.arg.option", "PR_SET_DUMPABLE");
	truth("evt.arg.arg2_int", "1");
}

DEED(seccomp, action)
{
	unsigned int action = SECCOMP_RET_ALLOW;
	CALL(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action));
	truth("evt.arg.op", "2");
	truth("evt.arg.flags", "0");
}

DEED(setns, uts)
{
	int fd = open("/proc/self/ns/uts", O_RDONLY);
	CALL(syscall(SYS_setns, fd, CLONE_NEWUTS));
	truth("fd.num", "%d", fd);
	truth("fd.type", "file");
	truth("evt.rawarg.fd", "%d", fd);
	truth("evt.arg.nstype", "CLONE_NEWUTS");
}

DEED(unshare, uts)
{
	CALL(syscall(SYS_unshare, CLONE_NEWUTS | CLONE_NEWIPC));
	truth("evt.arg.flags", "CLONE_NEWIPC|CLONE_NEWUTS");
}

DEED(unshare, refused)
{
	CALL(syscall(SYS_unshare, 0x40));
	truth("evt.res", "EINVAL");
}

DEED(prlimit, descriptors)
{
	struct rlimit old, new = {1000, 4096};
	CALL(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &new, &old));
	truth("evt.arg.newcur", "1000");
	truth("evt.arg.newmax", "4096");
	truth("evt.arg.oldcur", "%ld", (long)old.rlim_cur);
	truth("evt.arg.oldmax", "%ld", (long)old.rlim_max);
	truth("evt.rawarg.pid", "0");
	truth("evt.arg.resource", "RLIMIT_NOFILE");
}

#ifdef SYS_getrlimit
DEED(getrlimit, descriptors)
{
	struct rlimit limit;
	CALL(syscall(SYS_getrlimit, RLIMIT_NOFILE, &limit));
	truth("evt.arg.cur", "%ld", (long)limit.rlim_cur);
	truth("evt.arg.max", "%ld", (long)limit.rlim_max);
	truth("evt.arg.resource", "RLIMIT_NOFILE");
}

DEED(setrlimit, core)
{
	struct rlimit limit = {0, 0};
	CALL(syscall(SYS_setrlimit, RLIMIT_CORE, &limit));
	truth("evt.arg.cur", "0");
	truth("evt.arg.max", "0");
	truth("evt.arg.resource", "RLIMIT_CORE");
}
#endif

static char own_room[8], other_room[8] = "payload";

DEED(process_vm_readv, child)
{
	pid_t child = waiting();
	struct iovec own = {own_room, 8}, other = {other_room, 8};
	CALL(syscall(SYS_process_vm_readv, child, &own, 1, &other, 1, 0));
	truth("evt.arg.pid", "matrix");
	truth("evt.arg.data", "payload.");
	truth("evt.arg.res", "8");
	end(child);
}

DEED(process_vm_writev, child)
{
	pid_t child = waiting();
	struct iovec own = {other_room, 8}, other = {own_room, 8};
	CALL(syscall(SYS_process_vm_writev, child, &own, 1, &other, 1, 0));
	truth("evt.arg.data", "payload.");
	end(child);
}

DEED(process_vm_readv, refused)
{
	struct iovec own = {own_room, 8}, other = {other_room, 8};
	CALL(syscall(SYS_process_vm_readv, 4194303, &own, 1, &other, 1, 0));
	truth("evt.res", "-3");
}

DEED(pidfd_open, child)
{
	pid_t child = waiting();
	int fd = CALL(syscall(SYS_pidfd_open, child, 0));
	truth("fd.num", "%d", fd);
	truth("fd.type", "pidfd");
	truth("fd.typechar", "P");
	truth("fd.name", "/proc/%d", child);
	truth("evt.rawarg.fd", "%d", fd);
	truth("evt.arg.pid", "matrix");
	end(child);
}

DEED(pidfd_getfd, child)
{
	int target = open(made_file("pidfd_getfd-child"), O_RDONLY);
	pid_t child = waiting();
	int pidfd = syscall(SYS_pidfd_open, child, 0);
	int fd = CALL(syscall(SYS_pidfd_getfd, pidfd, target, 0));
	tell_file(fd);
	tell_fd("fd", fd);
	truth("evt.rawarg.pid_fd", "%d", pidfd);
	truth("evt.rawarg.target_fd", "%d", target);
	truth("evt.arg.flags", "0");
	end(child);
}

DEED(keyctl, session)
{
	CALL(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, (long)KEY_SPEC_PROCESS_KEYRING, 0));
	truth("evt.arg.operation", "KEYCTL_GET_KEYRING_ID");
	truth("evt.arg.arg2", "-2");
	truth("evt.arg.arg3", "0");
}
