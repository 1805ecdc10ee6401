//! The life of a connection to a runtime: wait for its socket, follow it, begin anew.

use std::{
    path::Path,
    sync::{
        Arc,
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

/// Receives what watchers and the asker find out.
pub type Listener = Arc<dyn Fn(News) + Send + Sync>;

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
    state: AtomicU8,
    pub n_calls: AtomicU64,
}

const ABSENT: u8 = 0;
const TRYING: u8 = 1;
const CONNECTED: u8 = 2;

impl Source {
    pub fn new(socket: Socket) -> Self {
        let client = match socket.kind {
            Kind::Docker | Kind::Podman => Client::Docker(Docker::new(socket.clone())),
            Kind::Containerd => Client::Containerd(Containerd::new(socket.clone())),
            Kind::Cri => Client::Cri(Cri::new(socket.clone())),
        };
        // Whether there is a socket is asked before the first event comes.
        let state = if socket.path.exists() { TRYING } else { ABSENT };
        Self { socket, client, state: AtomicU8::new(state), n_calls: AtomicU64::new(0) }
    }

    /// Is there a socket, so that an answer may come?
    pub fn is_present(&self) -> bool {
        self.state.load(Ordering::Relaxed) != ABSENT
    }

    /// Are its events followed?
    pub fn is_connected(&self) -> bool {
        self.state.load(Ordering::Relaxed) == CONNECTED
    }

    /// The container with this id, if the runtime has it.
    pub async fn find(&self, id: &str) -> Result<Option<Identity>, Failure> {
        self.n_calls.fetch_add(1, Ordering::Relaxed);
        match &self.client {
            Client::Docker(client) => client.find(id).await,
            Client::Containerd(client) => client.find(id).await,
            Client::Cri(client) => client.find(id).await,
        }
    }

    /// Follows the runtime for as long as the daemon runs.
    pub async fn follow(self: Arc<Self>, listener: Listener) {
        let sink = Sink { source: Arc::clone(&self), listener };
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

    pub fn known(&self, identity: Identity) {
        (self.listener)(News::Known(Arc::new(identity)));
    }

    pub fn gone(&self, id: &str) {
        (self.listener)(News::Gone(id.into()));
    }
}
