//! Events in, alerts out: keeps the world up to date, asks the plan, hands matches on.

use std::{sync::Arc, time::Duration};

use bumpalo::Bump;
use jiff::tz::TimeZone;
use peregrine_alerts::{Alert, FieldValue, Metric, Priority, Publisher};
use peregrine_capture::{Interest, Opens, Syscall, event::Event};
use peregrine_rules::{
    EventSet, EventType, Facts, FieldId, Matches, OutputValue, Plan, Rule, Scratch, StateId,
};
use peregrine_world::{
    Container, Process, SnapshotError, SnapshotStats, World,
    identity::{Identity, Standing},
};

use crate::{
    clock::{Clock, since_boot},
    containers::Containers,
    doctor,
    facts::{self, Context, EventTypes, History, Judged},
    floods::Fields,
    host_names::HostNames,
    interest,
    waiting::{Limits, Questions, Waiter, WaitingRoom},
};

/// Events that wait for a name at once, and their bytes: 2 s of a busy start of a node.
const WAITING: Limits = Limits { time: 0, events: 16_384, bytes: 64 << 20 };
/// Calls by which a process changes what it may.
const CHANGE_CAPABILITIES: [&str; 7] =
    ["capset", "setfsuid", "setns", "setresuid", "setreuid", "setuid", "unshare"];
/// Name of the field that says that the names of an alert's container are not known.
const IDENTITY: &str = "container.identity";

/// How many of what has passed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Events that came out of the lanes.
    pub events: u64,
    /// Of these, those with a text that was cut.
    pub truncated: u64,
    /// Those of whose memory something could not be read.
    pub unreadable: u64,
    /// Those whose arguments were changed while the call ran.
    pub mismatched: u64,
    /// Of all, those that some rule asks for.
    pub judged: u64,
    /// Alerts made.
    pub alerts: u64,
    /// Events that the filter in the kernel would have left out, told to check it.
    pub audited: u64,
    /// Of these, those that a rule matched all the same, which must not be.
    pub audit_mismatches: u64,
    /// Of these, those of a container whose names were not known.
    pub incomplete: u64,
}

/// What of that which rules ask for is captured.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// Calls that only move data, too.
    pub has_plain_io: bool,
    /// Opens that no rule can match stay in the kernel.
    pub is_on: bool,
    /// One in so many of what it leaves out is judged all the same; 0 for none.
    pub audit_every: u32,
}

