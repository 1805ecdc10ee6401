//! Starts that are refused: each error says what and how to fix it, and leaves nothing behind.

use peregrine_alerts::{AlertService, Error};

use crate::support::*;

fn refused(config: peregrine_alerts::ServiceConfig) -> Error {
    AlertService::start(config).err().expect("the start is refused")
}

#[test]
fn a_second_daemon_on_the_same_journal() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path());
    let mut second = config(folder.path());
    second.unix_socket = Some(folder.path().join("second.sock"));
    let error = refused(second);
    assert!(matches!(error, Error::JournalInUse { .. }));
    assert!(error.to_string().contains("--state-dir"), "{error}");
    assert!(!folder.path().join("second.sock").exists());
    publish(&service, [1]);
    stop(service);
}

#[test]
fn a_socket_that_a_daemon_listens_on() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let _service = start(first.path());
    let mut taken = config(second.path());
    taken.unix_socket = Some(socket(first.path()));
    let error = refused(taken);
    assert!(matches!(error, Error::SocketInUse { .. }));
    assert!(error.to_string().contains("alerts.sock is in use: stop the daemon"), "{error}");
    assert!(socket(first.path()).exists(), "the other daemon keeps its socket");
}

#[test]
fn a_journal_where_no_file_can_be() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let mut config = config(folder.path());
    config.journal.path = folder.path().join("file/alerts.redb");
    let error = refused(config);
    assert!(error.to_string().contains("check that its directory exists"), "{error}");
}

#[test]
fn an_alert_file_where_no_file_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    let path = folder.path().join("missing/alerts.log");
    config.file =
        Some(peregrine_alerts::FileConfig { path, format: peregrine_alerts::Format::Text });
    let error = refused(config);
    assert!(error.to_string().contains("missing/alerts.log"), "{error}");
    assert!(!socket(folder.path()).exists(), "the socket is taken away again");
}
