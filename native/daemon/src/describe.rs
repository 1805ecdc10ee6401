//! `-L` and `-l`: rules, macros and lists in the form of Falco's descriptions.

use peregrine_rules::{ConditionParts, DescribedPlugin, Description};
use serde_json::{Value, json};

/// Columns of the name of a rule, and of a line.
const NAME_WIDTH: usize = 50;
const LINE_WIDTH: usize = 120;

/// For programs: all of a description, or only a rule with nothing beside it.
pub fn json(description: &Description, only: Option<&str>) -> Value {
    let rules = description.rules.iter().filter(|rule| only.is_none_or(|only| rule.name == only));
    let mut all = json!({
        "rules": rules.map(rule).collect::<Vec<_>>(),
        "macros": [],
        "lists": [],
    });
    if only.is_some() {
        return all;
    }
    all["required_engine_version"] =
        json!(description.engine_version.as_deref().unwrap_or("0.0.0"));
    all["required_plugin_versions"] =
        description.plugins.iter().filter_map(|alternatives| plugin(alternatives)).collect();
    all["macros"] = description.macros.iter().map(described_macro).collect();
    all["lists"] = description.lists.iter().map(list).collect();
    all
}

fn plugin(alternatives: &[DescribedPlugin]) -> Option<Value> {
    let named = |it: &DescribedPlugin| json!({ "name": it.name, "version": it.version });
    let (first, others) = alternatives.split_first()?;
    let mut plugin = named(first);
    plugin["alternatives"] = others.iter().map(named).collect();
    Some(plugin)
}

fn rule(rule: &peregrine_rules::DescribedRule) -> Value {
    let mut details = details(&rule.parts);
    details["output_compiled"] = json!(rule.whole_output);
    details["output_fields"] = json!(rule.output_fields);
    if !rule.formatted_fields.is_empty() {
        details["extra_output_formatted_fields"] = json!(rule.formatted_fields);
    }
    details["exception_names"] = json!(rule.exception_names);
    details["exception_fields"] = json!(rule.exception_fields);
    details["exception_operators"] = json!(rule.exception_operators);
    json!({
        "info": {
            "name": rule.name,
            "condition": rule.condition,
            "priority": rule.priority.name(),
            "output": rule.output,
            "description": rule.desc,
            "enabled": rule.enabled,
            "source": rule.source,
            "capture": rule.capture,
            "capture_duration": rule.capture_duration,
            "tags": rule.tags,
        },
        "details": details,
    })
}

fn described_macro(it: &peregrine_rules::DescribedMacro) -> Value {
    let mut details = details(&it.parts);
    details["used"] = json!(it.used);
    json!({ "info": { "name": it.name, "condition": it.condition }, "details": details })
}

fn list(list: &peregrine_rules::DescribedList) -> Value {
    json!({
        "info": { "name": list.name, "items": list.items },
        "details": {
            "used": list.used,
            "lists": list.lists,
            "items_compiled": list.whole_items,
            "plugins": [],
        },
    })
}

fn details(parts: &ConditionParts) -> Value {
    let of_container =
        |field: &String| field.starts_with("container.") || field.starts_with("k8s.");
    let plugins: &[&str] = if parts.fields.iter().any(of_container) { &["container"] } else { &[] };
    json!({
        "macros": parts.macros,
        "lists": parts.lists,
        "condition_operators": parts.operators,
        "condition_fields": parts.fields,
        "events": parts.events,
        "condition_compiled": parts.whole,
        "plugins": plugins,
    })
}

/// For people: the rules with what they are for, in two columns.
pub fn text(description: &Description, only: Option<&str>) -> String {
    let rules = description.rules.iter().filter(|rule| only.is_none_or(|only| rule.name == only));
    let mut text = row("Rule", "Description") + &row("----", "-----------");
    rules.for_each(|rule| text.push_str(&row(&rule.name, &rule.desc)));
    text
}

