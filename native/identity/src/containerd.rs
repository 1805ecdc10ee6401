//! containerd's own API, and CRI on the same socket for what only pods have.
//!
//! containerd stores a container with its labels before any of its processes runs; its CRI plugin
//! tells of a sandbox only once it is up. So containers are asked for here, and pods there.

use std::sync::Mutex;

use futures_util::StreamExt;
use peregrine_world::{
    Runtime,
    identity::{Identity, Image, KUBELET, Labels, Pod},
};
use tonic::{
    Request, Status, client::Grpc, codegen::http::uri::PathAndQuery, metadata::MetadataValue,
    transport::Channel,
};
use tonic_prost::ProstCodec;

use crate::watcher::Sink;
use crate::{
    Failure,
    cri::{self, Pods},
    http::CALL_LIMIT,
    socket::Socket,
    spec::Spec,
};

mod wire {
    include!(concat!(env!("OUT_DIR"), "/containerd.rs"));
}

/// Where kubelets' containers are.
const KUBERNETES: &str = "k8s.io";
/// Docker's containers are here without their names; Docker tells more.
const DOCKER: &str = "moby";
/// Namespaces that are looked into.
const NAMESPACES: usize = 64;

/// A containerd socket.
pub struct Containerd {
    socket: Socket,
    channel: Mutex<Option<Channel>>,
    pods: Pods,
    /// Where containers have been seen, kubelets' first.
    namespaces: Mutex<Vec<String>>,
}

impl Containerd {
    pub fn new(socket: Socket) -> Self {
        Self {
            socket,
            channel: Mutex::default(),
            pods: Pods::default(),
            namespaces: Mutex::new(vec![KUBERNETES.to_owned()]),
        }
    }

    /// Follows the containers until the connection fails.
    pub async fn watch(&self, sink: &Sink) -> Result<(), Failure> {
        let mut events = self.subscribe().await?;
        self.list_namespaces().await?;
        let mut n_containers = 0;
        for namespace in self.namespaces() {
            n_containers += self.list(&namespace, sink).await?;
        }
        sink.connected(n_containers);
        while let Some(event) = events.next().await {
            let event = event?;
            if event.namespace == DOCKER {
                continue;
            }
            self.remember(&event.namespace);
            let id = id_of(&event)?;
            match event.topic.as_str() {
                "/containers/create" | "/containers/update" => {
                    if let Some(identity) = self.get(&event.namespace, &id).await? {
                        sink.known(identity);
                    }
                }
                "/containers/delete" => sink.gone(&id),
                _ => {}
            }
        }
        Err(Failure::Closed)
    }

