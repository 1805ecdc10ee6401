//! Answers the daemon's questions: which runtime has this container?

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use peregrine_world::{ContainerId, Runtime, identity::News};
use tokio::sync::{Semaphore, mpsc};

use crate::watcher::{Listener, Source};

/// Questions that are worked on at once.
const AT_ONCE: usize = 64;
/// When "no such container" is asked again: some runtimes tell of a container a little after its
/// first process runs. Behind the last, it stands.
const AGAIN: [Duration; 3] =
    [Duration::from_millis(30), Duration::from_millis(150), Duration::from_millis(500)];

/// A container that the daemon wants to know.
#[derive(Debug)]
pub struct Question {
    pub id: Box<str>,
    pub runtime: Runtime,
    pub owner: Option<u32>,
}

impl Question {
    pub fn new(id: &ContainerId) -> Self {
        Self { id: id.full().into(), runtime: id.runtime, owner: id.owner }
    }

    /// May the answer come from here?
    pub fn fits(&self, source: &Source) -> bool {
        let socket = &source.socket;
        source.is_present()
            && socket.kind.may_have_made(self.runtime)
            && socket.owner() == self.owner
    }
}

enum Answer {
    Found(News),
    Nobody,
    Unreachable,
}

/// Takes questions until the daemon ends.
pub async fn run(
    sources: Arc<[Arc<Source>]>,
    mut questions: mpsc::Receiver<Question>,
    listener: Listener,
) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let open: Arc<Mutex<HashSet<Box<str>>>> = Arc::default();
    while let Some(question) = questions.recv().await {
        if !open.lock().unwrap_or_else(PoisonError::into_inner).insert(question.id.clone()) {
            continue;
        }
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (sources, open, listener) =
            (Arc::clone(&sources), Arc::clone(&open), Arc::clone(&listener));
        tokio::spawn(async move {
            listener(answer(&sources, &question).await);
            open.lock().unwrap_or_else(PoisonError::into_inner).remove(&question.id);
            drop(place);
        });
    }
}

async fn answer(sources: &[Arc<Source>], question: &Question) -> News {
    let mut again = AGAIN.into_iter();
    loop {
        match ask_all(sources, question).await {
            Answer::Found(news) => return news,
            Answer::Unreachable => return News::Unreachable(question.id.clone()),
            Answer::Nobody => match again.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return News::Nobody(question.id.clone()),
            },
        }
    }
}

/// The first that has it is right: ids are random, and each runtime knows its own.
async fn ask_all(sources: &[Arc<Source>], question: &Question) -> Answer {
    let fitting = sources.iter().filter(|source| question.fits(source));
    let mut calls: FuturesUnordered<_> = fitting.map(|source| source.find(&question.id)).collect();
    let mut answer = if calls.is_empty() { Answer::Unreachable } else { Answer::Nobody };
    while let Some(found) = calls.next().await {
        match found {
            Ok(Some(identity)) => return Answer::Found(News::Known(Arc::new(identity))),
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(%error, id = %question.id, "a runtime did not answer");
                answer = Answer::Unreachable;
            }
        }
    }
    answer
}
