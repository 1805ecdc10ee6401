//! `container.*` and `k8s.*`: what the cgroup tells, and what the runtime has told.

use bumpalo::Bump;
use peregrine_rules::{Argument, FieldId, FieldRef, Value, matches_glob};
use peregrine_world::{
    Container, Runtime,
    identity::{Identity, Labels, Mount, Pod, Standing, Text},
};

use super::{Context, path};

/// The container that an event happened in.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub container: &'a Container,
    pub standing: &'a Standing,
    /// When the init of the pid namespace began, since boot in ns; 0 when not known.
    pub pidns_start_time: u64,
    /// Of the event.
    pub time: u64,
    pub context: &'a Context,
}

impl<'a> Place<'a> {
    /// A field of the container.
    pub fn field(&self, field: &FieldRef, arena: &'a Bump) -> Value<'a> {
        match field.id {
            FieldId::ContainerId => Value::Str(self.short_id()),
            FieldId::ContainerStartTs | FieldId::ContainerDuration => self.start(field.id),
            id => match self.standing {
                Standing::Host => host(id),
                Standing::Known(identity) => known(field, identity, arena),
                Standing::Waiting if is_runtimes(id) => Value::Unknown,
                Standing::Waiting | Standing::Incomplete | Standing::Unverified => self.by_path(id),
            },
        }
    }

    /// The id of the container that is told of: of several in one another the one that is known.
    fn short_id(&self) -> &'a [u8] {
        let known = self.standing.identity().and_then(|it| it.id.as_bytes().get(..12));
        known.unwrap_or_else(|| self.container.short().as_bytes())
    }

    /// What the cgroup tells without a runtime.
    fn by_path(&self, id: FieldId) -> Value<'a> {
        let Some(known) = self.container.id() else { return Value::Absent };
        match id {
            FieldId::ContainerFullId => Value::Str(known.full().as_bytes()),
            FieldId::ContainerType => kind(known.runtime),
            _ => Value::Absent,
        }
    }

    fn start(&self, id: FieldId) -> Value<'static> {
        if self.pidns_start_time == 0 || matches!(self.container, Container::Host) {
            return Value::Absent;
        }
        match id {
            FieldId::ContainerStartTs => {
                Value::U64(self.context.clock.epoch(self.pidns_start_time))
            }
            _ => Value::U64(self.time.saturating_sub(self.pidns_start_time)),
        }
    }
}

/// Whether only a runtime can tell it. Fields that nobody tells are absent, not unknown.
fn is_runtimes(id: FieldId) -> bool {
    !matches!(
        id,
        FieldId::ContainerHealthcheck
            | FieldId::ContainerLivenessProbe
            | FieldId::ContainerReadinessProbe
            | FieldId::K8sRcName
            | FieldId::K8sRcId
            | FieldId::K8sRcLabel
            | FieldId::K8sRcLabels
            | FieldId::K8sSvcName
            | FieldId::K8sSvcId
            | FieldId::K8sSvcLabel
            | FieldId::K8sSvcLabels
            | FieldId::K8sNsId
            | FieldId::K8sNsLabel
            | FieldId::K8sNsLabels
            | FieldId::K8sRsName
            | FieldId::K8sRsId
            | FieldId::K8sRsLabel
            | FieldId::K8sRsLabels
            | FieldId::K8sDeploymentName
            | FieldId::K8sDeploymentId
            | FieldId::K8sDeploymentLabel
            | FieldId::K8sDeploymentLabels
    )
}

/// The host is told from a container about which nothing is known: its texts are there, and empty.
fn host(id: FieldId) -> Value<'static> {
    match id {
        FieldId::ContainerImage
        | FieldId::ContainerImageId
        | FieldId::ContainerImageRepository
        | FieldId::ContainerImageTag
        | FieldId::ContainerImageDigest
        | FieldId::ContainerMounts
        | FieldId::ContainerIp
        | FieldId::ContainerCniJson
        | FieldId::ContainerLabels
        | FieldId::K8sPodSandboxId
        | FieldId::K8sPodFullSandboxId
        | FieldId::K8sPodLabels
        | FieldId::K8sPodIp
        | FieldId::K8sPodCniJson => Value::Str(b""),
        FieldId::ContainerFullId | FieldId::ContainerName | FieldId::ContainerType => {
            Value::Str(b"host")
        }
        FieldId::ContainerPrivileged => Value::Bool(false),
        _ => Value::Absent,
    }
}

