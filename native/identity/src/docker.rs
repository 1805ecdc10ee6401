//! Docker's API, which Podman has too.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use peregrine_world::{
    Runtime,
    identity::{Identity, Image, KUBELET, Labels, Mount, Pod},
};
use serde::Deserialize;

use crate::{
    Failure,
    http::{self, Lines},
    looks::Looks,
    recent::Recent,
    socket::{Kind, Socket},
    watcher::{Calls, Found, Sink},
};

/// Images whose names are remembered.
const IMAGES: usize = 4096;
/// What an image is called besides is worth no longer a wait: its container is known without.
const IMAGE_LIMIT: Duration = Duration::from_millis(500);
/// Attributes of events that are no labels.
const NO_LABELS: [&str; 5] = ["containerExitCode", "exitCode", "image", "name", "podId"];

/// A Docker or Podman socket.
pub struct Docker {
    socket: Socket,
    calls: Calls,
    /// By ids: one image makes many containers.
    images: Mutex<HashMap<String, ImageFacts>>,
    /// By the events that told of their making.
    told: Recent<Identity>,
}

/// What is looked at because of an event.
#[derive(Clone, Eq, Hash, PartialEq)]
enum Thing {
    Container(String),
    Image(String),
}

impl Docker {
    pub fn new(socket: Socket, calls: Calls) -> Self {
        Self { socket, calls, images: Mutex::default(), told: Recent::default() }
    }

    fn path(&self) -> &Path {
        &self.socket.path
    }

