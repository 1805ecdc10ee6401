// SPDX-License-Identifier: Apache-2.0
// Memory, waiting, and what else makes descriptors.
#include "matrix.h"
#include <linux/bpf.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

#define PAGE 4096UL

// What /proc says of this process, in KiB.
static unsigned long memory_line(const char *name)
{
	char room[8192], *line;
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t length = read(fd, room, sizeof(room) - 1);

	need(length > 0, "status");
	room[length] = 0;
	line = strstr(room, name);
	need(line != NULL, name);
	return strtoul(line + strlen(name), NULL, 10);
}

static void tell_memory(void)
{
	truth("evt.arg.vm_size", "%lu", memory_line("VmSize:"));
	truth("evt.arg.vm_rss", "~%lu", memory_line("VmRSS:"));
	truth("evt.arg.vm_swap", "%lu", memory_line("VmSwap:"));
}

DEED(brk, same)
{
	void *now = sbrk(0);
	CALL(syscall(SYS_brk, now));
	truth("evt.arg.res", "%lX", (unsigned long)now);
	truth("evt.arg.addr", "%lX", (unsigned long)now);
	tell_memory();
}

DEED(mmap, anonymous)
{
	void *place = (void *)CALL(syscall(SYS_mmap, NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	need(place != MAP_FAILED, "mmap");
	truth("fd.num", "-1");
	truth("evt.arg.addr", "0");
	truth("evt.arg.length", "%lu", 64 * PAGE);
	truth("evt.arg.prot", "PROT_READ|PROT_WRITE");
	truth("evt.arg.flags", "MAP_PRIVATE|MAP_ANONYMOUS");
	truth("evt.arg.offset", "0");
	tell_memory();
}

DEED(mmap, file)
{
	int fd = open(made_file("mmap-file"), O_RDONLY);
	CALL(syscall(SYS_mmap, NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0));
	tell_file(fd);
	tell_fd("fd", fd);
	truth("evt.arg.prot", "PROT_READ|PROT_EXEC");
	truth("evt.arg.flags", "MAP_SHARED");
}

DEED(mprotect, page)
{
	void *place = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CALL(syscall(SYS_mprotect, place, PAGE, PROT_NONE));
	truth("evt.arg.addr", "%lX", (unsigned long)place);
	truth("evt.arg.length", "%lu", PAGE);
	truth("evt.arg.prot", "PROT_NONE");
}

DEED(munmap, page)
{
	void *place = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CALL(syscall(SYS_munmap, place, PAGE));
	truth("evt.arg.addr", "%lX", (unsigned long)place);
	truth("evt.arg.length", "%lu", PAGE);
	tell_memory();
}

DEED(mlock, page)
{
	void *place = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CALL(syscall(SYS_mlock, place, PAGE));
	truth("evt.arg.addr", "%lX", (unsigned long)place);
	truth("evt.arg.len", "%lu", PAGE);
}

DEED(mlock2, page)
{
	void *place = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CALL(syscall(SYS_mlock2, place, PAGE, 1));
	truth("evt.arg.flags", "MLOCK_ONFAULT");
}

DEED(munlock, nothing)
{
	CALL(syscall(SYS_munlock, 0, PAGE));
	truth("evt.arg.addr", "0");
	truth("evt.count.error.memory", "1");
}

DEED(mlockall, none)
{
	CALL(syscall(SYS_mlockall, 0));
	truth("evt.arg.flags", "0");
}

DEED(munlockall, all)
{
	CALL(syscall(SYS_munlockall));
}

DEED(memfd_create, sealed)
{
	int fd = CALL(syscall(SYS_memfd_create, "secret", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	tell_file(fd);
	tell_fd("fd", fd);
	truth("evt.arg.name", "secret");
	truth("evt.arg.flags", "MFD_CLOEXEC|MFD_ALLOW_SEALING");
}

static void tell_new(int fd)
{
	need(fd >= 0, "descriptor");
	tell_file(fd);
	tell_fd("res", fd);
}

#ifdef SYS_eventfd
DEED(eventfd, made)
{
	tell_new(CALL(syscall(SYS_eventfd, 3)));
	truth("evt.arg.initval", "3");
}

DEED(epoll_create, made)
{
	tell_file(CALL(syscall(SYS_epoll_create, 9)));
	truth("evt.arg.size", "9");
}

DEED(inotify_init, made)
{
	tell_new(CALL(syscall(SYS_inotify_init)));
}

DEED(signalfd, made)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	tell_new(CALL(syscall(SYS_signalfd, -1, &set, 8)));
	truth("evt.arg.mask", "2");
	truth("evt.rawarg.fd", "-1");
}

DEED(poll, ready)
{
	int pair[2];
	need(!pipe(pair), "pipe");
	struct pollfd fds = {pair[1], POLLOUT, 0};
	CALL(syscall(SYS_poll, &fds, 1, 1000));
	truth("evt.arg.timeout", "1000");
	truth("evt.arg.fds", "%d:p4", pair[1]);
	truth("fdlist.nums", "%d", pair[1]);
	truth("fdlist.names", "<NA>");
	truth("evt.is_wait", "true");
}

DEED(select, nothing)
{
	struct timeval none = {};
	CALL(syscall(SYS_select, 0, NULL, NULL, NULL, &none));
	truth("evt.is_wait", "true");
	truth("evt.category", "wait");
}

DEED(epoll_wait, nothing)
{
	struct epoll_event event;
	CALL(syscall(SYS_epoll_wait, epoll_create1(0), &event, 1, 0));
	truth("evt.arg.maxevents", "1");
	truth("evt.is_wait", "true");
}
#endif

DEED(eventfd2, made)
{
	tell_new(CALL(syscall(SYS_eventfd2, 3, EFD_CLOEXEC)));
	truth("evt.arg.initval", "3");
	truth("evt.arg.flags", "O_CLOEXEC");
}

DEED(epoll_create1, made)
{
	tell_file(CALL(syscall(SYS_epoll_create1, EPOLL_CLOEXEC)));
	truth("evt.arg.flags", "EPOLL_CLOEXEC");
}

DEED(inotify_init1, made)
{
	tell_new(CALL(syscall(SYS_inotify_init1, IN_NONBLOCK)));
	truth("evt.arg.flags", "O_NONBLOCK");
}

DEED(signalfd4, made)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	tell_new(CALL(syscall(SYS_signalfd4, -1, &set, 8, SFD_CLOEXEC)));
	truth("evt.arg.mask", "1");
	truth("evt.arg.flags", "O_CLOEXEC");
}

DEED(timerfd_create, made)
{
	tell_new(CALL(syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0)));
	truth("evt.arg.clockid", "1");
	truth("evt.arg.flags", "0");
}

DEED(userfaultfd, made)
{
	tell_file(CALL(syscall(SYS_userfaultfd, O_CLOEXEC | 1)));
	truth("evt.arg.flags", "O_WRONLY|O_CLOEXEC");
}

DEED(bpf, map)
{
	union bpf_attr attributes = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
	int fd = CALL(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes)));
	tell_file(fd);
	truth("evt.rawarg.fd", "%d", fd);
	truth("evt.arg.cmd", "BPF_MAP_CREATE");
}

