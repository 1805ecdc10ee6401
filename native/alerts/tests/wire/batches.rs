//! Peregrine's batched service.

use peregrine_alerts::wire::falco::outputs::AlertPosition;
use peregrine_alerts::wire::peregrine::alerts::v1::alerts_client::AlertsClient;
use peregrine_alerts::wire::peregrine::alerts::v1::{StatusRequest, SubscribeRequest};
use peregrine_alerts::{AlertService, GAP_RULE, Metric};

use crate::support::*;

fn after(position: &Option<AlertPosition>) -> SubscribeRequest {
    SubscribeRequest { resume_after: position.clone(), batch_limit: 0 }
}

#[tokio::test]
async fn a_stream_begins_with_an_empty_batch_that_names_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    let mut stream = subscribe(connect(folder.path()).await, SubscribeRequest::default()).await;
    let first = within(stream.message()).await.unwrap().unwrap();
    assert!(first.alerts.is_empty());
    assert_eq!(first.newest.unwrap().sequence, 0);
    publish(&service, 1..=5);
    assert_eq!(
        take(&mut stream, 5).await.iter().map(sequence).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5]
    );
}

#[tokio::test]
async fn a_batch_holds_no_more_than_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    publish(&service, 1..=10);
    let request = SubscribeRequest { resume_after: None, batch_limit: 3 };
    let mut stream = subscribe(connect(folder.path()).await, request).await;
    let mut numbers = Vec::new();
    while numbers.len() < 10 {
        let batch = within(stream.message()).await.unwrap().unwrap();
        assert!(batch.alerts.len() <= 3);
        numbers.extend(batch.alerts.iter().map(number));
    }
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_subscriber_resumes_across_a_restart_without_repeat_or_miss() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    publish(&service, 1..=6);
    let mut stream = subscribe(connect(folder.path()).await, SubscribeRequest::default()).await;
    let seen = take(&mut stream, 6).await;
    drop(stream);
    stop(service);
    let service = start(folder.path());
    publish(&service, 7..=8);
    let mut stream = subscribe(connect(folder.path()).await, after(&seen[3].position)).await;
    let numbers: Vec<u64> = take(&mut stream, 4).await.iter().map(number).collect();
    assert_eq!(numbers, [5, 6, 7, 8]);
}

/// Each round is a race: the alerts become visible while the notice is on its way.
#[tokio::test]
async fn a_position_of_another_life_brings_one_notice_and_then_everything() {
    let other = Some(AlertPosition { stream_id: "0".repeat(32), sequence: 99 });
    for _ in 0..30 {
        let folder = tempfile::tempdir().unwrap();
        let service = start(folder.path());
        let channel = connect(folder.path()).await;
        publish(&service, 1..=2);
        let mut stream = subscribe(channel, after(&other)).await;
        let alerts = take(&mut stream, 3).await;
        assert_eq!(alerts.len(), 3);
        let gap = alerts[0].gap.as_ref().unwrap();
        assert_eq!(
            (gap.first_sequence, gap.last_sequence, gap.reason.as_str()),
            (0, 0, "journal_lost")
        );
        assert_eq!((alerts[0].source.as_str(), alerts[0].rule.as_str()), ("internal", GAP_RULE));
        assert_eq!(alerts[0].priority, 4);
        assert_eq!(alerts[1..].iter().map(number).collect::<Vec<_>>(), [1, 2]);
        drop(stream);
        tokio::task::spawn_blocking(move || stop(service)).await.unwrap();
    }
}

