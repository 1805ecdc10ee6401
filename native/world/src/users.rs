//! Names of users and groups: the host's, and each container's own.
//!
//! Files are read again when one of them changed, looked at at most once a second of event time. A
//! container's files are read through `/proc/PID/root` of one of its processes, and opened so that
//! no link leads out of it. Until a container's first process has its own root, it is the host's.
//! Looking up a name touches no file. Bounded: 1 MiB a file, and a number of bytes in all, above
//! which the container that was looked at longest ago is forgotten.

use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;
use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    fs::{CWD, FileType, Mode, OFlags, ResolveFlags},
};

use crate::{
    accounts::{Accounts, User},
    container::Container,
    procfs::read_bounded,
    reader::Reader,
};

const LIMIT_FILE: usize = 1 << 20;
const LIMIT_BYTES: usize = 16 << 20;
const LIMIT_CONTAINERS: usize = 1024;
/// ns of event time between two looks at the files.
const INTERVAL: u64 = 1_000_000_000;

#[derive(Debug)]
pub(crate) struct Users {
    proc_root: PathBuf,
    host_root: PathBuf,
    host: Source,
    containers: FxHashMap<Box<str>, Source>,
}

/// One place's names and how its files looked when they were read.
#[derive(Debug, Default)]
struct Source {
    accounts: Accounts,
    looks: Looks,
    /// Whose files these are: a process that changed its own root doesn't speak for the rest.
    root: Option<(u64, u64)>,
    is_loaded: bool,
    looked_at: u64,
}

/// Of passwd and group; `None` for one that is not there.
type Looks = [Option<Look>; 2];

/// What changes when a file does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Look {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, u64),
}

impl Users {
    pub(crate) fn new(proc_root: &Path, host_root: &Path) -> Self {
        Self {
            proc_root: proc_root.to_path_buf(),
            host_root: host_root.to_path_buf(),
            host: Source::default(),
            containers: FxHashMap::default(),
        }
    }

    /// Reads the host's files, if that is due.
    pub(crate) fn refresh_host(&mut self, reader: &Reader, now: u64) {
        if !self.host.is_due(now) {
            return;
        }
        let (path, known) = (self.host_root.clone(), self.host.known());
        let read = reader.read(move || Some(read(&open_root(&path)?, known)));
        if let Some(read) = read.flatten() {
            self.host.take(read, now);
        }
    }

    /// Reads a container's files, if that is due, through the first of its processes that is
    /// there.
    pub(crate) fn refresh_container(
        &mut self,
        reader: &Reader,
        id: &str,
        pids: impl Iterator<Item = u32>,
        now: u64,
    ) {
        if self.containers.get(id).is_some_and(|source| !source.is_due(now)) {
            return;
        }
        let (proc_root, host_root) = (self.proc_root.clone(), self.host_root.clone());
        let pids: Vec<_> = pids.collect();
        let former = self.containers.get(id);
        let known = former.and_then(Source::known);
        let former_root = former.and_then(|source| source.root);
        let found = reader.read(move || {
            let (root, identity) = own_root(&proc_root, &host_root, &pids)?;
            let is_same = former_root.is_none_or(|former| former == identity);
            Some((identity, is_same.then(|| read(&root, known))))
        });
        let Some((identity, read)) = found.flatten() else { return };
        let source = self.containers.entry(id.into()).or_default();
        source.looked_at = now;
        source.root.get_or_insert(identity);
        if let Some(read) = read {
            source.take(read, now);
        }
        self.make_room();
    }

    fn make_room(&mut self) {
        while self.containers.len() > LIMIT_CONTAINERS || self.size() > LIMIT_BYTES {
            let oldest = self.containers.iter().min_by_key(|(_, source)| source.looked_at);
            let Some(oldest) = oldest.map(|(id, _)| id.clone()) else { return };
            self.containers.remove(&oldest);
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.containers.values().map(|source| source.accounts.size()).sum()
    }

    /// `None` if there is no such user where the process runs, or its files are not read yet.
    pub(crate) fn user(&self, container: &Container, uid: u32) -> Option<User<'_>> {
        self.accounts(container)?.user(uid)
    }

    /// As `user`.
    pub(crate) fn group(&self, container: &Container, gid: u32) -> Option<&[u8]> {
        self.accounts(container)?.group(gid)
    }

    fn accounts(&self, container: &Container) -> Option<&Accounts> {
        match container {
            Container::Host => Some(&self.host.accounts),
            Container::Id(id) => self.containers.get(id.full()).map(|source| &source.accounts),
        }
    }
}

impl Source {
    fn is_due(&self, now: u64) -> bool {
        !self.is_loaded || now.saturating_sub(self.looked_at) >= INTERVAL
    }

    /// How the files looked, if they were read.
    fn known(&self) -> Option<Looks> {
        self.is_loaded.then_some(self.looks)
    }

    fn take(&mut self, (looks, accounts): (Looks, Option<Accounts>), now: u64) {
        self.looked_at = now;
        if let Some(accounts) = accounts {
            self.accounts = accounts;
        }
        self.looks = looks;
        self.is_loaded = true;
    }
}

/// How the files look now, and what is in them if that is not how they were known.
fn read(root: &OwnedFd, known: Option<Looks>) -> (Looks, Option<Accounts>) {
    let passwd = open_file(root.as_fd(), "etc/passwd");
    let group = open_file(root.as_fd(), "etc/group");
    let looks = [&passwd, &group].map(|file| file.as_ref().map(|(_, look)| *look));
    let is_changed = known != Some(looks);
    let accounts = is_changed.then(|| Accounts::parse(&contents(passwd), &contents(group)));
    (looks, accounts)
}

/// The root of the first of these processes that is there and has one of its own.
fn own_root(proc_root: &Path, host_root: &Path, pids: &[u32]) -> Option<(OwnedFd, (u64, u64))> {
    let host = rustix::fs::stat(host_root).ok().map(|root| (root.st_dev, root.st_ino));
    pids.iter().find_map(|pid| {
        let root = open_root(&proc_root.join(pid.to_string()).join("root"))?;
        let identity = identity(&root)?;
        (Some(identity) != host).then_some((root, identity))
    })
}

fn identity(root: &OwnedFd) -> Option<(u64, u64)> {
    rustix::fs::fstat(root).ok().map(|root| (root.st_dev, root.st_ino))
}

fn open_root(path: &Path) -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::empty()).ok()
}

/// A regular file, found without opening it: opening a device or a pipe has effects.
fn open_file(root: BorrowedFd<'_>, path: &str) -> Option<(OwnedFd, Look)> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let file = rustix::fs::openat2(root, path, flags, Mode::empty(), resolve).ok()?;
    let stat = rustix::fs::fstat(&file).ok()?;
    let look = Look {
        device: stat.st_dev,
        inode: stat.st_ino,
        size: stat.st_size,
        modified: (stat.st_mtime, stat.st_mtime_nsec),
    };
    (FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then_some((file, look))
}

/// Empty when it can't be read or is larger than such a file may be.
fn contents(file: Option<(OwnedFd, Look)>) -> Vec<u8> {
    let Some((path, _)) = file else { return Vec::new() };
    let path = format!("/proc/self/fd/{}", path.as_raw_fd());
    let file = rustix::fs::openat(CWD, path, OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty());
    match file.and_then(|file| read_bounded(file, LIMIT_FILE)) {
        Ok((bytes, false)) => bytes,
        _ => Vec::new(),
    }
}
