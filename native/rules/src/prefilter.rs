//! What an open must be for some rule to match it, as far as the kernel can tell when it ends: the
//! way of access, whether it failed, and how its name begins.
//!
//! Each condition is weakened to a necessary one: parts that the kernel cannot decide are taken as
//! possible. So an open that fulfils none of what is computed here matches no rule, and it need not
//! leave the kernel; the reverse does not hold.
//!
//! **Invariant:** *match ⇒ need fulfilled*, for every event (`tests/prefilter.rs`).

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use bumpalo::Bump;

use crate::check::{Check, Compiled, Pattern, Several, Wanted};
use crate::events::EventType;
use crate::expression::{Expr, ExprId, Expressions};
use crate::facts::{Truth, Value};
use crate::fields::{Argument, FieldId};
use crate::value::ValueSource;

/// More names than this are not worth keeping apart.
const NAMES: usize = 2048;
/// Last names longer than this are not told apart.
const LAST_BYTES: usize = 63;

/// What the kernel knows of an open without looking at names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenClass {
    /// Opened for reading.
    pub reads: bool,
    /// Opened for writing.
    pub writes: bool,
    /// With `O_CREAT` or `O_TMPFILE`.
    pub creates: bool,
    /// The call failed.
    pub failed: bool,
}

impl OpenClass {
    /// All of them; [`Self::index`] is the place.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..16).map(|index| Self {
            reads: index & 1 != 0,
            writes: index & 2 != 0,
            creates: index & 4 != 0,
            failed: index & 8 != 0,
        })
    }

    /// Its number, below 16.
    pub fn index(self) -> usize {
        usize::from(self.reads)
            | usize::from(self.writes) << 1
            | usize::from(self.creates) << 2
            | usize::from(self.failed) << 3
    }
}

/// What an absolute name without `//`, `/.` and `..` in it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenNeed {
    /// No rule can match, whatever the name.
    Nothing,
    /// It must begin in one of these ways, or end in one of these names.
    Names(OpenNames),
    /// Some rule may match whatever the name.
    Anything,
}

/// Names of which an open must have one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenNames {
    /// How the name may begin.
    pub prefixes: BTreeSet<Box<[u8]>>,
    /// What may stand behind its last slash; that is then also the last name of the opened file.
    pub last: BTreeSet<Box<[u8]>>,
}

impl OpenNames {
    fn len(&self) -> usize {
        self.prefixes.len() + self.last.len()
    }
}

use OpenNeed::{Anything, Names, Nothing};

impl OpenNeed {
    /// Whether a name fulfils it.
    pub fn allows(&self, name: &[u8]) -> bool {
        match self {
            Nothing => false,
            Names(names) => {
                let last = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
                names.prefixes.iter().any(|prefix| name.starts_with(prefix))
                    || names.last.contains(last)
            }
            Anything => true,
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Nothing, _) | (_, Nothing) => Nothing,
            (Anything, other) | (other, Anything) => other,
            (Names(left), Names(right)) => {
                // Both are necessary, so either will do.
                Names(if left.len() <= right.len() { left } else { right })
            }
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Anything, _) | (_, Anything) => Anything,
            (Nothing, other) | (other, Nothing) => other,
            (Names(mut left), Names(right)) => {
                left.prefixes.extend(right.prefixes);
                left.last.extend(right.last);
                if left.len() > NAMES { Anything } else { Names(left) }
            }
        }
    }
}

/// Whether names that hold this are looked at by every rule anyway.
pub fn is_unclean(name: &[u8]) -> bool {
    name.windows(2).any(|pair| matches!(pair, b"//" | b"/." | b".."))
}

/// The calls that open files.
pub const OPENS: [&str; 4] = ["open", "openat", "openat2", "creat"];

/// What opens must be for some rule to match, by call and class.
#[derive(Debug)]
pub(crate) struct OpenNeeds(Box<[(EventType, Vec<OpenNeed>)]>);

