//! Reads one process from `/proc`. The only part that touches it; texts are read by [`parse`].
//!
//! Everything is read through one descriptor of the process's directory: it stays that process's
//! even if its pid is given away. A process that ends meanwhile is gone, which is no error.
//!
//! [`parse`]: crate::parse

use std::{fs::File, io::Read, path::Path};

use peregrine_capture::event::{Comm, Executable, Flags, Memory, ProcessFacts, Usage};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, CWD, Mode, OFlags, Stat as FileStat, StatxFlags},
    io::Errno,
};

use crate::{
    parse::{Status, parse_cgroup, parse_descriptor_limit, parse_number, parse_stat, parse_status},
    process::TICK,
};

/// As much as the kernel programs take (`LIMIT_ARGUMENTS`, `LIMIT_ENVIRONMENT` in `bpf/record.h`).
const LIMIT_ARGUMENTS: usize = 32768;
const LIMIT_ENVIRONMENT: usize = 16384;
/// `stat`, `status` and `cgroup` are far below on every kernel.
const LIMIT_TEXT: usize = 65536;
/// First inode that procfs gives namespaces: `PROC_PID_INIT_INO` (include/linux/proc_ns.h).
const HOST_PID_NAMESPACE: &[u8] = b"pid:[4026531836]";

/// A process as `/proc` shows it.
#[derive(Debug)]
pub(crate) struct Reading {
    pub facts: ProcessFacts,
    pub is_zombie: bool,
    pub arguments: Vec<u8>,
    pub environment: Vec<u8>,
    pub executable: Executable,
    pub executable_path: Vec<u8>,
    pub is_memfd: bool,
    pub is_deleted: bool,
    pub cwd: Vec<u8>,
    pub cgroup: Vec<u8>,
    pub flags: Flags,
}

/// Reads a process; `None` if there is none.
pub(crate) fn read(root: &Path, pid: u32) -> Option<Reading> {
    let directory = open_process(root, pid)?;
    let directory = directory.as_fd();
    let (stat, _) = read_text(directory, "stat", LIMIT_TEXT).ok()?;
    let stat = parse_stat(&stat)?;
    let (status, _) = read_text(directory, "status", LIMIT_TEXT).ok()?;
    let status = parse_status(&status)?;
    let loginuid = read_text(directory, "loginuid", LIMIT_TEXT).ok();
    let loginuid = loginuid.and_then(|(text, _)| parse_number(&text)).unwrap_or(u32::MAX);
    let (cgroup, _) = read_text(directory, "cgroup", LIMIT_TEXT).unwrap_or_default();
    let (limits, _) = read_text(directory, "limits", LIMIT_TEXT).unwrap_or_default();
    let usage = Usage {
        descriptor_limit: parse_descriptor_limit(&limits).unwrap_or(0),
        descriptors: None,
        threads: stat.threads,
        major_faults: stat.major_faults,
        minor_faults: stat.minor_faults,
        memory: to_memory(&status),
    };
    let facts = ProcessFacts {
        start_time: stat.start_ticks.saturating_mul(TICK),
        parent_start_time: 0,
        pidns_start_time: 0,
        cap_inheritable: status.capabilities.0,
        cap_permitted: status.capabilities.1,
        cap_effective: status.capabilities.2,
        cgroup_id: 0,
        pid,
        parent_pid: stat.parent_pid,
        vpid: status.inner.0,
        session_id: stat.session_id,
        group_id: stat.group_id,
        vgroup_id: status.inner.1,
        vsession_id: status.inner.2,
        tty: stat.tty,
        uid: status.uids.0,
        gid: status.gids.0,
        euid: status.uids.1,
        egid: status.gids.1,
        loginuid,
        usage,
        comm: Comm::new(stat.comm),
    };
    Some(image(directory, facts, matches!(stat.state, b'Z' | b'X'), parse_cgroup(&cgroup)))
}

/// Parent of a process as it is now.
pub(crate) fn read_parent(root: &Path, pid: u32, start_time: u64) -> Option<u32> {
    let directory = open_process(root, pid)?;
    let (text, _) = read_text(directory.as_fd(), "stat", LIMIT_TEXT).ok()?;
    let stat = parse_stat(&text)?;
    (stat.start_ticks == start_time / TICK).then_some(stat.parent_pid)
}

