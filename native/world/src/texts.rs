//! Lists of texts as exec keeps them, joined once so that reading allocates nothing.

/// A list of texts, joined by single blanks, with where each ends.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Texts {
    joined: Box<[u8]>,
    ends: Box<[u32]>,
}

impl Texts {
    /// From texts each ended by a NUL; the last may lack it.
    pub(crate) fn from_nul_ended(bytes: &[u8]) -> Self {
        Self::join(bytes, Vec::with_capacity(bytes.len()))
    }

    /// An argv: there is always a blank behind its first text.
    pub(crate) fn arguments(bytes: &[u8]) -> Self {
        let mut texts = Self::join(bytes, Vec::with_capacity(bytes.len() + 1));
        if texts.len() < 2 {
            let mut joined = texts.joined.into_vec();
            joined.push(b' ');
            texts.joined = joined.into();
        }
        texts
    }

    fn join(bytes: &[u8], mut joined: Vec<u8>) -> Self {
        if bytes.is_empty() {
            return Self::default();
        }
        let texts = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        let mut ends = Vec::new();
        for (index, text) in texts.split(|&byte| byte == 0).enumerate() {
            if index > 0 {
                joined.push(b' ');
            }
            joined.extend_from_slice(text);
            ends.push(joined.len() as u32);
        }
        Self { joined: joined.into(), ends: ends.into() }
    }

    /// How many texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text at `index`.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)? as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize + 1);
        self.joined.get(start..end)
    }

    /// Each text in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// All, joined by single blanks.
    pub fn joined(&self) -> &[u8] {
        &self.joined
    }

    /// Of texts `NAME=value`, the first value of that name, without blanks around it.
    pub fn value_of(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter()
            .find_map(|text| text.strip_prefix(name)?.strip_prefix(b"="))
            .map(<[u8]>::trim_ascii)
    }

    /// Whether `bytes` would make the same list.
    pub(crate) fn is_made_of(&self, bytes: &[u8]) -> bool {
        let texts = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        if bytes.is_empty() || self.is_empty() {
            return bytes.is_empty() && self.is_empty();
        }
        self.iter().eq(texts.split(|&byte| byte == 0))
    }

    pub(crate) fn size(&self) -> usize {
        self.joined.len() + size_of_val(&*self.ends)
    }
}
