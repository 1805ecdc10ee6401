/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Layout of the records that the BPF programs put into the lanes, and nothing else.
 * `capture/src/record.rs` mirrors it; both sides assert sizes and offsets, so a change here that
 * is not made there fails the build.
 *
 * A record is a fixed part followed by its sections, whose lengths stand in the fixed part, in the
 * order in which the lengths stand there. All numbers are in host byte order.
 *
 * A path section holds the names from the leaf up to the root, each ended by a NUL.
 */
#ifndef PEREGRINE_RECORD_H
#define PEREGRINE_RECORD_H

#define RECORD_VERSION 3

/* Longest text that a section takes; more is cut and RECORD_TRUNCATED set. */
#define LIMIT_PATH 4096 /* PATH_MAX of the kernel, its NUL included */
#define LIMIT_NAME 256 /* NAME_MAX and its NUL */
#define LIMIT_ARGUMENTS 32768
#define LIMIT_ENVIRONMENT 16384
#define LIMIT_COMM 16 /* TASK_COMM_LEN */
#define LIMIT_ADDRESS 128 /* sizeof(struct sockaddr_storage) */

/* Values are never used again for something else. */
enum record_kind {
	RECORD_WAKE = 0, /* only a header; sent to end a sleep of the reader */
	RECORD_FORK = 1,
	RECORD_EXEC = 2,
	RECORD_EXIT = 3,
	RECORD_CGROUP_ATTACH = 4,
	RECORD_STREAMS = 5, /* a struct call_record: what descriptors 0 to 2 stand for at an exec */
	RECORD_EXEC_FAILED = 32,
	RECORD_OPEN = 33,
	RECORD_CONNECT = 34,
	RECORD_CALL = 35,
};

enum lane {
	LANE_LIFE_CYCLE = 0,
	LANE_BUSY = 1,
	N_LANES = 2,
};

enum record_flag {
	RECORD_TRUNCATED = 1, /* a section was cut at its limit */
	RECORD_UNREADABLE = 2, /* memory of the caller could not be read */
	RECORD_MISMATCH = 4, /* the kernel's object is not what was asked for */
	RECORD_FROM_CALLER = 8, /* the kernel's object was gone: the caller's copy stands instead */
	RECORD_AUDIT = 16, /* the filter would have left it out */
};

enum path_flag {
	PATH_ROOTED = 1, /* ends at the root directory of the process */
	PATH_PSEUDO = 2, /* a file without a directory: memfd, pipe, socket */
	PATH_OUTSIDE = 4, /* ends at the root of a mount tree that the process cannot reach */
	PATH_CUT = 8, /* more names than the walk takes */
	PATH_DELETED = 16, /* no name is left for the inode */
};

enum file_flag {
	FILE_UPPER_LAYER = 1, /* overlayfs: in the writable layer */
	FILE_LOWER_LAYER = 2, /* overlayfs: in a read-only layer */
	FILE_CREATED = 4, /* this open made the file (FMODE_CREATED) */
};

/* Which system call an open record stands for. */
enum open_call {
	OPEN_CALL_OPEN = 0,
	OPEN_CALL_OPENAT = 1,
	OPEN_CALL_OPENAT2 = 2,
	OPEN_CALL_CREAT = 3,
};

/* How a request came. */
enum call_via {
	VIA_SYSCALL = 0,
	VIA_IO_URING = 1,
};

struct record_header {
	__u64 time; /* CLOCK_BOOTTIME, ns */
	__u64 sequence; /* grows by one per record of this lane and CPU, lost ones included */
	__u64 start_time; /* when the main thread of `pid` began, CLOCK_BOOTTIME, ns */
	__u32 length; /* of the whole record, bytes */
	__u32 pid; /* thread group, as the host counts */
	__u32 tid;
	__u32 euid;
	__u32 egid;
	__u32 loginuid; /* all ones: not set */
	__u32 flags; /* enum record_flag */
	__u16 kind; /* enum record_kind */
	__u16 cpu;
	__u8 version;
	__u8 lane;
	__u8 _pad[6];
};

