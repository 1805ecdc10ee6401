//! Laws of the language on random conditions and random events: printing and parsing are inverse, the
//! plan says what a plain walk over the tree says, and rewriting a condition by the laws of logic
//! changes nothing.

mod walk;

use std::collections::BTreeMap;

use bumpalo::Bump;
use proptest::prelude::*;

use crate::condition::{Comparison, Condition, FieldText, Literal, Operand, Right};
use crate::operators::{Modifier, Operator};
use crate::{
    EventType, Facts, FieldRef, Lifetime, LoadOptions, Matches, Plan, RuleFile, RuleMatching,
    Scratch, StateId, Truth, Value, load, lookup, parser,
};

/// A value of a field of a random event.
#[derive(Clone, Debug)]
enum Known {
    Unknown,
    Text(&'static str),
    Number(i64),
    Bool(bool),
    Address(&'static str),
    Several(Vec<Known>),
}

/// A random event.
#[derive(Clone, Debug)]
struct Event {
    event: EventType,
    fields: BTreeMap<&'static str, Known>,
    state: Option<StateId>,
}

impl Event {
    /// The same event of a process that is in the state of another event's.
    fn of(mut self, process: &Self, number: u64) -> Self {
        let is_steady =
            |name: &str| lookup(name, None).unwrap().id.row().lifetime != Lifetime::Event;
        self.fields.retain(|name, _| !is_steady(name));
        let steady = process.fields.iter().filter(|(name, _)| is_steady(name));
        self.fields.extend(steady.map(|(name, known)| (*name, known.clone())));
        self.state = Some(StateId { process: number, container: 0 });
        self
    }
}

impl Facts for Event {
    fn value<'a>(&'a self, field: &'a FieldRef, arena: &'a Bump) -> Value<'a> {
        self.fields.get(&*field.text).map_or(Value::Absent, |known| known.value(arena))
    }

    fn event_type(&self) -> EventType {
        self.event
    }

    fn state(&self) -> Option<StateId> {
        self.state
    }
}

impl Known {
    fn value<'a>(&'a self, arena: &'a Bump) -> Value<'a> {
        match self {
            Self::Unknown => Value::Unknown,
            Self::Text(text) => Value::Str(text.as_bytes()),
            Self::Number(number) => Value::I64(*number),
            Self::Bool(value) => Value::Bool(*value),
            Self::Address(text) => Value::Ip(text.parse().expect("the addresses are right")),
            Self::Several(all) => {
                Value::List(arena.alloc_slice_fill_iter(all.iter().map(|it| it.value(arena))))
            }
        }
    }
}

const TEXTS: [&str; 9] = ["a", "b", "ab", "/a", "/a/b", "/b//a/", "", "A b", "ba*"];
const ADDRESSES: [&str; 4] = ["10.0.0.1", "10.9.9.9", "192.168.0.1", "2001:db8::1"];
const NETWORKS: [&str; 4] = ["10.0.0.0/8", "10.0.0.1/32", "0.0.0.0/0", "2001:db8::/32"];
const EVENTS: [&str; 4] = ["open", "openat", "execve", "setxattr"];
const TEXT_FIELDS: [&str; 4] = ["proc.name", "proc.pname", "proc.cmdline", "proc.aname"];

fn known() -> impl Strategy<Value = Known> {
    prop_oneof![
        1 => Just(Known::Unknown),
        6 => proptest::sample::select(&TEXTS[..]).prop_map(Known::Text),
    ]
}

