//! What the kernel leaves out matches no rule: random conditions on random opens.
#![allow(clippy::unwrap_used)]

use bumpalo::Bump;
use peregrine_rules::{
    EventType, Facts, FieldId, FieldRef, LoadOptions, Matches, OpenClass, OpenNames, OpenNeed,
    Plan, ResolvedNames, RuleFile, Scratch, Value, is_unclean, load,
};
use proptest::prelude::*;

/// An open as the daemon would see it.
#[derive(Clone, Debug)]
struct Open {
    event: &'static str,
    class: OpenClass,
    name: &'static str,
    is_directory: bool,
    /// The file that was opened, which may be another than its name says.
    real: &'static str,
    process: &'static str,
}

const NAMES: [&str; 11] = [
    "/etc/shadow",
    "/etc/shadow.bak",
    "/etc",
    "/etc/",
    "/etc/../root/x",
    "/foo../bar",
    "/var/log/a//b",
    "/var/log/auth.log",
    "/root/.ssh/id",
    "/tmp/x",
    "/",
];

impl Open {
    /// As text, without the file system: what the daemon does with names.
    fn clean(&self) -> String {
        let mut parts = Vec::new();
        for part in self.name.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        format!("/{}", parts.join("/"))
    }

    fn flag(&self, of: bool) -> Value<'static> {
        Value::Bool(of && self.event != "creat")
    }
}

impl Facts for Open {
    fn value<'a>(&'a self, field: &'a FieldRef, arena: &'a Bump) -> Value<'a> {
        let clean = self.clean();
        let text = |text: &str| Value::Str(arena.alloc_str(text).as_bytes());
        match field.id {
            FieldId::FdName | FieldId::FsPathName => text(&clean),
            FieldId::FdNameraw | FieldId::EvtArg => text(self.name),
            FieldId::FdDirectory if self.is_directory && !self.class.failed => text(&clean),
            FieldId::FdDirectory => match clean.rfind('/') {
                None | Some(0) => text("/"),
                Some(slash) => text(&clean[..slash]),
            },
            FieldId::FdRealpath if !self.class.failed => text(self.real),
            FieldId::FdRealdirectory if !self.class.failed => match self.real.rfind('/') {
                _ if self.is_directory => text(self.real),
                None | Some(0) => text("/"),
                Some(slash) => text(&self.real[..slash]),
            },
            FieldId::FdRealfilename if !self.class.failed && !self.is_directory => {
                text(self.real.rsplit('/').next().unwrap())
            }
            FieldId::FdFilename if !self.class.failed && !self.is_directory => {
                text(clean.rsplit('/').next().unwrap())
            }
            FieldId::EvtIsOpenRead => self.flag(self.class.reads),
            FieldId::EvtIsOpenWrite => self.flag(self.class.writes),
            FieldId::EvtFailed => Value::Bool(self.class.failed),
            FieldId::EvtRes => text(if self.class.failed { "ENOENT" } else { "SUCCESS" }),
            FieldId::FdNum => Value::I64(if self.class.failed { -1 } else { 3 }),
            FieldId::ProcName => text(self.process),
            _ => Value::Absent,
        }
    }

    fn event_type(&self) -> EventType {
        EventType::from_name(self.event).unwrap()
    }
}

fn opens() -> impl Strategy<Value = Open> {
    (
        proptest::sample::select(&peregrine_rules::OPENS[..]),
        any::<[bool; 5]>(),
        proptest::sample::select(&NAMES[..]),
        proptest::sample::select(&["/etc/shadow", "/tmp/x", "/root/.ssh/id", "/x/shadow"][..]),
        proptest::sample::select(&["cat", "vi"][..]),
    )
        .prop_map(
            |(event, [reads, writes, creates, failed, is_directory], name, real, process)| Open {
                real,
                event,
                class: OpenClass { reads, writes, creates, failed },
                name,
                is_directory,
                process,
            },
        )
}