DEED(bpf, lookup)
{
	union bpf_attr attributes = {.map_fd = 977};
	CALL(syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attributes, sizeof(attributes)));
	truth("evt.arg.cmd", "BPF_MAP_LOOKUP_ELEM");
	truth("evt.arg.fd", "EBADF");
	truth("fd.type", "<NA>");
}

DEED(io_uring_setup, made)
{
	struct io_uring_params parameters = {.flags = IORING_SETUP_CQSIZE, .cq_entries = 16};
	int fd = CALL(syscall(SYS_io_uring_setup, 8, &parameters));
	tell_file(fd);
	truth("evt.arg.entries", "8");
	truth("evt.arg.sq_entries", "8");
	truth("evt.arg.cq_entries", "16");
	truth("evt.arg.flags", "IORING_SETUP_CQSIZE");
	truth("evt.arg.sq_thread_cpu", "0");
}

DEED(io_uring_enter, nothing)
{
	struct io_uring_params parameters = {};
	int fd = syscall(SYS_io_uring_setup, 8, &parameters);
	CALL(syscall(SYS_io_uring_enter, fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0));
	tell_file(fd);
	tell_fd("fd", fd);
	truth("evt.arg.to_submit", "0");
	truth("evt.arg.min_complete", "0");
	truth("evt.arg.flags", "IORING_ENTER_GETEVENTS");
}

DEED(io_uring_register, refused)
{
	CALL(syscall(SYS_io_uring_register, 977, IORING_REGISTER_PROBE, 0x1234, 9));
	truth("evt.arg.opcode", "IORING_REGISTER_PROBE");
	truth("evt.arg.arg", "1234");
	truth("evt.arg.nr_args", "9");
	truth("fd.num", "977");
}

