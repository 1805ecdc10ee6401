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

/// Which of the two tracepoints of a system call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Enter,
    Exit,
}

impl Side {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Enter => "sys_enter",
            Self::Exit => "sys_exit",
        }
    }
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

    /// Id of `syscalls:<side>_<name>`; an error of kind `NotFound` where the kernel has none.
    pub(crate) fn syscall_id(&self, side: Side, name: &str) -> io::Result<u64> {
        let path = format!("events/syscalls/{}_{name}/id", side.as_str());
        let file = openat(&self.root, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut text = String::new();
        File::from(file).read_to_string(&mut text)?;
        text.trim().parse().map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, format!("tracepoint id {:?}", text.trim()))
        })
    }
}
