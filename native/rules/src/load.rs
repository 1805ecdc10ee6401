//! The door of the room: rule files to a plan, step by step.

use std::sync::Arc;

use crate::compile::{self, CheckedRule, OutputDraft};
use crate::diagnostic::{Code, Diagnostic, has_error};
use crate::events::{EventKind, EventSet};
use crate::expression::ExprId;
use crate::items::{self, Kind};
use crate::lists::Lists;
use crate::merge::{self, Definitions, Rule as Definition};
use crate::output::BytesForm;
use crate::plan::{Plan, Rule, RuleMatching};
use crate::priority::Priority;
use crate::resolved::{ResolvedNames, widened};
use crate::selection::{self, Selection};
use crate::source::{Place, RuleFile};
use crate::text::{Scalar, Text};
use crate::typing::{Site, Typing};
use crate::{exceptions, output};

/// The source of events that are judged here.
pub(crate) const SOURCE: &str = "syscall";

/// How rules are loaded.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Rules less urgent than this are checked, and never match.
    pub minimum_priority: Priority,
    /// Which of several matching rules count.
    pub matching: RuleMatching,
    /// Whether outputs get the container and pod fields that every alert should have.
    pub suggested_output: bool,
    /// What else outputs get, in order.
    pub append_output: Vec<OutputAddition>,
    /// Rules that are turned on and off after all files are read, in order. Rules that are less
    /// urgent than the minimum stay off.
    pub selection: Vec<Selection>,
    /// Fields with the same text for every event, by their names behind `static.`.
    pub static_fields: Vec<(String, String)>,
    /// How outputs write bytes.
    pub bytes: BytesForm,
    /// Names of files that come with the program: it is no matter if nothing uses their macros and
    /// lists, and their rules are tried behind those of other files, so that a rule of the user's is
    /// not hidden by one that nobody asked for.
    pub offering: Vec<String>,
    /// Whether calls that only move data are captured, so that nobody need be told that they are not.
    pub has_plain_io: bool,
    /// Which tests of a file's name look at the resolved path, too.
    pub resolved_names: ResolvedNames,
}

/// What is appended to the outputs of some rules.
#[derive(Clone, Debug, Default)]
pub struct OutputAddition {
    /// To which rules.
    pub rules: OutputMatch,
    /// Appended to the text, with a blank between.
    pub text: Option<String>,
    /// Whether the container and pod fields that every alert should have are appended.
    pub suggested_output: bool,
    /// Fields of structured outputs that are not in the text: a name and a format, or a field alone,
    /// which keeps its type.
    pub fields: Vec<(String, Option<String>)>,
}

/// Rules of an [`OutputAddition`]: those that everything given here holds for.
#[derive(Clone, Debug, Default)]
pub struct OutputMatch {
    /// The source of the rule.
    pub source: Option<String>,
    /// Tags that the rule has.
    pub tags: Vec<String>,
    /// The name of the rule.
    pub rule: Option<String>,
}

impl OutputMatch {
    fn matches(&self, definition: &Definition) -> bool {
        self.source.as_ref().is_none_or(|source| *source == definition.source)
            && self.rule.as_ref().is_none_or(|name| *name == definition.name.text)
            && self.tags.iter().all(|tag| definition.tags.contains(tag))
    }
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            minimum_priority: Priority::Debug,
            matching: RuleMatching::First,
            suggested_output: true,
            append_output: Vec::new(),
            selection: Vec::new(),
            static_fields: Vec::new(),
            bytes: BytesForm::default(),
            offering: vec!["peregrine_rules.yaml".to_owned()],
            has_plain_io: false,
            resolved_names: ResolvedNames::default(),
        }
    }
}

/// Compiles rule files, later ones changing earlier ones.
///
/// Every problem found is in the second part, in the order of the files. There is a plan only if
/// none of them is an error: rules are refused as a whole.
pub fn load(files: &[RuleFile], options: &LoadOptions) -> (Option<Plan>, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let items = items::read(files, &mut found);
    let definitions = merge::in_order(items, &mut found);
    let lists = Lists::new(&definitions);
    let fixed = &options.static_fields;
    let mut typing = Typing::new(files, &definitions, &lists, fixed, &mut found);
    // All conditions first: so their values have neighbouring numbers, which judging is faster for.
    let all = definitions.rules.all();
    let conditions: Vec<_> = all.iter().map(|it| condition(&mut typing, it)).collect();
    let is_offered =
        |index: usize| files.get(index).is_some_and(|file| options.offering.contains(&file.name));
    let mut rules = Vec::new();
    for (definition, (id, own)) in all.iter().zip(conditions) {
        let is_built_in = is_offered(definition.place.file);
        let expressions = &mut typing.expressions;
        let widened = |id| widened(expressions, id, options.resolved_names, is_built_in);
        let condition = (id.map(widened), own);
        rules.extend(checked(&mut typing, definition, condition, options, &mut found));
    }
    typing.unused_macros(&mut found);
    if options.has_plain_io {
        found.retain(|it| it.code != Code::NotCaptured);
    }
    if !has_error(&found) {
        warn_unused(&typing, &definitions, options, &mut found);
    }
    let expressions = typing.expressions;
    let mut order = select(&mut rules, options);
    order.sort_by_key(|index| is_offered(rules[*index].rule.place.file));
    let how = (options.matching, options.bytes);
    let plan = (!has_error(&found)).then(|| compile::plan(expressions, rules, &order, how));
    (plan, in_file_order(found))
}

