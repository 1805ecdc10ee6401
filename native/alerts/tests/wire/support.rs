//! What the wire tests share: a service in a folder of its own, alerts, and connections.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use peregrine_alerts::wire::falco::outputs::service_client::ServiceClient;
use peregrine_alerts::wire::falco::outputs::{Request, Response};
use peregrine_alerts::wire::peregrine::alerts::v1::alerts_client::AlertsClient;
use peregrine_alerts::wire::peregrine::alerts::v1::{AlertBatch, SubscribeRequest};
use peregrine_alerts::{
    Alert, AlertService, FieldValue, Format, JournalConfig, Priority, ServiceConfig,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

/// No test waits longer for a thing that should happen at once.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn config(folder: &Path) -> ServiceConfig {
    ServiceConfig {
        hostname: "node-1".to_owned(),
        journal: JournalConfig::new(folder.join("alerts.redb")),
        unix_socket: Some(socket(folder)),
        socket_group: None,
        tcp: None,
        stdout: Format::Off,
        file: None,
        http: None,
        syslog: Format::Off,
        line: peregrine_alerts::LineOptions::default(),
        json_output: false,
        status: Arc::new(Vec::new),
    }
}

pub fn start(folder: &Path) -> AlertService {
    AlertService::start(config(folder)).unwrap()
}

pub fn socket(folder: &Path) -> PathBuf {
    folder.join("alerts.sock")
}

pub fn alert(number: u64) -> Alert {
    Alert {
        time_ns: 1_700_000_000_123_456_789 + number,
        priority: Priority::Warning,
        rule: "Curl run".into(),
        source: "syscall".into(),
        message: format!("alert {number}"),
        fields: vec![
            ("proc.name".into(), FieldValue::Text("curl".into())),
            ("proc.pid".into(), FieldValue::I64(42)),
            ("k8s.ns.name".into(), FieldValue::Null),
        ],
        tags: ["network".into(), "mitre".into()].into(),
    }
}

pub fn publish(service: &AlertService, numbers: impl IntoIterator<Item = u64>) {
    let publisher = service.publisher();
    numbers.into_iter().for_each(|number| publisher.publish(alert(number)));
}

/// The number of an alert made by `alert`.
pub fn number(response: &Response) -> u64 {
    let number = response.output.rsplit(' ').next().unwrap();
    number.parse().unwrap_or_else(|_| panic!("no number in {response:?}"))
}

pub fn sequence(response: &Response) -> u64 {
    response.position.as_ref().unwrap().sequence
}

pub async fn connect(folder: &Path) -> Channel {
    let path = socket(folder);
    let connect = tower::service_fn(move |_| {
        let path = path.clone();
        async move { tokio::net::UnixStream::connect(path).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://unix").connect_with_connector(connect).await.unwrap()
}

/// A `sub` and its sending side, which ends the stream when dropped.
pub struct Sub {
    pub requests: mpsc::Sender<Request>,
    pub alerts: Streaming<Response>,
}

impl Sub {
    /// Opens a stream in the old manner: an empty request first.
    pub async fn open(channel: Channel) -> Self {
        Self::open_with(channel, Request::default()).await
    }

    pub async fn open_with(channel: Channel, first: Request) -> Self {
        let (requests, stream) = mpsc::channel(4);
        requests.send(first).await.unwrap();
        let mut client = ServiceClient::new(channel);
        let alerts = client.sub(ReceiverStream::new(stream)).await.unwrap().into_inner();
        Self { requests, alerts }
    }

    pub async fn next(&mut self) -> Response {
        within(self.alerts.message()).await.unwrap().expect("the stream goes on")
    }

    pub async fn take(&mut self, count: usize) -> Vec<Response> {
        let mut taken = Vec::new();
        while taken.len() < count {
            taken.push(self.next().await);
        }
        taken
    }

    pub async fn numbers(&mut self, count: usize) -> Vec<u64> {
        self.take(count).await.iter().map(number).collect()
    }
}

pub async fn subscribe(channel: Channel, request: SubscribeRequest) -> Streaming<AlertBatch> {
    AlertsClient::new(channel).subscribe(request).await.unwrap().into_inner()
}

/// The next alerts of a batched stream, at least `count`. Quiet streams send empty batches, so
/// the patience is for all of them together.
pub async fn take(stream: &mut Streaming<AlertBatch>, count: usize) -> Vec<Response> {
    let all = async {
        let mut taken = Vec::new();
        while taken.len() < count {
            let batch = stream.message().await.unwrap().expect("the stream goes on");
            taken.extend(batch.alerts);
        }
        taken
    };
    within(all).await
}

pub async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("nothing came in time")
}

pub fn metric(service: &AlertService, name: &str) -> f64 {
    let metrics = service.metrics();
    let found = metrics.iter().find(|metric| metric.name == name);
    found.unwrap_or_else(|| panic!("no metric {name}")).value
}

pub fn stop(service: AlertService) {
    service.stop(Duration::from_secs(5));
}

/// Waits until a self-metric has a value.
pub async fn until(service: &AlertService, name: &str, value: f64) {
    let reached = async {
        while (metric(service, name) - value).abs() > f64::EPSILON {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    within(reached).await;
}
