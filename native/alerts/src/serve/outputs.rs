//! Falco's outputs service: `sub` and `get`.
//!
//! Standard clients know no positions, so they share one: it moves when an alert is handed to
//! the transport. A request may carry `resume_after`, and then the stream has a position of its
//! own and leaves the shared one alone.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tonic::{Request, Response, Status, Streaming};

use super::{Places, check_position, stopping};
use crate::cursor::{Cursor, Start};
use crate::journal::{Journal, Progress};
use crate::queue::Capacity;
use crate::wire::falco::outputs as wire;
use crate::wire::falco::outputs::service_server::Service;

/// Alerts that a stream reads at once. One message of the wire holds one alert.
const READ: Capacity = Capacity { items: 64, bytes: 256 << 10 };
/// How long a client may take to say whether it resumes; one that says nothing is a standard one.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

pub(crate) struct Outputs {
    pub journal: Arc<Journal>,
    pub places: Places,
}

type Alerts = Pin<Box<dyn Stream<Item = Result<wire::Response, Status>> + Send>>;

#[tonic::async_trait]
impl Service for Outputs {
    type subStream = Alerts;
    type getStream = Alerts;

    async fn sub(
        &self,
        request: Request<Streaming<wire::Request>>,
    ) -> Result<Response<Alerts>, Status> {
        let place = self.places.take().map_err(|status| *status)?;
        let sub = Sub {
            watch: self.journal.watch(),
            journal: self.journal.clone(),
            requests: Some(request.into_inner()),
            reading: None,
            ended: false,
            _place: place,
        };
        Ok(Response::new(Box::pin(unfold(sub, Sub::step))))
    }

    async fn get(&self, request: Request<wire::Request>) -> Result<Response<Alerts>, Status> {
        let place = self.places.take().map_err(|status| *status)?;
        let get = Get {
            end: self.journal.progress().newest,
            reading: Reading::new(&self.journal, request.into_inner())?,
            journal: self.journal.clone(),
            _place: place,
        };
        Ok(Response::new(Box::pin(unfold(get, Get::step))))
    }
}

/// A cursor and what was read with it but not handed over yet.
struct Reading {
    cursor: Cursor,
    waiting: VecDeque<wire::Response>,
    standard: bool,
}

impl Reading {
    fn new(journal: &Arc<Journal>, request: wire::Request) -> Result<Self, Status> {
        let start = match request.resume_after {
            None => Start::Standard,
            Some(position) => {
                check_position(&position).map_err(|status| *status)?;
                Start::After(position)
            }
        };
        let cursor = Cursor::new(journal.clone(), &start);
        Ok(Self { cursor, waiting: VecDeque::new(), standard: start == Start::Standard })
    }

    /// The next alert; none if none is there now.
    async fn next(&mut self, journal: &Journal) -> Option<wire::Response> {
        if self.waiting.is_empty() && !self.cursor.is_at_end() {
            self.waiting = self.cursor.read(READ).await.into();
        }
        let alert = self.waiting.pop_front()?;
        if let Some(position) = alert.position.as_ref().filter(|_| self.standard) {
            journal.advance_standard(position.sequence);
        }
        journal.counters.delivered.add(1);
        Some(alert)
    }
}

struct Get {
    journal: Arc<Journal>,
    reading: Reading,
    /// What was newest when the call came: `get` ends there, however fast more comes.
    end: u64,
    _place: OwnedSemaphorePermit,
}

impl Get {
    async fn step(mut self) -> Option<(Result<wire::Response, Status>, Self)> {
        if self.reading.waiting.is_empty() && self.reading.cursor.is_behind(self.end) {
            return None;
        }
        let alert = self.reading.next(&self.journal).await?;
        Some((Ok(alert), self))
    }
}

struct Sub {
    journal: Arc<Journal>,
    watch: watch::Receiver<Progress>,
    /// The client's side of the stream; none when it has ended.
    requests: Option<Streaming<wire::Request>>,
    reading: Option<Reading>,
    ended: bool,
    _place: OwnedSemaphorePermit,
}

/// What a waiting `sub` wakes for.
enum Woken {
    Progress,
    Request(Result<Option<wire::Request>, Status>),
}

impl Sub {
    async fn step(mut self) -> Option<(Result<wire::Response, Status>, Self)> {
        if self.ended {
            return None;
        }
        let item = self.next().await.transpose()?;
        self.ended = item.is_err();
        Some((item, self))
    }

    /// The next alert; none at the end of the stream.
    async fn next(&mut self) -> Result<Option<wire::Response>, Status> {
        let mut reading = match self.reading.take() {
            Some(reading) => reading,
            None => self.begin().await?,
        };
        let next = self.wait(&mut reading).await;
        self.reading = Some(reading);
        next
    }

    /// The first request says where to begin.
    async fn begin(&mut self) -> Result<Reading, Status> {
        let first = match &mut self.requests {
            None => None,
            Some(requests) => match tokio::time::timeout(FIRST_REQUEST, requests.message()).await {
                Err(_) => None,
                Ok(first) => {
                    let first = first?;
                    if first.is_none() {
                        self.requests = None;
                    }
                    first
                }
            },
        };
        Reading::new(&self.journal, first.unwrap_or_default())
    }

    async fn wait(&mut self, reading: &mut Reading) -> Result<Option<wire::Response>, Status> {
        loop {
            let progress = *self.watch.borrow_and_update();
            if let Some(alert) = reading.next(&self.journal).await {
                return Ok(Some(alert));
            }
            if progress.stopping {
                return Err(stopping());
            }
            // A client that has closed its side gets what waits, and then the end.
            let Some(requests) = &mut self.requests else { return Ok(None) };
            let woken = tokio::select! {
                changed = self.watch.changed() => {
                    changed.map_err(|_| stopping())?;
                    Woken::Progress
                }
                request = requests.message() => Woken::Request(request),
            };
            match woken {
                Woken::Progress => {}
                Woken::Request(Ok(None)) => self.requests = None,
                Woken::Request(Ok(Some(request))) => check_heartbeat(&request)?,
                Woken::Request(Err(status)) => return Err(status),
            }
        }
    }
}

fn check_heartbeat(request: &wire::Request) -> Result<(), Status> {
    if request.resume_after.is_some() {
        return Err(Status::failed_precondition(
            "resume_after came after the stream began: send it in the first request",
        ));
    }
    Ok(())
}
