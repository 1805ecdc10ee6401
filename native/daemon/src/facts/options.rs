//! Parameters whose kind depends on others: options of sockets, and what ptrace(2) is given.

use bumpalo::Bump;
use peregrine_capture::event::{Call, Place};
use peregrine_rules::parameters::Raw;

/// Kinds of `val`, as the parameter's table counts them.
const BYTES: usize = 0;
const ERROR: usize = 1;
const WORD: usize = 2;
const LONG: usize = 3;
const DURATION: usize = 4;

/// The value of a socket's option: by its level and name (include/uapi/asm-generic/socket.h).
pub fn socket_option<'a>(call: &Call<'a>, arena: &'a Bump) -> Raw<'a> {
    let Some(bytes) = call.bytes(Place(3)) else { return Raw::Missing };
    let word = bytes.first_chunk().map(|word| u32::from_ne_bytes(*word));
    let long = |at: usize| {
        bytes.get(at..).and_then(<[u8]>::first_chunk).map(|long| u64::from_ne_bytes(*long))
    };
    let chosen = match (call.argument(1) as i32, call.argument(2) as i32) {
        (libc::SOL_SOCKET, libc::SO_ERROR) => {
            word.map(|error| (ERROR, Raw::Signed(-i64::from(error.cast_signed()))))
        }
        (libc::SOL_SOCKET, libc::SO_RCVTIMEO | libc::SO_SNDTIMEO) => long(0)
            .zip(long(8))
            .map(|(s, us)| (DURATION, Raw::Unsigned(s * 1_000_000_000 + us * 1000))),
        (libc::SOL_SOCKET, libc::SO_COOKIE) => long(0).map(|it| (LONG, Raw::Unsigned(it))),
        (libc::SOL_SOCKET, name) if is_word(name) => {
            word.map(|it| (WORD, Raw::Unsigned(it.into())))
        }
        _ => None,
    };
    let (kind, raw) = chosen.unwrap_or((BYTES, Raw::Bytes(bytes)));
    Raw::Chosen(kind, arena.alloc(raw))
}

/// Options that are one number.
fn is_word(name: libc::c_int) -> bool {
    matches!(
        name,
        libc::SO_DEBUG
            | libc::SO_REUSEADDR
            | libc::SO_TYPE
            | libc::SO_DONTROUTE
            | libc::SO_BROADCAST
            | libc::SO_SNDBUF
            | libc::SO_RCVBUF
            | libc::SO_KEEPALIVE
            | libc::SO_OOBINLINE
            | libc::SO_NO_CHECK
            | libc::SO_PRIORITY
            | libc::SO_REUSEPORT
            | libc::SO_PASSCRED
            | libc::SO_RCVLOWAT
            | libc::SO_SNDLOWAT
            | libc::SO_TIMESTAMP
            | libc::SO_ACCEPTCONN
            | libc::SO_SNDBUFFORCE
            | libc::SO_RCVBUFFORCE
            | libc::SO_PASSSEC
            | libc::SO_TIMESTAMPNS
            | libc::SO_MARK
            | libc::SO_TIMESTAMPING
            | libc::SO_PROTOCOL
            | libc::SO_DOMAIN
            | libc::SO_RXQ_OVFL
            | libc::SO_PEEK_OFF
            | libc::SO_NOFCS
            | libc::SO_LOCK_FILTER
            | libc::SO_SELECT_ERR_QUEUE
            | libc::SO_BUSY_POLL
            | libc::SO_MAX_PACING_RATE
            | libc::SO_BPF_EXTENSIONS
            | libc::SO_INCOMING_CPU
    )
}

/// A signal for the requests that let a process run on, else a number.
pub fn trace_data<'a>(call: &Call<'_>, arena: &'a Bump) -> Raw<'a> {
    let is_signal = matches!(
        call.argument(0) as u32,
        libc::PTRACE_CONT
            | libc::PTRACE_SINGLESTEP
            | libc::PTRACE_DETACH
            | libc::PTRACE_SYSCALL
            | libc::PTRACE_KILL
    );
    let data = call.argument(3);
    match is_signal {
        true => Raw::Chosen(1, arena.alloc(Raw::Signed(data as i64))),
        false => Raw::Chosen(0, arena.alloc(Raw::Unsigned(data))),
    }
}
