//! How long from `publish` to a subscriber, and how many alerts a second in batches.
//!
//! The floor, a bare write and fsync on the same disk, is measured in the same run.
//! `cargo bench -p peregrine-alerts`; `PEREGRINE_BENCH_DIR` names another disk.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper_util::rt::TokioIo;
use peregrine_alerts::wire::peregrine::alerts::v1::alerts_client::AlertsClient;
use peregrine_alerts::wire::peregrine::alerts::v1::{AlertBatch, SubscribeRequest};
use peregrine_alerts::{
    Alert, AlertService, FieldValue, Format, JournalConfig, Priority, ServiceConfig,
};
use tonic::Streaming;
use tonic::transport::Endpoint;

const SINGLE: usize = 2000;
const STORM: usize = 200_000;

fn main() {
    let parent = std::env::var_os("PEREGRINE_BENCH_DIR")
        .map_or_else(|| env!("CARGO_TARGET_TMPDIR").into(), std::path::PathBuf::from);
    let folder = tempfile::tempdir_in(parent).expect("a folder for the journal");
    print_latency("floor: write and fsync of 8 KiB", floor(folder.path()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(measure(folder.path()));
}

async fn measure(folder: &Path) {
    let service = AlertService::start(config(folder)).expect("the service starts");
    let mut stream = subscribe(folder).await;
    stream.message().await.expect("a stream").expect("its first batch");
    print_latency("publish to subscriber, one at a time", one_by_one(&service, &mut stream).await);
    storm(&service, &mut stream).await;
    let commits = service.metrics().into_iter().find(|m| m.name.ends_with("commits_total"));
    println!("commits in all: {}", commits.map_or(0.0, |metric| metric.value));
    drop(stream);
    drop(service);
    let begun = Instant::now();
    let again = AlertService::start(config(folder)).expect("the service starts again");
    println!("start on a journal of {} alerts: {:?}", kept(&again), begun.elapsed());
}

fn kept(service: &AlertService) -> f64 {
    let metrics = service.metrics();
    metrics
        .iter()
        .find(|metric| metric.name == "peregrined_journal_alerts")
        .map_or(0.0, |m| m.value)
}

async fn one_by_one(service: &AlertService, stream: &mut Streaming<AlertBatch>) -> Vec<Duration> {
    let publisher = service.publisher();
    let mut times = Vec::new();
    for number in 0..SINGLE {
        let alert = alert(number);
        let begun = Instant::now();
        publisher.publish(alert);
        while stream.message().await.expect("a stream").expect("a batch").alerts.is_empty() {}
        times.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    times
}

async fn storm(service: &AlertService, stream: &mut Streaming<AlertBatch>) {
    let publisher = service.publisher();
    let begun = Instant::now();
    let thread = std::thread::spawn(move || {
        (0..STORM).for_each(|number| publisher.publish(alert(number)));
    });
    let mut seen = 0;
    while seen < STORM {
        seen += stream.message().await.expect("a stream").expect("a batch").alerts.len();
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("storm, durable and delivered: {:.0} alerts/s", STORM as f64 / seconds);
    thread.join().expect("the publisher ends");
}

async fn subscribe(folder: &Path) -> Streaming<AlertBatch> {
    let path = folder.join("alerts.sock");
    let connect = tower::service_fn(move |_| {
        let path = path.clone();
        async move { tokio::net::UnixStream::connect(path).await.map(TokioIo::new) }
    });
    let endpoint = Endpoint::from_static("http://unix");
    let channel = endpoint.connect_with_connector(connect).await.expect("a connection");
    let request = SubscribeRequest::default();
    AlertsClient::new(channel).subscribe(request).await.expect("a stream").into_inner()
}

fn config(folder: &Path) -> ServiceConfig {
    ServiceConfig {
        hostname: "bench".to_owned(),
        journal: JournalConfig::new(folder.join("alerts.redb")),
        unix_socket: Some(folder.join("alerts.sock")),
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

/// An alert of the usual size: about 600 bytes on the wire.
fn alert(number: usize) -> Alert {
    let names =
        ["proc.name", "proc.cmdline", "proc.exepath", "user.name", "container.id", "fd.name"];
    let value = |name| FieldValue::Text(format!("{name} of alert {number}"));
    let mut fields: Vec<_> = names.iter().map(|name| ((*name).into(), value(*name))).collect();
    fields.push(("proc.pid".into(), FieldValue::U64(number as u64)));
    fields.push(("k8s.ns.name".into(), FieldValue::Null));
    Alert {
        time_ns: 1_700_000_000_000_000_000 + number as u64,
        priority: Priority::Warning,
        rule: "Read sensitive file untrusted".into(),
        source: "syscall".into(),
        message: format!("a file was read (file=/etc/shadow {})", "name=value ".repeat(12)),
        fields,
        tags: ["container".into(), "host".into(), "mitre_credential_access".into()].into(),
    }
}

fn floor(folder: &Path) -> Vec<Duration> {
    let mut file = File::create(folder.join("floor")).expect("a file");
    let block = [7; 8192];
    let once = || {
        let begun = Instant::now();
        file.write_all(&block).and_then(|()| file.sync_data()).expect("a disk");
        begun.elapsed()
    };
    std::iter::repeat_with(once).take(SINGLE / 4).collect()
}

fn print_latency(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 1000];
    println!("{name}: median {:?}, p99 {:?}, p99.9 {:?}", at(500), at(990), at(999));
}
