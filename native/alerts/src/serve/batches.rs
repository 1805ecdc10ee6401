//! Peregrine's own service: batches with positions, and the daemon's self-metrics.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tonic::{Request, Response, Status};

use super::{Places, check_position, stopping};
use crate::cursor::{Cursor, Start};
use crate::encode::position;
use crate::journal::{Journal, Progress};
use crate::metrics::Metric;
use crate::queue::Capacity;
use crate::wire::peregrine::alerts::v1::alerts_server::Alerts;
use crate::wire::peregrine::alerts::v1::{
    AlertBatch, StatusRequest, StatusResponse, SubscribeRequest,
};

/// Alerts in a batch at most, whatever a client asks for.
const BATCH_LIMIT: u32 = 4096;
/// Alerts in a batch when the client leaves it to the daemon.
const BATCH_DEFAULT: u32 = 512;
/// Bytes after which a batch is closed; clients take 4 MiB in a message, an alert has at most 1.
const BATCH_BYTES: usize = 1 << 20;
/// How often a quiet stream says how far the journal is.
const QUIET: Duration = Duration::from_secs(10);

pub(crate) struct Batches {
    pub journal: Arc<Journal>,
    pub places: Places,
    /// All self-metrics of the daemon.
    pub metrics: Arc<dyn Fn() -> Vec<Metric> + Send + Sync>,
}

#[tonic::async_trait]
impl Alerts for Batches {
    type SubscribeStream = Pin<Box<dyn Stream<Item = Result<AlertBatch, Status>> + Send>>;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let request = request.into_inner();
        let place = self.places.take().map_err(|status| *status)?;
        let start = match request.resume_after {
            None => Start::Oldest,
            Some(position) => {
                check_position(&position).map_err(|status| *status)?;
                Start::After(position)
            }
        };
        let subscription = Subscription {
            cursor: Cursor::new(self.journal.clone(), &start),
            watch: self.journal.watch(),
            journal: self.journal.clone(),
            limit: batch_capacity(request.batch_limit),
            stage: Stage::First,
            _place: place,
        };
        Ok(Response::new(Box::pin(unfold(subscription, Subscription::step))))
    }

    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        Ok(Response::new(StatusResponse {
            hostname: self.journal.style.hostname.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            metrics: (self.metrics)().iter().map(Metric::to_wire).collect(),
        }))
    }
}

fn batch_capacity(asked: u32) -> Capacity {
    let items = if asked == 0 { BATCH_DEFAULT } else { asked.min(BATCH_LIMIT) };
    Capacity { items: items as usize, bytes: BATCH_BYTES }
}

enum Stage {
    /// The empty batch that says how far the journal is.
    First,
    Going,
    Ended,
}

struct Subscription {
    journal: Arc<Journal>,
    cursor: Cursor,
    watch: watch::Receiver<Progress>,
    limit: Capacity,
    stage: Stage,
    _place: OwnedSemaphorePermit,
}

impl Subscription {
    async fn step(mut self) -> Option<(Result<AlertBatch, Status>, Self)> {
        let item = match self.stage {
            Stage::Ended => return None,
            Stage::First => Ok(self.batch(Vec::new())),
            Stage::Going => self.next().await,
        };
        self.stage = if item.is_ok() { Stage::Going } else { Stage::Ended };
        Some((item, self))
    }

    async fn next(&mut self) -> Result<AlertBatch, Status> {
        loop {
            let progress = *self.watch.borrow_and_update();
            if !self.cursor.is_at_end() {
                let alerts = self.cursor.read(self.limit).await;
                self.journal.counters.delivered.add(alerts.len() as u64);
                return Ok(self.batch(alerts));
            }
            if progress.stopping {
                return Err(stopping());
            }
            match tokio::time::timeout(QUIET, self.watch.changed()).await {
                Err(_) => return Ok(self.batch(Vec::new())),
                Ok(changed) => changed.map_err(|_| stopping())?,
            }
        }
    }

    fn batch(&self, alerts: Vec<crate::wire::falco::outputs::Response>) -> AlertBatch {
        let newest = position(&self.journal.stream_id, self.journal.progress().newest);
        AlertBatch { alerts, newest: Some(newest) }
    }
}
