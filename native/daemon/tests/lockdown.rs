//! What a locked-down thread cannot do any more. Each role is taken in a process of its own, which
//! then tries; the same is tried without a lock-down, so that a refusal says something. Needs root.

#![allow(clippy::unwrap_used)]

#[allow(dead_code, unused_imports)]
#[path = "../src/lockdown/mod.rs"]
mod lockdown;

use std::{
    collections::BTreeMap,
    env, fs,
    io::Write,
    net::{Ipv4Addr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener, UnixStream},
    },
    path::Path,
    process::{Child, Command, Stdio},
};

use lockdown::{Lockdown, Needs, Role};

/// Set in a child: which role it takes, its folder, and a process outside of the lock-down.
const ROLE: &str = "PEREGRINED_TEST_ROLE";
const FOLDER: &str = "PEREGRINED_TEST_FOLDER";
const STRANGER: &str = "PEREGRINED_TEST_STRANGER";

/// Whether each deed could be done.
type Deeds = BTreeMap<String, bool>;

/// Calls that no thread of the daemon needs, whatever happens.
const NEVER: [(&str, libc::c_long); 26] = [
    ("add_key", libc::SYS_add_key),
    ("capset", libc::SYS_capset),
    ("chroot", libc::SYS_chroot),
    ("delete_module", libc::SYS_delete_module),
    ("execve", libc::SYS_execve),
    ("execveat", libc::SYS_execveat),
    ("finit_module", libc::SYS_finit_module),
    ("fsopen", libc::SYS_fsopen),
    ("init_module", libc::SYS_init_module),
    ("io_uring_setup", libc::SYS_io_uring_setup),
    ("kexec_load", libc::SYS_kexec_load),
    ("keyctl", libc::SYS_keyctl),
    ("memfd_create", libc::SYS_memfd_create),
    ("mount", libc::SYS_mount),
    ("open_by_handle_at", libc::SYS_open_by_handle_at),
    ("pidfd_getfd", libc::SYS_pidfd_getfd),
    ("pidfd_open", libc::SYS_pidfd_open),
    ("pivot_root", libc::SYS_pivot_root),
    ("process_vm_readv", libc::SYS_process_vm_readv),
    ("process_vm_writev", libc::SYS_process_vm_writev),
    ("reboot", libc::SYS_reboot),
    ("setns", libc::SYS_setns),
    ("swapon", libc::SYS_swapon),
    ("umount2", libc::SYS_umount2),
    ("unshare", libc::SYS_unshare),
    ("userfaultfd", libc::SYS_userfaultfd),
];

/// Does the call get past the filter? Its arguments make no sense, so it does nothing.
fn is_let_through(number: libc::c_long) -> bool {
    const NONSENSE: usize = usize::MAX;
    // SAFETY: no argument is a valid pointer, descriptor, process or flag.
    let result = unsafe { libc::syscall(number, NONSENSE, NONSENSE, NONSENSE, NONSENSE, NONSENSE) };
    result >= 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::EPERM)
}

fn ptrace_attach(pid: i32) -> bool {
    // SAFETY: stops a process that belongs to the test; no memory of ours is touched.
    unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, 0, 0) == 0 }
}

fn map(protection: i32) -> bool {
    // SAFETY: a fresh mapping at an address that the kernel chooses aliases nothing.
    let address = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0)
    };
    address != libc::MAP_FAILED
}

fn signal(pid: i32) -> bool {
    // SAFETY: signal 0 is none: the kernel checks only whether there could be one.
    unsafe { libc::kill(pid, 0) == 0 }
}

fn append(path: &Path) -> bool {
    let file = fs::OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(b"x")).is_ok()
}

