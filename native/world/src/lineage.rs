//! Who stands above a process: ancestors, and leaders of its session and group.

use crate::{process::Process, table::Table};

/// Deeper trees are cut here: a shell of a shell of a shell … is never this deep by honest means.
pub(crate) const LIMIT_DEPTH: usize = 128;

/// From the parent upward. The bound cuts loops too, which foreign bytes could make.
pub(crate) fn ancestors<'a>(
    table: &'a Table,
    process: &'a Process,
) -> impl Iterator<Item = &'a Process> {
    let start = process.key;
    std::iter::successors(parent(table, process), move |it| parent(table, it))
        .take(LIMIT_DEPTH)
        .take_while(move |it| it.key != start)
}

pub(crate) fn parent<'a>(table: &'a Table, process: &Process) -> Option<&'a Process> {
    table.get(table.parent_place(process)?)
}

/// The process that an id of a session or group is named for. If that one has gone, the oldest
/// that is still above and has the same id.
pub(crate) fn leader<'a>(
    table: &'a Table,
    process: &'a Process,
    id_of: impl Fn(&Process) -> u32,
) -> Option<&'a Process> {
    let id = id_of(process);
    if id == 0 || process.is_placeholder() {
        return None;
    }
    if process.key.pid == id {
        return Some(process);
    }
    let named = table.find(id, 0).and_then(|place| table.get(place));
    named.filter(|it| id_of(it) == id).or_else(|| {
        let above = ancestors(table, process).take_while(|it| id_of(it) == id);
        above.last().or(Some(process))
    })
}
