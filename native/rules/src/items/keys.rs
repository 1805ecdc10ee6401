//! The keys of one item: typed reading, each failure a diagnostic.

use std::ops::Range;
use std::rc::Rc;

use crate::diagnostic::{Code, Diagnostic};
use crate::nearest;
use crate::source::Place;
use crate::text::Scalar;
use crate::yaml::{Node, Value};

type Pair<'node> = (Rc<Scalar>, &'node Rc<Node>);

/// A mapping whose keys are texts.
pub(super) struct Keys<'node> {
    file: usize,
    range: Range<usize>,
    pairs: Vec<Pair<'node>>,
}

impl<'node> Keys<'node> {
    /// Of several equal keys the first one counts; each other one is warned about.
    pub fn new(
        file: usize,
        range: &Range<usize>,
        pairs: &'node [(Rc<Node>, Rc<Node>)],
        found: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut keys = Self { file, range: range.clone(), pairs: Vec::new() };
        for (key, value) in pairs {
            let Some(key) = scalar(file, key) else {
                let place = Place::new(file, key.range.clone());
                found.push(Diagnostic::new(Code::UnknownKey, place, "this key is no text"));
                continue;
            };
            if keys.has(&key.text) {
                let message = format!("`{}` stands twice; the first one counts", key.text);
                found.push(Diagnostic::new(Code::RepeatedKey, key.place(), message));
                continue;
            }
            keys.pairs.push((key, value));
        }
        keys
    }

    /// Where the item is: its first line.
    pub fn place(&self) -> Place {
        match self.pairs.first() {
            Some((key, value)) => {
                Place::new(self.file, key.range.start..value.range.end.max(key.range.end))
            }
            None => Place::new(self.file, self.range.clone()),
        }
    }

    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub fn key_place(&self, key: &str) -> Place {
        self.get(key).map_or_else(|| self.place(), |(key, _)| key.place())
    }

    /// The text of a key, if it is one.
    pub fn peek(&self, key: &str) -> Option<&'node str> {
        match &self.get(key)?.1.value {
            Value::Scalar(text, _) => Some(text),
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    pub fn node(&self, key: &str) -> Option<&'node Rc<Node>> {
        self.get(key).map(|(_, node)| *node)
    }

    pub fn file(&self) -> usize {
        self.file
    }

    pub fn missing(&self, key: &str, found: &mut Vec<Diagnostic>) {
        let message = format!("the key `{key}` is missing");
        found.push(Diagnostic::new(Code::MissingKey, self.place(), message).remark("in this item"));
    }

    pub fn required(&self, key: &str, found: &mut Vec<Diagnostic>) -> Option<Rc<Scalar>> {
        if !self.has(key) {
            self.missing(key, found);
            return None;
        }
        self.optional(key, found)
    }

    /// A text that is not empty; nothing without a word if the key is not there.
    pub fn optional(&self, key: &str, found: &mut Vec<Diagnostic>) -> Option<Rc<Scalar>> {
        let scalar = self.text(key, found)?;
        if scalar.text.is_empty() {
            self.wrong(key, "is empty", found);
            return None;
        }
        Some(scalar)
    }

    /// A text; an empty one is as good as none.
    pub fn optional_or_empty(&self, key: &str, found: &mut Vec<Diagnostic>) -> Option<Rc<Scalar>> {
        match &self.get(key)?.1.value {
            Value::Null => None,
            Value::Scalar(text, _) if text.is_empty() => None,
            _ => self.text(key, found),
        }
    }

    fn text(&self, key: &str, found: &mut Vec<Diagnostic>) -> Option<Rc<Scalar>> {
        let (_, node) = self.get(key)?;
        let scalar = scalar(self.file, node);
        if scalar.is_none() {
            self.wrong(key, wrong_shape(node), found);
        }
        scalar
    }

    /// `true` and `false` in the words of YAML 1.1, which rule files were written for.
    pub fn boolean(&self, key: &str, found: &mut Vec<Diagnostic>) -> Option<bool> {
        let scalar = self.text(key, found)?;
        let value = boolean(&scalar.text);
        if value.is_none() {
            self.invalid(&scalar, "expected `true` or `false`", found);
        }
        value
    }

    pub fn number(&self, key: &str, found: &mut Vec<Diagnostic>) -> Option<u32> {
        let scalar = self.text(key, found)?;
        let value = number(&scalar.text);
        if value.is_none() {
            self.invalid(&scalar, "expected a whole number from 0 to 4294967295", found);
        }
        value
    }

