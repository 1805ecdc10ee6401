//! Events in, alerts out: keeps the world up to date, asks the plan, hands matches on.

use std::sync::Arc;

use jiff::tz::TimeZone;
use peregrine_alerts::{Alert, FieldValue, Priority, Publisher};
use peregrine_capture::{Interest, Opens, Syscall, event::Event};
use peregrine_rules::{EventSet, EventType, Matches, OutputValue, Plan, Rule, Scratch};
use peregrine_world::{SnapshotError, SnapshotStats, World};

use crate::{
    clock::{Clock, since_boot},
    doctor,
    facts::{Context, EventTypes, Judged},
    interest,
};

/// How many of what has passed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Events that came out of the lanes.
    pub events: u64,
    /// Of these, those that some rule asks for.
    pub judged: u64,
    /// Alerts made.
    pub alerts: u64,
    /// Events that the filter in the kernel would have left out, told to check it.
    pub audited: u64,
    /// Of these, those that a rule matched all the same, which must not be.
    pub audit_mismatches: u64,
}

/// The filter in the kernel.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    pub is_on: bool,
    /// One in so many of what it leaves out is judged all the same; 0 for none.
    pub audit_every: u32,
}

/// Holds everything between two events.
pub struct Judge {
    world: World,
    rules: Ruleset,
    context: Context,
    types: EventTypes,
    publisher: Publisher,
    scratch: Scratch,
    matches: Matches,
    counts: Counts,
    filter: Filter,
}

/// A plan and what of it is needed for each alert, made ready.
pub struct Ruleset {
    plan: Plan,
    wanted: EventSet,
    labels: Vec<Labels>,
}

struct Labels {
    name: Arc<str>,
    source: Arc<str>,
    tags: Arc<[Arc<str>]>,
    priority: Priority,
}

impl Judge {
    /// Judges by this plan from now on.
    pub fn new(
        world: World,
        plan: Plan,
        types: EventTypes,
        hostname: Arc<str>,
        publisher: Publisher,
        filter: Filter,
    ) -> Self {
        let context = Context {
            clock: Clock::now(),
            zone: TimeZone::system(),
            hostname,
            start: since_boot(),
            number: 0,
        };
        Self {
            world,
            rules: Ruleset::new(plan),
            context,
            types,
            publisher,
            scratch: Scratch::default(),
            matches: Matches::default(),
            counts: Counts::default(),
            filter,
        }
    }

    /// Takes in one event.
    pub fn event(&mut self, event: &Event<'_>) {
        self.counts.events += 1;
        self.world.apply(event);
        let header = &event.header;
        let Some(event_type) = self.types.of(event) else { return };
        self.context.number += 1;
        if !self.rules.wanted.contains(event_type) {
            return;
        }
        self.counts.judged += 1;
        self.world.process_or_read(header.pid, header.start_time);
        self.world.refresh_users(header.pid, header.start_time);
        let process = self
            .world
            .process(header.pid, header.start_time)
            .unwrap_or_else(|| self.world.placeholder());
        let facts =
            Judged { event, event_type, process, world: &self.world, context: &self.context };
        self.rules.plan.evaluate(&facts, &mut self.scratch, &mut self.matches);
        if header.flags.is_audit() {
            self.counts.audited += 1;
            if !self.matches.matched().is_empty() {
                self.counts.audit_mismatches += 1;
                tracing::error!(
                    event = event_type.name(),
                    "the filter in the kernel would have left out an event that a rule matches: \
                     start with --no-filter, and tell us the rule",
                );
            }
        }
        for &rule in self.matches.matched() {
            let rendered = self.rules.plan.output(rule).render(&facts, &mut self.scratch);
            let labels = &self.rules.labels[rule.index()];
            self.publisher.publish(Alert {
                time_ns: self.context.clock.epoch(header.time),
                priority: labels.priority,
                rule: Arc::clone(&labels.name),
                source: Arc::clone(&labels.source),
                message: rendered.message,
                fields: rendered
                    .fields
                    .into_iter()
                    .map(|(name, value)| (name, field_value(value)))
                    .collect(),
                tags: Arc::clone(&labels.tags),
            });
            self.counts.alerts += 1;
        }
    }

