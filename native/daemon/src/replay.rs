//! `peregrined rules test`: a recording judged by rules; which fire, and why others do not.

use std::{fmt::Write, fs::File, io::BufReader, process::ExitCode};

use anyhow::{Context as _, bail};
use peregrine_recording::{Reader, RecordedEvent};
use peregrine_rules::{
    Explanations, Facts, Judged, Matches, PartKind, Plan, RuleFile, Scratch, Truth, explain,
    line_and_column,
};

use crate::{
    cli::{RuleFilesOptions, TestOptions},
    doctor, explain as rules, look,
};

/// Alerts of a rule that are shown.
const SHOWN: usize = 3;

/// Judges a recording and prints what came of it.
pub fn test(options: &TestOptions) -> ExitCode {
    let files = RuleFilesOptions {
        rules: options.files.clone(),
        no_default_rules: !options.with_default_rules,
    };
    let source = files.source();
    let (files, plan) = match rules::load(&source) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    match replay(options, &files, &plan, &explain(&files, &source.options)) {
        Ok(text) => look::print(&text),
        Err(error) => {
            eprintln!("peregrined: {}", doctor::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// What became of a rule.
#[derive(Default)]
struct Outcome {
    n_alerts: u64,
    /// The first ones: line of the event and text.
    alerts: Vec<(u64, String)>,
    nearest: Option<Nearest>,
    n_events: u64,
}

/// The event that came nearest to matching.
struct Nearest {
    /// Of the parts that all have to hold, how many did before the first that did not.
    depth: usize,
    text: String,
}

fn replay(
    options: &TestOptions,
    files: &[RuleFile],
    plan: &Plan,
    explanations: &Explanations,
) -> anyhow::Result<String> {
    let path = &options.recording;
    let file =
        File::open(path).with_context(|| format!("open the recording {}", path.display()))?;
    let mut reader = Reader::begin(BufReader::new(file)).context(path.display().to_string())?;
    let mut outcomes: Vec<Outcome> = plan.rules().map(|_| Outcome::default()).collect();
    let (mut scratch, mut matches) = (Scratch::default(), Matches::default());
    let mut n_events = 0;
    while let Some(event) = reader.next_event().context(path.display().to_string())? {
        n_events += 1;
        plan.evaluate(&event, &mut scratch, &mut matches);
        for rule in matches.matched() {
            let outcome = &mut outcomes[rule.index()];
            outcome.n_alerts += 1;
            if outcome.alerts.len() < SHOWN {
                let message = plan.output(*rule).render(&event, &mut scratch).message;
                outcome.alerts.push((event.line, message));
            }
        }
        if options.explain {
            look_closer(&event, plan, explanations, files, &mut outcomes);
        }
    }
    if n_events == 0 {
        bail!("{}: there are no events in it", path.display());
    }
    let mut text = report(plan, &outcomes, options.explain);
    let end = if reader.has_end() { "" } else { "; the recording was cut off" };
    writeln!(text, "{n_events} events{end}")?;
    Ok(text)
}

/// Remembers for each rule that has not fired what kept the nearest event from matching.
fn look_closer(
    event: &RecordedEvent,
    plan: &Plan,
    explanations: &Explanations,
    files: &[RuleFile],
    outcomes: &mut [Outcome],
) {
    for (rule, outcome) in plan.rules().zip(outcomes) {
        if !rule.enabled || outcome.n_alerts > 0 || !rule.event_types.contains(event.event_type()) {
            continue;
        }
        outcome.n_events += 1;
        let Some(explained) = explanations.rule(&rule.name) else { continue };
        let judged = explanations.judge(explained, event);
        let depth = depth(&judged);
        if outcome.nearest.as_ref().is_none_or(|nearest| depth > nearest.depth) {
            outcome.nearest = Some(Nearest { depth, text: reason(event, &judged, files) });
        }
    }
}

/// How many parts of the outermost `and` hold before the first that does not.
fn depth(judged: &Judged<'_>) -> usize {
    match judged.part.kind {
        PartKind::And(_) => {
            judged.parts.iter().take_while(|part| part.truth == Truth::True).map(|_| 1).sum()
        }
        PartKind::Macro { .. } => judged.parts.first().map_or(0, depth),
        _ => 0,
    }
}

/// The part that was false, where it stands, and the values that it saw.
fn reason(event: &RecordedEvent, judged: &Judged<'_>, files: &[RuleFile]) -> String {
    let settled = judged.settled_by();
    let place = files.get(settled.part.place.file).map_or_else(String::new, |file| {
        let (line, column) = line_and_column(&file.text, settled.part.place.range.start);
        format!(" ({}:{line}:{column})", file.name)
    });
    let verdict = match settled.truth {
        Truth::False => "is false",
        Truth::True => "is true",
        Truth::Unknown => "is not known",
    };
    let mut text = format!(
        "event of line {}, {}: `{}`{place} {verdict}",
        event.line,
        event.event_type().name(),
        settled.part
    );
    let mut seen = Vec::new();
    values(settled, &mut seen);
    for (index, (field, value)) in seen.iter().enumerate() {
        let separator = if index == 0 { ": " } else { ", " };
        // A String takes all.
        write!(text, "{separator}{field} = {value}").ok();
    }
    text
}

/// The values of a part and of what it is made of, each once.
fn values<'judged>(judged: &'judged Judged<'_>, seen: &mut Vec<(&'judged str, &'judged str)>) {
    for (field, value) in &judged.values {
        if !seen.iter().any(|(known, _)| known == field) {
            seen.push((field, value));
        }
    }
    judged.parts.iter().for_each(|part| values(part, seen));
}

fn report(plan: &Plan, outcomes: &[Outcome], is_explaining: bool) -> String {
    let mut text = String::new();
    for (rule, outcome) in plan.rules().zip(outcomes) {
        let mut row = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        match (outcome.n_alerts, rule.enabled) {
            (0, false) if is_explaining => row(format!("off    {}", rule.name)),
            (0, true) if is_explaining => {
                row(format!("silent {}", rule.name));
                row(match &outcome.nearest {
                    Some(nearest) => format!("       {}", nearest.text),
                    None => "       no event of a type that it asks for".to_owned(),
                });
            }
            (0, _) => {}
            (n_alerts, _) => {
                row(format!("fired  {} ({n_alerts}×)", rule.name));
                for (line, message) in &outcome.alerts {
                    row(format!("       line {line}: {message}"));
                }
            }
        }
    }
    let fired = outcomes.iter().filter(|outcome| outcome.n_alerts > 0).count();
    text.push_str(&format!("{fired} of {} rules fired in ", outcomes.len()));
    text
}
