//! Any text as a condition: read or refused, with every place inside the file; and if it is read, the
//! plan and the explanation judge an event alike.
#![no_main]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::Ipv4Addr;

use bumpalo::Bump;
use libfuzzer_sys::fuzz_target;
use peregrine_rules::{
    EventType, Facts, FieldRef, FieldType, LoadOptions, Matches, RuleFile, Scratch, Truth, Value,
    explain, load,
};

/// An event whose values follow from the texts of fields.
struct Odd;

impl Facts for Odd {
    fn value<'a>(&'a self, field: &'a FieldRef, _: &'a Bump) -> Value<'a> {
        let mut hasher = DefaultHasher::new();
        field.text.hash(&mut hasher);
        let number = hasher.finish();
        match (number % 8, field.field_type) {
            (0, _) => Value::Absent,
            (1, _) => Value::Unknown,
            (_, FieldType::Text | FieldType::Bytes) => {
                Value::Str([&b"a"[..], b"b c", b"", b"/etc/passwd"][(number >> 8) as usize % 4])
            }
            (_, FieldType::TextList) => Value::List(&[Value::Str(b"a"), Value::Str(b"d")]),
            (_, FieldType::Bool) => Value::Bool(number & 256 == 0),
            (_, FieldType::Ip | FieldType::Net) => Value::Ip(Ipv4Addr::LOCALHOST.into()),
            (_, FieldType::F64) => Value::F64(1.5),
            _ => Value::I64((number >> 8) as i64 % 4),
        }
    }

    fn event_type(&self) -> EventType {
        EventType::from_name("open").expect("the table has open")
    }
}

fuzz_target!(|condition: &str| {
    let quoted = condition.replace('\'', "''");
    let text = format!(
        "- {{list: words, items: [a, 'b c', d]}}\n- {{macro: named, condition: proc.name in (words)}}\n\
         - {{rule: r, desc: d, priority: INFO, output: o, condition: '{quoted}'}}\n"
    );
    let files = [RuleFile { name: "fuzz.yaml".to_owned(), text }];
    let (plan, found) = load(&files, &LoadOptions::default());
    for diagnostic in found {
        let range = diagnostic.place.range;
        assert!(range.start <= range.end && range.end <= files[0].text.len());
    }
    let Some(plan) = plan else { return };
    let explained = explain(&files, &LoadOptions::default());
    let Some(rule) = explained.rule("r") else { return };
    let mut matches = Matches::default();
    plan.evaluate(&Odd, &mut Scratch::new(), &mut matches);
    let truth = match (matches.matched(), matches.unknown()) {
        ([_, ..], _) => Truth::True,
        (_, [_, ..]) => Truth::Unknown,
        _ => Truth::False,
    };
    assert_eq!(explained.judge(rule, &Odd).truth, truth);
});
