//! Every case of the corpus: rules and events in, matches, messages and diagnostics out.
//!
//! A case is a file `corpus/<idea>/<case>.yaml`. It has either `rules` (a file, or a list of files) or
//! `condition` (of one rule called `case`), then `events` with what each must match, then
//! `diagnostics` as `code line:column`, with `: ` and a text that the drawn diagnostic must contain.
//! Without `diagnostics` there must be none. A new case is a new file.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use peregrine_rules::{
    LoadOptions, OutputValue, RuleFile, RuleMatching, Scratch, line_and_column, load, render,
};
use serde::Deserialize;
use support::{FactSet, drawn, files, judged, rule_of};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    rules: Option<Texts>,
    #[serde(default)]
    condition: Option<String>,
    #[serde(default)]
    first: bool,
    #[serde(default)]
    suggested_output: bool,
    #[serde(default)]
    priority: Option<String>,
    #[serde(default)]
    events: Vec<Expected>,
    #[serde(default)]
    diagnostics: Vec<String>,
    /// Event types of the first rule, or `all but` some.
    #[serde(default)]
    event_types: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Expected {
    #[serde(flatten)]
    facts: FactSet,
    /// Names of rules, or for a lone condition whether it holds.
    #[serde(default)]
    matches: Matching,
    #[serde(default)]
    unknown: Vec<String>,
    /// The message of the first match.
    #[serde(default)]
    message: Option<String>,
    /// The fields of the first match, as `name=value` in the order of the output.
    #[serde(default)]
    output_fields: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Matching {
    Names(Vec<String>),
    Holds(bool),
}

impl Default for Matching {
    fn default() -> Self {
        Self::Names(Vec::new())
    }
}

#[test]
fn every_case_gives_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    assert!(paths.len() >= 200, "only {} cases", paths.len());
    let failures: Vec<_> = paths
        .iter()
        .filter_map(|path| {
            let wrong = check(path).err()?;
            Some(format!("{}: {wrong}", path.strip_prefix(&root).unwrap_or(path).display()))
        })
        .collect();
    assert!(failures.is_empty(), "{} cases:\n{}", failures.len(), failures.join("\n\n"));
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the corpus is there") {
        let path = entry.expect("the corpus can be read").path();
        if path.is_dir() {
            collect(&path, paths);
        } else {
            paths.push(path);
        }
    }
}

fn check(path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let case: Case = serde_saphyr::from_str(&text).map_err(|error| error.to_string())?;
    let files = case.files()?;
    let options = LoadOptions {
        matching: if case.first { RuleMatching::First } else { RuleMatching::All },
        suggested_output: case.suggested_output,
        minimum_priority: match &case.priority {
            Some(text) => peregrine_rules::Priority::from_text(text).ok_or("no priority")?,
            None => peregrine_rules::Priority::Debug,
        },
        ..LoadOptions::default()
    };
    let (plan, found) = load(&files, &options);
    compare_diagnostics(&case.diagnostics, &found, &files)?;
    let Some(plan) = plan else {
        return if case.events.is_empty() { Ok(()) } else { Err("there is no plan".into()) };
    };
    if let Some(expected) = &case.event_types {
        let rule = plan.rules().next().ok_or("there is no rule")?;
        let types: Vec<_> = rule.event_types.iter().map(|event| event.name().to_owned()).collect();
        equal("event types", &types, expected)?;
    }
    for (index, event) in case.events.iter().enumerate() {
        check_event(&plan, event).map_err(|wrong| format!("event {}: {wrong}", index + 1))?;
    }
    Ok(())
}

fn check_event(plan: &peregrine_rules::Plan, event: &Expected) -> Result<(), String> {
    let (matched, unknown) = judged(plan, &event.facts);
    let expected = match &event.matches {
        Matching::Names(names) => names.clone(),
        Matching::Holds(holds) => holds.then(|| "case".to_owned()).into_iter().collect(),
    };
    equal("matches", &matched, &expected)?;
    equal("unknown", &unknown, &event.unknown)?;
    if event.message.is_none() && event.output_fields.is_none() {
        return Ok(());
    }
    let mut matches = peregrine_rules::Matches::default();
    let mut scratch = Scratch::new();
    plan.evaluate(&event.facts, &mut scratch, &mut matches);
    let first = matches.matched().first().ok_or("nothing matches")?;
    let rendered = plan.output(*first).render(&event.facts, &mut scratch);
    if let Some(message) = &event.message {
        equal("message", &rendered.message, message)?;
    }
    if let Some(expected) = &event.output_fields {
        let fields: Vec<_> = rendered
            .fields
            .iter()
            .map(|(name, value)| format!("{name}={}", shown(value)))
            .collect();
        equal("output fields", &fields, expected)?;
    }
    Ok(())
}

/// A value with its type.
fn shown(value: &OutputValue) -> String {
    match value {
        OutputValue::Null => "null".to_owned(),
        OutputValue::Text(text) => format!("{text:?}"),
        OutputValue::Formatted { number, text } => format!("{number} {text:?}"),
        OutputValue::List(elements) => {
            format!("[{}]", elements.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        other => other.to_text(),
    }
}

fn compare_diagnostics(
    expected: &[String],
    found: &[peregrine_rules::Diagnostic],
    files: &[RuleFile],
) -> Result<(), String> {
    let is_same = expected.len() == found.len()
        && expected.iter().zip(found).all(|(expected, it)| {
            let (head, text) = expected.split_once(": ").unwrap_or((expected, ""));
            let (line, column) = line_and_column(&files[it.place.file].text, it.place.range.start);
            head == format!("{} {line}:{column}", it.code.name())
                && (text.is_empty() || render(it, files).contains(text))
        });
    if is_same {
        return Ok(());
    }
    let heads: Vec<_> = found
        .iter()
        .map(|it| {
            let (line, column) = line_and_column(&files[it.place.file].text, it.place.range.start);
            format!("  - \"{} {line}:{column}: {}\"", it.code.name(), it.message)
        })
        .collect();
    Err(format!(
        "diagnostics\n  expected {expected:#?}\n  found\n{}\n{}",
        heads.join("\n"),
        drawn(found, files)
    ))
}

fn equal<T: PartialEq + std::fmt::Debug + ?Sized>(
    what: &str,
    found: &T,
    expected: &T,
) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}\n  expected {expected:?}\n  found    {found:?}"))
}

impl Case {
    fn files(&self) -> Result<Vec<RuleFile>, String> {
        match (&self.rules, &self.condition) {
            (Some(Texts::One(text)), None) => Ok(files(&[text])),
            (Some(Texts::Many(texts)), None) => {
                Ok(files(&texts.iter().map(String::as_str).collect::<Vec<_>>()))
            }
            (None, Some(condition)) => Ok(files(&[&rule_of(condition)])),
            _ => Err("a case has either `rules` or `condition`".into()),
        }
    }
}
