//! Falco's version service.

use tonic::{Request, Response, Status};

use crate::wire::falco::version as wire;
use crate::wire::falco::version::service_server::Service;

/// The version of the rule language that the daemon answers for.
const ENGINE: [u32; 3] = [0, 63, 0];

pub(crate) struct Version;

#[tonic::async_trait]
impl Service for Version {
    async fn version(&self, _: Request<wire::Request>) -> Result<Response<wire::Response>, Status> {
        let [engine_major, engine_minor, engine_patch] = ENGINE;
        Ok(Response::new(wire::Response {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            major: part(env!("CARGO_PKG_VERSION_MAJOR")),
            minor: part(env!("CARGO_PKG_VERSION_MINOR")),
            patch: part(env!("CARGO_PKG_VERSION_PATCH")),
            prerelease: env!("CARGO_PKG_VERSION_PRE").to_owned(),
            build: String::new(),
            engine_minor,
            engine_fields_checksum: String::new(),
            engine_major,
            engine_patch,
            engine_version: format!("{engine_major}.{engine_minor}.{engine_patch}"),
        }))
    }
}

fn part(text: &str) -> u32 {
    text.parse().unwrap_or_default()
}
