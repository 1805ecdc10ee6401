//! What the tests of this room share: facts as a map of field texts to values, and loading.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::net::IpAddr;

use bumpalo::Bump;
use peregrine_rules::{
    Diagnostic, EventType, Facts, FieldRef, FieldType, LoadOptions, Matches, Plan, RuleFile,
    Scratch, Value, load, render,
};
use serde::Deserialize;

/// An event as tests write it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactSet {
    /// The event type; `openat` if it does not matter.
    #[serde(default = "open")]
    pub event: String,
    /// Values by the texts of fields; what is not here is absent.
    #[serde(default)]
    pub fields: BTreeMap<String, Written>,
}

fn open() -> String {
    "openat".to_owned()
}

/// A value as tests write it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub enum Written {
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    Text(String),
    List(Vec<Written>),
}

/// The text that stands for a value that is not known yet.
pub const UNKNOWN: &str = "<unknown>";

impl Facts for FactSet {
    fn value<'a>(&'a self, field: &'a FieldRef, arena: &'a Bump) -> Value<'a> {
        match self.fields.get(&*field.text) {
            Some(written) => value(written, field.field_type, arena),
            None => Value::Absent,
        }
    }

    fn event_type(&self) -> EventType {
        EventType::from_name(&self.event).unwrap_or_else(|| panic!("no event {}", self.event))
    }
}

fn value<'a>(written: &'a Written, field_type: FieldType, arena: &'a Bump) -> Value<'a> {
    match written {
        Written::Bool(value) => Value::Bool(*value),
        Written::I64(number) => match u64::try_from(*number) {
            Ok(number) if field_type != FieldType::I64 => Value::U64(number),
            _ => Value::I64(*number),
        },
        Written::U64(number) => Value::U64(*number),
        Written::F64(number) => Value::F64(*number),
        Written::Text(text) if text == UNKNOWN => Value::Unknown,
        Written::Text(text) if matches!(field_type, FieldType::Ip | FieldType::Net) => {
            Value::Ip(text.parse::<IpAddr>().unwrap_or_else(|_| panic!("no address {text}")))
        }
        Written::Text(text) => Value::Str(text.as_bytes()),
        Written::List(elements) => Value::List(
            arena.alloc_slice_fill_iter(elements.iter().map(|it| value(it, field_type, arena))),
        ),
    }
}

/// Rule files by their texts.
pub fn files(texts: &[&str]) -> Vec<RuleFile> {
    let name =
        |index| if index == 0 { "rules.yaml".to_owned() } else { format!("rules{index}.yaml") };
    texts
        .iter()
        .enumerate()
        .map(|(index, text)| RuleFile { name: name(index), text: (*text).to_owned() })
        .collect()
}

/// A rule file with one rule of this condition.
pub fn rule_of(condition: &str) -> String {
    let condition = condition.trim().replace('\n', "\n    ");
    format!(
        "- rule: case\n  desc: a case\n  priority: NOTICE\n  output: matched\n  warn_evttypes: false\n  condition: |\n    {condition}\n"
    )
}

/// The plan of rules that must load.
pub fn plan_of(files: &[RuleFile], options: &LoadOptions) -> Plan {
    let (plan, found) = load(files, options);
    plan.unwrap_or_else(|| panic!("{}", drawn(&found, files)))
}

/// Diagnostics as people see them.
pub fn drawn(found: &[Diagnostic], files: &[RuleFile]) -> String {
    let drawn: Vec<_> = found.iter().map(|it| render(it, files)).collect();
    drawn.join("\n\n")
}

/// The names of the rules that an event matches, and of those that are not known.
pub fn judged(plan: &Plan, facts: &FactSet) -> (Vec<String>, Vec<String>) {
    let mut matches = Matches::default();
    plan.evaluate(facts, &mut Scratch::new(), &mut matches);
    let name = |rule: &peregrine_rules::RuleId| plan.rule(*rule).name.to_string();
    (matches.matched().iter().map(name).collect(), matches.unknown().iter().map(name).collect())
}
