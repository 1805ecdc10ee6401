//! Falco's service as standard clients use it, and its extension.

use peregrine_alerts::wire::falco::outputs::service_client::ServiceClient;
use peregrine_alerts::wire::falco::outputs::{AlertPosition, Request};
use peregrine_alerts::wire::falco::version;
use peregrine_alerts::wire::falco::version::service_client::ServiceClient as VersionClient;
use tonic::Code;

use crate::support::*;

async fn get(folder: &std::path::Path, request: Request) -> Vec<u64> {
    let mut client = ServiceClient::new(connect(folder).await);
    let mut stream = client.get(request).await.unwrap().into_inner();
    let mut numbers = Vec::new();
    while let Some(alert) = within(stream.message()).await.unwrap() {
        numbers.push(number(&alert));
    }
    numbers
}

#[tokio::test]
async fn an_alert_is_on_the_wire_as_standard_clients_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    let mut sub = Sub::open(connect(folder.path()).await).await;
    publish(&service, [1]);
    let alert = sub.next().await;
    assert_eq!(alert.rule, "Curl run");
    assert_eq!(alert.priority, 4);
    assert_eq!(alert.hostname, "node-1");
    assert_eq!(alert.source, "syscall");
    assert_eq!(alert.tags, ["mitre", "network"]);
    assert!(alert.output.ends_with(".123456790: Warning alert 1"), "{}", alert.output);
    let time = alert.time.unwrap();
    assert_eq!((time.seconds, time.nanos), (1_700_000_000, 123_456_790));
    let fields: Vec<_> =
        alert.output_fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(fields, [("k8s.ns.name", "<NA>"), ("proc.name", "curl"), ("proc.pid", "42")]);
    let position = alert.position.unwrap();
    assert_eq!((position.stream_id.len(), position.sequence), (32, 1));
    assert_eq!(alert.gap, None);
}

#[tokio::test]
async fn an_old_client_that_asks_each_second_gets_everything_promptly() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    publish(&service, 1..=3);
    let mut sub = Sub::open(connect(folder.path()).await).await;
    assert_eq!(sub.numbers(3).await, [1, 2, 3], "what waited");
    publish(&service, [4]);
    assert_eq!(sub.numbers(1).await, [4], "without a request in between");
    sub.requests.send(Request::default()).await.unwrap();
    sub.requests.send(Request::default()).await.unwrap();
    publish(&service, [5]);
    assert_eq!(sub.numbers(1).await, [5], "requests repeat nothing");
}

#[tokio::test]
async fn a_client_that_never_asks_is_served_too() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    let (requests, stream) = tokio::sync::mpsc::channel(1);
    let mut client = ServiceClient::new(connect(folder.path()).await);
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    let alerts = client.sub(stream).await.unwrap().into_inner();
    let mut sub = Sub { requests, alerts };
    publish(&service, [1]);
    assert_eq!(sub.numbers(1).await, [1]);
}

#[tokio::test]
async fn a_client_that_closes_its_side_gets_what_waits_and_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    publish(&service, 1..=2);
    until(&service, "peregrined_journal_newest_sequence", 2.0).await;
    let Sub { requests, alerts } = Sub::open(connect(folder.path()).await).await;
    drop(requests);
    let mut sub = Sub { requests: tokio::sync::mpsc::channel(1).0, alerts };
    assert_eq!(sub.numbers(2).await, [1, 2]);
    assert_eq!(within(sub.alerts.message()).await.unwrap(), None);
}

#[tokio::test]
async fn a_reconnecting_old_client_neither_repeats_nor_misses_also_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    publish(&service, 1..=5);
    let mut sub = Sub::open(connect(folder.path()).await).await;
    assert_eq!(sub.numbers(5).await, [1, 2, 3, 4, 5]);
    drop(sub);
    until(&service, "peregrined_subscribers", 0.0).await;
    publish(&service, 6..=7);
    let mut sub = Sub::open(connect(folder.path()).await).await;
    assert_eq!(sub.numbers(2).await, [6, 7]);
    drop(sub);
    until(&service, "peregrined_subscribers", 0.0).await;
    publish(&service, [8]);
    stop(service);

    let service = start(folder.path());
    publish(&service, [9]);
    let mut sub = Sub::open(connect(folder.path()).await).await;
    assert_eq!(sub.numbers(2).await, [8, 9]);
}

#[tokio::test]
async fn two_old_clients_at_once_both_get_everything() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    let mut first = Sub::open(connect(folder.path()).await).await;
    let mut second = Sub::open(connect(folder.path()).await).await;
    // Both streams stand when each has answered.
    publish(&service, [0]);
    assert_eq!(first.numbers(1).await, [0]);
    assert_eq!(second.numbers(1).await, [0]);
    publish(&service, 1..=500);
    let all: Vec<u64> = (1..=500).collect();
    assert_eq!(first.numbers(500).await, all);
    assert_eq!(second.numbers(500).await, all);
}

#[tokio::test]
async fn get_gives_what_waits_and_shares_the_position_with_sub() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    publish(&service, 1..=3);
    until(&service, "peregrined_journal_newest_sequence", 3.0).await;
    assert_eq!(get(folder.path(), Request::default()).await, [1, 2, 3]);
    assert!(get(folder.path(), Request::default()).await.is_empty());
    publish(&service, [4]);
    let mut sub = Sub::open(connect(folder.path()).await).await;
    assert_eq!(sub.numbers(1).await, [4]);
}

#[tokio::test]
async fn a_resumed_stream_leaves_the_shared_position_alone() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    publish(&service, 1..=4);
    let mut watcher = subscribe(connect(folder.path()).await, Default::default()).await;
    let seen = take(&mut watcher, 4).await;
    let resume = Request { resume_after: seen[1].position.clone() };
    let mut sub = Sub::open_with(connect(folder.path()).await, resume.clone()).await;
    assert_eq!(sub.numbers(2).await, [3, 4]);
    assert_eq!(get(folder.path(), resume).await, [3, 4]);
    assert_eq!(get(folder.path(), Request::default()).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn positions_that_cannot_be_meant_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _service = start(folder.path());
    let nameless = AlertPosition { stream_id: String::new(), sequence: 7 };
    let request = Request { resume_after: Some(nameless) };
    let mut sub = Sub::open_with(connect(folder.path()).await, request.clone()).await;
    let refused = within(sub.alerts.message()).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);

    let mut sub = Sub::open(connect(folder.path()).await).await;
    sub.requests.send(request).await.unwrap();
    let refused = within(sub.alerts.message()).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn subscribers_are_told_when_the_daemon_stops() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    let mut sub = Sub::open(connect(folder.path()).await).await;
    publish(&service, 1..=2);
    let stopper = std::thread::spawn(move || stop(service));
    assert_eq!(sub.numbers(2).await, [1, 2], "what was published is given first");
    assert_eq!(within(sub.alerts.message()).await.unwrap_err().code(), Code::Unavailable);
    drop(sub);
    stopper.join().unwrap();
    assert!(!socket(folder.path()).exists(), "the socket goes with the daemon");
}

#[tokio::test]
async fn the_version_service_answers() {
    let folder = tempfile::tempdir().unwrap();
    let _service = start(folder.path());
    let mut client = VersionClient::new(connect(folder.path()).await);
    let answer = client.version(version::Request {}).await.unwrap().into_inner();
    assert_eq!(answer.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(answer.engine_version, "0.63.0");
    assert_eq!((answer.engine_major, answer.engine_minor, answer.engine_patch), (0, 63, 0));
}
