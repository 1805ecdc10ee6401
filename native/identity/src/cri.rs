//! The Container Runtime Interface: all that is known for CRI-O.

use std::{collections::HashSet, path::Path, sync::Mutex, time::Duration};

use futures_util::StreamExt;
use hyper_util::rt::TokioIo;
use peregrine_world::{
    Runtime,
    identity::{Identity, Image, KUBELET, Labels, Pod},
};
use tokio::{net::UnixStream, sync::mpsc};
use tonic::transport::{Channel, Endpoint, Uri};

use crate::{
    Failure,
    http::CALL_LIMIT,
    images::Images,
    looks::Looks,
    pods::{Info, Pods},
    recent::Recent,
    socket::Socket,
    watcher::{Calls, Found, Sink},
};

#[allow(clippy::all, reason = "generated")]
pub mod wire {
    include!(concat!(env!("OUT_DIR"), "/runtime.v1.rs"));
}
use wire::{
    image_service_client::ImageServiceClient, runtime_service_client::RuntimeServiceClient,
};

/// How often the list is read where the runtime has no events.
const LIST_INTERVAL: Duration = Duration::from_secs(2);
/// Longest answer; a node's list of containers is far below.
const ANSWER_LIMIT: usize = 32 << 20;

/// A CRI socket.
pub struct Cri {
    api: Api,
    /// What the runtime calls itself.
    runtime: Mutex<Runtime>,
    pods: Pods,
    images: Images,
    told: Recent<()>,
    /// What was asked for and found, so that a list need not look at it again.
    found: Recent<()>,
}

/// What is looked at because of an event or a list.
#[derive(Clone, Eq, Hash, PartialEq)]
enum Thing {
    Container(String),
    Sandbox(String),
}

impl Cri {
    pub fn new(socket: Socket, calls: Calls) -> Self {
        Self {
            api: Api::new(socket, calls),
            runtime: Mutex::new(Runtime::Cri),
            pods: Pods::default(),
            images: Images::default(),
            told: Recent::default(),
            found: Recent::default(),
        }
    }

    /// Follows the containers until the connection fails.
    pub async fn watch(&self, sink: &Sink) -> Result<(), Failure> {
        self.ask_version().await?;
        let mut service = self.api.runtime()?;
        let mut events =
            Some(follow(
                async move { service.get_container_events(wire::GetEventsRequest {}).await },
            ));
        self.images.list_when_ready(&self.api).await;
        let mut known = HashSet::new();
        let mut looks = Looks::new(|thing| self.look(thing));
        self.list(sink, &mut known).await?.into_iter().for_each(|thing| looks.ask(thing));
        sink.connected(known.len());
        sink.listed(known.iter().map(String::as_str));
        let mut next_list = tokio::time::interval(LIST_INTERVAL);
        loop {
            tokio::select! {
                event = next_of(&mut events) => match event {
                    Ok(event) => self.hear(event, sink).into_iter().for_each(|it| looks.ask(it)),
                    // Without events the list is read again and again.
                    Err(Failure::Rpc(status)) if status.code() == tonic::Code::Unimplemented => {
                        events = None;
                    }
                    Err(failure) => return Err(failure),
                },
                _ = next_list.tick(), if events.is_none() => {
                    self.list(sink, &mut known).await?.into_iter().for_each(|it| looks.ask(it));
                }
                Some((_, found)) = looks.next(), if !looks.is_empty() => match found {
                    Ok(Some(found)) => sink.found(found),
                    Ok(None) => {}
                    Err(failure) if failure.is_of_the_question() => {
                        tracing::debug!(%failure, "a container is not told of");
                    }
                    Err(failure) => return Err(failure),
                }
            }
        }
    }

    /// Takes in an event; says what has to be looked at because of it.
    fn hear(&self, event: wire::ContainerEventResponse, sink: &Sink) -> Option<Thing> {
        /// `ContainerEventType`
        const CREATED: i32 = 0;
        const STARTED: i32 = 1;
        const DELETED: i32 = 3;
        let id = event.container_id;
        let is_sandbox = event.pod_sandbox_status.is_some_and(|pod| pod.id == id);
        match event.container_event_type {
            CREATED if !is_sandbox => {
                self.told.put(&id, ());
                Some(Thing::Container(id))
            }
            CREATED | STARTED if is_sandbox => Some(Thing::Sandbox(id)),
            DELETED => {
                self.pods.forget(&id);
                sink.gone(&id);
                None
            }
            _ => None,
        }
    }