fn addresses() -> impl Strategy<Value = Known> {
    prop_oneof![
        1 => Just(Known::Unknown),
        6 => proptest::sample::select(&ADDRESSES[..]).prop_map(Known::Address),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    let option = |it| proptest::option::weighted(0.8, it);
    (
        proptest::sample::select(&EVENTS[..]),
        proptest::collection::vec(option(known().boxed()), 3),
        option(proptest::collection::vec(known(), 0..3).prop_map(Known::Several).boxed()),
        option((-2..4i64).prop_map(Known::Number).boxed()),
        option(any::<bool>().prop_map(Known::Bool).boxed()),
        (option(addresses().boxed()), option(addresses().boxed())),
        option(proptest::collection::vec(addresses(), 0..3).prop_map(Known::Several).boxed()),
        option(proptest::collection::vec(known(), 0..3).prop_map(Known::Several).boxed()),
    )
        .prop_map(|(event, texts, ancestors, number, flag, (address, server), ends, types)| {
            let names = TEXT_FIELDS[..3].iter().copied().zip(texts);
            let others = [
                ("proc.aname", ancestors),
                ("proc.pid", number),
                ("fd.connected", flag),
                ("fd.sip", address),
                ("fd.snet", server),
                ("fd.ip", ends),
                ("fd.types", types),
            ];
            let fields = names.chain(others);
            Event {
                event: EventType::from_name(event).expect("the events are known"),
                fields: fields.filter_map(|(name, known)| Some((name, known?))).collect(),
                state: None,
            }
        })
}

fn literal(text: &str) -> Literal {
    Literal { bytes: text.as_bytes().to_vec(), span: 0..0 }
}

fn comparison(
    field: &str,
    operator: Operator,
    modifier: Option<Modifier>,
    right: Right,
) -> Condition {
    let field = FieldText { name: field.to_owned(), bracket: None, span: 0..0 };
    Condition::Comparison(Box::new(Comparison {
        left: Operand::Field(field),
        operator,
        operator_span: 0..0,
        modifier,
        right,
        span: 0..0,
    }))
}

/// One constant, a list, or a list with a modifier, as the operator takes it.
fn leaf(
    fields: &'static [&'static str],
    operators: &'static [Operator],
    constants: &'static [&'static str],
) -> impl Strategy<Value = Condition> {
    let list = proptest::collection::vec(proptest::sample::select(constants), 0..4);
    let modifier = proptest::option::of(proptest::sample::select(&Modifier::ALL[..]));
    (
        proptest::sample::select(fields),
        proptest::sample::select(operators),
        proptest::sample::select(constants),
        list,
        modifier,
    )
        .prop_map(|(field, operator, one, many, modifier)| {
            let list = || Right::List(many.iter().map(|text| literal(text)).collect());
            match operator.right() {
                crate::operators::RightSide::Nothing => {
                    comparison(field, operator, None, Right::Nothing)
                }
                crate::operators::RightSide::List => comparison(field, operator, None, list()),
                crate::operators::RightSide::Word if modifier.is_some() => {
                    comparison(field, operator, modifier, list())
                }
                _ => comparison(field, operator, None, Right::One(literal(one))),
            }
        })
}

fn leaves() -> impl Strategy<Value = Condition> {
    use Operator::{
        CaselessContains, Contains, Different, EndsWith, Equal, Exists, Glob, Greater, In,
        Intersects, LessOrEqual, PathPrefix, StartsWith,
    };
    const TEXT: &[Operator] = &[
        Equal,
        Different,
        In,
        Intersects,
        Exists,
        Contains,
        CaselessContains,
        StartsWith,
        EndsWith,
        Glob,
        PathPrefix,
    ];
    const NUMBER: &[Operator] = &[Equal, Different, In, LessOrEqual, Greater, Exists];
    prop_oneof![
        6 => leaf(&TEXT_FIELDS, TEXT, &TEXTS),
        2 => leaf(&["proc.pid"], NUMBER, &["-1", "0", "1", "2"]),
        1 => leaf(&["fd.connected"], &[Equal, Different, In], &["true", "false"]),
        2 => leaf(&["fd.sip", "fd.ip"], &[Equal, Different, In, Exists], &ADDRESSES),
        1 => leaf(&["fd.snet"], &[Equal, Different, In, Exists], &NETWORKS),
        1 => leaf(&["fd.types"], &[In, Intersects, Exists], &TEXTS),
        2 => leaf(&["evt.type"], &[Equal, Different, In], &EVENTS),
    ]
}

fn conditions() -> impl Strategy<Value = Condition> {
    leaves().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Condition::And),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Condition::Or),
            inner.prop_map(negated),
        ]
    })
}

/// The parser takes two negations for none.
fn negated(part: Condition) -> Condition {
    match part {
        Condition::Not(inner) => *inner,
        part => Condition::Not(Box::new(part)),
    }
}

/// What the plan of rules says of an event for the rule called `case`.
fn judged(rules: &str, event: &Event) -> Truth {
    says(&plan_of(rules), event)
}

fn plan_of(rules: &str) -> Plan {
    let files = [RuleFile { name: "laws.yaml".to_owned(), text: rules.to_owned() }];
    let options = LoadOptions {
        matching: RuleMatching::All,
        suggested_output: false,
        ..LoadOptions::default()
    };
    let (plan, found) = load(&files, &options);
    plan.unwrap_or_else(|| panic!("{rules}\n{found:#?}"))
}

fn says(plan: &Plan, event: &Event) -> Truth {
    let mut matches = Matches::default();
    plan.evaluate(event, &mut Scratch::new(), &mut matches);
    match (matches.matched(), matches.unknown()) {
        ([], []) => Truth::False,
        ([], _) => Truth::Unknown,
        _ => Truth::True,
    }
}

