// SPDX-License-Identifier: Apache-2.0
// calls WHAT [ARGUMENT...]: one deed that rules look for, by the system call itself. Tests copy it
// under the names of other programs, and mount it into containers: so it is linked statically.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/ethernet.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// linux/userfaultfd.h of Debian 12 has it; older ones lack it.
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

static int spawn(char **arguments)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		execv(arguments[0], arguments);
		_exit(127);
	}
	waitpid(child, &status, 0);
	return 0;
}

static int open_late(const char *path, unsigned int seconds)
{
	sleep(seconds);
	return open(path, O_RDONLY) < 0;
}

static int attach(void)
{
	pid_t child = fork();

	if (child == 0)
		for (;;)
			pause();
	long result = ptrace(PTRACE_SEIZE, child, 0, 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return result != 0;
}

static int load_program(void)
{
	// r0 = 0; exit
	struct bpf_insn instructions[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attributes;

	memset(&attributes, 0, sizeof(attributes));
	attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attributes.insns = (unsigned long)instructions;
	attributes.insn_cnt = 2;
	attributes.license = (unsigned long)"GPL";
	return syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes)) < 0;
}

static int make_map(void)
{
	union bpf_attr attributes;

	memset(&attributes, 0, sizeof(attributes));
	attributes.map_type = BPF_MAP_TYPE_ARRAY;
	attributes.key_size = 4;
	attributes.value_size = 4;
	attributes.max_entries = 1;
	return syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes)) < 0;
}

// Listens and connects to itself: whatever the address, somebody answers.
static int connect_to_self(const char *host, const char *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	int yes = 1;

	inet_pton(AF_INET, host, &address.sin_addr);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1))
		return 3;
	return connect(client, (struct sockaddr *)&address, sizeof(address)) != 0;
}

// Puts a connected socket in the place of another descriptor.
static int redirect(int target)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
	int client = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
	if (connect(client, (struct sockaddr *)&address, sizeof(address)))
		return 3;
	return dup2(client, target) < 0;
}

static int enter_own_namespace(void)
{
	int own = open("/proc/self/ns/uts", O_RDONLY);

	return setns(own, CLONE_NEWUTS) != 0;
}

static int run(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "spawn") && argc > 2)
		return spawn(argv + 2);
	if (!strcmp(what, "open") && argc > 3)
		return open_late(argv[2], atoi(argv[3]));
	if (!strcmp(what, "attach"))
		return attach();
	if (!strcmp(what, "traceme"))
		return ptrace(PTRACE_TRACEME, 0, 0, 0) != 0;
	if (!strcmp(what, "bpf-program"))
		return load_program();
	if (!strcmp(what, "bpf-map"))
		return make_map();
	if (!strcmp(what, "setns"))
		return enter_own_namespace();
	if (!strcmp(what, "userfaultfd"))
		return syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY) < 0;
	if (!strcmp(what, "setuid"))
		return setuid(0) != 0;
	if (!strcmp(what, "tcp") && argc > 3)
		return connect_to_self(argv[2], argv[3]);
	if (!strcmp(what, "packet-socket"))
		return socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)) < 0;
	if (!strcmp(what, "udp-socket"))
		return socket(AF_INET, SOCK_DGRAM, 0) < 0;
	if (!strcmp(what, "redirect") && argc > 2)
		return redirect(atoi(argv[2]));
	if (!strcmp(what, "module"))
		return syscall(SYS_finit_module, open("/dev/null", O_RDONLY), "", 0) == 0;
	return 0;
}

int main(int argc, char **argv)
{
	int result = run(argc, argv);

	if (result)
		fprintf(stderr, "%s %s: %s\n", argv[0], argc > 1 ? argv[1] : "", strerror(errno));
	return result;
}
