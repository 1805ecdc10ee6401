//! What a load may be told: which rules are on, in which order, and what outputs get.

mod support;

use std::collections::BTreeMap;

use peregrine_rules::{
    BytesForm, Choice, LoadOptions, Matches, OutputAddition, OutputMatch, OutputValue, Plan,
    RenderedOutput, ResolvedNames, RuleMatching, RulePattern, Scratch, Selection, load,
};
use support::{FactSet, Written, files, judged, plan_of};

const RULES: &str = "
- {rule: first, desc: d, condition: evt.type = openat, output: one, priority: NOTICE, tags: [a]}
- {rule: second, desc: d, condition: evt.type = openat, output: two, priority: NOTICE, tags: [a, b], enabled: false}
- {rule: third, desc: d, condition: evt.type = openat, output: three, priority: DEBUG}
";

fn event() -> FactSet {
    let name = ("proc.name".to_owned(), Written::Text("cat".to_owned()));
    let pid = ("proc.pid".to_owned(), Written::I64(7));
    FactSet { event: "openat".to_owned(), fields: BTreeMap::from([name, pid]) }
}

fn plan(options: LoadOptions) -> Plan {
    plan_of(&files(&[RULES]), &LoadOptions { matching: RuleMatching::All, ..options })
}

fn step(choice: Choice, rules: RulePattern) -> Selection {
    Selection { choice, rules }
}

#[test]
fn rules_are_turned_on_and_off_in_order() {
    let cases: [(&[Selection], &[&str]); 4] = [
        (&[], &["first", "third"]),
        (
            &[step(Choice::Enable, RulePattern::Name("second".into()))],
            &["first", "third", "second"],
        ),
        (
            &[
                step(Choice::Disable, RulePattern::Part(String::new())),
                step(Choice::Enable, RulePattern::Tag("a".into())),
            ],
            &["first", "second"],
        ),
        (&[step(Choice::Disable, RulePattern::Name("*ir*".into()))], &[]),
    ];
    for (selection, expected) in cases {
        let options = LoadOptions { selection: selection.to_vec(), ..LoadOptions::default() };
        let plan = plan(options);
        assert_eq!(judged(&plan, &event()).0, expected, "{selection:?}");
        let on: Vec<_> = plan.rules().filter(|it| it.enabled).map(|it| it.name.as_ref()).collect();
        assert_eq!(on.len(), expected.len(), "{selection:?}");
    }
}

#[test]
fn rules_that_are_not_urgent_enough_stay_off() {
    let options = LoadOptions {
        minimum_priority: peregrine_rules::Priority::Notice,
        selection: vec![step(Choice::Enable, RulePattern::Name("*".into()))],
        ..LoadOptions::default()
    };
    assert_eq!(judged(&plan(options), &event()).0, ["first", "second"]);
}

fn rendered(additions: Vec<OutputAddition>) -> Vec<RenderedOutput> {
    let options =
        LoadOptions { suggested_output: false, append_output: additions, ..LoadOptions::default() };
    let plan = plan(options);
    let (mut scratch, mut matches) = (Scratch::new(), Matches::default());
    plan.evaluate(&event(), &mut scratch, &mut matches);
    let render = |rule| plan.output(rule).render(&event(), &mut scratch);
    matches.matched().iter().copied().map(render).collect()
}

#[test]
fn outputs_get_texts_and_fields_of_the_rules_that_are_meant() {
    let outputs = rendered(vec![
        OutputAddition { text: Some("name=%proc.name".into()), ..OutputAddition::default() },
        OutputAddition {
            rules: OutputMatch { tags: vec!["a".into()], ..OutputMatch::default() },
            text: Some("tagged".into()),
            fields: vec![
                ("proc.pid".into(), None),
                ("who".into(), Some("%proc.name[%proc.pid]".into())),
            ],
            ..OutputAddition::default()
        },
        OutputAddition {
            rules: OutputMatch { rule: Some("nobody".into()), ..OutputMatch::default() },
            text: Some("never".into()),
            ..OutputAddition::default()
        },
    ]);
    let messages: Vec<_> = outputs.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(messages, ["one name=cat tagged", "three name=cat"]);
    let fields: Vec<_> =
        outputs[0].fields.iter().map(|(name, value)| (&**name, value.clone())).collect();
    assert_eq!(
        fields,
        [
            ("proc.name", OutputValue::Text("cat".into())),
            ("proc.pid", OutputValue::I64(7)),
            ("who", OutputValue::Text("cat[7]".into())),
        ]
    );
}

