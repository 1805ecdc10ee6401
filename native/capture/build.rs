//! Compiles the BPF programs, once for kernels with `bpf_loop` (5.17) and once for those without.

use std::{env, error::Error, path::PathBuf};

use libbpf_cargo::SkeletonBuilder;

const SOURCE: &str = "../bpf/peregrine.bpf.c";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for (name, defines) in [
        ("peregrine_loop.bpf.o", &[][..]),
        ("peregrine_bounded.bpf.o", &["-DPEREGRINE_BOUNDED_WALK"][..]),
    ] {
        SkeletonBuilder::new()
            .source(SOURCE)
            .obj(out.join(name))
            .clang_args(["-Wall", "-Werror", "-mcpu=v3"].iter().chain(defines))
            .build()?;
    }
    println!("cargo:rerun-if-changed=../bpf");
    Ok(())
}
