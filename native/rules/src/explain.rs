//! Rules for people: the condition of each as a tree of what its author wrote, and why an event does
//! or does not match it.
//!
//! Judging here asks every part, so that each has an answer; it is for a person who waits, and
//! [`Plan`](crate::Plan) is for events.

use std::fmt::{self, Display, Formatter, Write};

use bumpalo::Bump;

use crate::check::{Check, Compiled};
use crate::events::EventSet;
use crate::expression::{Expr, ExprId, Expressions};
use crate::facts::{Facts, Truth, Value};
use crate::fields::FieldRef;
use crate::lists::Lists;
use crate::load::{LoadOptions, SOURCE};
use crate::output;
use crate::source::{Place, RuleFile};
use crate::typing::Typing;
use crate::value::{ValueId, ValueSource};
use crate::values::{ValueTable, Values};
use crate::{compile, exceptions, items, merge};

/// The conditions of rule files, for explaining them.
#[derive(Debug)]
pub struct Explanations {
    rules: Vec<ExplainedRule>,
    expressions: Expressions,
    table: ValueTable,
    /// By the number of the test.
    checks: Vec<Compiled>,
}

/// The condition of a rule.
#[derive(Debug)]
#[non_exhaustive]
pub struct ExplainedRule {
    /// The name of the rule.
    pub name: String,
    /// The condition with its macros, lists and exceptions.
    pub condition: Part,
    /// The event types that the rule can match.
    pub event_types: EventSet,
    /// The fields that the condition reads.
    pub fields: Box<[FieldRef]>,
}

/// A part of a condition.
#[derive(Debug)]
#[non_exhaustive]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Where it stands; of several parts, where the first one does.
    pub place: Place,
    /// About how many nanoseconds it takes to ask all of it.
    pub cost: u32,
    pub(crate) expression: ExprId,
}

/// What a part of a condition is.
#[derive(Debug)]
pub enum PartKind {
    /// Holds if all parts hold.
    And(Vec<Part>),
    /// Holds if some part holds.
    Or(Vec<Part>),
    /// Holds if the part does not.
    Not(Box<Part>),
    /// The condition of a macro.
    Macro {
        /// The name of the macro.
        name: String,
        /// Its condition.
        part: Box<Part>,
    },
    /// A field, an operator and a value.
    Comparison {
        /// The comparison with its lists put in.
        text: String,
        /// The fields on both sides.
        fields: Box<[FieldRef]>,
    },
}

/// What an event makes of a part of a condition.
#[derive(Debug)]
pub struct Judged<'explained> {
    /// The part.
    pub part: &'explained Part,
    /// Whether it holds.
    pub truth: Truth,
    /// The fields of a comparison with their values.
    pub values: Vec<(&'explained str, String)>,
    /// What became of the parts of the part.
    pub parts: Vec<Judged<'explained>>,
}

/// Reads the conditions of rule files. Rules with an error and those of other sources are left out.
pub fn explain(files: &[RuleFile], options: &LoadOptions) -> Explanations {
    let mut found = Vec::new();
    let definitions = merge::in_order(items::read(files, &mut found), &mut found);
    let lists = Lists::new(&definitions);
    let mut typing = Typing::new(files, &definitions, &lists, &options.static_fields, &mut found);
    let mut rules = Vec::new();
    for rule in definitions.rules.all().iter().filter(|it| it.source == SOURCE) {
        let text = exceptions::with_exceptions(rule);
        let Some(condition) = typing.explained(&rule.name.text, &text) else { continue };
        rules.push(ExplainedRule {
            name: rule.name.text.clone(),
            event_types: typing.expressions.may_hold(condition.expression).clone(),
            fields: compile::fields_of(&typing.expressions, condition.expression),
            condition,
        });
    }
    let expressions = typing.expressions;
    Explanations {
        rules,
        table: ValueTable {
            fields: expressions.fields().into(),
            sources: expressions.values().into(),
        },
        checks: expressions.tests().iter().map(|test| Compiled::new(&test.check)).collect(),
        expressions,
    }
}

impl Explanations {
    /// The rules in the order of definition.
    pub fn rules(&self) -> &[ExplainedRule] {
        &self.rules
    }

    /// A rule by its name.
    pub fn rule(&self, name: &str) -> Option<&ExplainedRule> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// Asks every part of a rule's condition.
    pub fn judge<'explained, F: Facts>(
        &'explained self,
        rule: &'explained ExplainedRule,
        facts: &F,
    ) -> Judged<'explained> {
        let arena = Bump::new();
        Judge { of: self, facts, values: Values::once(facts, &self.table, &arena) }
            .part(&rule.condition)
    }
}

