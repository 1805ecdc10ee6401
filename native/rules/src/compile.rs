//! Expressions of rules to a plan: one program per group of event types that no rule tells apart.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use crate::check::{Check, Compiled};
use crate::events::{EventSet, EventType};
use crate::expression::{Expr, ExprId, Expressions};
use crate::fields::{FieldId, Trait, host_name};
use crate::output::BytesForm;
use crate::plan::{
    Condition, Interest, Node, NodeId, NodeKind, Operand, Plan, Program, Rule, RuleId, RuleMatching,
};
use crate::prefilter::OpenNeeds;
use crate::shortlist;
use crate::value::{ValueId, ValueSource};
use crate::values::ValueTable;

/// A rule with its condition and output, checked.
pub(crate) struct CheckedRule {
    pub rule: Rule,
    /// None for a rule that rests.
    pub condition: Option<ExprId>,
    pub output: OutputDraft,
}

/// An output before the values of the plan are complete.
pub(crate) type OutputDraft = crate::output::Draft;

/// Compiles checked rules. Those that are enabled are tried in the order given.
pub(crate) fn plan(
    mut expressions: Expressions,
    rules: Vec<CheckedRule>,
    order: &[usize],
    (matching, bytes): (RuleMatching, BytesForm),
) -> Plan {
    let roots: Vec<_> = order
        .iter()
        .filter_map(|index| Some((RuleId(u32::try_from(*index).ok()?), rules[*index].condition?)))
        .collect();
    let (drafts, program_of) = programs(&mut expressions, &roots);
    let (nodes, programs, n_slots) = nodes(&expressions, drafts);
    let interest = interest(&expressions, &rules);
    let open_needs = OpenNeeds::new(&expressions, roots.iter().map(|(_, root)| *root));
    let table = Arc::new(ValueTable {
        fields: expressions.fields().into(),
        sources: expressions.values().into(),
    });
    let (rules, outputs): (Vec<_>, Vec<_>) =
        rules.into_iter().map(|it| (it.rule, it.output.finish(Arc::clone(&table), bytes))).unzip();
    Plan {
        identity: Arc::default(),
        rules: rules.into(),
        outputs: outputs.into(),
        table,
        nodes,
        programs,
        program_of,
        n_slots,
        interest,
        matching,
        bytes,
        open_needs,
    }
}

/// A program in terms of expressions.
#[derive(Default)]
struct Draft {
    conditions: Vec<Condition<ExprId>>,
    shortlist: shortlist::Draft,
}

/// The rules of each program with their specialised conditions, and the program of each event type.
fn programs(expressions: &mut Expressions, roots: &[(RuleId, ExprId)]) -> (Vec<Draft>, Box<[u32]>) {
    let sets = event_sets(expressions, roots);
    let mut drafts: Vec<Draft> = Vec::new();
    let mut by_signature: HashMap<Vec<bool>, u32> = HashMap::new();
    let mut program_of = Vec::with_capacity(EventType::COUNT);
    for event in EventType::all() {
        let signature: Vec<bool> = sets.iter().map(|set| set.contains(event)).collect();
        let program = *by_signature.entry(signature).or_insert_with(|| {
            drafts.push(draft(expressions, roots, event));
            u32::try_from(drafts.len() - 1).unwrap_or(0)
        });
        program_of.push(program);
    }
    (drafts, program_of.into())
}

fn draft(expressions: &mut Expressions, roots: &[(RuleId, ExprId)], event: EventType) -> Draft {
    let mut done = HashMap::new();
    let mut wholes = Vec::new();
    for (rule, root) in roots {
        if !expressions.may_hold(*root).contains(event) {
            continue;
        }
        let whole = expressions.specialise(*root, event, &mut done);
        if *expressions.get(whole) != Expr::Constant(false) {
            wholes.push((*rule, whole));
        }
    }
    let conditions: Vec<_> = wholes.iter().map(|(_, whole)| *whole).collect();
    let shortlist = shortlist::Draft::new(expressions, &conditions);
    let conditions = wholes.into_iter().enumerate().map(|(place, (rule, whole))| {
        let is_gate = |part: &ExprId| shortlist.gates.iter().any(|gate| gate.is_of(place, *part));
        let parts = shortlist::needs(expressions, &whole).to_vec();
        let (steadies, fresh): (Vec<_>, Vec<_>) =
            parts.iter().copied().partition(|part| expressions.is_steady(*part));
        let without_gates = |parts: Vec<ExprId>| parts.into_iter().filter(|it| !is_gate(it));
        Condition {
            rule,
            whole,
            rest: expressions.and(without_gates(parts).collect()),
            steady: expressions.and(steadies),
            fresh: expressions.and(without_gates(fresh).collect()),
        }
    });
    let conditions = conditions.collect();
    Draft { conditions, shortlist }
}

