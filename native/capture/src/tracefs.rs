//! Tracepoint ids, which only tracefs tells. Where it isn't mounted it is mounted for this process
//! alone, at no place: nothing of it is left behind, and nobody else sees it.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{Mode, OFlags, open, openat},
    mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen},
};

const MOUNTED: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// An open tracefs.
pub(crate) struct Tracefs {
    root: OwnedFd,
}

impl Tracefs {
    pub(crate) fn open() -> io::Result<Self> {
        for path in MOUNTED {
            let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
            if let Ok(root) = open(path, flags, Mode::empty())
                && openat(&root, "events", flags, Mode::empty()).is_ok()
            {
                return Ok(Self { root });
            }
        }
        let filesystem = fsopen("tracefs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_create(filesystem.as_fd())?;
        let root =
            fsmount(filesystem.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?;
        Ok(Self { root })
    }

    /// Id of `syscalls:sys_exit_<name>`; an error of kind `NotFound` where the kernel has none.
    pub(crate) fn syscall_exit_id(&self, name: &str) -> io::Result<u64> {
        let path = format!("events/syscalls/sys_exit_{name}/id");
        let file = openat(&self.root, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut text = String::new();
        File::from(file).read_to_string(&mut text)?;
        text.trim().parse().map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, format!("tracepoint id {:?}", text.trim()))
        })
    }
}
