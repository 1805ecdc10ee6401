//! What a comparison asks of a value: as data that can be compared and shared, and compiled.
//!
//! **Invariant:** an absent value makes every comparison false, and an unknown one makes it unknown.

mod compiled;

use std::net::IpAddr;

pub(crate) use compiled::Compiled;

use crate::network::Network;
use crate::value::ValueId;

/// What a comparison asks. Equal ones are asked once per event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Check {
    Exists,
    /// Is one of these, or is none of these.
    Texts(Vec<Vec<u8>>, Wanted),
    Numbers(Vec<i128>, Wanted),
    /// Fractional numbers by their bits.
    Fractions(Vec<u64>, Wanted),
    Bools(Vec<bool>, Wanted),
    Addresses(Vec<IpAddr>, Wanted),
    Networks(Vec<Network>, Wanted),
    /// One of the texts is somewhere, at the beginning …
    Pattern(Pattern, Vec<Vec<u8>>),
    NumberOrder(Order, i128),
    FractionOrder(Order, u64),
    TextOrder(Order, Vec<u8>),
    /// Compares with another value.
    Value(Relation, ValueId),
    /// Every element of a list is one of these texts.
    EveryIn(Vec<Vec<u8>>),
    /// Some element of a list is one of these texts.
    SomeIn(Vec<Vec<u8>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Wanted {
    Member,
    Stranger,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pattern {
    Contains,
    CaselessContains,
    StartsWith,
    EndsWith,
    Glob,
    CaselessGlob,
    Regex,
    PathPrefix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// How a value stands to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Relation {
    Same,
    Different,
    Ordered(Order),
    Contains,
    CaselessContains,
    StartsWith,
    EndsWith,
    Glob,
    CaselessGlob,
    /// Every element of the left list is in the right one.
    EveryIn,
    /// Some element of the left list is in the right one.
    SomeIn,
}

/// What several values of one field mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Several {
    /// Some of them satisfies the comparison.
    Any,
    /// As for any, but `!=` wants all of them: both ends of a connection.
    Ends,
    /// As for ends, and there may be none: the names of an address.
    Names,
    /// They are one list.
    List,
}

impl Order {
    pub fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Check {
    /// Rises with the time that asking takes; the unit is about a nanosecond.
    pub fn cost(&self) -> u32 {
        match self {
            Self::Exists | Self::Bools(..) => 1,
            Self::Numbers(..) | Self::NumberOrder(..) | Self::Addresses(..) => 2,
            Self::Fractions(..) | Self::FractionOrder(..) => 2,
            Self::Texts(texts, _) if texts.len() <= 4 => 3,
            Self::Networks(..) | Self::TextOrder(..) => 5,
            Self::Texts(..) => 12,
            Self::Pattern(Pattern::StartsWith | Pattern::EndsWith, _) => 6,
            Self::Value(..) | Self::EveryIn(_) | Self::SomeIn(_) => 15,
            Self::Pattern(Pattern::Contains, _) => 25,
            Self::Pattern(Pattern::PathPrefix | Pattern::CaselessContains, _) => 40,
            Self::Pattern(Pattern::Glob | Pattern::CaselessGlob, _) => 60,
            Self::Pattern(Pattern::Regex, _) => 200,
        }
    }

    /// How many of a thousand events satisfy it, as a guess: rules look for what is rare.
    pub fn odds(&self, has_few_values: bool) -> u32 {
        let (common, rare) = if has_few_values { (500, 300) } else { (940, 40) };
        match self {
            Self::Exists => 900,
            Self::Bools(..) | Self::NumberOrder(..) | Self::FractionOrder(..) => 500,
            Self::Texts(_, Wanted::Stranger)
            | Self::Numbers(_, Wanted::Stranger)
            | Self::Fractions(_, Wanted::Stranger)
            | Self::Addresses(_, Wanted::Stranger)
            | Self::Networks(_, Wanted::Stranger) => common,
            Self::Texts(_, Wanted::Member)
            | Self::Numbers(_, Wanted::Member)
            | Self::Fractions(_, Wanted::Member)
            | Self::Addresses(_, Wanted::Member)
            | Self::Networks(_, Wanted::Member) => rare,
            Self::Pattern(..) => 60,
            Self::TextOrder(..) | Self::Value(..) | Self::EveryIn(_) | Self::SomeIn(_) => 300,
        }
    }

    /// Checks of one group on one value can be asked as one, if any of them suffices.
    pub fn group(&self) -> Option<Group> {
        Some(match self {
            Self::Texts(_, Wanted::Member) => Group::Texts,
            Self::Numbers(_, Wanted::Member) => Group::Numbers,
            Self::Addresses(_, Wanted::Member) => Group::Addresses,
            Self::Networks(_, Wanted::Member) => Group::Networks,
            Self::Pattern(pattern, _) => Group::Pattern(*pattern),
            _ => return None,
        })
    }

    /// One check that holds if any of these does; they are of one group.
    pub fn any_of(checks: &[&Self]) -> Option<Self> {
        fn sorted<T: Ord>(parts: impl Iterator<Item = T>) -> Vec<T> {
            let mut all: Vec<_> = parts.collect();
            all.sort_unstable();
            all.dedup();
            all
        }
        macro_rules! union {
            ($kind:path) => {{
                let parts = checks.iter().filter_map(|check| match check {
                    $kind(parts, _) => Some(parts),
                    _ => None,
                });
                $kind(sorted(parts.flatten().cloned()), Wanted::Member)
            }};
        }
        Some(match checks.first()?.group()? {
            Group::Texts => union!(Self::Texts),
            Group::Numbers => union!(Self::Numbers),
            Group::Addresses => union!(Self::Addresses),
            Group::Networks => union!(Self::Networks),
            Group::Pattern(pattern) => {
                let parts = checks.iter().filter_map(|check| match check {
                    Self::Pattern(_, parts) => Some(parts),
                    _ => None,
                });
                Self::Pattern(pattern, sorted(parts.flatten().cloned()))
            }
        })
    }
}

/// Checks that can be asked as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Group {
    Texts,
    Numbers,
    Addresses,
    Networks,
    Pattern(Pattern),
}