/// Turns rules on and off; gives those that are on in the order in which they are tried.
fn select(rules: &mut [CheckedRule], options: &LoadOptions) -> Vec<usize> {
    let is_on: Vec<_> = rules.iter().map(|it| it.rule.enabled).collect();
    let order = selection::order(&is_on, &options.selection, |index, pattern| {
        let it = &rules[index];
        let is_judged = it.condition.is_some() && it.rule.priority <= options.minimum_priority;
        is_judged && pattern.matches(&it.rule.name, it.rule.tags.iter().map(|tag| &**tag))
    });
    rules.iter_mut().for_each(|it| it.rule.enabled = false);
    order.iter().for_each(|index| rules[*index].rule.enabled = true);
    order
}

/// A condition, if it has no error, and what was found in it.
type CheckedCondition = (Option<ExprId>, Vec<Diagnostic>);

/// Checks the condition of a rule, unless the rule rests.
fn condition(typing: &mut Typing<'_>, definition: &Definition) -> CheckedCondition {
    let mut found = Vec::new();
    if definition.source != SOURCE {
        return (None, found);
    }
    let text = exceptions::with_exceptions(definition);
    let id = typing.rule(&definition.name.text, &text, &mut found);
    (id, found)
}

/// Checks the rest of a rule; nothing if it has an error or asked to be skipped.
fn checked(
    typing: &mut Typing<'_>,
    definition: &Definition,
    (condition, mut own): CheckedCondition,
    options: &LoadOptions,
    found: &mut Vec<Diagnostic>,
) -> Option<CheckedRule> {
    let name = &definition.name.text;
    if definition.source != SOURCE {
        let message = format!("events of source `{}` are not captured here", definition.source);
        let place = definition.source_place.clone();
        found.push(Diagnostic::new(Code::UnknownSource, place, message).item("rule", name));
        return Some(resting(definition));
    }
    let text = output_text(definition, options, &mut own);
    let mut site = Site::new(&text, (Kind::Rule, name));
    let output = output::draft(typing, &mut site);
    own.append(&mut site.found);
    if definition.skip_if_unknown && is_skipped(&own) {
        let message = "the rule uses what is unknown here and is skipped, as it asks for";
        let place = definition.name.place();
        found.push(Diagnostic::new(Code::SkippedRule, place, message).item("rule", name));
        return None;
    }
    // Of the configuration, not of the rule: what is unknown there is a mistake.
    let output = output.and_then(|it| with_fields(typing, definition, options, it, &mut own));
    found.append(&mut own);
    let (condition, output) = (condition?, output?);
    let event_types = typing.expressions.may_hold(condition).clone();
    if definition.warn_evttypes && is_costly(&event_types) {
        let message = "the rule looks at nearly every event";
        found.push(
            Diagnostic::new(Code::NoEventType, definition.name.place(), message)
                .item("rule", name)
                .help("begin the condition with `evt.type in (…)` and `and`"),
        );
    }
    let rule = Rule {
        enabled: definition.enabled && definition.priority <= options.minimum_priority,
        output: text.as_str().to_owned(),
        event_types,
        fields: compile::fields_of(&typing.expressions, condition),
        ..described(definition)
    };
    Some(CheckedRule { rule, condition: Some(condition), output })
}

fn resting(definition: &Definition) -> CheckedRule {
    CheckedRule { rule: described(definition), condition: None, output: OutputDraft::default() }
}

/// What a rule says of itself.
fn described(definition: &Definition) -> Rule {
    Rule {
        name: definition.name.text.as_str().into(),
        desc: definition.desc.clone(),
        priority: definition.priority,
        source: definition.source.as_str().into(),
        tags: definition.tags.iter().map(|tag| Arc::from(tag.as_str())).collect(),
        output: definition.output.as_str().to_owned(),
        enabled: false,
        place: definition.name.place(),
        event_types: EventSet::empty(),
        fields: Box::default(),
    }
}

/// The output with what every alert should have.
pub(crate) fn output_text(
    definition: &Definition,
    options: &LoadOptions,
    found: &mut Vec<Diagnostic>,
) -> Text {
    const OLD: &str = "%container.info";
    let mut text = Text::default();
    let written = &definition.output;
    let mut done = 0;
    for (at, _) in written.as_str().match_indices(OLD) {
        text.push_part(written, done..at);
        done = at + OLD.len();
    }
    text.push_part(written, done..written.len());
    if done > 0 {
        let message = "`%container.info` is left out; container fields are appended anyway";
        let place = definition.name.place();
        let name = &definition.name.text;
        found.push(Diagnostic::new(Code::DeprecatedItem, place, message).item("rule", name));
    }
    let place = definition.name.place();
    let mut is_suggested = false;
    for addition in additions(definition, options) {
        if let Some(addition) = &addition.text {
            text.push_fixed(&format!(" {addition}"), &place);
        }
        if addition.suggested_output && !is_suggested {
            push_suggested(&mut text, options, &place);
            is_suggested = true;
        }
    }
    if options.suggested_output && !is_suggested {
        push_suggested(&mut text, options, &place);
    }
    text
}

