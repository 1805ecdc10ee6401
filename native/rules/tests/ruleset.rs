//! The rules that come with the daemon: they load without a word, and each has facts that it matches
//! and facts that nearly do.
//!
//! `ruleset/cases.yaml` has an entry per rule: the event, the fields of a deed that fires the rule, and
//! near misses as changes to them, where `<absent>` takes a field away.

mod support;

use std::collections::BTreeMap;

use peregrine_rules::{
    EventType, LoadOptions, OPENS, OpenClass, Plan, ResolvedNames, RuleFile, RuleMatching, load,
};
use serde::Deserialize;
use support::{FactSet, Written, drawn, judged};

/// The text that takes a field away.
const ABSENT: &str = "<absent>";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    event: String,
    fires: BTreeMap<String, Written>,
    misses: Vec<BTreeMap<String, Written>>,
}

/// The files in the order in which the daemon loads them.
const FILES: [(&str, &str); 2] = [
    ("peregrine_rules.yaml", include_str!("../../rulesets/peregrine_rules.yaml")),
    (
        "peregrine_incubating_rules.yaml",
        include_str!("../../rulesets/peregrine_incubating_rules.yaml"),
    ),
];

/// The default rules, each on, as every rule that is off must also work.
fn plan() -> Plan {
    plan_with(ResolvedNames::default())
}

fn plan_with(resolved_names: ResolvedNames) -> Plan {
    let named = |change: fn(&str) -> String| {
        FILES.map(|(name, text)| RuleFile { name: name.to_owned(), text: change(text) })
    };
    let offering = FILES.map(|(name, _)| name.to_owned()).to_vec();
    let matching = RuleMatching::All;
    let options = LoadOptions { offering, matching, resolved_names, ..LoadOptions::default() };
    let files = named(str::to_owned);
    let (plan, found) = load(&files, &options);
    assert!(found.is_empty(), "{}", drawn(&found, &files));
    assert!(plan.is_some());
    let files = named(|text| text.replace("enabled: false", "enabled: true"));
    load(&files, &options).0.unwrap_or_else(|| panic!("the rules load when all are on"))
}

#[test]
fn each_default_rule_fires_on_its_deed_and_not_on_near_misses() {
    let plan = plan();
    let cases: BTreeMap<String, Case> =
        serde_saphyr::from_str(include_str!("ruleset/cases.yaml")).expect("the cases are YAML");
    let mut wrong = Vec::new();
    for rule in plan.rules() {
        let Some(case) = cases.get(&*rule.name) else {
            wrong.push(format!("{}: has no case", rule.name));
            continue;
        };
        let fires = |fields: BTreeMap<String, Written>| {
            let facts = FactSet { event: case.event.clone(), fields };
            judged(&plan, &facts).0.iter().any(|name| **name == *rule.name)
        };
        if !fires(case.fires.clone()) {
            wrong.push(format!("{}: does not fire", rule.name));
        }
        if case.misses.is_empty() {
            wrong.push(format!("{}: has no near miss", rule.name));
        }
        for miss in &case.misses {
            let mut fields = case.fires.clone();
            for (name, value) in miss {
                match value {
                    Written::Text(text) if text == ABSENT => fields.remove(name),
                    value => fields.insert(name.clone(), value.clone()),
                };
            }
            if fires(fields) {
                wrong.push(format!("{}: fires on {miss:?}", rule.name));
            }
        }
    }
    let unknown = cases.keys().filter(|name| !plan.rules().any(|rule| *rule.name == ***name));
    wrong.extend(unknown.map(|name| format!("{name}: is no rule")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn opens_that_nobody_asks_for_stay_in_the_kernel_although_links_are_followed() {
    let (off, built_in) = (plan_with(ResolvedNames::Off), plan_with(ResolvedNames::BuiltIn));
    let all = plan_with(ResolvedNames::All);
    let events = OPENS.map(|name| EventType::from_name(name).expect("an open"));
    let names = ["/usr/lib/libc.so.6", "/tmp/x", "/home/me/a.o", "/proc/1/stat", "/etc/hosts"];
    let mut n_more = 0;
    for (event, class) in
        events.into_iter().flat_map(|event| OpenClass::all().map(move |it| (event, it)))
    {
        for name in names.map(str::as_bytes) {
            let [off, built_in, all] =
                [&off, &built_in, &all].map(|plan| plan.open_need(event, class).allows(name));
            assert_eq!(off, built_in, "{} {class:?} {}", event.name(), name.escape_ascii());
            n_more += u32::from(all && !off);
        }
    }
    assert!(n_more > 0, "with all tests they do not, which is why they are not all");
}

#[test]
fn default_rules_say_enough_of_themselves() {
    for rule in plan().rules() {
        assert!(rule.desc.trim().len() > 30, "{} has no description", rule.name);
        let has = |begin: &str| rule.tags.iter().any(|tag| tag.starts_with(begin));
        assert!(has("maturity_") && has("mitre_"), "{} lacks tags", rule.name);
        assert!(rule.output.contains("%proc.cmdline"), "{} shows no command", rule.name);
    }
}
