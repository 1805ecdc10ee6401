//! `peregrined rules list` and `rules explain`: what is loaded, and what a rule asks.

use std::{fmt::Write, process::ExitCode};

use peregrine_rules::{
    EventSet, EventType, Explanations, Part, PartKind, Plan, Rule, RuleFile, explain,
    line_and_column,
};
use serde_json::json;

use crate::{
    cli::{ExplainOptions, ListOptions},
    describe, doctor, look,
    rule_set::RuleSource,
};

/// More event types than this are not listed one by one.
const MANY: usize = 60;

/// Loads what is to be looked at; says what is wrong with it if it has an error.
pub fn load(source: &RuleSource) -> Result<(Vec<RuleFile>, Plan), ExitCode> {
    let failed = |error| {
        eprintln!("peregrined: {}", doctor::chain(&error));
        ExitCode::FAILURE
    };
    let files = source.read().map_err(failed)?.into_files();
    let (plan, found) = peregrine_rules::load(&files, &source.options);
    let Some(plan) = plan else {
        for diagnostic in found.iter().filter(|it| it.is_error()) {
            eprintln!("{}", peregrine_rules::render(diagnostic, &files));
        }
        return Err(ExitCode::FAILURE);
    };
    Ok((files, plan))
}

/// One rule a line: on or off, priority, name, tags, event types, place.
pub fn list(options: &ListOptions) -> ExitCode {
    let (files, plan) = match load(&options.files.source()) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    if options.json {
        let rules: Vec<_> = plan.rules().map(|rule| object(rule, &files)).collect();
        return look::print(&format!("{:#}\n", json!({ "rules": rules })));
    }
    let mut text = String::new();
    for rule in plan.rules() {
        writeln!(
            text,
            "{:<3} {:<13} {}\n    {} | {} | {}",
            if rule.enabled { "on" } else { "off" },
            rule.priority.name(),
            rule.name,
            place(rule, &files),
            rule.tags.join(", "),
            events(&rule.event_types),
        )
        .ok();
    }
    let n_on = plan.rules().filter(|rule| rule.enabled).count();
    writeln!(text, "{} rules, {n_on} on", plan.rules().count()).ok();
    look::print(&text)
}

/// A rule with its condition as a tree.
pub fn explain_rule(options: &ExplainOptions) -> ExitCode {
    let source = options.files.source();
    let (files, plan) = match load(&source) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let Some(rule) = find(&plan, &options.rule) else { return ExitCode::FAILURE };
    if options.json {
        return look::print(&format!("{:#}\n", object(rule, &files)));
    }
    look::print(&described(rule, &files, &explain(&files, &source.options)))
}

/// `-L` and `-l`: rules as Falco describes them; a single one for people with its condition as a tree.
pub fn describe(source: &RuleSource, only: Option<&str>, is_json: bool) -> ExitCode {
    let (files, plan) = match load(source) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let rule = match only.map(|name| find(&plan, name)) {
        Some(None) => return ExitCode::FAILURE,
        Some(rule) => rule,
        None => None,
    };
    let Some(description) = peregrine_rules::describe(&files, &source.options) else {
        return ExitCode::FAILURE;
    };
    if is_json {
        return look::print(&format!("{}\n", describe::json(&description, only)));
    }
    let mut text = describe::text(&description, only);
    if let Some(rule) = rule {
        text.push('\n');
        text.push_str(&described(rule, &files, &explain(&files, &source.options)));
    }
    look::print(&text)
}

/// A rule by its name; says which may be meant if there is none.
fn find<'plan>(plan: &'plan Plan, name: &str) -> Option<&'plan Rule> {
    let rule = plan.rules().find(|rule| *rule.name == *name);
    if rule.is_none() {
        let names = plan.rules().map(|rule| &*rule.name);
        let hint = peregrine_rules::nearest(name, names)
            .map(|nearest| format!("did you mean {nearest:?}?"))
            .unwrap_or_else(|| "`peregrined rules list` shows all of them".to_owned());
        eprintln!("peregrined: no rule is named {name:?}: {hint}");
    }
    rule
}

