//! `peregrined rules check`, or `-V`: loads rule files as a start would, and says what is wrong with
//! them, to people or to programs in the form of Falco's validation.

use std::{path::PathBuf, process::ExitCode};

use peregrine_rules::{Code, Diagnostic, RuleFile, Severity, line_and_column};
use serde_json::{Value, json};

use crate::{
    cli::CheckOptions,
    describe, doctor, look,
    rule_files::{self, Defaults, ReadError},
    rule_set::RuleSource,
    schema,
};

/// Letters of a line that are shown to programs.
const SNIPPET_LIMIT: usize = 160;

/// What is to be said of some rule files.
struct Checked {
    files: Vec<RuleFile>,
    found: Vec<Diagnostic>,
    /// How many rules there are, if the files are not refused.
    n_rules: Option<usize>,
}

/// Loads the files by themselves, as Falco would; if they are refused then, or would be behind the
/// daemon's own rules, what counts is how a start with these answers.
fn checked(paths: &[PathBuf], defaults: Defaults) -> Result<Checked, ReadError> {
    let alone = load(paths, Defaults::Leave)?;
    if defaults == Defaults::Leave {
        return Ok(alone);
    }
    let behind_own = load(paths, Defaults::Load)?;
    let is_same = alone.n_rules.is_some() && behind_own.n_rules.is_some();
    Ok(if is_same { alone } else { behind_own })
}

fn load(paths: &[PathBuf], defaults: Defaults) -> Result<Checked, ReadError> {
    let source = RuleSource::named(paths.to_owned(), defaults);
    let files = source.read()?.into_files();
    let (plan, found) = peregrine_rules::load(&files, &source.options);
    Ok(Checked { files, found, n_rules: plan.map(|plan| plan.rules().count()) })
}

/// Prints every diagnostic, then a line of totals; fails if any is an error.
pub fn check(options: &CheckOptions) -> ExitCode {
    let defaults = if options.no_default_rules { Defaults::Leave } else { Defaults::Load };
    let checked = match checked(&options.files, defaults) {
        Ok(checked) => checked,
        Err(error) => return unreadable(&error, options.json),
    };
    if options.json {
        return print_json(&checked, None);
    }
    for diagnostic in &checked.found {
        eprintln!("{}", peregrine_rules::render(diagnostic, &checked.files));
    }
    match checked.n_rules {
        Some(n_rules) => {
            println!("{n_rules} rules in {} files: ok", checked.files.len());
            ExitCode::SUCCESS
        }
        None => {
            let errors = checked.found.iter().filter(|diagnostic| diagnostic.is_error()).count();
            println!("refused: {errors} error{} above", if errors == 1 { "" } else { "s" });
            ExitCode::FAILURE
        }
    }
}

/// The same as `-V` asks for it: a line for each file, with what is wrong below it.
/// Programs may have the rules described as well, all or one.
pub fn validate(
    paths: &[PathBuf],
    defaults: Defaults,
    is_json: bool,
    described: Option<Option<&str>>,
) -> ExitCode {
    let checked = match checked(paths, defaults) {
        Ok(checked) => checked,
        Err(error) => return unreadable(&error, is_json),
    };
    if is_json {
        return print_json(&checked, described);
    }
    let code = look::print(&verdicts(&checked));
    // Warnings of files that are right are for the log.
    for diagnostic in checked.found.iter().filter(|it| !has_error(&checked, it.place.file)) {
        eprintln!("{}", peregrine_rules::render(diagnostic, &checked.files));
    }
    if checked.n_rules.is_some() { code } else { ExitCode::FAILURE }
}

/// Says that a file cannot be read, to programs in the same form as everything else.
fn unreadable(error: &ReadError, is_json: bool) -> ExitCode {
    eprintln!("peregrined: {}", doctor::chain(error));
    if is_json {
        let name = error.path().display().to_string();
        let problem = json!({
            "code": "LOAD_ERR_FILE_READ",
            "codedesc": "The file cannot be read.",
            "message": doctor::chain(error),
            "context": { "locations": [], "snippet": "" },
        });
        let result = json!({
            "name": name,
            "successful": false,
            "errors": [problem],
            "warnings": [],
            "schema_warnings": [],
        });
        look::print(&format!("{}\n", json!({ "falco_load_results": [result] })));
    }
    ExitCode::FAILURE
}

fn has_error(checked: &Checked, file: usize) -> bool {
    checked.found.iter().any(|it| it.place.file == file && it.is_error())
}

fn verdicts(checked: &Checked) -> String {
    let own = rule_files::built_in_names();
    let mut text = String::new();
    for (index, file) in checked.files.iter().enumerate() {
        let mine: Vec<_> = checked.found.iter().filter(|it| it.place.file == index).collect();
        let is_invalid = has_error(checked, index);
        if own.contains(&file.name) && !is_invalid {
            continue;
        }
        let verdict = match (is_invalid, mine.is_empty()) {
            (true, _) => "Invalid",
            (false, false) => "Ok, with warnings",
            (false, true) => "Ok",
        };
        text.push_str(&format!("{}: {verdict}\n", file.name));
        if !is_invalid {
            continue;
        }
        let (errors, warnings): (Vec<_>, Vec<_>) = mine.into_iter().partition(|it| it.is_error());
        for (found, word) in [(errors, "Errors"), (warnings, "Warnings")] {
            if !found.is_empty() {
                text.push_str(&format!("{} {word}:\n", found.len()));
            }
            for diagnostic in found {
                text.push_str(&peregrine_rules::render(diagnostic, &checked.files));
                text.push('\n');
            }
        }
    }
    text
}