const TESTS: [&str; 29] = [
    "fd.realpath in (/etc/shadow, /var/x)",
    "fd.realpath startswith /root",
    "fd.realpath endswith /shadow",
    "fd.filename = id",
    "fd.filename in (shadow, x)",
    "fd.name = /etc/shadow",
    "fd.name != /etc/shadow",
    "fd.name in (/etc/shadow, /root/.ssh/id)",
    "fd.name startswith /etc",
    "fd.name startswith /etc/",
    "fd.name endswith .log",
    "fd.name contains \"../\"",
    "fd.nameraw contains \"../\"",
    "fd.name contains shadow",
    "fd.name pmatch (/etc, /var/log)",
    "fd.name pmatch (etc/*, /root)",
    "fd.name glob /var/*",
    "fd.name glob *shadow*",
    "fd.directory = /etc",
    "fd.directory in (/var/log, /)",
    "fd.directory startswith /root",
    "evt.arg.name startswith /etc/../",
    "fs.path.name startswith /tmp",
    "evt.is_open_read = true",
    "evt.is_open_write = true",
    "evt.failed = false",
    "fd.num >= 0",
    "evt.type in (open, creat)",
    "proc.name = cat",
];

fn conditions() -> impl Strategy<Value = String> {
    let leaf = proptest::sample::select(&TESTS[..]).prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |part| {
        prop_oneof![
            proptest::collection::vec(part.clone(), 2..4)
                .prop_map(|parts| format!("({})", parts.join(" and "))),
            proptest::collection::vec(part.clone(), 2..4)
                .prop_map(|parts| format!("({})", parts.join(" or "))),
            part.prop_map(|part| format!("(not {part})")),
        ]
    })
}

/// What stands behind the last slash.
fn last(name: &[u8]) -> &[u8] {
    name.rsplit(|byte| *byte == b'/').next().unwrap()
}

fn plan(conditions: &[String], resolved_names: ResolvedNames) -> Plan {
    let text: String = conditions
        .iter()
        .enumerate()
        .map(|(index, condition)| {
            format!(
                "- rule: r{index}\n  desc: d\n  output: o\n  priority: INFO\n  condition: >\n    \
                 evt.type in (open, openat, openat2, creat) and {condition}\n"
            )
        })
        .collect();
    let files = [RuleFile::from_bytes("random.yaml", text.as_bytes())];
    let offering = vec!["random.yaml".to_owned()];
    let options = LoadOptions { resolved_names, offering, ..LoadOptions::default() };
    let (plan, diagnostics) = load(&files, &options);
    plan.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_open_that_matches_is_one_that_the_kernel_lets_through(
        conditions in proptest::collection::vec(conditions(), 1..4),
        opens in proptest::collection::vec(opens(), 20),
        resolved_names in prop::sample::select(vec![
            ResolvedNames::Off, ResolvedNames::BuiltIn, ResolvedNames::All,
        ]),
    ) {
        let plan = plan(&conditions, resolved_names);
        let (mut scratch, mut matches) = (Scratch::default(), Matches::default());
        for open in opens {
            plan.evaluate(&open, &mut scratch, &mut matches);
            let need = plan.open_need(open.event_type(), open.class);
            let name = open.name.as_bytes();
            let is_another = !open.class.failed && last(name) != last(open.real.as_bytes());
            let passes = *need != OpenNeed::Nothing
                && (is_unclean(name) || is_another || need.allows(name));
            prop_assert!(
                passes || matches.matched().is_empty(),
                "{open:?} matches one of {conditions:?} but needs {need:?}"
            );
        }
    }
}

#[test]
fn rules_about_writing_do_not_need_files_that_are_read() {
    let plan = plan(
        &[
            "evt.is_open_write = true and fd.name startswith /etc".to_owned(),
            "evt.is_open_read = true and fd.num >= 0 and fd.name in (/etc/shadow)".to_owned(),
            "evt.is_open_read = true and fd.name contains \"../\"".to_owned(),
        ],
        ResolvedNames::Off,
    );
    let openat = EventType::from_name("openat").unwrap();
    let reading = OpenClass { reads: true, writes: false, creates: false, failed: false };
    let need = plan.open_need(openat, reading);
    assert!(need.allows(b"/etc/shadow"));
    assert!(!need.allows(b"/etc/hostname"));
    let writing = OpenClass { reads: false, writes: true, ..reading };
    assert!(plan.open_need(openat, writing).allows(b"/etc/hostname"));
    assert!(!plan.open_need(openat, writing).allows(b"/tmp/x"));
    let failed = OpenClass { failed: true, ..reading };
    assert_eq!(
        *plan.open_need(openat, failed),
        OpenNeed::Names(OpenNames::default()),
        "only names that are not clean"
    );
    let neither = OpenClass { reads: false, ..reading };
    assert_eq!(*plan.open_need(openat, neither), OpenNeed::Nothing);
}