fn known<'a>(field: &FieldRef, identity: &'a Identity, arena: &'a Bump) -> Value<'a> {
    let image = &identity.image;
    match field.id {
        FieldId::ContainerFullId => text(&identity.id),
        FieldId::ContainerName => text(&identity.name),
        FieldId::ContainerType => kind(identity.runtime),
        FieldId::ContainerImage => text(&image.reference),
        FieldId::ContainerImageId => text(&image.id),
        FieldId::ContainerImageRepository => text(&image.repository),
        FieldId::ContainerImageTag => text(&image.tag),
        FieldId::ContainerImageDigest => text(&image.digest),
        FieldId::ContainerPrivileged => flag(identity.is_privileged),
        FieldId::ContainerHostPid => flag(identity.has_host_pid),
        FieldId::ContainerHostNetwork => flag(identity.has_host_network),
        FieldId::ContainerHostIpc => flag(identity.has_host_ipc),
        FieldId::ContainerIp => text(&identity.ip),
        FieldId::ContainerCniJson => {
            Value::Str(identity.pod.as_deref().map_or(b"", |pod| pod.cni_json.as_bytes()))
        }
        FieldId::ContainerLabel => label(&identity.labels, &field.argument),
        FieldId::ContainerLabels => Value::Str(all_labels(&identity.labels, arena)),
        FieldId::ContainerMounts => {
            let tuples = identity.mounts.iter().map(|mount| tuple(mount, arena));
            Value::Str(join(tuples, b",", arena))
        }
        FieldId::ContainerMount
        | FieldId::ContainerMountSource
        | FieldId::ContainerMountDest
        | FieldId::ContainerMountMode
        | FieldId::ContainerMountRdwr
        | FieldId::ContainerMountPropagation => mount(field, &identity.mounts, arena),
        id => pod(id, &field.argument, identity.pod.as_deref(), arena),
    }
}

fn pod<'a>(id: FieldId, argument: &Argument, pod: Option<&'a Pod>, arena: &'a Bump) -> Value<'a> {
    let Some(pod) = pod else {
        return match id {
            FieldId::K8sPodSandboxId
            | FieldId::K8sPodFullSandboxId
            | FieldId::K8sPodLabels
            | FieldId::K8sPodIp
            | FieldId::K8sPodCniJson => Value::Str(b""),
            _ => Value::Absent,
        };
    };
    let sandbox = pod.sandbox_id.as_bytes();
    match id {
        FieldId::K8sPodName => present(&pod.name),
        FieldId::K8sNsName => present(&pod.namespace),
        FieldId::K8sPodUid | FieldId::K8sPodId => present(&pod.uid),
        FieldId::K8sPodSandboxId => Value::Str(sandbox.get(..12).unwrap_or(sandbox)),
        FieldId::K8sPodFullSandboxId => Value::Str(sandbox),
        FieldId::K8sPodLabel => label(&pod.labels, argument),
        FieldId::K8sPodLabels => Value::Str(all_labels(&pod.labels, arena)),
        FieldId::K8sPodIp => text(&pod.ip),
        FieldId::K8sPodCniJson => text(&pod.cni_json),
        _ => Value::Absent,
    }
}

/// Falco has words for runtimes that it knows, and an empty text for what it cannot tell.
fn kind(runtime: Runtime) -> Value<'static> {
    match runtime {
        Runtime::Unknown => Value::Str(b""),
        known => Value::Str(known.as_str().as_bytes()),
    }
}

fn text(text: &Text) -> Value<'_> {
    Value::Str(text.as_bytes())
}

fn present(found: &Text) -> Value<'_> {
    if found.is_empty() { Value::Absent } else { text(found) }
}

fn flag(flag: Option<bool>) -> Value<'static> {
    flag.map_or(Value::Absent, Value::Bool)
}

fn label<'a>(labels: &'a Labels, argument: &Argument) -> Value<'a> {
    match argument {
        Argument::Key(name) => labels.get(name).map_or(Value::Absent, text),
        Argument::Index(number) => labels.get(&number.to_string()).map_or(Value::Absent, text),
        _ => Value::Absent,
    }
}

fn all_labels<'a>(labels: &'a Labels, arena: &'a Bump) -> &'a [u8] {
    let pairs = labels
        .iter()
        .map(|(name, value)| path::concat(&[name.as_bytes(), b":", value.as_bytes()], arena));
    join(pairs, b", ", arena)
}

/// By its place, or the first whose source matches; a source is looked for by its destination.
fn mount<'a>(field: &FieldRef, mounts: &'a [Mount], arena: &'a Bump) -> Value<'a> {
    let found = match &field.argument {
        Argument::Index(place) => usize::try_from(*place).ok().and_then(|at| mounts.get(at)),
        Argument::Key(pattern) => mounts.iter().find(|mount| {
            let side = match field.id {
                FieldId::ContainerMountSource => &mount.destination,
                _ => &mount.source,
            };
            matches_glob(pattern.as_bytes(), side.as_bytes())
        }),
        _ => None,
    };
    let Some(mount) = found else { return Value::Absent };
    match field.id {
        FieldId::ContainerMountSource => text(&mount.source),
        FieldId::ContainerMountDest => text(&mount.destination),
        FieldId::ContainerMountMode => text(&mount.mode),
        FieldId::ContainerMountRdwr => Value::Str(truth(mount)),
        FieldId::ContainerMountPropagation => text(&mount.propagation),
        _ => Value::Str(tuple(mount, arena)),
    }
}

fn truth(mount: &Mount) -> &'static [u8] {
    if mount.is_writable { b"true" } else { b"false" }
}

