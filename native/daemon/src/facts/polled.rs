//! `fdlist.*`: the descriptors that poll(2) and ppoll(2) wait for, joined by commas.

use bumpalo::{Bump, collections::Vec};
use peregrine_capture::event::{Call, Descriptor, Kind, Place};
use peregrine_rules::{FieldId, Value};

use super::{Judged, calls, descriptor, names, net};

/// A field of the descriptors that are waited for; of those without such a thing nothing is said.
pub fn field<'a>(id: FieldId, judged: &'a Judged<'_>, arena: &'a Bump) -> Value<'a> {
    let Kind::Call(call) = &judged.event.kind else { return Value::Absent };
    if !matches!(judged.event_type.name(), "poll" | "ppoll") {
        return Value::Absent;
    }
    let mut list = Vec::new_in(arena);
    let descriptors = call.polled().iter().map(Option::as_ref).chain(std::iter::repeat(None));
    for ((number, _), descriptor) in calls::polled(call, arena).iter().zip(descriptors) {
        let text = match id {
            FieldId::FdlistNums => Some(names::text(format_args!("{number}"), arena)),
            FieldId::FdlistNames => Some(name(call, descriptor, arena)),
            FieldId::FdlistCips => of_socket(FieldId::FdCip, call, descriptor, arena),
            FieldId::FdlistSips => of_socket(FieldId::FdSip, call, descriptor, arena),
            FieldId::FdlistCports => of_socket(FieldId::FdCport, call, descriptor, arena),
            FieldId::FdlistSports => of_socket(FieldId::FdSport, call, descriptor, arena),
            _ => None,
        };
        let Some(text) = text else { continue };
        if !list.is_empty() {
            list.push(b',');
        }
        list.extend_from_slice_copy(text);
    }
    if list.is_empty() { Value::Absent } else { Value::Str(list.into_bump_slice()) }
}

/// What has no name keeps its place.
fn name<'a>(call: &'a Call<'_>, polled: Option<&'a Descriptor<'_>>, arena: &'a Bump) -> &'a [u8] {
    let name = match polled {
        Some(Descriptor::File(state)) => descriptor::name(state, None, arena),
        Some(Descriptor::Socket(state)) => {
            match net::Party::of_call(call, Place(0), state).field(FieldId::FdName, arena) {
                Value::Str(name) => name,
                _ => b"",
            }
        }
        None => b"",
    };
    if name.is_empty() { b"<NA>" } else { name }
}

fn of_socket<'a>(
    id: FieldId,
    call: &'a Call<'_>,
    polled: Option<&'a Descriptor<'_>>,
    arena: &'a Bump,
) -> Option<&'a [u8]> {
    let Some(Descriptor::Socket(state)) = polled else { return None };
    match net::Party::of_call(call, Place(0), state).field(id, arena) {
        Value::Ip(address) => Some(names::text(format_args!("{address}"), arena)),
        Value::U64(port) => Some(names::text(format_args!("{port}"), arena)),
        _ => None,
    }
}
