//! What rule files hold, as programs want to know it: each rule, macro and list with what it says and
//! what it is made of.

use std::collections::{BTreeMap, BTreeSet};

use crate::condition::{CallArgument, Condition, Literal, Operand, Right};
use crate::events::EventType;
use crate::items::{self, Kind};
use crate::lists::Lists;
use crate::load::{LoadOptions, SOURCE, additions, output_text};
use crate::merge::{self, Definitions};
use crate::priority::Priority;
use crate::source::RuleFile;
use crate::typing::{Site, Typing};
use crate::{exceptions, output, parser};

/// Everything in some rule files.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Description {
    /// The newest engine version that a file asks for.
    pub engine_version: Option<String>,
    /// The plugins that files ask for; the alternatives of each stand behind it.
    pub plugins: Vec<Vec<DescribedPlugin>>,
    /// The rules for events of this source, in the order of definition.
    pub rules: Vec<DescribedRule>,
    /// The macros in the order of definition.
    pub macros: Vec<DescribedMacro>,
    /// The lists in the order of definition.
    pub lists: Vec<DescribedList>,
}

/// A plugin that a file asks for.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "named as the keys are")]
pub struct DescribedPlugin {
    pub name: String,
    pub version: String,
}

/// A rule, with the keys of its definition and what it is made of.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[allow(missing_docs, reason = "named as the keys are")]
pub struct DescribedRule {
    pub name: String,
    pub condition: String,
    pub priority: Priority,
    pub output: String,
    pub desc: String,
    pub enabled: bool,
    pub source: String,
    pub capture: bool,
    pub capture_duration: u32,
    pub tags: Vec<String>,
    pub exception_names: BTreeSet<String>,
    pub exception_fields: BTreeSet<String>,
    pub exception_operators: BTreeSet<String>,
    /// The output with what was appended to it.
    pub whole_output: String,
    pub output_fields: BTreeSet<String>,
    /// Fields that are put together for structured outputs alone, with their formats.
    pub formatted_fields: BTreeMap<String, String>,
    pub parts: ConditionParts,
}

/// A macro.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[allow(missing_docs, reason = "named as the keys are")]
pub struct DescribedMacro {
    pub name: String,
    pub condition: String,
    /// Whether a rule or another macro uses it.
    pub used: bool,
    pub parts: ConditionParts,
}

/// A list.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[allow(missing_docs, reason = "named as the keys are")]
pub struct DescribedList {
    pub name: String,
    pub items: Vec<String>,
    /// Whether a condition or another list uses it.
    pub used: bool,
    /// The lists that it names.
    pub lists: BTreeSet<String>,
    /// The items with these lists put in.
    pub whole_items: Vec<String>,
}

/// What a condition is made of.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ConditionParts {
    /// The macros that its text names.
    pub macros: BTreeSet<String>,
    /// The lists that its text names.
    pub lists: BTreeSet<String>,
    /// The operators, those in its macros as well.
    pub operators: BTreeSet<String>,
    /// The fields, those in its macros as well.
    pub fields: BTreeSet<String>,
    /// The event types that it can hold for.
    pub events: Vec<&'static str>,
    /// Its text with macros and lists put in; empty if that is too long.
    pub whole: String,
}

/// Describes rule files; nothing if they have an error.
pub fn describe(files: &[RuleFile], options: &LoadOptions) -> Option<Description> {
    let (plan, mut found) = crate::load::load(files, options);
    plan?;
    let definitions = merge::in_order(items::read(files, &mut found), &mut found);
    let lists = Lists::new(&definitions);
    let mut typing = Typing::new(files, &definitions, &lists, &options.static_fields, &mut found);
    let rules = rules(&mut typing, options);
    typing.unused_macros(&mut found);
    let macros = macros(&mut typing);
    Some(Description {
        engine_version: definitions.engine.map(|version| version.to_string()),
        plugins: plugins(&definitions),
        rules,
        macros,
        lists: described_lists(&definitions, &lists),
    })
}

fn plugins(definitions: &Definitions) -> Vec<Vec<DescribedPlugin>> {
    let described = |it: &items::Plugin| DescribedPlugin {
        name: it.name.clone(),
        version: it.version.to_string(),
    };
    definitions.plugins.iter().map(|all| all.iter().map(described).collect()).collect()
}

