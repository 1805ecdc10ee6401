//! Which rules of a program an event may match at all, found before any of them is tried.
//!
//! Most rules fail for most events, and for reasons that many rules share. A *gate* is a part that
//! several rules need, such as `container.id != host`: one answer takes all of them off the list. A
//! *guard* of a rule is a set of tests of which one must hold for the rule to match, such as the names
//! in `proc.name in (…)`: all guards on one value are looked up at once, however many rules there are.
//!
//! **Invariant:** only rules that do not match are left out; what is not known leaves nothing out.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, MatchKind};
use hashbrown::HashMap;

use crate::check::{Check, Pattern, Several, Wanted};
use crate::expression::{Expr, ExprId, Expressions};
use crate::facts::Value;
use crate::fields::FieldId;
use crate::patterns::length_bit;
use crate::plan::NodeId;
use crate::value::{ValueId, ValueSource};

/// Fewer rules than this are tried one by one.
pub(crate) const MANY: usize = 3;

/// A part that costs more is no gate: some rules fail for a cheaper reason.
const GATE_COST: u32 = 50;

/// A part that holds for more events of a thousand leaves too few rules out.
const GATE_ODDS: u32 = 750;

/// What may leave rules out.
#[derive(Debug, Default)]
pub(crate) struct Shortlist {
    pub gates: Box<[Gate]>,
    pub guards: Box<[Guard]>,
    /// Rules that some guard stands for; the others are always on the list.
    pub guarded: RuleSet,
}

/// A part that some rules need.
#[derive(Debug)]
pub(crate) struct Gate {
    pub node: NodeId,
    pub rules: RuleSet,
    /// Stays as it is while a process and its container do.
    pub is_steady: bool,
}

/// The guards of rules on one value.
#[derive(Debug)]
pub(crate) struct Guard {
    pub value: ValueId,
    pub rules: RuleSet,
    /// A bit for each length that some of these texts has: most texts are told apart by that alone.
    lengths: u64,
    /// Rules by the text that the value is.
    wholes: HashMap<Box<[u8]>, Box<[u32]>>,
    /// Rules by texts that are somewhere in the value, at its beginning or at its end.
    parts: Option<Parts>,
}

#[derive(Debug)]
struct Parts {
    automaton: AhoCorasick,
    /// By the number of the pattern.
    patterns: Box<[(Site, Box<[u32]>)]>,
}

/// Where in a value a text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Site {
    Anywhere,
    Beginning,
    End,
}

/// Rules of a program by their places in it, as bits.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleSet(Box<[u64]>);

impl RuleSet {
    fn new(n_rules: usize, rules: impl IntoIterator<Item = usize>) -> Self {
        let mut words = vec![0; n_rules.div_ceil(64)];
        rules.into_iter().for_each(|rule| words[rule / 64] |= 1 << (rule % 64));
        Self(words.into())
    }

    pub fn words(&self) -> &[u64] {
        &self.0
    }

    /// Whether any of these is on a list.
    pub fn meets(&self, list: &[u64]) -> bool {
        self.0.iter().zip(list).any(|(own, other)| own & other != 0)
    }

    /// How many of these are on a list.
    pub fn n_on(&self, list: &[u64]) -> usize {
        self.0.iter().zip(list).map(|(own, other)| (own & other).count_ones() as usize).sum()
    }

    /// Takes these off a list.
    pub fn remove_from(&self, list: &mut [u64]) {
        self.0.iter().zip(list).for_each(|(own, other)| *other &= !own);
    }

    /// Puts these onto a list.
    pub fn add_to(&self, list: &mut [u64]) {
        self.0.iter().zip(list).for_each(|(own, other)| *other |= own);
    }
}

impl Guard {
    /// Puts the rules whose guard holds, or may hold, onto a list.
    pub fn hits(&self, value: &Value<'_>, list: &mut [u64]) {
        match value {
            Value::Str(text) => self.hits_of(text, list),
            Value::Unknown => self.rules.add_to(list),
            Value::List(elements) => elements.iter().for_each(|element| self.hits(element, list)),
            _ => {}
        }
    }

    fn hits_of(&self, text: &[u8], list: &mut [u64]) {
        if self.lengths & length_bit(text) != 0
            && let Some(rules) = self.wholes.get(text)
        {
            put(rules, list);
        }
        let Some(Parts { automaton, patterns }) = &self.parts else { return };
        for found in automaton.find_overlapping_iter(text) {
            let (site, rules) = &patterns[found.pattern().as_usize()];
            let is_there = match site {
                Site::Anywhere => true,
                Site::Beginning => found.start() == 0,
                Site::End => found.end() == text.len(),
            };
            if is_there {
                put(rules, list);
            }
        }
    }
}

fn put(rules: &[u32], list: &mut [u64]) {
    rules.iter().for_each(|rule| list[*rule as usize / 64] |= 1 << (rule % 64));
}

