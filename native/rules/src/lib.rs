//! Rule files to a plan, and events with their facts to matches.
//!
//! ```text
//! files ─ items ─ merge ─ lists ─ parser ─ typing ─ expression ─ compile ── Plan ── evaluate(facts)
//!           └───────── diagnostics collected by all ─────────┘
//! ```
//!
//! * `items` reads what each file says, `merge` applies append, override and enable in load order.
//! * `exceptions` and `lists` change texts, as the language wants it; a text knows where each part
//!   of it stands in the files. `parser` reads the result.
//! * `typing` puts macros in and checks fields, operators and constants against the catalogue.
//! * `expression` shares equal parts and puts first what settles soonest for its cost; `compile` makes
//!   one program per group of event types.
//! * `evaluate` asks the `shortlist` of a program which rules an event may match at all, and tries
//!   those.
//! * `describe` says what files hold and what that is made of.
//! * `explain` gives conditions as their authors wrote them, and why an event does not match.
//! * [`parameters`] knows what event types carry and writes it as rules compare it, with the tables of
//!   [`flags`] and [`numbers`].
//!
//! **Invariant:** no clock, no environment, no thread, no file and no kernel here: the caller reads
//! the files. **Invariant:** evaluation sees events only through [`Facts`], and allocates nothing
//! after warm-up. **Invariant:** unknown is never turned into false. **Invariant:** rules with an
//! error are refused as a whole.
//!
//! **Bounds:** 16 MiB per file, 2 million values per file with aliases followed, 256 MiB of text that
//! lists become, 250 open parentheses, 200 macros in one another.
#![forbid(unsafe_code)]

mod check;
mod compile;
mod condition;
mod describe;
mod diagnostic;
mod evaluate;
mod events;
mod exceptions;
mod explain;
mod expression;
mod facts;
mod fields;
mod glob;
mod items;
#[cfg(test)]
mod laws;
mod lexer;
mod lists;
mod load;
mod memo;
mod merge;
mod nearest;
mod network;
mod operators;
mod output;
mod parser;
mod patterns;
mod plan;
mod posix;
mod prefilter;
mod priority;
mod render;
mod resolved;
mod selection;
mod shortlist;
mod source;
mod text;
mod typing;
mod value;
mod values;
pub mod yaml;

pub use describe::{
    ConditionParts, DescribedList, DescribedMacro, DescribedPlugin, DescribedRule, Description,
    describe,
};
pub use diagnostic::{Code, Diagnostic, Severity};
pub use evaluate::{Matches, Scratch};
pub use events::{Category, EventKind, EventSet, EventType, flags, numbers, parameters};
pub use explain::{ExplainedRule, Explanations, Judged, Part, PartKind, explain};
pub use facts::{Facts, StateId, Truth, Value};
pub use fields::{
    Argument, ArgumentKind, FieldId, FieldRef, FieldType, Lifetime, LookupError, Row, Trait, lookup,
};
pub use glob::matches_glob;
pub use load::{LoadOptions, OutputAddition, OutputMatch, load};
pub use nearest::nearest;
pub use output::{BytesForm, OutputFormat, OutputValue, RenderedOutput};
pub use plan::{Interest, Plan, Rule, RuleId, RuleMatching};
pub use prefilter::{OPENS, OpenClass, OpenNames, OpenNeed, is_unclean};
pub use priority::Priority;
pub use render::render;
pub use resolved::ResolvedNames;
pub use selection::{Choice, RulePattern, Selection};
pub use source::{Place, RuleFile, line_and_column};
