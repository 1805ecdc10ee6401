//! Output text to segments.

use super::{Draft, OutputField, Segment};
use crate::condition::{CallArgument, FieldText, Operand};
use crate::diagnostic::Code;
use crate::fields::{self, Trait};
use crate::nearest::nearest;
use crate::parser;
use crate::typing::{Site, Typing};

/// Widest column that an output may ask for.
const WIDTH_LIMIT: usize = 4096;

/// Reads the output of a rule; nothing if it has a mistake.
pub(crate) fn draft(typing: &mut Typing<'_>, site: &mut Site<'_>) -> Option<Draft> {
    let draft = segments(typing, site);
    // What is wrong inside a transformer is a mistake of the output all the same.
    site.found.iter_mut().filter(|it| it.is_error()).for_each(|it| it.code = Code::OutputSyntax);
    draft
}

fn segments(typing: &mut Typing<'_>, site: &mut Site<'_>) -> Option<Draft> {
    let text = site.text.as_str();
    let mut draft = Draft::default();
    let mut is_whole = true;
    let mut at = usize::from(text.starts_with('*'));
    while let Some(found) = memchr::memchr(b'%', &text.as_bytes()[at..]) {
        push_text(&mut draft, &text[at..at + found]);
        match token(typing, site, &mut draft, at + found) {
            Some(end) => at = end,
            None => {
                is_whole = false;
                at += found + 1;
                if site.is_full_of_mistakes() {
                    break;
                }
            }
        }
    }
    push_text(&mut draft, &text[at..]);
    is_whole.then_some(draft)
}

fn push_text(draft: &mut Draft, text: &str) {
    if !text.is_empty() {
        draft.segments.push(Segment::Text(text.into()));
    }
}

/// Reads what follows a `%`; gives where it ends.
fn token(
    typing: &mut Typing<'_>,
    site: &mut Site<'_>,
    draft: &mut Draft,
    percent: usize,
) -> Option<usize> {
    let text = site.text.as_str();
    let digits = text[percent + 1..].bytes().take_while(u8::is_ascii_digit).count();
    let start = percent + 1 + digits;
    let width = match text[percent + 1..start].parse::<usize>() {
        Ok(width) => Some(width.min(WIDTH_LIMIT)),
        Err(_) => None,
    };
    let Some((operand, end)) = longest_operand(typing, text, start) else {
        no_operand(typing, site, percent, start);
        return None;
    };
    let typed = typing.operand(site, &operand)?;
    list_fields(typing, site, &operand, draft)?;
    draft.segments.push(Segment::Value { value: typed.value, field: typed.field, width });
    Some(end)
}

/// A transformer, or the longest text that is a field.
fn longest_operand(typing: &Typing<'_>, text: &str, start: usize) -> Option<(Operand, usize)> {
    if let Some((operand @ Operand::Transformer(_), end)) = parser::parse_operand(text, start) {
        return Some((operand, end));
    }
    let name = field_name(&text[start..]);
    let is_field = |name: &str| fields::is_field(name) || typing.static_field(name).is_some();
    if let Some((Operand::Field(field), end)) = parser::parse_operand(text, start)
        && match &field.bracket {
            None => is_field(&field.name),
            Some(bracket) => fields::is_field_with(&field.name, bracket),
        }
    {
        return Some((Operand::Field(field), end));
    }
    (1..=name.len()).rev().find_map(|length| {
        let name = &name[..length];
        is_field(name).then_some(())?;
        let end = start + length;
        let field = FieldText { name: name.to_owned(), bracket: None, span: start..end };
        Some((Operand::Field(field), end))
    })
}

/// The letters that names of fields have.
fn field_name(text: &str) -> &str {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    // No name is longer; the bound keeps a file of letters from taking quadratic time.
    let length = text.bytes().take(NAME_LIMIT).take_while(is_name).count();
    &text[..length]
}

/// Longer than every name of the catalogue with its parameter.
const NAME_LIMIT: usize = 96;

fn no_operand(typing: &Typing<'_>, site: &mut Site<'_>, percent: usize, start: usize) {
    let text = site.text.as_str();
    let name = field_name(&text[start..]).trim_end_matches('.');
    let end = (start + name.len()).max(percent + 1);
    let near = nearest(name, fields::FieldId::all().map(|id| id.row().name));
    let bracket = text[end..].starts_with('[');
    let lookup = fields::lookup(name, bracket.then_some("…"));
    let (message, help) = match (near, lookup) {
        _ if name.is_empty() => (
            "expected a field behind `%`".to_owned(),
            "a `%` that stands for itself cannot be written; write `percent`".to_owned(),
        ),
        (_, Err(fields::LookupError::Missing(id, wanted))) => {
            (format!("`{name}` needs {wanted}"), format!("for example `{}`", id.row().example))
        }
        (Some(near), _) if near != name => {
            (format!("there is no field `{name}`"), format!("did you mean `%{near}`?"))
        }
        (_, Err(fields::LookupError::Unknown(_))) => {
            (format!("there is no field `{name}`"), String::new())
        }
        _ => (format!("there is no field `{name}` with this argument"), String::new()),
    };
    site.report(typing.files, Code::OutputSyntax, percent..end, message, &help);
}

/// Structured outputs list the fields inside transformers with their own values.
fn list_fields(
    typing: &mut Typing<'_>,
    site: &mut Site<'_>,
    operand: &Operand,
    draft: &mut Draft,
) -> Option<()> {
    match operand {
        Operand::Field(field) => {
            if let (Some(value), None) = (typing.static_field(&field.name), &field.bracket) {
                let value = Segment::Text(value.into());
                draft.extra.push((field.name.as_str().into(), [value].into()));
                return Some(());
            }
            let field = fields::lookup(&field.name, field.bracket.as_deref()).ok()?;
            let typed = typing.typed_field(field.clone());
            let name = field.text.as_ref().into();
            draft.fields.push(OutputField { name, value: typed.value, field });
        }
        Operand::Transformer(call) => {
            for argument in &call.arguments {
                list_argument(typing, site, argument, draft)?;
            }
        }
    }
    Some(())
}

fn list_argument(
    typing: &mut Typing<'_>,
    site: &mut Site<'_>,
    argument: &CallArgument,
    draft: &mut Draft,
) -> Option<()> {
    match argument {
        CallArgument::Operand(operand) => list_fields(typing, site, operand, draft),
        CallArgument::Literal(_) => Some(()),
        CallArgument::List(elements, _) => {
            elements.iter().try_for_each(|it| list_argument(typing, site, it, draft).ok_or(())).ok()
        }
    }
}

/// Whether a field has no single value to print.
pub(super) fn prints_nothing(field: &fields::FieldRef) -> bool {
    field.id.row().is(Trait::FilterOnly) || field.id == fields::FieldId::EvtTypeIs
}