#[tokio::test]
async fn what_retention_removed_is_announced_with_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.journal.limit_bytes = 8 << 20;
    let service = AlertService::start(config).unwrap();
    publish(&service, [1]);
    let mut stream = subscribe(connect(folder.path()).await, SubscribeRequest::default()).await;
    let first = take(&mut stream, 1).await;
    drop(stream);
    let mut watcher = subscribe(connect(folder.path()).await, after(&first[0].position)).await;
    let publisher = service.publisher();
    std::thread::spawn(move || (2..=40_000).for_each(|n| publisher.publish(alert(n))));
    while sequence(take(&mut watcher, 1).await.last().unwrap()) < 40_000 {}
    assert!(metric(&service, "peregrined_journal_file_bytes") <= f64::from(8 << 20));

    let mut stream = subscribe(connect(folder.path()).await, after(&first[0].position)).await;
    let alerts = take(&mut stream, 2).await;
    let gap = alerts[0].gap.as_ref().unwrap();
    assert_eq!((gap.first_sequence, gap.reason.as_str()), (2, "retention"));
    assert_eq!(sequence(&alerts[0]), gap.last_sequence, "a resume behind the notice goes on");
    assert_eq!(sequence(&alerts[1]), gap.last_sequence + 1, "the notice is as long as the gap");
}

/// 100,000 alerts while one subscriber never reads: the other gets all, in order, and the one
/// that begins to read at the end gets everything too, a gap included.
#[tokio::test]
async fn a_subscriber_that_never_reads_delays_nobody_and_costs_no_memory() {
    const ALERTS: u64 = 100_000;
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.journal.limit_bytes = 8 << 20;
    let service = AlertService::start(config).unwrap();
    let mut never = Sub::open(connect(folder.path()).await).await;
    let mut reader = subscribe(connect(folder.path()).await, SubscribeRequest::default()).await;
    let before = resident_bytes();
    let publisher = service.publisher();
    std::thread::spawn(move || (1..=ALERTS).for_each(|n| publisher.publish(alert(n))));
    let mut next = 1;
    while next <= ALERTS {
        for alert in take(&mut reader, 1).await {
            match &alert.gap {
                Some(gap) => assert_eq!(gap.first_sequence, next),
                None => assert_eq!(sequence(&alert), next),
            }
            next = sequence(&alert) + 1;
        }
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 96 << 20, "resident memory grew by {grown} bytes");

    let mut next = 1;
    let mut gaps = 0;
    while next <= ALERTS {
        let alert = never.next().await;
        if let Some(gap) = &alert.gap {
            assert_eq!((gap.first_sequence, gap.reason.as_str()), (next, "slow_subscriber"));
            assert_eq!(alert.source, "internal");
            gaps += 1;
        } else {
            assert_eq!(sequence(&alert), next);
        }
        next = sequence(&alert) + 1;
    }
    // One, or more where retention overtook the stream while it still filled its window.
    assert!(gaps >= 1, "what retention overtook is told");
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = status.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[tokio::test]
async fn status_holds_this_rooms_metrics_and_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.status = std::sync::Arc::new(|| {
        vec![Metric::counter("peregrined_events_total", "Events.", 7).label("lane", "rest")]
    });
    let service = AlertService::start(config).unwrap();
    publish(&service, 1..=3);
    let mut stream = subscribe(connect(folder.path()).await, SubscribeRequest::default()).await;
    take(&mut stream, 3).await;
    let mut client = AlertsClient::new(connect(folder.path()).await);
    let status = client.status(StatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.hostname, "node-1");
    let value = |name: &str| status.metrics.iter().find(|metric| metric.name == name).unwrap();
    assert_eq!(value("peregrined_alerts_published_total").value, 3.0);
    assert_eq!(value("peregrined_journal_alerts_total").value, 3.0);
    assert_eq!(value("peregrined_journal_newest_sequence").value, 3.0);
    assert_eq!(value("peregrined_subscribers").value, 1.0);
    let other = value("peregrined_events_total");
    assert_eq!((other.value, other.labels["lane"].as_str(), other.r#type), (7.0, "rest", 1));
    for metric in &status.metrics {
        assert!(metric.help.ends_with('.') && metric.name.starts_with("peregrined_"), "{metric:?}");
    }
}