/// A name, and beside it a text in lines of a bounded width.
fn row(name: &str, text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().filter(|it| {
            it.is_empty() || NAME_WIDTH + it.chars().count() + word.chars().count() < LINE_WIDTH
        });
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    let line = |(name, line): (&str, String)| format!("{name:<NAME_WIDTH$} {line}\n");
    names.zip(lines).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use peregrine_rules::{LoadOptions, OutputAddition, RuleFile, describe};

    const RULES: &str = "
- required_engine_version: 0.57.0
- required_plugin_versions: [{name: container, version: 0.4.0, alternatives: [{name: other, version: 1.0.0}]}]
- {list: inner, items: [zsh]}
- {list: shells, items: [bash, inner]}
- {macro: spawned, condition: 'evt.type in (execve, execveat)'}
- {macro: unused, condition: 'proc.name in (shells)'}
- rule: Shell
  desc: somebody started a shell
  condition: spawned and proc.name in (shells) and not container.id startswith anyof (a, b)
  output: shell %proc.cmdline
  priority: NOTICE
  tags: [b, a]
  exceptions: [{name: parents, fields: proc.pname, values: [cron]}]
";

    fn description() -> Description {
        let file = RuleFile { name: "r.yaml".to_owned(), text: RULES.to_owned() };
        describe(&[file], &LoadOptions::default()).unwrap()
    }

    #[test]
    fn programs_get_what_rules_say_and_what_they_are_made_of() {
        let all = json(&description(), None);
        assert_eq!(all["required_engine_version"], "0.57.0");
        assert_eq!(
            all["required_plugin_versions"],
            json!([{ "name": "container", "version": "0.4.0", "alternatives": [{ "name": "other", "version": "1.0.0" }] }])
        );
        let rule = &all["rules"][0];
        assert_eq!(rule["info"]["priority"], "Notice");
        assert_eq!(rule["info"]["tags"], json!(["a", "b"]));
        let details = &rule["details"];
        assert_eq!(details["macros"], json!(["spawned"]));
        assert_eq!(details["lists"], json!(["shells"]));
        assert_eq!(details["condition_operators"], json!(["in", "startswith anyof"]));
        assert_eq!(
            details["condition_fields"],
            json!(["container.id", "evt.type", "proc.name", "proc.pname"])
        );
        assert_eq!(details["exception_names"], json!(["parents"]));
        assert_eq!(details["exception_operators"], json!(["in"]));
        assert_eq!(details["events"], json!(["execve", "execveat"]));
        assert_eq!(details["plugins"], json!(["container"]));
        assert_eq!(
            details["condition_compiled"],
            "((evt.type in (execve, execveat) and proc.name in (bash, zsh) and not container.id \
             startswith anyof (a, b)) and not proc.pname in (cron))"
        );
        assert!(details["output_fields"].as_array().unwrap().contains(&json!("proc.cmdline")));
        assert!(details["output_compiled"].as_str().unwrap().contains("%container.id"));
        let unused = &all["macros"][1];
        assert_eq!(unused["info"]["name"], "unused");
        assert_eq!(unused["details"]["used"], false);
        assert_eq!(all["lists"][1]["details"]["items_compiled"], json!(["bash", "zsh"]));
    }

    #[test]
    fn fields_that_outputs_get_besides_are_told() {
        let file = RuleFile { name: "r.yaml".to_owned(), text: RULES.to_owned() };
        let format = Some("%proc.name!".to_owned());
        let addition = OutputAddition {
            fields: vec![("evt.cpu".to_owned(), None), ("shout".to_owned(), format)],
            ..OutputAddition::default()
        };
        let options = LoadOptions { append_output: vec![addition], ..LoadOptions::default() };
        let all = json(&describe(&[file], &options).unwrap(), None);
        let details = &all["rules"][0]["details"];
        assert!(details["output_fields"].as_array().unwrap().contains(&json!("evt.cpu")));
        assert_eq!(details["extra_output_formatted_fields"], json!({"shout": "%proc.name!"}));
        let plain = json(&description(), None);
        assert!(plain["rules"][0]["details"].get("extra_output_formatted_fields").is_none());
    }

    #[test]
    fn a_rule_is_described_alone() {
        let one = json(&description(), Some("Shell"));
        assert_eq!(one["rules"].as_array().unwrap().len(), 1);
        assert_eq!(one["macros"], json!([]));
        let text = text(&description(), Some("Shell"));
        assert!(text.lines().nth(2).unwrap().starts_with("Shell   "), "{text}");
        assert!(text.ends_with(" somebody started a shell\n"), "{text}");
    }
}