fn deeds(folder: &Path, stranger: i32) -> Deeds {
    let proc = format!("/proc/{stranger}");
    let name = SocketAddr::from_abstract_name(format!("peregrine-lockdown-{stranger}")).unwrap();
    let all = [
        ("run a program", Command::new("/bin/true").status().is_ok()),
        ("map code", map(libc::PROT_READ | libc::PROT_EXEC)),
        ("map data", map(libc::PROT_READ | libc::PROT_WRITE)),
        ("start a thread", std::thread::Builder::new().spawn(|| ()).is_ok()),
        ("trace a process", ptrace_attach(stranger)),
        ("signal a process", signal(stranger)),
        ("bpf", is_let_through(libc::SYS_bpf)),
        ("perf_event_open", is_let_through(libc::SYS_perf_event_open)),
        ("listen on TCP", TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).is_ok()),
        ("connect by TCP", is_let_out()),
        ("look up a name", ("localhost", 0).to_socket_addrs().is_ok()),
        ("send by UDP", UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).is_ok()),
        ("connect to a socket file", UnixStream::connect(folder.join("runtime.sock")).is_ok()),
        ("connect to an abstract socket", UnixStream::connect_addr(&name).is_ok()),
        ("read rules", fs::read(folder.join("rules/rules.yaml")).is_ok()),
        ("list rules", fs::read_dir(folder.join("rules")).is_ok()),
        ("write rules", append(&folder.join("rules/rules.yaml"))),
        ("write the journal", append(&folder.join("state/journal"))),
        ("move the journal", move_and_remove(&folder.join("state"))),
        ("write the alert file", append(&folder.join("log/alerts.log"))),
        ("make the alert file anew", rotate(&folder.join("log"))),
        ("read another file", fs::read(folder.join("other/secret")).is_ok()),
        ("write another file", append(&folder.join("other/secret"))),
        ("make another file", append(&folder.join("other/new"))),
        ("remove another file", fs::remove_file(folder.join("other/removed")).is_ok()),
        ("read the passwords", fs::read("/etc/shadow").is_ok()),
        ("read a process's state", fs::read(format!("{proc}/stat")).is_ok()),
        ("read a process's program", fs::read_link(format!("{proc}/exe")).is_ok()),
        ("read a process's environment", fs::read(format!("{proc}/environ")).is_ok()),
    ];
    let never = NEVER.iter().map(|&(name, number)| (name, is_let_through(number)));
    all.into_iter().chain(never).map(|(name, is_done)| (name.to_owned(), is_done)).collect()
}

