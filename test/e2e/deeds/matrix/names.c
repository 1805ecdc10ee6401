// SPDX-License-Identifier: Apache-2.0
// Calls that act on a name.
#include "matrix.h"
#include <linux/quota.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

static void tell_fs(const char *field, const char *given)
{
	if (*given == '/')
		truth(field, "%s", given);
	else
		truth(field, "%s/%s", here(), given);
}

static void tell_fs_name(const char *given)
{
	tell_fs("fs.path.name", given);
	truth("fs.path.nameraw", "%s", given);
}

static void tell_fs_pair(const char *source, const char *target)
{
	tell_fs("fs.path.source", source);
	truth("fs.path.sourceraw", "%s", source);
	tell_fs("fs.path.target", target);
	truth("fs.path.targetraw", "%s", target);
}

static void tell_no_fs(void)
{
	truth("fs.path.name", "<NA>");
	truth("fs.path.source", "<NA>");
	truth("fs.path.target", "<NA>");
}

// The directory that the name is relative to is what fd.* tells of.
static int tell_folder(const char *parameter)
{
	int fd = open(here(), O_RDONLY | O_DIRECTORY);
	tell_file(fd);
	tell_fd(parameter, fd);
	return fd;
}

static void tell_cwd(const char *parameter)
{
	char field[64];
	truth("fd.num", "-100");
	tell_no_file("o", "");
	sprintf(field, "evt.arg.%s", parameter);
	truth(field, "AT_FDCWD");
}

static void tell_nothing_of_fd(void)
{
	truth("fd.num", "<NA>");
	truth("fd.name", "<NA>");
	truth("fd.typechar", "<NA>");
}

DEED(mkdir, made)
{
	CALL(syscall(SYS_mkdir, "mkdir-made", 0750));
	tell_path("path", "mkdir-made");
	tell_fs_name("mkdir-made");
	tell_nothing_of_fd();
	truth("evt.arg.mode", "1E8");
}

DEED(mkdir, refused)
{
	CALL(syscall(SYS_mkdir, "/proc/mkdir-refused", 0750));
	tell_path("path", "/proc/mkdir-refused");
	tell_no_fs();
}

DEED(mkdirat, made)
{
	CALL(syscall(SYS_mkdirat, tell_folder("dirfd"), "mkdirat-made", 0700));
	tell_path("path", "mkdirat-made");
	tell_fs_name("mkdirat-made");
	truth("evt.abspath", "%s/mkdirat-made", here());
	truth("evt.arg.mode", "1C0");
}

DEED(mkdirat, cwd)
{
	tell_cwd("dirfd");
	CALL(syscall(SYS_mkdirat, AT_FDCWD, "mkdirat-cwd", 0700));
	tell_path("path", "mkdirat-cwd");
	truth("evt.abspath", "%s/mkdirat-cwd", here());
}

DEED(rmdir, gone)
{
	mkdir("rmdir-gone", 0700);
	CALL(syscall(SYS_rmdir, "rmdir-gone"));
	tell_path("path", "rmdir-gone");
	tell_fs_name("rmdir-gone");
	tell_nothing_of_fd();
}

DEED(unlink, gone)
{
	const char *path = made_file("unlink-gone");
	CALL(syscall(SYS_unlink, path));
	tell_path("path", path);
	tell_fs_name(path);
	tell_nothing_of_fd();
}

DEED(unlink, missing)
{
	CALL(syscall(SYS_unlink, "unlink-missing"));
	tell_path("path", "unlink-missing");
	tell_no_fs();
}

DEED(unlinkat, gone)
{
	mkdir("unlinkat-gone", 0700);
	CALL(syscall(SYS_unlinkat, tell_folder("dirfd"), "unlinkat-gone", AT_REMOVEDIR));
	tell_path("name", "unlinkat-gone");
	tell_fs_name("unlinkat-gone");
	truth("evt.arg.flags", "AT_REMOVEDIR");
	truth("evt.abspath", "%s/unlinkat-gone", here());
}