fn print_json(checked: &Checked, described: Option<Option<&str>>) -> ExitCode {
    let mut all = json!({ "falco_load_results": results(&checked.files, &checked.found) });
    let options = RuleSource::named(Vec::new(), Defaults::Leave).options;
    if let Some(only) = described
        && let Some(description) = peregrine_rules::describe(&checked.files, &options)
    {
        all["falco_describe_results"] = describe::json(&description, only);
    }
    let code = look::print(&format!("{all}\n"));
    if checked.n_rules.is_some() { code } else { ExitCode::FAILURE }
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
            let schema_warnings = schema_warnings(index, file, found);
            let mut result = json!({
                "name": file.name,
                "successful": errors.is_empty(),
                "schema_warnings": schema_warnings,
                "errors": errors,
                "warnings": warnings,
            });
            let is_yaml = !found
                .iter()
                .any(|it| it.place.file == index && it.code.falco() == "LOAD_ERR_YAML_PARSE");
            if is_yaml {
                result["schema_valid"] = schema_warnings.is_empty().into();
            }
            Some(result)
        })
        .collect()
}

/// Where a file leaves the schema of rule files: what is of a wrong kind, keys that mean nothing, and
/// what is right all the same.
fn schema_warnings(index: usize, file: &RuleFile, found: &[Diagnostic]) -> Vec<String> {
    let leaves = |it: &&Diagnostic| {
        it.code.falco() == "LOAD_ERR_YAML_VALIDATE"
            || matches!(it.code, Code::UnknownKey | Code::UnknownItem)
    };
    let found = found.iter().filter(|it| it.place.file == index).filter(leaves);
    found.map(|it| it.message.clone()).chain(schema::warnings(&file.text)).collect()
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
    let message = match it.remedy() {
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
    use peregrine_rules::LoadOptions;

    fn checked_texts(texts: &[(&str, &str)], defaults: Defaults) -> (tempfile::TempDir, Checked) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        texts.iter().for_each(|(name, text)| std::fs::write(path(name), text).unwrap());
        let paths: Vec<_> = texts.iter().map(|(name, _)| path(name)).collect();
        let checked = checked(&paths, defaults).unwrap();
        (folder, checked)
    }

    #[test]
    fn a_line_for_each_file_says_whether_it_is_right() {
        let (folder, checked) = checked_texts(
            &[
                ("a.yaml", "- {list: unused, items: [a]}\n"),
                ("b.yaml", "- {macro: m, condition: none}\n- {rules: x}\n"),
                ("c.yaml", "[]\n"),
            ],
            Defaults::Leave,
        );
        let text = verdicts(&checked).replace(&format!("{}/", folder.path().display()), "");
        assert!(
            text.starts_with("a.yaml: Ok\nb.yaml: Invalid\n1 Errors:\nerror[LOAD_ERR_VALIDATE"),
            "{text}"
        );
        assert!(text.contains("\n1 Warnings:\nwarning[LOAD_UNKNOWN_ITEM"), "{text}");
        assert!(text.ends_with("\nc.yaml: Ok\n"), "{text}");
    }

    #[test]
    fn files_are_judged_alone_unless_they_need_the_rules_of_the_daemon() {
        let alone = "- {macro: container, condition: proc.name = a}\n";
        let (_folder, checked) = checked_texts(&[("a.yaml", alone)], Defaults::Load);
        assert_eq!((checked.files.len(), checked.n_rules), (1, Some(0)));
        assert_eq!(checked.found[0].code, Code::UnusedMacro);
        let more =
            "- {rule: Terminal shell in container, enabled: false, override: {enabled: replace}}\n";
        let (_folder, checked) = checked_texts(&[("a.yaml", more)], Defaults::Load);
        assert!(checked.n_rules.is_some() && checked.files.len() > 1);
        let (_folder, checked) = checked_texts(&[("a.yaml", more)], Defaults::Leave);
        assert!(checked.n_rules.is_none());
    }

    #[test]
    fn what_leaves_the_schema_is_said_beside_what_is_wrong() {
        let text = "- {rule: r, desc: d, output: o, priority: notice, condition: evt.type = open, extra: x}\n";
        let file = RuleFile { name: "a.yaml".to_owned(), text: text.to_owned() };
        let files = [file];
        let (_, found) = peregrine_rules::load(&files, &LoadOptions::default());
        let results = results(&files, &found);
        assert_eq!(results[0]["successful"], true);
        assert_eq!(results[0]["schema_valid"], false);
        assert_eq!(results[0]["schema_warnings"].as_array().unwrap().len(), 2);
    }

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
