//! `peregrined rules check`, or `-V`: loads rule files as a start would, and says what is wrong with
//! them, to people or to programs in the form of Falco's validation.

use std::process::ExitCode;

use peregrine_rules::{Diagnostic, LoadOptions, RuleFile, Severity, line_and_column};
use serde_json::{Value, json};

use crate::{
    cli::CheckOptions,
    doctor,
    rule_files::{self, Defaults},
};

/// Letters of a line that are shown to programs.
const SNIPPET_LIMIT: usize = 160;

/// Prints every diagnostic, then a line of totals; fails if any is an error.
pub fn check(options: &CheckOptions) -> ExitCode {
    let defaults = if options.no_default_rules { Defaults::Leave } else { Defaults::Load };
    let files = match rule_files::read(defaults, None, &options.files) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("peregrined: {}", doctor::chain(&error));
            return ExitCode::FAILURE;
        }
    };
    let (plan, found) = peregrine_rules::load(
        &files,
        &LoadOptions { offering: rule_files::built_in_names(), ..LoadOptions::default() },
    );
    if options.json {
        println!("{}", json!({ "falco_load_results": results(&files, &found) }));
        return if plan.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    for diagnostic in &found {
        eprintln!("{}", peregrine_rules::render(diagnostic, &files));
    }
    match plan {
        Some(plan) => {
            println!("{} rules in {} files: ok", plan.rules().count(), files.len());
            ExitCode::SUCCESS
        }
        None => {
            let errors = found.iter().filter(|diagnostic| diagnostic.is_error()).count();
            println!("refused: {errors} error{} above", if errors == 1 { "" } else { "s" });
            ExitCode::FAILURE
        }
    }
}

/// An object for each file that was named; those of the daemon itself only if they have problems.
fn results(files: &[RuleFile], found: &[Diagnostic]) -> Vec<Value> {
    let own = rule_files::built_in_names();
    files
        .iter()
        .enumerate()
        .filter_map(|(index, file)| {
            let mine = |severity| {
                found
                    .iter()
                    .filter(move |it| it.place.file == index && it.code.severity() == severity)
                    .map(|it| problem(it, file))
                    .collect::<Vec<_>>()
            };
            let (errors, warnings) = (mine(Severity::Error), mine(Severity::Warning));
            if own.contains(&file.name) && errors.is_empty() {
                return None;
            }
            let schema_errors: Vec<&str> = found
                .iter()
                .filter(|it| it.place.file == index && it.code.falco() == "LOAD_ERR_YAML_VALIDATE")
                .map(|it| it.message.as_str())
                .collect();
            let mut result = json!({
                "name": file.name,
                "successful": errors.is_empty(),
                "schema_warnings": schema_errors,
                "errors": errors,
                "warnings": warnings,
            });
            let is_yaml = !found
                .iter()
                .any(|it| it.place.file == index && it.code.falco() == "LOAD_ERR_YAML_PARSE");
            if is_yaml {
                result["schema_valid"] = schema_errors.is_empty().into();
            }
            Some(result)
        })
        .collect()
}

fn problem(it: &Diagnostic, file: &RuleFile) -> Value {
    let offset = it.place.range.start;
    let (line, column) = line_and_column(&file.text, offset);
    // Marks of YAML count from 0.
    let position = |line: usize, column: usize, offset: usize| json!({ "name": file.name, "line": line, "column": column, "offset": offset });
    let mut locations = vec![json!({
        "item_type": "rules content",
        "item_name": "",
        "position": position(0, 0, 0),
    })];
    let (kind, name) =
        it.item.as_deref().and_then(split_item).unwrap_or(("rules content item", ""));
    locations.push(json!({
        "item_type": kind,
        "item_name": name,
        "position": position(line.saturating_sub(1), column.saturating_sub(1), offset),
    }));
    let message = match &it.help {
        Some(help) => format!("{} ({help})", it.message),
        None => it.message.clone(),
    };
    json!({
        "code": it.code.falco(),
        "codedesc": it.code.doc(),
        "message": message,
        "context": { "locations": locations, "snippet": snippet(file, line, column) },
    })
}

/// `rule "Name"` as kind and name.
fn split_item(item: &str) -> Option<(&str, &str)> {
    let (kind, name) = item.split_once(' ')?;
    Some((kind, name.trim_matches('"')))
}

/// The line and a mark below it.
fn snippet(file: &RuleFile, line: usize, column: usize) -> String {
    let text = file.text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let column = column.saturating_sub(1);
    let skipped = column.saturating_sub(SNIPPET_LIMIT / 2);
    let shown: String = text.chars().skip(skipped).take(SNIPPET_LIMIT).collect();
    format!("{shown}\n{}^\n", " ".repeat(column - skipped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_get_codes_places_and_a_snippet() {
        let files = [RuleFile {
            name: "a.yaml".to_owned(),
            text:
                "- rule: R\n  desc: d\n  condition: proc.nam = x\n  output: o\n  priority: INFO\n"
                    .to_owned(),
        }];
        let (_, found) = peregrine_rules::load(&files, &LoadOptions::default());
        let results = results(&files, &found);
        assert_eq!(results.len(), 1);
        assert_eq!(results[0]["successful"], false);
        assert_eq!(results[0]["schema_valid"], true);
        let error = &results[0]["errors"][0];
        assert_eq!(error["code"], "LOAD_ERR_COMPILE_CONDITION");
        let location = &error["context"]["locations"][1];
        assert_eq!(location["item_type"], "rule");
        assert_eq!(location["item_name"], "R");
        assert_eq!(location["position"]["line"], 2);
        assert_eq!(location["position"]["column"], 13);
        assert_eq!(
            error["context"]["snippet"],
            format!("  condition: proc.nam = x\n{}^\n", " ".repeat(13))
        );
    }
}
