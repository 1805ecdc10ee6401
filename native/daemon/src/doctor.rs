//! `peregrined doctor`: what this kernel offers, what was chosen, what is missing and its fix.

use std::{error::Error, fs};

use peregrine_capture::{Cgroups, Hooks, LoadError, Probe, Settings, Walk};

use crate::lockdown::{self, Confinement};

/// A line of the report.
#[derive(Debug)]
struct Finding {
    mark: Mark,
    about: &'static str,
    what: String,
    fix: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mark {
    Good,
    Note,
    Missing,
}

/// The report, and whether the daemon can run here.
pub fn report() -> (String, bool) {
    let probe = Probe::take();
    let loaded =
        probe.try_load(Settings { hooks: probe.hooks(), walk: probe.walk, ..Settings::default() });
    let mut findings = findings(&probe, &loaded);
    findings.extend(user_namespace(&fs::read_to_string("/proc/self/uid_map").unwrap_or_default()));
    findings.extend(confinement(&lockdown::attempt()));
    let is_fit = findings.iter().all(|finding| finding.mark != Mark::Missing);
    (render(&findings, is_fit), is_fit)
}

/// Why the programs were not loaded, each reason with its fix; empty for any other error. Said with
/// the error, since a log in a container is often all that its user sees.
pub fn reasons(error: &(dyn Error + 'static)) -> String {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LoadError>() {
            let uid_map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
            return missing_of(&Probe::take(), &uid_map);
        }
        cause = error.source();
    }
    String::new()
}

fn missing_of(probe: &Probe, uid_map: &str) -> String {
    [kernel(probe), btf(probe), capabilities(probe)]
        .into_iter()
        .chain(lockdown(probe))
        .chain(user_namespace(uid_map))
        .filter(|finding| finding.mark == Mark::Missing)
        .map(|Finding { about, what, fix, .. }| {
            let fix = fix.unwrap_or_default();
            format!("peregrined: missing: {about}: {what}\n            fix:     {fix}\n")
        })
        .collect()
}

fn findings(probe: &Probe, loaded: &Result<Vec<String>, LoadError>) -> Vec<Finding> {
    let mut all = vec![kernel(probe), btf(probe), capabilities(probe)];
    all.extend(lockdown(probe));
    all.extend([tracefs(probe), entries(probe), walk(probe), cgroups(probe)]);
    all.push(match loaded {
        Ok(hooks) => good("programs", format!("load and attach: {}", hooks.join(", "))),
        Err(error) => missing(
            "programs",
            chain(error),
            "the lines above say what is missing; if they say nothing, report this kernel's \
             release and this text",
        ),
    });
    all
}

fn good(about: &'static str, what: String) -> Finding {
    Finding { mark: Mark::Good, about, what, fix: None }
}

fn note(about: &'static str, what: String, fix: &str) -> Finding {
    Finding { mark: Mark::Note, about, what, fix: Some(fix.to_owned()) }
}

fn missing(about: &'static str, what: String, fix: &str) -> Finding {
    Finding { mark: Mark::Missing, about, what, fix: Some(fix.to_owned()) }
}

/// Ring buffers, which the programs write to, are of this version.
const LEAST_KERNEL: (u32, u32) = (5, 8);

fn kernel(probe: &Probe) -> Finding {
    let Probe { release, machine, .. } = probe;
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let version = match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
        // A form of its own: what is missing shows when the programs are loaded.
        _ => LEAST_KERNEL,
    };
    if version >= LEAST_KERNEL {
        return good("kernel", format!("{release} on {machine}"));
    }
    missing(
        "kernel",
        format!("{release} is older than 5.8"),
        "boot Linux 5.8 or later: Debian 12, Ubuntu 22.04, RHEL 9 and all later ones have it",
    )
}

fn btf(probe: &Probe) -> Finding {
    if probe.has_btf {
        return good("BTF", "/sys/kernel/btf/vmlinux is there".to_owned());
    }
    missing(
        "BTF",
        "/sys/kernel/btf/vmlinux is not there".to_owned(),
        "use a kernel of 5.8 or later built with CONFIG_DEBUG_INFO_BTF=y, as distributions do; in a \
         container, mount /sys read-only from the host",
    )
}

fn capabilities(probe: &Probe) -> Finding {
    if probe.missing_capabilities.is_empty() {
        return good("rights", "may load and attach BPF programs".to_owned());
    }
    missing(
        "rights",
        format!("lacks {}", probe.missing_capabilities.join(" and ")),
        "run as root (sudo peregrined …), or give the process CAP_BPF, CAP_PERFMON and \
         CAP_SYS_PTRACE; in a container: cap_add as in docker-compose.yml",
    )
}

