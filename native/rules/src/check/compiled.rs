//! A check made ready for asking.

use std::cmp::Ordering;
use std::net::IpAddr;

use bumpalo::Bump;
use hashbrown::HashSet;
use regex::Regex;

use super::{Check, Order, Pattern, Relation, Several, Wanted};
use crate::facts::{Truth, Value};
use crate::glob::Glob;
use crate::network::Network;
use crate::patterns::{PathPrefixes, Prefixes, Substrings, Suffixes, TextSet};
use crate::posix;

/// A check made ready for asking.
#[derive(Debug)]
pub(crate) enum Compiled {
    Exists,
    Texts(TextSet, Wanted),
    Numbers(NumberSet, Wanted),
    Fractions(Box<[u64]>, Wanted),
    Bools(Box<[bool]>, Wanted),
    Addresses(Box<[IpAddr]>, Wanted),
    Networks(Box<[Network]>, Wanted),
    Contains(Substrings),
    StartsWith(Prefixes),
    EndsWith(Suffixes),
    Globs(Box<[Glob]>),
    Regexes(Box<[Regex]>),
    PathPrefix(PathPrefixes),
    NumberOrder(Order, i128),
    FractionOrder(Order, f64),
    TextOrder(Order, Box<[u8]>),
    Value(Relation),
    EveryIn(TextSet),
    SomeIn(TextSet),
}

#[derive(Debug)]
pub(crate) enum NumberSet {
    One(i128),
    Few(Box<[i128]>),
    Many(HashSet<i128>),
}

impl NumberSet {
    fn new(numbers: &[i128]) -> Self {
        match numbers {
            [only] => Self::One(*only),
            _ if numbers.len() <= 8 => Self::Few(numbers.into()),
            _ => Self::Many(numbers.iter().copied().collect()),
        }
    }

    fn contains(&self, number: i128) -> bool {
        match self {
            Self::One(own) => *own == number,
            Self::Few(numbers) => numbers.contains(&number),
            Self::Many(numbers) => numbers.contains(&number),
        }
    }
}

impl Compiled {
    pub fn new(check: &Check) -> Self {
        match check {
            Check::Exists => Self::Exists,
            Check::Texts(texts, wanted) => Self::Texts(TextSet::new(texts), *wanted),
            Check::Numbers(numbers, wanted) => Self::Numbers(NumberSet::new(numbers), *wanted),
            Check::Fractions(bits, wanted) => Self::Fractions(bits.as_slice().into(), *wanted),
            Check::Bools(bools, wanted) => Self::Bools(bools.as_slice().into(), *wanted),
            Check::Addresses(addresses, wanted) => {
                Self::Addresses(addresses.as_slice().into(), *wanted)
            }
            Check::Networks(networks, wanted) => {
                Self::Networks(networks.as_slice().into(), *wanted)
            }
            Check::Pattern(pattern, texts) => Self::pattern(*pattern, texts),
            Check::NumberOrder(order, number) => Self::NumberOrder(*order, *number),
            Check::FractionOrder(order, bits) => Self::FractionOrder(*order, f64::from_bits(*bits)),
            Check::TextOrder(order, text) => Self::TextOrder(*order, text.as_slice().into()),
            Check::Value(relation, _) => Self::Value(*relation),
            Check::EveryIn(texts) => Self::EveryIn(TextSet::new(texts)),
            Check::SomeIn(texts) => Self::SomeIn(TextSet::new(texts)),
        }
    }

    fn pattern(pattern: Pattern, texts: &[Vec<u8>]) -> Self {
        match pattern {
            Pattern::Contains => Self::Contains(Substrings::new(texts)),
            Pattern::CaselessContains => Self::Contains(Substrings::caseless(texts)),
            Pattern::StartsWith => Self::StartsWith(Prefixes::new(texts)),
            Pattern::EndsWith => Self::EndsWith(Suffixes::new(texts)),
            Pattern::Glob => Self::Globs(texts.iter().map(|text| Glob::new(text, false)).collect()),
            Pattern::CaselessGlob => {
                Self::Globs(texts.iter().map(|text| Glob::new(text, true)).collect())
            }
            // Each pattern was compiled once when it was checked.
            Pattern::Regex => Self::Regexes(
                texts
                    .iter()
                    .filter_map(|text| posix::whole(std::str::from_utf8(text).ok()?).ok())
                    .collect(),
            ),
            Pattern::PathPrefix => Self::PathPrefix(PathPrefixes::new(texts)),
        }
    }