/// The sets of event types by which conditions tell events apart.
fn event_sets(expressions: &Expressions, roots: &[(RuleId, ExprId)]) -> Vec<EventSet> {
    let mut sets = HashSet::new();
    for id in reachable(expressions, roots.iter().map(|(_, root)| *root)) {
        if let Expr::EventIs(set) = expressions.get(id) {
            sets.insert((**set).clone());
        }
    }
    sets.into_iter().collect()
}

/// All parts of expressions, each before what it is part of.
fn reachable(expressions: &Expressions, roots: impl Iterator<Item = ExprId>) -> BTreeSet<ExprId> {
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<_> = roots.collect();
    while let Some(id) = waiting.pop() {
        if seen.insert(id) {
            waiting.extend_from_slice(parts(expressions.get(id)));
        }
    }
    seen
}

fn parts(expr: &Expr) -> &[ExprId] {
    match expr {
        Expr::Not(part) => std::slice::from_ref(part),
        Expr::And(parts) | Expr::Or(parts) | Expr::ExactlyOne(parts) => parts,
        Expr::Constant(_) | Expr::EventIs(_) | Expr::Test(_) => &[],
    }
}

/// The nodes that the programs need, the programs in terms of them, and how many answers are kept.
fn nodes(expressions: &Expressions, drafts: Vec<Draft>) -> (Box<[Node]>, Box<[Program]>, usize) {
    let shared = shared(expressions, &drafts);
    let needed = reachable(expressions, drafts.iter().flat_map(Draft::roots));
    let uses = uses(expressions, &needed, &drafts);
    let mut numbers: HashMap<ExprId, NodeId> = HashMap::new();
    let mut nodes = Vec::with_capacity(needed.len());
    let mut n_slots = 0u32;
    for id in needed {
        let kind = node_kind(expressions, id, &numbers, &uses);
        let is_kept = shared.contains(&id) && !matches!(kind, NodeKind::Constant(_));
        let slot = is_kept.then_some(n_slots);
        n_slots += u32::from(is_kept);
        numbers.insert(id, NodeId(u32::try_from(nodes.len()).unwrap_or(u32::MAX)));
        nodes.push(Node { kind, slot });
    }
    let always = |id: ExprId| *expressions.get(id) == Expr::Constant(true);
    let programs = drafts.into_iter().map(|draft| Program {
        has_steady_parts: !draft.conditions.iter().all(|it| always(it.steady)),
        conditions: draft.conditions.iter().map(|it| it.map(|id| numbers[&id])).collect(),
        shortlist: draft.shortlist.finish(|it| numbers[&it]),
    });
    (nodes.into(), programs.collect(), n_slots as usize)
}

impl Draft {
    fn roots(&self) -> impl Iterator<Item = ExprId> {
        self.conditions.iter().flat_map(|it| [it.whole, it.rest, it.steady, it.fresh])
    }
}

impl Condition<ExprId> {
    fn map(&self, number: impl Fn(ExprId) -> NodeId) -> Condition<NodeId> {
        Condition {
            rule: self.rule,
            whole: number(self.whole),
            rest: number(self.rest),
            steady: number(self.steady),
            fresh: number(self.fresh),
        }
    }
}

/// Expressions that some program asks more than once.
fn shared(expressions: &Expressions, drafts: &[Draft]) -> HashSet<ExprId> {
    let mut shared = HashSet::new();
    for draft in drafts {
        let mut asked: HashMap<ExprId, usize> = HashMap::new();
        // What is left of a condition is asked instead of the whole.
        let wholes = || draft.conditions.iter().map(|it| it.whole);
        wholes().for_each(|whole| *asked.entry(whole).or_default() += 1);
        for id in reachable(expressions, wholes()) {
            parts(expressions.get(id))
                .iter()
                .for_each(|part| *asked.entry(*part).or_default() += 1);
        }
        shared.extend(asked.into_iter().filter(|(_, times)| *times > 1).map(|(id, _)| id));
    }
    shared
}

/// How many tests and guards look at each value, and how many other values are made of it.
fn uses(expressions: &Expressions, needed: &BTreeSet<ExprId>, drafts: &[Draft]) -> Vec<u32> {
    let mut uses = vec![0; expressions.values().len()];
    let mut add = |value: ValueId| uses[value.0 as usize] += 1;
    for id in needed {
        let Expr::Test(test) = expressions.get(*id) else { continue };
        let test = expressions.test(*test);
        add(test.value);
        if let Check::Value(_, right) = &test.check {
            add(*right);
        }
    }
    expressions.values().iter().for_each(|source| source.for_each_part(&mut add));
    drafts.iter().flat_map(|draft| draft.shortlist.values()).for_each(&mut add);
    uses
}