DEED(unlinkat, missing)
{
	tell_cwd("dirfd");
	CALL(syscall(SYS_unlinkat, AT_FDCWD, "unlinkat-missing", 0));
	tell_path("name", "unlinkat-missing");
	tell_no_fs();
}

DEED(rename, moved)
{
	made_file("rename-old");
	CALL(syscall(SYS_rename, "rename-old", "rename-new"));
	tell_path("oldpath", "rename-old");
	tell_path("newpath", "rename-new");
	tell_fs_pair("rename-old", "rename-new");
	tell_nothing_of_fd();
}

DEED(rename, missing)
{
	CALL(syscall(SYS_rename, "rename-missing", "rename-new"));
	tell_path("oldpath", "rename-missing");
	tell_no_fs();
}

DEED(renameat, moved)
{
	int fd = open(here(), O_RDONLY | O_DIRECTORY);
	made_file("renameat-old");
	CALL(syscall(SYS_renameat, fd, "renameat-old", AT_FDCWD, "renameat-new"));
	tell_path("oldpath", "renameat-old");
	tell_path("newpath", "renameat-new");
	tell_fs_pair("renameat-old", "renameat-new");
	truth("evt.rawarg.olddirfd", "%d", fd);
	truth("evt.arg.newdirfd", "AT_FDCWD");
	truth("evt.abspath", "%s/renameat-old", here());
	truth("evt.abspath.src", "%s/renameat-old", here());
	truth("evt.abspath.dst", "%s/renameat-new", here());
}

DEED(renameat2, moved)
{
	made_file("renameat2-old");
	CALL(syscall(SYS_renameat2, AT_FDCWD, "renameat2-old", AT_FDCWD, "renameat2-new", 1));
	tell_path("oldpath", "renameat2-old");
	tell_path("newpath", "renameat2-new");
	tell_fs_pair("renameat2-old", "renameat2-new");
	truth("evt.arg.flags", "RENAME_NOREPLACE");
	truth("evt.abspath.dst", "%s/renameat2-new", here());
}

DEED(link, made)
{
	made_file("link-old");
	CALL(syscall(SYS_link, "link-old", "link-new"));
	tell_path("oldpath", "link-old");
	tell_path("newpath", "link-new");
	tell_fs_pair("link-new", "link-old");
	tell_nothing_of_fd();
}

DEED(linkat, made)
{
	made_file("linkat-old");
	CALL(syscall(SYS_linkat, AT_FDCWD, "linkat-old", AT_FDCWD, "linkat-new",
		     AT_SYMLINK_FOLLOW));
	tell_path("oldpath", "linkat-old");
	tell_path("newpath", "linkat-new");
	tell_fs_pair("linkat-new", "linkat-old");
	truth("evt.arg.olddir", "AT_FDCWD");
	truth("evt.arg.flags", "AT_SYMLINK_FOLLOW");
	truth("evt.abspath.src", "%s/linkat-old", here());
	truth("evt.abspath.dst", "%s/linkat-new", here());
}

DEED(symlink, made)
{
	CALL(syscall(SYS_symlink, "/etc/target", "symlink-made"));
	truth("evt.arg.target", "/etc/target");
	tell_path("linkpath", "symlink-made");
	tell_fs_pair("symlink-made", "/etc/target");
	tell_nothing_of_fd();
}

DEED(symlinkat, made)
{
	CALL(syscall(SYS_symlinkat, "/etc/target", tell_folder("linkdirfd"), "symlinkat-made"));
	truth("evt.arg.target", "/etc/target");
	tell_path("linkpath", "symlinkat-made");
	tell_fs_pair("symlinkat-made", "/etc/target");
	truth("evt.abspath", "%s/symlinkat-made", here());
}

