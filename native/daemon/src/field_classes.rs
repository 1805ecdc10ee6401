//! Fields as `falco --list` lays them out: by class, each with a head and its fields in two columns.

use peregrine_rules::{FieldId, Trait};

use crate::fields::meaning;

/// Where the second column begins.
const COLUMN: usize = 30;
/// Of a whole line.
const WIDTH: usize = 100;

struct Class {
    name: &'static str,
    doc: &'static str,
    prefixes: &'static [&'static str],
}

#[rustfmt::skip]
static CLASSES: &[Class] = &[
    Class { name: "evt", doc: "what happened, when and with which result", prefixes: &["evt", "syscall"] },
    Class { name: "process", doc: "who did it: the process, its thread and its ancestors", prefixes: &["proc", "thread"] },
    Class { name: "user", doc: "the user whom the process acts for", prefixes: &["user"] },
    Class { name: "group", doc: "the group that the process acts for", prefixes: &["group"] },
    Class { name: "fd", doc: "the file, socket or other descriptor that the event is about", prefixes: &["fd"] },
    Class { name: "fs.path", doc: "the paths that a call on the file system names", prefixes: &["fs"] },
    Class { name: "fdlist", doc: "the descriptors that a poll waits for", prefixes: &["fdlist"] },
    Class { name: "container", doc: "the container that the process runs in", prefixes: &["container"] },
    Class { name: "k8s", doc: "the pod that the container is of", prefixes: &["k8s"] },
    Class { name: "util", doc: "aids for those who write rules", prefixes: &["util"] },
];

/// All fields but the hidden ones.
pub fn by_class() -> String {
    CLASSES.iter().map(drawn).collect()
}

fn drawn(class: &Class) -> String {
    let mut text = format!("{}\n", "-".repeat(COLUMN + 1));
    let head =
        [("Field Class:", class.name), ("Description:", class.doc), ("Event Sources:", "syscall")];
    for (label, value) in head {
        push_line(&mut text, label, value);
    }
    text.push('\n');
    let fields = FieldId::all().filter(|id| !id.row().is(Trait::Hidden));
    for id in fields.filter(|id| class.has(id.row().name)) {
        push_line(&mut text, id.row().name, &meaning(id));
    }
    text.push('\n');
    text
}

impl Class {
    fn has(&self, field: &str) -> bool {
        field.split_once('.').is_some_and(|(prefix, _)| self.prefixes.contains(&prefix))
    }
}

/// A name and, beside it, what it means, in as many lines as that takes.
fn push_line(text: &mut String, name: &str, meaning: &str) {
    text.push_str(name);
    let mut column = name.len();
    if column >= COLUMN {
        text.push('\n');
        column = 0;
    }
    text.push_str(&" ".repeat(COLUMN - column));
    let mut used = COLUMN;
    for (index, word) in meaning.split(' ').enumerate() {
        let length = word.chars().count();
        if index > 0 && used + 1 + length > WIDTH {
            text.push('\n');
            text.push_str(&" ".repeat(COLUMN));
            used = COLUMN;
        } else if index > 0 {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += length;
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_of_one_class() {
        for name in FieldId::all().map(|id| id.row().name) {
            let classes = CLASSES.iter().filter(|class| class.has(name)).count();
            assert_eq!(classes, 1, "{name}");
        }
    }

    #[test]
    fn a_class_has_a_head_and_its_fields_in_two_columns() {
        let text = by_class();
        let evt = "-------------------------------\nField Class:                  evt\n\
                   Description:                  what happened";
        assert!(text.starts_with(evt), "{text}");
        assert!(
            text.contains(
                "Event Sources:                syscall\n\nuser.uid                      "
            )
        );
        assert!(
            text.contains(
                "\nproc.exe_ino.ctime_duration_proc_start\n                              "
            )
        );
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }
}
