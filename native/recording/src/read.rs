//! Lines to events that rules can judge.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use bumpalo::Bump;
use peregrine_rules::{Argument, EventKind, EventType, Facts, FieldId, FieldRef, Value};
use serde_json::{Map, Value as Json};

use crate::value::from_json;
use crate::write::key;
use crate::{FORMAT, VERSION};

/// Longest line.
const LINE_LIMIT: u64 = 1 << 20;
/// Most processes.
const PROCESS_LIMIT: usize = 1_000_000;

/// Why a recording cannot be read on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("read line {line} of the recording")]
    Read {
        /// Number of the line, from 1.
        line: u64,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A line is not as it should be.
    #[error("line {line} of the recording: {message}")]
    Line {
        /// Number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
}

/// Reads a recording line by line.
pub struct Reader<R> {
    lines: R,
    line: u64,
    processes: HashMap<u64, Rc<Map<String, Json>>>,
    has_end: bool,
}

/// An event of a recording.
#[derive(Clone, Debug)]
pub struct RecordedEvent {
    /// Number of its line, from 1.
    pub line: u64,
    event_type: EventType,
    process: Rc<Map<String, Json>>,
    fields: Map<String, Json>,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line, which says what the rest is.
    pub fn begin(lines: R) -> Result<Self, Error> {
        let mut reader = Self { lines, line: 0, processes: HashMap::new(), has_end: false };
        let Some(head) = reader.object()? else {
            return Err(reader.wrong("the file is empty, so it is no recording"));
        };
        if head.get("format").and_then(Json::as_str) != Some(FORMAT) {
            return Err(reader.wrong(format!("no recording: `format` is not \"{FORMAT}\"")));
        }
        match head.get("version").and_then(Json::as_u64) {
            Some(VERSION) => Ok(reader),
            Some(version) => Err(reader.wrong(format!(
                "the recording has version {version}, and this program reads version {VERSION}"
            ))),
            None => Err(reader.wrong("`version` is missing")),
        }
    }

    /// The next event; nothing at the end.
    pub fn next_event(&mut self) -> Result<Option<RecordedEvent>, Error> {
        while let Some(mut object) = self.object()? {
            if object.get("end") == Some(&Json::Bool(true)) {
                self.has_end = true;
                return Ok(None);
            }
            let fields = match object.remove("fields") {
                Some(Json::Object(fields)) => fields,
                None => Map::new(),
                Some(_) => return Err(self.wrong("`fields` has to be an object")),
            };
            let process = match object.get("process") {
                None => None,
                Some(number) => match number.as_u64() {
                    Some(number) => Some(number),
                    None => return Err(self.wrong("`process` has to be a number")),
                },
            };
            let Some(name) = object.get("event") else {
                let Some(number) = process else {
                    return Err(self.wrong("neither `event` nor `process` is there"));
                };
                if self.processes.len() >= PROCESS_LIMIT {
                    return Err(self.wrong("more processes than a recording may have"));
                }
                self.processes.insert(number, Rc::new(fields));
                continue;
            };
            let name = name.as_str().unwrap_or_default();
            let Some(event_type) = EventType::from_rule_name(name) else {
                return Err(self.wrong(format!("no event type is named {name:?}")));
            };
            let process = match process {
                None => Rc::default(),
                Some(number) => match self.processes.get(&number) {
                    Some(process) => Rc::clone(process),
                    None => {
                        return Err(self.wrong(format!("process {number} has no line before it")));
                    }
                },
            };
            return Ok(Some(RecordedEvent { line: self.line, event_type, process, fields }));
        }
        Ok(None)
    }

    /// Whether the recording was ended by whoever made it, known when there is no next event.
    pub fn has_end(&self) -> bool {
        self.has_end
    }

    /// The next line that is not empty, as an object.
    fn object(&mut self) -> Result<Option<Map<String, Json>>, Error> {
        loop {
            self.line += 1;
            let mut line = Vec::new();
            let read = self
                .lines
                .by_ref()
                .take(LINE_LIMIT + 1)
                .read_until(b'\n', &mut line)
                .map_err(|source| Error::Read { line: self.line, source })?;
            if read == 0 {
                return Ok(None);
            }
            if line.len() as u64 > LINE_LIMIT {
                return Err(self.wrong(format!("longer than {} KiB", LINE_LIMIT >> 10)));
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            return match serde_json::from_slice(&line) {
                Ok(Json::Object(object)) => Ok(Some(object)),
                Ok(_) => Err(self.wrong("every line is a JSON object")),
                Err(error) => Err(self.wrong(format!("not JSON: {error}"))),
            };
        }
    }

    fn wrong(&self, message: impl Into<String>) -> Error {
        Error::Line { line: self.line, message: message.into() }
    }
}

impl RecordedEvent {
    fn get(&self, key: &str) -> Option<&Json> {
        self.fields.get(key).or_else(|| self.process.get(key))
    }

    /// What follows from the event's type and from other values.
    fn derived<'a>(&'a self, field: &'a FieldRef, arena: &'a Bump) -> Value<'a> {
        let name = field.id.row().name;
        match &field.argument {
            Argument::None if field.id == FieldId::EvtType => self.type_name(),
            Argument::None if field.id == FieldId::SyscallType => match self.event_type.kind() {
                EventKind::Other | EventKind::Retired => Value::Absent,
                EventKind::Syscall | EventKind::Generic => self.type_name(),
            },
            Argument::Key(subsystem) if field.id == FieldId::ThreadCgroup => {
                self.cgroup(subsystem).map_or(Value::Absent, Value::Str)
            }
            Argument::Event(wanted) => Value::U64(u64::from(*wanted == self.event_type)),
            Argument::Index(index) => {
                let parameters = self.event_type.parameters();
                let parameter = usize::try_from(*index).ok().and_then(|at| parameters.get(at));
                parameter
                    .and_then(|parameter| self.get(&format!("{name}.{}", parameter.name)))
                    .map_or(self.missing(name), |json| from_json(json, arena))
            }
            _ => self.missing(name),
        }
    }

    fn type_name(&self) -> Value<'_> {
        Value::Str(self.event_type.name().as_bytes())
    }

    /// The path of a process in a hierarchy of cgroups; of one that is not told apart, that in the
    /// first.
    fn cgroup(&self, subsystem: &str) -> Option<&[u8]> {
        let all = self.get("thread.cgroups")?.as_str()?;
        let mut pairs = all.split(' ').filter_map(|pair| pair.split_once('='));
        let of_it = pairs.clone().find(|(name, _)| *name == subsystem);
        of_it.or_else(|| pairs.next()).map(|(_, path)| path.as_bytes())
    }

    /// Elements that are not there are empty where the whole is.
    fn missing(&self, name: &str) -> Value<'_> {
        match name {
            "proc.args" | "proc.env" | "proc.aenv" if self.get(name).is_some() => Value::Str(b""),
            _ => Value::Absent,
        }
    }
}