/// Whether the process of that pid is still the one that began then, and its directory.
fn open_same(root: &Path, pid: u32, start_time: u64) -> Option<OwnedFd> {
    let directory = open_process(root, pid)?;
    let (text, _) = read_text(directory.as_fd(), "stat", LIMIT_TEXT).ok()?;
    (parse_stat(&text)?.start_ticks == start_time / TICK).then_some(directory)
}

/// How many descriptors a process has now.
pub(crate) fn count_descriptors(root: &Path, pid: u32, start_time: u64) -> Option<u32> {
    open_same(root, pid, start_time)?;
    let entries = std::fs::read_dir(root.join(pid.to_string()).join("fd")).ok()?;
    u32::try_from(entries.count()).ok()
}

/// A descriptor that a process has open, in the words of `/proc`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OpenDescriptor {
    /// Its number.
    pub number: u32,
    /// What the link in the folder `fd` says: a path, `pipe:[…]`, `anon_inode:[…]`, `socket:[…]`.
    pub link: Vec<u8>,
    /// `i_mode` of what a path leads to; else 0.
    pub mode: u32,
    /// Name of a socket's protocol, such as `TCPv6` or `UNIX-STREAM`; else empty.
    pub protocol: Vec<u8>,
}

/// Descriptors that are looked at.
const LIMIT_DESCRIPTORS: usize = 1024;

/// The descriptors that a process has open now.
pub(crate) fn descriptors(root: &Path, pid: u32, start_time: u64) -> Option<Vec<OpenDescriptor>> {
    open_same(root, pid, start_time)?;
    let folder = root.join(pid.to_string()).join("fd");
    let entries = std::fs::read_dir(&folder).ok()?.take(LIMIT_DESCRIPTORS).flatten();
    let numbers = entries.filter_map(|entry| parse_number(entry.file_name().as_encoded_bytes()));
    Some(numbers.filter_map(|number| open_descriptor(&folder, number)).collect())
}

/// `None` if it was closed meanwhile.
fn open_descriptor(folder: &Path, number: u32) -> Option<OpenDescriptor> {
    let path = folder.join(number.to_string());
    let link = rustix::fs::readlinkat(CWD, &path, Vec::new()).ok()?.into_bytes();
    let mut found = OpenDescriptor { number, link, ..OpenDescriptor::default() };
    if found.link.starts_with(b"socket:") {
        let mut name = [0; 64];
        let length = rustix::fs::getxattr(&path, "system.sockprotoname", &mut name).unwrap_or(0);
        found.protocol = name[..length].strip_suffix(b"\0").unwrap_or(&name[..length]).to_vec();
    } else if found.link.starts_with(b"/") {
        // A server that is gone must not make it wait.
        let known = AtFlags::STATX_DONT_SYNC;
        let file = rustix::fs::statx(CWD, &path, known, StatxFlags::TYPE).ok();
        found.mode = file.map_or(0, |file| file.stx_mode.into());
    }
    Some(found)
}

/// How much memory a process has now.
pub(crate) fn memory(root: &Path, pid: u32, start_time: u64) -> Option<Memory> {
    let directory = open_same(root, pid, start_time)?;
    let (status, _) = read_text(directory.as_fd(), "status", LIMIT_TEXT).ok()?;
    Some(to_memory(&parse_status(&status)?))
}

fn to_memory(status: &Status) -> Memory {
    let (size, resident, swapped) = status.memory;
    Memory { size, resident, swapped }
}

/// How many threads a process has now.
pub(crate) fn count_threads(root: &Path, pid: u32, start_time: u64) -> Option<u32> {
    let directory = open_process(root, pid)?;
    let (text, _) = read_text(directory.as_fd(), "stat", LIMIT_TEXT).ok()?;
    let stat = parse_stat(&text)?;
    (stat.start_ticks == start_time / TICK).then_some(stat.threads)
}

/// All pids, or why they can't be read.
pub(crate) fn pids(root: &Path) -> std::io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    for entry in std::fs::read_dir(root)? {
        pids.extend(parse_number(entry?.file_name().as_encoded_bytes()));
    }
    Ok(pids)
}

