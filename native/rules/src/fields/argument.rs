//! From the text of a rule to a field and its argument.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{
    ArgumentKind as Shape, FieldId, FieldType, Lifetime, Trait, nearest_field, nearest_parameter,
};
use crate::events::{EventType, nearest_event};

/// A field as a rule uses it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldRef {
    /// Which field.
    pub id: FieldId,
    /// Its argument.
    pub argument: Argument,
    /// The text as written, such as `proc.aname[2]`.
    pub text: Box<str>,
    /// The type of its values, with the argument taken into account.
    pub field_type: FieldType,
}

/// The argument of a field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Argument {
    /// None was given.
    None,
    /// `[2]`.
    Index(u64),
    /// `[PATH]`, or the part behind the last dot of the name (`thread.cgroup.cpuset`).
    Key(Box<str>),
    /// A parameter of the event, by name.
    Parameter(Box<str>),
    /// An event type.
    Event(EventType),
}

/// Why a text names no field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupError {
    /// No field has this name; the nearest one that has.
    Unknown(Option<&'static str>),
    /// The field takes no argument.
    NoArgument(FieldId),
    /// The field needs an argument; what it may be.
    Missing(FieldId, &'static str),
    /// The argument is of the wrong kind; what it may be.
    Unfit(FieldId, &'static str),
    /// No event has a parameter of this name; the nearest one.
    UnknownParameter(FieldId, Option<&'static str>),
    /// No event type has this name; the nearest one.
    UnknownEvent(FieldId, Option<&'static str>),
}

static BY_NAME: LazyLock<HashMap<&'static str, FieldId>> =
    LazyLock::new(|| FieldId::all().map(|id| (id.row().name, id)).collect());

/// Whether a name without brackets is a field; no suggestion is looked for, which takes time.
pub(crate) fn is_field(name: &str) -> bool {
    let Some((id, suffix)) = find(name) else { return false };
    match (id.row().argument, suffix) {
        (Shape::Parameter | Shape::RawParameter, Some(name)) => {
            super::raw_parameter(name).is_some()
        }
        (Shape::EventName, Some(name)) => EventType::from_rule_name(name).is_some(),
        _ => argument(id, suffix, None).is_ok(),
    }
}

/// The same for a name with brackets.
pub(crate) fn is_field_with(name: &str, bracket: &str) -> bool {
    matches!(find(name), Some((id, suffix)) if argument(id, suffix, Some(bracket)).is_ok())
}

/// Finds the field that a name and the text in brackets behind it mean.
pub fn lookup(name: &str, bracket: Option<&str>) -> Result<FieldRef, LookupError> {
    let (id, suffix) = find(name).ok_or_else(|| LookupError::Unknown(nearest_field(name)))?;
    let argument = argument(id, suffix, bracket)?;
    let field_type = value_type(id, &argument);
    let text = match bracket {
        Some(bracket) => format!("{name}[{}]", quoted_if_needed(bracket)).into(),
        None => name.into(),
    };
    Ok(FieldRef { id, argument, text, field_type })
}

impl FieldRef {
    /// Whether the facts may give several values, of which any or all count.
    pub fn has_candidates(&self) -> bool {
        let row = self.id.row();
        row.is(Trait::EitherEnd) || row.is(Trait::HostName) || self.is_any_ancestor()
    }

    /// Whether every ancestor is looked at.
    pub fn is_any_ancestor(&self) -> bool {
        self.id.row().is(Trait::AnyAncestor) && self.argument == Argument::None
    }

    /// Whether its value stays as it is while a process and its container do. Times do not: they are
    /// told by a clock that people set.
    pub fn is_steady(&self) -> bool {
        let is_time = matches!(self.field_type, FieldType::RelativeTime | FieldType::AbsoluteTime)
            || self.id == FieldId::ProcPidnsInitStartTs;
        self.id.row().lifetime != Lifetime::Event && !is_time
    }
}

/// The field with this name, or the one whose name a dotted suffix follows.
fn find(name: &str) -> Option<(FieldId, Option<&str>)> {
    if let Some(id) = BY_NAME.get(name) {
        return Some((*id, None));
    }
    name.match_indices('.').rev().find_map(|(dot, _)| {
        let id = *BY_NAME.get(&name[..dot])?;
        takes_suffix(id.row().argument).then(|| (id, Some(&name[dot + 1..])))
    })
}

fn takes_suffix(shape: Shape) -> bool {
    matches!(
        shape,
        Shape::Parameter | Shape::RawParameter | Shape::EventName | Shape::Subsystem | Shape::Side
    )
}

fn argument(
    id: FieldId,
    suffix: Option<&str>,
    given: Option<&str>,
) -> Result<Argument, LookupError> {
    match (id.row().argument, suffix, given) {
        (_, Some(_), Some(_)) | (Shape::NoArgument, None, Some(_)) => {
            Err(LookupError::NoArgument(id))
        }
        (Shape::Parameter | Shape::RawParameter, Some(name), None) => parameter(id, name),
        (Shape::Parameter, None, Some(index)) => number(id, index, "a name or a number"),
        (Shape::Parameter | Shape::RawParameter, ..) => {
            Err(LookupError::Missing(id, "a dot and the name of a parameter"))
        }
        (Shape::EventName, Some(name), None) => event(id, name),
        (Shape::EventName, ..) => Err(LookupError::Missing(id, "a dot and an event type")),
        (Shape::Subsystem, Some(name), None) => Ok(Argument::Key(name.into())),
        (Shape::Subsystem, ..) => Err(LookupError::Missing(id, "a dot and a subsystem")),
        (Shape::Side, None, None) => Ok(Argument::None),
        (Shape::Side, Some(side @ ("src" | "dst")), None) => Ok(Argument::Key(side.into())),
        (Shape::Side, ..) => Err(LookupError::Unfit(id, "`.src` or `.dst`")),
        (Shape::IndexOptional | Shape::IndexRequired, None, Some(index)) => {
            number(id, index, "a number")
        }
        (Shape::KeyOptional | Shape::KeyRequired, None, Some("")) => {
            Err(LookupError::Unfit(id, "a key that is not empty"))
        }
        (Shape::KeyOptional | Shape::KeyRequired, None, Some(key)) => Ok(key_or_index(id, key)),
        (Shape::IndexRequired, ..) => Err(LookupError::Missing(id, "a number in brackets")),
        (Shape::KeyRequired, ..) => Err(LookupError::Missing(id, "a key in brackets")),
        (Shape::NoArgument | Shape::IndexOptional | Shape::KeyOptional, ..) => Ok(Argument::None),
    }
}

/// Labels and variables may be called by a number; mounts and ancestors are also counted.
fn key_or_index(id: FieldId, key: &str) -> Argument {
    let counted = id.row().name.starts_with("container.mount") || id == FieldId::ProcAenv;
    match key.parse() {
        Ok(index) if counted => Argument::Index(index),
        _ => Argument::Key(key.into()),
    }
}

fn number(id: FieldId, text: &str, wanted: &'static str) -> Result<Argument, LookupError> {
    text.parse().map(Argument::Index).map_err(|_| LookupError::Unfit(id, wanted))
}

fn parameter(id: FieldId, name: &str) -> Result<Argument, LookupError> {
    match super::raw_parameter(name) {
        Some(_) => Ok(Argument::Parameter(name.into())),
        None => Err(LookupError::UnknownParameter(id, nearest_parameter(name))),
    }
}

fn event(id: FieldId, name: &str) -> Result<Argument, LookupError> {
    EventType::from_rule_name(name)
        .map(Argument::Event)
        .ok_or_else(|| LookupError::UnknownEvent(id, nearest_event(name)))
}

fn value_type(id: FieldId, argument: &Argument) -> FieldType {
    let row = id.row();
    match argument {
        Argument::Parameter(name) if row.field_type == FieldType::Dynamic => {
            super::raw_parameter(name).flatten().unwrap_or(FieldType::Dynamic)
        }
        _ if row.is(Trait::List) => FieldType::TextList,
        _ => row.field_type,
    }
}

fn quoted_if_needed(argument: &str) -> String {
    let plain = !argument.is_empty()
        && !argument.contains(|c: char| matches!(c, '[' | ']' | '\'' | '"') || c.is_whitespace());
    if plain { argument.to_owned() } else { format!("\"{}\"", argument.replace('"', "\\\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_find_their_fields() {
        let cases = [
            ("proc.name", None, FieldId::ProcName, Argument::None),
            ("proc.aname", Some("2"), FieldId::ProcAname, Argument::Index(2)),
            ("proc.env", Some("PATH"), FieldId::ProcEnv, Argument::Key("PATH".into())),
            ("evt.arg.flags", None, FieldId::EvtArg, Argument::Parameter("flags".into())),
            ("evt.arg", Some("0"), FieldId::EvtArg, Argument::Index(0)),
            ("thread.cgroup.cpuset", None, FieldId::ThreadCgroup, Argument::Key("cpuset".into())),
            ("evt.abspath.src", None, FieldId::EvtAbspath, Argument::Key("src".into())),
            ("evt.time.s", None, FieldId::EvtTimeS, Argument::None),
            (
                "container.mount.dest",
                Some("/x"),
                FieldId::ContainerMountDest,
                Argument::Key("/x".into()),
            ),
        ];
        for (name, bracket, id, argument) in cases {
            let field = lookup(name, bracket).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert_eq!((field.id, field.argument), (id, argument), "{name}");
        }
    }

    #[test]
    fn what_is_a_field_is_known_without_a_suggestion() {
        let names = ["proc.name", "proc.nmae", "evt.arg", "evt.arg.flags", "evt.arg.flgas"];
        let others = ["evt.rawarg.res", "evt.type.is.open", "evt.type.is.opn", "evt.abspath.src"];
        let last = ["evt.abspath.x", "proc.aname", "container.label", "thread.cgroup.cpu", "x.y"];
        for name in names.into_iter().chain(others).chain(last) {
            assert_eq!(is_field(name), lookup(name, None).is_ok(), "{name}");
            let is_one = lookup(name, Some("1")).is_ok();
            assert_eq!(is_field_with(name, "1"), is_one, "{name}[1]");
        }
    }

    #[test]
    fn wrong_texts_say_why() {
        let error = |name, bracket| lookup(name, bracket).err();
        assert_eq!(error("proc.nmae", None), Some(LookupError::Unknown(Some("proc.name"))));
        assert_eq!(error("proc.name", Some("1")), Some(LookupError::NoArgument(FieldId::ProcName)));
        assert!(matches!(error("proc.aname", Some("x")), Some(LookupError::Unfit(..))));
        assert!(matches!(error("evt.arg", None), Some(LookupError::Missing(..))));
        assert_eq!(
            error("evt.arg.flgas", None),
            Some(LookupError::UnknownParameter(FieldId::EvtArg, Some("flags")))
        );
        assert!(matches!(error("evt.type.is.opn", None), Some(LookupError::UnknownEvent(..))));
        assert!(matches!(error("container.label", None), Some(LookupError::Missing(..))));
    }
}