impl Facts for RecordedEvent {
    fn value<'a>(&'a self, field: &'a FieldRef, arena: &'a Bump) -> Value<'a> {
        match self.get(&key(field)) {
            Some(json) => from_json(json, arena),
            None => self.derived(field, arena),
        }
    }

    fn event_type(&self) -> EventType {
        self.event_type
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Writer;
    use peregrine_rules::lookup;

    fn read(text: &str) -> Result<Vec<RecordedEvent>, String> {
        let mut reader = Reader::begin(text.as_bytes()).map_err(|error| error.to_string())?;
        let mut events = Vec::new();
        while let Some(event) = reader.next_event().map_err(|error| error.to_string())? {
            events.push(event);
        }
        Ok(events)
    }

    #[test]
    fn what_was_written_is_read_and_processes_are_written_once() {
        let fields: Vec<FieldRef> = ["proc.name", "fd.name", "evt.arg.flags"]
            .map(|name| lookup(name, None).unwrap())
            .into();
        let mut writer = Writer::begin(Vec::new(), "node", "test").unwrap();
        for path in ["/a", "/b"] {
            let values = [&b"cat"[..], path.as_bytes(), b"O_RDONLY"].map(Value::Str);
            writer.event("openat", fields.iter().zip(values)).unwrap();
        }
        let text = String::from_utf8(writer.end(0).unwrap()).unwrap();
        assert_eq!(text.lines().count(), 5, "{text}");
        let events = read(&text).unwrap();
        let arena = Bump::new();
        let seen = |event: usize, name: &str| {
            let field = Box::leak(Box::new(lookup(name, None).unwrap()));
            let event = Box::leak(Box::new(events[event].clone()));
            let arena = Box::leak(Box::new(Bump::new()));
            event.value(field, arena)
        };
        assert_eq!(seen(0, "proc.name"), Value::Str(b"cat"));
        assert_eq!(seen(1, "fd.name"), Value::Str(b"/b"));
        assert_eq!(seen(1, "proc.pname"), Value::Absent);
        let by_number = lookup("evt.arg", Some("3")).unwrap();
        assert_eq!(events[0].value(&by_number, &arena), Value::Str(b"O_RDONLY"));
    }

    #[test]
    fn fields_with_a_suffix_are_written_as_rules_write_them() {
        for name in ["evt.abspath.dst", "thread.cgroup.cpu", "evt.arg.flags"] {
            assert_eq!(crate::key(&lookup(name, None).unwrap()), name);
        }
    }

    #[test]
    fn what_follows_from_the_rest_needs_no_value_of_its_own() {
        let head = "{\"format\":\"peregrine-recording\",\"version\":1}\n";
        let line = "{\"event\":\"openat\",\"fields\":{\"thread.cgroups\":\"pids=/a cpu=/b\"}}";
        let events = read(&format!("{head}{line}\n{{\"event\":\"procexit\"}}")).unwrap();
        let wanted = [
            ("evt.type", Value::Str(&b"openat"[..]), Value::Str(&b"procexit"[..])),
            ("syscall.type", Value::Str(b"openat"), Value::Absent),
            ("evt.type.is.openat", Value::U64(1), Value::U64(0)),
            ("thread.cgroup.cpu", Value::Str(b"/b"), Value::Absent),
            ("thread.cgroup.memory", Value::Str(b"/a"), Value::Absent),
        ];
        for (name, first, second) in wanted {
            let (field, arena) = (lookup(name, None).unwrap(), Bump::new());
            assert_eq!(events[0].value(&field, &arena), first, "{name}");
            assert_eq!(events[1].value(&field, &arena), second, "{name}");
        }
    }

    #[test]
    fn what_is_no_recording_is_refused_with_its_line() {
        let head = "{\"format\":\"peregrine-recording\",\"version\":1}\n";
        let cases = [
            ("", "line 1 of the recording: the file is empty, so it is no recording"),
            (
                "{}",
                "line 1 of the recording: no recording: `format` is not \"peregrine-recording\"",
            ),
            (
                "{\"format\":\"peregrine-recording\",\"version\":9}",
                "line 1 of the recording: the recording has version 9, and this program reads version 1",
            ),
        ];
        for (text, wanted) in cases {
            assert_eq!(read(text).unwrap_err(), wanted);
        }
        for line in ["[]", "{", "{\"event\":\"opne\"}", "{\"event\":\"open\",\"process\":1}", "{}"]
        {
            let error = read(&format!("{head}{line}\n")).unwrap_err();
            assert!(error.starts_with("line 2 of the recording: "), "{line}: {error}");
        }
        let long = format!("{head}{{\"event\":\"{}\"}}", "x".repeat(2 << 20));
        assert!(read(&long).unwrap_err().contains("longer than"));
    }
}