/// Holds everything between two events.
pub struct Judge {
    world: World,
    containers: Containers,
    host_names: Option<HostNames>,
    waiting: WaitingRoom,
    rules: Ruleset,
    arena: Bump,
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
    questions: Arc<Questions>,
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
        identity_wait: Duration,
    ) -> Self {
        let context = Context {
            clock: Clock::now(),
            zone: TimeZone::system(),
            hostname,
            start: since_boot(),
            number: 0,
            history: History::default(),
            bytes: plan.bytes(),
            host_names: None,
        };
        let time = u64::try_from(identity_wait.as_nanos()).unwrap_or(u64::MAX);
        Self {
            world,
            containers: Containers::new(),
            host_names: None,
            waiting: WaitingRoom::new(Limits { time, ..WAITING }),
            arena: Bump::new(),
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
        let header = &event.header;
        self.counts.events += 1;
        self.counts.truncated += u64::from(header.flags.is_truncated());
        self.counts.unreadable += u64::from(header.flags.is_unreadable());
        self.counts.mismatched += u64::from(header.flags.is_mismatch());
        self.world.apply(event);
        let Some(event_type) = self.types.of(event) else { return };
        self.context.step(header.time);
        if !self.rules.wanted.contains(event_type) {
            return;
        }
        self.judge(event, event_type);
        if let Some(event) = facts::seen_by_child(event) {
            self.context.step(event.header.time);
            self.judge(&event, event_type);
        }
    }

    /// Tries the rules on an event that some of them ask for.
    fn judge(&mut self, event: &Event<'_>, event_type: EventType) {
        let header = &event.header;
        self.counts.judged += 1;
        let place = self.world.prepare(header.pid, header.start_time);
        let process = self.world.at(place);
        let version = self.containers.version();
        let standing = self.containers.standing(process.container(), header.time);
        let facts = Judged {
            event,
            event_type,
            process,
            standing,
            state: state(process, standing, version),
            world: &self.world,
            context: &self.context,
        };
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
        if matches!(standing, Standing::Waiting) {
            if self.matches.matched().is_empty() && self.matches.unknown().is_empty() {
                return;
            }
            self.arena.reset();
            let waiter = Waiter::new(&facts, &facts.place(), &self.rules.questions, &self.arena);
            return self.wait(waiter);
        }
        let mut desk = Desk {
            rules: &self.rules,
            scratch: &mut self.scratch,
            publisher: &self.publisher,
            counts: &mut self.counts,
        };
        desk.publish(&facts, &self.matches, standing, self.context.clock.epoch(header.time));
    }

    fn wait(&mut self, waiter: Waiter) {
        if self.waiting.is_full() {
            let container = waiter.container().clone();
            self.containers.give_up(&container, waiter.time);
            self.release(&container, waiter.time);
            self.judge_waiter(&waiter, &Standing::Incomplete);
        } else {
            self.waiting.enter(waiter);
        }
    }

    /// Takes in what container runtimes have told, and judges what has waited for it or long
    /// enough. To be called often; it costs next to nothing when there is nothing to do.
    pub fn settle(&mut self) {
        if let Some(table) = self.host_names.as_ref().and_then(HostNames::news) {
            self.context.host_names = Some(table);
        }
        let is_news = self.containers.take_news(since_boot());
        if self.waiting.is_empty() {
            return;
        }
        let now = since_boot();
        let is_late = self.waiting.time_left(now) == Some(0);
        if !is_news && !is_late {
            return;
        }
        for (container, is_due) in self.waiting.containers(now) {
            if is_due {
                self.containers.give_up(&container, now);
            }
            self.release(&container, now);
        }
    }

    /// Judges the events of a container that wait no longer.
    fn release(&mut self, container: &Container, now: u64) {
        let standing = self.containers.standing(container, now).clone();
        if matches!(standing, Standing::Waiting) {
            return;
        }
        for waiter in self.waiting.leave(container) {
            self.judge_waiter(&waiter, &standing);
        }
    }

    /// Judges all that wait, with what is known: for the end, and before the rules change.
    pub fn settle_all(&mut self) {
        let now = since_boot();
        self.containers.take_news(now);
        for (container, _) in self.waiting.containers(now) {
            self.containers.give_up(&container, now);
            self.release(&container, now);
        }
    }

    fn judge_waiter(&mut self, waiter: &Waiter, standing: &Standing) {
        let facts = waiter.with(standing, &self.context);
        self.rules.plan.evaluate(&facts, &mut self.scratch, &mut self.matches);
        let mut desk = Desk {
            rules: &self.rules,
            scratch: &mut self.scratch,
            publisher: &self.publisher,
            counts: &mut self.counts,
        };
        desk.publish(&facts, &self.matches, standing, self.context.clock.epoch(waiter.time));
    }

    /// How long the thread may sleep before something that waits is due.
    pub fn time_left(&self) -> Option<Duration> {
        self.waiting.time_left(since_boot()).map(Duration::from_nanos)
    }

    /// Where names of containers come from.
    pub fn containers_mut(&mut self) -> &mut Containers {
        &mut self.containers
    }

    /// How containers and what waits for them stand.
    pub fn identity_metrics(&self) -> Vec<Metric> {
        let [n_waiting, bytes, n_entered] = self.waiting.counts();
        let mut all = self.containers.metrics();
        all.extend([
            Metric::gauge(
                "peregrined_identity_waiting_events",
                "Events that wait for the name of their container.",
                n_waiting,
            ),
            Metric::gauge(
                "peregrined_identity_waiting_bytes",
                "Memory of the events that wait.",
                bytes,
            ),
            Metric::counter(
                "peregrined_identity_waited_events_total",
                "Events that had to wait for the name of their container.",
                n_entered,
            ),
            Metric::counter(
                "peregrined_identity_incomplete_alerts_total",
                "Alerts of a container whose names were not known.",
                self.counts.incomplete,
            ),
        ]);
        all
    }

    /// Who a process is, as fields of an alert: container, pod and its name.
    pub fn whose(&mut self, pid: u32, start_time: u64) -> Fields {
        let Some(process) = self.world.process(pid, start_time) else { return Fields::new() };
        let standing = self.containers.standing(process.container(), since_boot());
        let text = |bytes: &[u8]| FieldValue::Text(String::from_utf8_lossy(bytes).into_owned());
        let mut fields = vec![
            ("container.id".into(), text(process.container().short().as_bytes())),
            ("proc.name".into(), text(process.name())),
        ];
        add_identity(&mut fields, standing);
        fields
    }

    /// About once a second: clocks, and what ended long enough ago.
    pub fn tick(&mut self) {
        /// Longer than a record can wait in a lane while the daemon runs.
        const KEPT: u64 = 2_000_000_000;
        self.context.clock = Clock::now();
        let now = since_boot();
        self.world.reap(now.saturating_sub(KEPT));
        self.containers.forget(now);
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
        self.settle_all();
        let former = std::mem::replace(&mut self.rules, rules);
        self.context.bytes = self.rules.plan.bytes();
        self.ask_host_names();
        former
    }

    /// Has the names of hosts in rules looked up from now on.
    pub fn look_up_by(&mut self, host_names: HostNames) {
        self.host_names = Some(host_names);
        self.ask_host_names();
    }

    fn ask_host_names(&self) {
        if let Some(thread) = &self.host_names {
            thread.ask(&self.rules.plan.interest().host_names);
        }
    }

    /// How look-ups of names of hosts stand, where there are any.
    pub fn host_name_metrics(&self) -> impl Iterator<Item = Metric> {
        self.host_names.iter().flat_map(HostNames::metrics)
    }

    /// What the rules ask of capture, and what says where a process stands.
    pub fn interest(&self) -> Interest {
        Interest {
            calls: self.calls_of(&[&self.rules]),
            opens: if self.filter.is_on {
                interest::opens(&self.rules.plan)
            } else {
                Opens::default()
            },
            audit_every: self.filter.audit_every,
            streams: self.rules.has_field(FieldId::is_of_streams),
        }
    }

    /// What these rules ask as well, with every open: for the time of a change.
    pub fn interest_also_of(&self, rules: &Ruleset) -> Interest {
        let has_streams = |rules: &Ruleset| rules.has_field(FieldId::is_of_streams);
        Interest {
            calls: self.calls_of(&[&self.rules, rules]),
            streams: has_streams(&self.rules) || has_streams(rules),
            ..Interest::default()
        }
    }

    fn calls_of(&self, all: &[&Ruleset]) -> Vec<Syscall> {
        let is_captured = |event: &EventType| self.filter.has_plain_io || !event.is_plain_io();
        let wanted = all.iter().flat_map(|rules| rules.wanted.iter()).filter(is_captured);
        let mut calls = self.types.syscalls(&wanted.collect());
        let has_field = |is_it: fn(FieldId) -> bool| all.iter().any(|rules| rules.has_field(is_it));
        let told_by = [
            (true, &["chdir", "fchdir"][..]),
            (has_field(FieldId::is_of_capabilities), &CHANGE_CAPABILITIES),
            (has_field(FieldId::is_of_group_or_session), &["setsid", "setpgid"]),
            (has_field(FieldId::is_of_streams), &["dup", "dup2", "dup3"]),
        ];
        let told_by = told_by.iter().filter(|(is_needed, _)| *is_needed);
        calls.extend(told_by.flat_map(|(_, names)| *names).filter_map(|it| Syscall::from_name(it)));
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
        let questions = Questions::of(&plan);
        let interest = plan.interest();
        let wanted = interest.events.clone().union(&interest.left_out);
        Self { wanted, labels, questions, plan }
    }

    fn has_field(&self, is_it: fn(FieldId) -> bool) -> bool {
        self.plan.interest().fields.iter().any(|&field| is_it(field))
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

/// Makes alerts of matches.
struct Desk<'j> {
    rules: &'j Ruleset,
    scratch: &'j mut Scratch,
    publisher: &'j Publisher,
    counts: &'j mut Counts,
}

impl Desk<'_> {
    fn publish<F: Facts>(
        &mut self,
        facts: &F,
        matches: &Matches,
        standing: &Standing,
        time_ns: u64,
    ) {
        for &rule in matches.matched() {
            let rendered = self.rules.plan.output(rule).render(facts, self.scratch);
            let labels = &self.rules.labels[rule.index()];
            let fields = rendered.fields.into_iter();
            let mut fields = fields.map(|(name, value)| (name, field_value(value))).collect();
            add_identity(&mut fields, standing);
            self.publisher.publish(Alert {
                time_ns,
                priority: labels.priority,
                rule: Arc::clone(&labels.name),
                source: Arc::clone(&labels.source),
                message: rendered.message,
                fields,
                tags: Arc::clone(&labels.tags),
            });
            self.counts.alerts += 1;
            let is_doubtful = matches!(standing, Standing::Incomplete | Standing::Unverified);
            self.counts.incomplete += u64::from(is_doubtful);
        }
    }
}