    /// Follows the containers until the connection fails.
    pub async fn watch(&self, sink: &Sink) -> Result<(), Failure> {
        // Events first: what is made while the list is read is then told twice, not never.
        self.calls.add();
        let mut events = Lines::open(
            self.path(),
            "/events?filters=%7B%22type%22%3A%5B%22container%22%2C%22image%22%5D%7D",
        )
        .await?;
        self.list_images().await;
        let listed: Vec<Listed> = self.get("/containers/json").await?.unwrap_or_default();
        sink.connected(listed.len());
        sink.listed(listed.iter().map(|container| container.id.as_str()));
        let mut looks = Looks::new(|thing| self.look(thing));
        for container in listed {
            looks.ask(Thing::Container(container.id));
        }
        loop {
            tokio::select! {
                event = events.next() => {
                    if let Some(thing) = self.hear(event?, sink) {
                        looks.ask(thing);
                    }
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
    fn hear(&self, event: Event, sink: &Sink) -> Option<Thing> {
        let actor = event.actor?;
        match (event.kind.as_str(), event.action.as_str()) {
            ("container", "create") => {
                self.told.put(&actor.id, actor.identity(&self.socket));
                Some(Thing::Container(actor.id))
            }
            // The address is known from the start on.
            ("container", "start" | "rename") => Some(Thing::Container(actor.id)),
            ("container", "destroy" | "remove") => {
                sink.gone(&actor.id);
                None
            }
            ("image", "pull" | "load" | "import" | "tag" | "untag") => Some(Thing::Image(actor.id)),
            _ => None,
        }
    }

    async fn look(&self, thing: Thing) -> Result<Option<Found>, Failure> {
        match thing {
            Thing::Container(id) => self.find(&id).await,
            Thing::Image(name) => {
                if let Some(image) = self.get::<Named>(&format!("/images/{name}/json")).await? {
                    self.remember(image);
                }
                Ok(None)
            }
        }
    }

    /// The container with this id, if there is or was one.
    pub async fn find(&self, id: &str) -> Result<Option<Found>, Failure> {
        match self.get::<Inspected>(&format!("/containers/{id}/json")).await {
            Ok(Some(found)) => {
                let image = self.image(&found.image).await;
                Ok(Some(Found::Is(found.into_identity(&self.socket, &image))))
            }
            Ok(None) => Ok(self.told.get(id).map(Found::Was)),
            Err(failure) if failure.is_of_the_question() => {
                self.told.get(id).map_or(Err(failure), |told| Ok(Some(Found::Was(told))))
            }
            Err(failure) => Err(failure),
        }
    }

    /// An image that cannot be inspected has no other names, and its container is known all the
    /// same.
    async fn image(&self, id: &str) -> ImageFacts {
        if let Some(facts) = self.images().get(id) {
            return facts.clone();
        }
        let path = format!("/images/{id}/json");
        let call = tokio::time::timeout(IMAGE_LIMIT, self.get::<Named>(&path)).await;
        let Ok(Ok(Some(image))) = call else { return ImageFacts::default() };
        let facts = image.facts.clone();
        self.remember(image);
        facts
    }

    async fn list_images(&self) {
        match self.get::<Vec<Named>>("/images/json").await {
            Ok(images) => images.into_iter().flatten().for_each(|image| self.remember(image)),
            Err(failure) => tracing::debug!(%failure, "images are not listed"),
        }
    }

    fn remember(&self, image: Named) {
        let mut images = self.images();
        if images.len() >= IMAGES {
            images.clear();
        }
        images.insert(image.id, image.facts);
    }

    fn images(&self) -> std::sync::MutexGuard<'_, HashMap<String, ImageFacts>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Failure> {
        self.calls.add();
        http::get(self.path(), path).await
    }
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "Id")]
    id: String,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Type", default)]
    kind: String,
    #[serde(rename = "Action", default)]
    action: String,
    #[serde(rename = "Actor")]
    actor: Option<Actor>,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Attributes", default)]
    attributes: BTreeMap<String, String>,
}

impl Actor {
    /// Name, image and labels stand among the attributes; the rest is not known.
    fn identity(&self, socket: &Socket) -> Identity {
        let attribute = |name: &str| self.attributes.get(name).map_or("", String::as_str);
        let mut identity = Identity::new(&self.id, runtime_of(socket));
        identity.owner = socket.owner();
        identity.name = attribute("name").into();
        identity.image = Image::from_reference(attribute("image"), "");
        let is_label = |name: &str| !NO_LABELS.contains(&name);
        take_labels(&mut identity, self.attributes.iter().filter(|(name, _)| is_label(name)));
        identity
    }
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "Id")]
    id: String,
    #[serde(flatten)]
    facts: ImageFacts,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ImageFacts {
    repo_digests: Option<Vec<String>>,
    repo_tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    config: Config,
    #[serde(default)]
    host_config: HostConfig,
    mounts: Option<Vec<MountPoint>>,
    #[serde(default)]
    network_settings: NetworkSettings,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    image: String,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    privileged: bool,
    pid_mode: String,
    network_mode: String,
    ipc_mode: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct MountPoint {
    source: String,
    destination: String,
    mode: String,
    #[serde(rename = "RW")]
    is_writable: bool,
    propagation: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NetworkSettings {
    #[serde(rename = "IPAddress")]
    address: String,
    #[serde(rename = "Networks")]
    networks: Option<BTreeMap<String, Network>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Network {
    #[serde(rename = "IPAddress")]
    address: String,
}

impl Inspected {
    fn into_identity(self, socket: &Socket, image: &ImageFacts) -> Identity {
        let network = self.network_settings;
        let addresses = network.networks.unwrap_or_default();
        let address = std::iter::once(&network.address)
            .chain(addresses.values().map(|it| &it.address))
            .find(|it| !it.is_empty());
        let mounts = self.mounts.unwrap_or_default().into_iter().map(|mount| Mount {
            source: mount.source.as_str().into(),
            destination: mount.destination.as_str().into(),
            mode: mount.mode.as_str().into(),
            is_writable: mount.is_writable,
            propagation: mount.propagation.as_str().into(),
        });
        let mut identity = Identity::new(&self.id, runtime_of(socket)).with_mounts(mounts);
        identity.owner = socket.owner();
        identity.name = self.name.strip_prefix('/').unwrap_or(&self.name).into();
        identity.image = to_image(&self.config.image, &self.image, image);
        take_labels(&mut identity, self.config.labels.unwrap_or_default().iter());
        identity.ip = address.map_or("", String::as_str).into();
        identity.is_privileged = Some(self.host_config.privileged);
        identity.has_host_pid = Some(self.host_config.pid_mode == "host");
        identity.has_host_network = Some(self.host_config.network_mode == "host");
        identity.has_host_ipc = Some(self.host_config.ipc_mode == "host");
        identity
    }
}

fn runtime_of(socket: &Socket) -> Runtime {
    match socket.kind {
        Kind::Podman => Runtime::Podman,
        _ => Runtime::Docker,
    }
}

/// A kubelet's labels name the pod; the others are the container's own.
fn take_labels<'a>(
    identity: &mut Identity,
    labels: impl Iterator<Item = (&'a String, &'a String)>,
) {
    let (kubelets, own): (Vec<_>, Vec<_>) =
        labels.map(|(name, value)| (name.as_str(), value.as_str())).partition(is_kubelets);
    let get = |wanted: &str| kubelets.iter().find(|(name, _)| *name == wanted).map(|it| it.1);
    identity.pod = Pod::from_labels(get).map(|mut pod| {
        let sandbox = get("io.kubernetes.sandbox.id").unwrap_or(identity.id.as_str());
        pod.sandbox_id = sandbox.into();
        pod.into()
    });
    identity.labels = Labels::new(own);
}

fn is_kubelets((name, _): &(&str, &str)) -> bool {
    name.starts_with(KUBELET)
}

fn to_image(reference: &str, id: &str, facts: &ImageFacts) -> Image {
    // `docker run ID`: the name is what the image is tagged with, if it is.
    let is_id = !reference.is_empty() && id.contains(reference.trim_start_matches("sha256:"));
    let tagged = facts.repo_tags.iter().flatten().next().filter(|_| is_id);
    let mut image = Image::from_reference(tagged.map_or(reference, String::as_str), id);
    if is_id && tagged.is_none() {
        image.tag = "".into();
    }
    if image.digest.is_empty() {
        let digests = facts.repo_digests.iter().flatten();
        let mut split = digests.filter_map(|it| it.split_once('@'));
        image.digest = split.next().map_or("", |(_, digest)| digest).into();
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(json: &str) -> Identity {
        let inspected: Inspected = serde_json::from_str(json).unwrap();
        let socket = "docker=/run/docker.sock".parse().unwrap();
        inspected.into_identity(&socket, &ImageFacts::default())
    }

    #[test]
    fn an_inspected_container_is_told_in_full() {
        let found = identity(
            r#"{"Id":"0123456789abcdef","Name":"/web","Image":"sha256:aa",
                "Config":{"Image":"nginx:1","Labels":{"team":"a\nb","io.kubernetes.pod.name":"p",
                  "io.kubernetes.pod.namespace":"n","io.kubernetes.pod.uid":"u",
                  "io.kubernetes.sandbox.id":"s"}},
                "HostConfig":{"Privileged":true,"PidMode":"host","NetworkMode":"bridge"},
                "Mounts":[{"Source":"/a","Destination":"/b","Mode":"ro","RW":false,"Propagation":"rprivate"}],
                "NetworkSettings":{"IPAddress":"","Networks":{"x":{"IPAddress":"10.0.0.2"}}}}"#,
        );
        assert_eq!(found.name.as_str(), "web");
        assert_eq!(found.labels.iter().collect::<Vec<_>>(), [("team", "a\nb")]);
        let pod = found.pod.unwrap();
        assert_eq!((pod.namespace.as_str(), pod.name.as_str()), ("n", "p"));
        assert_eq!(pod.sandbox_id.as_str(), "s");
        assert_eq!(found.ip.as_str(), "10.0.0.2");
        assert_eq!((found.is_privileged, found.has_host_network), (Some(true), Some(false)));
        assert_eq!(found.mounts[0].destination.as_str(), "/b");
    }

    #[test]
    fn an_event_tells_name_image_and_labels_and_no_more() {
        let event: Event = serde_json::from_str(
            r#"{"Type":"container","Action":"create","Actor":{"ID":"0123456789abcdef",
                "Attributes":{"containerExitCode":"0","image":"localhost/web:2","name":"brief",
                "podId":"","team":"a","io.kubernetes.pod.name":"p"}}}"#,
        )
        .unwrap();
        let found = event.actor.unwrap().identity(&"podman=/run/p.sock".parse().unwrap());
        assert_eq!((found.name.as_str(), found.image.tag.as_str()), ("brief", "2"));
        assert_eq!(found.labels.iter().collect::<Vec<_>>(), [("team", "a")]);
        assert_eq!(found.pod.unwrap().name.as_str(), "p");
        assert_eq!(found.is_privileged, None);
    }

    #[test]
    fn what_is_null_or_missing_is_empty() {
        let found = identity(
            r#"{"Id":"ab","Config":{"Image":"","Labels":null},"Mounts":null,
                "NetworkSettings":{"Networks":null}}"#,
        );
        assert_eq!((found.name.as_str(), found.pod), ("", None));
    }

    #[test]
    fn an_image_that_is_run_by_its_id_is_called_by_its_tag() {
        let facts = ImageFacts {
            repo_digests: Some(vec!["r.io/nginx@sha256:dd".into()]),
            repo_tags: Some(vec!["r.io/nginx:2".into()]),
        };
        let image = to_image("0123456789ab", "sha256:0123456789abcdef", &facts);
        assert_eq!(image.repository.as_str(), "r.io/nginx");
        assert_eq!((image.tag.as_str(), image.digest.as_str()), ("2", "sha256:dd"));
    }
}
