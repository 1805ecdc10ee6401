//! Rules: define, append, override, turn on and off.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::{Definitions, Rule, append_text, exceptions};
use crate::diagnostic::{Code, Diagnostic};
use crate::items::{Change, Kind, Operation, RuleItem};
use crate::priority::Priority;
use crate::text::{Scalar, Text};

/// The source of a rule that names none.
const DEFAULT_SOURCE: &str = "syscall";

impl Definitions {
    pub(super) fn rule(&mut self, item: RuleItem, found: &mut Vec<Diagnostic>) {
        let name = Rc::clone(&item.name);
        let before = found.len();
        if item.is_toggle() {
            self.toggle(&item, found);
        } else if item.change == Change::Define {
            self.next_operation();
            self.define(item, found);
        } else if self.rules.get(&name.text).is_none() {
            self.next_operation();
            self.no_target(Kind::Rule, &name, found);
        } else {
            self.next_operation();
            self.change(item, found);
        }
        let broken = found[before..].iter().any(Diagnostic::is_error);
        found[before..].iter_mut().for_each(|diagnostic| {
            diagnostic.item = Some(format!("rule \"{}\"", name.text));
        });
        if broken {
            self.broken.insert((Kind::Rule, name.text.clone()));
        }
    }

    /// The old form does not count as a change.
    fn toggle(&mut self, item: &RuleItem, found: &mut Vec<Diagnostic>) {
        let message = "turning a rule on or off like this has a better way by now";
        found.push(
            Diagnostic::new(Code::DeprecatedItem, item.name.place(), message)
                .help("add `override: {enabled: replace}`"),
        );
        match self.rules.get_mut(&item.name.text) {
            Some(rule) => rule.enabled = item.enabled.unwrap_or(rule.enabled),
            None => self.no_target(Kind::Rule, &item.name, found),
        }
    }

    fn define(&mut self, item: RuleItem, found: &mut Vec<Diagnostic>) {
        let source = match &item.source {
            Some(source) => source.text.clone(),
            None => DEFAULT_SOURCE.to_owned(),
        };
        let source_place = item.source.as_ref().map_or_else(|| item.name.place(), |it| it.place());
        if let Some(earlier) = self.rules.get(&item.name.text)
            && earlier.source != source
        {
            let message = format!(
                "the rule has source `{}` and is defined again with source `{source}`",
                earlier.source
            );
            found.push(
                Diagnostic::new(Code::SourceChanged, source_place, message)
                    .help(format!("write `source: {}`, or give it another name", earlier.source)),
            );
            return;
        }
        // What is missing was reported when the item was read.
        let Some(condition) = item.condition else { return };
        let exceptions = exceptions::define(item.exceptions.unwrap_or_default(), &source, found);
        let rule = Rule {
            place: item.place,
            condition: Text::from_scalar(&condition),
            output: item.output.as_ref().map(trimmed).unwrap_or_default(),
            desc: item.desc.map(|desc| desc.text.clone()).unwrap_or_default(),
            priority: item.priority.unwrap_or(Priority::Debug),
            source,
            source_place,
            enabled: item.enabled.unwrap_or(true),
            tags: texts(item.tags),
            exceptions,
            warn_evttypes: item.warn_evttypes.unwrap_or(true),
            skip_if_unknown: item.skip_if_unknown.unwrap_or(false),
            capture: item.capture.unwrap_or(false),
            capture_duration: item.capture_duration.unwrap_or(0),
            name: Rc::clone(&item.name),
        };
        self.rules.put(&item.name.text, rule);
    }