    /// About once a second: clocks, and what ended long enough ago.
    pub fn tick(&mut self) {
        /// Longer than a record can wait in a lane while the daemon runs.
        const KEPT: u64 = 2_000_000_000;
        self.context.clock = Clock::now();
        self.world.reap(since_boot().saturating_sub(KEPT));
    }

    /// Reads the processes that run already.
    pub fn read_processes(&mut self) {
        report(self.world.snapshot());
    }

    /// Begins to read what lost events would have told.
    pub fn begin_heal(&mut self) {
        if let Err(error) = self.world.begin_heal() {
            report(Err(error));
        }
    }

    /// Goes on with it, if it was begun; to be called between events until it is over.
    pub fn heal_on(&mut self) {
        if let Some(found) = self.world.heal_on().transpose() {
            report(found);
        }
    }

    /// Judges by these rules from the next event on; gives back the former ones.
    pub fn replace(&mut self, rules: Ruleset) -> Ruleset {
        std::mem::replace(&mut self.rules, rules)
    }

    /// What the rules ask of capture, and what says where a process stands.
    pub fn interest(&self) -> Interest {
        Interest {
            calls: self.calls_of(&self.rules.wanted),
            opens: if self.filter.is_on {
                interest::opens(&self.rules.plan)
            } else {
                Opens::default()
            },
            audit_every: self.filter.audit_every,
        }
    }

    /// What these rules ask as well, with every open: for the time of a change.
    pub fn interest_also_of(&self, rules: &Ruleset) -> Interest {
        let wanted = self.rules.wanted.clone().union(&rules.wanted);
        Interest { calls: self.calls_of(&wanted), ..Interest::default() }
    }

    fn calls_of(&self, wanted: &EventSet) -> Vec<Syscall> {
        let mut calls = self.types.syscalls(wanted);
        calls.extend(["chdir", "fchdir"].into_iter().filter_map(Syscall::from_name));
        calls.sort_unstable();
        calls.dedup();
        calls
    }

    /// Event types that some rule names and that capture does not give.
    pub fn uncaptured(&self) -> Vec<&'static str> {
        let names = self.rules.plan.rules().filter(|rule| rule.enabled).fold(
            EventSet::empty(),
            // A rule that names no type asks for all of them; what there is will do.
            |all, rule| {
                if rule.event_types.len() > 100 { all } else { all.union(&rule.event_types) }
            },
        );
        names
            .iter()
            .filter(|event| event.is_syscall() && !self.types.contains(*event))
            .map(EventType::name)
            .collect()
    }

    /// How many rules may make alerts.
    pub fn n_rules(&self) -> usize {
        self.rules.plan.rules().filter(|rule| rule.enabled).count()
    }

    /// Wall time of a kernel time.
    pub fn clock(&self) -> Clock {
        self.context.clock
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    pub fn world(&self) -> &World {
        &self.world
    }
}

impl Ruleset {
    /// Makes a plan ready.
    pub fn new(plan: Plan) -> Self {
        let labels = plan.rules().map(Labels::new).collect();
        Self { wanted: plan.interest().events.clone(), labels, plan }
    }
}

impl Labels {
    fn new(rule: &Rule) -> Self {
        Self {
            name: Arc::clone(&rule.name),
            source: Arc::clone(&rule.source),
            tags: Arc::clone(&rule.tags),
            priority: Priority::ALL[rule.priority as usize],
        }
    }
}

fn report(found: Result<SnapshotStats, SnapshotError>) {
    match found {
        Ok(found) => {
            tracing::debug!(added = found.added, known = found.known, "processes read");
        }
        Err(error) => tracing::warn!(error = %doctor::chain(&error), "processes not read"),
    }
}

fn field_value(value: OutputValue) -> FieldValue {
    match value {
        OutputValue::Null => FieldValue::Null,
        OutputValue::Text(text) => FieldValue::Text(text),
        OutputValue::I64(number) => FieldValue::I64(number),
        OutputValue::U64(number) => FieldValue::U64(number),
        OutputValue::Bool(is_true) => FieldValue::Bool(is_true),
        OutputValue::F64(number) => FieldValue::F64(number),
        OutputValue::Formatted { number, text } => FieldValue::Formatted { number, text },
        OutputValue::List(values) => {
            FieldValue::List(values.into_iter().map(field_value).collect())
        }
    }
}
