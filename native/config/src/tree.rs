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

    /// Puts variables of the environment in: `${NAME}` is its value, or nothing if it has none, and
    /// `$${NAME}` stands for `${NAME}`.
    pub fn expand(&mut self, variable: &dyn Fn(&str) -> Option<String>) {
        match &mut self.value {
            Value::Null => {}
            Value::Scalar(text) => {
                if let Some(expanded) = expanded(text, variable) {
                    *text = expanded;
                }
            }
            Value::List(elements) => elements.iter_mut().for_each(|it| it.expand(variable)),
            Value::Map(pairs) => pairs.iter_mut().for_each(|(_, it)| it.expand(variable)),
        }
    }

    /// Other files that go over this one (`config_files`), in order: a path, or `path` with
    /// `strategy`.
    pub fn config_files(&self) -> Result<Vec<(String, Strategy)>, Error> {
        let entries = self.get("config_files").map(Self::list).unwrap_or_default();
        entries
            .iter()
            .map(|entry| match (entry.text(), entry.get("path").and_then(Self::text)) {
                (Some(path), _) => Ok((path.to_owned(), Strategy::Append)),
                (None, Some(path)) => Ok((path.to_owned(), strategy(entry)?)),
                (None, None) => Err(entry.error("config_files: write a path, or `path: …`")),
            })
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

    /// Puts another configuration over this one.
    pub fn merge(&mut self, over: Self, strategy: Strategy) {
        match (&mut self.value, over.value) {
            (Value::Map(own), Value::Map(others)) => {
                for (key, other) in others {
                    match own.iter_mut().find(|(name, _)| *name == key) {
                        Some((_, value)) => value.merge(other, strategy),
                        None => own.push((key, other)),
                    }
                }
            }
            (Value::List(own), Value::List(others)) if strategy == Strategy::Append => {
                own.extend(others);
            }
            _ if strategy == Strategy::AddOnly => {}
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

/// What becomes of keys that are there when another file goes over them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Lists go on, other values are replaced.
    Append,
    /// All values are replaced.
    Override,
    /// They stay as they are.
    AddOnly,
}

fn strategy(entry: &Tree) -> Result<Strategy, Error> {
    let Some(strategy) = entry.get("strategy") else { return Ok(Strategy::Append) };
    match strategy.text() {
        Some("append") => Ok(Strategy::Append),
        Some("override") => Ok(Strategy::Override),
        Some("add-only") => Ok(Strategy::AddOnly),
        _ => Err(strategy.error("config_files: a strategy is append, override or add-only")),
    }
}

/// A text with its variables put in; nothing if it names none.
fn expanded(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(end) = rest[start..].find('}').map(|end| start + end) else { break };
        match rest[..start].strip_suffix('$') {
            // The other dollar sign takes the meaning from this one.
            Some(before) => {
                expanded.push_str(before);
                expanded.push_str(&rest[start..=end]);
            }
            None => {
                expanded.push_str(&rest[..start]);
                expanded.push_str(&variable(&rest[start + 2..end]).unwrap_or_default());
            }
        }
        rest = &rest[end + 1..];
    }
    (rest.len() < text.len()).then(|| expanded + rest)
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
        let over = Tree::read("b", "x: 2\nl: [b]\nm: {q: 3}\nn: 4\n").unwrap();
        let texts = |tree: &Tree| {
            ["x", "m.p", "m.q", "n"]
                .map(|path| tree.at(path).and_then(Tree::text).unwrap().to_owned())
        };
        let (mut replaced, mut kept) = (tree.clone(), tree.clone());
        tree.merge(over.clone(), Strategy::Append);
        assert_eq!(texts(&tree), ["2", "1", "3", "4"]);
        assert_eq!(tree.at("l").unwrap().list().len(), 2);
        replaced.merge(over.clone(), Strategy::Override);
        assert_eq!(texts(&replaced), ["2", "1", "3", "4"]);
        assert_eq!(replaced.at("l").unwrap().list()[0].text(), Some("b"));
        kept.merge(over, Strategy::AddOnly);
        assert_eq!(texts(&kept), ["1", "1", "2", "4"]);
        assert_eq!(kept.at("l").unwrap().list()[0].text(), Some("a"));
    }

    #[test]
    fn variables_of_the_environment_are_put_in_unless_their_dollar_is_doubled() {
        let mut tree = Tree::read(
            "f",
            "a: ${NAME}\nb: ['x${NAME}y${NAME}', '${NONE}', '$${NAME}']\nc: $NAME ${open\n",
        )
        .unwrap();
        tree.expand(&|name| (name == "NAME").then(|| "value".to_owned()));
        assert_eq!(tree.at("a").and_then(Tree::text), Some("value"));
        let list: Vec<_> = tree.at("b").unwrap().list().iter().filter_map(Tree::text).collect();
        assert_eq!(list, ["xvalueyvalue", "", "${NAME}"]);
        assert_eq!(tree.at("c").and_then(Tree::text), Some("$NAME ${open"));
    }

    #[test]
    fn other_files_say_how_they_go_over_this_one() {
        let files = |text| Tree::read("f", text).unwrap().config_files();
        assert_eq!(
            files("config_files: [/a, {path: /b, strategy: add-only}, {path: /c}]").unwrap(),
            [
                ("/a".to_owned(), Strategy::Append),
                ("/b".to_owned(), Strategy::AddOnly),
                ("/c".to_owned(), Strategy::Append),
            ]
        );
        assert!(files("config_files: [{path: /a, strategy: mix}]").is_err());
        assert!(files("config_files: [{strategy: append}]").is_err());
    }

    #[test]
    fn what_is_no_configuration_is_refused_with_its_place() {
        assert!(Tree::read("f", "").unwrap().pairs().is_empty());
        let error = |text| Tree::read("f", text).unwrap_err().to_string();
        assert_eq!(error("- a\n"), "f:1:1: a configuration is a map: write `key: value` lines");
        assert!(error("a: [\n").starts_with("f:1:4: not YAML"), "{}", error("a: [\n"));
        let nested = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert!(error(&nested).contains("nested too deep"));
    }
}
