//! The one thread that may load and attach programs. It goes on when the others have given that up:
//! a reload can widen the set of hooked system calls while events are judged.

use std::{
    io,
    sync::mpsc::{Receiver, Sender, TryRecvError, channel},
    thread::JoinHandle,
};

use anyhow::Context as _;
use peregrine_capture::{Capture, Counts, Flood, Interest, Lanes, LoadError, Newest, Settings};

use crate::lockdown::{Lockdown, Role};

/// The thread, from the outside. Dropping it detaches and unloads everything.
pub struct Attacher {
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
    /// The answer to the last question for the newest sequences.
    newest: Option<Receiver<Report>>,
}

enum Request {
    Interest(Interest, Sender<Attached>),
    Newest(Sender<Report>),
}

/// What the programs have told of themselves.
pub struct Report {
    /// The newest sequences.
    pub newest: Newest,
    /// What they have counted.
    pub counts: Counts,
    /// Cgroups whose events were held back.
    pub floods: Vec<Flood>,
}

/// Names of all attached hooks.
type Attached = Result<Vec<String>, LoadError>;

/// A change of the hooked calls that is under way.
#[derive(Debug)]
pub struct Change(Receiver<Attached>);

impl Change {
    /// Waits for it; gives the names of all attached hooks.
    pub fn wait(&self) -> anyhow::Result<Vec<String>> {
        self.0.recv().context("the thread that attaches programs has ended")?.map_err(Into::into)
    }

    /// The same without waiting: nothing while it is still under way.
    pub fn poll(&self) -> Option<anyhow::Result<Vec<String>>> {
        match self.0.try_recv() {
            Ok(attached) => Some(attached.map_err(Into::into)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                Some(Err(anyhow::anyhow!("the thread that attaches programs has ended")))
            }
        }
    }
}

impl Attacher {
    /// Loads the programs and attaches those of the life cycle, all on a new thread.
    pub fn start(settings: Settings, lockdown: Lockdown) -> anyhow::Result<(Self, Lanes)> {
        let (requests, received) = channel();
        let (send, loaded) = channel();
        let thread = std::thread::Builder::new().name("attach".to_owned());
        let thread = thread
            .spawn(move || match Capture::load(settings) {
                Ok((capture, lanes)) => {
                    lockdown.confine(Role::Attach);
                    if send.send(Ok(lanes)).is_ok() {
                        serve(capture, &received);
                    }
                }
                // Whoever asked has gone if nobody takes the answer.
                Err(error) => drop(send.send(Err(error))),
            })
            .context("start the thread that attaches programs")?;
        let lanes = loaded.recv().map_err(io::Error::other)??;
        Ok((Self { requests: Some(requests), thread: Some(thread), newest: None }, lanes))
    }

    /// Hooks these system calls and no others; new ones are attached before old ones go.
    pub fn set_interest(&self, interest: Interest) -> Change {
        let (answer, answered) = channel();
        self.request(Request::Interest(interest, answer));
        Change(answered)
    }

    /// What the programs had counted at the last call; asks for what they have now. What was
    /// given out then has long been in its lane when the caller looks there.
    pub fn report(&mut self) -> Option<Report> {
        let former = self.newest.take();
        let (answer, answered) = channel();
        self.request(Request::Newest(answer));
        self.newest = Some(answered);
        former.and_then(|former| former.try_recv().ok())
    }

    fn request(&self, request: Request) {
        // A thread that has ended shows where its answer is waited for.
        if self.requests.as_ref().is_none_or(|requests| requests.send(request).is_err()) {
            tracing::error!("the thread that attaches programs has ended");
        }
    }
}

impl Drop for Attacher {
    fn drop(&mut self) {
        drop(self.requests.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that attaches programs has panicked");
        }
    }
}

fn serve(mut capture: Capture, requests: &Receiver<Request>) {
    for request in requests {
        match request {
            Request::Interest(interest, answer) => {
                let attached = capture.set_interest(&interest).map(|()| capture.hooks());
                // Whoever asked may have stopped waiting; the next change tells what is attached.
                answer.send(attached).ok();
            }
            Request::Newest(answer) => {
                let counts = capture.counts();
                let floods = if counts.held_back > 0 { capture.floods() } else { Vec::new() };
                let report = Report { newest: capture.newest(), counts, floods };
                answer.send(report).ok();
            }
        }
    }
}