fn node_kind(
    expressions: &Expressions,
    id: ExprId,
    numbers: &HashMap<ExprId, NodeId>,
    uses: &[u32],
) -> NodeKind {
    let all = |parts: &[ExprId]| parts.iter().map(|part| numbers[part]).collect();
    match expressions.get(id) {
        Expr::Constant(value) => NodeKind::Constant(*value),
        // Specialising leaves none of these in a program.
        Expr::EventIs(_) => NodeKind::Constant(false),
        Expr::Test(test) => {
            let test = expressions.test(*test);
            let right = match &test.check {
                Check::Value(_, right) => Some(*right),
                _ => None,
            };
            let check = Box::new(Compiled::new(&test.check));
            let left = match expressions.value(test.value) {
                ValueSource::Field(field) if uses[test.value.0 as usize] == 1 => {
                    Operand::Once(*field)
                }
                _ => Operand::Kept(test.value),
            };
            NodeKind::Test { left, right, several: test.several, check }
        }
        Expr::Not(part) => NodeKind::Not(numbers[part]),
        Expr::And(parts) => NodeKind::And(all(parts)),
        Expr::Or(parts) => NodeKind::Or(all(parts)),
        Expr::ExactlyOne(parts) => NodeKind::ExactlyOne(all(parts)),
    }
}

fn interest(expressions: &Expressions, rules: &[CheckedRule]) -> Interest {
    let enabled = || rules.iter().filter(|it| it.rule.enabled);
    let wanted = enabled().fold(EventSet::empty(), |set, it| set.union(&it.rule.event_types));
    let plain: EventSet = EventType::all().filter(|event| event.is_plain_io()).collect();
    let in_outputs = enabled().flat_map(|it| it.output.values());
    let mut fields: BTreeSet<FieldId> = BTreeSet::new();
    in_outputs.for_each(|value| fields_of_value(expressions, value, &mut fields));
    enabled().for_each(|it| fields.extend(it.rule.fields.iter().map(|field| field.id)));
    let conditions = enabled().filter_map(|it| it.condition);
    Interest {
        left_out: wanted.clone().intersection(&plain),
        events: wanted.difference(&plain),
        fields: fields.into_iter().collect(),
        host_names: host_names(expressions, conditions),
    }
}

/// The names that conditions compare names of addresses with.
fn host_names(
    expressions: &Expressions,
    conditions: impl Iterator<Item = ExprId>,
) -> Box<[Box<str>]> {
    let mut names = BTreeSet::new();
    for id in reachable(expressions, conditions) {
        let Expr::Test(test) = expressions.get(id) else { continue };
        let test = expressions.test(*test);
        let ValueSource::Field(field) = expressions.value(test.value) else { continue };
        if let Check::Texts(texts, _) = &test.check
            && expressions.fields()[*field as usize].id.row().is(Trait::HostName)
        {
            let texts = texts.iter().filter_map(|text| std::str::from_utf8(text).ok());
            names.extend(texts.filter(|text| host_name::is_one(text)).map(Box::from));
        }
    }
    names.into_iter().collect()
}

/// The fields that a condition reads, in the order in which it was first read.
pub(crate) fn fields_of(expressions: &Expressions, root: ExprId) -> Box<[crate::fields::FieldRef]> {
    let mut fields = BTreeSet::new();
    for id in reachable(expressions, std::iter::once(root)) {
        if let Expr::Test(test) = expressions.get(id) {
            let test = expressions.test(*test);
            collect_fields(expressions, test.value, &mut fields);
            if let Check::Value(_, right) = &test.check {
                collect_fields(expressions, *right, &mut fields);
            }
        }
    }
    fields.into_iter().map(|field| expressions.fields()[field as usize].clone()).collect()
}

/// The fields that values are made of, in the order in which they were first read.
pub(crate) fn fields_of_values(
    expressions: &Expressions,
    values: &[ValueId],
) -> Box<[crate::fields::FieldRef]> {
    let mut fields = BTreeSet::new();
    values.iter().for_each(|value| collect_fields(expressions, *value, &mut fields));
    fields.into_iter().map(|field| expressions.fields()[field as usize].clone()).collect()
}

fn fields_of_value(expressions: &Expressions, value: ValueId, fields: &mut BTreeSet<FieldId>) {
    let mut numbers = BTreeSet::new();
    collect_fields(expressions, value, &mut numbers);
    fields.extend(numbers.into_iter().map(|number| expressions.fields()[number as usize].id));
}

/// Values are made of values with smaller numbers, so this ends.
fn collect_fields(expressions: &Expressions, value: ValueId, fields: &mut BTreeSet<u32>) {
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        let source = expressions.value(value);
        if let ValueSource::Field(field) = source {
            fields.insert(*field);
        }
        source.for_each_part(|part| waiting.push(part));
    }
}
