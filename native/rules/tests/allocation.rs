//! Evaluation allocates nothing after warm-up.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use peregrine_rules::{LoadOptions, Matches, RuleMatching, Scratch};
use support::{FactSet, files, plan_of, rule_of};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    // A thread that ends has no counter any more; it is not the one under test.
    COUNT.try_with(|count| count.set(count.get() + 1)).unwrap_or_default();
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`, which is the same here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above, and so from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as for `dealloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Conditions that make texts on the fly, besides the default rules.
const CONDITIONS: [&str; 4] = [
    "evt.type = open and tolower(fd.name) startswith /etc and proc.name in (a, b, c, d, e, f)",
    "evt.type = open and fd.name pmatch (/etc, /var/*/x) and not proc.aname in (sshd, login)",
    "evt.type = open and proc.cmdline regex \"cat [a-z/]+\" and join(\"-\", (proc.name, proc.pname)) contains -",
    "evt.type = open and proc.cmdline icontains PASS or fd.name glob \"/e*/shadow\" and b64(proc.args) exists",
];

const EVENTS: &str = r#"
- {event: open, fields: {fd.name: /ETC//shadow, proc.name: a, proc.pname: sh, proc.cmdline: cat /etc/shadow, proc.aname: [sh, init], proc.args: YWJj}}
- {event: open, fields: {fd.name: /etc/shadow, proc.name: z, proc.cmdline: "cat \u00e9", proc.aname: [sh, sshd]}}
- {event: close, fields: {fd.name: /etc/shadow}}
- {event: open, fields: {}}
"#;

#[test]
fn judging_allocates_nothing_after_warm_up() {
    let default_rules = include_str!("../../rulesets/peregrine_rules.yaml");
    let options = LoadOptions { matching: RuleMatching::All, ..LoadOptions::default() };
    let rules: String = CONDITIONS
        .iter()
        .enumerate()
        .map(|(index, it)| rule_of(it).replace("rule: case", &format!("rule: case {index}")))
        .collect();
    let plan = plan_of(&files(&[&rules, default_rules]), &options);
    let events: Vec<FactSet> = serde_saphyr::from_str(EVENTS).expect("the events are YAML");
    let (mut scratch, mut matches) = (Scratch::new(), Matches::default());
    let mut judge_all = || {
        events
            .iter()
            .map(|event| {
                plan.evaluate(event, &mut scratch, &mut matches);
                matches.matched().len()
            })
            .sum::<usize>()
    };
    for _ in 0..3 {
        assert_eq!(judge_all(), 2);
    }
    let before = COUNT.with(Cell::get);
    for _ in 0..100 {
        judge_all();
    }
    assert_eq!(COUNT.with(Cell::get) - before, 0);
}