/* What fork and exec say of a process. */
struct process_facts {
	__u64 start_time; /* CLOCK_BOOTTIME, ns */
	__u64 parent_start_time;
	__u64 pidns_start_time; /* when the init of its pid namespace began; 0: unknown */
	__u64 cap_inheritable;
	__u64 cap_permitted;
	__u64 cap_effective;
	__u64 cgroup_id;
	__u64 descriptor_limit; /* RLIMIT_NOFILE */
	__u64 major_faults;
	__u64 minor_faults;
	__u32 pid;
	__u32 parent_pid;
	__u32 vpid; /* as its own pid namespace counts */
	__u32 session_id; /* as the host counts */
	__u32 group_id;
	__u32 vgroup_id;
	__u32 vsession_id;
	__u32 tty; /* as new_encode_dev() writes it; 0: none */
	__u32 uid;
	__u32 gid;
	__u32 euid;
	__u32 egid;
	__u32 loginuid;
	__u32 vm_size; /* KiB, as struct memory_facts */
	__u32 vm_rss;
	__u32 vm_swap;
	__u32 n_descriptors; /* all ones: more than are counted */
	__u32 n_threads;
	char comm[LIMIT_COMM];
};

/* Sections: cgroup path. */
struct fork_record {
	struct record_header header; /* of the forking thread */
	struct process_facts child;
	__u64 flags; /* CLONE_* */
	__u32 syscall; /* number of the system call that the forking thread is in */
	__u32 is_compat; /* that number is one of the 32-bit table */
	__u32 cgroup_flags;
	__u32 cgroup_length;
};

/* Sections: filename, executable path, cwd path, cgroup path, arguments, environment. */
struct exec_record {
	struct record_header header;
	struct process_facts process;
	__u64 executable_inode;
	__u64 executable_ctime; /* ns since the epoch */
	__u64 executable_mtime;
	__u64 arguments_total; /* bytes before any cut */
	__u64 environment_total;
	__u32 executable_device; /* kernel's dev_t */
	__u32 executable_uid;
	__u32 executable_gid;
	__u32 executable_mode; /* i_mode */
	__u32 executable_flags; /* enum file_flag */
	__u32 filename_length;
	__u32 executable_path_flags;
	__u32 executable_length;
	__u32 cwd_flags;
	__u32 cwd_length;
	__u32 cgroup_flags;
	__u32 cgroup_length;
	__u32 arguments_length;
	__u32 environment_length;
};

struct exit_record {
	struct record_header header;
	__s32 status; /* as wait(2) has it */
	__u32 _pad;
};

/* Sections: cgroup path. */
struct cgroup_attach_record {
	struct record_header header; /* of the thread that moves the process */
	__u64 cgroup_id;
	__u64 start_time; /* of the moved process */
	__u32 pid; /* of the moved process */
	__u32 path_length;
};

/* Sections: filename, base path (of dirfd, or the cwd), arguments. */
struct exec_failed_record {
	struct record_header header;
	__s64 result; /* negative errno */
	__s32 dirfd; /* AT_FDCWD for execve */
	__u32 at; /* 1: execveat */
	__u32 filename_length;
	__u32 base_flags;
	__u32 base_length;
	__u32 arguments_length;
};

/* Sections: requested path, base path (of dirfd, or the cwd; only for relative ones), resolved
 * path. */
struct open_record {
	struct record_header header;
	__s64 result; /* fd, or negative errno */
	__u64 inode;
	__u64 resolve; /* openat2's RESOLVE_* */
	__u32 device; /* kernel's dev_t */
	__u32 open_flags; /* the caller's O_* */
	__u32 mode; /* the caller's */
	__s32 dirfd;
	__u32 call; /* enum open_call */
	__u32 via; /* enum call_via */
	__u32 _pad;
	__u32 file_mode; /* i_mode */
	__u32 file_flags; /* enum file_flag */
	__u32 requested_length;
	__u32 base_flags;
	__u32 base_length;
	__u32 resolved_flags;
	__u32 resolved_length;
};

