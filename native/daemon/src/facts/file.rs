//! `fd.*` and `evt.*` of the open family.

use bumpalo::Bump;
use peregrine_capture::event::{Layer, Open, OpenCall};
use peregrine_rules::{FieldId, Value, flags};

use super::path;

const S_IFMT: u32 = 0o170_000;
const S_IFDIR: u32 = 0o040_000;
/// Falco's bits beyond those of the caller.
const F_CREATED: u32 = 16384;
const FD_UPPER_LAYER: u32 = 32768;
const FD_LOWER_LAYER: u32 = 65536;

/// A field of the descriptor that an open has made, or would have made.
pub fn field<'a>(id: FieldId, open: &'a Open<'a>, arena: &'a Bump) -> Value<'a> {
    let is_opened = open.result >= 0;
    let is_directory = open.file_mode & S_IFMT == S_IFDIR;
    let if_opened = |value| if is_opened { value } else { Value::Absent };
    match id {
        FieldId::FdNum => Value::I64(open.result.max(-1)),
        FieldId::FdType => if_opened(Value::Str(if is_directory { b"directory" } else { b"file" })),
        FieldId::FdTypechar => Value::Str(match (is_opened, is_directory, open.call) {
            (true, true, _) => b"d",
            (true, false, _) => b"f",
            (false, _, OpenCall::Open) => b"o",
            (false, ..) => b"f",
        }),
        FieldId::FdName => name(open, arena),
        FieldId::FdRealpath => match path::kernel_path(&open.resolved, arena) {
            b"" => Value::Absent,
            path => Value::Str(path),
        },
        FieldId::FdRealdirectory => match path::kernel_path(&open.resolved, arena) {
            b"" => Value::Absent,
            path if is_directory => Value::Str(path),
            path => Value::Str(path::directory(path)),
        },
        FieldId::FdRealfilename if is_directory => Value::Absent,
        FieldId::FdRealfilename => match path::kernel_path(&open.resolved, arena) {
            b"" => Value::Absent,
            path => Value::Str(path::filename(path)),
        },
        FieldId::FdNameraw => Value::Str(squeeze(open.requested, arena)),
        FieldId::FdDirectory => match name(open, arena) {
            Value::Str(name) if is_opened && is_directory => Value::Str(name),
            Value::Str(name) => Value::Str(path::directory(name)),
            other => other,
        },
        FieldId::FdFilename => match name(open, arena) {
            Value::Str(name) if is_opened && !is_directory => Value::Str(path::filename(name)),
            _ => Value::Absent,
        },
        FieldId::FdDev => if_opened(Value::I64(i64::from(new_device(open.device)))),
        FieldId::FdDevMajor => if_opened(Value::I64(i64::from(open.device >> 20))),
        FieldId::FdDevMinor => if_opened(Value::I64(i64::from(open.device & 0xfffff))),
        FieldId::FdIno => if_opened(Value::I64(open.inode as i64)),
        FieldId::FdIsUpperLayer => if_opened(Value::Bool(open.layer == Layer::Upper)),
        FieldId::FdIsLowerLayer => if_opened(Value::Bool(open.layer == Layer::Lower)),
        FieldId::FdL4proto => if_opened(Value::Str(b"<NA>")),
        FieldId::FdIsServer | FieldId::FdConnected | FieldId::FdNameChanged => {
            if_opened(Value::Bool(false))
        }
        _ => Value::Absent,
    }
}

/// Absolute and cleaned up; a failed open or creat of an absolute path shows it as passed.
fn name<'a>(open: &'a Open<'a>, arena: &'a Bump) -> Value<'a> {
    let is_plain_call = matches!(open.call, OpenCall::Open | OpenCall::Creat);
    if open.result < 0 && is_plain_call && open.requested.first() == Some(&b'/') {
        return Value::Str(open.requested);
    }
    if open.requested.is_empty() {
        // The name could not be read or was empty; what was opened tells, if anything was.
        return match path::kernel_path(&open.resolved, arena) {
            b"" if open.result < 0 && !is_plain_call => Value::Absent,
            path => Value::Str(path),
        };
    }
    Value::Str(path::absolute(open.requested, &open.base, arena))
}

/// Falco's `fd.nameraw`: as passed, but for slashes in a row.
fn squeeze<'a>(text: &'a [u8], arena: &'a Bump) -> &'a [u8] {
    if !text.windows(2).any(|pair| pair == b"//") {
        return text;
    }
    let mut squeezed = bumpalo::collections::Vec::with_capacity_in(text.len(), arena);
    for &byte in text {
        if byte != b'/' || squeezed.last() != Some(&b'/') {
            squeezed.push(byte);
        }
    }
    squeezed.into_bump_slice()
}

/// `new_encode_dev()` (include/linux/kdev_t.h) of the kernel's own `dev_t`.
pub fn new_device(device: u32) -> u32 {
    let (major, minor) = (device >> 20, device & 0xfffff);
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

/// `evt.is_open_*`.
pub fn is_open(id: FieldId, open: &Open<'_>) -> bool {
    let flags = open_flags(open);
    let is_creat = open.call == OpenCall::Creat;
    match id {
        FieldId::EvtIsOpenRead => flags & 1 != 0 && !is_creat,
        FieldId::EvtIsOpenWrite => flags & 2 != 0 && !is_creat,
        FieldId::EvtIsOpenExec => {
            const CREATES: u32 = 4 | 8192;
            (is_creat || flags & CREATES != 0) && open.mode & 0o111 != 0
        }
        FieldId::EvtIsOpenCreate => open.is_created || (flags & 8192 != 0 && open.result >= 0),
        _ => false,
    }
}

/// In Falco's encoding, with what the kernel said.
pub fn open_flags(open: &Open<'_>) -> u32 {
    let layer = match open.layer {
        Layer::None => 0,
        Layer::Upper => FD_UPPER_LAYER,
        Layer::Lower => FD_LOWER_LAYER,
    };
    flags::OPEN_FLAGS.from_kernel(open.flags.into())
        | layer
        | if open.is_created { F_CREATED } else { 0 }
}
