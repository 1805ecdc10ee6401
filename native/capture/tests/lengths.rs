//! Every length of every kind of record at nothing, at its limit, and past it. No offset is named
//! here: each word of the fixed part is tried as a length, so a new field is covered as it comes.

use peregrine_capture::{DecodeError, decode};

const KIND: usize = 52;
const VERSION: usize = 56;
const KINDS: std::ops::Range<u16> = 0..64;
/// More than any record has behind its fixed part.
const ROOM: usize = 1 << 17;

/// A record of that kind and version that is empty; the shortest one.
fn shortest(kind: u16, version: u8) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 1024];
    bytes[KIND..KIND + 2].copy_from_slice(&kind.to_ne_bytes());
    bytes[VERSION] = version;
    let length = (64..bytes.len()).find(|&length| decode(&bytes[..length]).is_ok())?;
    bytes.truncate(length);
    Some(bytes)
}

/// The versions of which the decoder takes a fork.
fn versions() -> Vec<u8> {
    (0..=u8::MAX).filter(|&version| shortest(1, version).is_some()).collect()
}

/// The shortest record of each kind.
fn records() -> Vec<(u16, Vec<u8>)> {
    let version = versions()[0];
    KINDS.filter_map(|kind| Some((kind, shortest(kind, version)?))).collect()
}

/// A record with more behind it than it has use for.
struct Roomy {
    bytes: Vec<u8>,
    fixed: usize,
}

impl Roomy {
    fn new(record: &[u8]) -> Self {
        let mut bytes = record.to_vec();
        bytes.resize(record.len() + ROOM, 0xff);
        Self { bytes, fixed: record.len() }
    }

    /// Decodes it with that word at that place and so many bytes behind the fixed part.
    fn is_short(&mut self, offset: usize, word: u32, n_behind: usize) -> bool {
        let place = offset..offset + 4;
        let former: [u8; 4] = self.bytes[place.clone()].try_into().expect("four bytes");
        self.bytes[place.clone()].copy_from_slice(&word.to_ne_bytes());
        let is_short = is_short(&self.bytes[..self.fixed + n_behind]);
        self.bytes[place].copy_from_slice(&former);
        is_short
    }
}

fn is_short(bytes: &[u8]) -> bool {
    matches!(decode(bytes), Err(DecodeError::Short { .. }))
}

#[test]
fn every_length_is_checked_against_the_end_of_the_record() {
    let mut n_lengths = 0;
    let kinds = records();
    assert!(kinds.len() >= 8, "{} kinds", kinds.len());
    for (kind, record) in &kinds {
        let fixed = record.len();
        assert!(decode(&record[..fixed - 1]).is_err(), "kind {kind} cut by a byte");
        let mut roomy = Roomy::new(record);
        for offset in (0..fixed - 3).step_by(4).filter(|offset| !(52..=56).contains(offset)) {
            for value in [0, 1, 7, 4096, 65_535, 65_536, 1 << 31, u32::MAX - 1, u32::MAX] {
                // Whether it is taken or refused, it is no reason to panic.
                for n_behind in [0, 1, 4096, ROOM] {
                    roomy.is_short(offset, value, n_behind);
                }
            }
            if roomy.is_short(offset, 100, 99) && !roomy.is_short(offset, 100, 100) {
                n_lengths += 1;
                assert!(roomy.is_short(offset, u32::MAX, ROOM), "kind {kind}, length at {offset}");
            }
        }
    }
    assert!(n_lengths >= 10, "{n_lengths} lengths found in {} kinds", kinds.len());
}

#[test]
fn a_record_cut_at_any_byte_is_refused_or_read_and_never_a_panic() {
    for (_, record) in records() {
        for length in 0..=record.len() {
            let is_whole = length == record.len();
            assert_eq!(decode(&record[..length]).is_ok(), is_whole, "{length} of {record:?}");
        }
    }
}

#[test]
fn no_version_but_one_is_taken() {
    assert_eq!(versions().len(), 1);
}
