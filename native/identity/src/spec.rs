//! What is read of an OCI runtime specification.

use std::collections::BTreeMap;

use peregrine_world::identity::{Identity, Mount};
use serde::Deserialize;

/// A part of `config.json`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Spec {
    pub annotations: BTreeMap<String, String>,
    process: Process,
    mounts: Vec<SpecMount>,
    linux: Linux,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Process {
    capabilities: Capabilities,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Capabilities {
    bounding: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SpecMount {
    destination: String,
    source: String,
    options: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Linux {
    namespaces: Vec<Namespace>,
    masked_paths: Vec<String>,
    readonly_paths: Vec<String>,
}

#[derive(Deserialize)]
struct Namespace {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    path: String,
}

impl Spec {
    /// Puts into an identity what the specification tells.
    pub fn describe(&self, identity: Identity) -> Identity {
        let binds = self.mounts.iter().filter(|mount| mount.source.starts_with('/'));
        let mut identity = identity.with_mounts(binds.map(SpecMount::to_mount));
        identity.is_privileged = Some(self.is_privileged());
        identity.has_host_pid = self.shares_host("pid");
        identity.has_host_network = self.shares_host("network");
        identity.has_host_ipc = self.shares_host("ipc");
        identity
    }

    /// The mark of `privileged` in what runtimes make of it: all capabilities, nothing masked.
    fn is_privileged(&self) -> bool {
        self.process.capabilities.bounding.iter().any(|it| it == "CAP_SYS_ADMIN")
            && self.linux.masked_paths.is_empty()
            && self.linux.readonly_paths.is_empty()
    }

    /// Is this namespace the host's? Not known of one that is another process's, such as that of a
    /// pod's sandbox.
    fn shares_host(&self, kind: &str) -> Option<bool> {
        let own = self.linux.namespaces.iter().find(|namespace| namespace.kind == kind);
        match own {
            Some(namespace) if namespace.path.starts_with("/proc/") => None,
            own => Some(own.is_none()),
        }
    }
}

impl SpecMount {
    fn to_mount(&self) -> Mount {
        let shared = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];
        let propagation = self.options.iter().find(|it| shared.contains(&it.as_str()));
        Mount {
            source: self.source.as_str().into(),
            destination: self.destination.as_str().into(),
            mode: self.options.join(",").as_str().into(),
            is_writable: !self.options.iter().any(|it| it == "ro"),
            propagation: propagation.map_or("", String::as_str).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use peregrine_world::Runtime;

    use super::*;

    fn describe(json: &str) -> Identity {
        let spec: Spec = serde_json::from_str(json).unwrap();
        spec.describe(Identity::new("ab", Runtime::Containerd))
    }

    #[test]
    fn privileged_is_all_capabilities_and_nothing_masked() {
        let all = r#""process":{"capabilities":{"bounding":["CAP_SYS_ADMIN"]}}"#;
        let cases = [
            (format!(r#"{{{all},"linux":{{}}}}"#), true),
            (format!(r#"{{{all},"linux":{{"maskedPaths":["/proc/kcore"]}}}}"#), false),
            (r#"{"linux":{}}"#.to_owned(), false),
        ];
        for (json, expected) in cases {
            assert_eq!(describe(&json).is_privileged, Some(expected), "{json}");
        }
    }

    #[test]
    fn binds_of_the_host_are_mounts() {
        let found = describe(
            r#"{"mounts":[{"destination":"/proc","source":"proc"},
                {"destination":"/d","source":"/s","options":["rbind","rprivate","ro"]}],
                "linux":{"namespaces":[{"type":"pid"}]}}"#,
        );
        assert_eq!(found.mounts.len(), 1);
        assert_eq!(found.mounts[0].propagation.as_str(), "rprivate");
        assert!(!found.mounts[0].is_writable);
        assert_eq!((found.has_host_pid, found.has_host_network), (Some(false), Some(true)));
    }

    #[test]
    fn whose_namespace_it_is_that_a_container_joins_is_not_guessed() {
        let found = describe(
            r#"{"linux":{"namespaces":[{"type":"network","path":"/proc/7/ns/net"},
                {"type":"ipc","path":"/run/ipcns/1"},{"type":"pid"}]}}"#,
        );
        assert_eq!(
            (found.has_host_network, found.has_host_ipc, found.has_host_pid),
            (None, Some(false), Some(false))
        );
    }
}