fn push_suggested(text: &mut Text, options: &LoadOptions, place: &Place) {
    let fixed = options.static_fields.iter().map(|(name, _)| format!("static.{name}"));
    for name in SUGGESTED.into_iter().map(str::to_owned).chain(fixed) {
        text.push_fixed(&format!(" {}=%{name}", name.replace('.', "_")), place);
    }
}

pub(crate) fn additions<'options>(
    definition: &Definition,
    options: &'options LoadOptions,
) -> impl Iterator<Item = &'options OutputAddition> {
    options.append_output.iter().filter(|addition| addition.rules.matches(definition))
}

/// The output with the fields that only structured outputs show.
fn with_fields(
    typing: &mut Typing<'_>,
    definition: &Definition,
    options: &LoadOptions,
    mut draft: OutputDraft,
    found: &mut Vec<Diagnostic>,
) -> Option<OutputDraft> {
    for (name, format) in additions(definition, options).flat_map(|addition| &addition.fields) {
        let mut text = Text::default();
        let written = format.clone().unwrap_or_else(|| format!("%{name}"));
        text.push_fixed(&written, &definition.name.place());
        let mut site = Site::new(&text, (Kind::Rule, &definition.name.text));
        let more = output::draft(typing, &mut site);
        found.append(&mut site.found);
        draft.add_field(more?, format.as_ref().map(|_| name.as_str()));
    }
    Some(draft)
}

/// The fields of the catalogue that are suggested for every output, in the order that alerts have
/// always had.
const SUGGESTED: [&str; 6] = [
    "container.id",
    "container.name",
    "container.image.repository",
    "container.image.tag",
    "k8s.pod.name",
    "k8s.ns.name",
];

/// Whether all that is wrong is that something is unknown.
fn is_skipped(found: &[Diagnostic]) -> bool {
    let unknown = [Code::UnknownField, Code::UnknownEventType, Code::OutputSyntax];
    let mut errors = found.iter().filter(|it| it.is_error()).peekable();
    errors.peek().is_some() && errors.all(|it| unknown.contains(&it.code))
}

/// Falco counts codes, of which an event has two, and all generic system calls share theirs.
fn is_costly(events: &EventSet) -> bool {
    const CODES: usize = 100;
    let own = events.iter().filter(|event| event.kind() != EventKind::Generic).count();
    let generic = usize::from(own < events.len());
    2 * (own + generic) > CODES
}

fn warn_unused(
    typing: &Typing<'_>,
    definitions: &Definitions,
    options: &LoadOptions,
    found: &mut Vec<Diagnostic>,
) {
    let offers = |place: &Place| options.offering.contains(&typing.files[place.file].name);
    let mut warn = |code: Code, kind: Kind, name: &Scalar| {
        if !offers(&name.place()) {
            let message = format!("{} `{}` is not used", kind.word(), name.text);
            found.push(Diagnostic::new(code, name.place(), message));
        }
    };
    for (index, it) in definitions.macros.all().iter().enumerate() {
        if !typing.is_macro_used(index) {
            warn(Code::UnusedMacro, Kind::Macro, &it.name);
        }
    }
    for (index, it) in definitions.lists.all().iter().enumerate() {
        if !typing.lists.is_used(index) {
            warn(Code::UnusedList, Kind::List, &it.name);
        }
    }
}

/// Each problem once, in the order of the files.
fn in_file_order(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found.sort_by(|left, right| key(left).cmp(&key(right)));
    found.dedup_by(|later, kept| key(later) == key(kept));
    let (mut errors, mut warnings) = (0, 0);
    found.retain(|it| {
        let count = if it.is_error() { &mut errors } else { &mut warnings };
        *count += 1;
        *count <= FOUND_LIMIT
    });
    found
}

/// Most errors, and most warnings, of a load.
const FOUND_LIMIT: usize = 1000;

fn key(it: &Diagnostic) -> (usize, usize, usize, Code, &str) {
    (it.place.file, it.place.range.start, it.place.range.end, it.code, &it.message)
}

#[cfg(test)]
mod tests {
    use super::SUGGESTED;
    use crate::fields::{FieldId, Trait};

    #[test]
    fn what_is_appended_is_what_the_catalogue_suggests() {
        let mut suggested: Vec<_> = FieldId::all()
            .map(FieldId::row)
            .filter(|row| row.is(Trait::Suggested))
            .map(|row| row.name)
            .collect();
        let mut appended = SUGGESTED.to_vec();
        suggested.sort_unstable();
        appended.sort_unstable();
        assert_eq!(suggested, appended);
    }
}
