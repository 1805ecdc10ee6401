//! Any text as an output: read or refused, and rendered for an event that has nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peregrine_rules::{
    EventType, Facts, FieldRef, LoadOptions, Matches, RuleFile, Scratch, Value, load,
};

struct Nothing;

impl Facts for Nothing {
    fn value<'a>(&'a self, _: &'a FieldRef, _: &'a bumpalo::Bump) -> Value<'a> {
        Value::Absent
    }

    fn event_type(&self) -> EventType {
        EventType::from_name("open").expect("the table has open")
    }
}

fuzz_target!(|output: &str| {
    let quoted = output.replace('\'', "''");
    let text = format!(
        "- {{rule: r, desc: d, priority: INFO, condition: evt.type = open, output: '{quoted}'}}\n"
    );
    let files = [RuleFile { name: "fuzz.yaml".to_owned(), text }];
    let Some(plan) = load(&files, &LoadOptions::default()).0 else { return };
    let (mut scratch, mut matches) = (Scratch::new(), Matches::default());
    plan.evaluate(&Nothing, &mut scratch, &mut matches);
    for rule in matches.matched() {
        assert!(!plan.output(*rule).render(&Nothing, &mut scratch).message.is_empty());
    }
});
