//! The event types that `evt.type` knows: system calls with parameters of their own, generic ones,
//! and what is no system call.
//!
//! **Invariant:** the table is sorted by name, so an [`EventType`] is an index that a name finds by
//! bisection, and a set of them is a bitmap.

pub mod flags;
pub mod numbers;
pub mod parameters;
mod table;

use table::{ALIASES, EVENTS};

/// An event type, as an index into the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventType(u16);

/// What stands behind an event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A system call with parameters of its own.
    Syscall,
    /// A system call of which only the name is known.
    Generic,
    /// A tracepoint, a notice of the engine, or an event of a plugin.
    Other,
    /// A name that old rules may hold; no event has it.
    Retired,
}

/// The word that `evt.category` gives, or for input and output where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it; see `Category::word`")]
pub enum Category {
    Unknown,
    Other,
    File,
    Net,
    Ipc,
    Memory,
    Process,
    Sleep,
    System,
    Signal,
    User,
    Time,
    Processing,
    Wait,
    Scheduler,
    Internal,
    IoRead,
    IoWrite,
    IoOther,
}

/// A row of the table.
struct EventRow {
    name: &'static str,
    kind: EventKind,
    category: Category,
    traits: &'static str,
}

impl EventRow {
    const fn new(
        name: &'static str,
        kind: EventKind,
        category: Category,
        traits: &'static str,
    ) -> Self {
        Self { name, kind, category, traits }
    }
}

impl EventType {
    /// How many event types there are.
    pub const COUNT: usize = EVENTS.len();

    /// The event type with this very name.
    pub fn from_name(name: &str) -> Option<Self> {
        let index = EVENTS.binary_search_by(|row| row.name.cmp(name)).ok()?;
        u16::try_from(index).ok().map(Self)
    }

    /// The event type that a rule means by a name: also the event behind a system call whose event
    /// is called otherwise, such as `pread64`.
    pub fn from_rule_name(name: &str) -> Option<Self> {
        Self::from_name(name).or_else(|| {
            let index = ALIASES.binary_search_by(|(alias, _)| (*alias).cmp(name)).ok()?;
            Self::from_name(ALIASES[index].1)
        })
    }

    /// All event types, in the order of their names.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).filter_map(|index| u16::try_from(index).ok().map(Self))
    }

    /// The name, as `evt.type` gives it.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// What stands behind the event type.
    pub fn kind(self) -> EventKind {
        self.row().kind
    }

    /// The category of the event type.
    pub fn category(self) -> Category {
        self.row().category
    }

    /// Whether this is a system call, generic or not.
    pub fn is_syscall(self) -> bool {
        matches!(self.kind(), EventKind::Syscall | EventKind::Generic)
    }

    /// Whether the call only moves data: such calls are captured by no default, whatever rules say,
    /// since there are too many of them.
    pub fn is_plain_io(self) -> bool {
        matches!(self.category(), Category::IoRead | Category::IoWrite)
            && !self.row().traits.contains('M')
    }

    /// Whether it reads from a descriptor.
    pub fn reads(self) -> bool {
        self.row().traits.contains('R')
    }

    /// Whether it writes to a descriptor.
    pub fn writes(self) -> bool {
        self.row().traits.contains('W')
    }

    /// Whether it may wait for something.
    pub fn waits(self) -> bool {
        self.row().traits.contains('B')
    }

    /// Whether it makes, uses or closes a descriptor: only then rules may ask for `fd.*`.
    pub fn has_descriptor(self) -> bool {
        self.row().traits.contains(['C', 'D', 'U'])
    }

    /// The place in the table.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    fn row(self) -> &'static EventRow {
        &EVENTS[self.index()]
    }
}

impl Category {
    /// The word that `evt.category` gives; none where the descriptor decides it.
    pub fn word(self) -> Option<&'static str> {
        Some(match self {
            Self::Unknown => "unknown",
            Self::Other => "other",
            Self::File => "file",
            Self::Net => "net",
            Self::Ipc => "IPC",
            Self::Memory => "memory",
            Self::Process => "process",
            Self::Sleep => "sleep",
            Self::System => "system",
            Self::Signal => "signal",
            Self::User => "user",
            Self::Time => "time",
            Self::Processing => "processing",
            Self::Wait => "wait",
            Self::Scheduler => "scheduler",
            Self::Internal => "internal",
            Self::IoRead | Self::IoWrite | Self::IoOther => return None,
        })
    }
}

/// A set of event types.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct EventSet([u64; EventType::COUNT.div_ceil(64)]);

impl EventSet {
    /// No event type.
    pub fn empty() -> Self {
        Self([0; _])
    }

    /// Every event type.
    pub fn full() -> Self {
        let mut set = Self::empty();
        EventType::all().for_each(|event| set.insert(event));
        set
    }

    /// Adds an event type.
    pub fn insert(&mut self, event: EventType) {
        self.0[event.index() / 64] |= 1 << (event.index() % 64);
    }

    /// Whether an event type is in the set.
    pub fn contains(&self, event: EventType) -> bool {
        self.0[event.index() / 64] & (1 << (event.index() % 64)) != 0
    }

    /// How many event types are in the set.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no event type is in the set.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The event types of the set, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = EventType> {
        EventType::all().filter(|event| self.contains(*event))
    }

    /// What is in both.
    pub fn intersection(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(left, right)| *left &= right);
        self
    }

    /// What is in either.
    pub fn union(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(left, right)| *left |= right);
        self
    }

    /// What is in the first and not in the other.
    pub fn difference(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(left, right)| *left &= !right);
        self
    }
}

impl FromIterator<EventType> for EventSet {
    fn from_iter<I: IntoIterator<Item = EventType>>(events: I) -> Self {
        let mut set = Self::empty();
        events.into_iter().for_each(|event| set.insert(event));
        set
    }
}

/// The known name nearest to one that is not known.
pub(crate) fn nearest_event(name: &str) -> Option<&'static str> {
    crate::nearest::nearest(name, EVENTS.iter().map(|row| row.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_closed() {
        assert!(EVENTS.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(ALIASES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (alias, event) in ALIASES {
            assert!(EventType::from_name(alias).is_none(), "{alias} is both");
            assert!(EventType::from_name(event).is_some(), "{event} is unknown");
        }
    }

    #[test]
    fn plain_io_is_what_only_moves_data() {
        let names: Vec<_> =
            EventType::all().filter(|event| event.is_plain_io()).map(EventType::name).collect();
        let expected = [
            "pread", "preadv", "pwrite", "pwritev", "read", "readv", "recv", "send", "sendfile",
            "write", "writev",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn sets_follow_the_laws() {
        let open: EventSet = EventType::from_name("open").into_iter().collect();
        assert_eq!(open.len(), 1);
        assert_eq!(EventSet::full().len(), EventType::COUNT);
        assert_eq!(EventSet::full().difference(&open).len(), EventType::COUNT - 1);
        assert_eq!(EventSet::full().intersection(&open), open);
        assert_eq!(EventSet::empty().union(&open), open);
    }
}
