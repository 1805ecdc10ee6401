//! `fd.*` of a descriptor that a call uses and that is no socket.

use bumpalo::Bump;
use peregrine_capture::event::{FileState, Layer};
use peregrine_rules::{FieldId, Value};

use super::{file, path};

const S_IFMT: u32 = 0o170_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFIFO: u32 = 0o010_000;

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

/// A pipe or a FIFO.
pub fn is_pipe(state: &FileState<'_>) -> bool {
    state.mode & S_IFMT == S_IFIFO
}

fn sort(state: &FileState<'_>, arena: &Bump) -> Sort {
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

/// `fd.name`: the path; the name of a memfd; nothing of what has no name.
pub fn name<'a>(state: &FileState<'_>, arena: &'a Bump) -> &'a [u8] {
    let name = path::kernel_path(&state.path, arena);
    match sort(state, arena) {
        Sort::File | Sort::Directory => name,
        Sort::Memfd => name.strip_prefix(b"memfd:").unwrap_or(name),
        Sort::Pipe if state.path.is_pseudo() => b"",
        Sort::Pipe => name,
        Sort::Anonymous { .. } => b"",
    }
}

/// A field of the descriptor with this number.
pub fn field<'a>(id: FieldId, fd: i64, state: &FileState<'_>, arena: &'a Bump) -> Value<'a> {
    let sort = sort(state, arena);
    let named = || name(state, arena);
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
        FieldId::FdDirectory => match sort {
            Sort::Directory => Value::Str(named()),
            Sort::File => Value::Str(path::directory(named())),
            _ => Value::Absent,
        },
        FieldId::FdFilename => match sort {
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