/* What a kernel's socket says. */
struct socket_facts {
	__u64 socket; /* addresses of the kernel's socket and its peer, as names for them */
	__u64 peer;
	__u64 inode;
	__u16 family; /* 0: no socket */
	__u16 type; /* SOCK_* */
	__u16 protocol; /* IPPROTO_* */
	__u16 state; /* TCP_* */
	__u16 local_port; /* host byte order */
	__u16 remote_port;
	__u8 local_address[16]; /* IPv4 in the first four bytes */
	__u8 remote_address[16];
	__u16 is_listening; /* of TCP and unix sockets */
	__u16 is_accepted; /* of TCP: the other end has connected to this one */
	__u32 queue; /* of a listening one: connections that wait for accept(2) */
	__u32 queue_limit;
};

/* Sections: address as the caller gave it (struct sockaddr), path of the unix peer. */
struct connect_record {
	struct record_header header;
	__s64 result;
	struct socket_facts socket;
	__s32 fd;
	__u32 address_length;
	__u32 path_length;
	__u32 via; /* enum call_via */
};

/* What a descriptor stands for, unless it is a socket. */
struct file_facts {
	__u64 inode;
	__u32 device; /* kernel's dev_t */
	__u32 mode; /* i_mode */
	__u32 file_flags; /* enum file_flag */
	__u32 open_flags; /* f_flags */
	__u32 magic; /* of the file system */
	__u32 _pad;
};

/* Memory of a process, KiB. The kernel counts the resident part per CPU and sums up only now and
 * then, so it may lag by some hundred KiB. */
struct memory_facts {
	__u32 vm_size;
	__u32 vm_rss;
	__u32 vm_swap;
	__u32 _pad;
};

/* Who a process is and what it may, where a call changes that. */
struct identity_facts {
	__u64 cap_inheritable;
	__u64 cap_permitted;
	__u64 cap_effective;
	__u32 session_id; /* these as in struct process_facts */
	__u32 group_id;
	__u32 vgroup_id;
	__u32 vsession_id;
};

enum section_kind {
	SECTION_TEXT = 1, /* of the caller, its NUL included */
	SECTION_BASE = 2, /* path that a relative name is relative to */
	SECTION_FILE = 3, /* struct file_facts */
	SECTION_FILE_PATH = 4,
	SECTION_SOCKET = 5, /* struct socket_facts */
	SECTION_SOCKET_PATH = 6, /* name of the unix peer, or of a socket without one its own */
	SECTION_BYTES = 7, /* memory of the caller */
	SECTION_ADDRESS = 8, /* struct sockaddr of the caller */
	SECTION_CWD = 9, /* path of the working directory after the call */
	SECTION_PAIR = 10, /* two new descriptors, __s32 each */
	SECTION_MEMORY = 11, /* struct memory_facts after the call */
	SECTION_TOTAL = 12, /* __u64: bytes that an array of vectors stands for */
	SECTION_IDENTITY = 13, /* struct identity_facts after the call */
	SECTION_CONTROL = 14, /* control messages of a struct msghdr of the caller */
	SECTION_POLLED = 15, /* for each descriptor a struct polled_descriptor and its sections */
};

/* Stand where an argument's index else stands. */
#define SECTION_RESULT 6
#define SECTION_FIRST 7 /* of SECTION_PAIR */
#define SECTION_SECOND 8
#define CALL_SECTIONS 10

struct call_section {
	__u16 kind; /* enum section_kind */
	__u16 argument; /* index of the argument that it belongs to, or SECTION_RESULT */
	__u32 flags; /* enum path_flag */
	__u32 length;
};

/* A descriptor that a call waits for: what it stands for and its name; kind 0 where there is none.
 */
struct polled_descriptor {
	struct call_section sections[2];
};

/* Any other system call, read by its recipe (recipe.h). Sections: those of the table. */
struct call_record {
	struct record_header header;
	__s64 result;
	__u64 arguments[6];
	__u32 number; /* of the native or of the 32-bit table */
	__u16 is_compat; /* 1: of the 32-bit table */
	__u16 via; /* enum call_via */
	__u32 n_sections;
	__u32 n_names; /* names compared with what they were at the entry */
	struct call_section sections[CALL_SECTIONS];
};

#endif
