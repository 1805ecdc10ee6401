//! Generates the runtimes' wire types from `proto/`, without needing `protoc`.

use std::error::Error;

const FILES: [&str; 2] = ["containerd.proto", "cri.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    let proto = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    for file in FILES {
        println!("cargo::rerun-if-changed={}", proto.join(file).display());
    }
    for file in FILES {
        tonic_prost_build::configure()
            .build_server(false)
            .build_transport(false)
            .emit_rerun_if_changed(false)
            .compile_fds(protox::compile([file], [&proto])?)?;
    }
    Ok(())
}
