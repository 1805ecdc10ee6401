//! Rules for people: what a condition is with everything put in, and why an event does not match.

mod support;

use std::collections::BTreeMap;

use peregrine_rules::{Explanations, Judged, LoadOptions, Truth, explain};
use support::{FactSet, Written, files};

const RULES: &str = r#"
- list: shells
  items: [bash, zsh]
- macro: spawned
  condition: evt.type in (execve, execveat) and evt.rawres = 0
- macro: in_container
  condition: container.id != host
- rule: Shell in container
  desc: a shell starts in a container
  condition: spawned and in_container and (proc.name in (shells) or proc.pname = sshd)
  output: shell
  priority: NOTICE
  exceptions:
    - name: known
      fields: proc.cmdline
      comps: startswith anyof
      values: ["bash -c true"]
- rule: Broken
  desc: it has a mistake
  condition: proc.nmae = x
  output: none
  priority: NOTICE
- rule: Other source
  desc: of a plugin
  condition: ka.verb = create
  output: none
  priority: NOTICE
  source: k8s_audit
"#;

fn explained() -> Explanations {
    explain(&files(&[RULES]), &LoadOptions::default())
}

fn event(fields: &[(&str, &str)]) -> FactSet {
    let mut all = BTreeMap::from([
        ("evt.type".to_owned(), Written::Text("execve".to_owned())),
        ("evt.rawres".to_owned(), Written::I64(0)),
        ("container.id".to_owned(), Written::Text("3ad7b26ded6d".to_owned())),
        ("proc.name".to_owned(), Written::Text("bash".to_owned())),
        ("proc.pname".to_owned(), Written::Text("runc".to_owned())),
        ("proc.cmdline".to_owned(), Written::Text("bash -i".to_owned())),
    ]);
    for (field, value) in fields {
        all.insert((*field).to_owned(), Written::Text((*value).to_owned()));
    }
    FactSet { event: "execve".to_owned(), fields: all }
}

/// What settled the judgement, with the values that were seen.
fn settled(judged: &Judged<'_>) -> String {
    let by = judged.settled_by();
    let values: Vec<_> = by.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{} [{}]", by.part, values.join(" "))
}

#[test]
fn a_condition_is_shown_with_macros_lists_and_exceptions_put_in() {
    let explained = explained();
    let rule = explained.rule("Shell in container").unwrap();
    assert_eq!(
        rule.condition.to_string(),
        "(((evt.type in (execve, execveat) and evt.rawres = 0) and container.id != host and \
         (proc.name in (bash, zsh) or proc.pname = sshd)) and not proc.cmdline startswith anyof \
         (\"bash -c true\"))"
    );
    let events: Vec<_> = rule.event_types.iter().map(|event| event.name()).collect();
    assert_eq!(events, ["execve", "execveat"]);
    let fields: Vec<_> = rule.fields.iter().map(|field| &*field.text).collect();
    assert_eq!(fields, ["evt.rawres", "container.id", "proc.name", "proc.pname", "proc.cmdline"]);
    assert!(rule.condition.cost > 0);
}

#[test]
fn the_first_part_that_does_not_hold_is_named_with_what_was_seen() {
    let explained = explained();
    let rule = explained.rule("Shell in container").unwrap();
    let cases = [
        (event(&[("container.id", "host")]), "container.id != host [container.id=host]"),
        (event(&[("proc.name", "cat")]), "(proc.name in (bash, zsh) or proc.pname = sshd) []"),
        (
            event(&[("proc.cmdline", "bash -c true")]),
            "proc.cmdline startswith anyof (\"bash -c true\") [proc.cmdline=bash -c true]",
        ),
        (
            FactSet { event: "openat".to_owned(), ..event(&[("evt.type", "openat")]) },
            "evt.type in (execve, execveat) [evt.type=openat]",
        ),
    ];
    for (facts, expected) in cases {
        let judged = explained.judge(rule, &facts);
        assert_eq!(judged.truth, Truth::False, "{expected}");
        assert_eq!(settled(&judged), expected);
    }
    assert_eq!(explained.judge(rule, &event(&[])).truth, Truth::True);
}

#[test]
fn what_is_not_known_yet_is_told_from_what_is_absent() {
    let explained = explained();
    let rule = explained.rule("Shell in container").unwrap();
    let judged = explained.judge(rule, &event(&[("container.id", support::UNKNOWN)]));
    assert_eq!(judged.truth, Truth::Unknown);
    assert_eq!(settled(&judged), "container.id != host [container.id=<not known yet>]");
    let mut without = event(&[]);
    without.fields.remove("container.id");
    let judged = explained.judge(rule, &without);
    assert_eq!(settled(&judged), "container.id != host [container.id=<NA>]");
}

#[test]
fn rules_that_cannot_be_judged_are_left_out() {
    let explained = explained();
    let names: Vec<_> = explained.rules().iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["Shell in container"]);
}
