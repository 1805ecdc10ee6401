//! Conditions in normal form: macros put in, constants converted, equal parts shared, cheap parts
//! first.
//!
//! Nodes are numbered, and a node's parts have smaller numbers than the node itself.
//!
//! **Invariant:** every step keeps the truth for absent and unknown values too, so `a != b` is not
//! `not a = b`, and nothing is ever decided from an unknown value.

mod normalise;

use hashbrown::HashMap;

use crate::check::{Check, Order, Several, Wanted};
use crate::events::{EventSet, EventType};
use crate::fields::{FieldId, FieldRef};
use crate::value::{ValueId, ValueSource};

/// An expression, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ExprId(pub u32);

impl ExprId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Expr {
    Constant(bool),
    /// The event is of one of these types.
    EventIs(Box<EventSet>),
    Test(u32),
    Not(ExprId),
    And(Box<[ExprId]>),
    Or(Box<[ExprId]>),
    ExactlyOne(Box<[ExprId]>),
}

/// A comparison of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Test {
    pub value: ValueId,
    pub several: Several,
    pub check: Check,
}

/// What is known of a node without asking it.
#[derive(Clone, Debug)]
struct Known {
    /// Event types for which the node may be true.
    may_hold: EventSet,
    /// Event types for which the node may be false.
    may_fail: EventSet,
    cost: u32,
    /// How many of a thousand events it is true for, as a guess.
    odds: u32,
    depth: u32,
    /// See [`Expressions::is_steady`].
    is_steady: bool,
}

/// All expressions of a load, each once.
#[derive(Debug, Default)]
pub(crate) struct Expressions {
    nodes: Vec<Expr>,
    known: Vec<Known>,
    by_node: HashMap<Expr, ExprId>,
    tests: Vec<Test>,
    by_test: HashMap<Test, u32>,
    values: Vec<ValueSource>,
    steady_values: Vec<bool>,
    by_value: HashMap<ValueSource, ValueId>,
    fields: Vec<FieldRef>,
    by_field: HashMap<FieldRef, u32>,
}

impl Expressions {
    pub fn get(&self, id: ExprId) -> &Expr {
        &self.nodes[id.index()]
    }

    pub fn test(&self, id: u32) -> &Test {
        &self.tests[id as usize]
    }

    pub fn value(&self, id: ValueId) -> &ValueSource {
        &self.values[id.0 as usize]
    }

    pub fn values(&self) -> &[ValueSource] {
        &self.values
    }

    pub fn fields(&self) -> &[FieldRef] {
        &self.fields
    }

    /// Event types for which the expression may be true.
    pub fn may_hold(&self, id: ExprId) -> &EventSet {
        &self.known[id.index()].may_hold
    }

    pub fn depth(&self, id: ExprId) -> u32 {
        self.known[id.index()].depth
    }

    /// What asking costs if every part is asked; the unit is about a nanosecond.
    pub fn cost(&self, id: ExprId) -> u32 {
        self.known[id.index()].cost
    }

    /// How many of a thousand events it is true for, as a guess.
    pub fn odds(&self, id: ExprId) -> u32 {
        self.known[id.index()].odds
    }

    /// Whether all that the expression asks stays as it is while a process and its container do: events
    /// of the same [`StateId`](crate::StateId) have the same answer.
    pub fn is_steady(&self, id: ExprId) -> bool {
        self.known[id.index()].is_steady
    }

    pub fn tests(&self) -> &[Test] {
        &self.tests
    }

    pub fn add_field(&mut self, field: FieldRef) -> ValueId {
        let index = match self.by_field.get(&field) {
            Some(index) => *index,
            None => {
                let index = number(self.fields.len());
                self.fields.push(field.clone());
                self.by_field.insert(field, index);
                index
            }
        };
        self.add_value(ValueSource::Field(index))
    }

