//! What is asked of the programs: which calls, and of the opens only those that matter.

use std::collections::BTreeMap;

use crate::{ring::OpenWords, syscalls::Syscall};

/// Longest prefix that the programs compare (`PREFIX_BYTES` in `bpf/maps.h`).
const PREFIX_BYTES: usize = 64;
/// Most prefixes and last names that the maps hold; what has more of them passes whole.
const PREFIXES: usize = 16_384;
const LAST_NAMES: usize = 4096;
/// Room of a last name and its NUL (`LAST_BYTES` in `bpf/maps.h`).
const LAST_BYTES: usize = 64;

/// What is to be captured besides the life cycle of processes.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    /// The calls whose exits are hooked.
    pub calls: Vec<Syscall>,
    /// Of the calls that open files, which opens.
    pub opens: Opens,
    /// Of the opens that are left out, one in so many is told all the same, flagged as an audit; 0
    /// for none.
    pub audit_every: u32,
    /// Whether each exec tells what descriptors 0 to 2 stand for.
    pub streams: bool,
}

impl From<&[Syscall]> for Interest {
    fn from(calls: &[Syscall]) -> Self {
        Self { calls: calls.to_vec(), ..Self::default() }
    }
}

/// Which opens are told, by kind: bits of `OpenCall` × 16 + class, as `bpf/filter.h` counts them.
/// The default is all.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Opens {
    /// Kinds that are told whatever the name.
    pub(crate) always: u64,
    /// Kinds that are told if the name begins with a prefix that has their bit.
    pub(crate) named: u64,
    pub(crate) prefixes: BTreeMap<Box<[u8]>, u64>,
    /// Kinds that are told if the last name is one that has their bit.
    pub(crate) last_named: u64,
    pub(crate) last: BTreeMap<Box<[u8]>, u64>,
}

impl Default for Opens {
    fn default() -> Self {
        Self {
            always: u64::MAX,
            named: 0,
            prefixes: BTreeMap::new(),
            last_named: 0,
            last: BTreeMap::new(),
        }
    }
}

impl Opens {
    /// None at all, to be added to.
    pub fn none() -> Self {
        Self { always: 0, ..Self::default() }
    }

    /// Opens of this kind whatever their name.
    pub fn add_always(&mut self, kind: u32) {
        self.always |= 1 << kind;
    }

    /// Opens of this kind whose name is not clean or not absolute, or begins with one of these.
    pub fn add_named<'p>(&mut self, kind: u32, prefixes: impl Iterator<Item = &'p [u8]>) {
        self.named |= 1 << kind;
        for prefix in prefixes {
            if self.prefixes.len() >= PREFIXES {
                return self.add_always(kind);
            }
            let kept = &prefix[..prefix.len().min(PREFIX_BYTES)];
            *self.prefixes.entry(kept.into()).or_default() |= 1 << kind;
        }
    }

    /// Opens of this kind whose last name is one of these, each of at most 63 bytes.
    pub fn add_last<'n>(&mut self, kind: u32, names: impl Iterator<Item = &'n [u8]>) {
        for name in names {
            if name.len() >= LAST_BYTES || self.last.len() >= LAST_NAMES {
                return self.add_always(kind);
            }
            self.last_named |= 1 << kind;
            *self.last.entry(name.into()).or_default() |= 1 << kind;
        }
    }

    /// What the maps do not say.
    pub(crate) fn words(&self) -> OpenWords {
        let lengths = self.last.keys().map(|name| 1 << name.len());
        OpenWords {
            always: self.always,
            named: self.named,
            last_named: self.last_named,
            last_lengths: lengths.fold(0, |all, bit: u64| all | bit),
        }
    }

    /// Each last name as the map's key (`struct last_name`), with its bits.
    pub(crate) fn last_entries(&self) -> impl Iterator<Item = (Vec<u8>, u64)> {
        self.last.iter().map(|(name, bits)| {
            let mut key = name.to_vec();
            key.resize(LAST_BYTES, 0);
            (key, *bits)
        })
    }

    /// Each prefix as the map's key (`struct prefix_key`), with the bits that a name fulfils whose
    /// longest known prefix it is: its own and those of its own prefixes.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Vec<u8>, u64)> {
        self.prefixes.keys().map(|prefix| {
            let bits = self
                .prefixes
                .iter()
                .filter(|(other, _)| prefix.starts_with(other))
                .fold(0, |bits, (_, own)| bits | own);
            let mut key = (prefix.len() as u32 * 8).to_ne_bytes().to_vec();
            key.extend_from_slice(prefix);
            key.resize(4 + PREFIX_BYTES, 0);
            (key, bits)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lengths_are_those_of_the_last_names() {
        let mut opens = Opens::none();
        opens.add_last(2, [&b"id_rsa"[..], b"shadow", b"authorized_keys"].into_iter());
        assert_eq!(opens.words().last_lengths, 1 << 6 | 1 << 15);
        assert_eq!(opens.words().last_named, 1 << 2);
    }

    #[test]
    fn a_longer_prefix_has_the_bits_of_the_shorter_ones() {
        let mut opens = Opens::none();
        opens.add_named(0, [&b"/etc"[..]].into_iter());
        opens.add_named(3, [&b"/etc/ssh"[..], b"/var"].into_iter());
        let entries: Vec<_> = opens.entries().collect();
        assert_eq!(entries.iter().map(|(_, bits)| *bits).collect::<Vec<_>>(), [1, 9, 8]);
        assert_eq!(entries[0].0[..8], [32, 0, 0, 0, b'/', b'e', b't', b'c']);
    }
}
