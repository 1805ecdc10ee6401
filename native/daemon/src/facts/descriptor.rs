//! `fd.*` of a descriptor that a call uses and that is no socket.

use bumpalo::Bump;
use peregrine_capture::event::{FileState, Layer};
use peregrine_rules::{FieldId, Value};

use super::{file, names, path};

const S_IFMT: u32 = 0o170_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFIFO: u32 = 0o010_000;
/// include/uapi/linux/magic.h
const PID_FS_MAGIC: u32 = 0x5049_4446;
const NSFS_MAGIC: u32 = 0x6e73_6673;

/// What a descriptor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    File,
    Directory,
    Pipe,
    Memfd,
    Anonymous { word: &'static str, letter: &'static str },
}

/// Anonymous inodes by the names that the kernel gives them (`anon_inode_getfile()`).
#[rustfmt::skip]
static ANONYMOUS: &[(&str, &str, &str)] = &[
    ("[eventfd]", "event", "e"),
    ("[eventpoll]", "eventpoll", "l"),
    ("[io_uring]", "io_uring", "r"),
    ("[pidfd]", "pidfd", "P"),
    ("[signalfd]", "signalfd", "s"),
    ("[timerfd]", "timerfd", "t"),
    ("[userfaultfd]", "userfaultfd", "u"),
    ("bpf-map", "bpf", "b"),
    ("bpf-prog", "bpf", "b"),
    ("bpf_iter", "bpf", "b"),
    ("bpf_link", "bpf", "b"),
    ("btf", "bpf", "b"),
    ("inotify", "inotify", "i"),
];

/// The word of `fd.type` for an anonymous inode of this name.
pub fn anonymous(name: &[u8]) -> Option<&'static str> {
    let found = ANONYMOUS.iter().find(|(known, ..)| known.as_bytes() == name);
    found.map(|(_, word, _)| *word)
}

/// The word of `fd.type` for a file with this `i_mode`.
pub fn of_mode(mode: u32) -> &'static str {
    match mode & S_IFMT {
        S_IFIFO => "pipe",
        S_IFDIR => "directory",
        _ => "file",
    }
}

/// The word of `evt.category` for what is done with it.
pub fn category(state: &FileState<'_>, arena: &Bump) -> &'static str {
    match sort(state, arena) {
        Sort::File | Sort::Directory => "file",
        Sort::Pipe => "ipc",
        Sort::Anonymous { word: "event" | "signalfd" | "inotify" | "userfaultfd", .. } => "ipc",
        Sort::Memfd | Sort::Anonymous { .. } => "unknown",
    }
}

fn sort(state: &FileState<'_>, arena: &Bump) -> Sort {
    // Since 6.9 pidfds have a file system of their own.
    if state.magic == PID_FS_MAGIC {
        return Sort::Anonymous { word: "pidfd", letter: "P" };
    }
    if state.path.is_pseudo() {
        let name = path::kernel_path(&state.path, arena);
        if name.starts_with(b"memfd:") {
            return Sort::Memfd;
        }
        if let Some((_, word, letter)) =
            ANONYMOUS.iter().find(|(known, ..)| known.as_bytes() == name)
        {
            return Sort::Anonymous { word, letter };
        }
    }
    match state.mode & S_IFMT {
        S_IFIFO => Sort::Pipe,
        S_IFDIR => Sort::Directory,
        _ => Sort::File,
    }
}

/// `f`, `d`, `p` …: the letter that `fd.typechar` and `evt.arg.fd` show.
pub fn letter(state: &FileState<'_>, arena: &Bump) -> &'static [u8] {
    match sort(state, arena) {
        Sort::File => b"f",
        Sort::Directory => b"d",
        Sort::Pipe => b"p",
        Sort::Memfd => b"m",
        Sort::Anonymous { letter, .. } => letter.as_bytes(),
    }
}

/// `fd.name`: the path; the name of a memfd; of a pidfd the process where it is known; nothing of
/// what has no name.
pub fn name<'a>(state: &FileState<'_>, peer: Option<u32>, arena: &'a Bump) -> &'a [u8] {
    let name = path::kernel_path(&state.path, arena);
    match sort(state, arena) {
        Sort::File if state.magic == NSFS_MAGIC => {
            names::text(format_args!("ns:[{}]", state.inode), arena)
        }
        Sort::Anonymous { word: "pidfd", .. } => match peer {
            Some(pid) => names::text(format_args!("/proc/{pid}"), arena),
            None => b"",
        },
        Sort::File | Sort::Directory => name,
        Sort::Memfd => name.strip_prefix(b"memfd:").unwrap_or(name),
        Sort::Pipe if state.path.is_pseudo() => b"",
        Sort::Pipe => name,
        Sort::Anonymous { .. } => b"",
    }
}

/// A field of the descriptor with this number.
pub fn field<'a>(
    id: FieldId,
    fd: i64,
    state: &FileState<'_>,
    peer: Option<u32>,
    arena: &'a Bump,
) -> Value<'a> {
    let sort = sort(state, arena);
    let named = || name(state, peer, arena);
    match id {
        FieldId::FdNum => Value::I64(fd),
        FieldId::FdType => Value::Str(match sort {
            Sort::File => b"file",
            Sort::Directory => b"directory",
            Sort::Pipe => b"pipe",
            Sort::Memfd => b"memfd",
            Sort::Anonymous { word, .. } => word.as_bytes(),
        }),
        FieldId::FdTypechar => Value::Str(letter(state, arena)),
        FieldId::FdName | FieldId::FdNameraw => Value::Str(named()),
        FieldId::FdRealpath => match (sort, named()) {
            (Sort::File | Sort::Directory, path) if !path.is_empty() => Value::Str(path),
            _ => Value::Absent,
        },
        FieldId::FdDirectory | FieldId::FdRealdirectory => match sort {
            Sort::Directory => Value::Str(named()),
            Sort::File => Value::Str(path::directory(named())),
            _ => Value::Absent,
        },
        FieldId::FdFilename | FieldId::FdRealfilename => match sort {
            Sort::File => Value::Str(path::filename(named())),
            _ => Value::Absent,
        },
        FieldId::FdDev => Value::I64(i64::from(file::new_device(state.device))),
        FieldId::FdDevMajor => Value::I64(i64::from(state.device >> 20)),
        FieldId::FdDevMinor => Value::I64(i64::from(state.device & 0xfffff)),
        FieldId::FdIno => Value::I64(state.inode as i64),
        FieldId::FdIsUpperLayer => Value::Bool(state.layer == Layer::Upper),
        FieldId::FdIsLowerLayer => Value::Bool(state.layer == Layer::Lower),
        FieldId::FdL4proto => Value::Str(b"<NA>"),
        FieldId::FdIsServer | FieldId::FdConnected | FieldId::FdNameChanged => Value::Bool(false),
        _ => Value::Absent,
    }
}