fn tuple<'a>(mount: &'a Mount, arena: &'a Bump) -> &'a [u8] {
    let parts = [
        mount.source.as_bytes(),
        mount.destination.as_bytes(),
        mount.mode.as_bytes(),
        truth(mount),
        mount.propagation.as_bytes(),
    ];
    join(parts.into_iter(), b":", arena)
}

fn join<'a>(parts: impl Iterator<Item = &'a [u8]>, separator: &[u8], arena: &'a Bump) -> &'a [u8] {
    let mut joined = bumpalo::collections::Vec::new_in(arena);
    for (place, part) in parts.enumerate() {
        if place > 0 {
            joined.extend_from_slice(separator);
        }
        joined.extend_from_slice(part);
    }
    joined.into_bump_slice()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::tz::TimeZone;
    use peregrine_world::identify;

    use super::*;
    use crate::clock::Clock;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn show(name: &str, path: &str, standing: &Standing) -> String {
        let context = Context {
            clock: Clock::now(),
            zone: TimeZone::UTC,
            hostname: "node".into(),
            start: 0,
            number: 1,
            history: Default::default(),
            host_names: None,
            bytes: Default::default(),
        };
        let container = identify(path.as_bytes());
        let place = Place {
            container: &container,
            standing,
            pidns_start_time: 0,
            time: 1,
            context: &context,
        };
        let (name, argument) = match name.trim_end_matches(']').split_once('[') {
            Some((name, argument)) => (name, Some(argument)),
            None => (name, None),
        };
        let field = peregrine_rules::lookup(name, argument).unwrap();
        let arena = Bump::new();
        match place.field(&field, &arena) {
            Value::Str(text) => String::from_utf8_lossy(text).into_owned(),
            other => format!("{other:?}"),
        }
    }

    fn web() -> Standing {
        let mut identity = Identity::new(ID, Runtime::Containerd).with_mounts([Mount {
            source: "/srv/data".into(),
            destination: "/data".into(),
            mode: "ro".into(),
            is_writable: false,
            propagation: "rprivate".into(),
        }]);
        identity.name = "web".into();
        identity.labels = Labels::new([("team", "a"), ("app", "b")]);
        identity.pod = Some(Arc::new(Pod {
            namespace: "default".into(),
            name: "web-0".into(),
            sandbox_id: ID.into(),
            ..Pod::default()
        }));
        Standing::Known(Arc::new(identity))
    }

    #[test]
    fn each_field_has_its_form() {
        let kubernetes = format!("/kubepods/besteffort/pod1/{ID}");
        for (name, expected) in [
            ("container.id", "0123456789ab"),
            ("container.name", "web"),
            ("container.type", "containerd"),
            ("container.label[app]", "b"),
            ("container.label[none]", "Absent"),
            ("container.labels", "app:b, team:a"),
            ("container.mounts", "/srv/data:/data:ro:false:rprivate"),
            ("container.mount[0]", "/srv/data:/data:ro:false:rprivate"),
            ("container.mount.dest[/srv/*]", "/data"),
            ("container.mount.source[/data]", "/srv/data"),
            ("container.mount.rdwr[/srv/data]", "false"),
            ("container.privileged", "Absent"),
            ("k8s.pod.name", "web-0"),
            ("k8s.ns.name", "default"),
            ("k8s.pod.uid", "Absent"),
            ("k8s.pod.sandbox_id", "0123456789ab"),
            ("k8s.pod.ip", ""),
        ] {
            assert_eq!(show(name, &kubernetes, &web()), expected, "{name}");
        }
    }

    #[test]
    fn the_host_is_host_and_has_no_pod() {
        for (name, expected) in [
            ("container.id", "host"),
            ("container.full_id", "host"),
            ("container.name", "host"),
            ("container.type", "host"),
            ("container.image.repository", ""),
            ("container.privileged", "Bool(false)"),
            ("k8s.pod.name", "Absent"),
            ("k8s.pod.labels", ""),
        ] {
            assert_eq!(show(name, "/user.slice", &Standing::Host), expected, "{name}");
        }
    }

    #[test]
    fn a_runtime_that_the_cgroup_does_not_tell_has_no_word() {
        let anywhere = format!("/ci/runner/{ID}");
        assert_eq!(show("container.type", &anywhere, &Standing::Unverified), "");
        assert_eq!(show("container.full_id", &anywhere, &Standing::Unverified), ID);
    }

    #[test]
    fn what_is_not_known_yet_is_unknown_and_what_nobody_tells_is_absent() {
        let docker = format!("/docker/{ID}");
        for (name, waiting, late) in [
            ("container.id", "0123456789ab", "0123456789ab"),
            ("container.name", "Unknown", "Absent"),
            ("container.full_id", "Unknown", ID),
            ("container.type", "Unknown", "docker"),
            ("k8s.pod.name", "Unknown", "Absent"),
            ("container.healthcheck", "Absent", "Absent"),
        ] {
            assert_eq!(show(name, &docker, &Standing::Waiting), waiting, "{name}");
            assert_eq!(show(name, &docker, &Standing::Incomplete), late, "{name}");
            assert_eq!(show(name, &docker, &Standing::Unverified), late, "{name}");
        }
    }
}