#[test]
fn what_is_appended_must_be_right_for_the_rules_to_load() {
    let files = files(&[RULES]);
    let text = Some("%proc.nmae".to_owned());
    let addition = OutputAddition { text, ..OutputAddition::default() };
    let options = LoadOptions { append_output: vec![addition], ..LoadOptions::default() };
    let (plan, found) = peregrine_rules::load(&files, &options);
    assert!(plan.is_none());
    assert!(found[0].message.contains("proc.nmae"), "{found:?}");
}

#[test]
fn a_rule_of_the_users_is_tried_before_those_that_come_with_the_program() {
    let own = "- {rule: own, desc: d, condition: evt.type = openat, output: o, priority: NOTICE}";
    let files = files(&[RULES, own]);
    let options = LoadOptions { offering: vec![files[0].name.clone()], ..LoadOptions::default() };
    let plan = plan_of(&files, &options);
    assert_eq!(judged(&plan, &event()).0, ["own"]);
    let plan = plan_of(&files, &LoadOptions { matching: RuleMatching::All, ..options });
    assert_eq!(judged(&plan, &event()).0, ["own", "first", "third"]);
}

#[test]
fn fields_with_a_fixed_text_stand_in_conditions_and_outputs() {
    let rules = "
- {rule: here, desc: d, condition: evt.type = openat and static.team = core, output: 'of %static.teams', priority: NOTICE}
- {rule: there, desc: d, condition: evt.type = openat and not static.team in (core), output: o, priority: NOTICE}
";
    let static_fields = vec![("team".to_owned(), "core".to_owned())];
    let options = LoadOptions { static_fields, ..LoadOptions::default() };
    let plan = plan_of(&files(&[rules]), &options);
    assert_eq!(judged(&plan, &event()).0, ["here"]);
    let (mut scratch, mut matches) = (Scratch::new(), Matches::default());
    plan.evaluate(&event(), &mut scratch, &mut matches);
    let rendered = plan.output(matches.matched()[0]).render(&event(), &mut scratch);
    assert!(rendered.message.starts_with("of cores container_id="), "{}", rendered.message);
    assert!(rendered.message.ends_with(" static_team=core"), "{}", rendered.message);
    let team = rendered.fields.iter().find(|(name, _)| &**name == "static.team").unwrap();
    assert_eq!(team.1, OutputValue::Text("core".to_owned()));
}

