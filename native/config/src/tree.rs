//! A configuration file as a tree of values that know where they stand.

use std::fmt;

use peregrine_rules::{line_and_column, yaml};

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Error {
    /// `file:line:column`, or `-o` for a key of the command line.
    pub place: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    pub(crate) place: String,
    pub(crate) value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Scalar(String),
    List(Vec<Tree>),
    /// In the order of the file; of keys that stand twice the last one counts.
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// Reads the text of a file. An empty one is an empty map.
    pub fn read(name: &str, text: &str) -> Result<Self, Error> {
        let at = |byte| {
            let (line, column) = line_and_column(text, byte);
            format!("{name}:{line}:{column}")
        };
        let (documents, problem) = yaml::documents(text);
        if let Some(problem) = problem {
            let (message, byte) = match problem {
                yaml::Problem::Syntax(message, byte) => (format!("not YAML: {message}"), byte),
                yaml::Problem::TooDeep(byte) => ("nested too deep".to_owned(), byte),
                yaml::Problem::TooMany(byte) => {
                    ("more values than a configuration has".into(), byte)
                }
            };
            return Err(Error { place: at(byte), message });
        }
        let Some(first) = documents.first() else {
            return Ok(Self { place: format!("{name}:1:1"), value: Value::Map(Vec::new()) });
        };
        let tree = from_node(first, &at)?;
        match tree.value {
            Value::Map(_) => Ok(tree),
            Value::Null => Ok(Self { value: Value::Map(Vec::new()), ..tree }),
            _ => Err(Error {
                place: tree.place,
                message: "a configuration is a map: write `key: value` lines".to_owned(),
            }),
        }
    }

    /// Paths of other files that go over this one (`config_files`), in order.
    pub fn config_files(&self) -> Vec<String> {
        let entries = self.get("config_files").map(Self::list).unwrap_or_default();
        entries
            .iter()
            .filter_map(|entry| entry.text().or_else(|| entry.get("path")?.text()))
            .map(str::to_owned)
            .collect()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(pairs) => pairs.iter().rev().find(|(name, _)| name == key).map(|(_, it)| it),
            _ => None,
        }
    }

    /// By keys with dots between them.
    pub(crate) fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, Self::get)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> &[Self] {
        match &self.value {
            Value::List(elements) => elements,
            _ => &[],
        }
    }

    pub(crate) fn pairs(&self) -> &[(String, Self)] {
        match &self.value {
            Value::Map(pairs) => pairs,
            _ => &[],
        }
    }

    pub(crate) fn bool(&self) -> Option<bool> {
        match self.text()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => None,
        }
    }

    /// Puts another configuration over this one: lists go on, other values are replaced.
    pub fn merge(&mut self, over: Self) {
        match (&mut self.value, over.value) {
            (Value::Map(own), Value::Map(others)) => {
                for (key, other) in others {
                    match own.iter_mut().find(|(name, _)| *name == key) {
                        Some((_, value)) => value.merge(other),
                        None => own.push((key, other)),
                    }
                }
            }
            (Value::List(own), Value::List(others)) => own.extend(others),
            (own, other) => {
                *own = other;
                self.place = over.place;
            }
        }
    }

    pub(crate) fn error(&self, message: impl fmt::Display) -> Error {
        Error { place: self.place.clone(), message: message.to_string() }
    }
}

fn from_node(node: &yaml::Node, at: &impl Fn(usize) -> String) -> Result<Tree, Error> {
    let place = at(node.range.start);
    let value = match &node.value {
        yaml::Value::Null => Value::Null,
        yaml::Value::Scalar(text, _) => Value::Scalar(text.clone()),
        yaml::Value::Sequence(elements) => Value::List(
            elements.iter().map(|element| from_node(element, at)).collect::<Result<_, _>>()?,
        ),
        yaml::Value::Mapping(pairs) => Value::Map(
            pairs
                .iter()
                .map(|(key, value)| match &key.value {
                    yaml::Value::Scalar(name, _) => Ok((name.clone(), from_node(value, at)?)),
                    _ => Err(Error {
                        place: at(key.range.start),
                        message: "a key is a text".to_owned(),
                    }),
                })
                .collect::<Result<_, _>>()?,
        ),
    };
    Ok(Tree { place, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_where_they_stand() {
        let tree = Tree::read("falco.yaml", "a: 1\nb:\n  c: [x, y]\n").unwrap();
        assert_eq!(tree.at("b.c").unwrap().place, "falco.yaml:3:6");
        assert_eq!(tree.at("b.c").unwrap().list()[1].text(), Some("y"));
        assert!(tree.at("b.d").is_none());
    }

    #[test]
    fn another_file_replaces_values_and_goes_on_with_lists() {
        let mut tree = Tree::read("a", "x: 1\nl: [a]\nm: {p: 1, q: 2}\n").unwrap();
        tree.merge(Tree::read("b", "x: 2\nl: [b]\nm: {q: 3}\nn: 4\n").unwrap());
        let text = |path| tree.at(path).and_then(Tree::text);
        assert_eq!(
            [text("x"), text("m.p"), text("m.q"), text("n")],
            ["2", "1", "3", "4"].map(Some)
        );
        assert_eq!(tree.at("l").unwrap().list().len(), 2);
    }

    #[test]
    fn what_is_no_configuration_is_refused_with_its_place() {
        assert!(Tree::read("f", "").unwrap().pairs().is_empty());
        let error = |text| Tree::read("f", text).unwrap_err().to_string();
        assert_eq!(error("- a\n"), "f:1:1: a configuration is a map: write `key: value` lines");
        assert!(error("a: [\n").starts_with("f:2:1: not YAML"), "{}", error("a: [\n"));
        assert!(error(&"[".repeat(100)).contains("nested too deep"));
    }
}
