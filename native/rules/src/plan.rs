//! The plan: what the rules ask, per event type, as data.

use std::sync::Arc;

use crate::check::{Compiled, Several};
use crate::events::{EventSet, EventType};
use crate::fields::{FieldId, FieldRef};
use crate::output::{BytesForm, OutputFormat};
use crate::prefilter::{OpenClass, OpenNeed, OpenNeeds};
use crate::priority::Priority;
use crate::shortlist::Shortlist;
use crate::source::Place;
use crate::value::ValueId;
use crate::values::ValueTable;

/// A rule of a plan, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub(crate) u32);

impl RuleId {
    /// The place in [`Plan::rules`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Which of several matching rules count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuleMatching {
    /// Only the first one, in the order of definition.
    #[default]
    First,
    /// All of them.
    All,
}

/// A rule as loaded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rule {
    /// Its name.
    pub name: Arc<str>,
    /// What it is for.
    pub desc: String,
    /// How urgent it is.
    pub priority: Priority,
    /// The source of the events that it is for.
    pub source: Arc<str>,
    /// Its tags, sorted.
    pub tags: Arc<[Arc<str>]>,
    /// The output text as written, with what was appended to it.
    pub output: String,
    /// Whether it may match: it is on, urgent enough, and for a source that is here.
    pub enabled: bool,
    /// Where it is defined.
    pub place: Place,
    /// The event types that it can match.
    pub event_types: EventSet,
    /// The fields of its condition.
    pub fields: Box<[FieldRef]>,
}

/// What a plan asks of capture.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Interest {
    /// Event types that some enabled rule can match, without those that only move data.
    pub events: EventSet,
    /// The event types that only move data and that rules would match if they were captured.
    pub left_out: EventSet,
    /// The fields in conditions and outputs of enabled rules, sorted.
    pub fields: Box<[FieldId]>,
    /// Names of hosts that enabled rules compare addresses with, sorted.
    pub host_names: Box<[Box<str>]>,
}

impl Interest {
    /// Whether a rule reads a field.
    pub fn has_field(&self, field: FieldId) -> bool {
        self.fields.binary_search(&field).is_ok()
    }
}

/// Rules compiled for evaluation; immutable.
#[derive(Debug)]
pub struct Plan {
    /// Tells this plan from any other.
    pub(crate) identity: Arc<()>,
    pub(crate) rules: Box<[Rule]>,
    pub(crate) outputs: Box<[OutputFormat]>,
    pub(crate) table: Arc<ValueTable>,
    pub(crate) nodes: Box<[Node]>,
    pub(crate) programs: Box<[Program]>,
    /// The program of each event type.
    pub(crate) program_of: Box<[u32]>,
    pub(crate) n_slots: usize,
    pub(crate) interest: Interest,
    pub(crate) matching: RuleMatching,
    pub(crate) bytes: BytesForm,
    pub(crate) open_needs: OpenNeeds,
}

/// The rules that events of some types can match, in order.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub conditions: Box<[Condition<NodeId>]>,
    pub shortlist: Shortlist,
    /// Whether some condition has a part that stays as it is while a process does.
    pub has_steady_parts: bool,
}

/// The condition of a rule for the events of a program, and what is left of it to ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Condition<Id> {
    pub rule: RuleId,
    pub whole: Id,
    /// Behind gates that hold.
    pub rest: Id,
    /// What stays as it is while a process and its container do.
    pub steady: Id,
    /// Behind gates and a steady part that hold.
    pub fresh: Id,
}

/// A node of the decision, by number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeId(pub u32);

/// A node with the place where its answer is kept while an event is judged, if it is asked twice.
#[derive(Debug)]
pub(crate) struct Node {
    pub kind: NodeKind,
    pub slot: Option<u32>,
}

#[derive(Debug)]
pub(crate) enum NodeKind {
    Constant(bool),
    Test { left: Operand, right: Option<ValueId>, several: Several, check: Box<Compiled> },
    Not(NodeId),
    And(Box<[NodeId]>),
    Or(Box<[NodeId]>),
    ExactlyOne(Box<[NodeId]>),
}

/// What a test looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand {
    /// A value that others look at too, and that is kept for them.
    Kept(ValueId),
    /// A field, by number, that nothing else looks at.
    Once(u32),
}

impl Plan {
    /// The rules in the order of definition; a [`RuleId`] is a place in it.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.rules.iter()
    }

    /// A rule.
    pub fn rule(&self, rule: RuleId) -> &Rule {
        &self.rules[rule.index()]
    }

    /// The output of a rule.
    pub fn output(&self, rule: RuleId) -> &OutputFormat {
        &self.outputs[rule.index()]
    }

    /// How its outputs write bytes.
    pub fn bytes(&self) -> BytesForm {
        self.bytes
    }

    /// All fields that judging and rendering ever ask for; some come twice.
    pub fn fields(&self) -> impl Iterator<Item = &FieldRef> {
        let times = self.outputs.iter().map(OutputFormat::time).take(1);
        self.table.fields.iter().chain(times)
    }

    /// What capture must deliver.
    pub fn interest(&self) -> &Interest {
        &self.interest
    }

    /// What an open must be for some rule to match it; nothing needed is known of other events.
    pub fn open_need(&self, event: EventType, class: OpenClass) -> &OpenNeed {
        self.open_needs.get(event, class).unwrap_or(&OpenNeed::Anything)
    }

    /// How many rules an event of a type is tried against.
    pub fn n_rules_for(&self, event: EventType) -> usize {
        self.program(event).conditions.len()
    }

    pub(crate) fn program(&self, event: EventType) -> &Program {
        &self.programs[self.program_of[event.index()] as usize]
    }
}
