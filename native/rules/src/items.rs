//! YAML trees to items: what each file says, in order, before items change one another.
//!
//! An item with a mistake is reported and left out; its name is kept, so that what depends on it is
//! not reported too.

mod exceptions;
mod keys;
mod requirements;

use std::rc::Rc;

pub(crate) use exceptions::{Exception, ExceptionValue, Fields};
pub(crate) use requirements::{Plugin, Version};

use crate::diagnostic::{Code, Diagnostic};
use crate::priority::Priority;
use crate::source::{Place, RuleFile};
use crate::text::Scalar;
use crate::yaml::{self, Node, Problem, Value};
use keys::Keys;

/// Largest rule file: a hundred times the public rules.
pub(crate) const FILE_LIMIT: usize = 16 << 20;

/// An item of a rule file.
#[derive(Debug)]
pub(crate) enum Item {
    List(ListItem),
    Macro(MacroItem),
    Rule(Box<RuleItem>),
    /// The engine version that the file needs.
    Engine(Version),
    /// Plugins that the file needs, each with its alternatives.
    Plugins(Vec<Vec<Plugin>>),
    /// An item with a mistake, its name, and of a rule what could be read all the same.
    Broken(Kind, String, Option<Box<RuleItem>>),
}

/// What an item defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    List,
    Macro,
    Rule,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Macro => "macro",
            Self::Rule => "rule",
        }
    }
}

#[derive(Debug)]
pub(crate) struct ListItem {
    pub name: Rc<Scalar>,
    pub items: Vec<Rc<Scalar>>,
    pub change: Change,
}

#[derive(Debug)]
pub(crate) struct MacroItem {
    pub name: Rc<Scalar>,
    pub condition: Rc<Scalar>,
    pub change: Change,
}

#[derive(Debug)]
pub(crate) struct RuleItem {
    pub name: Rc<Scalar>,
    pub place: Place,
    pub condition: Option<Rc<Scalar>>,
    pub output: Option<Rc<Scalar>>,
    pub desc: Option<Rc<Scalar>>,
    pub priority: Option<Priority>,
    pub source: Option<Rc<Scalar>>,
    pub enabled: Option<bool>,
    pub tags: Option<Vec<Rc<Scalar>>>,
    pub exceptions: Option<Vec<Exception>>,
    pub warn_evttypes: Option<bool>,
    pub skip_if_unknown: Option<bool>,
    pub capture: Option<bool>,
    pub capture_duration: Option<u32>,
    pub change: Change,
}

