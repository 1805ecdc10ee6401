//! cgroup paths of every runtime, and what no path may do.

use peregrine_world::{Container, identify};
use proptest::prelude::*;

#[test]
fn each_path_tells_its_container() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cgroups");
    let mut n_cases = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (path, expected) = line.split_once(" => ").expect(line);
            assert_eq!(
                describe(&identify(path.as_bytes())),
                expected,
                "{}: {path}",
                file.display()
            );
            n_cases += 1;
        }
    }
    assert!(n_cases > 80, "only {n_cases} cases found");
}

fn describe(container: &Container) -> String {
    container.id().map_or("host".into(), |id| format!("{} {}", id.runtime.as_str(), id.full()))
}

#[test]
fn a_short_id_is_twelve_digits_or_the_whole_name() {
    let docker = identify(format!("/docker/{}", "0123456789abcdef".repeat(4)).as_bytes());
    assert_eq!(docker.short(), "0123456789ab");
    assert_eq!(identify(b"/lxc.payload.a-rather-long-name").short(), "a-rather-long-name");
    assert_eq!(Container::Host.short(), "host");
}

/// Bytes that are likely to look like a path of some runtime.
fn path() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "/",
        "docker",
        "docker-",
        "cri-containerd-",
        ":cri-containerd:",
        "crio-",
        "conmon-",
        "libpod-",
        "payload-",
        "lxc",
        "lxc.payload.",
        "machine-lxc\\x2d",
        "\\x2d",
        ".scope",
        ".slice",
        "kubepods",
        "0123456789ab",
        ".libvirt-lxc",
        "..",
        "",
    ]);
    let part = prop_oneof![
        4 => word.prop_map(|word| word.as_bytes().to_vec()),
        2 => "[0-9a-f]{0,70}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn an_id_is_hex_of_its_length_or_a_printable_name(path in path()) {
        if let Container::Id(id) = identify(&path) {
            let full = id.full();
            if id.runtime.as_str().contains("lxc") {
                prop_assert!(!full.is_empty() && full.bytes().all(|byte| byte.is_ascii_graphic()));
            } else {
                prop_assert!((12..=64).contains(&full.len()), "{full}");
                prop_assert!(full.bytes().all(|byte| b"0123456789abcdef".contains(&byte)));
                prop_assert_eq!(id.short(), &full[..12]);
            }
            prop_assert!(path.windows(full.len()).any(|part| part == full.as_bytes()));
        }
    }

    #[test]
    fn what_is_inside_a_container_is_that_container(path in path(), inner in "[a-z]{1,8}\\.service") {
        // What stands below these is a container by its name.
        prop_assume!(!path.ends_with(b"lxc") && !path.ends_with(b"lxc.payload"));
        let outer = identify(&path);
        if outer != Container::Host {
            let inner = [path.as_slice(), b"/", inner.as_bytes()].concat();
            prop_assert_eq!(identify(&inner), outer);
        }
    }
}
