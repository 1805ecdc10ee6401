// SPDX-License-Identifier: Apache-2.0
// Files and descriptors.
#include "matrix.h"
#include <linux/openat2.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static void tell_opened(int fd, const char *given, const char *flags)
{
	struct stat facts;

	need(fd >= 0 && !fstat(fd, &facts), given);
	tell_file(fd);
	tell_fd("fd", fd);
	tell_path("name", given);
	truth("fd.nameraw", "%s", given);
	truth("evt.arg.dev", "%lX", facts.st_dev);
	truth("evt.arg.ino", "%lu", facts.st_ino);
	if (flags)
		truth("evt.arg.flags", "%s", flags);
}

static void tell_fs_name(const char *given)
{
	truth("fs.path.nameraw", "%s", given);
	if (*given == '/')
		truth("fs.path.name", "%s", given);
	else
		truth("fs.path.name", "%s/%s", here(), given);
}

#ifdef SYS_open
DEED(open, absolute)
{
	const char *path = made_file("open-absolute");
	tell_opened(CALL(syscall(SYS_open, path, O_RDONLY)), path, "O_RDONLY");
	truth("evt.is_open_read", "true");
	truth("evt.is_open_write", "false");
	truth("evt.arg.mode", "0");
	tell_fs_name(path);
}

DEED(open, created)
{
	int fd = CALL(syscall(SYS_open, "open-created", O_CREAT | O_WRONLY | O_TRUNC, 0755));
	tell_opened(fd, "open-created", "O_TRUNC|O_CREAT|O_WRONLY|O_F_CREATED");
	truth("evt.is_open_read", "false");
	truth("evt.is_open_write", "true");
	truth("evt.is_open_create", "true");
	truth("evt.is_open_exec", "true");
	truth("evt.arg.mode", "0755");
	tell_fs_name("open-created");
}

DEED(open, missing)
{
	CALL(syscall(SYS_open, "open-missing", O_RDWR));
	tell_no_file("o", "");
	truth("fd.name", "%s/open-missing", here());
	truth("fd.num", "-1");
	truth("evt.arg.fd", "ENOENT");
	truth("evt.arg.flags", "O_RDWR");
	truth("evt.is_open_read", "true");
	truth("evt.is_open_write", "true");
	tell_fs_name("open-missing");
}

DEED(creat, made)
{
	int fd = CALL(syscall(SYS_creat, "creat-made", 0600));
	tell_opened(fd, "creat-made", NULL);
	truth("evt.arg.mode", "0600");
	truth("evt.arg.creat_flags", "0");
	truth("evt.is_open_write", "false");
	truth("evt.is_open_create", "true");
	truth("fs.path.name", "<NA>");
}

DEED(creat, refused)
{
	CALL(syscall(SYS_creat, "no-such-folder/x", 0600));
	tell_no_file("f", "");
	truth("fd.name", "%s/no-such-folder/x", here());
}
#endif

DEED(openat, relative)
{
	made_file("openat-relative");
	int fd = CALL(syscall(SYS_openat, AT_FDCWD, "./openat-relative", O_RDONLY | O_CLOEXEC));
	tell_opened(fd, "openat-relative", "O_RDONLY|O_CLOEXEC");
	truth("evt.rawarg.name", "./openat-relative");
	truth("fd.nameraw", "./openat-relative");
	truth("evt.arg.dirfd", "AT_FDCWD");
	truth("evt.abspath", "%s/openat-relative", here());
	tell_fs_name("openat-relative");
	truth("fs.path.nameraw", "./openat-relative");
}

DEED(openat, directory)
{
	int fd = CALL(syscall(SYS_openat, AT_FDCWD, here(), O_RDONLY | O_DIRECTORY));
	tell_opened(fd, here(), "O_DIRECTORY|O_RDONLY");
}

DEED(openat, append)
{
	int folder = open(here(), O_PATH);
	made_file("openat-append");
	int fd = CALL(syscall(SYS_openat, folder, "openat-append", O_RDWR | O_APPEND | O_NONBLOCK));
	tell_opened(fd, "openat-append", "O_NONBLOCK|O_APPEND|O_RDWR");
	tell_fd("dirfd", folder);
}

DEED(openat, missing)
{
	CALL(syscall(SYS_openat, AT_FDCWD, "../x//./openat-missing", O_WRONLY));
	truth("fd.typechar", "f");
	truth("fd.num", "-1");
	truth("evt.is_open_write", "true");
	truth("evt.arg.fd", "ENOENT");
}

