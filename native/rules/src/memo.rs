//! Which rules a process cannot match whatever it does, kept from one of its events to the next.
//!
//! A list is made at the second event of a state, since many processes, and every exec, have but one.

use crate::facts::StateId;

/// States that are remembered at once; each takes some 40 bytes.
const PLACES: usize = 1024;

/// The lists of a plan, by state and program.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    keys: Vec<Option<(Key, Stage)>>,
    /// As many words for each place as the longest list has.
    words: Vec<u64>,
    stride: usize,
}

/// A state, and the program whose rules are on the list.
pub(crate) type Key = (StateId, u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Seen,
    Listed,
}

/// What is remembered.
pub(crate) enum Recall<'m> {
    /// The rules that may match, as bits.
    List(&'m [u64]),
    /// The state was there before: a list is worth its while.
    Again(Place),
    Nothing,
}

/// Where the list of a state has its place, until the next one is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Place(usize);

impl Memo {
    /// Forgets all and makes room for lists of so many words.
    pub fn clear(&mut self, stride: usize) {
        self.keys.clear();
        self.keys.resize(PLACES, None);
        self.words.clear();
        self.words.resize(PLACES * stride, 0);
        self.stride = stride;
    }

    /// What is remembered of a state, which is remembered from now on.
    pub fn recall(&mut self, key: Key, n_words: usize) -> Recall<'_> {
        let (StateId { process, container }, program) = key;
        // States of processes are numbered one by one.
        let mixed = process.wrapping_add(container).wrapping_add(u64::from(program) * 97);
        let place = mixed as usize % PLACES;
        match &mut self.keys[place] {
            Some((known, Stage::Listed)) if *known == key => {
                let begin = place * self.stride;
                Recall::List(&self.words[begin..begin + n_words])
            }
            Some((known, Stage::Seen)) if *known == key => Recall::Again(Place(place)),
            other => {
                *other = Some((key, Stage::Seen));
                Recall::Nothing
            }
        }
    }

    /// Remembers the list for which `recall` gave the place.
    pub fn put(&mut self, Place(place): Place, list: &[u64]) {
        let begin = place * self.stride;
        self.words[begin..begin + list.len()].copy_from_slice(list);
        if let Some((_, stage)) = &mut self.keys[place] {
            *stage = Stage::Listed;
        }
    }
}
