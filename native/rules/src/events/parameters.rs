//! The parameters of event types: names, order and kinds, and the texts that rules compare.
//!
//! A parameter has a plain text and, for some kinds, a resolved one: names of flags, an absolute path,
//! a user's name. `evt.arg` is the resolved text if there is one, else the plain one; `evt.args` has
//! both; `evt.rawarg` is the number itself.
//!
//! **Invariant:** nothing is known here of where a number came from; who calls gives raw parameters
//! in the order of the table, and [`Names`] for what only the world knows.

mod table;
mod text;

use std::net::IpAddr;
use std::sync::LazyLock;

use bumpalo::Bump;

use super::flags::FlagTable;
use super::{EventKind, EventType};
use crate::facts::Value;
use crate::output::BytesForm;

/// A parameter of an event type.
#[derive(Debug)]
pub struct Parameter {
    /// The name, as in `evt.arg.NAME`.
    pub name: &'static str,
    /// What it is.
    pub kind: ParameterKind,
    /// The type that Falco's list of events gives it, which tells widths and signs apart, too.
    pub type_name: &'static str,
}

/// What a parameter is, which decides how it is written.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ParameterKind {
    Decimal,
    Hexadecimal,
    Octal,
    /// A result: an error if negative.
    Error,
    Descriptor,
    /// The id of a process or thread.
    Process,
    Text,
    /// Relative to the working directory.
    Path,
    /// Relative to the directory whose descriptor is the parameter of this number.
    PathAt(usize),
    Bytes,
    Address,
    /// Both ends of a connection.
    Tuple,
    /// Descriptors that are waited for.
    Polled,
    /// Any number of names.
    Flags(&'static FlagTable),
    /// One of several names.
    Enumeration(&'static FlagTable),
    Mode(&'static FlagTable),
    Signal,
    /// A set of signals, the lowest bit for the first.
    Signals,
    User,
    Group,
    /// Nanoseconds.
    Duration,
    /// Nanoseconds since the epoch.
    Time,
    Syscall,
    Ip,
    Port,
    /// Several texts.
    Texts,
    /// One of several kinds, which the event decides.
    Dynamic(&'static [ParameterKind]),
}

/// A parameter as captured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Raw<'a> {
    /// The event has it, and we do not know it: no value.
    Unknown,
    /// The call has none, such as a null pointer: the text `<NA>` or `NULL`.
    Missing,
    /// A signed number.
    Signed(i64),
    /// An unsigned number; flags as the catalogue counts them.
    Unsigned(u64),
    /// Flags, an enumeration or a mode as the kernel counts them.
    Kernel(u64),
    /// A text, a path or bytes; texts of a list each end with a NUL.
    Bytes(&'a [u8]),
    /// An address of a socket.
    Address(SocketAddress<'a>),
    /// Both ends of a connection.
    Tuple(SocketTuple<'a>),
    /// Descriptors that are waited for, with flags as the kernel counts them.
    Polled(&'a [(i64, u16)]),
    /// Of [`ParameterKind::Dynamic`]: which kind, and the parameter.
    Chosen(usize, &'a Raw<'a>),
}

/// An address of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketAddress<'a> {
    /// Address and port.
    Inet(IpAddr, u16),
    /// A path, or a name that begins with a NUL.
    Unix(&'a [u8]),
    /// Another family.
    Other(u16),
}

/// Both ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketTuple<'a> {
    /// Source and destination, with their ports.
    Inet((IpAddr, u16), (IpAddr, u16)),
    /// The kernel's addresses of the source and the destination, and the path.
    Unix(u64, u64, &'a [u8]),
}

/// What a descriptor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescriptorName<'a> {
    /// The letter of `fd.typechar`.
    pub typechar: u8,
    /// `t`, `u`, `i` or `r` for tcp, udp, icmp and raw sockets.
    pub protocol: Option<u8>,
    /// The text of `fd.name`.
    pub name: &'a [u8],
}

/// What numbers and relative paths stand for at the time of the event; `None` for what is not known.
pub trait Names {
    /// The name of a descriptor.
    fn descriptor<'a>(&'a self, descriptor: i64, arena: &'a Bump) -> Option<DescriptorName<'a>>;
    /// The name of a process or thread.
    fn process(&self, id: i64) -> Option<&[u8]>;
    /// The name of a user.
    fn user(&self, id: u32) -> Option<&[u8]>;
    /// The name of a group.
    fn group(&self, id: u32) -> Option<&[u8]>;
    /// A relative path made absolute: below a directory given by its descriptor, or below the working
    /// directory if there is none.
    fn absolute<'a>(
        &'a self,
        directory: Option<i64>,
        path: &[u8],
        arena: &'a Bump,
    ) -> Option<&'a [u8]>;
    /// How bytes are written.
    fn bytes(&self) -> BytesForm {
        BytesForm::default()
    }
    /// `YYYY-MM-DD HH:MM:SS.nnnnnnnnn +zzzz` of nanoseconds since the epoch.
    fn date<'a>(&'a self, time: u64, arena: &'a Bump) -> Option<&'a [u8]>;
}

/// The texts of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rendered<'a> {
    /// Nothing if the parameter is not known.
    pub plain: Option<&'a [u8]>,
    /// What the plain text stands for.
    pub resolved: Option<&'a [u8]>,
}

impl<'a> Rendered<'a> {
    /// What `evt.arg` is.
    pub fn text(self) -> Option<&'a [u8]> {
        self.resolved.filter(|text| !text.is_empty()).or(self.plain)
    }
}

/// The parameters of one event: those of its type, in order, with what was captured of each.
#[derive(Clone, Copy)]
pub struct Parameters<'a> {
    parameters: &'static [Parameter],
    raw: &'a [Raw<'a>],
    names: &'a dyn Names,
}

