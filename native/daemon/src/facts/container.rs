//! `container.*`, as far as the cgroup tells. What only the runtime knows is absent.

use peregrine_rules::{FieldId, Value};
use peregrine_world::{Container, Process};

use super::Context;

/// A field of the container that a process is in.
pub fn field<'a>(id: FieldId, process: &'a Process, time: u64, context: &Context) -> Value<'a> {
    let container = process.container();
    match id {
        FieldId::ContainerId => Value::Str(container.short().as_bytes()),
        FieldId::ContainerStartTs | FieldId::ContainerDuration => start(id, process, time, context),
        _ => match container {
            Container::Host => host(id),
            Container::Id(known) => match id {
                FieldId::ContainerFullId => Value::Str(known.full().as_bytes()),
                FieldId::ContainerType => Value::Str(known.runtime.as_str().as_bytes()),
                _ => Value::Absent,
            },
        },
    }
}

/// The host is told from a container about which nothing is known: its texts are there, and empty.
fn host(id: FieldId) -> Value<'static> {
    match id {
        FieldId::ContainerFullId
        | FieldId::ContainerImage
        | FieldId::ContainerImageId
        | FieldId::ContainerImageRepository
        | FieldId::ContainerImageTag
        | FieldId::ContainerImageDigest
        | FieldId::ContainerMounts
        | FieldId::ContainerIp
        | FieldId::ContainerCniJson
        | FieldId::ContainerLabels => Value::Str(b""),
        FieldId::ContainerName | FieldId::ContainerType => Value::Str(b"host"),
        FieldId::ContainerPrivileged => Value::Bool(false),
        _ => Value::Absent,
    }
}

fn start(id: FieldId, process: &Process, time: u64, context: &Context) -> Value<'static> {
    if process.pidns_start_time == 0 || matches!(process.container(), Container::Host) {
        return Value::Absent;
    }
    match id {
        FieldId::ContainerStartTs => Value::U64(context.clock.epoch(process.pidns_start_time)),
        _ => Value::U64(time.saturating_sub(process.pidns_start_time)),
    }
}
