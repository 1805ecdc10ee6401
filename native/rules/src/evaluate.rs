//! Plan and facts to matches.
//!
//! **Invariant:** events are seen only through [`Facts`]. **Invariant:** nothing is allocated after
//! warm-up. **Invariant:** unknown is never turned into false.

use bumpalo::Bump;

use crate::facts::{Facts, Truth, Value};
use crate::plan::{NodeId, NodeKind, Plan, Program, RuleId, RuleMatching};
use crate::shortlist;
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
}

impl Scratch {
    /// An empty one, which grows with the first events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for an event of a plan.
    fn begin(&mut self, n_answers: usize, n_values: usize) {
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
        let program = self.program(facts.event_type());
        if program.rules.is_empty() {
            return;
        }
        scratch.begin(self.n_slots, self.table.sources.len());
        let Scratch { arena, answers, places, event, list, hits } = scratch;
        let values = Values::new(facts, &self.table, arena, places, *event);
        let mut judge = Judge { plan: self, values, answers, event: *event };
        judge.shortlist(program, list, hits);
        for (word, bits) in list.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                let place = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let (rule, root) = program.rules[place];
                match judge.truth(root) {
                    Truth::False => {}
                    Truth::Unknown => matches.unknown.push(rule),
                    Truth::True => {
                        matches.matched.push(rule);
                        if self.matching == RuleMatching::First {
                            return;
                        }
                    }
                }
            }
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
    /// Puts the rules that may match onto the list.
    fn shortlist(&mut self, program: &Program, list: &mut Vec<u64>, hits: &mut Vec<u64>) {
        let n_rules = program.rules.len();
        list.clear();
        list.resize(n_rules.div_ceil(64), u64::MAX);
        if let (Some(last), over @ 1..) = (list.last_mut(), n_rules % 64) {
            *last = (1 << over) - 1;
        }
        let shortlist = &program.shortlist;
        for gate in &shortlist.gates {
            if gate.rules.meets(list) && self.truth(gate.node) == Truth::False {
                gate.rules.remove_from(list);
            }
        }
        if shortlist.guarded.n_on(list) < shortlist::MANY {
            return;
        }
        hits.clear();
        hits.resize(list.len(), 0);
        for guard in &shortlist.guards {
            if guard.rules.meets(list) {
                guard.hits(self.values.get(guard.value), hits);
            }
        }
        for ((list, hits), guarded) in list.iter_mut().zip(hits).zip(shortlist.guarded.words()) {
            *list &= *hits | !guarded;
        }
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

    fn ask(&mut self, kind: &NodeKind) -> Truth {
        match kind {
            NodeKind::Constant(value) => (*value).into(),
            NodeKind::Test { value, right, several, check } => {
                let left = self.values.get(*value);
                let right = match (left, right) {
                    // Nothing is made to be compared with nothing.
                    (Value::Absent, _) | (_, None) => Value::Absent,
                    (_, Some(right)) => self.values.get(*right),
                };
                check.ask(*several, left, right, self.values.arena())
            }
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