DEED(openat2, resolved)
{
	struct open_how how = {.flags = O_RDWR | O_CREAT, .mode = 0640, .resolve = RESOLVE_NO_XDEV};
	int fd = CALL(syscall(SYS_openat2, AT_FDCWD, "openat2-made", &how, sizeof(how)));
	tell_opened(fd, "openat2-made", "O_CREAT|O_RDWR|O_F_CREATED");
	truth("evt.arg.mode", "0640");
	truth("evt.arg.resolve", "RESOLVE_NO_XDEV");
	truth("evt.arg.dirfd", "AT_FDCWD");
	truth("evt.abspath", "%s/openat2-made", here());
	truth("evt.is_open_create", "true");
}

DEED(openat2, refused)
{
	struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_BENEATH};
	CALL(syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", &how, sizeof(how)));
	truth("fd.typechar", "f");
	truth("fd.name", "/etc/passwd");
	truth("evt.arg.resolve", "RESOLVE_BENEATH");
}

DEED(open_by_handle_at, file)
{
	char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	struct file_handle *handle = (void *)room;
	const char *path = made_file("by-handle");
	int mount = 0, folder = open(here(), O_RDONLY);
	handle->handle_bytes = MAX_HANDLE_SZ;
	need(!name_to_handle_at(AT_FDCWD, path, handle, &mount, 0), "name_to_handle_at");
	int fd = CALL(syscall(SYS_open_by_handle_at, folder, handle, O_RDONLY));
	need(fd >= 0, "open_by_handle_at");
	tell_file(fd);
	tell_fd("fd", fd);
	truth("evt.rawarg.mountfd", "%d", folder);
	truth("evt.arg.path", "%s", path);
	truth("evt.arg.flags", "O_RDONLY");
	truth("evt.abspath", "%s", path);
}

DEED(close, file)
{
	int fd = open(made_file("close-file"), O_RDONLY);
	tell_file(fd);
	tell_fd("fd", fd);
	CALL(syscall(SYS_close, fd));
	truth("evt.category", "file");
}

DEED(close, nothing)
{
	CALL(syscall(SYS_close, 977));
	truth("fd.num", "977");
	tell_no_file("o", "");
}

DEED(close_range, none)
{
	CALL(syscall(SYS_close_range, 900, 910, 4));
	truth("evt.arg.first", "900");
	truth("evt.arg.last", "910");
	truth("evt.arg.flags", "CLOSE_RANGE_CLOEXEC");
}

static int opened(const char *name)
{
	int fd = open(made_file(name), O_RDWR);
	tell_file(fd);
	tell_fd("fd", fd);
	truth("evt.category", "file");
	return fd;
}

static void tell_moved(const char *direction, int size, const char *data, long moved)
{
	int is_reading = !strcmp(direction, "read");
	truth("evt.io_dir", "%s", direction);
	truth("evt.is_io", "true");
	truth("evt.is_io_read", is_reading ? "true" : "false");
	truth("evt.is_io_write", is_reading ? "false" : "true");
	truth("evt.buflen", "%ld", moved);
	truth(is_reading ? "evt.buflen.in" : "evt.buflen.out", "%ld", moved);
	truth("evt.arg.size", "%d", size);
	truth("evt.arg.data", "%s", data);
	truth("evt.buffer", "%s", data);
}

DEED(read, file)
{
	char room[100];
	int fd = opened("read-file");
	tell_moved("read", 100, "0123456789", CALL(syscall(SYS_read, fd, room, 100)));
	truth("evt.buflen.file", "10");
	truth("evt.buflen.file.in", "10");
}

DEED(read, refused)
{
	char room[100];
	CALL(syscall(SYS_read, 977, room, 100));
	truth("fd.num", "977");
	truth("evt.buflen", "<NA>");
	truth("evt.arg.size", "100");
}

DEED(write, file)
{
	int fd = opened("write-file");
	tell_moved("write", 5, "ab.de", CALL(syscall(SYS_write, fd, "ab\nde", 5)));
	truth("evt.buflen.file.out", "5");
	truth("evt.is_syslog", "false");
}

DEED(pread, file)
{
	char room[100];
	int fd = opened("pread-file");
	tell_moved("read", 3, "456", CALL(syscall(SYS_pread64, fd, room, 3, 4)));
	truth("evt.arg.pos", "4");
}

