//! `-o key=value`: a change to the configuration from the command line.
//!
//! `.` descends, `[i]` indexes, `[]` appends, and a backslash takes the meaning from the letter
//! behind it. The value is read as YAML, so `{a: b}` and `[a, b]` work.

use crate::tree::{Error, Tree, Value};

/// A change that was written well.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    steps: Vec<Step>,
    value: Tree,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    Append,
}

/// What is wrong with a change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}; write key=value, such as json_output=true or rules[].disable.tag=network")]
pub struct ChangeError(String);

/// Where values of the command line stand.
const PLACE: &str = "-o";

impl std::str::FromStr for Change {
    type Err = ChangeError;

    fn from_str(text: &str) -> Result<Self, ChangeError> {
        let (path, value) =
            text.split_once('=').ok_or_else(|| ChangeError(format!("`{text}` has no `=`")))?;
        let mut value = match Tree::read(PLACE, &format!("value: {value}")) {
            Ok(tree) => tree.get("value").cloned(),
            // It may be a text that means something else in YAML.
            Err(_) => None,
        }
        .unwrap_or_else(|| Tree { place: PLACE.into(), value: Value::Scalar(value.into()) });
        unplace(&mut value);
        Ok(Self { steps: steps(path)?, value })
    }
}

impl Change {
    /// Whether it sets a key to this text.
    pub fn is(&self, key: &str, text: &str) -> bool {
        self.steps == [Step::Key(key.to_owned())] && self.value.text() == Some(text)
    }

    /// Makes the change.
    pub fn apply(&self, tree: &mut Tree) -> Result<(), Error> {
        put(tree, &self.steps, &self.value)
    }
}

fn unplace(tree: &mut Tree) {
    tree.place = PLACE.to_owned();
    match &mut tree.value {
        Value::List(elements) => elements.iter_mut().for_each(unplace),
        Value::Map(pairs) => pairs.iter_mut().for_each(|(_, value)| unplace(value)),
        Value::Null | Value::Scalar(_) => {}
    }
}

fn steps(path: &str) -> Result<Vec<Step>, ChangeError> {
    let wrong = |what: &str| ChangeError(format!("`{path}`: {what}"));
    let mut steps = Vec::new();
    let mut key = String::new();
    let mut letters = path.chars();
    // A key stands at the start and behind each dot, and nowhere else.
    let mut wants_key = true;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => key.push(letters.next().ok_or_else(|| wrong("ends in a backslash"))?),
            '.' | '[' => {
                if wants_key {
                    if key.is_empty() {
                        return Err(wrong("a key is missing"));
                    }
                    steps.push(Step::Key(std::mem::take(&mut key)));
                }
                wants_key = letter == '.';
                if letter == '[' {
                    let inside: String = letters.by_ref().take_while(|next| *next != ']').collect();
                    steps.push(match inside.as_str() {
                        "" => Step::Append,
                        number => Step::Index(
                            number.parse().map_err(|_| wrong("an index is a number or nothing"))?,
                        ),
                    });
                }
            }
            _ if !wants_key => return Err(wrong("behind `]` stands `.`, `[` or `=`")),
            _ => key.push(letter),
        }
    }
    match (wants_key, key.is_empty()) {
        (true, true) => return Err(wrong("a key is missing")),
        (true, false) => steps.push(Step::Key(key)),
        (false, _) => {}
    }
    Ok(steps)
}

fn put(tree: &mut Tree, steps: &[Step], value: &Tree) -> Result<(), Error> {
    let Some((step, rest)) = steps.split_first() else {
        *tree = value.clone();
        return Ok(());
    };
    let empty = || Tree { place: PLACE.to_owned(), value: Value::Null };
    let is_null = matches!(tree.value, Value::Null);
    match step {
        Step::Key(key) => {
            if is_null {
                tree.value = Value::Map(Vec::new());
            }
            let Value::Map(pairs) = &mut tree.value else {
                return Err(tree.error(format!("is no map, so it has no key `{key}`")));
            };
            let at = match pairs.iter().rposition(|(name, _)| name == key) {
                Some(at) => at,
                None => {
                    pairs.push((key.clone(), empty()));
                    pairs.len() - 1
                }
            };
            put(&mut pairs[at].1, rest, value)
        }
        Step::Index(_) | Step::Append => {
            if is_null {
                tree.value = Value::List(Vec::new());
            }
            let Value::List(elements) = &mut tree.value else {
                return Err(tree.error("is no list, so nothing can be added to it"));
            };
            let at = match step {
                Step::Index(index) => *index,
                _ => elements.len(),
            };
            if at == elements.len() {
                elements.push(empty());
            }
            let n_elements = elements.len();
            match elements.get_mut(at) {
                Some(element) => put(element, rest, value),
                None => Err(tree.error(format!("has {n_elements} elements, none of number {at}"))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str, changes: &[&str]) -> Tree {
        let mut tree = Tree::read("f", text).unwrap();
        for change in changes {
            change.parse::<Change>().unwrap().apply(&mut tree).unwrap();
        }
        tree
    }

    #[test]
    fn keys_are_set_made_and_appended_to() {
        let tree = changed(
            "json_output: false\nrules_files: [a]\n",
            &[
                "json_output=true",
                "http_output.url=http://a:1/?b=c",
                "rules[].disable.tag=network",
                "rules[].enable.rule=Some rule",
                "rules_files[0]=b",
                "static_fields.a\\.b={x: [1, 2]}",
            ],
        );
        let text = |path| tree.at(path).and_then(Tree::text);
        assert_eq!(text("json_output"), Some("true"));
        assert_eq!(text("http_output.url"), Some("http://a:1/?b=c"));
        let rules = tree.at("rules").unwrap().list();
        assert_eq!(rules[0].at("disable.tag").and_then(Tree::text), Some("network"));
        assert_eq!(rules[1].at("enable.rule").and_then(Tree::text), Some("Some rule"));
        assert_eq!(tree.at("rules_files").unwrap().list()[0].text(), Some("b"));
        let fields = tree.at("static_fields").unwrap();
        assert_eq!(fields.get("a.b").unwrap().get("x").unwrap().list().len(), 2);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for bad in ["json_output", "=x", "a..b=x", "a[x]=1", "a[0]b=1", "a.=1", "a\\"] {
            assert!(bad.parse::<Change>().is_err(), "{bad}");
        }
        let mut tree = Tree::read("f", "a: 1\nl: []\n").unwrap();
        for bad in ["a.b=1", "a[]=1", "l[7]=1"] {
            assert!(bad.parse::<Change>().unwrap().apply(&mut tree).is_err(), "{bad}");
        }
    }
}
