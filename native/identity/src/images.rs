//! What images are called besides: CRI knows the id and the digest of each name.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use peregrine_world::identity::Image;

use crate::{
    Failure,
    cri::{Api, limited, wire},
};

/// Names that are remembered; an image has about three.
const NAMES: usize = 16_384;
/// What an image is called besides is worth no longer a wait: its container is known without.
const LIMIT: Duration = Duration::from_millis(500);

/// How long CRI is waited for where its socket is there, and how often it is asked.
const READY_LIMIT: Duration = Duration::from_secs(3);
const READY_PAUSE: Duration = Duration::from_millis(50);

/// Images by each of their names.
#[derive(Default)]
pub struct Images(Mutex<HashMap<String, Arc<wire::Image>>>);

impl Images {
    /// Reads all that are there, so that none has to be asked for when its container starts.
    async fn list(&self, api: &Api) -> Result<(), Failure> {
        let request = wire::ListImagesRequest::default();
        let answer = limited(api.image()?.list_images(request)).await?.into_inner();
        answer.images.into_iter().for_each(|image| self.remember(image));
        Ok(())
    }

    /// The same where CRI may be off, or be up a little later than the socket that it is on.
    pub async fn list_when_ready(&self, api: &Api) {
        let begun = Instant::now();
        loop {
            match self.list(api).await {
                Ok(()) => return,
                Err(failure) if failure.may_be_too_early() && begun.elapsed() < READY_LIMIT => {
                    tokio::time::sleep(READY_PAUSE).await;
                }
                Err(failure) => return tracing::debug!(%failure, "images are not listed"),
            }
        }
    }

    /// Reads one that is new, or whose name is.
    pub async fn ask(&self, api: &Api, name: &str) -> Result<(), Failure> {
        let image = Some(wire::ImageSpec { image: name.to_owned() });
        let answer = limited(api.image()?.image_status(wire::ImageStatusRequest { image })).await?;
        if let Some(image) = answer.into_inner().image {
            self.remember(image);
        }
        Ok(())
    }

    /// Takes a container's reference apart and adds what the runtime knows of the image, which may
    /// have another name there.
    pub async fn describe(&self, api: &Api, reference: &str, other: &str) -> Image {
        let known = || self.get(reference).or_else(|| self.get(other));
        if known().is_none() && !reference.is_empty() {
            // What comes of it stands in the table.
            if tokio::time::timeout(LIMIT, self.ask(api, reference)).await.is_err() {
                tracing::debug!(reference, "CRI is slow to tell of an image");
            }
        }
        match known() {
            Some(found) => describe(reference, &found),
            None => Image::from_reference(reference, ""),
        }
    }

    fn get(&self, name: &str) -> Option<Arc<wire::Image>> {
        self.lock().get(name).cloned()
    }

    fn remember(&self, image: wire::Image) {
        let image = Arc::new(image);
        let mut all = self.lock();
        if all.len() >= NAMES {
            all.clear();
        }
        let names = image.repo_tags.iter().chain(&image.repo_digests).chain([&image.id]);
        all.extend(names.map(|name| (name.clone(), Arc::clone(&image))));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<wire::Image>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn describe(reference: &str, found: &wire::Image) -> Image {
    // Started by its id: the name is what the image is tagged with, if it is.
    let tag = found.repo_tags.first().filter(|_| reference == found.id);
    let mut image = Image::from_reference(tag.map_or(reference, String::as_str), &found.id);
    if image.digest.is_empty() {
        let mut digests = found.repo_digests.iter().filter_map(|it| it.split_once('@'));
        let of_repository = digests.clone().find(|(name, _)| *name == image.repository.as_str());
        let digest = of_repository.or_else(|| digests.next());
        image.digest = digest.map_or("", |(_, digest)| digest).into();
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_its_id_and_the_digest_of_its_repository() {
        let found = wire::Image {
            id: "sha256:aa".into(),
            repo_tags: vec!["r.io/web:2".into()],
            repo_digests: vec!["r.io/copy@sha256:cc".into(), "r.io/web@sha256:dd".into()],
        };
        for reference in ["r.io/web:2", "sha256:aa"] {
            let image = describe(reference, &found);
            assert_eq!(
                (image.repository.as_str(), image.tag.as_str(), image.digest.as_str()),
                ("r.io/web", "2", "sha256:dd"),
                "{reference}"
            );
            assert_eq!(image.id.as_str(), "aa");
        }
        assert_eq!(describe("r.io/web@sha256:ee", &found).digest.as_str(), "sha256:ee");
    }
}
