//! Plan and facts to matches.
//!
//! **Invariant:** events are seen only through [`Facts`]. **Invariant:** nothing is allocated after
//! warm-up. **Invariant:** unknown is never turned into false.

use std::sync::Arc;

use bumpalo::Bump;

use crate::check::{Compiled, Several};
use crate::facts::{Facts, Truth, Value};
use crate::memo::{Memo, Recall};
use crate::plan::{Condition, NodeId, NodeKind, Operand, Plan, Program, RuleId, RuleMatching};
use crate::shortlist;
use crate::value::ValueId;
use crate::values::{Place, Values};

/// What evaluation keeps between events so as not to allocate. One per thread.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) arena: Bump,
    /// Answers with the number of the event that they are for.
    answers: Vec<(u32, Truth)>,
    places: Vec<Place>,
    event: u32,
    /// Rules of the program that may match, and those of them whose guard holds, as bits.
    list: Vec<u64>,
    hits: Vec<u64>,
    /// Of that plan.
    memo: Memo,
    plan: Option<Arc<()>>,
}

impl Scratch {
    /// An empty one, which grows with the first events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for an event of a plan.
    fn begin(&mut self, plan: &Plan) {
        let (n_answers, n_values) = (plan.n_slots, plan.table.sources.len());
        if !self.plan.as_ref().is_some_and(|known| Arc::ptr_eq(known, &plan.identity)) {
            self.plan = Some(Arc::clone(&plan.identity));
            let longest = plan.programs.iter().map(|it| it.conditions.len()).max();
            self.memo.clear(longest.unwrap_or(0).div_ceil(64));
        }
        self.arena.reset();
        self.event = self.event.checked_add(1).unwrap_or_else(|| {
            // The numbers begin anew, so what is kept for old ones must go.
            self.answers.clear();
            self.places.clear();
            1
        });
        if self.answers.len() < n_answers {
            self.answers.resize(n_answers, (0, Truth::Unknown));
        }
        if self.places.len() < n_values {
            self.places.resize(n_values, Place::default());
        }
    }
}

/// The rules that an event matches. Kept by the caller, so that its room is used again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    matched: Vec<RuleId>,
    unknown: Vec<RuleId>,
}

impl Matches {
    /// Rules that are true of the event, in the order of definition.
    pub fn matched(&self) -> &[RuleId] {
        &self.matched
    }

    /// Rules of which it is not known whether they are, since some value is not known yet. If only
    /// the first match counts, those before it.
    pub fn unknown(&self) -> &[RuleId] {
        &self.unknown
    }
}

impl Plan {
    /// Judges an event. What stands in `matches` before is dropped.
    pub fn evaluate<F: Facts>(&self, facts: &F, scratch: &mut Scratch, matches: &mut Matches) {
        matches.matched.clear();
        matches.unknown.clear();
        let number = self.program_of[facts.event_type().index()];
        let program = &self.programs[number as usize];
        if program.conditions.is_empty() {
            return;
        }
        scratch.begin(self);
        let Scratch { arena, answers, places, event, list, hits, memo, .. } = scratch;
        let values = Values::new(facts, &self.table, arena, places, *event);
        let mut judge = Judge { plan: self, values, answers, event: *event };
        let is_steady_settled = judge.begin_list(program, number, list, memo);
        let left = judge.shorten(program, is_steady_settled, list, hits);
        for (word, bits) in list.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                let place = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let condition = &program.conditions[place];
                match judge.truth(left.of(condition)) {
                    Truth::False => {}
                    Truth::Unknown => matches.unknown.push(condition.rule),
                    Truth::True => {
                        matches.matched.push(condition.rule);
                        if self.matching == RuleMatching::First {
                            return;
                        }
                    }
                }
            }
        }
    }
}

/// How much of a condition is left to ask.
#[derive(Clone, Copy)]
enum Left {
    Whole,
    Rest,
    Fresh,
}

impl Left {
    fn of(self, condition: &Condition<NodeId>) -> NodeId {
        match self {
            Self::Whole => condition.whole,
            Self::Rest => condition.rest,
            Self::Fresh => condition.fresh,
        }
    }
}

/// The judgement of one event.
struct Judge<'a, F> {
    plan: &'a Plan,
    values: Values<'a, F>,
    answers: &'a mut [(u32, Truth)],
    event: u32,
}

