//! Large rule files as people have them load, with the warnings that they deserve and no more.

mod support;

use std::fs;
use std::path::Path;

use peregrine_rules::{LoadOptions, RuleFile, load};
use support::drawn;

fn file(name: &str) -> RuleFile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/large").join(name);
    let text = fs::read_to_string(&path).expect("the file is there");
    RuleFile { name: name.to_owned(), text }
}

/// What is said of some files, as `code: what is marked`.
fn said(names: &[&str]) -> Vec<String> {
    let files: Vec<_> = names.iter().map(|name| file(name)).collect();
    let (plan, found) = load(&files, &LoadOptions::default());
    assert!(plan.is_some(), "{}", drawn(&found, &files));
    found
        .iter()
        .map(|it| {
            let marked = &files[it.place.file].text[it.place.range.clone()];
            format!("{}: {marked}", it.code.name())
        })
        .collect()
}

/// What is said of the file of the company whatever stands behind it.
const OF_THE_COMPANY: [&str; 8] = [
    "unused-macro: new_process",
    "unused-macro: changes",
    "deprecated-item: evt.dir",
    "deprecated-item: evt.dir",
    "deprecated-item: evt.dir",
    "deprecated-item: evt.dir",
    // One of them has a plus, which no host's name has.
    "suspicious-value: names_of_miner_pools",
    "skipped-rule: New field of a newer engine",
];

#[test]
fn rules_of_a_company_load_with_the_warnings_that_they_deserve() {
    assert_eq!(said(&["hosts.yaml"]), OF_THE_COMPANY);
}

#[test]
fn changes_of_a_team_are_put_over_them() {
    let mut expected = OF_THE_COMPANY.to_vec();
    expected.insert(1, "unused-macro: never");
    expected.extend([
        "deprecated-item: append",
        "deprecated-item: Unexpected server",
        "deprecated-item: append",
        "deprecated-item: Team only",
    ]);
    assert_eq!(said(&["hosts.yaml", "overrides.yaml"]), expected);
}

#[test]
fn rules_for_plugins_rest() {
    let mut expected = OF_THE_COMPANY.to_vec();
    expected.extend([
        "unused-macro: response_ok",
        "unused-macro: creates",
        "unused-macro: pods",
        "unused-list: users_of_the_system",
        "unknown-source: k8s_audit",
        "unknown-source: k8s_audit",
        "unknown-source: aws_cloudtrail",
        "unknown-source: github",
    ]);
    assert_eq!(said(&["hosts.yaml", "audit.yaml"]), expected);
}
