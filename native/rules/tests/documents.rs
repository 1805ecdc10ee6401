//! What `docs/` shows loads: each YAML block by itself, behind the default rules.

mod support;

use peregrine_rules::{LoadOptions, RuleFile, load};
use support::drawn;

/// The texts between "```yaml" and "```" that are lists of items.
fn blocks(document: &str) -> Vec<&str> {
    document
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```"))
        .map(|(block, _)| block)
        .filter(|block| block.starts_with("- "))
        .collect()
}

fn loads(block: &str) -> Result<(), String> {
    let file = |name: &str, text: &str| RuleFile { name: name.to_owned(), text: text.to_owned() };
    let files = [
        file("stable.yaml", include_str!("../../rulesets/peregrine_rules.yaml")),
        file("incubating.yaml", include_str!("../../rulesets/peregrine_incubating_rules.yaml")),
        file("docs.yaml", block),
    ];
    let (plan, found) = load(&files, &LoadOptions::default());
    plan.map(|_| ()).ok_or_else(|| format!("{block}\n{}", drawn(&found, &files)))
}

#[test]
fn what_is_said_about_tuning_loads() {
    let blocks = blocks(include_str!("../../../docs/tuning.md"));
    assert!(blocks.len() >= 5);
    let wrong: Vec<_> = blocks.into_iter().filter_map(|block| loads(block).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
