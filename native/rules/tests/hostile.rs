//! Bad input ends in a clear error or a correct load, in bounded memory, and never in a crash.

mod support;

use peregrine_rules::{FieldId, LoadOptions, Plan, RuleFile, load, render};
use support::{FactSet, files, judged, plan_of, rule_of};

/// The names of the codes that a text gives; drawing them must not fail either.
fn codes(text: &str) -> Vec<&'static str> {
    let files = files(&[text]);
    let (plan, found) = load(&files, &LoadOptions::default());
    for diagnostic in &found {
        let drawn = render(diagnostic, &files);
        let is_harmless = |c: char| c == '\n' || c == '\t' || !c.is_control();
        assert!(drawn.chars().all(is_harmless), "{drawn:?}");
    }
    assert_eq!(plan.is_none(), found.iter().any(|it| it.is_error()));
    found.iter().map(|it| it.code.name()).collect()
}

fn plan(text: &str) -> Plan {
    plan_of(&files(&[text]), &LoadOptions::default())
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    assert_eq!(codes(&"# comment\n".repeat(2_000_000)), ["file-too-large"]);
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let file = RuleFile::from_bytes("binary", b"- rule: a\xff\n");
    let (plan, found) = load(&[file], &LoadOptions::default());
    assert!(plan.is_none());
    assert_eq!(found[0].code.name(), "not-utf8");
    assert_eq!(found[0].place.range.start, 9);
}

#[test]
fn control_bytes_do_not_reach_the_terminal() {
    assert_eq!(codes("- rule: \"a\\e[31m\\x07\"\n"), ["missing-key"]);
    assert!(!codes("- rule: a\u{0}b\n").is_empty());
    assert!(!codes("\u{1b}[31m").is_empty());
}

#[test]
fn aliases_cannot_blow_a_file_up() {
    let mut bomb = "- &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("- &a{level} [{items}]\n");
    }
    assert!(codes(&bomb).contains(&"yaml-limit"));
}