    /// Asks a value; `right` is what it is compared with if that is a value too.
    #[inline]
    pub fn ask(
        &self,
        several: Several,
        left: &Value<'_>,
        right: &Value<'_>,
        arena: &Bump,
    ) -> Truth {
        // What rules ask most, with the fewest calls.
        match (self, left) {
            (_, Value::Absent) => Truth::False,
            (_, Value::List(_) | Value::Unknown) => self.ask_any(several, *left, *right, arena),
            _ if several == Several::List => self.ask_any(several, *left, *right, arena),
            (Self::Texts(set, wanted), Value::Str(text)) => {
                (set.contains(text) == (*wanted == Wanted::Member)).into()
            }
            (Self::Bools(set, wanted), Value::Bool(value)) => {
                (set.contains(value) == (*wanted == Wanted::Member)).into()
            }
            (Self::Numbers(NumberSet::One(own), wanted), Value::I64(number)) => {
                ((*own == i128::from(*number)) == (*wanted == Wanted::Member)).into()
            }
            (Self::StartsWith(set), Value::Str(text)) => set.any_begins(text).into(),
            (Self::EndsWith(set), Value::Str(text)) => set.any_ends(text).into(),
            (Self::Contains(set), Value::Str(text)) => set.any_in(text).into(),
            _ => self.ask_any(several, *left, *right, arena),
        }
    }

    #[inline(never)]
    fn ask_any(&self, several: Several, left: Value<'_>, right: Value<'_>, arena: &Bump) -> Truth {
        match (left, several) {
            (Value::Absent, _) => Truth::False,
            (Value::Unknown, _) => Truth::Unknown,
            (Value::List(names), Several::Names) if matches!(self, Self::Exists) => {
                some_known(names)
            }
            _ if matches!(self, Self::Exists) => Truth::True,
            (Value::List(elements), Several::List) => self.ask_list(elements, right),
            (Value::List(elements), _) => {
                let wants_all = several != Several::Any && self.wants_strangers();
                if elements.is_empty() {
                    return (wants_all && several == Several::Names).into();
                }
                self.ask_several(wants_all, elements, right, arena)
            }
            (single, Several::List) => self.ask_list(&[single], right),
            (single, _) => self.ask_one(single, right, arena),
        }
    }

    fn wants_strangers(&self) -> bool {
        matches!(
            self,
            Self::Texts(_, Wanted::Stranger)
                | Self::Numbers(_, Wanted::Stranger)
                | Self::Addresses(_, Wanted::Stranger)
                | Self::Networks(_, Wanted::Stranger)
        )
    }

