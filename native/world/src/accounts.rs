//! Texts of `/etc/passwd` and `/etc/group` → names by id. Pure; broken lines are passed over.

use std::ops::Range;

use rustc_hash::FxHashMap;

/// A file with more lines than this is not a person's; the rest is passed over.
const LIMIT_ENTRIES: usize = 65_536;

/// A user of one user database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct User<'a> {
    /// Login name.
    pub name: &'a [u8],
    /// Home directory.
    pub home: &'a [u8],
    /// Login shell.
    pub shell: &'a [u8],
}

/// Users and groups of a host or a container.
#[derive(Debug, Default)]
pub struct Accounts {
    users: Entries<3>,
    groups: Entries<1>,
}

impl Accounts {
    /// Reads the two files' texts. Where an id stands twice, the first line counts.
    pub fn parse(passwd: &[u8], group: &[u8]) -> Self {
        Self { users: Entries::parse(passwd, 2, [0, 5, 6]), groups: Entries::parse(group, 2, [0]) }
    }

    /// The user with that id.
    pub fn user(&self, uid: u32) -> Option<User<'_>> {
        self.users.get(uid).map(|[name, home, shell]| User { name, home, shell })
    }

    /// Name of the group with that id.
    pub fn group(&self, gid: u32) -> Option<&[u8]> {
        self.groups.get(gid).map(|[name]| name)
    }

    /// About how many bytes this takes.
    pub fn size(&self) -> usize {
        self.users.size() + self.groups.size()
    }
}

/// Columns of a file of lines, by the id in one of them.
#[derive(Debug)]
struct Entries<const N: usize> {
    texts: Vec<u8>,
    by_id: FxHashMap<u32, [Range<u32>; N]>,
}

impl<const N: usize> Default for Entries<N> {
    fn default() -> Self {
        Self { texts: Vec::new(), by_id: FxHashMap::default() }
    }
}

impl<const N: usize> Entries<N> {
    fn parse(text: &[u8], id_column: usize, columns: [usize; N]) -> Self {
        let mut entries = Self::default();
        for line in text.split(|&byte| byte == b'\n') {
            if entries.by_id.len() == LIMIT_ENTRIES {
                break;
            }
            let column = |index| line.split(|&byte| byte == b':').nth(index);
            let id = column(id_column).and_then(crate::parse::parse_number);
            let is_entry = column(0).is_some_and(|name| !name.is_empty());
            let Some(id) = id.filter(|id| is_entry && !entries.by_id.contains_key(id)) else {
                continue;
            };
            let ranges = columns.map(|index| entries.keep(column(index).unwrap_or_default()));
            entries.by_id.insert(id, ranges);
        }
        entries.texts.shrink_to_fit();
        entries
    }

    fn keep(&mut self, text: &[u8]) -> Range<u32> {
        let start = self.texts.len() as u32;
        self.texts.extend_from_slice(text);
        start..self.texts.len() as u32
    }

    fn get(&self, id: u32) -> Option<[&[u8]; N]> {
        let ranges = self.by_id.get(&id)?;
        Some(
            ranges
                .each_ref()
                .map(|it| self.texts.get(it.start as usize..it.end as usize).unwrap_or_default()),
        )
    }

    fn size(&self) -> usize {
        self.texts.capacity() + self.by_id.capacity() * size_of::<(u32, [Range<u32>; N])>()
    }
}