/// What may leave out rules of a program, in terms of expressions.
#[derive(Default)]
pub(crate) struct Draft {
    pub gates: Vec<GateDraft>,
    guards: Box<[Guard]>,
    /// The places of rules that have one.
    guarded: Vec<usize>,
    n_rules: usize,
}

impl Draft {
    /// Of rules with these conditions.
    pub fn new(expressions: &Expressions, conditions: &[ExprId]) -> Self {
        if conditions.len() < MANY {
            return Self::default();
        }
        let (guarded, guards) = guards(expressions, conditions);
        Self { gates: gates(expressions, conditions), guards, guarded, n_rules: conditions.len() }
    }

    /// The values that guards look at.
    pub fn values(&self) -> impl Iterator<Item = ValueId> {
        self.guards.iter().map(|guard| guard.value)
    }

    /// The same in terms of nodes; `node` is the node of a part.
    pub fn finish(self, node: impl Fn(ExprId) -> NodeId) -> Shortlist {
        let Self { gates, guards, guarded, n_rules } = self;
        let gate = |GateDraft { part, rules, is_steady }| Gate {
            node: node(part),
            rules: RuleSet::new(n_rules, rules),
            is_steady,
        };
        Shortlist {
            gates: gates.into_iter().map(gate).collect(),
            guards,
            guarded: RuleSet::new(n_rules, guarded),
        }
    }
}

/// What must hold for a condition to hold.
pub(crate) fn needs<'expr>(
    expressions: &'expr Expressions,
    condition: &'expr ExprId,
) -> &'expr [ExprId] {
    match expressions.get(*condition) {
        Expr::And(parts) => parts,
        _ => std::slice::from_ref(condition),
    }
}

/// A gate in terms of expressions, and the places of its rules.
pub(crate) struct GateDraft {
    part: ExprId,
    rules: Vec<usize>,
    is_steady: bool,
}

impl GateDraft {
    /// Whether this is the gate of a part of that rule.
    pub fn is_of(&self, rule: usize, part: ExprId) -> bool {
        self.part == part && self.rules.binary_search(&rule).is_ok()
    }
}

/// Cheap parts that several rules need; first those that take most rules off the list for what they
/// cost.
fn gates(expressions: &Expressions, conditions: &[ExprId]) -> Vec<GateDraft> {
    let mut by_part: BTreeMap<ExprId, Vec<usize>> = BTreeMap::new();
    for (rule, condition) in conditions.iter().enumerate() {
        for part in needs(expressions, condition) {
            by_part.entry(*part).or_default().push(rule);
        }
    }
    let mut gates: Vec<_> = by_part
        .into_iter()
        .filter(|(part, rules)| {
            rules.len() >= MANY
                && expressions.cost(*part) <= GATE_COST
                && expressions.odds(*part) <= GATE_ODDS
        })
        .map(|(part, rules)| GateDraft { part, rules, is_steady: expressions.is_steady(part) })
        .collect();
    let worth = |gate: &GateDraft| {
        gate.rules.len() as u64 * 1_000_000 / expressions.cost_to_settle(gate.part, false).max(1)
    };
    gates.sort_by_key(|gate| (std::cmp::Reverse(worth(gate)), gate.part));
    gates
}

/// A text that a value must have in it.
#[derive(Clone, Debug)]
struct Clue<'expr> {
    value: ValueId,
    /// The whole text, or where a part of it must be.
    site: Option<Site>,
    text: &'expr [u8],
}

/// Rules that have a guard, and the guards by value.
fn guards(expressions: &Expressions, conditions: &[ExprId]) -> (Vec<usize>, Box<[Guard]>) {
    let clues_of = |condition: &ExprId| {
        let (_, clues) = guard_of(expressions, *condition, &mut { PART_LIMIT })?;
        Some(clues)
    };
    let mut clues: Vec<Option<Vec<Clue<'_>>>> = conditions.iter().map(clues_of).collect();
    // A value that few rules ask for is not worth a look before them.
    loop {
        let mut uses: HashMap<ValueId, usize> = HashMap::new();
        for rule in clues.iter().flatten() {
            let mut values: Vec<_> = rule.iter().map(|clue| clue.value).collect();
            values.sort_unstable();
            values.dedup();
            values.into_iter().for_each(|value| *uses.entry(value).or_default() += 1);
        }
        let is_rare = |rule: &Vec<Clue<'_>>| {
            rule.iter().any(|clue| uses.get(&clue.value).is_none_or(|n| *n < MANY))
        };
        let mut is_done = true;
        for rule in &mut clues {
            if rule.as_ref().is_some_and(is_rare) {
                *rule = None;
                is_done = false;
            }
        }
        if is_done {
            break;
        }
    }
    let mut by_value: BTreeMap<ValueId, Vec<(usize, Clue<'_>)>> = BTreeMap::new();
    let mut guarded = Vec::new();
    for (rule, clues) in clues.into_iter().enumerate() {
        let Some(clues) = clues else { continue };
        guarded.push(rule);
        for clue in clues {
            by_value.entry(clue.value).or_default().push((rule, clue));
        }
    }
    let guards = by_value
        .into_iter()
        .map(|(value, clues)| guard(conditions.len(), value, &clues))
        .collect::<Option<Vec<_>>>();
    match guards {
        Some(guards) => (guarded, guards.into()),
        None => (Vec::new(), Box::default()),
    }
}

