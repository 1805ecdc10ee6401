//! What do containers' names cost? ns for each event that is judged, and bytes for each container.
//!
//! `cargo bench -p peregrine-world --bench identity`. The floor, a process of the host, is in the same
//! run.

use std::{hint::black_box, sync::Arc, time::Instant};

use peregrine_world::{
    Container, Runtime, identify,
    identity::{Bounds, Identities, Identity, Image, Labels, Mount, News, Pod},
};

/// Containers that are known: a full node has a few hundred.
const N_CONTAINERS: u32 = 1000;
const N_ROUNDS: u32 = 1_000_000;
const BOUNDS: Bounds = Bounds { containers: 16_384, bytes: 64 << 20 };

fn main() {
    let resident = resident_bytes();
    let mut all = Identities::new(BOUNDS);
    let containers: Vec<Container> = (0..N_CONTAINERS).map(container).collect();
    for (number, container) in (0..).zip(&containers) {
        all.learn(&News::Known(Arc::new(identity(container, number))), 0);
    }
    let each = (resident_bytes() - resident) / u64::from(N_CONTAINERS);
    println!("{each:>8} bytes resident per container ({} in all)", all.bytes());
    measure("host", |_| {
        black_box(all.standing(black_box(&Container::Host), 1, |_| true));
    });
    measure("one busy container", |_| {
        black_box(all.standing(black_box(&containers[7]), 1, |_| true));
    });
    measure("each container in turn", |round| {
        let container = &containers[(round % N_CONTAINERS) as usize];
        black_box(all.standing(black_box(container), 1, |_| true));
    });
}

fn measure(name: &str, mut deed: impl FnMut(u32)) {
    (0..1000).for_each(&mut deed);
    let began = Instant::now();
    (0..N_ROUNDS).for_each(&mut deed);
    println!("{:>8.1} ns: {name}", began.elapsed().as_nanos() as f64 / f64::from(N_ROUNDS));
}

fn container(number: u32) -> Container {
    let id = format!("{number:08x}").repeat(8);
    identify(format!("/kubepods/burstable/pod6f1c9a3e/{id}").as_bytes())
}

/// Labels, mounts and a pod as a kubelet gives them.
fn identity(container: &Container, number: u32) -> Identity {
    let id = container.id().expect("a container").full();
    let mount = |name: &str| Mount {
        source: format!("/var/lib/kubelet/pods/6f1c9a3e/volumes/{name}").as_str().into(),
        destination: format!("/var/run/{name}").as_str().into(),
        mode: "rbind,rprivate,rw".into(),
        is_writable: true,
        propagation: "rprivate".into(),
    };
    let mounts = ["secrets", "etc-hosts", "termination-log", "resolv.conf", "shm"].map(mount);
    let mut identity = Identity::new(id, Runtime::Containerd).with_mounts(mounts);
    identity.name = "main".into();
    identity.image = Image::from_reference("registry.example.org/team/service:1.27.3", "sha256:ab");
    identity.ip = "10.0.0.7".into();
    identity.pod = Some(Arc::new(Pod {
        namespace: "production".into(),
        name: format!("service-7d9c5b6f4-{number:05}").as_str().into(),
        uid: "6f1c9a3e-3f6f-4a0e-9a57-0b7f6f0c1d2e".into(),
        sandbox_id: id.into(),
        ip: "10.0.0.7".into(),
        labels: Labels::new([("app", "service"), ("pod-template-hash", "7d9c5b6f4")]),
        cni_json: "x".repeat(800).as_str().into(),
    }));
    identity
}

fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096
}