impl<F: Facts> Judge<'_, F> {
    /// Puts the rules that may match onto the list; says whether the steady parts of their conditions
    /// are known to hold.
    fn begin_list(
        &mut self,
        program: &Program,
        number: u32,
        list: &mut Vec<u64>,
        memo: &mut Memo,
    ) -> bool {
        let n_rules = program.conditions.len();
        let n_words = n_rules.div_ceil(64);
        list.clear();
        let state = self.values.facts().state().filter(|_| program.has_steady_parts);
        let recall = state.map(|state| memo.recall((state, number), n_words));
        if let Some(Recall::List(words)) = recall {
            list.extend_from_slice(words);
            return true;
        }
        list.resize(n_words, u64::MAX);
        if let (Some(last), over @ 1..) = (list.last_mut(), n_rules % 64) {
            *last = (1 << over) - 1;
        }
        let Some(Recall::Again(place)) = recall else { return false };
        for (rule, condition) in program.conditions.iter().enumerate() {
            match self.truth(condition.steady) {
                Truth::True => {}
                Truth::False => list[rule / 64] &= !(1 << (rule % 64)),
                // Nothing is remembered of what is not known, and it is asked again.
                Truth::Unknown => return false,
            }
        }
        memo.put(place, list);
        true
    }

    /// Takes rules off the list that do not match; says what is left to ask of the others.
    fn shorten(
        &mut self,
        program: &Program,
        is_steady_settled: bool,
        list: &mut [u64],
        hits: &mut Vec<u64>,
    ) -> Left {
        let shortlist = &program.shortlist;
        let mut left = if is_steady_settled { Left::Fresh } else { Left::Rest };
        for gate in &shortlist.gates {
            if is_steady_settled && gate.is_steady || !gate.rules.meets(list) {
                continue;
            }
            match self.truth(gate.node) {
                Truth::True => {}
                Truth::False => gate.rules.remove_from(list),
                Truth::Unknown => left = Left::Whole,
            }
        }
        if shortlist.guarded.n_on(list) < shortlist::MANY {
            return left;
        }
        hits.clear();
        hits.resize(list.len(), 0);
        for guard in &shortlist.guards {
            if guard.rules.meets(list) {
                guard.hits(self.values.see(guard.value), hits);
            }
        }
        for ((list, hits), guarded) in list.iter_mut().zip(hits).zip(shortlist.guarded.words()) {
            *list &= *hits | !guarded;
        }
        left
    }

    fn truth(&mut self, id: NodeId) -> Truth {
        let plan = self.plan;
        let node = &plan.nodes[id.0 as usize];
        let Some(slot) = node.slot else { return self.ask(&node.kind) };
        let (event, truth) = self.answers[slot as usize];
        if event == self.event {
            return truth;
        }
        let truth = self.ask(&node.kind);
        self.answers[slot as usize] = (self.event, truth);
        truth
    }

    #[inline(always)]
    fn ask(&mut self, kind: &NodeKind) -> Truth {
        match kind {
            NodeKind::Test { left, right, several, check } => match *left {
                Operand::Kept(value) => {
                    let left = self.values.see(value);
                    self.test(left, *right, *several, check)
                }
                Operand::Once(field) => {
                    let left = self.values.field(field);
                    self.test(&left, *right, *several, check)
                }
            },
            kind => self.combine(kind),
        }
    }

    #[inline(always)]
    fn test(
        &mut self,
        left: &Value<'_>,
        right: Option<ValueId>,
        several: Several,
        check: &Compiled,
    ) -> Truth {
        let right = match (left, right) {
            // Nothing is made to be compared with nothing.
            (Value::Absent, _) | (_, None) => &Value::Absent,
            (_, Some(right)) => self.values.see(right),
        };
        check.ask(several, left, right, self.values.arena())
    }

    /// Apart, so that a test does not pay for the frame of what is made of tests.
    #[inline(never)]
    fn combine(&mut self, kind: &NodeKind) -> Truth {
        match kind {
            NodeKind::Test { .. } => self.ask(kind),
            NodeKind::Constant(value) => (*value).into(),
            NodeKind::Not(part) => self.truth(*part).negated(),
            NodeKind::And(parts) => self.until(parts, Truth::False),
            NodeKind::Or(parts) => self.until(parts, Truth::True),
            NodeKind::ExactlyOne(parts) => {
                Truth::exactly_one(parts.iter().map(|part| self.truth(*part)))
            }
        }
    }

    /// Asks until one part settles the whole.
    fn until(&mut self, parts: &[NodeId], settling: Truth) -> Truth {
        let mut truth = settling.negated();
        for part in parts {
            match self.truth(*part) {
                Truth::Unknown => truth = Truth::Unknown,
                part if part == settling => return settling,
                _ => {}
            }
        }
        truth
    }
}
