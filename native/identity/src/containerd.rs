//! containerd's own API, and CRI on the same socket for what only pods have.
//!
//! containerd stores a container with its labels before any of its processes runs; its CRI plugin
//! tells of a sandbox only once it is up. So names and labels are asked for here, and what a pod has
//! only then, there: one call for each container, and one for each pod.

use std::sync::{Mutex, PoisonError};

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

use crate::{
    Failure,
    cri::{self, Api, Events, limited},
    http::CALL_LIMIT,
    images::Images,
    looks::Looks,
    pods::Pods,
    recent::Recent,
    socket::Socket,
    spec::Spec,
    watcher::{Calls, Found, Sink},
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
/// What is followed: containers with their labels, pods that are up, names of images.
const TOPICS: &str = r#"topic~="^/(containers/|tasks/start|images/(create|update))""#;

/// A containerd socket.
pub struct Containerd {
    api: Api,
    pods: Pods,
    images: Images,
    told: Recent<()>,
    /// Where containers have been seen, kubelets' first.
    namespaces: Mutex<Vec<String>>,
}

/// What is looked at because of an event or a list.
#[derive(Clone, Eq, Hash, PartialEq)]
enum Thing {
    Container {
        namespace: String,
        id: String,
    },
    /// A sandbox that is up.
    Pod(String),
    Image(String),
}

/// What came of it.
enum Seen {
    Container(Option<Identity>),
    /// Containers that are to be told of again.
    Pod(Vec<String>),
    Image,
}

impl Containerd {
    pub fn new(socket: Socket, calls: Calls) -> Self {
        Self {
            api: Api::new(socket, calls),
            pods: Pods::default(),
            images: Images::default(),
            told: Recent::default(),
            namespaces: Mutex::new(vec![KUBERNETES.to_owned()]),
        }
    }

    /// Follows the containers until the connection fails.
    pub async fn watch(&self, sink: &Sink) -> Result<(), Failure> {
        let mut events = self.subscribe()?;
        // Its request goes first.
        tokio::task::yield_now().await;
        self.list_namespaces().await?;
        self.images.list_when_ready(&self.api).await;
        let mut looks = Looks::new(|thing| self.look(thing));
        let mut ids = Vec::new();
        for namespace in self.namespaces() {
            let mut listed = self.list(&namespace).await?;
            // Pods first, so that their containers find them.
            listed.sort_by_key(|container| !is_sandbox(container));
            for container in listed {
                ids.push(container.id.clone());
                if is_sandbox(&container) {
                    looks.ask(Thing::Pod(container.id.clone()));
                }
                sink.found(Found::Is(self.identity(&namespace, container).await));
            }
        }
        sink.connected(ids.len());
        sink.listed(ids.iter().map(String::as_str));
        loop {
            tokio::select! {
                event = events.recv() => {
                    let event = event.ok_or(Failure::Closed)??;
                    if let Some(thing) = self.hear(&event, sink)? {
                        looks.ask(thing);
                    }
                }
                Some((_, seen)) = looks.next(), if !looks.is_empty() => match seen {
                    Ok(Seen::Container(found)) => {
                        found.into_iter().for_each(|it| sink.found(Found::Is(it)));
                    }
                    Ok(Seen::Pod(early)) => for id in early {
                        looks.ask(Thing::Container { namespace: KUBERNETES.to_owned(), id });
                    },
                    Ok(Seen::Image) => {}
                    Err(failure) if failure.is_of_the_question() => {
                        tracing::debug!(%failure, "a container is not told of");
                    }
                    Err(failure) => return Err(failure),
                }
            }
        }
    }

    /// Takes in an event; says what has to be looked at because of it.
    fn hear(&self, event: &wire::Envelope, sink: &Sink) -> Result<Option<Thing>, Failure> {
        if event.namespace == DOCKER {
            return Ok(None);
        }
        let is_kubernetes = event.namespace == KUBERNETES;
        let id = id_of(event)?;
        Ok(match event.topic.as_str() {
            "/containers/create" | "/containers/update" => {
                self.remember(&event.namespace);
                self.told.put(&id, ());
                Some(Thing::Container { namespace: event.namespace.clone(), id })
            }
            "/containers/delete" => {
                self.pods.forget(&id);
                sink.gone(&id);
                None
            }
            "/tasks/start" => self.pods.has(&id).then_some(Thing::Pod(id)),
            "/images/create" | "/images/update" if is_kubernetes => Some(Thing::Image(id)),
            _ => None,
        })
    }

    async fn look(&self, thing: Thing) -> Result<Seen, Failure> {
        match thing {
            Thing::Container { namespace, id } => {
                self.get(&namespace, &id).await.map(Seen::Container)
            }
            Thing::Pod(id) => match self.pods.ask(&self.api, &id, CALL_LIMIT).await {
                Ok(_) => Ok(Seen::Pod(self.pods.take_early(&id))),
                // CRI may be off, or hang, while containerd itself is well.
                Err(failure) => {
                    tracing::debug!(%failure, %id, "CRI does not tell of a pod");
                    Ok(Seen::Pod(Vec::new()))
                }
            },
            Thing::Image(name) => {
                let asked = self.images.ask(&self.api, &name).await;
                asked.unwrap_or_else(|failure| {
                    tracing::debug!(%failure, %name, "CRI does not tell of an image");
                });
                Ok(Seen::Image)
            }
        }
    }

    /// The container with this id, if there is one.
    pub async fn find(&self, id: &str) -> Result<Option<Found>, Failure> {
        for namespace in self.namespaces() {
            if let Some(found) = self.get(&namespace, id).await? {
                return Ok(Some(Found::Is(found)));
            }
        }
        if self.told.get(id).is_some() { Err(Failure::Removed) } else { Ok(None) }
    }

    async fn get(&self, namespace: &str, id: &str) -> Result<Option<Identity>, Failure> {
        Ok(match self.container(namespace, id).await? {
            Some(container) => Some(self.identity(namespace, container).await),
            None => None,
        })
    }

    async fn container(
        &self,
        namespace: &str,
        id: &str,
    ) -> Result<Option<wire::Container>, Failure> {
        let request = wire::GetContainerRequest { id: id.to_owned() };
        let path = "/containerd.services.containers.v1.Containers/Get";
        let mut grpc = Grpc::new(self.api.channel()?);
        let call = async {
            ready(&mut grpc).await?;
            let codec = ProstCodec::<_, wire::GetContainerResponse>::default();
            grpc.unary(within(namespace, request)?, PathAndQuery::from_static(path), codec).await
        };
        match limited(call).await {
            Ok(found) => Ok(found.into_inner().container),
            Err(Failure::Rpc(status)) if status.code() == tonic::Code::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn list(&self, namespace: &str) -> Result<Vec<wire::Container>, Failure> {
        let path = "/containerd.services.containers.v1.Containers/ListStream";
        let mut grpc = Grpc::new(self.api.channel()?);
        let call = async {
            ready(&mut grpc).await?;
            let codec = ProstCodec::<_, wire::ListContainerMessage>::default();
            let request = within(namespace, wire::ListContainersRequest {})?;
            grpc.server_streaming(request, PathAndQuery::from_static(path), codec).await
        };
        let mut listed = limited(call).await?.into_inner();
        let mut all = Vec::new();
        while let Some(message) = listed.next().await {
            all.extend(message?.container);
        }
        Ok(all)
    }

    async fn list_namespaces(&self) -> Result<(), Failure> {
        let path = "/containerd.services.namespaces.v1.Namespaces/List";
        let mut grpc = Grpc::new(self.api.channel()?);
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

    fn subscribe(&self) -> Result<Events<wire::Envelope>, Failure> {
        let path = "/containerd.services.events.v1.Events/Subscribe";
        let mut grpc = Grpc::new(self.api.channel()?);
        Ok(cri::follow(async move {
            ready(&mut grpc).await?;
            let codec = ProstCodec::<_, wire::Envelope>::default();
            let request = Request::new(wire::SubscribeRequest { filters: vec![TOPICS.to_owned()] });
            grpc.server_streaming(request, PathAndQuery::from_static(path), codec).await
        }))
    }

    fn namespaces(&self) -> Vec<String> {
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, namespace: &str) {
        let mut names = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !names.iter().any(|it| it == namespace);
        if is_new && namespace != DOCKER && names.len() < NAMESPACES {
            names.push(namespace.to_owned());
        }
    }

    async fn identity(&self, namespace: &str, container: wire::Container) -> Identity {
        let spec = spec_of(&container);
        let mut identity = spec.describe(Identity::new(&container.id, Runtime::Containerd));
        identity.owner = self.api.socket.owner();
        let reference = note(&spec, "image-name").unwrap_or(&container.image);
        identity.image = match namespace {
            KUBERNETES => self.images.describe(&self.api, reference, "").await,
            _ => Image::from_reference(reference, ""),
        };
        identity.labels = own_labels(&container);
        if let Some(pod) = pod_of(&container, &spec) {
            self.begin_pod_of(namespace, &container, &identity, &pod).await;
            self.pods.describe(&self.api, pod, &mut identity).await;
        }
        let label = |name: &str| container.labels.get(name).map(String::as_str);
        let pod_name = identity.pod.as_ref().map(|pod| pod.name.as_str().to_owned());
        let name = note(&spec, "container-name")
            .or_else(|| label("io.kubernetes.container.name"))
            .or_else(|| label("nerdctl/name"))
            .or(pod_name.as_deref())
            .unwrap_or(&container.id);
        identity.name = name.into();
        identity
    }

    /// Sees to it that the sandbox of a container is known before the container is told of. It is
    /// not where the container was asked for before all were listed, as after a restart.
    async fn begin_pod_of(
        &self,
        namespace: &str,
        container: &wire::Container,
        identity: &Identity,
        pod: &Pod,
    ) {
        if is_sandbox(container) {
            return self.pods.begin(pod.clone(), identity);
        }
        let id = pod.sandbox_id.as_str();
        if id == container.id || self.pods.has(id) {
            return;
        }
        if let Ok(Some(sandbox)) = self.container(namespace, id).await
            && is_sandbox(&sandbox)
        {
            let spec = spec_of(&sandbox);
            let identity = spec.describe(Identity::new(id, Runtime::Containerd));
            self.pods.begin(pod_of(&sandbox, &spec).unwrap_or_else(|| pod.clone()), &identity);
        }
    }
}

/// A container without a readable specification has its labels all the same.
fn spec_of(container: &wire::Container) -> Spec {
    let spec = container.spec.as_ref();
    spec.and_then(|spec| serde_json::from_slice(&spec.value).ok()).unwrap_or_default()
}

/// What CRI's plugin noted in the specification.
fn note<'a>(spec: &'a Spec, name: &str) -> Option<&'a str> {
    spec.annotations.get(&format!("io.kubernetes.cri.{name}")).map(String::as_str)
}

fn own_labels(container: &wire::Container) -> Labels {
    let own = container.labels.iter().filter(|(name, _)| !is_internal(name));
    Labels::new(own.map(|(name, value)| (name.as_str(), value.as_str())))
}

/// The pod that a container is in, or is the sandbox of.
fn pod_of(container: &wire::Container, spec: &Spec) -> Option<Pod> {
    let label = |name: &str| container.labels.get(name).map(String::as_str);
    let noted = || {
        Some(Pod {
            namespace: note(spec, "sandbox-namespace").unwrap_or_default().into(),
            name: note(spec, "sandbox-name")?.into(),
            uid: note(spec, "sandbox-uid").unwrap_or_default().into(),
            ..Pod::default()
        })
    };
    let mut pod = Pod::from_labels(label).or_else(noted)?;
    pod.sandbox_id = note(spec, "sandbox-id").unwrap_or(&container.id).into();
    if is_sandbox(container) {
        // The labels of a sandbox are those of its pod.
        pod.labels = own_labels(container);
    }
    Some(pod)
}

fn is_sandbox(container: &wire::Container) -> bool {
    container.labels.get("io.cri-containerd.kind").is_some_and(|kind| kind == "sandbox")
}

/// Labels that the kubelet and containerd's CRI plugin set for themselves.
fn is_internal(name: &str) -> bool {
    name.starts_with(KUBELET) || name.starts_with("io.cri-containerd.")
}

fn id_of(event: &wire::Envelope) -> Result<String, Failure> {
    use prost::Message as _;
    let bytes = event.event.as_ref().map(|event| event.value.as_slice()).unwrap_or_default();
    let event = wire::Event::decode(bytes).map_err(|error| Status::internal(error.to_string()))?;
    Ok(event.id)
}

async fn ready(grpc: &mut Grpc<Channel>) -> Result<(), Status> {
    grpc.ready().await.map_err(|error| Status::unavailable(cri::reasons(&error)))
}

fn within<T>(namespace: &str, message: T) -> Result<Request<T>, Status> {
    let mut request = Request::new(message);
    let value =
        MetadataValue::try_from(namespace).map_err(|_| Status::invalid_argument("namespace"))?;
    request.metadata_mut().insert("containerd-namespace", value);
    Ok(request)
}