/// In one, capabilities are there and the kernel loads nothing all the same.
fn user_namespace(uid_map: &str) -> Option<Finding> {
    let ids: Vec<&str> = uid_map.split_whitespace().collect();
    let is_the_machines = ids.is_empty() || ids == ["0", "0", "4294967295"];
    (!is_the_machines).then(|| {
        missing(
            "namespace",
            "a user namespace, as of rootless Docker or Podman: the kernel lets nobody load such \
             programs from there"
                .to_owned(),
            "run the daemon as the machine's root, by systemd or in a rootful engine: \
             docs/install.md",
        )
    })
}

/// The file marks the mode in force with brackets: `none [integrity] confidentiality`.
fn lockdown(probe: &Probe) -> Option<Finding> {
    let text = probe.lockdown.as_deref()?;
    if text.contains("[confidentiality]") {
        return Some(missing(
            "lockdown",
            "confidentiality: BPF programs may not read kernel memory".to_owned(),
            "boot with lockdown=integrity or without it",
        ));
    }
    Some(good("lockdown", text.to_owned()))
}

fn tracefs(probe: &Probe) -> Finding {
    match &probe.tracefs {
        Ok(()) => good("tracefs", "tells the tracepoints".to_owned()),
        Err(error) => note(
            "tracefs",
            format!("cannot be had: {error}"),
            "mount -t tracefs tracefs /sys/kernel/tracing; until then one program on every system \
             call's exit does the work, at 19 ns instead of 5 for the other calls",
        ),
    }
}

fn entries(probe: &Probe) -> Finding {
    let hooks = match probe.hooks() {
        Hooks::SyscallTracepoints => "a tracepoint per system call",
        Hooks::SysExit => "one program on every system call's exit",
    };
    let entries = match &probe.entries {
        Ok(entries) => match (entries.is_32_bit, entries.is_x32) {
            (false, false) => "no 32-bit entry".to_owned(),
            (true, false) => "32-bit programs may call the kernel".to_owned(),
            (false, true) => "x32 programs may call the kernel".to_owned(),
            (true, true) => "32-bit and x32 programs may call the kernel".to_owned(),
        },
        Err(error) => format!("32-bit entry not found out ({error})"),
    };
    good("hooks", format!("{hooks}, because: {entries}"))
}

fn walk(probe: &Probe) -> Finding {
    match probe.walk {
        Walk::Loop => good("paths", "walked whole (bpf_loop)".to_owned()),
        Walk::Bounded => note(
            "paths",
            "walked for 16 names at most, longer ones are marked as cut".to_owned(),
            "kernel 5.17 or later walks them whole",
        ),
    }
}

fn cgroups(probe: &Probe) -> Finding {
    match probe.cgroups {
        Cgroups::V2 => good("cgroups", "version 2".to_owned()),
        Cgroups::Hybrid => good("cgroups", "version 1 controllers".to_owned()),
        Cgroups::Unknown => note(
            "cgroups",
            "not seen: processes cannot be told apart by container".to_owned(),
            "mount /proc with the host's view (hostPID in Kubernetes, --pid host in Docker)",
        ),
    }
}

/// Each part of it by its own line; what is missing is no reason not to run.
fn confinement(attempted: &Confinement) -> Vec<Finding> {
    let fix = |part: &str| match part {
        "landlock" => {
            "kernel 5.13 or later with CONFIG_SECURITY_LANDLOCK=y, and landlock among lsm= at boot; \
             until then the daemon may open whatever its user may"
        }
        "seccomp" => {
            "kernel with CONFIG_SECCOMP_FILTER=y; until then the daemon may make any system call"
        }
        _ => "run as root or with the capabilities above; until then all that was given is kept",
    };
    let landlock = attempted.landlock.map(|version| {
        good("landlock", format!("version {version}: only the daemon's own paths can be opened"))
    });
    let is_filtered = attempted.shortfalls.iter().all(|it| it.part != "seccomp");
    let seccomp = is_filtered.then(|| good("seccomp", "system calls are limited".to_owned()));
    let missing = attempted
        .shortfalls
        .iter()
        .map(|it| note(it.part, format!("not in force: {}", it.why), fix(it.part)));
    landlock.into_iter().chain(seccomp).chain(missing).collect()
}

