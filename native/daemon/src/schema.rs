//! Where a rule file leaves the schema of rule files without anything being wrong with it: the schema
//! is stricter than the reader, and programs that ask for JSON want to know.

use std::rc::Rc;

use peregrine_rules::yaml::{Node, Value, documents};

/// What is to be said of a file beside its diagnostics.
pub fn warnings(text: &str) -> Vec<String> {
    let (documents, _) = documents(text);
    documents
        .iter()
        .flat_map(|document| elements(document))
        .flat_map(|item| pairs(item))
        .flat_map(|(key, value)| of_key(scalar(key).unwrap_or_default(), value))
        .collect()
}

fn of_key(key: &str, value: &Node) -> Vec<String> {
    match key {
        "priority" => scalar(value).and_then(of_priority).into_iter().collect(),
        "override" if matches!(&value.value, Value::Mapping(keys) if keys.is_empty()) => {
            vec!["`override` names no key".to_owned()]
        }
        "exceptions" => {
            let keys = ["name", "fields", "comps", "values"];
            elements(value).iter().flat_map(|it| unknown_keys(it, &keys)).collect()
        }
        "required_plugin_versions" => elements(value).iter().flat_map(|it| of_plugin(it)).collect(),
        _ => Vec::new(),
    }
}

fn of_priority(text: &str) -> Option<String> {
    let is_small = text.chars().any(|letter| letter.is_ascii_lowercase());
    is_small.then(|| format!("`{text}` is not in capitals, as the schema wants it"))
}

fn of_plugin(plugin: &Node) -> Vec<String> {
    let alternatives = pairs(plugin).iter().filter(|(key, _)| scalar(key) == Some("alternatives"));
    let others = alternatives.flat_map(|(_, others)| elements(others));
    let of_others = others.flat_map(|it| unknown_keys(it, &["name", "version"]));
    let mut warnings = unknown_keys(plugin, &["name", "version", "alternatives"]);
    warnings.extend(of_others);
    warnings
}

fn unknown_keys(node: &Node, known: &[&str]) -> Vec<String> {
    let keys = pairs(node).iter().filter_map(|(key, _)| scalar(key));
    let unknown = keys.filter(|key| !known.contains(key));
    unknown.map(|key| format!("`{key}` means nothing here and is ignored")).collect()
}

fn scalar(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(text, _) => Some(text),
        _ => None,
    }
}

fn elements(node: &Node) -> &[Rc<Node>] {
    match &node.value {
        Value::Sequence(elements) => elements,
        _ => &[],
    }
}

fn pairs(node: &Node) -> &[(Rc<Node>, Rc<Node>)] {
    match &node.value {
        Value::Mapping(pairs) => pairs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_reader_takes_and_the_schema_does_not_is_told() {
        let cases = [
            ("- {rule: r, priority: INFO, exceptions: [{name: e, values: []}]}", vec![]),
            (
                "- {rule: r, priority: notice}",
                vec!["`notice` is not in capitals, as the schema wants it"],
            ),
            ("- {rule: r, override: {}}", vec!["`override` names no key"]),
            (
                "- {rule: r, exceptions: [{name: e, comp: in}]}",
                vec!["`comp` means nothing here and is ignored"],
            ),
            (
                "- required_plugin_versions: [{name: a, url: x, alternatives: [{sha: y}]}]",
                vec![
                    "`url` means nothing here and is ignored",
                    "`sha` means nothing here and is ignored",
                ],
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(warnings(text), expected, "{text}");
        }
    }
}