/// The state of a process of which all is known that will be; `version` is that of the containers.
fn state(process: &Process, standing: &Standing, version: u64) -> Option<StateId> {
    let container = match standing {
        Standing::Host => 0,
        Standing::Known(_) => version + 1,
        Standing::Waiting | Standing::Incomplete | Standing::Unverified => return None,
    };
    (!process.is_placeholder()).then(|| StateId { process: process.revision(), container })
}

/// Adds who the container is, as far as the output has not named it, in the order of the names.
fn add_identity(fields: &mut Vec<(Arc<str>, FieldValue)>, standing: &Standing) {
    match standing {
        Standing::Host => {}
        Standing::Known(identity) => {
            for (name, value) in named(identity) {
                add_field(fields, name, value);
            }
        }
        Standing::Unverified => add_field(fields, IDENTITY, "unverified"),
        Standing::Incomplete | Standing::Waiting => add_field(fields, IDENTITY, "incomplete"),
    }
}

/// What an alert from a container always carries.
fn named(identity: &Identity) -> impl Iterator<Item = (&'static str, &str)> {
    let image = &identity.image;
    let pod = identity.pod.as_deref();
    let of_pod = pod.into_iter().flat_map(|pod| {
        [("k8s.ns.name", &pod.namespace), ("k8s.pod.name", &pod.name), ("k8s.pod.uid", &pod.uid)]
    });
    [
        ("container.name", &identity.name),
        ("container.image.repository", &image.repository),
        ("container.image.tag", &image.tag),
    ]
    .into_iter()
    .chain(of_pod)
    .map(|(name, text)| (name, text.as_str()))
    .filter(|(_, text)| !text.is_empty())
}

fn add_field(fields: &mut Vec<(Arc<str>, FieldValue)>, name: &str, value: &str) {
    if let Err(place) = fields.binary_search_by(|(known, _)| (**known).cmp(name)) {
        fields.insert(place, (name.into(), FieldValue::Text(value.to_owned())));
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