impl OpenNeeds {
    pub fn new(expressions: &Expressions, roots: impl Iterator<Item = ExprId> + Clone) -> Self {
        let events = OPENS.into_iter().filter_map(EventType::from_name);
        Self(
            events
                .map(|event| {
                    let need = |class| open_need(expressions, roots.clone(), event, class);
                    (event, OpenClass::all().map(need).collect())
                })
                .collect(),
        )
    }

    /// `None` for an event that opens nothing.
    pub fn get(&self, event: EventType, class: OpenClass) -> Option<&OpenNeed> {
        self.0.iter().find(|(own, _)| *own == event)?.1.get(class.index())
    }
}

/// What an open of this class and type must be for one of the conditions to hold.
fn open_need(
    expressions: &Expressions,
    roots: impl Iterator<Item = ExprId>,
    event: EventType,
    class: OpenClass,
) -> OpenNeed {
    let weaken = Weaken { expressions, event, class, known_needs: RefCell::default() };
    roots.fold(Nothing, |need, root| need.or(weaken.expression(root, true)))
}

struct Weaken<'a> {
    expressions: &'a Expressions,
    event: EventType,
    class: OpenClass,
    /// Expressions share their parts, which would be walked again and again.
    known_needs: RefCell<HashMap<(ExprId, bool), OpenNeed>>,
}

impl Weaken<'_> {
    /// What is necessary for an expression to be true, or for it to be false.
    fn expression(&self, id: ExprId, wanted: bool) -> OpenNeed {
        if let Some(need) = self.known_needs.borrow().get(&(id, wanted)) {
            return need.clone();
        }
        let need = self.walked(id, wanted);
        self.known_needs.borrow_mut().insert((id, wanted), need.clone());
        need
    }

    fn walked(&self, id: ExprId, wanted: bool) -> OpenNeed {
        match (self.expressions.get(id), wanted) {
            (Expr::Constant(value), _) => decided(*value == wanted),
            (Expr::EventIs(events), _) => decided(events.contains(self.event) == wanted),
            (Expr::Not(part), _) => self.expression(*part, !wanted),
            (Expr::And(parts), true) | (Expr::Or(parts), false) => {
                parts.iter().fold(Anything, |need, part| need.and(self.expression(*part, wanted)))
            }
            (Expr::Or(parts), true) | (Expr::And(parts), false) => {
                parts.iter().fold(Nothing, |need, part| need.or(self.expression(*part, wanted)))
            }
            (Expr::ExactlyOne(_), _) => Anything,
            (Expr::Test(test), _) => self.test(*test, wanted),
        }
    }

    fn test(&self, id: u32, wanted: bool) -> OpenNeed {
        let test = self.expressions.test(id);
        let ValueSource::Field(field) = self.expressions.value(test.value) else {
            return Anything;
        };
        let field = &self.expressions.fields()[*field as usize];
        if matches!(test.check, Check::Value(..)) || test.several != Several::Any {
            return Anything;
        }
        if let Some(value) = self.known(field.id) {
            let arena = Bump::new();
            let truth =
                Compiled::new(&test.check).ask(test.several, &value, &Value::Absent, &arena);
            return match truth {
                Truth::Unknown => Anything,
                truth => decided((truth == Truth::True) == wanted),
            };
        }
        if matches!(field.id, FieldId::FdRealpath | FieldId::FdRealfilename | FieldId::FdFilename) {
            return match (wanted, self.class.failed) {
                // Without an opened file there is neither, and a test of what is absent is false.
                (_, true) => decided(!wanted),
                (true, _) => last_names(&test.check),
                (false, _) => Anything,
            };
        }
        let is_name = match field.id {
            FieldId::FdName
            | FieldId::FdNameraw
            | FieldId::FdDirectory
            | FieldId::FsPathName
            | FieldId::FsPathNameraw => true,
            FieldId::EvtArg => {
                matches!(&field.argument, Argument::Parameter(name) if &**name == "name")
            }
            _ => false,
        };
        if is_name && wanted { names(&test.check) } else { Anything }
    }

    /// The value of a field, where the class decides it.
    fn known(&self, field: FieldId) -> Option<Value<'static>> {
        let OpenClass { reads, writes, creates, failed } = self.class;
        let is_creat = self.event.name() == "creat";
        match field {
            FieldId::EvtIsOpenRead => Some(Value::Bool(reads && !is_creat)),
            FieldId::EvtIsOpenWrite => Some(Value::Bool(writes && !is_creat)),
            FieldId::EvtIsOpenExec if !creates && !is_creat => Some(Value::Bool(false)),
            FieldId::EvtIsOpenCreate if failed || (!creates && !is_creat) => {
                Some(Value::Bool(false))
            }
            FieldId::EvtFailed => Some(Value::Bool(failed)),
            FieldId::EvtRes if !failed => Some(Value::Str(b"SUCCESS")),
            FieldId::FdNum if failed => Some(Value::I64(-1)),
            FieldId::EvtDir => Some(Value::Str(b"<")),
            _ => None,
        }
    }
}