fn rule(condition: &str) -> String {
    format!(
        "- {{rule: case, desc: d, priority: INFO, output: o, condition: {}}}\n",
        quoted(condition)
    )
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What the plan of some rules says of an event, by the places of the rules.
fn judged_together(plan: &Plan, event: &Event, scratch: &mut Scratch) -> Vec<Truth> {
    let mut matches = Matches::default();
    plan.evaluate(event, scratch, &mut matches);
    let mut truths = vec![Truth::False; plan.rules().len()];
    matches.unknown().iter().for_each(|rule| truths[rule.index()] = Truth::Unknown);
    matches.matched().iter().for_each(|rule| truths[rule.index()] = Truth::True);
    truths
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_are_judged_together_as_alone(
        needed in proptest::collection::vec(leaves(), 2),
        conditions in proptest::collection::vec(conditions(), 3..8),
        events in proptest::collection::vec(events(), 8),
    ) {
        let all: Vec<_> = conditions
            .iter()
            .enumerate()
            .map(|(place, condition)| format!("{} and {condition}", needed[place % needed.len()]))
            .collect();
        let named = |(place, condition): (usize, &String)| {
            rule(condition).replace("rule: case", &format!("rule: '{place}'"))
        };
        let together = plan_of(&all.iter().enumerate().map(named).collect::<String>());
        let plans: Vec<_> = all.iter().map(|it| plan_of(&rule(it))).collect();
        for event in &events {
            let alone: Vec<_> = plans.iter().map(|plan| says(plan, event)).collect();
            let found = judged_together(&together, event, &mut Scratch::new());
            prop_assert_eq!(found, alone, "{:#?} {:?}", all, event);
        }
        // Processes that are seen again and again: what is remembered of them changes nothing.
        let (processes, deeds) = events.split_at(2);
        let mut scratch = Scratch::new();
        for (deed, number) in deeds.iter().chain(deeds).chain(deeds).zip([0, 1, 1].into_iter().cycle()) {
            let event = deed.clone().of(&processes[number], number as u64);
            let stateless = Event { state: None, ..event.clone() };
            let expected = judged_together(&together, &stateless, &mut Scratch::new());
            let found = judged_together(&together, &event, &mut scratch);
            prop_assert_eq!(found, expected, "{:#?} {:?}", all, event);
        }
    }

    #[test]
    fn what_is_printed_is_read_as_the_same(condition in conditions()) {
        let printed = condition.to_string();
        let read = parser::parse(&printed).unwrap_or_else(|mistake| panic!("{printed}: {mistake:?}"));
        prop_assert_eq!(read.to_string(), printed);
    }

    #[test]
    fn the_plan_says_what_a_walk_over_the_tree_says(
        condition in conditions(),
        events in proptest::collection::vec(events(), 4),
    ) {
        let rules = rule(&condition.to_string());
        let plan = plan_of(&rules);
        for event in &events {
            prop_assert_eq!(
                says(&plan, event), walk::truth(&condition, event), "{} {:?}", rules, event
            );
        }
    }

    #[test]
    fn rewriting_by_logic_changes_nothing(
        left in conditions(),
        right in conditions(),
        event in events(),
    ) {
        let plain = judged(&rule(&format!("not ({left} and {right})")), &event);
        let moved = format!("not {left} or not {right}");
        prop_assert_eq!(judged(&rule(&moved), &event), plain, "De Morgan");
        let twice = format!("not (not (not ({left} and {right})))");
        prop_assert_eq!(judged(&rule(&twice), &event), plain, "double negation");
        let swapped = format!("not ({right} and {left})");
        prop_assert_eq!(judged(&rule(&swapped), &event), plain, "order");
        let both = format!("{left} and {right}");
        let named = format!("- {{macro: both, condition: {}}}\n", quoted(&both)) + &rule("not both");
        prop_assert_eq!(judged(&named, &event), plain, "macro");
    }

    #[test]
    fn splitting_a_list_changes_nothing(
        texts in proptest::collection::vec(proptest::sample::select(&TEXTS[..]), 1..6),
        event in events(),
    ) {
        let all: Vec<_> = texts.iter().map(|text| literal(text).to_string()).collect();
        let whole = judged(&rule(&format!("proc.name in ({})", all.join(", "))), &event);
        let single: Vec<_> = all.iter().map(|text| format!("proc.name = {text}")).collect();
        prop_assert_eq!(judged(&rule(&single.join(" or ")), &event), whole);
        let (front, back) = texts.split_at(texts.len() / 2);
        let items = |part: &[&str]| {
            let items: Vec<_> = part.iter().map(|text| quoted(&literal(text).to_string())).collect();
            items.join(", ")
        };
        let lists = format!(
            "- {{list: front, items: [{}]}}\n- {{list: back, items: [{}]}}\n{}",
            items(front), items(back), rule("proc.name in (front, back)"),
        );
        prop_assert_eq!(judged(&lists, &event), whole, "{}", lists);
    }
}
