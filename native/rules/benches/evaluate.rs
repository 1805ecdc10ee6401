//! How long the default rules take to load, and to judge an event that matches none of them.
//!
//! The floor in the same run is the judgement of an event type that no rule asks for. Best of many
//! rounds, since whatever else the machine does only adds.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bumpalo::Bump;
use peregrine_rules::{
    EventType, Facts, FieldId, FieldRef, LoadOptions, Matches, Plan, RuleFile, Scratch, Value, load,
};

/// An event whose values lie ready, as those of the daemon mostly do.
struct Event {
    event: EventType,
    by_id: Vec<Value<'static>>,
}

impl Facts for Event {
    fn value<'a>(&'a self, field: &'a FieldRef, _: &'a Bump) -> Value<'a> {
        self.by_id[field.id as usize]
    }

    fn event_type(&self) -> EventType {
        self.event
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
    Event { event, by_id }
}

fn plan(text: &str) -> Plan {
    let files = [RuleFile { name: "peregrine_rules.yaml".to_owned(), text: text.to_owned() }];
    let (plan, found) = load(&files, &LoadOptions::default());
    plan.unwrap_or_else(|| panic!("the default rules do not load: {found:#?}"))
}

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
    let text = include_str!("../../rulesets/peregrine_rules.yaml");
    let loading = best(20, || {
        black_box(plan(black_box(text)));
    });
    let plan = plan(text);
    println!("load {} rules: {:.2} ms", plan.rules().len(), loading.as_secs_f64() * 1e3);
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
    let cases = [
        ("close (floor: no rule asks for it)", event("close", &[])),
        ("openat", event("openat", &file)),
        ("execve", event("execve", &[])),
        ("connect", event("connect", &socket)),
    ];
    const EVENTS: u32 = 10_000;
    let (mut scratch, mut matches) = (Scratch::new(), Matches::default());
    for (name, event) in &cases {
        let took = best(50, || {
            for _ in 0..EVENTS {
                plan.evaluate(black_box(event), &mut scratch, &mut matches);
                assert!(black_box(matches.matched()).is_empty());
            }
        });
        let rules = plan.n_rules_for(event.event);
        let each = took.as_secs_f64() * 1e9 / f64::from(EVENTS);
        println!("{name}: {each:.0} ns an event, {rules} rules");
    }
}