/// Whether an item defines, or changes an earlier definition.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Define,
    /// `append: true`.
    Append,
    /// Keys and what happens to them.
    Override(Vec<(&'static str, Operation)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Append,
    Replace,
}

impl Change {
    pub fn operation(&self, key: &str) -> Option<Operation> {
        match self {
            Self::Override(keys) => {
                keys.iter().find(|(name, _)| *name == key).map(|(_, operation)| *operation)
            }
            Self::Define | Self::Append => None,
        }
    }
}

/// Reads all files.
pub(crate) fn read(files: &[RuleFile], found: &mut Vec<Diagnostic>) -> Vec<Item> {
    let mut items = Vec::new();
    for (file, content) in files.iter().enumerate() {
        read_file(file, content, &mut items, found);
    }
    items
}

fn read_file(file: usize, content: &RuleFile, items: &mut Vec<Item>, found: &mut Vec<Diagnostic>) {
    if content.text.len() > FILE_LIMIT {
        let message =
            format!("the file has {} bytes; {FILE_LIMIT} are allowed", content.text.len());
        found.push(
            Diagnostic::new(Code::FileTooLarge, Place::new(file, 0..0), message)
                .help("split the rules into several files"),
        );
        return;
    }
    if let Some(at) = content.text.find('\u{fffd}') {
        let place = Place::new(file, at..at + '\u{fffd}'.len_utf8());
        found.push(
            Diagnostic::new(Code::NotUtf8, place, "the file is not UTF-8 here")
                .help("save the file as UTF-8"),
        );
        return;
    }
    let (documents, problem) = yaml::documents(&content.text);
    for document in &documents {
        read_document(file, document, items, found);
    }
    found.extend(problem.map(|problem| yaml_diagnostic(file, problem)));
}

fn yaml_diagnostic(file: usize, problem: Problem) -> Diagnostic {
    match problem {
        Problem::Syntax(text, at) => {
            let message = format!("the file is not YAML: {text}");
            Diagnostic::new(Code::YamlSyntax, Place::new(file, at..at), message)
        }
        Problem::TooDeep(at) => {
            let message = "the file nests deeper than rules need";
            Diagnostic::new(Code::YamlLimit, Place::new(file, at..at), message)
        }
        Problem::TooMany(at) => {
            let message = "the file has too many values, its aliases followed";
            Diagnostic::new(Code::YamlLimit, Place::new(file, at..at), message)
        }
    }
}

fn read_document(file: usize, document: &Node, items: &mut Vec<Item>, found: &mut Vec<Diagnostic>) {
    let elements = match &document.value {
        Value::Null => return,
        Value::Sequence(elements) => elements,
        Value::Mapping(_) | Value::Scalar(..) => {
            let place = Place::new(file, document.range.clone());
            found.push(
                Diagnostic::new(Code::WrongShape, place, "expected a list of items")
                    .help("begin each rule, macro and list with `- `"),
            );
            return;
        }
    };
    for element in elements {
        match &element.value {
            Value::Null => {}
            Value::Mapping(pairs) => {
                let keys = Keys::new(file, &element.range, pairs, found);
                items.extend(read_item(&keys, found));
            }
            Value::Scalar(..) | Value::Sequence(_) => {
                let place = Place::new(file, element.range.clone());
                found.push(Diagnostic::new(Code::WrongShape, place, "expected keys and values"));
            }
        }
    }
}

fn read_item(keys: &Keys<'_>, found: &mut Vec<Diagnostic>) -> Option<Item> {
    let before = found.len();
    let (kind, read) = if keys.has("required_engine_version") {
        return requirements::engine_version(keys, found).map(Item::Engine);
    } else if keys.has("required_plugin_versions") {
        return requirements::plugin_versions(keys, found).map(Item::Plugins);
    } else if keys.has("list") {
        (Kind::List, list(keys, found))
    } else if keys.has("macro") {
        (Kind::Macro, macro_item(keys, found))
    } else if keys.has("rule") {
        (Kind::Rule, rule(keys, found))
    } else {
        keys.warn_unknown_item(found);
        return None;
    };
    let name = keys.peek(kind.word())?;
    found[before..].iter_mut().for_each(|diagnostic| {
        diagnostic.item = Some(format!("{} \"{name}\"", kind.word()));
    });
    let is_broken = found[before..].iter().any(Diagnostic::is_error);
    Some(match read {
        Some(item) if !is_broken => item,
        Some(Item::Rule(rest)) => Item::Broken(kind, name.to_owned(), Some(rest)),
        _ => Item::Broken(kind, name.to_owned(), None),
    })
}

fn list(keys: &Keys<'_>, found: &mut Vec<Diagnostic>) -> Option<Item> {
    keys.warn_unknown(&["list", "items", "append", "override"], found);
    let name = keys.required("list", found)?;
    let change = change(keys, &["items"], found);
    let items = keys.scalars("items", found);
    if items.is_none() && !keys.has("items") {
        keys.missing("items", found);
    }
    let fits = |c: char| !matches!(c, '(' | ')' | '\'' | '"' | '=' | ',') && !c.is_whitespace();
    if !name.text.chars().all(fits) {
        let message = "conditions cannot name this list: it has blanks, quotes or one of `(),=`";
        found.push(Diagnostic::new(Code::InvalidListName, name.place(), message));
    }
    Some(Item::List(ListItem { name, items: items?, change: change? }))
}

fn macro_item(keys: &Keys<'_>, found: &mut Vec<Diagnostic>) -> Option<Item> {
    keys.warn_unknown(&["macro", "condition", "append", "override"], found);
    let name = keys.required("macro", found)?;
    let change = change(keys, &["condition"], found);
    let condition = keys.required("condition", found);
    if crate::lexer::identifier_length(&name.text) != name.text.len() {
        let message = "conditions cannot name this macro: a name is letters, digits and `_`";
        found.push(Diagnostic::new(Code::InvalidMacroName, name.place(), message));
    }
    Some(Item::Macro(MacroItem { name, condition: condition?, change: change? }))
}

/// Every key of a rule; those that an override may name stand in [`RULE_OVERRIDES`].
const RULE_KEYS: [&str; 15] = [
    "rule",
    "condition",
    "output",
    "desc",
    "priority",
    "source",
    "enabled",
    "tags",
    "exceptions",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "capture",
    "capture_duration",
    "append",
    "override",
];

/// Any of these makes an item the definition of a rule.
const DEFINING: [&str; 4] = ["condition", "output", "desc", "priority"];

/// Keys that an override may name, and whether it may append to them.
pub(crate) const RULE_OVERRIDES: [(&str, bool); 11] = [
    ("condition", true),
    ("output", true),
    ("desc", true),
    ("tags", true),
    ("exceptions", true),
    ("priority", false),
    ("enabled", false),
    ("capture", false),
    ("capture_duration", false),
    ("warn_evttypes", false),
    ("skip-if-unknown-filter", false),
];

fn rule(keys: &Keys<'_>, found: &mut Vec<Diagnostic>) -> Option<Item> {
    keys.warn_unknown(&RULE_KEYS, found);
    let name = keys.required("rule", found)?;
    let overridable: Vec<_> = RULE_OVERRIDES.iter().map(|(key, _)| *key).collect();
    let change = change(keys, &overridable, found);
    let condition = keys.optional("condition", found);
    let source = keys.optional_or_empty("source", found);
    // Of exceptions with a mistake nothing is kept, as what is missing would be another.
    let before = found.len();
    let exceptions =
        exceptions::read(keys, found).filter(|_| !found[before..].iter().any(Diagnostic::is_error));
    // The old forms look at little, so nothing else beside them can be wrong.
    let mut overlooked = Vec::new();
    let is_append = change == Some(Change::Append);
    let enabled = if is_append { None } else { keys.boolean("enabled", found) };
    let is_toggle = change == Some(Change::Define) && !DEFINING.iter().any(|key| keys.has(key));
    let rest = if is_append || is_toggle { &mut overlooked } else { &mut *found };
    let item = RuleItem {
        place: keys.place(),
        condition,
        output: keys.optional("output", rest),
        desc: keys.optional("desc", rest),
        priority: priority(keys, rest),
        source,
        enabled,
        tags: keys.scalars("tags", rest),
        exceptions,
        warn_evttypes: keys.boolean("warn_evttypes", rest),
        skip_if_unknown: keys.boolean("skip-if-unknown-filter", rest),
        capture: keys.boolean("capture", rest),
        capture_duration: keys.number("capture_duration", rest),
        name,
        change: change?,
    };
    if item.change == Change::Define && !item.is_toggle() {
        for key in DEFINING {
            if !keys.has(key) {
                keys.missing(key, found);
            }
        }
    }
    if item.is_toggle() && !keys.has("enabled") {
        keys.missing("condition", found);
    }
    Some(Item::Rule(Box::new(item)))
}

impl RuleItem {
    /// Whether there is enough of a definition to look for more mistakes in it.
    pub fn defines(&self) -> bool {
        self.change == Change::Define && self.condition.is_some()
    }

    /// The old form that only turns a rule on or off.
    pub fn is_toggle(&self) -> bool {
        self.change == Change::Define
            && self.condition.is_none()
            && self.output.is_none()
            && self.desc.is_none()
            && self.priority.is_none()
    }
}

fn priority(keys: &Keys<'_>, found: &mut Vec<Diagnostic>) -> Option<Priority> {
    let text = keys.optional("priority", found)?;
    let priority = Priority::from_text(&text.text);
    if priority.is_none() {
        let names: Vec<_> = Priority::ALL.iter().map(|priority| priority.name()).collect();
        let message = format!("expected one of {}", names.join(", "));
        found.push(
            Diagnostic::new(Code::InvalidValue, text.place(), message)
                .remark("no priority")
                .suggest(crate::nearest::nearest(&text.text, names.iter().copied())),
        );
    }
    priority
}

/// Reads `append` and `override`; nothing if they are wrong.
fn change(
    keys: &Keys<'_>,
    overridable: &[&'static str],
    found: &mut Vec<Diagnostic>,
) -> Option<Change> {
    let count = found.len();
    let append = keys.boolean("append", found).unwrap_or(false);
    if append {
        let place = keys.key_place("append");
        found.push(
            Diagnostic::new(Code::DeprecatedItem, place, "`append` has a better way by now").help(
                match ["output", "desc", "priority", "tags", "enabled"]
                    .iter()
                    .find(|key| overridable.contains(key) && keys.has(key))
                {
                    Some(key) => format!("`{key}` is not looked at beside it: write `override`"),
                    None => "write `override: {condition: append}`, with the key to append to"
                        .to_owned(),
                },
            ),
        );
    }
    let overrides = overrides(keys, overridable, found);
    if append && !overrides.is_empty() {
        found.push(Diagnostic::new(
            Code::InvalidOverride,
            keys.key_place("append"),
            "`append` and `override` exclude each other",
        ));
    }
    let failed = found[count..].iter().any(Diagnostic::is_error);
    if failed {
        return None;
    }
    Some(match (append, overrides.is_empty()) {
        (true, _) => Change::Append,
        (false, true) => Change::Define,
        (false, false) => Change::Override(overrides),
    })
}

fn overrides(
    keys: &Keys<'_>,
    overridable: &[&'static str],
    found: &mut Vec<Diagnostic>,
) -> Vec<(&'static str, Operation)> {
    let mut overrides = Vec::new();
    let Some(entries) = keys.mapping("override", found) else { return overrides };
    for (key, text) in entries {
        let Some(name) = overridable.iter().copied().find(|name| *name == key.text) else {
            let message = format!("`{}` cannot be overridden", key.text);
            let near = crate::nearest::nearest(&key.text, overridable.iter().copied());
            found.push(Diagnostic::new(Code::InvalidOverride, key.place(), message).suggest(near));
            continue;
        };
        let operation = match text.text.as_str() {
            "append" => Operation::Append,
            "replace" => Operation::Replace,
            _ => {
                let message = "expected `append` or `replace`";
                found.push(Diagnostic::new(Code::InvalidOverride, text.place(), message));
                continue;
            }
        };
        let appendable = RULE_OVERRIDES.iter().find(|(key, _)| *key == name);
        if operation == Operation::Append && appendable.is_some_and(|(_, may)| !may) {
            let message = format!("`{name}` cannot be appended to, only replaced");
            found.push(Diagnostic::new(Code::InvalidOverride, text.place(), message));
            continue;
        }
        if !keys.has(name) {
            let message = format!("the item overrides `{name}` and has no such key");
            found.push(Diagnostic::new(Code::InvalidOverride, key.place(), message));
            continue;
        }
        overrides.push((name, operation));
    }
    if !overrides.is_empty() {
        unexpected_keys(keys, overridable, &overrides, found);
    }
    overrides
}

/// A key beside an override that the override does not name has no meaning.
fn unexpected_keys(
    keys: &Keys<'_>,
    overridable: &[&'static str],
    overrides: &[(&'static str, Operation)],
    found: &mut Vec<Diagnostic>,
) {
    for key in overridable {
        if keys.has(key) && !overrides.iter().any(|(name, _)| name == key) {
            let message = format!("`{key}` stands beside `override`, which does not name it");
            found.push(
                Diagnostic::new(Code::InvalidOverride, keys.key_place(key), message)
                    .help(format!("add `{key}: replace` to the override, or remove the key")),
            );
        }
    }
}
