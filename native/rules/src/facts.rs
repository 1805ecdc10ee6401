//! What evaluation may ask of an event and the world: values of fields, and nothing else.

use std::net::IpAddr;

use bumpalo::Bump;

use crate::events::EventType;
use crate::fields::FieldRef;

/// True, false, or not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truth {
    /// The condition does not hold.
    False,
    /// The condition holds.
    True,
    /// Whether it holds depends on a value that is not known yet.
    Unknown,
}

impl Truth {
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::True => Self::False,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl Truth {
    /// Whether all hold.
    pub(crate) fn all(parts: impl Iterator<Item = Self>) -> Self {
        parts.fold(Self::True, |all, part| match (all, part) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            _ => Self::True,
        })
    }

    /// Whether one holds and no other.
    pub(crate) fn exactly_one(parts: impl Iterator<Item = Self>) -> Self {
        let (mut n_true, mut n_unknown) = (0usize, 0usize);
        for part in parts {
            match part {
                Self::True => n_true += 1,
                Self::Unknown => n_unknown += 1,
                Self::False => {}
            }
        }
        match (n_true, n_unknown) {
            (2.., _) => Self::False,
            (_, 1..) => Self::Unknown,
            (n_true, 0) => (n_true == 1).into(),
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

/// The value of a field for one event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// The event has no such value: every comparison is false, `!=` too.
    Absent,
    /// The value exists and is not known yet.
    Unknown,
    /// A text, a path or bytes.
    Str(&'a [u8]),
    /// A signed number.
    I64(i64),
    /// An unsigned number.
    U64(u64),
    /// A boolean.
    Bool(bool),
    /// A fractional number.
    F64(f64),
    /// An address, for network fields too.
    Ip(IpAddr),
    /// Several values: both ends of a connection, all ancestors (nearest first), or a list field.
    List(&'a [Value<'a>]),
}

impl<'a> Value<'a> {
    /// The value, or none if there is nothing to compare or it is not known.
    pub(crate) fn text(self) -> Option<&'a [u8]> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn integer(self) -> Option<i128> {
        match self {
            Self::I64(number) => Some(number.into()),
            Self::U64(number) => Some(number.into()),
            _ => None,
        }
    }
}

/// Names a state of a process and its container. As long as events have the same one, all their fields
/// with a [`Lifetime`](crate::Lifetime) longer than an event are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StateId {
    /// Another one whenever anything of the process changes, and for each process.
    pub process: u64,
    /// Another one whenever more or less is known of its container.
    pub container: u64,
}

/// An event with all that is known about it.
pub trait Facts {
    /// The value of a field for this event; texts put together on the fly live in the arena.
    fn value<'a>(&'a self, field: &'a FieldRef, arena: &'a Bump) -> Value<'a>;

    /// The type of the event.
    fn event_type(&self) -> EventType;

    /// The state in which the process was, if it can be told from others; what was found out about a
    /// state need not be found out again.
    fn state(&self) -> Option<StateId> {
        None
    }
}