DEED(fsconfig, string)
{
	int fd = syscall(SYS_fsopen, "tmpfs", 0);
	need(fd >= 0, "fsopen");
	CALL(syscall(SYS_fsconfig, fd, 1, "size", "1m", 0));
	truth("fd.num", "%d", fd);
	truth("evt.rawarg.fd", "%d", fd);
	truth("evt.arg.cmd", "FSCONFIG_SET_STRING");
	truth("evt.arg.key", "size");
	truth("evt.arg.value_charbuf", "1m");
	truth("evt.arg.aux", "0");
}

DEED(fsconfig, binary)
{
	int fd = syscall(SYS_fsopen, "tmpfs", 0);
	need(fd >= 0, "fsopen");
	CALL(syscall(SYS_fsconfig, fd, 2, "seed", "\001ab", 3));
	truth("evt.arg.cmd", "FSCONFIG_SET_BINARY");
	truth("evt.arg.key", "seed");
	truth("evt.arg.value_bytebuf", ".ab");
	truth("evt.arg.value_charbuf", "<NA>");
	truth("evt.arg.aux", "3");
}

DEED(init_module, refused)
{
	CALL(syscall(SYS_init_module, "no module", 9, "option=1"));
	truth("evt.arg.img", "no module");
	truth("evt.arg.length", "9");
	truth("evt.arg.uargs", "option=1");
}

DEED(finit_module, refused)
{
	int fd = open(made_file("finit_module-file"), O_RDONLY);
	CALL(syscall(SYS_finit_module, fd, "option=1", 1));
	tell_file(fd);
	tell_fd("fd", fd);
	truth("evt.arg.uargs", "option=1");
	truth("evt.arg.flags", "MODULE_INIT_IGNORE_MODVERSIONS");
}

DEED(delete_module, refused)
{
	CALL(syscall(SYS_delete_module, "no_such_module", O_NONBLOCK));
	truth("evt.arg.name", "no_such_module");
	truth("evt.arg.flags", "O_NONBLOCK");
}

DEED(futex, wake)
{
	int word = 0;
	CALL(syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0));
	truth("evt.arg.addr", "%lX", (unsigned long)&word);
	truth("evt.arg.op", "FUTEX_PRIVATE_FLAG|FUTEX_WAKE");
	truth("evt.arg.val", "1");
}

DEED(nanosleep, brief)
{
	struct timespec time = {0, 1000};
	CALL(syscall(SYS_nanosleep, &time, NULL));
	truth("evt.rawarg.interval", "1000");
	truth("evt.arg.interval", "1e-06s");
	truth("evt.is_wait", "true");
}

DEED(ppoll, ready)
{
	int pair[2];
	need(!pipe(pair), "pipe");
	struct pollfd fds = {pair[1], POLLOUT, 0};
	struct timespec time = {2, 0};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	CALL(syscall(SYS_ppoll, &fds, 1, &time, &set, 8));
	truth("evt.arg.sigmask", "SIGINT");
	truth("evt.arg.timeout", "2s");
	truth("evt.arg.fds", "%d:p4", pair[1]);
	truth("fdlist.nums", "%d", pair[1]);
}

DEED(semget, private)
{
	int set = CALL(syscall(SYS_semget, IPC_PRIVATE, 2, IPC_CREAT | 0600));
	truth("evt.arg.key", "0");
	truth("evt.arg.nsems", "2");
	semctl(set, 0, IPC_RMID);
}

DEED(semop, two)
{
	int set = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600);
	struct sembuf operations[] = {{0, 1, 0}, {1, 2, IPC_NOWAIT}};
	CALL(syscall(SYS_semop, set, operations, 2));
	truth("evt.arg.nsops", "2");
	truth("evt.arg.sem_num_0", "0");
	truth("evt.arg.sem_op_0", "1");
	truth("evt.arg.sem_num_1", "1");
	truth("evt.arg.sem_op_1", "2");
	truth("evt.arg.sem_flg_1", "IPC_NOWAIT");
	truth("evt.arg.semid", "%d", set);
	semctl(set, 0, IPC_RMID);
}

DEED(semctl, removed)
{
	int set = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600);
	CALL(syscall(SYS_semctl, set, 0, IPC_RMID, 0));
	truth("evt.arg.semid", "%d", set);
	truth("evt.arg.semnum", "0");
	truth("evt.arg.cmd", "IPC_RMID");
}
