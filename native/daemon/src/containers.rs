//! Who containers are, for the judging thread: what is known, and how to ask for the rest.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::Context as _;
use peregrine_alerts::Metric;
use peregrine_capture::Waker;
use peregrine_identity::{Runtimes, Socket};
use peregrine_world::{
    Container, ContainerId,
    identity::{Bounds, Identities, News, Standing},
};

/// Containers that are known at once: a full node runs a few hundred, and those that ended stay
/// for a minute. Each takes 1 to 3 KiB, unless its user says much in its labels.
const BOUNDS: Bounds = Bounds { containers: 16_384, bytes: 64 << 20 };
/// Answers that wait to be taken; what does not fit is asked for again.
const NEWS: usize = 16_384;

/// The containers of the machine.
pub struct Containers {
    identities: Identities,
    following: Option<Following>,
}

struct Following {
    runtimes: Runtimes,
    news: Receiver<News>,
}

impl Containers {
    /// Knows no runtime yet: nobody waits for names.
    pub fn new() -> Self {
        Self { identities: Identities::new(BOUNDS), following: None }
    }

    /// Hears from these runtimes from now on. The waker ends the judging thread's sleep.
    pub fn follow(&mut self, sockets: Vec<Socket>, waker: Waker) -> anyhow::Result<()> {
        let (sender, news): (SyncSender<News>, _) = sync_channel(NEWS);
        let runtimes = Runtimes::start(sockets, move |news| {
            if sender.try_send(news).is_err() {
                tracing::debug!("news of a container dropped");
            }
            waker.wake();
        });
        let runtimes = runtimes.context("start the thread that asks container runtimes")?;
        self.following = Some(Following { runtimes, news });
        Ok(())
    }

    /// How far a container is known; asks its runtime if nobody has yet.
    pub fn standing(&mut self, container: &Container, now: u64) -> &Standing {
        let following = &self.following;
        let ask = |id: &ContainerId| following.as_ref().is_some_and(|it| it.runtimes.ask(id));
        self.identities.standing(container, now, ask)
    }

    /// See [`Identities::version`].
    pub fn version(&self) -> u64 {
        self.identities.version()
    }

    /// Takes in what the runtimes have told; says whether that was anything.
    pub fn take_news(&mut self, now: u64) -> bool {
        let Some(following) = &self.following else { return false };
        let mut is_any = false;
        for news in following.news.try_iter() {
            self.identities.learn(&news, now);
            is_any = true;
        }
        is_any
    }

    /// Nobody waits for this container any more, nor for those around it.
    pub fn give_up(&mut self, container: &Container, now: u64) {
        let mut next = container.id();
        while let Some(id) = next {
            self.identities.give_up(id, now);
            next = id.outer.as_deref();
        }
    }

    /// Forgets containers that ended long enough ago.
    pub fn forget(&mut self, now: u64) {
        self.identities.forget(now);
    }

    /// How many are known, and how the runtimes stand.
    pub fn metrics(&self) -> Vec<Metric> {
        let mut all = vec![
            Metric::gauge(
                "peregrined_identity_containers",
                "Containers that are known or asked for.",
                self.identities.len() as u64,
            ),
            Metric::gauge(
                "peregrined_identity_bytes",
                "Memory of what is known of containers.",
                self.identities.bytes() as u64,
            ),
            Metric::counter(
                "peregrined_identity_evictions_total",
                "Containers given up for want of room.",
                self.identities.n_evictions(),
            ),
        ];
        for status in self.following.iter().flat_map(|it| it.runtimes.status()) {
            let socket = status.socket.path.display().to_string();
            let label = |metric: Metric| {
                metric.label("runtime", status.socket.kind.as_str()).label("socket", &socket)
            };
            all.push(label(Metric::gauge(
                "peregrined_identity_runtime_connected",
                "1 while the runtime's events are followed.",
                u64::from(status.is_connected),
            )));
            all.push(label(Metric::counter(
                "peregrined_identity_questions_total",
                "Containers asked for that the runtime's events had not told of.",
                status.n_questions,
            )));
            all.push(label(Metric::counter(
                "peregrined_identity_calls_total",
                "Calls to the runtime's API.",
                status.n_calls,
            )));
        }
        all
    }
}
