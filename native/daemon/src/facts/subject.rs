//! Which descriptor a call is about: the one that `fd.*` tells of.

use std::sync::LazyLock;

use bumpalo::Bump;
use peregrine_capture::event::{Call, Descriptor, Place};
use peregrine_rules::{EventKind, EventType, FieldId, Value};

use super::{descriptor, net};

const RESULT: u8 = Place::RESULT.0;
const FIRST: u8 = Place::FIRST.0;
const SECOND: u8 = Place::SECOND.0;

/// By event: the new descriptor of calls that make one, the directory of calls that name something
/// in one, the written one of calls that copy.
#[rustfmt::skip]
static PLACES: &[(&str, u8)] = &[
    ("accept", RESULT), ("accept4", RESULT), ("bind", 0), ("bpf", RESULT), ("close", 0),
    ("copy_file_range", 2), ("dup", RESULT), ("dup2", RESULT), ("dup3", RESULT),
    ("epoll_create", RESULT), ("epoll_create1", RESULT), ("eventfd", RESULT),
    ("eventfd2", RESULT), ("fchdir", 0), ("fchmod", 0), ("fchmodat", 0), ("fchown", 0),
    ("fchownat", 0), ("fcntl", 0), ("finit_module", 0), ("flock", 0), ("fsconfig", 0),
    ("fstat", 0), ("getdents", 0), ("getdents64", 0), ("getsockopt", 0),
    ("inotify_init", RESULT), ("inotify_init1", RESULT), ("io_uring_enter", 0),
    ("io_uring_register", 0), ("io_uring_setup", RESULT), ("ioctl", 0), ("listen", 0),
    ("llseek", 0), ("lseek", 0), ("memfd_create", RESULT), ("mkdirat", 0), ("mknodat", 0),
    ("mmap", 4), ("mmap2", 4), ("newfstatat", 0), ("open_by_handle_at", RESULT),
    ("pidfd_getfd", RESULT), ("pidfd_open", RESULT), ("pipe", SECOND), ("pipe2", SECOND),
    ("pread", 0), ("preadv", 0), ("pwrite", 0), ("pwritev", 0), ("read", 0), ("readv", 0),
    ("recv", 0), ("recvfrom", 0), ("recvmmsg", 0), ("recvmsg", 0), ("send", 0), ("sendfile", 0),
    ("sendmmsg", 0), ("sendmsg", 0), ("sendto", 0), ("setns", 0), ("setsockopt", 0),
    ("shutdown", 0), ("signalfd", RESULT), ("signalfd4", RESULT), ("socket", RESULT),
    ("socketpair", FIRST), ("splice", 2), ("symlinkat", 1), ("timerfd_create", RESULT),
    ("unlinkat", 0), ("userfaultfd", RESULT), ("write", 0), ("writev", 0),
];

/// The descriptor that a call is about.
pub struct Subject<'e> {
    call: &'e Call<'e>,
    event_type: EventType,
    place: Place,
    descriptor: Option<&'e Descriptor<'e>>,
}

impl<'e> Subject<'e> {
    /// `None` for a call that is about none. Of calls that only have a name in the rules' table, the
    /// first that stands for something.
    pub fn new(call: &'e Call<'e>, event_type: EventType) -> Option<Self> {
        static BY_EVENT: LazyLock<Vec<Option<Place>>> = LazyLock::new(|| {
            let place = |name| PLACES.iter().find(|(row, _)| *row == name).map(|row| Place(row.1));
            EventType::all().map(|event| place(event.name())).collect()
        });
        let Some(place) = BY_EVENT[event_type.index()] else {
            let is_generic = event_type.kind() == EventKind::Generic;
            let (place, descriptor) = call.first_descriptor().filter(|_| is_generic)?;
            return Some(Self { call, event_type, place, descriptor: Some(descriptor) });
        };
        let is_descriptor = makes_descriptor(call);
        let descriptor = call.descriptor(place).filter(|_| is_descriptor);
        Some(Self { call, event_type, place, descriptor })
    }

    /// What stands behind it, if anything did.
    pub fn descriptor(&self) -> Option<&'e Descriptor<'e>> {
        self.descriptor
    }

    /// A field of it.
    pub fn field<'a>(&self, id: FieldId, arena: &'a Bump) -> Value<'a>
    where
        'e: 'a,
    {
        match self.descriptor {
            Some(Descriptor::Socket(state)) => {
                net::Party::of_call(self.call, self.place, state).field(id, arena)
            }
            Some(Descriptor::File(state)) => {
                descriptor::field(id, self.number(), state, self.peer(), arena)
            }
            None => self.missing(id),
        }
    }

    /// -1 where the call has failed to make one.
    fn number(&self) -> i64 {
        let number = net::fd(self.call, self.place);
        let is_new = matches!(self.place, Place::RESULT | Place::FIRST | Place::SECOND);
        if is_new { number.max(-1) } else { number }
    }

    /// The process behind a pidfd, where the call tells it.
    fn peer(&self) -> Option<u32> {
        let is_told = self.event_type.name() == "pidfd_open";
        is_told.then(|| self.call.argument(0) as u32)
    }

    /// What rules see of a descriptor that stands for nothing.
    fn missing(&self, id: FieldId) -> Value<'static> {
        let name = self.event_type.name();
        match id {
            FieldId::FdNum => Value::I64(self.number()),
            FieldId::FdName if name.starts_with("accept") => Value::Str(b"NULL"),
            FieldId::FdName => Value::Str(b""),
            FieldId::FdTypechar => Value::Str(match name {
                "socket" | "accept" | "accept4" => b"4",
                "pipe" | "pipe2" => b"p",
                "eventfd" | "eventfd2" => b"e",
                "signalfd" | "signalfd4" => b"s",
                "timerfd_create" => b"t",
                "inotify_init" | "inotify_init1" => b"i",
                _ => b"o",
            }),
            _ => Value::Absent,
        }
    }
}

/// bpf(2) makes a descriptor by some of its commands; others give a number that is none.
fn makes_descriptor(call: &Call<'_>) -> bool {
    /// `enum bpf_cmd`: create, load, open what is pinned, get by id, links, iterators, statistics.
    const MAKING: [u32; 13] = [0, 5, 7, 13, 14, 17, 18, 19, 28, 30, 32, 33, 36];
    call.syscall.name() != "bpf" || MAKING.contains(&(call.argument(0) as u32))
}

/// What input and output are of, as `evt.category` has it.
pub fn category(subject: Option<&Subject<'_>>, arena: &Bump) -> &'static str {
    match subject.and_then(Subject::descriptor) {
        Some(Descriptor::File(state)) => descriptor::category(state, arena),
        Some(Descriptor::Socket(state)) => net::category(state),
        None => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_about_a_descriptor_says_which() {
        /// What has a kind of record of its own.
        const OTHERS: &[&str] = &["connect", "creat", "open", "openat", "openat2"];
        for event in EventType::all().filter(|it| it.kind() == EventKind::Syscall) {
            let name = event.name();
            let is_told = PLACES.iter().any(|(row, _)| *row == name) || OTHERS.contains(&name);
            assert_eq!(is_told, event.has_descriptor(), "{name}");
        }
    }
}