DEED(pwrite, file)
{
	int fd = opened("pwrite-file");
	tell_moved("write", 3, "xyz", CALL(syscall(SYS_pwrite64, fd, "xyz", 3, 4)));
	truth("evt.arg.pos", "4");
}

static char first[4], second[20];
static struct iovec vectors[2] = {{first, 4}, {second, 20}};

DEED(readv, file)
{
	int fd = opened("readv-file");
	tell_moved("read", 24, "0123456789", CALL(syscall(SYS_readv, fd, vectors, 2)));
}

DEED(preadv, file)
{
	int fd = opened("preadv-file");
	tell_moved("read", 24, "3456789", CALL(syscall(SYS_preadv, fd, vectors, 2, 3, 0)));
	truth("evt.arg.pos", "3");
}

DEED(writev, file)
{
	struct iovec vectors[2] = {{"abcd", 4}, {"efghij", 6}};
	int fd = opened("writev-file");
	tell_moved("write", 10, "abcdefghij", CALL(syscall(SYS_writev, fd, vectors, 2)));
}

DEED(pwritev, file)
{
	struct iovec vectors[2] = {{"abcd", 4}, {"efghij", 6}};
	int fd = opened("pwritev-file");
	tell_moved("write", 10, "abcdefghij", CALL(syscall(SYS_pwritev, fd, vectors, 2, 3, 0)));
	truth("evt.arg.pos", "3");
}

DEED(lseek, end)
{
	int fd = opened("lseek-end");
	CALL(syscall(SYS_lseek, fd, 2, SEEK_END));
	truth("evt.arg.offset", "2");
	truth("evt.arg.whence", "SEEK_END");
}

DEED(flock, exclusive)
{
	int fd = opened("flock-exclusive");
	CALL(syscall(SYS_flock, fd, LOCK_EX | LOCK_NB));
	truth("evt.arg.operation", "LOCK_EX|LOCK_NB");
}

DEED(fstat, file)
{
	struct stat facts;
	CALL(syscall(SYS_fstat, opened("fstat-file"), &facts));
}

DEED(getdents64, folder)
{
	char room[4096];
	int fd = open(here(), O_RDONLY | O_DIRECTORY);
	tell_file(fd);
	tell_fd("fd", fd);
	CALL(syscall(SYS_getdents64, fd, room, sizeof(room)));
}

#ifdef SYS_getdents
DEED(getdents, folder)
{
	char room[4096];
	int fd = open(here(), O_RDONLY | O_DIRECTORY);
	tell_file(fd);
	tell_fd("fd", fd);
	CALL(syscall(SYS_getdents, fd, room, sizeof(room)));
}
#endif

DEED(ioctl, file)
{
	int fd = opened("ioctl-file"), count;
	CALL(syscall(SYS_ioctl, fd, FIONREAD, &count));
	truth("evt.arg.request", "%X", FIONREAD);
	truth("evt.arg.argument", "%lX", (unsigned long)&count);
}

DEED(fcntl, flags)
{
	int fd = opened("fcntl-flags");
	CALL(syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC));
	truth("evt.arg.cmd", "F_SETFD");
	truth("evt.arg.arg", "1");
}

DEED(dup, file)
{
	int old = open(made_file("dup-file"), O_RDONLY);
	int fd = CALL(syscall(SYS_dup, old));
	tell_file(fd);
	tell_fd("res", fd);
	tell_fd("oldfd", old);
}

#ifdef SYS_dup2
DEED(dup2, file)
{
	int old = open(made_file("dup2-file"), O_RDONLY);
	int fd = CALL(syscall(SYS_dup2, old, 55));
	tell_file(fd);
	tell_fd("res", fd);
	tell_fd("oldfd", old);
	tell_fd("newfd", fd);
}

DEED(dup2, refused)
{
	CALL(syscall(SYS_dup2, 977, 55));
	truth("fd.num", "-1");
	truth("evt.arg.res", "EBADF");
	truth("evt.rawarg.newfd", "55");
}
#endif

DEED(dup3, file)
{
	int old = open(made_file("dup3-file"), O_RDONLY);
	int fd = CALL(syscall(SYS_dup3, old, 56, O_CLOEXEC));
	tell_file(fd);
	tell_fd("res", fd);
	tell_fd("oldfd", old);
	truth("evt.arg.flags", "O_CLOEXEC");
}