    /// The container with this id, if there is one.
    pub async fn find(&self, id: &str) -> Result<Option<Identity>, Failure> {
        for namespace in self.namespaces() {
            if let Some(found) = self.get(&namespace, id).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn get(&self, namespace: &str, id: &str) -> Result<Option<Identity>, Failure> {
        let request = wire::GetContainerRequest { id: id.to_owned() };
        let path = "/containerd.services.containers.v1.Containers/Get";
        let mut grpc = Grpc::new(self.channel()?);
        let call = async {
            ready(&mut grpc).await?;
            let codec = ProstCodec::<_, wire::GetContainerResponse>::default();
            grpc.unary(within(namespace, request)?, PathAndQuery::from_static(path), codec).await
        };
        match limited(call).await {
            Ok(found) => match found.into_inner().container {
                Some(container) => Ok(Some(self.identity(container).await)),
                None => Ok(None),
            },
            Err(Failure::Rpc(status)) if status.code() == tonic::Code::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn list(&self, namespace: &str, sink: &Sink) -> Result<usize, Failure> {
        let path = "/containerd.services.containers.v1.Containers/ListStream";
        let mut grpc = Grpc::new(self.channel()?);
        let call = async {
            ready(&mut grpc).await?;
            let codec = ProstCodec::<_, wire::ListContainerMessage>::default();
            let request = within(namespace, wire::ListContainersRequest {})?;
            grpc.server_streaming(request, PathAndQuery::from_static(path), codec).await
        };
        let mut listed = limited(call).await?.into_inner();
        let mut n_containers = 0;
        while let Some(message) = listed.next().await {
            if let Some(container) = message?.container {
                sink.known(self.identity(container).await);
                n_containers += 1;
            }
        }
        Ok(n_containers)
    }

    async fn list_namespaces(&self) -> Result<(), Failure> {
        let path = "/containerd.services.namespaces.v1.Namespaces/List";
        let mut grpc = Grpc::new(self.channel()?);
        let call = async {
            ready(&mut grpc).await?;
            let codec = ProstCodec::<_, wire::ListNamespacesResponse>::default();
            let request = Request::new(wire::ListNamespacesRequest {});
            grpc.unary(request, PathAndQuery::from_static(path), codec).await
        };
        for namespace in limited(call).await?.into_inner().namespaces {
            self.remember(&namespace.name);
        }
        Ok(())
    }

    async fn subscribe(&self) -> Result<tonic::Streaming<wire::Envelope>, Failure> {
        let path = "/containerd.services.events.v1.Events/Subscribe";
        let mut grpc = Grpc::new(self.channel()?);
        let filters = vec![r#"topic~="^/containers/""#.to_owned()];
        // containerd sends the head of the answer with the first event, so its coming cannot be
        // waited for in general; what is listed afterwards makes up for what is missed.
        let call = async {
            ready(&mut grpc).await?;
            let codec = ProstCodec::<_, wire::Envelope>::default();
            let request = Request::new(wire::SubscribeRequest { filters });
            grpc.server_streaming(request, PathAndQuery::from_static(path), codec).await
        };
        Ok(limited(call).await?.into_inner())
    }

    /// One connection for all calls; tonic makes it anew when it broke.
    fn channel(&self) -> Result<Channel, Failure> {
        cri::channel(&self.channel, &self.socket.path)
    }

    fn namespaces(&self) -> Vec<String> {
        self.namespaces.lock().map(|names| names.clone()).unwrap_or_default()
    }

    fn remember(&self, namespace: &str) {
        let Ok(mut names) = self.namespaces.lock() else { return };
        let is_new = !names.iter().any(|it| it == namespace);
        if is_new && namespace != DOCKER && names.len() < NAMESPACES {
            names.push(namespace.to_owned());
        }
    }

    async fn identity(&self, container: wire::Container) -> Identity {
        // A container without a readable specification has its labels all the same.
        let spec: Spec = container
            .spec
            .and_then(|spec| serde_json::from_slice(&spec.value).ok())
            .unwrap_or_default();
        let mut identity = spec.describe(Identity::new(&container.id, Runtime::Containerd));
        identity.owner = self.socket.owner();
        let label = |name: &str| container.labels.get(name).map(String::as_str);
        let note = |name: &str| {
            spec.annotations.get(&format!("io.kubernetes.cri.{name}")).map(String::as_str)
        };
        let reference = note("image-name").unwrap_or(&container.image);
        identity.image = Image::from_reference(reference, "");
        let own = container.labels.iter().filter(|(name, _)| !is_internal(name));
        identity.labels = Labels::new(own.map(|(name, value)| (name.as_str(), value.as_str())));
        let pod = Pod::from_labels(label).or_else(|| {
            Some(Pod {
                namespace: note("sandbox-namespace").unwrap_or_default().into(),
                name: note("sandbox-name")?.into(),
                uid: note("sandbox-uid").unwrap_or_default().into(),
                ..Pod::default()
            })
        });
        if let Some(mut pod) = pod {
            let sandbox = note("sandbox-id").unwrap_or(&container.id);
            pod.sandbox_id = sandbox.into();
            let pod = self.pods.complete(self.channel(), pod, &mut identity).await;
            identity.ip = pod.ip.clone();
            identity.pod = Some(pod);
        }
        let pod_name = identity.pod.as_ref().map(|pod| pod.name.as_str().to_owned());
        let name = note("container-name")
            .or_else(|| label("io.kubernetes.container.name"))
            .or_else(|| label("nerdctl/name"))
            .or(pod_name.as_deref())
            .unwrap_or(&container.id);
        identity.name = name.into();
        identity
    }
}

/// Labels that the kubelet and containerd's CRI plugin set for themselves.
fn is_internal(name: &str) -> bool {
    name.starts_with(KUBELET) || name.starts_with("io.cri-containerd.")
}

fn id_of(event: &wire::Envelope) -> Result<String, Failure> {
    use prost::Message as _;
    let bytes = event.event.as_ref().map(|event| event.value.as_slice()).unwrap_or_default();
    let event =
        wire::ContainerEvent::decode(bytes).map_err(|error| Status::internal(error.to_string()))?;
    Ok(event.id)
}

async fn ready(grpc: &mut Grpc<Channel>) -> Result<(), Status> {
    grpc.ready().await.map_err(|error| Status::unavailable(cri::reasons(&error)))
}

async fn limited<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, Failure> {
    let answer = tokio::time::timeout(CALL_LIMIT, call);
    Ok(answer.await.map_err(|_| Failure::Late(CALL_LIMIT))??)
}

fn within<T>(namespace: &str, message: T) -> Result<Request<T>, Status> {
    let mut request = Request::new(message);
    let value =
        MetadataValue::try_from(namespace).map_err(|_| Status::invalid_argument("namespace"))?;
    request.metadata_mut().insert("containerd-namespace", value);
    Ok(request)
}