#[test]
fn nesting_is_bounded() {
    let nested =
        |open: &str, depth| format!("{}proc.name = a{}", open.repeat(depth), ")".repeat(depth));
    assert_eq!(codes(&rule_of(&nested("(", 10_000))), ["condition-limit"]);
    assert_eq!(codes(&rule_of(&nested("not(", 10_000))), ["condition-limit"]);
    let nested = format!("{}proc.name{} = a", "tolower(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(codes(&rule_of(&nested)), ["condition-limit"]);
    assert_eq!(codes(&"[".repeat(10_000)).len(), 1);
    let deep = "(".repeat(240) + "proc.name = a" + &")".repeat(240);
    assert!(codes(&rule_of(&deep)).is_empty());
}

#[test]
fn many_negations_are_no_nesting() {
    let plan = plan(&rule_of(&format!("{}proc.name = a", "not ".repeat(100_001))));
    let facts: FactSet = serde_saphyr::from_str("{fields: {proc.name: b}}").expect("facts");
    assert_eq!(judged(&plan, &facts).0, ["case"]);
}

#[test]
fn macros_in_one_another_are_bounded() {
    let mut text = "- {macro: m0, condition: proc.name = a}\n".to_owned();
    for level in 1..5_000 {
        let word = if level % 2 == 0 { "and" } else { "or" };
        let below = level - 1;
        text +=
            &format!("- {{macro: m{level}, condition: not m{below} {word} proc.pid = {level}}}\n");
    }
    text += &rule_of("m4999");
    let found = codes(&text);
    assert!(found.contains(&"condition-limit"), "{found:?}");
}

#[test]
fn macros_that_double_stay_small() {
    let mut text = "- {macro: m0, condition: proc.name = a}\n".to_owned();
    for level in 1..60 {
        let below = level - 1;
        text +=
            &format!("- {{macro: m{level}, condition: m{below} and m{below} or not m{below}}}\n");
    }
    assert!(codes(&(text + &rule_of("m59"))).is_empty());
}

#[test]
fn lists_that_double_are_bounded() {
    let mut text = String::new();
    for level in 0..60 {
        let next = level + 1;
        text += &format!("- {{list: l{level}, items: [l{next}, l{next}]}}\n");
    }
    let empty = text.clone() + "- {list: l60, items: []}\n" + &rule_of("proc.name in (l0)");
    assert!(codes(&empty).is_empty());
    let full = text + "- {list: l60, items: [abcdefgh]}\n" + &rule_of("proc.name in (l0)");
    assert!(codes(&full).contains(&"condition-limit"));
}

#[test]
fn a_list_of_a_hundred_thousand_items_loads() {
    let items: Vec<_> = (0..100_000).map(|index| format!("item{index}")).collect();
    let text = format!("- {{list: many, items: [{}]}}\n", items.join(", "));
    let plan =
        plan(&(text + &rule_of("proc.name in (many) or proc.cmdline startswith anyof (many)")));
    let facts = |name| -> FactSet {
        serde_saphyr::from_str(&format!("{{fields: {{proc.name: {name}}}}}")).expect("facts")
    };
    assert_eq!(judged(&plan, &facts("item99999")).0, ["case"]);
    assert!(judged(&plan, &facts("item100000")).0.is_empty());
}

#[test]
fn a_condition_of_ten_thousand_parts_loads() {
    let parts: Vec<_> =
        (0..10_000).map(|index| format!("proc.cmdline contains w{index}x")).collect();
    let plan = plan(&rule_of(&parts.join("\nor ")));
    let facts: FactSet =
        serde_saphyr::from_str("{fields: {proc.cmdline: a w9999x b}}").expect("facts");
    assert_eq!(judged(&plan, &facts).0, ["case"]);
}

#[test]
fn large_expressions_are_refused() {
    let long = format!("proc.name regex \"{}\"", "a?".repeat(500_000));
    assert_eq!(codes(&rule_of(&long)), ["invalid-pattern"]);
    assert_eq!(
        codes(&rule_of("proc.name regex \"((a{1,100}){1,100}){1,100}\"")),
        ["invalid-pattern"]
    );
}

#[test]
fn a_hundred_thousand_expressions_are_refused_once() {
    let many = (0..100_000).map(|index| format!("a{index}.+")).collect::<Vec<_>>().join(", ");
    let text = format!("- {{list: many, items: [{many}]}}\n");
    let found = codes(&(text + &rule_of("proc.name regex anyof (many) or proc.cmdline regex a+")));
    assert_eq!(found, ["invalid-pattern"]);
}

#[test]
fn a_hundred_thousand_texts_are_searched_for_at_once() {
    let many = (0..100_000).map(|index| format!("w{index}x")).collect::<Vec<_>>().join(", ");
    let text = format!("- {{list: many, items: [{many}]}}\n");
    let plan = plan(&(text + &rule_of("proc.cmdline icontains anyof (many)")));
    let facts = |line: &str| -> FactSet {
        serde_saphyr::from_str(&format!("{{fields: {{proc.cmdline: {line}}}}}")).expect("facts")
    };
    assert_eq!(judged(&plan, &facts("a W0X b")).0, ["case"]);
    assert_eq!(judged(&plan, &facts("a W99999x b")).0, ["case"]);
    assert!(judged(&plan, &facts("a w100000x b")).0.is_empty());
}

#[test]
fn percent_signs_do_not_take_quadratic_time() {
    let output = "%x".repeat(100_000);
    let text = format!(
        "- {{rule: r, desc: d, priority: INFO, condition: evt.type = open, output: \"{output}\"}}\n"
    );
    assert!(codes(&text).len() > 10);
}

#[test]
fn of_many_mistakes_in_one_text_the_first_are_told() {
    let condition = "nosuch.field exists or ".repeat(300) + "evt.type = open";
    let n_told = codes(&rule_of(&condition)).len();
    assert!((50..=101).contains(&n_told), "{n_told}");
    let output = "%nosuch.field ".repeat(300);
    let text = format!(
        "- {{rule: r, desc: d, priority: INFO, condition: evt.type = open, output: \"{output}\"}}\n"
    );
    let n_told = codes(&text).len();
    assert!((50..=101).contains(&n_told), "{n_told}");
}

#[test]
fn a_field_with_letters_behind_it_takes_no_search_for_what_was_meant() {
    let output = "%evt.arg.namexxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx ".repeat(5_000);
    let text = format!(
        "- {{rule: r, desc: d, priority: INFO, condition: evt.type = open, output: \"{output}\"}}\n"
    );
    assert_eq!(codes(&text), [""; 0]);
}

#[test]
fn every_field_of_the_catalogue_loads_and_prints() {
    for row in FieldId::all().map(FieldId::row) {
        let text = rule_of(row.example);
        let (plan, found) = load(&files(&[&text]), &LoadOptions::default());
        assert!(plan.is_some(), "{}: {found:#?}", row.example);
        let field = row.example.split_whitespace().next().unwrap_or_default();
        let text = format!(
            "- {{rule: r, desc: d, priority: INFO, condition: evt.type = open, output: 'x %{field}'}}\n"
        );
        let (plan, found) = load(&files(&[&text]), &LoadOptions::default());
        assert!(plan.is_some(), "%{field}: {found:#?}");
    }
}
