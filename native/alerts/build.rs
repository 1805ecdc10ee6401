//! Generates the wire types from `proto/`, without needing `protoc`.

use std::error::Error;
use std::path::Path;

const FILES: [&str; 4] =
    ["falco/outputs.proto", "falco/schema.proto", "falco/version.proto", "peregrine/alerts.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    for file in FILES {
        println!("cargo::rerun-if-changed={}", proto.join(file).display());
    }
    let mut descriptors = protox::compile(FILES, [&proto])?;
    remove_aliases(&mut descriptors);
    // The clients carry no transport of their own: the tests and the bench bring one.
    tonic_prost_build::configure()
        .build_transport(false)
        .emit_rerun_if_changed(false)
        .btree_map(".falco.outputs.response.output_fields")
        .btree_map(".peregrine.alerts.v1.Metric.labels")
        .compile_fds(descriptors)?;
    Ok(())
}

/// Keeps the first name of each enum number: the other letter cases are one name in Rust.
fn remove_aliases(descriptors: &mut prost_types::FileDescriptorSet) {
    for enumeration in descriptors.file.iter_mut().flat_map(|file| &mut file.enum_type) {
        let mut seen = Vec::new();
        enumeration.value.retain(|value| {
            let first = !seen.contains(&value.number());
            seen.push(value.number());
            first
        });
    }
}