/// Nobody listens there, so a refusal by the other side is as far as it gets.
fn is_let_out() -> bool {
    let connection = TcpStream::connect((Ipv4Addr::LOCALHOST, 1));
    connection.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

fn move_and_remove(folder: &Path) -> bool {
    let (from, to) = (folder.join("journal"), folder.join("aside"));
    fs::rename(from, &to).and_then(|()| fs::remove_file(&to)).is_ok()
}

/// Log rotation moves the file from outside of the lock-down; what is left to do is to make one.
fn rotate(folder: &Path) -> bool {
    append(&folder.join("rotated.log"))
}

/// Not a test by itself: what the other tests run in a process of its own.
#[test]
fn child() {
    let (Ok(role), Some(folder)) = (env::var(ROLE), env::var_os(FOLDER)) else { return };
    let stranger: i32 = env::var(STRANGER).unwrap().parse().unwrap();
    let folder = Path::new(&folder);
    let needs = Needs {
        read: vec![folder.join("rules")],
        own: vec![folder.join("state")],
        append: vec![folder.join("log/alerts.log")],
        sockets: Vec::new(),
        connect: if role == "serve and connect" { vec![1] } else { Vec::new() },
    };
    match role.as_str() {
        "free" => {}
        "attach" => Lockdown::On.confine(Role::Attach),
        "look up names" => Lockdown::On.confine(Role::LookUpNames),
        "read processes" => Lockdown::On.confine(Role::ReadProcesses),
        _ => Lockdown::On.confine(Role::Serve(&needs)),
    }
    let said: String =
        deeds(folder, stranger).iter().map(|(name, done)| format!("{done} {name}\n")).collect();
    std::io::stderr().write_all(said.as_bytes()).unwrap();
    // The harness would go on with what is refused now.
    std::process::exit(0);
}

/// Killed with the test.
struct Stranger(Child);

impl Drop for Stranger {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn tried_as(role: &str) -> Deeds {
    let folder = tempfile::tempdir().unwrap();
    for (place, file) in
        [("rules", "rules.yaml"), ("log", "alerts.log"), ("other", "secret"), ("other", "removed")]
    {
        fs::create_dir_all(folder.path().join(place)).unwrap();
        fs::write(folder.path().join(place).join(file), "text").unwrap();
    }
    fs::create_dir(folder.path().join("state")).unwrap();
    let stranger = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
    let stranger = Stranger(stranger);
    let pid = stranger.0.id();
    let name = SocketAddr::from_abstract_name(format!("peregrine-lockdown-{pid}")).unwrap();
    let _abstract = UnixListener::bind_addr(&name).unwrap();
    let _runtime = UnixListener::bind(folder.path().join("runtime.sock")).unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(FOLDER, folder.path())
        .env(STRANGER, pid.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{role}: {text}");
    let line = |line: &str| {
        let (done, name) = line.split_once(' ')?;
        Some((name.to_owned(), done.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

/// Names of the deeds that could be done.
fn possible(deeds: &Deeds) -> Vec<&str> {
    deeds.iter().filter(|(_, done)| **done).map(|(name, _)| name.as_str()).collect()
}

const SERVE: [&str; 10] = [
    "connect to a socket file",
    "list rules",
    "make the alert file anew",
    "map data",
    "move the journal",
    "read a process's state",
    "read rules",
    "start a thread",
    "write the alert file",
    "write the journal",
];

#[test]
fn without_a_lockdown_all_of_it_can_be_done() {
    let deeds = tried_as("free");
    let refused: Vec<_> = deeds.iter().filter(|(_, done)| !**done).collect();
    assert!(deeds.len() > NEVER.len() && refused.is_empty(), "{refused:?}");
}

#[test]
fn a_serving_thread_reaches_its_files_and_socket_files_and_nothing_else() {
    assert_eq!(possible(&tried_as("serve")), SERVE);
}

#[test]
fn a_serving_thread_that_was_given_a_port_may_connect_to_it() {
    let deeds = tried_as("serve and connect");
    assert!(deeds["connect by TCP"] && !deeds["listen on TCP"], "{deeds:?}");
    assert!(!deeds["run a program"] && !deeds["read another file"], "{deeds:?}");
}

#[test]
fn the_attaching_thread_keeps_bpf_and_writes_nothing() {
    let deeds = tried_as("attach");
    assert!(deeds["bpf"] && deeds["perf_event_open"], "{deeds:?}");
    let lost = ["run a program", "write rules", "make another file", "remove another file"];
    assert!(lost.iter().all(|name| !deeds[*name]), "{deeds:?}");
    let sockets = ["connect by TCP", "connect to a socket file", "send by UDP"];
    assert!(sockets.iter().all(|name| !deeds[*name]), "{deeds:?}");
    assert!(NEVER.iter().all(|(name, _)| !deeds[*name]), "{deeds:?}");
}

#[test]
fn the_thread_that_looks_up_names_reaches_name_servers_and_no_file_but_theirs() {
    let deeds = tried_as("look up names");
    let kept =
        ["look up a name", "map data", "read a process's state", "send by UDP", "start a thread"];
    assert_eq!(possible(&deeds), kept);
}

#[test]
fn the_thread_that_reads_processes_sees_them_and_writes_nothing() {
    let deeds = tried_as("read processes");
    for name in ["state", "program", "environment"] {
        assert!(deeds[&format!("read a process's {name}")], "{deeds:?}");
    }
    let lost = ["bpf", "perf_event_open", "run a program", "trace a process", "write rules"];
    assert!(lost.iter().all(|name| !deeds[*name]), "{deeds:?}");
    assert!(!deeds["make another file"] && !deeds["connect to a socket file"], "{deeds:?}");
    assert!(NEVER.iter().all(|(name, _)| !deeds[*name]), "{deeds:?}");
}
