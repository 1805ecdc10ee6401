//! Events to lines.

use std::collections::HashMap;
use std::io::{self, Write};

use peregrine_rules::{Argument, ArgumentKind, FieldRef, Lifetime, Value};
use serde_json::{Map, Value as Json, json};

use crate::value::to_json;
use crate::{FORMAT, VERSION};

/// Processes that are known again; then they are written once more.
const KNOWN_LIMIT: usize = 65_536;

/// Writes a recording.
pub struct Writer<W> {
    out: W,
    known: HashMap<String, u64>,
    n_processes: u64,
    n_events: u64,
    n_bytes: u64,
}

/// The name of a value in a recording: a field with its argument.
pub fn key(field: &FieldRef) -> String {
    let name = field.id.row().name;
    match &field.argument {
        Argument::None => name.to_owned(),
        Argument::Index(index) => format!("{name}[{index}]"),
        Argument::Key(key) => match field.id.row().argument {
            ArgumentKind::Side | ArgumentKind::Subsystem => format!("{name}.{key}"),
            _ => format!("{name}[{key}]"),
        },
        Argument::Parameter(parameter) => format!("{name}.{parameter}"),
        Argument::Event(event) => format!("{name}.{}", event.name()),
    }
}

impl<W: Write> Writer<W> {
    /// Begins a recording of this machine, made by this program.
    pub fn begin(out: W, hostname: &str, program: &str) -> io::Result<Self> {
        let mut writer =
            Self { out, known: HashMap::new(), n_processes: 0, n_events: 0, n_bytes: 0 };
        writer.line(&json!({
            "format": FORMAT, "version": VERSION, "hostname": hostname, "program": program,
        }))?;
        Ok(writer)
    }

    /// Writes an event with the values of fields.
    pub fn event<'a>(
        &mut self,
        event_type: &str,
        values: impl IntoIterator<Item = (&'a FieldRef, Value<'a>)>,
    ) -> io::Result<()> {
        let (mut process, mut own) = (Map::new(), Map::new());
        for (field, value) in values {
            let Some(json) = to_json(value) else { continue };
            let row = field.id.row();
            // Ancestors may change, and seldom do; their command lines are long.
            let is_own = row.lifetime == Lifetime::Event && !row.name.starts_with("proc.a");
            let fields = if is_own { &mut own } else { &mut process };
            fields.insert(key(field), json);
        }
        let process = self.process(Json::Object(process))?;
        self.n_events += 1;
        self.line(&json!({ "event": event_type, "process": process, "fields": own }))
    }

    /// Ends the recording: without this line it was cut off.
    pub fn end(mut self, n_lost: u64) -> io::Result<W> {
        let n_events = self.n_events;
        self.line(&json!({ "end": true, "events": n_events, "lost": n_lost }))?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// Bytes written so far.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// Events written so far.
    pub fn n_events(&self) -> u64 {
        self.n_events
    }

    /// The number of a process as it is now, written if it is new.
    fn process(&mut self, fields: Json) -> io::Result<u64> {
        let text = fields.to_string();
        if let Some(number) = self.known.get(&text) {
            return Ok(*number);
        }
        if self.known.len() >= KNOWN_LIMIT {
            self.known.clear();
        }
        self.n_processes += 1;
        let number = self.n_processes;
        self.known.insert(text, number);
        self.line(&json!({ "process": number, "fields": fields }))?;
        Ok(number)
    }

    fn line(&mut self, json: &Json) -> io::Result<()> {
        let mut text = json.to_string();
        text.push('\n');
        self.n_bytes += text.len() as u64;
        self.out.write_all(text.as_bytes())
    }
}