#[test]
fn names_of_hosts_are_asked_for_by_rules_that_are_on_and_compare_with_them() {
    let rules = "
- {list: pools, items: [pool.example.org, '*.example.org', \"xmr.example.net\"]}
- {rule: in, desc: d, condition: evt.type = connect and fd.sip.name in (pools), output: o, priority: INFO}
- {rule: not, desc: d, condition: evt.type = connect and not fd.cip.name = a.example, output: o, priority: INFO}
- {rule: end, desc: d, condition: evt.type = connect and fd.sip.name endswith .example, output: o, priority: INFO}
- {rule: off, desc: d, condition: evt.type = connect and fd.rip.name != off.example, output: o, priority: INFO, enabled: false}
";
    let names = |text| {
        let plan = plan_of(&files(&[text]), &LoadOptions::default());
        plan.interest().host_names.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names(rules), ["a.example", "pool.example.org", "xmr.example.net"]);
    assert!(names(RULES).is_empty());
}

#[test]
fn bytes_are_written_as_text_or_as_base64() {
    let rules = "
- {rule: sent, desc: d, condition: evt.type = openat, output: '%evt.buffer', priority: INFO}
";
    let mut event = event();
    for (bytes, printable, base64) in [
        ("GET /\n", "GET /.", "R0VUIC8K"),
        ("ab", "ab", "YWI="),
        ("a", "a", "YQ=="),
        ("\u{0}\u{7f}~", "..~", "AH9+"),
    ] {
        let written = Written::Text(bytes.to_owned());
        event.fields.insert("evt.buffer".to_owned(), written);
        for (form, expected) in [(BytesForm::Printable, printable), (BytesForm::Base64, base64)] {
            let options =
                LoadOptions { bytes: form, suggested_output: false, ..LoadOptions::default() };
            let plan = plan_of(&files(&[rules]), &options);
            let rule = matched(&plan, &event).unwrap();
            let rendered = plan.output(rule).render(&event, &mut Scratch::new());
            assert!(rendered.message.ends_with(expected), "{rendered:?}");
            let (name, value) = &rendered.fields[0];
            assert_eq!(&**name, "evt.buffer");
            assert_eq!(*value, OutputValue::Text(expected.to_owned()));
        }
    }
}

fn matched(plan: &Plan, event: &FactSet) -> Option<peregrine_rules::RuleId> {
    let mut matches = Matches::default();
    plan.evaluate(event, &mut Scratch::new(), &mut matches);
    matches.matched().first().copied()
}

/// Whether a rule of this condition matches an open of a link, with such an option.
fn matches_link(condition: &str, resolved_names: ResolvedNames, is_built_in: bool) -> bool {
    let rule = format!(
        "- {{rule: r, desc: d, output: o, priority: INFO, warn_evttypes: false, condition: '{condition}'}}"
    );
    let offering = if is_built_in { vec![files(&[&rule])[0].name.clone()] } else { Vec::new() };
    let options = LoadOptions { resolved_names, offering, ..LoadOptions::default() };
    let text = |name: &str, text: &str| (name.to_owned(), Written::Text(text.to_owned()));
    let fields = BTreeMap::from([
        text("fd.name", "/tmp/link"),
        text("fd.directory", "/tmp"),
        text("fd.filename", "link"),
        text("fd.realpath", "/etc/shadow"),
        text("fd.realdirectory", "/etc"),
        text("fd.realfilename", "shadow"),
    ]);
    let event = FactSet { event: "openat".to_owned(), fields };
    judged(&plan_of(&files(&[&rule]), &options), &event).0 == ["r"]
}

#[test]
fn tests_of_names_look_at_the_resolved_path_too_where_they_are_told_to() {
    use ResolvedNames::{All, BuiltIn, Off};
    let whole = ["fd.name = /etc/shadow", "fd.name in (/etc/shadow)", "fd.filename = shadow"];
    let patterns = [
        "fd.name startswith /etc/",
        "fd.filename glob \"sha*\"",
        "fd.name pmatch (/etc)",
        "fd.directory = /etc",
    ];
    for condition in whole.into_iter().chain(patterns) {
        let is_whole = whole.contains(&condition);
        assert!(!matches_link(condition, Off, true), "{condition}");
        assert!(!matches_link(condition, BuiltIn, false), "{condition}");
        assert_eq!(matches_link(condition, BuiltIn, true), is_whole, "{condition}");
        assert!(matches_link(condition, All, false), "{condition}");
    }
}

#[test]
fn a_resolved_path_makes_a_rule_match_and_never_keeps_it_from_it() {
    for condition in [
        "evt.type = openat and not fd.name = /etc/shadow",
        "fd.name != /etc/shadow",
        "fd.name startswith /tmp and not fd.name startswith /etc",
        "not (fd.name startswith /etc or fd.directory = /etc)",
    ] {
        assert!(matches_link(condition, ResolvedNames::Off, false), "{condition}");
        assert!(matches_link(condition, ResolvedNames::All, false), "{condition}");
    }
    for condition in ["not fd.name = /tmp/link", "fd.name = /etc/shadow and fd.directory != /tmp"] {
        assert!(!matches_link(condition, ResolvedNames::All, false), "{condition}");
    }
    assert!(matches_link("not not fd.name = /etc/shadow", ResolvedNames::All, false));
}

#[test]
fn a_rule_is_not_skipped_for_what_the_configuration_adds() {
    let rules = files(&["- {rule: r, desc: d, condition: evt.type = open, output: '%proc.name', \
                         priority: INFO, skip-if-unknown-filter: true}"]);
    let added = |field: &str| {
        let addition =
            OutputAddition { fields: vec![(field.to_owned(), None)], ..OutputAddition::default() };
        let options = LoadOptions { append_output: vec![addition], ..LoadOptions::default() };
        let (plan, found) = load(&rules, &options);
        (plan.map(|plan| plan.rules().count()), found.iter().any(|it| it.is_error()))
    };
    assert_eq!(added("proc.pid"), (Some(1), false));
    assert_eq!(added("proc.nosuch"), (None, true));
}

#[test]
fn nobody_is_told_that_a_call_is_not_captured_where_it_is() {
    let rules =
        files(&["- {rule: r, desc: d, condition: evt.type = read, output: o, priority: INFO}"]);
    let warnings = |has_plain_io| {
        let options = LoadOptions { has_plain_io, ..LoadOptions::default() };
        load(&rules, &options).1.len()
    };
    assert_eq!((warnings(false), warnings(true)), (1, 0));
}