/// The judgement of one event.
struct Judge<'a, F> {
    of: &'a Explanations,
    facts: &'a F,
    values: Values<'a, F>,
}

impl<F: Facts> Judge<'_, F> {
    fn part<'explained>(&mut self, part: &'explained Part) -> Judged<'explained> {
        let values = match &part.kind {
            PartKind::Comparison { fields, .. } => fields.iter().map(|it| self.seen(it)).collect(),
            _ => Vec::new(),
        };
        Judged {
            part,
            truth: self.truth(part.expression),
            values,
            parts: part.parts().iter().map(|part| self.part(part)).collect(),
        }
    }

    fn seen<'explained>(&mut self, field: &'explained FieldRef) -> (&'explained str, String) {
        let known = self.of.table.sources.iter().position(|source| match source {
            ValueSource::Field(number) => self.of.table.fields[*number as usize] == *field,
            _ => false,
        });
        let id = known.and_then(|known| u32::try_from(known).ok()).map(ValueId);
        let value = id.map_or(Value::Absent, |id| self.values.get(id));
        (&field.text, output::shown(value, field))
    }

    fn truth(&mut self, id: ExprId) -> Truth {
        let of = self.of;
        let expressions = &of.expressions;
        match expressions.get(id) {
            Expr::Constant(value) => (*value).into(),
            Expr::EventIs(set) => set.contains(self.facts.event_type()).into(),
            Expr::Test(number) => {
                let test = expressions.test(*number);
                let right = match &test.check {
                    Check::Value(_, right) => self.values.get(*right),
                    _ => Value::Absent,
                };
                let left = self.values.get(test.value);
                let check = &of.checks[*number as usize];
                check.ask(test.several, &left, &right, self.values.arena())
            }
            Expr::Not(part) => self.truth(*part).negated(),
            Expr::And(parts) => Truth::all(parts.iter().map(|part| self.truth(*part))),
            Expr::Or(parts) => {
                Truth::all(parts.iter().map(|part| self.truth(*part).negated())).negated()
            }
            Expr::ExactlyOne(parts) => Truth::exactly_one(parts.iter().map(|it| self.truth(*it))),
        }
    }
}

impl Part {
    pub(crate) fn new(kind: PartKind, expression: ExprId, expressions: &Expressions) -> Self {
        let cost = expressions.cost(expression);
        let mut part = Self { kind, place: Place::new(0, 0..0), cost, expression };
        if let Some(first) = part.parts().first() {
            part.place = first.place.clone();
        }
        part
    }

    /// What the part is made of.
    pub fn parts(&self) -> &[Part] {
        match &self.kind {
            PartKind::And(parts) | PartKind::Or(parts) => parts,
            PartKind::Not(part) | PartKind::Macro { part, .. } => std::slice::from_ref(part),
            PartKind::Comparison { .. } => &[],
        }
    }
}

impl<'explained> Judged<'explained> {
    /// The innermost part that settled the answer: of an `and` that does not hold the first part
    /// that does not, of an `or` that holds the first one that does. An `or` that does not hold, and
    /// an `and` that holds, are settled by all their parts.
    pub fn settled_by(&self) -> &Judged<'explained> {
        let same = || self.parts.iter().find(|part| part.truth == self.truth);
        let inner = match (&self.part.kind, self.truth) {
            (PartKind::And(_), Truth::True) | (PartKind::Or(_), Truth::False) => None,
            (PartKind::And(_) | PartKind::Or(_), _) => same(),
            (PartKind::Not(_) | PartKind::Macro { .. }, _) => self.parts.first(),
            (PartKind::Comparison { .. }, _) => None,
        };
        inner.map_or(self, Judged::settled_by)
    }
}

/// The condition as one line, with macros as their conditions.
impl Display for Part {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            PartKind::And(parts) => joined(f, parts, " and "),
            PartKind::Or(parts) => joined(f, parts, " or "),
            PartKind::Not(part) => write!(f, "not {part}"),
            PartKind::Macro { part, .. } => part.fmt(f),
            PartKind::Comparison { text, .. } => f.write_str(text),
        }
    }
}

fn joined(f: &mut Formatter<'_>, parts: &[Part], word: &str) -> fmt::Result {
    f.write_char('(')?;
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        part.fmt(f)?;
    }
    f.write_char(')')
}
