//! The Container Runtime Interface: pods for containerd, and all that is known for CRI-O.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use hyper_util::rt::TokioIo;
use peregrine_world::{
    Runtime,
    identity::{Identity, Image, KUBELET, Labels, Pod},
};
use serde::Deserialize;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::{Failure, http::CALL_LIMIT, socket::Socket, spec::Spec, watcher::Sink};

#[allow(clippy::all, reason = "generated")]
mod wire {
    include!(concat!(env!("OUT_DIR"), "/runtime.v1.rs"));
}
use wire::runtime_service_client::RuntimeServiceClient as Service;

/// Pods that are remembered.
const PODS: usize = 4096;
/// How often the list is read where the runtime has no events.
const LIST_INTERVAL: Duration = Duration::from_secs(2);
/// A pod's labels and address are worth no longer a wait, since its name is known without.
const POD_LIMIT: Duration = Duration::from_millis(500);
/// `NamespaceMode::NODE`
const NODE: i32 = 2;
/// Longest answer; a node's list of containers is far below.
const ANSWER_LIMIT: usize = 32 << 20;

/// A CRI socket.
pub struct Cri {
    socket: Socket,
    channel: Mutex<Option<Channel>>,
    pods: Pods,
}

impl Cri {
    pub fn new(socket: Socket) -> Self {
        Self { socket, channel: Mutex::default(), pods: Pods::default() }
    }

    fn service(&self) -> Result<Service<Channel>, Failure> {
        let channel = channel(&self.channel, &self.socket.path)?;
        Ok(Service::new(channel).max_decoding_message_size(ANSWER_LIMIT))
    }

    /// Follows the containers until the connection fails.
    pub async fn watch(&self, sink: &Sink) -> Result<(), Failure> {
        let mut service = self.service()?;
        let events = limited(service.get_container_events(wire::GetEventsRequest {})).await;
        let mut known = HashSet::new();
        self.list(sink, &mut known).await?;
        sink.connected(known.len());
        match events {
            Ok(events) => self.follow(events.into_inner(), sink).await,
            // Without events the list is read again and again; what is new in between is asked for.
            Err(Failure::Rpc(_) | Failure::Late(_)) => loop {
                tokio::time::sleep(LIST_INTERVAL).await;
                self.list(sink, &mut known).await?;
            },
            Err(failure) => Err(failure),
        }
    }

    async fn follow(
        &self,
        mut events: tonic::Streaming<wire::ContainerEventResponse>,
        sink: &Sink,
    ) -> Result<(), Failure> {
        /// `ContainerEventType`
        const CREATED: i32 = 0;
        const DELETED: i32 = 3;
        while let Some(event) = events.message().await? {
            match event.container_event_type {
                CREATED => {
                    if let Some(identity) = self.find(&event.container_id).await? {
                        sink.known(identity);
                    }
                }
                DELETED => sink.gone(&event.container_id),
                _ => {}
            }
        }
        Err(Failure::Closed)
    }

    /// Tells of what is new and of what has gone.
    async fn list(&self, sink: &Sink, known: &mut HashSet<String>) -> Result<(), Failure> {
        let mut service = self.service()?;
        let pods = limited(service.list_pod_sandbox(wire::ListPodSandboxRequest::default()));
        let pods = pods.await?.into_inner().items.into_iter().map(|pod| pod.id);
        let mut now: HashSet<String> = pods.collect();
        let containers = limited(service.list_containers(wire::ListContainersRequest::default()));
        now.extend(containers.await?.into_inner().containers.into_iter().map(|it| it.id));
        for id in now.difference(known) {
            if let Some(identity) = self.find(id).await? {
                sink.known(identity);
            }
        }
        for id in known.difference(&now) {
            sink.gone(id);
        }
        *known = now;
        Ok(())
    }

    /// The container or sandbox with this id, if there is one.
    pub async fn find(&self, id: &str) -> Result<Option<Identity>, Failure> {
        let mut service = self.service()?;
        let filter = Some(wire::ContainerFilter { id: id.to_owned() });
        let found =
            limited(service.list_containers(wire::ListContainersRequest { filter })).await?;
        match found.into_inner().containers.into_iter().next() {
            Some(container) => Ok(Some(self.container(container).await?)),
            None => self.sandbox(id).await,
        }
    }

    async fn container(&self, container: wire::Container) -> Result<Identity, Failure> {
        let mut service = self.service()?;
        let container_id = container.id.clone();
        let request = wire::ContainerStatusRequest { container_id, verbose: true };
        // Removed meanwhile: what the list told stands.
        let info = match limited(service.container_status(request)).await {
            Ok(status) => Info::read(&status.into_inner().info),
            Err(_) => Info::default(),
        };
        let mut identity = Identity::new(&container.id, Runtime::Crio);
        if let Some(spec) = &info.spec {
            identity = spec.describe(identity);
        }
        let label = |name: &str| container.labels.get(name).map(String::as_str);
        let named = container.image.map(|it| it.image).unwrap_or_default();
        let is_bare = named.starts_with("sha256:") || !named.contains(['/', ':', '.']);
        let reference = if is_bare { &container.image_ref } else { &named };
        identity.image = Image::from_reference(reference, "");
        identity.name = container.metadata.map(|it| it.name).unwrap_or_default().as_str().into();
        let own = container.labels.iter().filter(|(name, _)| !name.starts_with(KUBELET));
        identity.labels = Labels::new(own.map(|(name, value)| (name.as_str(), value.as_str())));
        let mut pod = Pod::from_labels(label).unwrap_or_default();
        pod.sandbox_id = container.pod_sandbox_id.as_str().into();
        let channel = channel(&self.channel, &self.socket.path);
        let pod = self.pods.complete(channel, pod, &mut identity).await;
        identity.ip = pod.ip.clone();
        identity.pod = Some(pod);
        identity.owner = self.socket.owner();
        Ok(identity)
    }

