//! Pods by the ids of their sandboxes: what CRI tells of one is asked once for all its containers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use peregrine_world::identity::{Identity, KUBELET, Labels, Pod};
use serde::Deserialize;

use crate::{
    Failure,
    cri::{Api, wire},
    spec::Spec,
};

/// Pods that are remembered.
const PODS: usize = 4096;
/// Containers of a pod that were told of before all was known of the pod.
const EARLY: usize = 256;
/// A pod's address is worth no longer a wait, since its name is known without.
const LIMIT: Duration = Duration::from_millis(500);
/// `NamespaceMode::NODE`
const NODE: i32 = 2;

#[derive(Default)]
pub struct Pods(Mutex<HashMap<String, Entry>>);

struct Entry {
    pod: Arc<Pod>,
    namespaces: Namespaces,
    is_complete: bool,
    early: Vec<String>,
}

/// Which of a pod's namespaces are the host's, as far as is known.
#[derive(Clone, Copy)]
struct Namespaces {
    network: Option<bool>,
    ipc: Option<bool>,
    pid: Option<bool>,
}

impl Namespaces {
    fn of(identity: &Identity) -> Self {
        Self {
            network: identity.has_host_network,
            ipc: identity.has_host_ipc,
            pid: identity.has_host_pid,
        }
    }

    fn from_cri(options: Option<&wire::NamespaceOption>) -> Self {
        let is_node = |get: fn(&wire::NamespaceOption) -> i32| options.map(|it| get(it) == NODE);
        Self {
            network: is_node(|it| it.network),
            ipc: is_node(|it| it.ipc),
            pid: is_node(|it| it.pid),
        }
    }
}

impl Pods {
    /// A sandbox is there; its address is known when it is up.
    pub fn begin(&self, pod: Pod, sandbox: &Identity) {
        self.put(pod, Namespaces::of(sandbox));
    }

    fn put(&self, pod: Pod, namespaces: Namespaces) {
        let mut all = self.lock();
        if all.len() >= PODS {
            all.clear();
        }
        let id = pod.sandbox_id.as_str().to_owned();
        let early =
            || Entry { pod: Arc::new(pod), namespaces, is_complete: false, early: Vec::new() };
        all.entry(id).or_insert_with(early);
    }

    pub fn has(&self, sandbox: &str) -> bool {
        self.lock().contains_key(sandbox)
    }

    /// Puts into an identity what is known of its pod. CRI is asked only for a pod of which nothing
    /// was told; where it has nothing to tell, or too late, the pod is as it was given.
    pub async fn describe(&self, api: &Api, pod: Pod, identity: &mut Identity) {
        let sandbox = pod.sandbox_id.as_str().to_owned();
        if !sandbox.is_empty() && !self.has(&sandbox) {
            // What comes of it stands in the table.
            if let Err(failure) = self.ask(api, &sandbox, LIMIT).await {
                tracing::debug!(%failure, %sandbox, "CRI does not tell of a pod");
            }
        }
        let mut all = self.lock();
        let Some(entry) = all.get_mut(&sandbox) else {
            identity.pod = (!pod.name.is_empty()).then(|| Arc::new(pod));
            return;
        };
        if !entry.is_complete && entry.early.len() < EARLY {
            entry.early.push(identity.id.as_str().to_owned());
        }
        entry.describe(identity);
    }

    /// Asks CRI for a pod, and remembers the answer.
    pub async fn ask(
        &self,
        api: &Api,
        sandbox: &str,
        limit: Duration,
    ) -> Result<Arc<Pod>, Failure> {
        let request =
            wire::PodSandboxStatusRequest { pod_sandbox_id: sandbox.to_owned(), verbose: true };
        let mut service = api.runtime()?;
        let call = tokio::time::timeout(limit, service.pod_sandbox_status(request));
        let answer = call.await.map_err(|_| Failure::Late(limit))??.into_inner();
        let info = Info::read(&answer.info);
        let status = answer.status.ok_or(Failure::Closed)?;
        let options = status.linux.and_then(|it| it.namespaces).and_then(|it| it.options);
        let namespaces = Namespaces::from_cri(options.as_ref());
        let metadata = status.metadata.unwrap_or_default();
        let labels = status.labels.iter().filter(|(name, _)| !name.starts_with(KUBELET));
        let pod = Arc::new(Pod {
            namespace: metadata.namespace.as_str().into(),
            name: metadata.name.as_str().into(),
            uid: metadata.uid.as_str().into(),
            sandbox_id: status.id.as_str().into(),
            ip: status.network.map(|it| it.ip).unwrap_or_default().as_str().into(),
            labels: Labels::new(labels.map(|(name, value)| (name.as_str(), value.as_str()))),
            cni_json: info.cni.map(|cni| cni.to_string()).unwrap_or_default().as_str().into(),
        });
        self.put(Pod::clone(&pod), namespaces);
        if let Some(entry) = self.lock().get_mut(&status.id) {
            entry.pod = Arc::clone(&pod);
            if options.is_some() {
                entry.namespaces = namespaces;
            }
            entry.is_complete = true;
        }
        Ok(pod)
    }

    /// Containers that were told of before all was known of their pod; each is given out once.
    pub fn take_early(&self, sandbox: &str) -> Vec<String> {
        let mut all = self.lock();
        all.get_mut(sandbox).map(|entry| std::mem::take(&mut entry.early)).unwrap_or_default()
    }

    pub fn forget(&self, sandbox: &str) {
        self.lock().remove(sandbox);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn describe(&self, identity: &mut Identity) {
        // What a container's own specification leaves open, since it joins the pod's.
        identity.has_host_network = identity.has_host_network.or(self.namespaces.network);
        identity.has_host_ipc = identity.has_host_ipc.or(self.namespaces.ipc);
        identity.has_host_pid = identity.has_host_pid.or(self.namespaces.pid);
        identity.ip = self.pod.ip.clone();
        identity.pod = Some(Arc::clone(&self.pod));
    }
}

/// Verbose status: JSON of the runtime's own, with the OCI specification in it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Info {
    #[serde(rename = "sandboxID")]
    pub sandbox_id: String,
    #[serde(rename = "runtimeSpec")]
    pub spec: Option<Spec>,
    #[serde(rename = "cniResult")]
    pub cni: Option<serde_json::Value>,
}

impl Info {
    pub fn read(info: &HashMap<String, String>) -> Self {
        info.get("info").and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use peregrine_world::Runtime;

    use super::*;

    #[test]
    fn a_container_that_comes_before_all_is_known_of_its_pod_is_told_again() {
        let api = Api::new("cri=/none".parse().unwrap(), crate::watcher::Calls::default());
        let pods = Pods::default();
        let pod = || Pod { name: "web-0".into(), sandbox_id: "s".into(), ..Pod::default() };
        let mut sandbox = Identity::new("s", Runtime::Containerd);
        sandbox.has_host_network = Some(true);
        pods.begin(pod(), &sandbox);
        let mut identity = Identity::new("c", Runtime::Containerd);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(pods.describe(
            &api,
            Pod { sandbox_id: "s".into(), ..Pod::default() },
            &mut identity,
        ));
        assert_eq!(identity.pod.unwrap().name.as_str(), "web-0");
        assert_eq!(identity.has_host_network, Some(true));
        assert_eq!(pods.take_early("s"), ["c"]);
        assert!(pods.take_early("s").is_empty());
    }
}