    fn change(&mut self, item: RuleItem, found: &mut Vec<Diagnostic>) {
        let Some(rule) = self.rules.get_mut(&item.name.text) else { return };
        if let Some(source) = &item.source
            && source.text != rule.source
            && (item.change == Change::Append || item.change.operation("condition").is_some())
        {
            let message = format!("the rule has source `{}`", rule.source);
            found.push(Diagnostic::new(Code::SourceChanged, source.place(), message));
            return;
        }
        if item.change == Change::Append {
            if item.condition.is_none() && item.exceptions.is_none() {
                let message = "there is neither a condition nor an exception to append";
                found.push(Diagnostic::new(Code::UnknownTarget, item.name.place(), message));
            }
            append(rule, item, None, found);
        } else {
            let RuleItem { change, .. } = &item;
            let Change::Override(keys) = change else { return };
            let keys = keys.clone();
            let replaces = keys.iter().any(|(_, operation)| *operation == Operation::Replace);
            if replaces {
                replace(rule, &item, &keys, found);
            }
            append(rule, item, Some(&keys), found);
        }
    }
}

type Keys = [(&'static str, Operation)];

/// Appends all that the item gives, or only the keys that an override says to append.
fn append(rule: &mut Rule, item: RuleItem, keys: Option<&Keys>, found: &mut Vec<Diagnostic>) {
    let has = |key: &str| keys.is_none_or(|keys| keys.contains(&(key, Operation::Append)));
    if let Some(condition) = item.condition.filter(|_| has("condition")) {
        append_text(&mut rule.condition, &condition);
    }
    if let Some(exceptions) = item.exceptions.filter(|_| has("exceptions")) {
        exceptions::append(&mut rule.exceptions, exceptions, &rule.source, found);
    }
    if keys.is_none() {
        return; // The old form looks at nothing else.
    }
    if let Some(output) = item.output.filter(|_| has("output")) {
        append_text(&mut rule.output, &output);
    }
    if let Some(desc) = item.desc.filter(|_| has("desc")) {
        rule.desc.push(' ');
        rule.desc.push_str(&desc.text);
    }
    if has("tags") {
        rule.tags.extend(texts(item.tags));
    }
}

fn replace(rule: &mut Rule, item: &RuleItem, keys: &Keys, found: &mut Vec<Diagnostic>) {
    let has = |key: &str| keys.contains(&(key, Operation::Replace));
    fn put<T: Clone>(target: &mut T, value: Option<&T>, wanted: bool) {
        if let Some(value) = value.filter(|_| wanted) {
            *target = value.clone();
        }
    }
    let text = |scalar: &Option<Rc<Scalar>>| scalar.as_ref().map(Text::from_scalar);
    put(&mut rule.condition, text(&item.condition).as_ref(), has("condition"));
    put(&mut rule.output, text(&item.output).as_ref(), has("output"));
    put(&mut rule.desc, item.desc.as_ref().map(|desc| &desc.text), has("desc"));
    put(&mut rule.priority, item.priority.as_ref(), has("priority"));
    put(&mut rule.enabled, item.enabled.as_ref(), has("enabled"));
    put(&mut rule.capture, item.capture.as_ref(), has("capture"));
    put(&mut rule.capture_duration, item.capture_duration.as_ref(), has("capture_duration"));
    put(&mut rule.warn_evttypes, item.warn_evttypes.as_ref(), has("warn_evttypes"));
    put(&mut rule.skip_if_unknown, item.skip_if_unknown.as_ref(), has("skip-if-unknown-filter"));
    if has("tags") {
        rule.tags = texts(item.tags.clone());
    }
    if has("exceptions") {
        let exceptions = item.exceptions.clone().unwrap_or_default();
        rule.exceptions = exceptions::define(exceptions, &rule.source, found);
    }
}

fn texts(scalars: Option<Vec<Rc<Scalar>>>) -> BTreeSet<String> {
    scalars.into_iter().flatten().map(|scalar| scalar.text.clone()).collect()
}

fn trimmed(scalar: &Rc<Scalar>) -> Text {
    let start = scalar.text.len() - scalar.text.trim_start().len();
    let end = start + scalar.text.trim().len();
    let mut text = Text::default();
    text.push_scalar(scalar, start..end);
    text
}