fn described(rule: &Rule, files: &[RuleFile], explanations: &Explanations) -> String {
    let mut text = format!("{}\n{}\n\n", rule.name, rule.desc.trim());
    let mut row = |name: &str, value: &str| {
        // A String takes all.
        writeln!(text, "{name:<9} {value}").ok();
    };
    row("from", &place(rule, files));
    row("state", if rule.enabled { "on" } else { "off" });
    row("priority", rule.priority.name());
    row("source", &rule.source);
    row("tags", &rule.tags.join(", "));
    row("output", rule.output.trim());
    row("events", &events(&rule.event_types));
    let fields: Vec<&str> = rule.fields.iter().map(|field| &*field.text).collect();
    row("fields", &fields.join(", "));
    if let Some(explained) = explanations.rule(&rule.name) {
        row("cost", &format!("about {} ns to ask all of it", explained.condition.cost));
        text.push_str("condition\n");
        draw(&explained.condition, 1, &mut text);
    }
    text
}

/// A part a line, what belongs to it further in.
fn draw(part: &Part, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let (word, parts): (String, &[Part]) = match &part.kind {
        PartKind::And(parts) => ("all of".to_owned(), parts),
        PartKind::Or(parts) => ("any of".to_owned(), parts),
        PartKind::Not(part) => ("not".to_owned(), std::slice::from_ref(&**part)),
        PartKind::Macro { name, part } => (format!("{name}:"), std::slice::from_ref(&**part)),
        PartKind::Comparison { text, .. } => (text.clone(), &[]),
    };
    writeln!(text, "{indent}{word}").ok();
    parts.iter().for_each(|part| draw(part, depth + 1, text));
}

/// The file and line of a rule.
fn place(rule: &Rule, files: &[RuleFile]) -> String {
    files.get(rule.place.file).map_or_else(String::new, |file| {
        let (line, _) = line_and_column(&file.text, rule.place.range.start);
        format!("{}:{line}", file.name)
    })
}

fn events(events: &EventSet) -> String {
    match events.len() {
        0 => "none".to_owned(),
        EventType::COUNT => "all".to_owned(),
        n_events @ MANY.. => format!("{n_events} of {}", EventType::COUNT),
        _ => events.iter().map(EventType::name).collect::<Vec<_>>().join(", "),
    }
}

fn object(rule: &Rule, files: &[RuleFile]) -> serde_json::Value {
    json!({
        "name": &*rule.name,
        "description": rule.desc.trim(),
        "enabled": rule.enabled,
        "priority": rule.priority.name(),
        "source": &*rule.source,
        "tags": rule.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(),
        "output": rule.output.trim(),
        "file": place(rule, files),
        "events": rule.event_types.iter().map(EventType::name).collect::<Vec<_>>(),
        "fields": rule.fields.iter().map(|field| &*field.text).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::RuleFilesOptions;

    #[test]
    fn a_rule_is_shown_with_its_condition_as_a_tree() {
        let options = RuleFilesOptions { rules: Vec::new(), no_default_rules: false };
        let source = options.source();
        let (files, plan) = load(&source).unwrap();
        let rule = plan.rules().find(|rule| &*rule.name == "Terminal shell in container").unwrap();
        let text = described(rule, &files, &explain(&files, &source.options));
        assert!(text.contains("from      <built-in>/peregrine_rules.yaml:"), "{text}");
        assert!(text.contains("events    execve, execveat\n"), "{text}");
        assert!(text.contains("condition\n  all of\n    spawned_process:\n"), "{text}");
        assert!(text.contains("    proc.tty != 0\n"), "{text}");
        assert!(object(rule, &files)["enabled"].as_bool().unwrap());
    }
}