    /// Says what is new, and tells of what has gone.
    async fn list(&self, sink: &Sink, known: &mut HashSet<String>) -> Result<Vec<Thing>, Failure> {
        let pods = wire::ListPodSandboxRequest::default();
        let pods = limited(self.api.runtime()?.list_pod_sandbox(pods)).await?.into_inner().items;
        let containers = wire::ListContainersRequest::default();
        let containers = limited(self.api.runtime()?.list_containers(containers)).await?;
        let pods = pods.into_iter().map(|pod| Thing::Sandbox(pod.id));
        let all = pods.chain(
            containers.into_inner().containers.into_iter().map(|it| Thing::Container(it.id)),
        );
        let all: Vec<_> = all.collect();
        let now: HashSet<String> = all.iter().map(|thing| thing.id().to_owned()).collect();
        let is_new = |thing: &Thing| !known.contains(thing.id());
        let (asked_for, new): (Vec<_>, Vec<_>) =
            all.into_iter().filter(is_new).partition(|it| self.found.get(it.id()).is_some());
        asked_for.iter().for_each(|thing| sink.told(thing.id()));
        for id in known.difference(&now) {
            self.pods.forget(id);
            sink.gone(id);
        }
        *known = now;
        Ok(new)
    }

    async fn look(&self, thing: Thing) -> Result<Option<Found>, Failure> {
        let found = match thing {
            Thing::Container(id) => self.container(&id).await?,
            Thing::Sandbox(id) => self.sandbox(&id).await?,
        };
        Ok(found.map(Found::Is))
    }

    /// The container or sandbox with this id, if there is one.
    pub async fn find(&self, id: &str) -> Result<Option<Found>, Failure> {
        let found = match self.container(id).await? {
            None => self.sandbox(id).await?,
            found => found,
        };
        match found {
            Some(identity) => {
                let pod = identity.pod.as_ref();
                // All is known of it only if all is known of its pod.
                if pod.is_some_and(|pod| self.pods.has(pod.sandbox_id.as_str())) {
                    self.found.put(identity.id.as_str(), ());
                }
                Ok(Some(Found::Is(identity)))
            }
            None if self.told.get(id).is_some() => Err(Failure::Removed),
            None => Ok(None),
        }
    }