/// Nothing if the texts are more than an automaton takes.
fn guard(n_rules: usize, value: ValueId, clues: &[(usize, Clue<'_>)]) -> Option<Guard> {
    let mut wholes: BTreeMap<&[u8], Vec<u32>> = BTreeMap::new();
    let mut parts: BTreeMap<(Site, &[u8]), Vec<u32>> = BTreeMap::new();
    for (rule, clue) in clues {
        let rules = match clue.site {
            None => wholes.entry(clue.text).or_default(),
            Some(site) => parts.entry((site, clue.text)).or_default(),
        };
        let rule = u32::try_from(*rule).ok()?;
        if rules.last() != Some(&rule) {
            rules.push(rule);
        }
    }
    let parts = match parts.is_empty() {
        true => None,
        false => Some(Parts {
            automaton: AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .build(parts.keys().map(|(_, text)| text))
                .ok()?,
            patterns: parts.into_iter().map(|((site, _), rules)| (site, rules.into())).collect(),
        }),
    };
    Some(Guard {
        value,
        rules: RuleSet::new(n_rules, clues.iter().map(|(rule, _)| *rule)),
        lengths: wholes.keys().fold(0, |lengths, text| lengths | length_bit(text)),
        wholes: wholes.into_iter().map(|(text, rules)| (text.into(), rules.into())).collect(),
        parts,
    })
}

/// The cheapest set of texts of which a value must have one for the condition to hold, with its cost.
fn guard_of<'expr>(
    expressions: &'expr Expressions,
    id: ExprId,
    room: &mut usize,
) -> Option<(u32, Vec<Clue<'expr>>)> {
    *room = room.checked_sub(1)?;
    match expressions.get(id) {
        Expr::Test(test) => test_clues(expressions, *test),
        Expr::And(parts) => parts
            .iter()
            .filter_map(|part| guard_of(expressions, *part, room))
            .min_by_key(|(cost, _)| *cost),
        Expr::Or(parts) => {
            let mut all = (0, Vec::new());
            for part in parts {
                let (cost, clues) = guard_of(expressions, *part, room)?;
                all.0 += cost;
                all.1.extend(clues);
            }
            (all.1.len() <= CLUE_LIMIT).then_some(all)
        }
        Expr::Constant(_) | Expr::EventIs(_) | Expr::Not(_) | Expr::ExactlyOne(_) => None,
    }
}

/// Most parts of a condition that are looked at for a guard: they may share parts many times over.
const PART_LIMIT: usize = 10_000;

/// Most texts of one guard.
const CLUE_LIMIT: usize = 10_000;

fn test_clues(expressions: &Expressions, test: u32) -> Option<(u32, Vec<Clue<'_>>)> {
    let test = expressions.test(test);
    if test.several == Several::List || tells_little(expressions, test.value) {
        return None;
    }
    let (cost, site, texts) = match &test.check {
        Check::Texts(texts, Wanted::Member) => (1, None, texts),
        Check::Pattern(Pattern::StartsWith, texts) => (3, Some(Site::Beginning), texts),
        Check::Pattern(Pattern::EndsWith, texts) => (3, Some(Site::End), texts),
        Check::Pattern(Pattern::Contains, texts) => (4, Some(Site::Anywhere), texts),
        _ => return None,
    };
    // The empty text is part of every text, and a single letter of most.
    let is_telling = |text: &Vec<u8>| site.is_none() || text.len() > 1;
    if texts.is_empty() || texts.len() > CLUE_LIMIT || !texts.iter().all(is_telling) {
        return None;
    }
    let clue = |text| Clue { value: test.value, site, text };
    Some((cost, texts.iter().map(|text| clue(text.as_slice())).collect()))
}

/// Whether a value is one of few, so that events often have the one that is asked for, or is made so
/// slowly that rules had better fail before.
fn tells_little(expressions: &Expressions, value: ValueId) -> bool {
    let ValueSource::Field(field) = expressions.value(value) else { return true };
    !matches!(
        expressions.fields()[*field as usize].id,
        FieldId::ProcName
            | FieldId::ProcPname
            | FieldId::ProcExe
            | FieldId::ProcPexe
            | FieldId::ProcExepath
            | FieldId::ProcPexepath
            | FieldId::ProcCmdline
            | FieldId::ProcPcmdline
            | FieldId::ProcArgs
            | FieldId::FdName
            | FieldId::FdNameraw
            | FieldId::FdRealpath
            | FieldId::FdRealdirectory
            | FieldId::FdRealfilename
            | FieldId::FdDirectory
            | FieldId::FdFilename
            | FieldId::FsPathName
            | FieldId::FsPathTarget
            | FieldId::FsPathSource
            | FieldId::ContainerImageRepository
    )
}
