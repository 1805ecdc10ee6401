//! The journal's disk is full: alerts are served from memory, and saved when there is room.
//!
//! Needs root for a small file system of its own; elsewhere the tests say that they are skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use peregrine_alerts::AlertService;
use peregrine_alerts::wire::peregrine::alerts::v1::SubscribeRequest;

use crate::support::*;

/// A tmpfs of a given size, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path, bytes: u64) -> Option<Self> {
        let disk = folder.join("disk");
        std::fs::create_dir(&disk).unwrap();
        let size = format!("size={bytes}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&disk);
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Self(disk));
        }
        println!("skipped: no file system can be mounted here");
        None
    }

    /// Fills the disk to the last byte.
    fn fill(&self) {
        use std::io::Write;
        let mut file = std::fs::File::create(self.ballast()).unwrap();
        let block = [1; 4096];
        while file.write_all(&block).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

fn start_on(disk: &SmallDisk, folder: &Path) -> AlertService {
    let mut config = config(folder);
    config.journal.path = disk.0.join("alerts.redb");
    AlertService::start(config).unwrap()
}

#[tokio::test]
async fn alerts_are_served_from_memory_and_saved_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path(), 6 << 20) else { return };
    let service = start_on(&disk, folder.path());
    let mut stream = subscribe(connect(folder.path()).await, SubscribeRequest::default()).await;
    publish(&service, 1..=10);
    take(&mut stream, 10).await;
    disk.fill();
    publish(&service, 11..=6000);
    let numbers: Vec<u64> = take(&mut stream, 5990).await.iter().map(number).collect();
    assert_eq!(numbers, (11..=6000).collect::<Vec<_>>(), "all are served");
    assert!(metric(&service, "peregrined_journal_write_errors_total") >= 1.0);
    assert!(!disk.0.join("alerts.redb.complete").exists(), "a crash now would be noticed");

    disk.free();
    until(&service, "peregrined_journal_alerts", 6000.0).await;
    assert!(disk.0.join("alerts.redb.complete").exists());
    assert_eq!(metric(&service, "peregrined_journal_unsaved_dropped_total"), 0.0);
    drop(stream);
    stop(service);

    let _service = start_on(&disk, folder.path());
    let mut stream = subscribe(connect(folder.path()).await, SubscribeRequest::default()).await;
    let kept: Vec<u64> = take(&mut stream, 6000).await.iter().map(sequence).collect();
    assert_eq!(kept, (1..=6000).collect::<Vec<_>>(), "each once, without a gap");
}

#[tokio::test]
async fn a_start_on_a_full_disk_serves_from_memory() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path(), 1 << 20) else { return };
    disk.fill();
    let service = start_on(&disk, folder.path());
    publish(&service, 1..=3);
    let mut sub = Sub::open(connect(folder.path()).await).await;
    assert_eq!(sub.numbers(3).await, [1, 2, 3]);
    assert!(metric(&service, "peregrined_journal_write_errors_total") >= 1.0);
}