fn rules(typing: &mut Typing<'_>, options: &LoadOptions) -> Vec<DescribedRule> {
    let rules = typing.definitions.rules.all();
    rules
        .iter()
        .filter(|rule| rule.source == SOURCE)
        .filter_map(|rule| {
            let item = (Kind::Rule, rule.name.text.as_str());
            let mut parts = ConditionParts::default();
            name_parts(rule.condition.as_str(), typing.definitions, &mut parts);
            let text = exceptions::with_exceptions(rule);
            let (text, condition) = typing.read(&text, item, &mut Vec::new())?;
            let mut site = Site::new(&text, item);
            whole_parts(typing, &mut site, &condition, &mut parts);
            let output = output_text(rule, options, &mut Vec::new());
            let draft = output::draft(typing, &mut Site::new(&output, item))?;
            let extra = additions(rule, options).flat_map(|addition| &addition.fields);
            let (formatted, plain): (Vec<_>, Vec<_>) = extra.partition(|it| it.1.is_some());
            let (fields, operators): (Vec<_>, Vec<_>) =
                rule.exceptions.iter().flat_map(|it| &it.fields).cloned().unzip();
            Some(DescribedRule {
                name: rule.name.text.clone(),
                condition: rule.condition.as_str().to_owned(),
                priority: rule.priority,
                output: rule.output.as_str().to_owned(),
                desc: rule.desc.clone(),
                enabled: rule.enabled,
                source: rule.source.clone(),
                capture: rule.capture,
                capture_duration: rule.capture_duration,
                tags: rule.tags.iter().cloned().collect(),
                exception_names: rule.exceptions.iter().map(|it| it.name.text.clone()).collect(),
                exception_fields: fields.iter().map(|field| field.text.clone()).collect(),
                exception_operators: operators.into_iter().map(|it| it.text).collect(),
                whole_output: output.as_str().to_owned(),
                output_fields: draft
                    .names()
                    .chain(plain.into_iter().map(|it| it.0.clone()))
                    .collect(),
                formatted_fields: formatted
                    .into_iter()
                    .filter_map(|(name, format)| Some((name.clone(), format.clone()?)))
                    .collect(),
                parts,
            })
        })
        .collect()
}

fn macros(typing: &mut Typing<'_>) -> Vec<DescribedMacro> {
    let macros = typing.definitions.macros.all();
    macros
        .iter()
        .enumerate()
        .filter_map(|(index, it)| {
            let item = (Kind::Macro, it.name.text.as_str());
            let mut parts = ConditionParts::default();
            name_parts(it.condition.as_str(), typing.definitions, &mut parts);
            let (text, condition) = typing.read(&it.condition, item, &mut Vec::new())?;
            whole_parts(typing, &mut Site::new(&text, item), &condition, &mut parts);
            Some(DescribedMacro {
                name: it.name.text.clone(),
                condition: it.condition.as_str().to_owned(),
                used: typing.is_macro_used(index),
                parts,
            })
        })
        .collect()
}

fn described_lists(definitions: &Definitions, lists: &Lists<'_>) -> Vec<DescribedList> {
    let described = |(index, list): (usize, &merge::List)| {
        let items: Vec<_> = list.items.iter().map(|item| item.text.clone()).collect();
        let is_list = |item: &&String| definitions.lists.get(item).is_some();
        DescribedList {
            name: list.name.text.clone(),
            used: lists.is_used(index),
            lists: items.iter().filter(is_list).cloned().collect(),
            whole_items: lists.items(index).iter().map(|item| (*item).to_owned()).collect(),
            items,
        }
    };
    definitions.lists.all().iter().enumerate().map(described).collect()
}

/// The macros and lists that a text names itself.
fn name_parts(text: &str, definitions: &Definitions, parts: &mut ConditionParts) {
    let Ok(condition) = parser::parse(text) else { return };
    walk(&condition, &mut |part| match part {
        Condition::Macro(name, _) => {
            parts.macros.insert(name.clone());
        }
        Condition::Comparison(comparison) => {
            let literals: &[Literal] = match &comparison.right {
                Right::One(literal) => std::slice::from_ref(literal),
                Right::List(literals) => literals,
                Right::Nothing | Right::Operand(_) => &[],
            };
            let names = literals.iter().filter_map(|it| std::str::from_utf8(&it.bytes).ok());
            let lists = names.filter(|name| definitions.lists.get(name).is_some());
            parts.lists.extend(lists.map(str::to_owned));
        }
        _ => {}
    });
}

/// What a condition is made of once its macros are put in.
fn whole_parts(
    typing: &mut Typing<'_>,
    site: &mut Site<'_>,
    condition: &Condition,
    parts: &mut ConditionParts,
) {
    if let Some(id) = typing.condition(site, condition) {
        parts.events = typing.expressions.may_hold(id).iter().map(EventType::name).collect();
    }
    let Some(whole) = typing.with_macros(condition) else { return };
    walk(&whole, &mut |part| {
        let Condition::Comparison(comparison) = part else { return };
        let modifier = comparison.modifier.map(|it| format!(" {}", it.text()));
        let operator = comparison.operator.text();
        parts.operators.insert(format!("{operator}{}", modifier.unwrap_or_default()));
        operand_fields(&comparison.left, &mut parts.fields);
        if let Right::Operand(operand) = &comparison.right {
            operand_fields(operand, &mut parts.fields);
        }
    });
    parts.whole = whole.to_string();
}

fn walk(condition: &Condition, visit: &mut dyn FnMut(&Condition)) {
    visit(condition);
    match condition {
        Condition::And(parts) | Condition::Or(parts) => {
            parts.iter().for_each(|part| walk(part, visit));
        }
        Condition::Not(part) => walk(part, visit),
        Condition::Macro(..) | Condition::Comparison(_) => {}
    }
}

fn operand_fields(operand: &Operand, fields: &mut BTreeSet<String>) {
    match operand {
        Operand::Field(field) => {
            fields.insert(field.to_string());
        }
        Operand::Transformer(call) => {
            call.arguments.iter().for_each(|argument| argument_fields(argument, fields));
        }
    }
}

fn argument_fields(argument: &CallArgument, fields: &mut BTreeSet<String>) {
    match argument {
        CallArgument::Operand(operand) => operand_fields(operand, fields),
        CallArgument::Literal(_) => {}
        CallArgument::List(elements, _) => {
            elements.iter().for_each(|element| argument_fields(element, fields));
        }
    }
}