/// Does this `/proc` count pids as the kernel's programs do? Unknown is taken for yes.
pub(crate) fn counts_as_host(root: &Path) -> bool {
    let link = rustix::fs::readlinkat(CWD, root.join("1/ns/pid"), Vec::new());
    !matches!(link, Ok(link) if link.as_bytes() != HOST_PID_NAMESPACE)
}

fn image(
    directory: BorrowedFd<'_>,
    facts: ProcessFacts,
    is_zombie: bool,
    cgroup: &[u8],
) -> Reading {
    let mut flags = Flags::default();
    let mut bytes = |name: &str, limit| match read_text(directory, name, limit) {
        Ok((bytes, false)) => bytes,
        Ok((bytes, true)) => {
            flags = flags.union(Flags::TRUNCATED);
            bytes
        }
        Err(_) => {
            flags = flags.union(Flags::UNREADABLE);
            Vec::new()
        }
    };
    let arguments = bytes("cmdline", LIMIT_ARGUMENTS);
    let environment = bytes("environ", LIMIT_ENVIRONMENT);
    let link = read_link(directory, "exe");
    let file = rustix::fs::statat(directory, "exe", AtFlags::empty()).ok();
    // A name may really end in " (deleted)": the count of links decides.
    let is_deleted = file.is_some_and(|file| file.st_nlink == 0);
    let (executable_path, is_memfd) = executable_path(&link, is_deleted);
    Reading {
        facts,
        is_zombie,
        arguments,
        environment,
        executable: file.map(|file| executable(&file)).unwrap_or_default(),
        executable_path,
        is_memfd,
        is_deleted,
        cwd: directory_path(&read_link(directory, "cwd")),
        cgroup: cgroup.to_vec(),
        flags,
    }
}

/// `/proc` writes a memfd as `/memfd:NAME (deleted)`.
fn executable_path(link: &[u8], is_deleted: bool) -> (Vec<u8>, bool) {
    let path = match is_deleted {
        true => link.strip_suffix(b" (deleted)").unwrap_or(link),
        false => link,
    };
    match path.strip_prefix(b"/") {
        Some(name) if is_deleted && name.starts_with(b"memfd:") => (name.to_vec(), true),
        _ => (path.to_vec(), false),
    }
}

fn directory_path(link: &[u8]) -> Vec<u8> {
    if link.is_empty() {
        return b"./".to_vec();
    }
    let mut path = link.to_vec();
    if !path.ends_with(b"/") {
        path.push(b'/');
    }
    path
}

fn executable(file: &FileStat) -> Executable {
    let to_ns = |seconds: i64, ns: u64| {
        u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(ns)
    };
    // The kernel's own dev_t has 20 bits of minor number, the one of stat(2) is folded.
    let device = (rustix::fs::major(file.st_dev) << 20) | rustix::fs::minor(file.st_dev);
    Executable {
        inode: file.st_ino,
        ctime: to_ns(file.st_ctime, file.st_ctime_nsec),
        mtime: to_ns(file.st_mtime, file.st_mtime_nsec),
        device,
        uid: file.st_uid,
        gid: file.st_gid,
        mode: file.st_mode,
        layer: Default::default(),
    }
}

fn open_process(root: &Path, pid: u32) -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, root.join(pid.to_string()), flags, Mode::empty()).ok()
}

fn read_link(directory: BorrowedFd<'_>, name: &str) -> Vec<u8> {
    rustix::fs::readlinkat(directory, name, Vec::new())
        .map(|link| link.into_bytes())
        .unwrap_or_default()
}

/// At most `limit` bytes, and whether there were more.
fn read_text(
    directory: BorrowedFd<'_>,
    name: &str,
    limit: usize,
) -> Result<(Vec<u8>, bool), Errno> {
    let file = rustix::fs::openat(directory, name, OFlags::CLOEXEC, Mode::empty())?;
    read_bounded(file, limit)
}

/// At most `limit` bytes, and whether there were more.
pub(crate) fn read_bounded(file: OwnedFd, limit: usize) -> Result<(Vec<u8>, bool), Errno> {
    let mut bytes = Vec::new();
    File::from(file).take(limit as u64 + 1).read_to_end(&mut bytes).map_err(to_errno)?;
    let is_cut = bytes.len() > limit;
    bytes.truncate(limit);
    Ok((bytes, is_cut))
}

fn to_errno(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}