    async fn sandbox(&self, id: &str) -> Result<Option<Identity>, Failure> {
        let mut identity = Identity::new(id, Runtime::Crio);
        let channel = channel(&self.channel, &self.socket.path)?;
        match ask_pod(channel, id, CALL_LIMIT).await {
            Ok(found) => {
                found.network_into(&mut identity);
                identity.owner = self.socket.owner();
                identity.name = found.pod.name.clone();
                identity.ip = found.pod.ip.clone();
                identity.pod = Some(found.pod);
                Ok(Some(identity))
            }
            Err(Failure::Rpc(status)) if status.code() == tonic::Code::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

/// Verbose status: JSON of the runtime's own, with the OCI specification in it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Info {
    #[serde(rename = "runtimeSpec")]
    spec: Option<Spec>,
    #[serde(rename = "cniResult")]
    cni: Option<serde_json::Value>,
}

impl Info {
    fn read(info: &HashMap<String, String>) -> Self {
        info.get("info").and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
    }
}

/// A pod as CRI tells it.
#[derive(Clone)]
struct Found {
    pod: Arc<Pod>,
    namespaces: Option<wire::NamespaceOption>,
}

impl Found {
    /// A container's own specification names the pod's namespaces even where they are the host's.
    fn network_into(&self, identity: &mut Identity) {
        if let Some(options) = &self.namespaces {
            identity.has_host_network = Some(options.network == NODE);
            identity.has_host_ipc = Some(options.ipc == NODE);
            identity.has_host_pid = Some(options.pid == NODE);
        }
    }
}

/// Pods by the ids of their sandboxes.
#[derive(Default)]
pub struct Pods(Mutex<HashMap<String, Found>>);

impl Pods {
    /// Adds what CRI tells of the pod, once for all of its containers. Where CRI has nothing to
    /// tell, or too late, the pod stays as it is.
    pub async fn complete(
        &self,
        channel: Result<Channel, Failure>,
        pod: Pod,
        identity: &mut Identity,
    ) -> Arc<Pod> {
        let sandbox = pod.sandbox_id.as_str().to_owned();
        let known = self.0.lock().ok().and_then(|pods| pods.get(&sandbox).cloned());
        let found = match (known, channel) {
            (Some(found), _) => Some(found),
            (None, Ok(channel)) => ask_pod(channel, &sandbox, POD_LIMIT).await.ok(),
            (None, Err(_)) => None,
        };
        let Some(found) = found else { return Arc::new(pod) };
        if let Ok(mut pods) = self.0.lock() {
            if pods.len() >= PODS {
                pods.clear();
            }
            pods.insert(sandbox, found.clone());
        }
        found.network_into(identity);
        found.pod
    }
}

async fn ask_pod(channel: Channel, sandbox: &str, limit: Duration) -> Result<Found, Failure> {
    let request =
        wire::PodSandboxStatusRequest { pod_sandbox_id: sandbox.to_owned(), verbose: true };
    let mut service = Service::new(channel).max_decoding_message_size(ANSWER_LIMIT);
    let call = tokio::time::timeout(limit, service.pod_sandbox_status(request));
    let answer = call.await.map_err(|_| Failure::Late(limit))??.into_inner();
    let info = Info::read(&answer.info);
    let status = answer.status.ok_or(Failure::Closed)?;
    let metadata = status.metadata.unwrap_or_default();
    let labels = status.labels.iter().filter(|(name, _)| !name.starts_with(KUBELET));
    let pod = Pod {
        namespace: metadata.namespace.as_str().into(),
        name: metadata.name.as_str().into(),
        uid: metadata.uid.as_str().into(),
        sandbox_id: sandbox.into(),
        ip: status.network.map(|it| it.ip).unwrap_or_default().as_str().into(),
        labels: Labels::new(labels.map(|(name, value)| (name.as_str(), value.as_str()))),
        cni_json: info.cni.map(|cni| cni.to_string()).unwrap_or_default().as_str().into(),
    };
    let namespaces = status.linux.and_then(|it| it.namespaces).and_then(|it| it.options);
    Ok(Found { pod: Arc::new(pod), namespaces })
}

/// The channel to a unix socket; made at the first call, connected when it is used.
pub fn channel(kept: &Mutex<Option<Channel>>, path: &Path) -> Result<Channel, Failure> {
    let mut kept = kept.lock().map_err(|_| Failure::Closed)?;
    if let Some(channel) = &*kept {
        return Ok(channel.clone());
    }
    let path = path.to_owned();
    let connect = move |_: Uri| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    };
    let channel = Endpoint::from_static("http://localhost")
        .connect_timeout(CALL_LIMIT)
        .connect_with_connector_lazy(tower::service_fn(connect));
    *kept = Some(channel.clone());
    Ok(channel)
}

/// An error with its reasons: tonic's own text is "transport error".
pub fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        text = format!("{text}: {reason}");
        source = reason.source();
    }
    text
}

async fn limited<T>(
    call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
) -> Result<tonic::Response<T>, Failure> {
    let answer = tokio::time::timeout(CALL_LIMIT, call);
    Ok(answer.await.map_err(|_| Failure::Late(CALL_LIMIT))??)
}
