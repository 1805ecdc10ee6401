//! Fields and transformers: what they give, and of which type.

use super::{Site, Typing};
use crate::check::Several;
use crate::condition::{CallArgument, FieldText, Operand, TransformerCall};
use crate::diagnostic::Code;
use crate::fields::{self, FieldId, FieldRef, FieldType, LookupError, Trait};
use crate::parser::Mistake;
use crate::value::{ValueId, ValueSource};

/// A value with its type.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub value: ValueId,
    pub field_type: FieldType,
    pub several: Several,
    /// The field itself, if it is one.
    pub field: Option<FieldRef>,
}

impl<'load> Typing<'load> {
    pub(crate) fn operand(&mut self, site: &mut Site<'_>, operand: &Operand) -> Option<Typed> {
        match operand {
            Operand::Field(field) => self.field(site, field),
            Operand::Transformer(call) => self.transformer(site, call),
        }
    }

    fn field(&mut self, site: &mut Site<'_>, written: &FieldText) -> Option<Typed> {
        if let (Some(text), None) = (self.static_field(&written.name), &written.bracket) {
            let value = ValueSource::Constant(text.as_bytes().into());
            return Some(self.made(value, FieldType::Text));
        }
        match fields::lookup(&written.name, written.bracket.as_deref()) {
            Ok(field) => {
                self.warn_of_field(site, &field, written);
                Some(self.typed_field(field))
            }
            Err(error) => {
                site.mistake(self.files, *lookup_mistake(&error, written));
                None
            }
        }
    }

    /// The text of a field that is the same for every event.
    pub(crate) fn static_field(&self, name: &str) -> Option<&'load str> {
        let name = name.strip_prefix("static.")?;
        let (_, text) = self.static_fields.iter().find(|(known, _)| known == name)?;
        Some(text)
    }

    pub(crate) fn typed_field(&mut self, field: FieldRef) -> Typed {
        let row = field.id.row();
        let several = if row.is(Trait::List) {
            Several::List
        } else if row.is(Trait::EitherEnd) {
            Several::Ends
        } else if row.is(Trait::HostName) {
            Several::Names
        } else {
            Several::Any
        };
        let field_type = field.field_type;
        let value = self.expressions.add_field(field.clone());
        Typed { value, field_type, several, field: Some(field) }
    }

    fn warn_of_field(&self, site: &mut Site<'_>, field: &FieldRef, written: &FieldText) {
        let row = field.id.row();
        let span = written.span.clone();
        if row.is(Trait::NeverKnown) {
            let why = field.id.why_never().unwrap_or_default();
            let message = format!("`{}` never has a value here: {why}", row.name);
            site.report(self.files, Code::NeverKnownField, span, message, "");
        } else if row.is(Trait::Deprecated) {
            let message = format!("`{}` says nothing any more", row.name);
            site.report(self.files, Code::DeprecatedItem, span, message, "remove the comparison");
        }
    }

    fn transformer(&mut self, site: &mut Site<'_>, call: &TransformerCall) -> Option<Typed> {
        let before = site.found.len();
        let arguments: Vec<_> =
            call.arguments.iter().map(|it| self.call_argument(site, it)).collect();
        let arguments: Vec<_> = arguments.into_iter().collect::<Option<_>>()?;
        if site.found[before..].iter().any(|it| it.is_error()) {
            return None;
        }
        if call.bracket.is_some() && call.name != "getopt" {
            let message = format!("`{}` takes no argument in brackets", call.name);
            site.report(self.files, Code::UnfitTransformer, call.span.clone(), message, "");
            return None;
        }
        match self.applied(call, &arguments) {
            Ok(typed) => Some(typed),
            Err(wanted) => {
                let message = format!("`{}` takes {wanted}", call.name);
                site.report(self.files, Code::UnfitTransformer, call.span.clone(), message, "");
                None
            }
        }
    }

    fn call_argument(&mut self, site: &mut Site<'_>, argument: &CallArgument) -> Option<Typed> {
        match argument {
            CallArgument::Literal(literal) => {
                let value = ValueSource::Constant(literal.bytes.as_slice().into());
                Some(self.made(value, FieldType::Text))
            }
            CallArgument::List(elements, span) => {
                let elements: Vec<_> =
                    elements.iter().map(|it| self.call_argument(site, it)).collect();
                let elements: Vec<_> = elements.into_iter().collect::<Option<_>>()?;
                if elements.iter().any(|it| it.field_type != FieldType::Text) {
                    let message = "a list in a transformer holds texts";
                    site.report(self.files, Code::UnfitTransformer, span.clone(), message, "");
                    return None;
                }
                let list = elements.iter().map(|it| it.value).collect();
                Some(self.made(ValueSource::List(list), FieldType::TextList))
            }
            CallArgument::Operand(operand) => {
                let typed = self.operand(site, operand)?;
                self.transformable(site, operand, &typed).then_some(typed)
            }
        }
    }

    fn transformable(&self, site: &mut Site<'_>, operand: &Operand, typed: &Typed) -> bool {
        let Some(field) = &typed.field else { return true };
        let is_event_type = matches!(field.id, FieldId::EvtType | FieldId::SyscallType);
        if !is_event_type && !field.id.row().is(Trait::NoTransformer) {
            return true;
        }
        let message = format!("`{}` cannot stand in a transformer", field.text);
        let help = if is_event_type { "compare it with `=`, `!=` or `in`" } else { "" };
        site.report(self.files, Code::UnfitTransformer, operand.span().clone(), message, help);
        false
    }

    /// The value of a transformer, or what it takes.
    fn applied(&mut self, call: &TransformerCall, given: &[Typed]) -> Result<Typed, &'static str> {
        use FieldType::{Bytes, Text, TextList, U64};
        let one = |allowed: &[FieldType]| match given {
            [only] if allowed.contains(&only.field_type) => Some(only.clone()),
            _ => None,
        };
        let (source, field_type) = match call.name {
            "tolower" | "toupper" | "basename" => {
                let only = one(&[Text, TextList]).ok_or("one text")?;
                let source = match call.name {
                    "tolower" => ValueSource::Lower(only.value),
                    "toupper" => ValueSource::Upper(only.value),
                    _ => ValueSource::Basename(only.value),
                };
                (source, only.field_type)
            }
            "b64" => {
                let only = one(&[Text, Bytes, TextList]).ok_or("one text or bytes")?;
                (ValueSource::Base64(only.value), only.field_type)
            }
            "len" => {
                let only = one(&[Text, Bytes, TextList]).ok_or("one text, bytes or a list")?;
                let source = match only.field_type {
                    Bytes => ValueSource::ByteLength(only.value),
                    _ => ValueSource::Length(only.value),
                };
                (source, U64)
            }
            "join" => match given {
                [separator, list]
                    if separator.field_type == Text && list.field_type == TextList =>
                {
                    (ValueSource::Join(separator.value, list.value), Text)
                }
                _ => return Err("a separator and a list"),
            },
            "concat" => {
                if given.len() < 2 || given.iter().any(|it| it.field_type != Text) {
                    return Err("two texts or more");
                }
                (ValueSource::Concat(given.iter().map(|it| it.value).collect()), Text)
            }
            _ => return self.getopt(call, given),
        };
        Ok(self.made(source, field_type))
    }

    fn getopt(&mut self, call: &TransformerCall, given: &[Typed]) -> Result<Typed, &'static str> {
        use FieldType::{Text, TextList};
        const WANTED: &str =
            "a list of arguments and a text of options, and one letter in brackets";
        let [list, options] = given else { return Err(WANTED) };
        if (list.field_type, options.field_type) != (TextList, Text) {
            return Err(WANTED);
        }
        let option = match call.bracket.as_deref().map(str::as_bytes) {
            None => None,
            Some([letter]) => Some(*letter),
            Some(_) => return Err(WANTED),
        };
        let field_type = if option.is_some() { Text } else { TextList };
        let source = ValueSource::Getopt(list.value, options.value, option);
        Ok(self.made(source, field_type))
    }

    fn made(&mut self, source: ValueSource, field_type: FieldType) -> Typed {
        let several = if field_type == FieldType::TextList { Several::List } else { Several::Any };
        Typed { value: self.expressions.add_value(source), field_type, several, field: None }
    }
}

