//! Killed at any moment, or with a journal that cannot be read.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use peregrine_alerts::AlertService;
use peregrine_alerts::wire::falco::outputs::{AlertPosition, Response};
use peregrine_alerts::wire::peregrine::alerts::v1::SubscribeRequest;

use crate::support::*;

const FOLDER: &str = "PEREGRINE_TEST_FOLDER";

/// No test of its own: the process that the tests below kill. Publishes without end and prints
/// each sequence that its subscriber sees.
#[test]
#[ignore = "started by other tests"]
fn victim() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let service = start(folder);
    let publisher = service.publisher();
    std::thread::spawn(move || (1..u64::MAX).for_each(|number| publisher.publish(alert(number))));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let request = SubscribeRequest::default();
        let mut stream = subscribe(connect(folder).await, request).await;
        loop {
            for alert in take(&mut stream, 1).await {
                // Past the test harness's capture, and at once.
                writeln!(std::io::stderr(), "seen {}", sequence(&alert)).unwrap();
            }
        }
    });
}

fn start_victim(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "durability::victim", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets the victim run until its subscriber, which begins with the oldest alert, has seen the one
/// with that sequence, kills it, and gives the last sequence seen.
fn kill_after(folder: &Path, sequence: u64) -> u64 {
    let mut victim = start_victim(folder);
    let mut lines = BufReader::new(victim.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut seen = lines.by_ref().filter_map(|line| line.strip_prefix("seen ")?.parse().ok());
    let reached = seen.by_ref().find(|seen: &u64| *seen >= sequence).unwrap();
    victim.kill().unwrap();
    // What was in the pipe when it died counts as seen.
    let last = seen.last().unwrap_or(reached);
    victim.wait().unwrap();
    last
}

async fn all(folder: &Path, newest: u64) -> Vec<Response> {
    let mut stream = subscribe(connect(folder).await, SubscribeRequest::default()).await;
    let mut alerts = Vec::new();
    while alerts.last().is_none_or(|last| sequence(last) < newest) {
        alerts.extend(take(&mut stream, 1).await);
    }
    alerts
}

#[tokio::test]
async fn all_that_a_subscriber_saw_survives_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for round in 0..3 {
        // Beyond what the lives before have left, so that it sees alerts of its own.
        seen = kill_after(folder.path(), seen + 100 + 500 * round);
    }
    let service = start(folder.path());
    let newest = metric(&service, "peregrined_journal_newest_sequence");
    assert!(newest >= seen as f64, "{newest} kept, {seen} seen");
    let alerts = all(folder.path(), seen).await;
    assert!(alerts.iter().all(|alert| alert.gap.is_none()), "no false gap");
    let sequences: Vec<u64> = alerts.iter().map(sequence).collect();
    assert_eq!(sequences[..seen as usize], (1..=seen).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_corrupt_journal_is_moved_aside_and_everybody_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    publish(&service, 1..=3);
    let mut stream = subscribe(connect(folder.path()).await, SubscribeRequest::default()).await;
    let old = take(&mut stream, 3).await.pop().unwrap().position;
    drop(stream);
    stop(service);
    let journal = folder.path().join("alerts.redb");
    std::fs::write(&journal, b"no journal at all").unwrap();

    let service = start(folder.path());
    publish(&service, [7]);
    let request = SubscribeRequest { resume_after: old.clone(), batch_limit: 0 };
    let mut resumed = subscribe(connect(folder.path()).await, request).await;
    let alerts = take(&mut resumed, 2).await;
    assert_eq!(alerts[0].gap.as_ref().unwrap().reason, "journal_lost");
    assert_eq!(number(&alerts[1]), 7, "one notice, not two");
    let position: AlertPosition = alerts[1].position.clone().unwrap();
    assert_ne!(position.stream_id, old.unwrap().stream_id);

    let mut standard = Sub::open(connect(folder.path()).await).await;
    let first = standard.next().await;
    assert_eq!(
        (first.source.as_str(), first.gap.unwrap().reason.as_str()),
        ("internal", "journal_lost")
    );
    assert_eq!(standard.numbers(1).await, [7]);
    assert_eq!(metric(&service, "peregrined_alerts_published_total"), 1.0);

    let kept = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap());
    let aside = kept.filter(|entry| entry.file_name().to_string_lossy().contains(".corrupt-"));
    let aside: Vec<_> = aside.collect();
    assert_eq!(aside.len(), 1);
    assert_eq!(std::fs::read(aside[0].path()).unwrap(), b"no journal at all");
}

/// Numbers that were shown and not saved are never given to other alerts: when the last life
/// did not leave its mark, the next one leaves numbers out and says that alerts may be lost.
#[tokio::test]
async fn a_life_that_could_not_save_all_is_followed_by_a_jump() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    publish(&service, 1..=3);
    until(&service, "peregrined_journal_newest_sequence", 3.0).await;
    stop(service);
    std::fs::remove_file(folder.path().join("alerts.redb.complete")).unwrap();

    let service = AlertService::start(config(folder.path())).unwrap();
    publish(&service, [4]);
    let mut stream = subscribe(connect(folder.path()).await, SubscribeRequest::default()).await;
    let alerts = take(&mut stream, 5).await;
    assert_eq!(alerts[..3].iter().map(sequence).collect::<Vec<_>>(), [1, 2, 3]);
    let gap = alerts[3].gap.as_ref().unwrap();
    assert_eq!(
        (gap.first_sequence, gap.last_sequence, gap.reason.as_str()),
        (0, 0, "journal_lost")
    );
    assert_eq!(number(&alerts[4]), 4);
    assert!(sequence(&alerts[4]) > 1_000_000);
    assert_eq!(sequence(&alerts[4]), sequence(&alerts[3]) + 1);
}

/// Killed while the journal is made, before it has any content.
#[tokio::test]
async fn an_empty_journal_is_a_fresh_one_without_notice() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("alerts.redb"), b"").unwrap();
    let service = start(folder.path());
    publish(&service, [1]);
    let mut stream = subscribe(connect(folder.path()).await, SubscribeRequest::default()).await;
    let alerts = take(&mut stream, 1).await;
    assert_eq!((sequence(&alerts[0]), number(&alerts[0])), (1, 1));
}
