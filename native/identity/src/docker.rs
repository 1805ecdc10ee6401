//! Docker's API, which Podman has too.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Mutex,
};

use peregrine_world::{
    Runtime,
    identity::{Identity, Image, KUBELET, Labels, Mount, Pod},
};
use serde::Deserialize;

use crate::{
    Failure,
    http::{self, Lines},
    socket::{Kind, Socket},
    watcher::Sink,
};

/// Images whose digest is remembered.
const IMAGES: usize = 1024;

/// A Docker or Podman socket.
pub struct Docker {
    socket: Socket,
    /// Digest of an image by its id: images don't change, and one image makes many containers.
    images: Mutex<HashMap<String, ImageFacts>>,
}

impl Docker {
    pub fn new(socket: Socket) -> Self {
        Self { socket, images: Mutex::default() }
    }

    fn path(&self) -> &Path {
        &self.socket.path
    }

    /// Follows the containers until the connection fails.
    pub async fn watch(&self, sink: &Sink) -> Result<(), Failure> {
        // Events first: what is made while the list is read is then told twice, not never.
        let mut events =
            Lines::open(self.path(), "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D")
                .await?;
        let listed: Vec<Listed> =
            http::get(self.path(), "/containers/json").await?.unwrap_or_default();
        sink.connected(listed.len());
        for container in listed {
            if let Some(identity) = self.find(&container.id).await? {
                sink.known(identity);
            }
        }
        loop {
            let event: Event = events.next().await?;
            let Some(actor) = event.actor else { continue };
            match event.action.as_str() {
                "create" | "start" | "rename" => {
                    if let Some(identity) = self.find(&actor.id).await? {
                        sink.known(identity);
                    }
                }
                "destroy" | "remove" => sink.gone(&actor.id),
                _ => {}
            }
        }
    }

    /// The container with this id, if there is one.
    pub async fn find(&self, id: &str) -> Result<Option<Identity>, Failure> {
        let path = format!("/containers/{id}/json");
        let Some(found) = http::get::<Inspected>(self.path(), &path).await? else {
            return Ok(None);
        };
        let image = self.image(&found.image).await;
        Ok(Some(found.into_identity(&self.socket, &image)))
    }

    /// An image that cannot be inspected has no digest, and its container is known all the same.
    async fn image(&self, id: &str) -> ImageFacts {
        let known = self.images.lock().ok().and_then(|images| images.get(id).cloned());
        if let Some(facts) = known {
            return facts;
        }
        let found = http::get(self.path(), &format!("/images/{id}/json")).await;
        let facts: ImageFacts = found.ok().flatten().unwrap_or_default();
        if let Ok(mut images) = self.images.lock() {
            if images.len() >= IMAGES {
                images.clear();
            }
            images.insert(id.to_owned(), facts.clone());
        }
        facts
    }
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "Id")]
    id: String,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Action", default)]
    action: String,
    #[serde(rename = "Actor")]
    actor: Option<Actor>,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
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
        let runtime = match socket.kind {
            Kind::Podman => Runtime::Podman,
            _ => Runtime::Docker,
        };
        let labels = self.config.labels.unwrap_or_default();
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
        let mut identity = Identity::new(&self.id, runtime).with_mounts(mounts);
        identity.owner = socket.owner();
        identity.name = self.name.strip_prefix('/').unwrap_or(&self.name).into();
        identity.image = to_image(&self.config.image, &self.image, image);
        identity.pod =
            Pod::from_labels(|name| labels.get(name).map(String::as_str)).map(|mut pod| {
                let sandbox = labels.get("io.kubernetes.sandbox.id").unwrap_or(&self.id);
                pod.sandbox_id = sandbox.as_str().into();
                pod.into()
            });
        let own = labels.iter().filter(|(name, _)| !name.starts_with(KUBELET));
        identity.labels = Labels::new(own.map(|(name, value)| (name.as_str(), value.as_str())));
        identity.ip = address.map_or("", String::as_str).into();
        identity.is_privileged = Some(self.host_config.privileged);
        identity.has_host_pid = Some(self.host_config.pid_mode == "host");
        identity.has_host_network = Some(self.host_config.network_mode == "host");
        identity.has_host_ipc = Some(self.host_config.ipc_mode == "host");
        identity
    }
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
