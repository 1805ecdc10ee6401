//! A ring that somebody else maps and writes to. Needs root and BPF.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    os::fd::AsFd,
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use libbpf_rs::{MapCore, MapHandle};
use peregrine_capture::{Capture, Hooks, Item, Lanes, Settings, event::Kind};
use rustix::mm::{MapFlags, ProtFlags, mmap};

/// This process's map of that name.
fn own_map(name: &str) -> MapHandle {
    let ids = fs::read_dir("/proc/self/fdinfo").unwrap().filter_map(|entry| {
        let text = fs::read_to_string(entry.unwrap().path()).ok()?;
        text.lines().find_map(|line| line.strip_prefix("map_id:")?.trim().parse().ok())
    });
    ids.filter_map(|id| MapHandle::from_map_id(id).ok()).find(|map| map.name() == name).unwrap()
}

/// The word by which the kernel knows how far the ring is read, as anybody with CAP_BPF can map it.
fn consumer_position(map: &MapHandle) -> &'static AtomicU64 {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a fresh mapping at an address that the kernel chooses, which stays until the process
    // ends; the word in it is only accessed atomically.
    unsafe {
        let length = rustix::param::page_size();
        let page = mmap(std::ptr::null_mut(), length, access, MapFlags::SHARED, map.as_fd(), 0);
        AtomicU64::from_ptr(page.unwrap().cast())
    }
}

/// Runs programs until one of them is seen.
fn sees_an_exec(lanes: &mut Lanes) -> bool {
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        let mut child = Command::new("/bin/true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        let mut is_seen = false;
        lanes.drain(usize::MAX, |item| {
            let Item::Event(event) = item else { return };
            is_seen |= matches!(&event.kind, Kind::Exec(_)) && event.header.pid == pid;
        });
        if is_seen {
            return true;
        }
    }
    false
}

#[test]
fn whatever_another_reader_writes_capture_goes_on() {
    const SIZE: u32 = 16 << 10;
    let settings = Settings {
        hooks: Hooks::SysExit,
        life_cycle_size: SIZE,
        busy_size: SIZE,
        ..Settings::default()
    };
    let (_capture, mut lanes) = Capture::load(settings).unwrap();
    let foreign = consumer_position(&own_map("lane_life_cycle"));
    assert!(sees_an_exec(&mut lanes));
    let size = u64::from(SIZE);
    let mut moves: Vec<Box<dyn Fn(u64) -> u64>> = vec![
        Box::new(|_| 0),
        Box::new(|_| u64::MAX),
        Box::new(|_| u64::MAX / 2 + 1),
        Box::new(|now| now.wrapping_sub(8)),
        Box::new(|now| now + 4),
        Box::new(|now| now + 8),
    ];
    for step in [size / 2, size - 8, size, size + 8, 10 * size] {
        moves.push(Box::new(move |now| now + step));
        moves.push(Box::new(move |now| now.wrapping_sub(step)));
    }
    for (number, forge) in moves.iter().enumerate() {
        // With records waiting that the kernel may overwrite, and with none.
        for n_waiting in [0, 3, 40] {
            foreign.store(forge(foreign.load(Ordering::SeqCst)), Ordering::SeqCst);
            for _ in 0..n_waiting {
                Command::new("/bin/true").status().unwrap();
            }
            assert!(sees_an_exec(&mut lanes), "move {number} with {n_waiting} waiting");
        }
    }
}
