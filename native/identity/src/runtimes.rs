//! All runtimes of the machine, and the thread that talks to them.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use peregrine_world::{ContainerId, identity::News};
use tokio::sync::mpsc;

use crate::{
    asker::{self, Question},
    socket::Socket,
    watcher::{Listener, Source},
};

/// Questions that wait; with more, containers stay without names for a while.
const QUESTIONS: usize = 4096;

/// How a runtime stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Status {
    /// Its socket.
    pub socket: Socket,
    /// Its events are followed.
    pub is_connected: bool,
    /// Containers that were asked for, besides those that its events told of.
    pub n_questions: u64,
    /// Calls of all kinds to its API.
    pub n_calls: u64,
}

/// The handle of the thread. It ends with the process.
#[derive(Clone)]
pub struct Runtimes {
    sources: Arc<[Arc<Source>]>,
    questions: mpsc::Sender<Question>,
}

impl Runtimes {
    /// Starts to follow these sockets, whether they are there yet or not.
    pub fn start(
        sockets: Vec<Socket>,
        listener: impl Fn(News) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let sources: Arc<[_]> =
            sockets.into_iter().map(|socket| Arc::new(Source::new(socket))).collect();
        let (questions, asked) = mpsc::channel(QUESTIONS);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (followed, listener) = (Arc::clone(&sources), Arc::new(listener) as Listener);
        std::thread::Builder::new().name("identity".to_owned()).spawn(move || {
            runtime.block_on(async move {
                for source in followed.iter() {
                    tokio::spawn(Arc::clone(source).follow(Arc::clone(&listener)));
                }
                asker::run(followed, asked, listener).await;
            });
        })?;
        Ok(Self { sources, questions })
    }

    /// Asks who a container is, and does not wait: the listener hears the answer. False if nobody
    /// is there to answer.
    pub fn ask(&self, id: &ContainerId) -> bool {
        let question = Question::new(id);
        self.sources.iter().any(|source| question.fits(source))
            && self.questions.try_send(question).is_ok()
    }

    /// How the runtimes stand, those without a socket left out.
    pub fn status(&self) -> impl Iterator<Item = Status> {
        self.sources.iter().filter(|source| source.is_present()).map(|source| Status {
            socket: source.socket.clone(),
            is_connected: source.is_connected(),
            n_questions: source.n_questions.load(Ordering::Relaxed),
            n_calls: source.calls.number(),
        })
    }
}
