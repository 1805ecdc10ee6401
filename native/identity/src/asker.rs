//! Answers the daemon's questions: which runtime has this container?

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use peregrine_world::{ContainerId, Runtime, identity::News};
use tokio::sync::{Semaphore, mpsc};

use crate::{
    Failure,
    http::CALL_LIMIT,
    watcher::{Found, Listener, Source},
};

/// Questions that are worked on at once.
const AT_ONCE: usize = 64;
/// When "no such container" is asked again: some runtimes tell of a container a little after its
/// first process runs. Behind the last, it stands.
const AGAIN: [Duration; 3] =
    [Duration::from_millis(30), Duration::from_millis(150), Duration::from_millis(500)];

/// When a runtime whose connection broke is asked again, for as long as one call may take.
const RETRY: Duration = Duration::from_millis(100);

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
    Found(Found),
    Nobody,
    /// It is there no more, and nothing was told of it.
    Removed,
    /// A connection broke, as while a runtime restarts.
    Broken,
    /// There is no socket that could know.
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
            match answer(&sources, &question).await {
                Answer::Found(found) => found.tell(&listener),
                Answer::Nobody => listener(News::Nobody(question.id.clone())),
                Answer::Removed | Answer::Broken | Answer::Unreachable => {
                    listener(News::Unreachable(question.id.clone()));
                }
            }
            open.lock().unwrap_or_else(PoisonError::into_inner).remove(&question.id);
            drop(place);
        });
    }
}

async fn answer(sources: &[Arc<Source>], question: &Question) -> Answer {
    let begun = Instant::now();
    let mut again = AGAIN.into_iter();
    loop {
        let answer = ask_all(sources, question).await;
        let pause = match answer {
            Answer::Nobody => again.next(),
            Answer::Broken => Some(RETRY).filter(|_| begun.elapsed() < CALL_LIMIT),
            _ => None,
        };
        match pause {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return answer,
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
            Ok(Some(found)) => return Answer::Found(found),
            Ok(None) => {}
            Err(Failure::Removed) => answer = Answer::Removed,
            Err(error) => {
                tracing::debug!(%error, id = %question.id, "a runtime did not answer");
                answer = Answer::Broken;
            }
        }
    }
    answer
}