/// What is wrong with a field's text.
pub(crate) fn lookup_mistake(error: &LookupError, written: &FieldText) -> Box<Mistake> {
    let mistake = |message: String| Mistake::new(Code::UnknownField, written.span.clone(), message);
    let suggest = |mistake: Box<Mistake>, near: &Option<&str>| match near {
        Some(near) => mistake.help(format!("did you mean `{near}`?")),
        None => mistake,
    };
    match error {
        LookupError::Unknown(near) => {
            suggest(mistake(format!("there is no field `{}`", written.name)), near)
        }
        LookupError::NoArgument(id) => {
            let name = id.row().name;
            mistake(format!("`{name}` takes no argument in brackets"))
                .help(format!("write `{name}`"))
        }
        LookupError::Missing(id, wanted) => mistake(format!("`{}` needs {wanted}", id.row().name))
            .help(format!("for example `{}`", id.row().example)),
        LookupError::Unfit(id, wanted) => mistake(format!("`{}` takes {wanted}", id.row().name))
            .help(format!("for example `{}`", id.row().example)),
        LookupError::UnknownParameter(id, near) => suggest(
            mistake(format!("no event has the parameter that `{}` names", written.name)),
            &near.map(|near| format!("{}.{near}", id.row().name)).as_deref(),
        ),
        LookupError::UnknownEvent(id, near) => suggest(
            mistake(format!("no event type has the name that `{}` asks for", written.name)),
            &near.map(|near| format!("{}.{near}", id.row().name)).as_deref(),
        ),
    }
}