fn decided(holds: bool) -> OpenNeed {
    if holds { Anything } else { Nothing }
}

/// What a check of an absolute, clean name or of its directory asks of how it begins.
fn names(check: &Check) -> OpenNeed {
    match check {
        Check::Texts(texts, Wanted::Member) => any_of(texts, absolute),
        Check::Pattern(Pattern::StartsWith, texts) => {
            any_of(texts, |text| if text.is_empty() { Anything } else { absolute(text) })
        }
        Check::Pattern(Pattern::PathPrefix, texts) => any_of(texts, path_prefix),
        Check::Pattern(Pattern::Glob, texts) => any_of(texts, |text| {
            let end = text.iter().position(is_special).unwrap_or(text.len());
            match &text[..end] {
                [] => Anything,
                literal => absolute(literal),
            }
        }),
        // Unclean names pass without being asked.
        Check::Pattern(Pattern::Contains, texts) => {
            any_of(
                texts,
                |text| if is_unclean(text) { Names(OpenNames::default()) } else { Anything },
            )
        }
        _ => Anything,
    }
}

fn any_of(texts: &[Vec<u8>], need: impl Fn(&[u8]) -> OpenNeed) -> OpenNeed {
    texts.iter().fold(Nothing, |all, text| all.or(need(text)))
}

/// A name that is not absolute passes without being asked, too.
fn absolute(prefix: &[u8]) -> OpenNeed {
    let prefixes = prefix.starts_with(b"/").then(|| prefix.into()).into_iter().collect();
    Names(OpenNames { prefixes, ..OpenNames::default() })
}

/// What a check of the opened file's path or last name asks of that last name. Where it is not the
/// last one of the name that was asked for, the open passes.
fn last_names(check: &Check) -> OpenNeed {
    match check {
        Check::Texts(texts, Wanted::Member) => any_of(texts, last_name),
        Check::Pattern(Pattern::EndsWith, texts) => {
            any_of(texts, |text| if text.contains(&b'/') { last_name(text) } else { Anything })
        }
        _ => Anything,
    }
}

fn last_name(text: &[u8]) -> OpenNeed {
    let name = text.rsplit(|byte| *byte == b'/').next().unwrap_or(text);
    if name.is_empty() || name.len() > LAST_BYTES {
        return Anything;
    }
    Names(OpenNames { last: BTreeSet::from([name.into()]), ..OpenNames::default() })
}

/// `pmatch` goes by components and does not mind slashes in front.
fn path_prefix(text: &[u8]) -> OpenNeed {
    let components = text.split(|byte| *byte == b'/').filter(|component| !component.is_empty());
    let literal: Vec<_> =
        components.take_while(|component| !component.iter().any(is_special)).collect();
    if literal.is_empty() {
        return Anything;
    }
    absolute(&[b"/", literal.join(&b'/').as_slice()].concat())
}

fn is_special(byte: &u8) -> bool {
    matches!(byte, b'*' | b'?' | b'[' | b'\\')
}