    fn ask_several(
        &self,
        wants_all: bool,
        elements: &[Value<'_>],
        right: Value<'_>,
        arena: &Bump,
    ) -> Truth {
        let settled = Truth::from(!wants_all);
        let mut truth = settled.negated();
        for element in elements {
            let one = match element {
                Value::Absent => Truth::False,
                Value::Unknown => Truth::Unknown,
                element => self.ask_one(*element, right, arena),
            };
            if one == settled {
                return settled;
            }
            if one == Truth::Unknown {
                truth = Truth::Unknown;
            }
        }
        truth
    }

    fn ask_one(&self, value: Value<'_>, right: Value<'_>, arena: &Bump) -> Truth {
        if let Self::Value(relation) = self {
            return relate(*relation, value, right);
        }
        self.holds(value, arena).unwrap_or(false).into()
    }

    /// Whether a single value satisfies; nothing if it is of another kind than the field says.
    fn holds(&self, value: Value<'_>, arena: &Bump) -> Option<bool> {
        let member = |is_member: bool, wanted: &Wanted| is_member == (*wanted == Wanted::Member);
        Some(match self {
            Self::Exists => true,
            Self::Texts(set, wanted) => member(set.contains(value.text()?), wanted),
            Self::Numbers(set, wanted) => member(set.contains(value.integer()?), wanted),
            Self::Fractions(set, wanted) => {
                let fraction = fraction(value)?;
                member(set.iter().any(|bits| f64::from_bits(*bits) == fraction), wanted)
            }
            Self::Bools(set, wanted) => match value {
                Value::Bool(value) => member(set.contains(&value), wanted),
                _ => return None,
            },
            Self::Addresses(set, wanted) => match value {
                Value::Ip(address) => member(set.contains(&address), wanted),
                _ => return None,
            },
            Self::Networks(set, wanted) => match value {
                Value::Ip(address) => member(set.iter().any(|it| it.contains(address)), wanted),
                _ => return None,
            },
            Self::Contains(set) => set.any_in(value.text()?),
            Self::StartsWith(set) => set.any_begins(value.text()?),
            Self::EndsWith(set) => set.any_ends(value.text()?),
            Self::Globs(globs) => {
                let text = value.text()?;
                globs.iter().any(|glob| glob.matches(text))
            }
            Self::Regexes(regexes) => {
                let text = readable(value.text()?, arena);
                regexes.iter().any(|regex| regex.is_match(text))
            }
            Self::PathPrefix(paths) => paths.any_begins(value.text()?, arena),
            Self::NumberOrder(order, number) => order.holds(value.integer()?.cmp(number)),
            Self::FractionOrder(order, number) => {
                order.holds(fraction(value)?.partial_cmp(number)?)
            }
            Self::TextOrder(order, text) => order.holds(value.text()?.cmp(text)),
            Self::Value(_) | Self::EveryIn(_) | Self::SomeIn(_) => return None,
        })
    }

    fn ask_list(&self, elements: &[Value<'_>], right: Value<'_>) -> Truth {
        match self {
            Self::EveryIn(set) => every(elements, |text| set.contains(text)),
            Self::SomeIn(set) => some(elements, |text| set.contains(text)),
            Self::Value(relation) => relate(*relation, Value::List(elements), right),
            _ => Truth::False,
        }
    }
}

/// An address may have no name at all, or none that is known yet.
fn some_known(names: &[Value<'_>]) -> Truth {
    if names.iter().any(|name| *name != Value::Unknown) {
        Truth::True
    } else if names.is_empty() {
        Truth::False
    } else {
        Truth::Unknown
    }
}

fn every(elements: &[Value<'_>], is_in: impl Fn(&[u8]) -> bool) -> Truth {
    let mut truth = Truth::True;
    for element in elements {
        match element {
            Value::Unknown => truth = Truth::Unknown,
            Value::Str(text) if is_in(text) => {}
            _ => return Truth::False,
        }
    }
    truth
}

fn some(elements: &[Value<'_>], is_in: impl Fn(&[u8]) -> bool) -> Truth {
    let mut truth = Truth::False;
    for element in elements {
        match element {
            Value::Unknown => truth = Truth::Unknown,
            Value::Str(text) if is_in(text) => return Truth::True,
            _ => {}
        }
    }
    truth
}

fn fraction(value: Value<'_>) -> Option<f64> {
    match value {
        Value::F64(fraction) => Some(fraction),
        Value::I64(number) => Some(number as f64),
        Value::U64(number) => Some(number as f64),
        _ => None,
    }
}

/// The text with what is no UTF-8 replaced, since expressions are about letters.
fn readable<'a>(bytes: &'a [u8], arena: &'a Bump) -> &'a str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => {
            let mut text = bumpalo::collections::String::new_in(arena);
            for chunk in bytes.utf8_chunks() {
                text.push_str(chunk.valid());
                if !chunk.invalid().is_empty() {
                    text.push(char::REPLACEMENT_CHARACTER);
                }
            }
            text.into_bump_str()
        }
    }
}

/// Compares two values of one type.
fn relate(relation: Relation, left: Value<'_>, right: Value<'_>) -> Truth {
    match right {
        Value::Absent => return Truth::False,
        Value::Unknown => return Truth::Unknown,
        _ => {}
    }
    if let (Value::List(left), Value::List(right)) = (left, right) {
        let is_in = |text: &[u8]| right.contains(&Value::Str(text));
        let open = right.contains(&Value::Unknown);
        let truth = match relation {
            Relation::EveryIn => every(left, is_in),
            Relation::SomeIn => some(left, is_in),
            _ => Truth::False,
        };
        return if open && truth == Truth::False { Truth::Unknown } else { truth };
    }
    let ordering = ordering(left, right);
    match relation {
        Relation::Same => (ordering == Some(Ordering::Equal)).into(),
        Relation::Different => (ordering != Some(Ordering::Equal)).into(),
        Relation::Ordered(order) => ordering.is_some_and(|it| order.holds(it)).into(),
        Relation::EveryIn | Relation::SomeIn => Truth::False,
        _ => match (left.text(), right.text()) {
            (Some(left), Some(right)) => relate_texts(relation, left, right).into(),
            _ => Truth::False,
        },
    }
}

fn ordering(left: Value<'_>, right: Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Str(left), Value::Str(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(&right)),
        (Value::Ip(left), Value::Ip(right)) => Some(left.cmp(&right)),
        (Value::F64(_), _) | (_, Value::F64(_)) => fraction(left)?.partial_cmp(&fraction(right)?),
        _ => Some(left.integer()?.cmp(&right.integer()?)),
    }
}

fn relate_texts(relation: Relation, left: &[u8], right: &[u8]) -> bool {
    match relation {
        Relation::Contains => memchr::memmem::find(left, right).is_some(),
        Relation::CaselessContains => contains_caseless(left, right),
        Relation::StartsWith => left.starts_with(right),
        Relation::EndsWith => left.ends_with(right),
        Relation::Glob => Glob::new(right, false).matches(left),
        Relation::CaselessGlob => Glob::new(right, true).matches(left),
        Relation::Same
        | Relation::Different
        | Relation::Ordered(_)
        | Relation::EveryIn
        | Relation::SomeIn => false,
    }
}

fn contains_caseless(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}
