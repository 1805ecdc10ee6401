//! The alert file, and lines on the wire in JSON.

use std::path::Path;
use std::time::Duration;

use peregrine_alerts::{AlertService, FileConfig, Format};

use crate::support::*;

fn start_with_file(folder: &Path, format: Format) -> AlertService {
    let mut config = config(folder);
    config.file = Some(FileConfig { path: folder.join("alerts.log"), format });
    AlertService::start(config).unwrap()
}

/// The numbers at the end of each text line.
fn numbers(path: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect()
}

async fn until_written(service: &AlertService, lines: f64) {
    until(service, "peregrined_sink_lines_total", lines).await;
}

#[tokio::test]
async fn the_file_gets_each_alert_and_follows_log_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let (path, rotated) = (folder.path().join("alerts.log"), folder.path().join("alerts.log.1"));
    let service = start_with_file(folder.path(), Format::Text);
    publish(&service, 1..=3);
    until_written(&service, 3.0).await;
    std::fs::rename(&path, &rotated).unwrap();
    service.reopen_files();
    publish(&service, 4..=5);
    stop(service);
    assert_eq!(numbers(&rotated), [1, 2, 3]);
    assert_eq!(numbers(&path), [4, 5], "what was published before the stop is written");
}

#[tokio::test]
async fn json_lines_are_objects_also_on_the_wire() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    let path = folder.path().join("alerts.log");
    config.file = Some(FileConfig { path: path.clone(), format: Format::Json });
    config.json_output = true;
    let service = AlertService::start(config).unwrap();
    let mut sub = Sub::open(connect(folder.path()).await).await;
    publish(&service, [1]);
    let output = sub.next().await.output;
    drop(sub);
    service.stop(Duration::from_secs(5));
    let line = std::fs::read_to_string(&path).unwrap();
    assert_eq!(line.trim_end(), output);
    let object: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(object["rule"], "Curl run");
    assert_eq!(object["output_fields"]["proc.pid"], 42);
}