    pub fn add_value(&mut self, source: ValueSource) -> ValueId {
        if let Some(id) = self.by_value.get(&source) {
            return *id;
        }
        let id = ValueId(number(self.values.len()));
        let mut is_steady = match &source {
            ValueSource::Field(field) => self.fields[*field as usize].is_steady(),
            _ => true,
        };
        source.for_each_part(|part| is_steady &= self.steady_values[part.0 as usize]);
        self.steady_values.push(is_steady);
        self.values.push(source.clone());
        self.by_value.insert(source, id);
        id
    }

    pub fn add_test(&mut self, value: ValueId, several: Several, check: Check) -> ExprId {
        let test = Test { value, several, check };
        let index = match self.by_test.get(&test) {
            Some(index) => *index,
            None => {
                let index = number(self.tests.len());
                self.tests.push(test.clone());
                self.by_test.insert(test, index);
                index
            }
        };
        self.add(Expr::Test(index))
    }

    pub fn constant(&mut self, value: bool) -> ExprId {
        self.add(Expr::Constant(value))
    }

    /// True for events of these types.
    pub fn event_is(&mut self, set: EventSet) -> ExprId {
        if set.is_empty() {
            return self.constant(false);
        }
        if set.len() == EventType::COUNT {
            return self.constant(true);
        }
        self.add(Expr::EventIs(Box::new(set)))
    }

    pub(super) fn add(&mut self, node: Expr) -> ExprId {
        if let Some(id) = self.by_node.get(&node) {
            return *id;
        }
        let id = ExprId(number(self.nodes.len()));
        let known = self.know(&node);
        self.known.push(known);
        self.nodes.push(node.clone());
        self.by_node.insert(node, id);
        id
    }

    fn know(&self, node: &Expr) -> Known {
        let (full, empty) = (EventSet::full, EventSet::empty);
        let known = |id: &ExprId| &self.known[id.index()];
        let parts: &[ExprId] = match node {
            Expr::Not(part) => std::slice::from_ref(part),
            Expr::And(parts) | Expr::Or(parts) | Expr::ExactlyOne(parts) => parts,
            Expr::Constant(_) | Expr::EventIs(_) | Expr::Test(_) => &[],
        };
        let all = |pick: fn(&Known) -> &EventSet| {
            parts.iter().fold(full(), |set, part| set.intersection(pick(known(part))))
        };
        let any = |pick: fn(&Known) -> &EventSet| {
            parts.iter().fold(empty(), |set, part| set.union(pick(known(part))))
        };
        let (may_hold, may_fail) = match node {
            Expr::Constant(true) => (full(), empty()),
            Expr::Constant(false) => (empty(), full()),
            Expr::EventIs(set) => ((**set).clone(), full().difference(set)),
            Expr::Test(_) | Expr::ExactlyOne(_) => (full(), full()),
            Expr::Not(part) => (known(part).may_fail.clone(), known(part).may_hold.clone()),
            Expr::And(_) => (all(|it| &it.may_hold), any(|it| &it.may_fail)),
            Expr::Or(_) => (any(|it| &it.may_hold), all(|it| &it.may_fail)),
        };
        let cost = match node {
            Expr::Test(test) => self.test_cost(*test),
            _ => parts.iter().fold(1u32, |sum, part| sum.saturating_add(known(part).cost)),
        };
        let miss = |it: &ExprId| 1000 - known(it).odds;
        let odds = match node {
            Expr::Test(test) => self.test_odds(*test),
            Expr::Not(part) => miss(part),
            Expr::And(_) => parts.iter().fold(1000, |odds, part| odds * known(part).odds / 1000),
            Expr::Or(_) => 1000 - parts.iter().fold(1000, |odds, part| odds * miss(part) / 1000),
            Expr::Constant(_) | Expr::EventIs(_) | Expr::ExactlyOne(_) => 500,
        };
        let depth = 1 + parts.iter().map(|part| known(part).depth).max().unwrap_or(0);
        let is_steady = match node {
            Expr::EventIs(_) => false,
            Expr::Test(test) => self.is_steady_test(*test),
            _ => parts.iter().all(|part| known(part).is_steady),
        };
        Known { may_hold, may_fail, cost, odds, depth, is_steady }
    }

