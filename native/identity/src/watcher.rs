//! The life of a connection to a runtime: wait for its socket, follow it, begin anew.

use std::{
    collections::HashSet,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use peregrine_world::identity::{Identity, News};

use crate::{
    Failure,
    containerd::Containerd,
    cri::Cri,
    docker::Docker,
    socket::{Kind, Socket},
};

/// How often a socket that is not there is looked for.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// Shortest and longest time between two attempts.
const BACKOFF: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// Containers whose end is looked for after a connection was lost.
const TOLD: usize = 16_384;

/// Receives what watchers and the asker find out.
pub type Listener = Arc<dyn Fn(News) + Send + Sync>;

/// Counts the calls to a runtime's API.
#[derive(Clone, Default)]
pub struct Calls(Arc<AtomicU64>);

impl Calls {
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn number(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// An answer to a question for a container.
pub enum Found {
    /// It is there.
    Is(Identity),
    /// It was removed, and is known by what was told of it before.
    Was(Identity),
}

impl Found {
    pub fn tell(self, listener: &Listener) {
        match self {
            Self::Is(identity) => listener(News::Known(Arc::new(identity))),
            Self::Was(identity) => {
                let id = identity.id.as_str().into();
                listener(News::Known(Arc::new(identity)));
                listener(News::Gone(id));
            }
        }
    }
}

/// A client of one of the runtimes.
pub enum Client {
    Docker(Docker),
    Containerd(Containerd),
    Cri(Cri),
}

/// A socket, its client, and how it stands.
pub struct Source {
    pub socket: Socket,
    pub client: Client,
    pub calls: Calls,
    state: AtomicU8,
    pub n_questions: AtomicU64,
}

const ABSENT: u8 = 0;
const TRYING: u8 = 1;
const CONNECTED: u8 = 2;

impl Source {
    pub fn new(socket: Socket) -> Self {
        let (calls, at) = (Calls::default(), socket.clone());
        let client = match socket.kind {
            Kind::Docker | Kind::Podman => Client::Docker(Docker::new(at, calls.clone())),
            Kind::Containerd => Client::Containerd(Containerd::new(at, calls.clone())),
            Kind::Cri => Client::Cri(Cri::new(at, calls.clone())),
        };
        // Whether there is a socket is asked before the first event comes.
        let state = if socket.path.exists() { TRYING } else { ABSENT };
        let state = AtomicU8::new(state);
        Self { socket, client, calls, state, n_questions: AtomicU64::new(0) }
    }

    /// Is there a socket, so that an answer may come?
    pub fn is_present(&self) -> bool {
        // It may be back, as after a restart, and nobody has looked yet.
        self.state.load(Ordering::Relaxed) != ABSENT || self.socket.path.exists()
    }

    /// Are its events followed?
    pub fn is_connected(&self) -> bool {
        self.state.load(Ordering::Relaxed) == CONNECTED
    }

    /// The container with this id, if the runtime has it.
    pub async fn find(&self, id: &str) -> Result<Option<Found>, Failure> {
        self.n_questions.fetch_add(1, Ordering::Relaxed);
        match &self.client {
            Client::Docker(client) => client.find(id).await,
            Client::Containerd(client) => client.find(id).await,
            Client::Cri(client) => client.find(id).await,
        }
    }

    /// Follows the runtime for as long as the daemon runs.
    pub async fn follow(self: Arc<Self>, listener: Listener) {
        let sink = Sink { source: Arc::clone(&self), listener, told: Mutex::default() };
        let mut pause = BACKOFF[0];
        let mut is_failure_told = false;
        loop {
            if !self.socket.path.exists() {
                self.state.store(ABSENT, Ordering::Relaxed);
                is_failure_told = false;
                tokio::time::sleep(LOOK_INTERVAL).await;
                continue;
            }
            self.state.store(TRYING, Ordering::Relaxed);
            let ended = match &self.client {
                Client::Docker(client) => client.watch(&sink).await,
                Client::Containerd(client) => client.watch(&sink).await,
                Client::Cri(client) => client.watch(&sink).await,
            };
            if self.state.swap(TRYING, Ordering::Relaxed) == CONNECTED {
                is_failure_told = false;
                pause = BACKOFF[0];
            }
            if let (Err(error), false) = (ended, is_failure_told) {
                self.tell_failure(&error);
                is_failure_told = true;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(BACKOFF[1]);
        }
    }

    fn tell_failure(&self, error: &Failure) {
        tracing::warn!(
            runtime = self.socket.kind.as_str(),
            socket = %self.socket.path.display(),
            %error,
            "container names are not to be had here; trying again"
        );
    }
}

/// Where a watcher tells what it sees.
pub struct Sink {
    source: Arc<Source>,
    listener: Listener,
    /// Containers that were told of and not yet of their end.
    told: Mutex<HashSet<Box<str>>>,
}

impl Sink {
    /// The runtime's events are being followed.
    pub fn connected(&self, n_containers: usize) {
        let source = &self.source;
        source.state.store(CONNECTED, Ordering::Relaxed);
        let path: &Path = &source.socket.path;
        tracing::info!(
            runtime = source.socket.kind.as_str(),
            socket = %path.display(),
            containers = n_containers,
            "container names come from"
        );
    }

    /// What was told of before and is not listed any more went while nobody listened.
    pub fn listed<'a>(&self, ids: impl Iterator<Item = &'a str>) {
        let listed: HashSet<&str> = ids.collect();
        let gone: Vec<_> =
            self.all_told().iter().filter(|id| !listed.contains(&***id)).cloned().collect();
        gone.iter().for_each(|id| self.gone(id));
    }

    pub fn found(&self, found: Found) {
        if let Found::Is(identity) = &found {
            self.told(identity.id.as_str());
        }
        found.tell(&self.listener);
    }

    /// The listener has heard of this container.
    pub fn told(&self, id: &str) {
        let mut told = self.all_told();
        if told.len() < TOLD {
            told.insert(id.into());
        }
    }

    pub fn gone(&self, id: &str) {
        self.all_told().remove(id);
        (self.listener)(News::Gone(id.into()));
    }

    fn all_told(&self) -> std::sync::MutexGuard<'_, HashSet<Box<str>>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