    /// A list of texts, which may be empty.
    pub fn scalars(&self, key: &str, found: &mut Vec<Diagnostic>) -> Option<Vec<Rc<Scalar>>> {
        let (_, node) = self.get(key)?;
        let Value::Sequence(elements) = &node.value else {
            self.wrong(key, "must be a list", found);
            return None;
        };
        let count = found.len();
        let scalars = elements.iter().filter_map(|element| self.element(element, found)).collect();
        (found.len() == count).then_some(scalars)
    }

    fn element(&self, node: &Node, found: &mut Vec<Diagnostic>) -> Option<Rc<Scalar>> {
        let scalar = scalar(self.file, node);
        if scalar.is_none() {
            let place = Place::new(self.file, node.range.clone());
            let diagnostic =
                Diagnostic::new(Code::WrongShape, place, "expected a text in this list");
            found.push(match node.value {
                Value::Null => diagnostic.help("YAML reads this as nothing; write it in quotes"),
                _ => diagnostic,
            });
        }
        scalar
    }

    /// A mapping from texts to texts; one with nothing behind it is as good as none.
    pub fn mapping(
        &self,
        key: &str,
        found: &mut Vec<Diagnostic>,
    ) -> Option<Vec<(Rc<Scalar>, Rc<Scalar>)>> {
        let (_, node) = self.get(key)?;
        let pairs = match &node.value {
            Value::Null => return None,
            Value::Mapping(pairs) => pairs,
            Value::Scalar(..) | Value::Sequence(_) => {
                self.wrong(key, "must have keys and values", found);
                return None;
            }
        };
        let keys = Keys::new(self.file, &node.range, pairs, found);
        Some(
            keys.pairs
                .iter()
                .filter_map(|(name, _)| Some((Rc::clone(name), keys.text(&name.text, found)?)))
                .collect(),
        )
    }

    pub fn wrong(&self, key: &str, what: &str, found: &mut Vec<Diagnostic>) {
        let place = match self.get(key) {
            Some((_, node)) if !node.range.is_empty() => Place::new(self.file, node.range.clone()),
            _ => self.key_place(key),
        };
        found.push(Diagnostic::new(Code::WrongShape, place, format!("`{key}` {what}")));
    }

    fn invalid(&self, scalar: &Scalar, message: &str, found: &mut Vec<Diagnostic>) {
        found.push(Diagnostic::new(Code::InvalidValue, scalar.place(), message));
    }

    pub fn warn_unknown(&self, known: &[&str], found: &mut Vec<Diagnostic>) {
        for (key, _) in &self.pairs {
            if !known.contains(&key.text.as_str()) {
                let message = format!("`{}` means nothing here and is ignored", key.text);
                let near = nearest::nearest(&key.text, known.iter().copied());
                found.push(Diagnostic::new(Code::UnknownKey, key.place(), message).suggest(near));
            }
        }
    }

    pub fn warn_unknown_item(&self, found: &mut Vec<Diagnostic>) {
        let kinds =
            ["rule", "macro", "list", "required_engine_version", "required_plugin_versions"];
        let near = self.pairs.iter().find_map(|(key, _)| nearest::nearest(&key.text, kinds));
        let message = "this item is no rule, macro, list or requirement and is ignored";
        found.push(Diagnostic::new(Code::UnknownItem, self.place(), message).suggest(near));
    }

    fn get(&self, key: &str) -> Option<&Pair<'node>> {
        self.pairs.iter().find(|(name, _)| name.text == key)
    }
}

/// The text of a node, if it is one.
pub(super) fn scalar(file: usize, node: &Node) -> Option<Rc<Scalar>> {
    let Value::Scalar(text, style) = &node.value else { return None };
    let scalar = Scalar { file, range: node.range.clone(), text: text.clone(), style: *style };
    Some(Rc::new(scalar))
}

fn wrong_shape(node: &Node) -> &'static str {
    match node.value {
        Value::Null => "has no value",
        _ => "must be a text",
    }
}

fn boolean(text: &str) -> Option<bool> {
    let lower = text.to_ascii_lowercase();
    let capitalised = text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text[1..].bytes().all(|b| b.is_ascii_lowercase());
    let known = text == lower || text == text.to_ascii_uppercase() || capitalised;
    match lower.as_str() {
        _ if !known => None,
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

/// A whole number as C writes it: decimal, `0x` or octal.
pub(super) fn number(text: &str) -> Option<u32> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u32::from_str_radix(digits, 16).ok();
    }
    match text.strip_prefix('0') {
        Some(digits) if !digits.is_empty() => u32::from_str_radix(digits, 8).ok(),
        _ => text.parse().ok(),
    }
}
