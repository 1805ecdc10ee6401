//! The waiting room: events of containers whose names are on their way.
//!
//! An event waits only if some rule matches it, or may match it, and only for its own container.
//! What the rules can ask of it is copied, so that it needs neither the lanes nor the world any
//! more; what is left open is the container. Events of a container leave in the order in which they
//! came, when the name arrives or when the first of them has waited long enough.
//!
//! **Bounds:** [`Limits`]. What does not fit is judged at once with what is known.

use std::{collections::VecDeque, net::IpAddr, sync::Arc};

use bumpalo::Bump;
use peregrine_rules::{EventType, Facts, FieldRef, Plan, Value};
use peregrine_world::{Container, identity::Standing};
use rustc_hash::FxHashMap;

use crate::facts::{Context, Place, is_of_container};

/// How much may wait, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nanoseconds.
    pub time: u64,
    pub events: usize,
    pub bytes: usize,
}

/// The fields that a plan's rules ask for, but those of containers, each with its place.
pub struct Questions(FxHashMap<FieldRef, usize>);

impl Questions {
    pub fn of(plan: &Plan) -> Arc<Self> {
        let mut places = FxHashMap::default();
        for field in plan.fields().filter(|field| !is_of_container(field.id)) {
            let next = places.len();
            places.entry(field.clone()).or_insert(next);
        }
        Arc::new(Self(places))
    }
}

/// A value that needs nobody.
#[derive(Clone, Debug)]
enum Kept {
    Absent,
    Str(Box<[u8]>),
    I64(i64),
    U64(u64),
    Bool(bool),
    F64(f64),
    Ip(IpAddr),
    List(Box<[Kept]>),
}

impl Kept {
    fn new(value: Value<'_>) -> Self {
        match value {
            Value::Absent | Value::Unknown => Self::Absent,
            Value::Str(text) => Self::Str(text.into()),
            Value::I64(number) => Self::I64(number),
            Value::U64(number) => Self::U64(number),
            Value::Bool(is_true) => Self::Bool(is_true),
            Value::F64(number) => Self::F64(number),
            Value::Ip(address) => Self::Ip(address),
            Value::List(values) => Self::List(values.iter().copied().map(Self::new).collect()),
        }
    }

    fn value<'a>(&'a self, arena: &'a Bump) -> Value<'a> {
        match self {
            Self::Absent => Value::Absent,
            Self::Str(text) => Value::Str(text),
            Self::I64(number) => Value::I64(*number),
            Self::U64(number) => Value::U64(*number),
            Self::Bool(is_true) => Value::Bool(*is_true),
            Self::F64(number) => Value::F64(*number),
            Self::Ip(address) => Value::Ip(*address),
            Self::List(values) => Value::List(
                arena.alloc_slice_fill_iter(values.iter().map(|value| value.value(arena))),
            ),
        }
    }

    fn size(&self) -> usize {
        let inner = match self {
            Self::Str(text) => text.len(),
            Self::List(values) => values.iter().map(Self::size).sum(),
            _ => 0,
        };
        size_of::<Self>() + inner
    }
}

/// An event with all that rules can ask of it, but who its container is.
pub struct Waiter {
    questions: Arc<Questions>,
    answers: Box<[Kept]>,
    event_type: EventType,
    container: Container,
    pidns_start_time: u64,
    /// Of the event, since boot in ns.
    pub time: u64,
}

impl Waiter {
    /// Asks an event all that its rules may ask.
    pub fn new<F: Facts>(
        facts: &F,
        place: &Place<'_>,
        questions: &Arc<Questions>,
        arena: &Bump,
    ) -> Self {
        let mut answers = vec![Kept::Absent; questions.0.len()];
        for (field, &at) in &questions.0 {
            answers[at] = Kept::new(facts.value(field, arena));
        }
        Self {
            questions: Arc::clone(questions),
            answers: answers.into(),
            event_type: facts.event_type(),
            container: place.container.clone(),
            pidns_start_time: place.pidns_start_time,
            time: place.time,
        }
    }

    pub fn container(&self) -> &Container {
        &self.container
    }

    /// The event as it stands now that its container is known, or that it is not.
    pub fn with<'a>(&'a self, standing: &'a Standing, context: &'a Context) -> Resolved<'a> {
        let place = Place {
            container: &self.container,
            standing,
            pidns_start_time: self.pidns_start_time,
            time: self.time,
            context,
        };
        Resolved { waiter: self, place }
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.answers.iter().map(Kept::size).sum::<usize>()
    }
}

/// See [`Waiter::with`].
pub struct Resolved<'a> {
    waiter: &'a Waiter,
    pub place: Place<'a>,
}

impl Facts for Resolved<'_> {
    fn value<'a>(&'a self, field: &'a FieldRef, arena: &'a Bump) -> Value<'a> {
        if is_of_container(field.id) {
            return self.place.field(field, arena);
        }
        let at = self.waiter.questions.0.get(field);
        at.map_or(Value::Absent, |&at| self.waiter.answers[at].value(arena))
    }

    fn event_type(&self) -> EventType {
        self.waiter.event_type
    }
}

#[derive(Default)]
struct Queue {
    waiters: VecDeque<Waiter>,
    bytes: usize,
}

/// All that wait.
pub struct WaitingRoom {
    limits: Limits,
    queues: FxHashMap<Container, Queue>,
    n_waiting: usize,
    bytes: usize,
    /// Events that ever waited.
    n_entered: u64,
}

impl WaitingRoom {
    pub fn new(limits: Limits) -> Self {
        Self { limits, queues: FxHashMap::default(), n_waiting: 0, bytes: 0, n_entered: 0 }
    }

    /// Is there room for more? If not, the container's events have to leave first.
    pub fn is_full(&self) -> bool {
        self.n_waiting >= self.limits.events || self.bytes >= self.limits.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.n_waiting == 0
    }

    /// Events that wait now, their bytes, and events that ever waited.
    pub fn counts(&self) -> [u64; 3] {
        [self.n_waiting as u64, self.bytes as u64, self.n_entered]
    }

    pub fn enter(&mut self, waiter: Waiter) {
        let size = waiter.size();
        let queue = self.queues.entry(waiter.container.clone()).or_default();
        queue.waiters.push_back(waiter);
        queue.bytes += size;
        self.n_waiting += 1;
        self.bytes += size;
        self.n_entered += 1;
    }

    /// Containers that events wait for, and whether the first of them has waited long enough.
    pub fn containers(&self, now: u64) -> Vec<(Container, bool)> {
        let is_due = |queue: &Queue| {
            queue.waiters.front().is_some_and(|first| first.time + self.limits.time <= now)
        };
        self.queues.iter().map(|(container, queue)| (container.clone(), is_due(queue))).collect()
    }

    /// Nanoseconds until the first event that waits has waited long enough.
    pub fn time_left(&self, now: u64) -> Option<u64> {
        let first = self.queues.values().filter_map(|queue| queue.waiters.front());
        let due = first.map(|waiter| waiter.time + self.limits.time).min()?;
        Some(due.saturating_sub(now))
    }

    /// The events of a container leave, in the order in which they came.
    pub fn leave(&mut self, container: &Container) -> VecDeque<Waiter> {
        let Some(queue) = self.queues.remove(container) else { return VecDeque::new() };
        self.n_waiting -= queue.waiters.len();
        self.bytes -= queue.bytes;
        queue.waiters
    }
}
