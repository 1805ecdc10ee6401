//! The catalogue of fields: one declarative table, and how a rule's text finds a field in it.
//!
//! **Invariant:** what a field is (type, argument, lifetime, meaning) stands in `table` and nowhere
//! else; documents and examples come from there.

mod argument;
pub(crate) mod host_name;
mod never;
mod parameters;
mod table;

pub use argument::{Argument, FieldRef, LookupError, lookup};
pub(crate) use argument::{is_field, is_field_with};
pub use table::FieldId;

use crate::nearest;

/// What kind of value a field has, which decides what it may be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum FieldType {
    I16,
    I32,
    I64,
    U32,
    U64,
    F64,
    Port,
    /// Nanoseconds.
    RelativeTime,
    /// Nanoseconds since the epoch.
    AbsoluteTime,
    Bool,
    Text,
    Bytes,
    Ip,
    /// An address on the field's side, a network on the other.
    Net,
    /// A list of texts.
    TextList,
    /// The type of the parameter that the argument names.
    Dynamic,
}

/// What a field takes in brackets or behind a dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ArgumentKind {
    NoArgument,
    IndexOptional,
    IndexRequired,
    KeyOptional,
    KeyRequired,
    /// `evt.arg.NAME` or `evt.arg[N]`.
    Parameter,
    /// `evt.rawarg.NAME`.
    RawParameter,
    /// `evt.type.is.NAME`.
    EventName,
    /// `thread.cgroup.NAME`.
    Subsystem,
    /// `evt.abspath`, `evt.abspath.src`, `evt.abspath.dst`.
    Side,
}

/// How long a value holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as the machine runs.
    Host,
    /// As long as the container lives.
    Container,
    /// From one exec of the process to its next.
    Process,
    /// For this event only.
    Event,
}

/// What is special about a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trait {
    /// Both ends of a connection are looked at.
    EitherEnd,
    /// Without an index every ancestor is looked at.
    AnyAncestor,
    /// Gives a list.
    List,
    /// May not be compared with another field.
    NoRight,
    /// May not stand in a transformer.
    NoTransformer,
    /// Kept for old rules.
    Deprecated,
    /// Has no single value to print.
    FilterOnly,
    /// Left out of listings.
    Hidden,
    /// Appended to every output unless told otherwise.
    Suggested,
    /// Names that an address has: all of those that rules compare it with.
    HostName,
    /// Known by name, but no event here has a value for it.
    NeverKnown,
    /// Printed as upper-case hexadecimal.
    Hexadecimal,
    /// Printed with nine digits at least.
    Padded,
    /// Text of a time, which structured outputs give as nanoseconds.
    TimeText,
    /// Ours; other engines do not know it.
    Extension,
}

/// A row of the catalogue.
#[derive(Debug)]
pub struct Row {
    /// The name as rules write it.
    pub name: &'static str,
    /// The type of its values.
    pub field_type: FieldType,
    /// What it takes as an argument.
    pub argument: ArgumentKind,
    /// How long a value holds.
    pub lifetime: Lifetime,
    /// What is special about it.
    pub traits: &'static [Trait],
    /// What it means.
    pub doc: &'static str,
    /// A condition that uses it.
    pub example: &'static str,
}

impl Row {
    /// Whether the field is special in this way.
    pub fn is(&self, wanted: Trait) -> bool {
        self.traits.contains(&wanted)
    }
}

impl FieldType {
    /// The word for messages and listings.
    pub fn word(self) -> &'static str {
        match self {
            Self::I16 | Self::I32 | Self::I64 => "signed number",
            Self::U32 | Self::U64 => "unsigned number",
            Self::F64 => "fractional number",
            Self::Port => "port",
            Self::RelativeTime => "duration in nanoseconds",
            Self::AbsoluteTime => "time in nanoseconds",
            Self::Bool => "boolean",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Ip => "IP address",
            Self::Net => "IP network",
            Self::TextList => "list of texts",
            Self::Dynamic => "parameter",
        }
    }

    /// Whether values are numbers that have an order.
    pub fn is_number(self) -> bool {
        matches!(
            self,
            Self::I16
                | Self::I32
                | Self::I64
                | Self::U32
                | Self::U64
                | Self::F64
                | Self::Port
                | Self::RelativeTime
                | Self::AbsoluteTime
        )
    }
}

impl FieldId {
    /// Whether it tells what the process may.
    pub fn is_of_capabilities(self) -> bool {
        self.row().name.starts_with("thread.cap_")
    }

    /// Whether it tells what a process reads from and writes to by default.
    pub fn is_of_streams(self) -> bool {
        self.row().name.starts_with("proc.std") || self == Self::FdTypes
    }

    /// Whether it tells of the session or the group of the process.
    pub fn is_of_group_or_session(self) -> bool {
        [
            "proc.sid",
            "proc.sname",
            "proc.pgid",
            "proc.vpgid",
            "proc.is_sid",
            "proc.is_pgid",
            "proc.is_vpgid",
        ]
        .iter()
        .any(|prefix| self.row().name.starts_with(prefix))
    }

    /// Whether the field has one of few values, so that any of them is common.
    pub(crate) fn has_few_values(self) -> bool {
        matches!(
            self,
            Self::FdTypechar
                | Self::FdType
                | Self::FdSockfamily
                | Self::FdL4proto
                | Self::EvtRes
                | Self::EvtRawres
                | Self::EvtCategory
                | Self::ContainerId
                | Self::ContainerType
                | Self::ProcTty
                | Self::UserUid
                | Self::UserName
                | Self::UserLoginuid
        )
    }
}

/// The type of a parameter of this name in `evt.rawarg`; the inner option is empty if such values
/// cannot be compared.
pub(crate) fn raw_parameter(name: &str) -> Option<Option<FieldType>> {
    let table = parameters::PARAMETERS;
    let index = table.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    Some(table[index].1)
}

/// The known field nearest to a name that is not known.
pub(crate) fn nearest_field(name: &str) -> Option<&'static str> {
    nearest::nearest(name, FieldId::all().map(|id| id.row().name))
}

/// The known parameter nearest to a name that is not known.
pub(crate) fn nearest_parameter(name: &str) -> Option<&'static str> {
    nearest::nearest(name, parameters::PARAMETERS.iter().map(|(known, _)| *known))
}

/// Writes the enum of fields and the table of rows from one list.
macro_rules! catalogue {
    ($($id:ident $name:literal $kind:ident $argument:ident $lifetime:ident [$($special:ident),*]
        $doc:literal $example:literal;)*) => {
        /// A field of the catalogue.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum FieldId {
            $(#[doc = concat!("`", $name, "`: ", $doc)] $id,)*
        }

        static IDS: &[FieldId] = &[$(FieldId::$id,)*];

        static ROWS: &[Row] = &[$(Row {
            name: $name,
            field_type: FieldType::$kind,
            argument: ArgumentKind::$argument,
            lifetime: Lifetime::$lifetime,
            traits: &[$(Trait::$special,)*],
            doc: $doc,
            example: $example,
        },)*];

        impl FieldId {
            /// All fields, in the order of the catalogue.
            pub fn all() -> impl Iterator<Item = Self> {
                IDS.iter().copied()
            }

            /// What the catalogue says of the field.
            pub fn row(self) -> &'static Row {
                &ROWS[self as usize]
            }
        }
    };
}
use catalogue;