DEED(chmod, setuid)
{
	made_file("chmod-setuid");
	CALL(syscall(SYS_chmod, "chmod-setuid", 04755));
	tell_path("filename", "chmod-setuid");
	tell_fs_name("chmod-setuid");
	tell_nothing_of_fd();
	truth("evt.arg.mode", "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID");
}

DEED(fchmod, file)
{
	int fd = open(made_file("fchmod-file"), O_RDONLY);
	tell_file(fd);
	tell_fd("fd", fd);
	CALL(syscall(SYS_fchmod, fd, 0600));
	truth("fs.path.name", "%s/fchmod-file", here());
	truth("evt.arg.mode", "S_IWUSR|S_IRUSR");
}

DEED(fchmodat, file)
{
	made_file("fchmodat-file");
	CALL(syscall(SYS_fchmodat, tell_folder("dirfd"), "fchmodat-file", 0711));
	tell_path("filename", "fchmodat-file");
	tell_fs_name("fchmodat-file");
	truth("evt.abspath", "%s/fchmodat-file", here());
	truth("evt.arg.mode", "S_IXOTH|S_IXGRP|S_IXUSR|S_IWUSR|S_IRUSR");
}

DEED(chown, file)
{
	made_file("chown-file");
	CALL(syscall(SYS_chown, "chown-file", 12, 34));
	tell_path("path", "chown-file");
	tell_fs_name("chown-file");
	tell_nothing_of_fd();
	truth("evt.arg.uid", "12");
	truth("evt.arg.gid", "34");
}

DEED(lchown, file)
{
	made_file("lchown-file");
	CALL(syscall(SYS_lchown, "lchown-file", 12, 34));
	tell_path("path", "lchown-file");
	tell_fs_name("lchown-file");
	truth("evt.arg.uid", "12");
	truth("evt.arg.gid", "34");
}

DEED(fchown, file)
{
	int fd = open(made_file("fchown-file"), O_RDONLY);
	tell_file(fd);
	tell_fd("fd", fd);
	CALL(syscall(SYS_fchown, fd, 12, 34));
	truth("fs.path.name", "%s/fchown-file", here());
	truth("evt.arg.uid", "12");
	truth("evt.arg.gid", "34");
}

DEED(fchownat, file)
{
	made_file("fchownat-file");
	CALL(syscall(SYS_fchownat, tell_folder("dirfd"), "fchownat-file", 12, 34,
		     AT_SYMLINK_NOFOLLOW));
	tell_path("pathname", "fchownat-file");
	tell_fs_name("fchownat-file");
	truth("evt.arg.uid", "12");
	truth("evt.arg.gid", "34");
	truth("evt.arg.flags", "AT_SYMLINK_NOFOLLOW");
	truth("evt.abspath", "%s/fchownat-file", here());
}

DEED(mknod, fifo)
{
	CALL(syscall(SYS_mknod, "mknod-fifo", S_IFIFO | 0600, 0));
	tell_path("path", "mknod-fifo");
	truth("evt.arg.mode", "S_IWUSR|S_IRUSR|S_IFIFO");
	truth("evt.arg.dev", "0");
}

DEED(mknodat, device)
{
	CALL(syscall(SYS_mknodat, tell_folder("dirfd"), "mknodat-device", S_IFCHR | 0600,
		     makedev(1, 3)));
	tell_path("path", "mknodat-device");
	truth("evt.arg.mode", "S_IWUSR|S_IRUSR|S_IFCHR");
	truth("evt.arg.dev", "%lu", makedev(1, 3));
}

DEED(mount, tmpfs)
{
	char folder[4200];
	snprintf(folder, sizeof(folder), "%s/mount-tmpfs", here());
	mkdir(folder, 0700);
	need(!syscall(SYS_unshare, 0x20000) && !mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL),
	     "unshare");
	CALL(syscall(SYS_mount, "none", folder, "tmpfs", MS_NOSUID | MS_NODEV, NULL));
	truth("evt.arg.dev", "none");
	truth("evt.arg.dir", "%s", folder);
	truth("evt.arg.type", "tmpfs");
	truth("evt.arg.flags", "NOSUID|NODEV");
	truth("fs.path.target", "%s", folder);
	truth("fs.path.sourceraw", "none");
	tell_nothing_of_fd();
}