    async fn container(&self, id: &str) -> Result<Option<Identity>, Failure> {
        let request = wire::ContainerStatusRequest { container_id: id.to_owned(), verbose: true };
        let answer = match limited(self.api.runtime()?.container_status(request)).await {
            Ok(answer) => answer.into_inner(),
            Err(Failure::Rpc(status)) if status.code() == tonic::Code::NotFound => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let info = Info::read(&answer.info);
        let status = answer.status.ok_or(Failure::Closed)?;
        let mut identity = Identity::new(&status.id, self.runtime());
        identity.owner = self.api.socket.owner();
        if let Some(spec) = &info.spec {
            identity = spec.describe(identity);
        }
        let named = status.image.map(|it| it.image).unwrap_or_default();
        identity.image = self.image(&named, &status.image_ref).await;
        identity.name = status.metadata.map(|it| it.name).unwrap_or_default().as_str().into();
        let own = status.labels.iter().filter(|(name, _)| !name.starts_with(KUBELET));
        identity.labels = Labels::new(own.map(|(name, value)| (name.as_str(), value.as_str())));
        let label = |name: &str| status.labels.get(name).map(String::as_str);
        let mut pod = Pod::from_labels(label).unwrap_or_default();
        pod.sandbox_id = info.sandbox_id.as_str().into();
        self.pods.describe(&self.api, pod, &mut identity).await;
        Ok(Some(identity))
    }

    async fn image(&self, named: &str, reference: &str) -> Image {
        let is_id = |text: &str| text.starts_with("sha256:") || !text.contains(['/', ':', '.']);
        // The name that a user gave, where the kubelet has not put an id in its place.
        let best = if is_id(named) && !reference.is_empty() { reference } else { named };
        self.images.describe(&self.api, best, reference).await
    }

    async fn sandbox(&self, id: &str) -> Result<Option<Identity>, Failure> {
        let mut identity = Identity::new(id, self.runtime());
        identity.owner = self.api.socket.owner();
        match self.pods.ask(&self.api, id, CALL_LIMIT).await {
            Ok(pod) => {
                // The id may have been asked for by its short form.
                identity.id = pod.sandbox_id.clone();
                identity.name = pod.name.clone();
                self.pods.describe(&self.api, Pod::clone(&pod), &mut identity).await;
                Ok(Some(identity))
            }
            Err(Failure::Rpc(status)) if status.code() == tonic::Code::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn ask_version(&self) -> Result<(), Failure> {
        let answer = limited(self.api.runtime()?.version(wire::VersionRequest::default())).await?;
        let runtime = match answer.into_inner().runtime_name.as_str() {
            "cri-o" => Runtime::Crio,
            "containerd" => Runtime::Containerd,
            "docker" => Runtime::Docker,
            _ => Runtime::Cri,
        };
        if let Ok(mut known) = self.runtime.lock() {
            *known = runtime;
        }
        Ok(())
    }

    fn runtime(&self) -> Runtime {
        self.runtime.lock().map_or(Runtime::Cri, |runtime| *runtime)
    }
}

impl Thing {
    fn id(&self) -> &str {
        match self {
            Self::Container(id) | Self::Sandbox(id) => id,
        }
    }
}

/// The next event; never, where there are none.
async fn next_of<T>(events: &mut Option<Events<T>>) -> Result<T, Failure> {
    match events {
        Some(events) => events.recv().await.ok_or(Failure::Closed)?,
        None => std::future::pending().await,
    }
}

/// What a runtime tells by itself, until it ends.
pub type Events<T> = mpsc::Receiver<Result<T, Failure>>;

/// Follows a stream of events. Go's servers send the head of their answer with the first event, which
/// may be hours away, so nobody can wait for it; what is listed meanwhile makes up for what is missed.
pub fn follow<T: Send + 'static>(
    open: impl Future<Output = Result<tonic::Response<tonic::Streaming<T>>, tonic::Status>>
    + Send
    + 'static,
) -> Events<T> {
    /// Events that wait to be taken; then the runtime waits.
    const WAITING: usize = 64;
    let (sender, events) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let pump = async {
            let mut stream = match open.await {
                Ok(answer) => answer.into_inner(),
                Err(status) => return sender.send(Err(status.into())).await,
            };
            while let Some(event) = stream.next().await {
                sender.send(event.map_err(Failure::from)).await?;
            }
            Ok(())
        };
        // Nobody listens any more, or there is no more to tell: the receiver sees the end.
        tokio::select! {
            _ = pump => {}
            () = sender.closed() => {}
        }
    });
    events
}

/// One connection to a socket for all calls; tonic makes it anew when it broke.
pub struct Api {
    pub socket: Socket,
    calls: Calls,
    channel: Mutex<Option<Channel>>,
}

impl Api {
    pub fn new(socket: Socket, calls: Calls) -> Self {
        Self { socket, calls, channel: Mutex::default() }
    }

    /// For one call: each is counted.
    pub fn channel(&self) -> Result<Channel, Failure> {
        self.calls.add();
        let mut kept = self.channel.lock().map_err(|_| Failure::Closed)?;
        Ok(kept.get_or_insert_with(|| connect(&self.socket.path)).clone())
    }

    /// For one call to the runtime service.
    pub fn runtime(&self) -> Result<RuntimeServiceClient<Channel>, Failure> {
        let service = RuntimeServiceClient::new(self.channel()?);
        Ok(service.max_decoding_message_size(ANSWER_LIMIT))
    }

    /// For one call to the image service.
    pub fn image(&self) -> Result<ImageServiceClient<Channel>, Failure> {
        let service = ImageServiceClient::new(self.channel()?);
        Ok(service.max_decoding_message_size(ANSWER_LIMIT))
    }
}

/// The channel to a unix socket, connected when it is used.
fn connect(path: &Path) -> Channel {
    let path = path.to_owned();
    let connect = move |_: Uri| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    };
    Endpoint::from_static("http://localhost")
        .connect_timeout(CALL_LIMIT)
        .connect_with_connector_lazy(tower::service_fn(connect))
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

/// The answer to a call, if it comes in time.
pub async fn limited<T>(
    call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
) -> Result<tonic::Response<T>, Failure> {
    let answer = tokio::time::timeout(CALL_LIMIT, call);
    Ok(answer.await.map_err(|_| Failure::Late(CALL_LIMIT))??)
}
