//! The decoder against bytes that no program of ours writes.

use peregrine_capture::{
    DecodeError, decode,
    event::{Descriptor, Kind},
};
use proptest::prelude::*;

const KINDS: [u16; 10] = [0, 1, 2, 3, 4, 5, 32, 33, 34, 35];
/// Offsets in `struct record_header` (`bpf/record.h`).
const KIND: usize = 52;
const VERSION: usize = 56;
/// Size of the fixed part of each kind, in the order of `KINDS`.
const FIXED: [usize; 10] = [64, 256, 328, 72, 88, 256, 96, 144, 168, 256];

fn record(kind: u16, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    bytes[KIND..KIND + 2].copy_from_slice(&kind.to_ne_bytes());
    bytes[VERSION] = 3;
    bytes
}

fn word(bytes: &mut [u8], offset: usize, value: u32) {
    bytes[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
}

#[test]
fn the_fixed_part_alone_is_a_record_and_a_byte_less_is_none() {
    for (kind, fixed) in KINDS.into_iter().zip(FIXED) {
        let whole = record(kind, fixed);
        assert!(decode(&whole).is_ok(), "kind {kind}");
        let error = decode(&whole[..fixed - 1]);
        assert!(matches!(error, Err(DecodeError::Short { .. })), "kind {kind}: {error:?}");
    }
}

#[test]
fn a_section_that_reaches_past_the_end_is_refused_by_name() {
    let mut open = record(33, 144 + 10);
    word(&mut open, 124, 11); // requested_length
    let error = decode(&open).unwrap_err();
    assert_eq!(error.to_string(), "record of 154 bytes ends before its requested path");
    word(&mut open, 124, 10);
    assert!(decode(&open).is_ok());
    word(&mut open, 140, u32::MAX); // resolved_length
    assert_eq!(
        decode(&open).unwrap_err().to_string(),
        "record of 154 bytes ends before its resolved path"
    );
}

#[test]
fn another_version_and_an_unknown_kind_are_told_apart() {
    let mut foreign = record(33, 200);
    foreign[VERSION] = 4;
    assert_eq!(decode(&foreign), Err(DecodeError::Version(4)));
    assert_eq!(decode(&record(77, 200)), Err(DecodeError::Kind(77)));
    assert_eq!(decode(&record(0, 64)), Ok(None));
}

#[test]
fn names_are_put_together_root_first() {
    let names = b"shadow\0etc\0";
    let mut open = record(33, 144);
    word(&mut open, 136, 1); // resolved_flags: rooted
    word(&mut open, 140, names.len() as u32);
    open.extend_from_slice(names);
    let event = decode(&open).unwrap().unwrap();
    let Kind::Open(open) = event.kind else { panic!("{event:?}") };
    let mut path = Vec::new();
    open.resolved.write_to(&mut path);
    assert_eq!(path, b"/etc/shadow");
}

#[test]
fn descriptors_that_are_waited_for_come_in_one_section_each_with_its_own() {
    let section = |bytes: &mut Vec<u8>, kind: u32, flags: u32, length: usize| {
        for number in [kind, flags, length as u32] {
            bytes.extend_from_slice(&number.to_ne_bytes());
        }
    };
    let name = b"shadow\0etc\0";
    let mut polled = Vec::new();
    section(&mut polled, 3, 0, 32); // a file
    section(&mut polled, 4, 1, name.len()); // its name, rooted
    polled.extend_from_slice(&[0; 32]);
    polled.extend_from_slice(name);
    polled.extend_from_slice(&[0; 24]); // nothing
    let call = |polled: &[u8]| {
        let mut call = record(35, 256);
        word(&mut call, 128, 1); // n_sections
        let mut head = Vec::new();
        section(&mut head, 15, 0, polled.len());
        call[136..148].copy_from_slice(&head);
        call.extend_from_slice(polled);
        call
    };
    let whole = call(&polled);
    let event = decode(&whole).unwrap().unwrap();
    let Kind::Call(told) = event.kind else { panic!("{event:?}") };
    let [Some(Descriptor::File(file)), None] = told.polled() else { panic!("{told:?}") };
    let mut path = Vec::new();
    file.path.write_to(&mut path);
    assert_eq!(path, b"/etc/shadow");
    let cut = call(&polled[..polled.len() - 1]);
    assert!(matches!(decode(&cut), Err(DecodeError::Short { .. })));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        kind in prop::sample::select(KINDS.to_vec()),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let mut bytes = bytes;
        if bytes.len() > VERSION {
            bytes[KIND..KIND + 2].copy_from_slice(&kind.to_ne_bytes());
            bytes[VERSION] = 3;
        }
        if let Ok(Some(event)) = decode(&bytes) {
            let mut path = Vec::new();
            match &event.kind {
                Kind::Open(open) => open.resolved.write_to(&mut path),
                Kind::Exec(exec) => exec.cwd.write_to(&mut path),
                Kind::Fork(fork) => fork.cgroup.write_to(&mut path),
                _ => {}
            }
            prop_assert!(path.len() <= bytes.len() + 1);
        }
    }
}