    /// What a part costs for each time that it settles an `and` (by being false) or an `or`: the order
    /// in which parts are best asked.
    pub fn cost_to_settle(&self, id: ExprId, settling: bool) -> u64 {
        let Known { cost, odds, .. } = &self.known[id.index()];
        let times = if settling { *odds } else { 1000 - odds };
        u64::from(*cost) * 1000 / u64::from(times + 1)
    }

    fn is_steady_test(&self, test: u32) -> bool {
        let test = self.test(test);
        let is_steady = |value: ValueId| self.steady_values[value.0 as usize];
        let right = match &test.check {
            Check::Value(_, right) => is_steady(*right),
            _ => true,
        };
        right && is_steady(test.value)
    }

    fn test_odds(&self, test: u32) -> u32 {
        let test = self.test(test);
        let field = match self.value(test.value) {
            ValueSource::Field(field) => Some(self.fields[*field as usize].id),
            _ => None,
        };
        field
            .and_then(|field| usual_odds(field, &test.check))
            .unwrap_or_else(|| test.check.odds(field.is_some_and(FieldId::has_few_values)))
    }

    fn test_cost(&self, test: u32) -> u32 {
        let test = self.test(test);
        ASKING + test.check.cost() + self.value_cost(test.value)
    }

    /// Fields that facts must put together are dearer than those that lie there.
    fn value_cost(&self, value: ValueId) -> u32 {
        match self.value(value) {
            // Of all ancestors.
            ValueSource::Field(field) if self.fields[*field as usize].is_any_ancestor() => 50,
            ValueSource::Field(field) => match self.fields[*field as usize].id.row().name {
                name if name.starts_with("evt.arg") => 40,
                name if name.starts_with("fd.name") => 6,
                // Asked of `/proc`.
                "fd.types" => 100_000,
                name if name.starts_with("proc.a") => 10,
                name if name.starts_with("proc.env") => 40,
                _ => 2,
            },
            ValueSource::Constant(_) => 0,
            _ => 60,
        }
    }
}

/// How many of a thousand events satisfy a test of a field of which it is known what most events
/// have: most opens succeed, are of files, and read; programs are seldom what rules look for.
fn usual_odds(field: FieldId, check: &Check) -> Option<u32> {
    let is_member = |texts: &[Vec<u8>], word: &str| texts.iter().any(|it| it == word.as_bytes());
    Some(match (field, check) {
        (FieldId::EvtIsOpenRead, Check::Bools(wanted, Wanted::Member)) if wanted == &[true] => 900,
        (_, Check::Bools(wanted, Wanted::Member)) if wanted == &[true] => 100,
        (_, Check::Bools(wanted, Wanted::Member)) if wanted == &[false] => 900,
        (FieldId::FdTypechar, Check::Texts(texts, Wanted::Member)) if is_member(texts, "f") => 800,
        (FieldId::FdType, Check::Texts(texts, Wanted::Member)) if is_member(texts, "file") => 800,
        (FieldId::FdNum | FieldId::EvtRawres, Check::NumberOrder(Order::GreaterOrEqual, 0)) => 700,
        (FieldId::EvtRawres, Check::Numbers(numbers, Wanted::Member)) if numbers == &[0] => 700,
        (FieldId::ProcTty, Check::Numbers(numbers, Wanted::Stranger)) if numbers == &[0] => 100,
        _ => return None,
    })
}

/// What it costs to come to a test and to its value, whatever it asks.
const ASKING: u32 = 20;

/// A number for a place in a table; files are far too small for more.
fn number(index: usize) -> u32 {
    u32::try_from(index).expect("a load has less than 2^32 parts, since its text is bounded")
}