DEED(mount, refused)
{
	CALL(syscall(SYS_mount, NULL, "/no-such-folder", NULL, MS_BIND, NULL));
	truth("evt.arg.dev", "<NA>");
	truth("evt.arg.type", "<NA>");
	truth("evt.arg.flags", "BIND");
	tell_no_fs();
}

DEED(umount2, refused)
{
	const char *path = made_file("umount2-refused");
	CALL(syscall(SYS_umount2, path, MNT_DETACH));
	tell_path("name", path);
	truth("evt.arg.flags", "DETACH");
	tell_no_fs();
}

DEED(chroot, folder)
{
	CALL(syscall(SYS_chroot, here()));
	tell_path("path", here());
}

DEED(quotactl, refused)
{
	// Q_GETFMT of users
	CALL(syscall(SYS_quotactl, 0x80000400, "/dev/none", 0, NULL));
	truth("evt.arg.cmd", "Q_GETFMT");
	truth("evt.arg.type", "USRQUOTA");
	truth("evt.arg.special", "/dev/none");
	truth("evt.arg.quota_fmt_out", "QFMT_NOT_USED");
	truth("evt.arg.dqb_bhardlimit", "0");
}

DEED(quotactl, limits)
{
	struct if_dqblk limits = {.dqb_bhardlimit = 70,
				  .dqb_bsoftlimit = 60,
				  .dqb_curspace = 50,
				  .dqb_ihardlimit = 40,
				  .dqb_isoftlimit = 30,
				  .dqb_btime = 20,
				  .dqb_itime = 10,
				  .dqb_valid = QIF_BLIMITS | QIF_ILIMITS | QIF_BTIME};
	CALL(syscall(SYS_quotactl, QCMD(Q_SETQUOTA, GRPQUOTA), "/dev/none", 1000, &limits));
	truth("evt.arg.cmd", "Q_SETQUOTA");
	truth("evt.arg.type", "GRPQUOTA");
	truth("evt.arg.id", "1000");
	truth("evt.arg.dqb_bhardlimit", "70");
	truth("evt.arg.dqb_bsoftlimit", "60");
	truth("evt.arg.dqb_curspace", "0"); // does not count
	truth("evt.arg.dqb_ihardlimit", "40");
	truth("evt.arg.dqb_isoftlimit", "30");
	truth("evt.arg.dqb_btime", "20s");
	truth("evt.arg.dqb_itime", "0s");
	truth("evt.arg.dqi_bgrace", "0s");
}

DEED(quotactl, information)
{
	struct if_dqinfo information = {
		.dqi_bgrace = 60, .dqi_igrace = 50, .dqi_flags = 2, .dqi_valid = IIF_ALL};
	CALL(syscall(SYS_quotactl, QCMD(Q_SETINFO, USRQUOTA), "/dev/none", 0, &information));
	truth("evt.arg.cmd", "Q_SETINFO");
	truth("evt.arg.dqi_bgrace", "60s");
	truth("evt.arg.dqi_igrace", "50s");
	truth("evt.rawarg.dqi_flags", "2");
	truth("evt.arg.quota_fmt", "QFMT_NOT_USED");
}

DEED(quotactl, on)
{
	CALL(syscall(SYS_quotactl, QCMD(Q_QUOTAON, USRQUOTA), "/dev/none", QFMT_VFS_V1,
		     "/aquota.user"));
	truth("evt.arg.cmd", "Q_QUOTAON");
	truth("evt.arg.quotafilepath", "/aquota.user");
	truth("evt.arg.quota_fmt", "QFMT_VFS_V1");
}
