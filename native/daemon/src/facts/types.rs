//! `fd.types`: the kinds of what a process has open.
//!
//! The event tells its own descriptor. The others are as `/proc` has them at this moment, as long as
//! the process runs; after that, those of the first three descriptors are known from its last exec.

use bumpalo::{Bump, collections::Vec};
use peregrine_rules::{Argument, Value};
use peregrine_world::OpenDescriptor;

use super::{Judged, descriptor, process};

/// Of the descriptor with an index, or of all, each word once. `own` is the event's descriptor.
pub fn field<'a>(
    argument: &Argument,
    own: (i64, Value<'a>),
    judged: &'a Judged<'_>,
    arena: &'a Bump,
) -> Value<'a> {
    let wanted = match argument {
        Argument::Index(number) => i64::try_from(*number).ok(),
        _ => None,
    };
    let is_wanted = |number| wanted.is_none_or(|wanted| wanted == number);
    let mut words = Vec::new_in(arena);
    let mut take = |(number, word): (i64, Value<'a>)| {
        if word != Value::Absent && is_wanted(number) && !words.contains(&word) {
            words.push(word);
        }
    };
    take(own);
    if wanted != Some(own.0) {
        match judged.world.descriptors(judged.process) {
            Some(open) => open.iter().for_each(|open| take(typed(open))),
            None => process::stream_types(judged.process, arena).for_each(take),
        }
    }
    if words.is_empty() { Value::Absent } else { Value::List(words.into_bump_slice()) }
}

fn typed(open: &OpenDescriptor) -> (i64, Value<'static>) {
    (open.number.into(), Value::Str(word(open).as_bytes()))
}

fn word(open: &OpenDescriptor) -> &'static str {
    match open.link.split(|&byte| byte == b':').next().unwrap_or_default() {
        b"socket" => socket(&open.protocol),
        b"pipe" => "pipe",
        kind @ (b"anon_inode" | b"pidfd") => match open.link.strip_prefix(b"anon_inode:") {
            Some(name) => descriptor::anonymous(name).unwrap_or("file"),
            None if kind == b"pidfd" => "pidfd",
            None => "file",
        },
        b"/memfd" => "memfd",
        _ => descriptor::of_mode(open.mode),
    }
}

/// By the name of the protocol in the kernel (`struct proto`).
fn socket(protocol: &[u8]) -> &'static str {
    match protocol {
        b"UNIX" | b"UNIX-STREAM" => "unix",
        b"NETLINK" => "netlink",
        b"TCP" | b"UDP" | b"UDP-Lite" | b"RAW" | b"PING" | b"MPTCP" | b"SCTP" | b"DCCP" => "ipv4",
        b"TCPv6" | b"UDPv6" | b"UDPLITEv6" | b"RAWv6" | b"PINGv6" | b"MPTCPv6" | b"SCTPv6"
        | b"DCCPv6" => "ipv6",
        _ => "<NA>",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_proc_are_told_as_descriptors_of_events_are() {
        let open = |link: &str, mode, protocol: &str| OpenDescriptor {
            number: 5,
            link: link.into(),
            mode,
            protocol: protocol.into(),
        };
        let cases = [
            (open("/etc/passwd", 0o100_644, ""), "file"),
            (open("/dev/null", 0o020_666, ""), "file"),
            (open("/etc", 0o040_755, ""), "directory"),
            (open("/run/fifo", 0o010_600, ""), "pipe"),
            (open("/memfd:x (deleted)", 0o100_777, ""), "memfd"),
            (open("pipe:[7]", 0, ""), "pipe"),
            (open("anon_inode:[eventpoll]", 0, ""), "eventpoll"),
            (open("anon_inode:inotify", 0, ""), "inotify"),
            (open("anon_inode:[pidfd]", 0, ""), "pidfd"),
            (open("pidfd:[9]", 0, ""), "pidfd"),
            (open("socket:[7]", 0, "TCP"), "ipv4"),
            (open("socket:[7]", 0, "UDPv6"), "ipv6"),
            (open("socket:[7]", 0, "UNIX-STREAM"), "unix"),
            (open("socket:[7]", 0, "PACKET"), "<NA>"),
        ];
        for (open, expected) in cases {
            assert_eq!(word(&open), expected, "{open:?}");
        }
    }
}