static void tell_pair(int *pair)
{
	struct stat facts;
	fstat(pair[0], &facts);
	tell_file(pair[1]);
	tell_fd("fd1", pair[0]);
	tell_fd("fd2", pair[1]);
	truth("evt.arg.ino", "%lu", facts.st_ino);
}

#ifdef SYS_pipe
DEED(pipe, made)
{
	int pair[2];
	CALL(syscall(SYS_pipe, pair));
	tell_pair(pair);
}
#endif

DEED(pipe2, made)
{
	int pair[2];
	CALL(syscall(SYS_pipe2, pair, O_CLOEXEC));
	tell_pair(pair);
	truth("evt.arg.flags", "O_CLOEXEC");
}

DEED(pipe2, refused)
{
	int pair[2];
	CALL(syscall(SYS_pipe2, pair, 1));
	truth("fd.num", "-1");
	truth("fd.typechar", "p");
}

DEED(splice, pipe)
{
	int pair[2], fd = open(made_file("splice-in"), O_RDONLY);
	need(!pipe(pair), "pipe");
	CALL(syscall(SYS_splice, fd, NULL, pair[1], NULL, 7, 2));
	tell_file(pair[1]);
	tell_fd("fd_in", fd);
	tell_fd("fd_out", pair[1]);
	truth("evt.arg.size", "7");
	truth("evt.arg.flags", "SPLICE_F_NONBLOCK");
}

DEED(sendfile, files)
{
	off_t offset = 3;
	int in = open(made_file("sendfile-in"), O_RDONLY),
	    out = open("sendfile-out", O_CREAT | O_RDWR, 0600);
	CALL(syscall(SYS_sendfile, out, in, &offset, 5));
	tell_file(out);
	tell_fd("out_fd", out);
	tell_fd("in_fd", in);
	truth("evt.arg.size", "5");
	truth("evt.arg.offset", "%ld", (long)offset);
}

DEED(copy_file_range, files)
{
	loff_t from = 2, to = 4;
	int in = open(made_file("copy-in"), O_RDONLY),
	    out = open("copy-out", O_CREAT | O_RDWR, 0600);
	CALL(syscall(SYS_copy_file_range, in, &from, out, &to, 5, 0));
	tell_file(out);
	tell_fd("fdout", out);
	tell_fd("fdin", in);
	truth("evt.arg.len", "5");
	truth("evt.arg.offin", "%ld", (long)from);
	truth("evt.arg.offout", "%ld", (long)to);
	truth("evt.io_dir", "write");
}

DEED(access, file)
{
	made_file("access-file");
	CALL(syscall(SYS_access, "access-file", R_OK | W_OK));
	tell_path("name", "access-file");
	truth("evt.arg.mode", "R_OK|W_OK");
}

DEED(stat, missing)
{
	struct stat facts;
	CALL(syscall(SYS_stat, "stat-missing", &facts));
	tell_path("path", "stat-missing");
}

DEED(lstat, file)
{
	struct stat facts;
	const char *path = made_file("lstat-file");
	CALL(syscall(SYS_lstat, path, &facts));
	tell_path("path", path);
}

DEED(newfstatat, file)
{
	struct stat facts;
	int folder = open(here(), O_PATH);
	made_file("newfstatat-file");
	CALL(syscall(SYS_newfstatat, folder, "newfstatat-file", &facts, AT_SYMLINK_NOFOLLOW));
	tell_file(folder);
	tell_fd("dirfd", folder);
	tell_path("path", "newfstatat-file");
	truth("evt.arg.flags", "AT_SYMLINK_NOFOLLOW");
}

DEED(getcwd, here)
{
	char room[4096];
	CALL(syscall(SYS_getcwd, room, sizeof(room)));
	truth("evt.arg.path", "%s", here());
}

DEED(chdir, folder)
{
	mkdir("chdir-folder", 0755);
	CALL(syscall(SYS_chdir, "chdir-folder"));
	truth("evt.arg.path", "chdir-folder");
	truth("proc.cwd", "%s/chdir-folder/", here());
}

DEED(fchdir, folder)
{
	mkdir("fchdir-folder", 0755);
	int fd = open("fchdir-folder", O_RDONLY);
	CALL(syscall(SYS_fchdir, fd));
	tell_file(fd);
	tell_fd("fd", fd);
	truth("proc.cwd", "%s/fchdir-folder/", here());
}