fn render(findings: &[Finding], is_fit: bool) -> String {
    let mut text = String::new();
    for finding in findings {
        let mark = match finding.mark {
            Mark::Good => "ok     ",
            Mark::Note => "note   ",
            Mark::Missing => "MISSING",
        };
        text.push_str(&format!("{mark} {:<12} {}\n", finding.about, finding.what));
        if let Some(fix) = &finding.fix {
            text.push_str(&format!("{:<20} fix: {fix}\n", ""));
        }
    }
    text.push_str(if is_fit {
        "peregrined can run here.\n"
    } else {
        "peregrined cannot run here; see MISSING above.\n"
    });
    text
}

/// An error with its causes on one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use peregrine_capture::Entries;
    use std::io;

    fn probe() -> Probe {
        Probe {
            release: "6.18.0".to_owned(),
            machine: "x86_64".to_owned(),
            has_btf: true,
            missing_capabilities: Vec::new(),
            lockdown: None,
            entries: Ok(Entries { is_32_bit: false, is_x32: false }),
            tracefs: Ok(()),
            walk: Walk::Loop,
            cgroups: Cgroups::V2,
        }
    }

    fn text(probe: &Probe) -> String {
        let all = findings(probe, &Ok(vec!["tp_btf/sched_process_exec".to_owned()]));
        let is_fit = all.iter().all(|finding| finding.mark != Mark::Missing);
        render(&all, is_fit)
    }

    #[test]
    fn a_fit_kernel_has_nothing_missing() {
        let text = text(&probe());
        assert!(!text.contains("MISSING"), "{text}");
        assert!(text.ends_with("peregrined can run here.\n"));
    }

    #[test]
    fn what_is_missing_comes_with_its_fix() {
        let without_btf = text(&Probe { has_btf: false, ..probe() });
        assert!(without_btf.contains("CONFIG_DEBUG_INFO_BTF"), "{without_btf}");
        let unprivileged = text(&Probe { missing_capabilities: vec!["CAP_BPF"], ..probe() });
        assert!(unprivileged.contains("sudo"), "{unprivileged}");
        let locked = Some("none integrity [confidentiality]".to_owned());
        assert!(text(&Probe { lockdown: locked, ..probe() }).contains("cannot run here"));
    }

    #[test]
    fn an_old_kernel_is_named() {
        for (release, is_old) in
            [("5.4.0-42-generic", true), ("4.19.0", true), ("5.8.0", false), ("6.1.0", false)]
        {
            let old = kernel(&Probe { release: release.to_owned(), ..probe() });
            assert_eq!(old.mark == Mark::Missing, is_old, "{release}");
        }
        let unusual = kernel(&Probe { release: "custom".to_owned(), ..probe() });
        assert_eq!(unusual.mark, Mark::Good, "what is not known is not said to be old");
    }

    #[test]
    fn a_refused_program_is_told_with_its_reasons_and_nothing_else() {
        let whole = "0 0 4294967295";
        assert_eq!(missing_of(&probe(), whole), "");
        let lacking = Probe { missing_capabilities: vec!["CAP_BPF"], ..probe() };
        let told = missing_of(&Probe { has_btf: false, ..lacking }, "0 1000 1");
        for reason in ["missing: BTF:", "lacks CAP_BPF", "rootless Docker"] {
            assert!(told.contains(reason), "{told}");
        }
        assert_eq!(told.matches("fix:").count(), 3, "{told}");
        let other: Box<dyn Error> = "a rule file".into();
        assert_eq!(reasons(other.as_ref()), "");
    }

    #[test]
    fn a_rootless_engine_is_named_with_the_way_out() {
        assert!(user_namespace("         0          0 4294967295\n").is_none());
        assert!(user_namespace("").is_none(), "a kernel without such namespaces");
        let rootless = user_namespace("0 1000 1\n1 100000 65536\n").unwrap();
        assert_eq!(rootless.mark, Mark::Missing);
        assert!(rootless.fix.unwrap().contains("systemd"));
    }

    #[test]
    fn a_32_bit_entry_and_a_missing_tracefs_choose_the_hook_that_sees_all() {
        let entries = Ok(Entries { is_32_bit: true, is_x32: false });
        assert_eq!(Probe { entries, ..probe() }.hooks(), Hooks::SysExit);
        let tracefs = Err(io::ErrorKind::PermissionDenied.into());
        assert_eq!(Probe { tracefs, ..probe() }.hooks(), Hooks::SysExit);
        assert_eq!(probe().hooks(), Hooks::SyscallTracepoints);
    }
}