impl<'a> Parameters<'a> {
    /// What is not in `raw` is not known.
    pub fn new(event: EventType, raw: &'a [Raw<'a>], names: &'a dyn Names) -> Self {
        Self { parameters: event.parameters(), raw, names }
    }

    /// The number of the parameter of a name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.parameters.iter().position(|parameter| parameter.name == name)
    }

    /// The texts of a parameter; `None` if the event has no parameter of this number.
    pub fn render(&self, number: usize, arena: &'a Bump) -> Option<Rendered<'a>> {
        let parameter = self.parameters.get(number)?;
        Some(text::render(parameter.kind, self.raw(number), self, arena))
    }

    /// The value of `evt.rawarg`.
    pub fn value(&self, number: usize) -> Value<'a> {
        self.parameters
            .get(number)
            .map_or(Value::Absent, |parameter| value(parameter.kind, self.raw(number)))
    }

    /// The text of `evt.args`: `name=plain(resolved)` of each, with spaces between. Generic system
    /// calls show none.
    pub fn line(&self, arena: &'a Bump) -> &'a [u8] {
        text::line(self, arena)
    }

    fn raw(&self, number: usize) -> Raw<'a> {
        self.raw.get(number).copied().unwrap_or(Raw::Unknown)
    }

    /// The descriptor of a directory that another parameter is.
    fn directory(&self, number: usize) -> Option<i64> {
        match self.raw(number) {
            Raw::Signed(descriptor) => Some(descriptor),
            _ => None,
        }
    }
}

impl Parameter {
    const fn new(name: &'static str, kind: ParameterKind, type_name: &'static str) -> Self {
        Self { name, kind, type_name }
    }
}

impl EventType {
    /// The parameters of events of this type, in order.
    pub fn parameters(self) -> &'static [Parameter] {
        static BY_INDEX: LazyLock<Box<[&'static [Parameter]]>> = LazyLock::new(|| {
            EventType::all()
                .map(|event| match event.kind() {
                    EventKind::Generic => table::GENERIC,
                    _ => table::BY_EVENT
                        .binary_search_by(|(name, _)| (*name).cmp(event.name()))
                        .map_or(&[][..], |index| table::BY_EVENT[index].1),
                })
                .collect()
        });
        BY_INDEX[self.index()]
    }
}

fn value<'a>(kind: ParameterKind, raw: Raw<'a>) -> Value<'a> {
    match raw {
        Raw::Signed(number) => Value::I64(number),
        Raw::Unsigned(number) => Value::U64(number),
        Raw::Kernel(number) => Value::U64(from_kernel(kind, number)),
        Raw::Bytes(bytes) => Value::Str(bytes),
        Raw::Chosen(index, raw) => value(chosen(kind, index), *raw),
        Raw::Unknown | Raw::Missing | Raw::Address(_) | Raw::Tuple(_) | Raw::Polled(_) => {
            Value::Absent
        }
    }
}

fn chosen(kind: ParameterKind, index: usize) -> ParameterKind {
    match kind {
        ParameterKind::Dynamic(kinds) => {
            kinds.get(index).copied().unwrap_or(ParameterKind::Decimal)
        }
        kind => kind,
    }
}

fn from_kernel(kind: ParameterKind, number: u64) -> u64 {
    match kind {
        ParameterKind::Flags(table)
        | ParameterKind::Enumeration(table)
        | ParameterKind::Mode(table) => table.from_kernel(number).into(),
        _ => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_of_the_table_is_known_and_sorted() {
        assert!(table::BY_EVENT.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (name, parameters) in table::BY_EVENT {
            assert!(EventType::from_name(name).is_some(), "{name}");
            assert!(!parameters.is_empty(), "{name}");
        }
    }

    #[test]
    fn every_parameter_can_be_named_by_a_rule() {
        for (event, parameters) in table::BY_EVENT {
            for parameter in *parameters {
                let name = parameter.name;
                assert!(crate::fields::raw_parameter(name).is_some(), "{event}: {name}");
            }
        }
    }

    #[test]
    fn relative_paths_stand_behind_the_descriptor_of_their_directory() {
        for (event, parameters) in table::BY_EVENT {
            for (at, parameter) in parameters.iter().enumerate() {
                if let ParameterKind::PathAt(directory) = parameter.kind {
                    let kind = parameters[directory].kind;
                    assert!(directory < at, "{event}");
                    assert!(matches!(kind, ParameterKind::Descriptor), "{event}");
                }
            }
        }
    }
}
