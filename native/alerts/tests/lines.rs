//! Text and JSON lines: a case per file in `tests/cases`, and laws for hostile text.
//!
//! A case is the alert as JSON; beside it stand `.text` and `.line`, the text line and the
//! JSON line expected. With
//! `PEREGRINE_UPDATE=1` the lines are written anew; read the difference like code.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use peregrine_alerts::{Alert, FieldValue, LineOptions, LineStyle, Priority};
use proptest::prelude::*;
use serde_json::Value;

fn style() -> LineStyle {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::Offset::from_hours(2).unwrap());
    LineStyle { hostname: "node-1".to_owned(), zone, options: LineOptions::default() }
}

#[test]
fn each_case_has_its_two_lines() {
    let cases = cases();
    assert!(cases.len() >= 6, "{} cases", cases.len());
    for case in cases {
        let alert = read_alert(&fs::read_to_string(&case).unwrap());
        compare(&case.with_extension("text"), &style().text(&alert));
        compare(&case.with_extension("line"), &style().json(&alert));
    }
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect()
}

fn compare(expected: &Path, line: &str) {
    if std::env::var_os("PEREGRINE_UPDATE").is_some() {
        fs::write(expected, format!("{line}\n")).unwrap();
    }
    let text = fs::read_to_string(expected).unwrap();
    assert_eq!(text.trim_end_matches('\n'), line, "{}", expected.display());
}

fn read_alert(text: &str) -> Alert {
    let case: Value = serde_json::from_str(text).unwrap();
    let fields = case["fields"].as_array().unwrap().iter();
    let tags: Vec<_> = case["tags"].as_array().unwrap().iter().map(as_text).collect();
    Alert {
        time_ns: case["time_ns"].as_u64().unwrap(),
        priority: case["priority"].as_str().unwrap().parse::<Priority>().unwrap(),
        rule: as_text(&case["rule"]).into(),
        source: as_text(&case["source"]).into(),
        message: as_text(&case["message"]).to_owned(),
        fields: fields.map(|field| (as_text(&field[0]).into(), value(&field[1]))).collect(),
        tags: tags.into_iter().map(Into::into).collect(),
    }
}

fn as_text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn value(value: &Value) -> FieldValue {
    match value {
        Value::Null => FieldValue::Null,
        Value::Bool(truth) => FieldValue::Bool(*truth),
        Value::String(text) => FieldValue::Text(text.clone()),
        Value::Array(values) => FieldValue::List(values.iter().map(self::value).collect()),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), _, _) => FieldValue::U64(number),
            (_, Some(number), _) => FieldValue::I64(number),
            (_, _, Some(number)) => FieldValue::F64(number),
            _ => panic!("{number} is no number of ours"),
        },
        Value::Object(_) => panic!("fields have no objects"),
    }
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80)
            .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        prop::collection::vec(any::<char>(), 0..40).prop_map(String::from_iter),
    ]
}

fn hostile_alert() -> impl Strategy<Value = Alert> {
    let fields = prop::collection::vec((hostile(), hostile_value()), 0..6);
    let tags = prop::collection::vec(hostile(), 0..3);
    let source = prop_oneof![Just("syscall".to_owned()), Just("internal".to_owned()), hostile()];
    (any::<u64>(), hostile(), source, hostile(), fields, tags).prop_map(
        |(time_ns, rule, source, message, fields, tags)| Alert {
            time_ns,
            priority: Priority::Error,
            rule: rule.into(),
            source: source.into(),
            message,
            fields: fields.into_iter().map(|(name, value)| (name.into(), value)).collect(),
            tags: tags.into_iter().map(Into::into).collect(),
        },
    )
}

fn hostile_value() -> impl Strategy<Value = FieldValue> {
    let leaf = prop_oneof![
        Just(FieldValue::Null),
        hostile().prop_map(FieldValue::Text),
        any::<i64>().prop_map(FieldValue::I64),
        any::<u64>().prop_map(FieldValue::U64),
        any::<f64>().prop_map(FieldValue::F64),
        any::<bool>().prop_map(FieldValue::Bool),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop::collection::vec(inner, 0..4).prop_map(FieldValue::List)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever bytes the watched system holds, a JSON line is an object that says just that.
    #[test]
    fn a_json_line_parses_back_to_the_alert(alert in hostile_alert()) {
        let line = style().json(&alert);
        let object: Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(object["rule"].as_str(), Some(&*alert.rule));
        prop_assert_eq!(object["source"].as_str(), Some(&*alert.source));
        prop_assert!(object["output"].as_str().unwrap().ends_with(&alert.message));
        for (name, value) in &alert.fields {
            let last = alert.fields.iter().rev().find(|(other, _)| other == name).unwrap();
            if let FieldValue::Text(text) = &last.1 {
                prop_assert_eq!(object["output_fields"][&**name].as_str(), Some(&**text));
            }
            prop_assert!(object["output_fields"].get(&**name).is_some(), "{:?}", value);
        }
        let keys: Vec<_> = object.as_object().unwrap().keys().cloned().collect();
        let mut sorted = keys.clone();
        sorted.sort();
        prop_assert_eq!(keys, sorted);
    }

    /// One alert is one line, and no byte of it drives a terminal or turns the text round.
    #[test]
    fn a_line_holds_nothing_that_steers(alert in hostile_alert()) {
        for line in [style().text(&alert), style().json(&alert)] {
            let steers = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)
                || ('\u{2066}'..='\u{2069}').contains(&c) || c == '\u{2028}' || c == '\u{2029}';
            prop_assert!(!line.contains(steers), "{:?}", line);
        }
    }
}

fn an_alert() -> Alert {
    Alert {
        time_ns: 1_700_000_000_123_456_789,
        priority: Priority::Notice,
        rule: "R".into(),
        source: "syscall".into(),
        message: "told".to_owned(),
        fields: vec![("proc.pid".into(), FieldValue::I64(1))],
        tags: ["t".into()].into(),
    }
}

#[test]
fn parts_of_json_lines_can_be_left_out_and_the_bare_message_put_in() {
    let options = LineOptions {
        json_output: false,
        json_message: true,
        json_fields: false,
        json_tags: false,
        iso_8601: false,
    };
    let line = LineStyle { options, ..style() }.json(&an_alert());
    let object: Value = serde_json::from_str(&line).unwrap();
    let keys: Vec<_> = object.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["hostname", "message", "priority", "rule", "source", "time"]);
    assert_eq!(object["message"], "told");
}

#[test]
fn times_are_in_the_form_of_iso_8601_if_asked_for() {
    let options = LineOptions { iso_8601: true, ..LineOptions::default() };
    let style = LineStyle { options, ..style() };
    assert_eq!(style.text(&an_alert()), "2023-11-14T22:13:20.123456789+0000: Notice told");
    let object: Value = serde_json::from_str(&style.json(&an_alert())).unwrap();
    assert_eq!(object["output_fields"]["evt.time.iso8601"], 1_700_000_000_123_456_789u64);
    assert!(object["output_fields"].get("evt.time").is_none());
}
