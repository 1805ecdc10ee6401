//! How long rules take to load, and to judge an event that matches none of them: the default rules,
//! and 93 rules that are as many and as large as those that people have from elsewhere.
//!
//! The floor in the same run is the judgement of an event type that no rule asks for. Best of many
//! rounds, since whatever else the machine does only adds.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bumpalo::Bump;
use peregrine_rules::{
    EventType, Facts, FieldId, FieldRef, LoadOptions, Matches, Plan, RuleFile, Scratch, StateId,
    Value, load,
};

/// An event whose values lie ready, as those of the daemon mostly do.
#[derive(Clone)]
struct Event {
    event: EventType,
    by_id: Vec<Value<'static>>,
    state: Option<StateId>,
}

impl Facts for Event {
    fn value<'a>(&'a self, field: &'a FieldRef, _: &'a Bump) -> Value<'a> {
        self.by_id[field.id as usize]
    }

    fn event_type(&self) -> EventType {
        self.event
    }

    fn state(&self) -> Option<StateId> {
        self.state
    }
}

fn event(name: &str, values: &[(FieldId, Value<'static>)]) -> Event {
    let common = [
        (FieldId::EvtRawres, Value::I64(0)),
        (FieldId::ContainerId, Value::Str(b"3ad7b26ded6d")),
        (FieldId::ProcName, Value::Str(b"worker")),
        (FieldId::ProcPname, Value::Str(b"supervisor")),
        (FieldId::ProcCmdline, Value::Str(b"worker --queue main --concurrency 4")),
        (FieldId::ProcArgs, Value::Str(b"--queue main --concurrency 4")),
        (FieldId::ProcExepath, Value::Str(b"/usr/local/bin/worker")),
        (FieldId::ProcTty, Value::U64(0)),
        (FieldId::ProcIsExeUpperLayer, Value::Bool(false)),
        (FieldId::ProcIsExeFromMemfd, Value::Bool(false)),
        (FieldId::ProcAname, Value::List(&[Value::Str(b"supervisor"), Value::Str(b"systemd")])),
    ];
    let values: HashMap<_, _> = common.into_iter().chain(values.iter().copied()).collect();
    let value = |id| values.get(&id).copied().unwrap_or(Value::Absent);
    let by_id = FieldId::all().map(value).collect();
    let event = EventType::from_name(name).unwrap_or_else(|| panic!("no event type {name}"));
    Event { event, by_id, state: None }
}

/// As the daemon loads them; what it comes with has other settings than what people bring.
fn plan(texts: &[&str], is_built_in: bool) -> Plan {
    let file = |text: &&str| RuleFile { name: "rules.yaml".to_owned(), text: (*text).to_owned() };
    let files: Vec<_> = texts.iter().map(file).collect();
    let offering = if is_built_in { vec!["rules.yaml".to_owned()] } else { Vec::new() };
    let (plan, found) = load(&files, &LoadOptions { offering, ..LoadOptions::default() });
    plan.unwrap_or_else(|| panic!("the rules do not load: {found:#?}"))
}

/// 93 rules with about the shares of event types, fields and operators of public ones: 39 on exec, 26
/// on open, 10 on connect, 18 on others; each behind macros, with lists and exclusions.
fn many_rules() -> String {
    let mut text = String::from(MACROS);
    for list in 0..60 {
        let items: Vec<_> = (0..5 + list).map(|item| format!("word{list}x{item}")).collect();
        text += &format!("- {{list: words_{list}, items: [{}]}}\n", items.join(", "));
    }
    let heads = [
        (39, "spawned and container"),
        (26, "opened and container"),
        (10, "evt.type = connect and fd.typechar in (4, 6) and container"),
        (18, "evt.type in (unlink, rename, mkdir) and container"),
    ];
    let heads = heads.iter().flat_map(|(times, head)| std::iter::repeat_n(*head, *times));
    for (number, head) in heads.enumerate() {
        let (one, two, three) = (number % 60, (number + 17) % 60, (number + 31) % 60);
        let what = match number % 6 {
            0 => format!("proc.name in (words_{one})"),
            1 => format!("proc.cmdline contains -{number}x and proc.name in (words_{one})"),
            2 => format!("(fd.name startswith /etc/{number} or fd.name in (words_{one}))"),
            3 => format!("(fd.directory in (words_{one}) or fd.name endswith .{number})"),
            4 => format!("(proc.pname in (words_{one}) or proc.cmdline startswith run{number})"),
            _ => format!(
                "proc.cmdline contains anyof (a{number}, b{number}, c{number}, d{number}, e{number})"
            ),
        };
        let mut condition = format!(
            "{head} and {what} and not proc.name in (words_{two}) and not proc.pname in (words_{three}) \
             and not known_{number} and not (proc.aname[2] = a{number} and proc.cmdline contains z{number})"
        );
        if number % 4 == 0 {
            condition += &format!(" and not container.image.repository in (words_{three})");
        }
        text += &format!("- {{macro: known_{number}, condition: (evt.num = 0)}}\n");
        text += &format!(
            "- rule: Rule number {number}\n  desc: what rule {number} is for\n  priority: NOTICE\n  \
             tags: [container, process, T1059]\n  condition: >\n    {condition}\n  output: >\n    \
             Something happened | evt_type=%evt.type user=%user.name user_uid=%user.uid \
             process=%proc.name proc_exepath=%proc.exepath parent=%proc.pname command=%proc.cmdline \
             terminal=%proc.tty file=%fd.name\n"
        );
    }
    text
}

/// Given as an argument, the large set is printed, for whoever measures more with it.
const PRINT_RULES: &str = "--print-rules";

const MACROS: &str = "
- {macro: spawned, condition: \"evt.type in (execve, execveat) and evt.rawres = 0\"}
- {macro: opened, condition: \"evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.typechar = f and fd.num >= 0\"}
- {macro: container, condition: container.id != host}
";

fn best(rounds: usize, mut step: impl FnMut()) -> Duration {
    (0..rounds)
        .map(|_| {
            let start = Instant::now();
            step();
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn main() {
    if std::env::args().any(|it| it == PRINT_RULES) {
        print!("{}", many_rules());
        return;
    }
    let default = [
        include_str!("../../rulesets/peregrine_rules.yaml"),
        include_str!("../../rulesets/peregrine_incubating_rules.yaml"),
    ];
    println!("stable default rules");
    measure(&default[..1], true);
    println!("all default rules");
    measure(&default, true);
    println!("rules as many and as large as public ones");
    measure(&[&many_rules()], false);
}

fn measure(texts: &[&str], is_built_in: bool) {
    let loading = best(10, || {
        black_box(plan(black_box(texts), is_built_in));
    });
    let plan = plan(texts, is_built_in);
    println!("  load {} rules: {:.2} ms", plan.rules().len(), loading.as_secs_f64() * 1e3);
    const EVENTS: u32 = 10_000;
    let (mut scratch, mut matches) = (Scratch::new(), Matches::default());
    for (name, event) in events() {
        // An exec is the first event of what it begins.
        let again = Some(StateId { process: 1, container: 0 }).filter(|_| name != "execve");
        let [first, later] = [None, again].map(|state| {
            let event = Event { state, by_id: event.by_id.clone(), ..event };
            let took = best(50, || {
                for _ in 0..EVENTS {
                    plan.evaluate(black_box(&event), &mut scratch, &mut matches);
                    assert!(black_box(matches.matched()).is_empty());
                }
            });
            took.as_secs_f64() * 1e9 / f64::from(EVENTS)
        });
        let rules = plan.n_rules_for(event.event);
        print!("  {name}: {first:.0} ns an event, {rules} rules");
        match again {
            Some(_) => println!("; {later:.0} ns of a process that did more of the kind before"),
            None => println!(),
        }
    }
}

fn events() -> [(&'static str, Event); 4] {
    let file = [
        (FieldId::EvtIsOpenRead, Value::Bool(true)),
        (FieldId::EvtIsOpenWrite, Value::Bool(false)),
        (FieldId::FdTypechar, Value::Str(b"f")),
        (FieldId::FdNum, Value::I64(7)),
        (FieldId::FdName, Value::Str(b"/srv/app/lib/module.so")),
        (FieldId::FdNameraw, Value::Str(b"lib/module.so")),
        (FieldId::FdDirectory, Value::Str(b"/srv/app/lib")),
        (FieldId::FdFilename, Value::Str(b"module.so")),
        (FieldId::FdRealpath, Value::Str(b"/srv/app/lib/module.so")),
    ];
    let address = Value::Ip([93, 184, 216, 34].into());
    let socket = [
        (FieldId::FdTypechar, Value::Str(b"4")),
        (FieldId::FdSip, address),
        (FieldId::FdSnet, address),
    ];
    [
        ("close (floor: few rules ask for it)", event("close", &[])),
        ("openat", event("openat", &file)),
        ("execve", event("execve", &[])),
        ("connect", event("connect", &socket)),
    ]
}
