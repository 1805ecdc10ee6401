//! Texts of `/proc` → facts. Pure; no text is trusted, none makes it panic.

/// `/proc/PID/stat`, what of it we use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stat<'a> {
    /// Pid as this `/proc` counts.
    pub pid: u32,
    /// Kernel's name of the main thread.
    pub comm: &'a [u8],
    /// `Z` and `X` have ended.
    pub state: u8,
    /// Parent, 0 for none.
    pub parent_pid: u32,
    /// Process group.
    pub group_id: u32,
    /// Session.
    pub session_id: u32,
    /// Controlling terminal, 0 for none.
    pub tty: u32,
    /// Page faults that had not to read.
    pub minor_faults: u64,
    /// Page faults that had to.
    pub major_faults: u64,
    /// How many threads.
    pub threads: u32,
    /// In clock ticks since boot.
    pub start_ticks: u64,
}

/// Reads `/proc/PID/stat`. The name may hold blanks and brackets: its end is the last bracket.
pub fn parse_stat(text: &[u8]) -> Option<Stat<'_>> {
    let open = text.iter().position(|&byte| byte == b'(')?;
    let close = text.iter().rposition(|&byte| byte == b')')?;
    let comm = text.get(open + 1..close)?;
    let mut fields = text[close + 1..].split(u8::is_ascii_whitespace).filter(|it| !it.is_empty());
    let state = *fields.next()?.first()?;
    let parent_pid = number(fields.next()?)?;
    let group_id = number(fields.next()?)?;
    let session_id = number(fields.next()?)?;
    // Printed as a signed number.
    let tty: i64 = number(fields.next()?)?;
    // proc(5) counts from 1 with pid and comm: the 8th is next.
    let minor_faults = number(fields.nth(10 - 8)?)?;
    let major_faults = number(fields.nth(12 - 11)?)?;
    let threads = number(fields.nth(20 - 13)?)?;
    let start_ticks = number(fields.nth(22 - 21)?)?;
    let pid = number(text[..open].trim_ascii())?;
    let tty = tty as u32;
    Some(Stat {
        pid,
        comm,
        state,
        parent_pid,
        group_id,
        session_id,
        tty,
        minor_faults,
        major_faults,
        threads,
        start_ticks,
    })
}

/// `/proc/PID/status`, what of it we use.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Status {
    /// Real and effective user.
    pub uids: (u32, u32),
    /// Real and effective group.
    pub gids: (u32, u32),
    /// Pid, group and session in the process's own pid namespace.
    pub inner: (u32, u32, u32),
    /// Inheritable, permitted and effective capabilities.
    pub capabilities: (u64, u64, u64),
    /// Mapped, resident and swapped memory in KiB; 0 of kernel threads.
    pub memory: (u32, u32, u32),
}

/// Reads `/proc/PID/status`; `None` when a line that every kernel writes is missing.
pub fn parse_status(text: &[u8]) -> Option<Status> {
    let mut status = Status::default();
    let mut n_found = 0;
    for line in text.split(|&byte| byte == b'\n') {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let (key, value) = (&line[..colon], &line[colon + 1..]);
        match key {
            b"Uid" => status.uids = first_two(value)?,
            b"Gid" => status.gids = first_two(value)?,
            b"NStgid" => status.inner.0 = last(value)?,
            b"NSpgid" => status.inner.1 = last(value)?,
            b"NSsid" => status.inner.2 = last(value)?,
            b"CapInh" => status.capabilities.0 = hex(value)?,
            b"CapPrm" => status.capabilities.1 = hex(value)?,
            b"CapEff" => status.capabilities.2 = hex(value)?,
            b"VmSize" => {
                status.memory.0 = first(value).unwrap_or(0);
                continue;
            }
            b"VmRSS" => {
                status.memory.1 = first(value).unwrap_or(0);
                continue;
            }
            b"VmSwap" => {
                status.memory.2 = first(value).unwrap_or(0);
                continue;
            }
            _ => continue,
        }
        n_found += 1;
    }
    (n_found >= 8).then_some(status)
}

/// Reads `/proc/PID/cgroup`: the path that tells the container, chosen as the kernel programs
/// choose it. Of the version 1 controllers that runtimes use, the first whose cgroup is not its
/// hierarchy's root; else version 2's.
pub fn parse_cgroup(text: &[u8]) -> &[u8] {
    [&b"pids"[..], b"memory", b"cpuset"]
        .iter()
        .filter_map(|controller| cgroup_of(text, controller))
        .find(|path| !matches!(*path, b"" | b"/"))
        .or_else(|| cgroup_of(text, b""))
        .unwrap_or_default()
}

fn cgroup_of<'a>(text: &'a [u8], controller: &[u8]) -> Option<&'a [u8]> {
    text.split(|&byte| byte == b'\n').find_map(|line| {
        let mut parts = line.splitn(3, |&byte| byte == b':');
        let (hierarchy, names, path) = (parts.next()?, parts.next()?, parts.next()?);
        // A unified line has number 0 and no names; `name=systemd` is no controller of ours.
        let is_wanted = match controller {
            b"" => hierarchy == b"0" && names.is_empty(),
            _ => names.split(|&byte| byte == b',').any(|name| name == controller),
        };
        is_wanted.then_some(path)
    })
}

/// Reads `/proc/PID/limits`: how many descriptors the process may have.
pub fn parse_descriptor_limit(text: &[u8]) -> Option<u64> {
    let line =
        text.split(|&byte| byte == b'\n').find_map(|it| it.strip_prefix(b"Max open files"))?;
    match numbers(line).next()? {
        b"unlimited" => Some(u64::MAX),
        limit => number(limit),
    }
}

/// Reads a file that holds one number, such as `/proc/PID/loginuid`.
pub fn parse_number(text: &[u8]) -> Option<u32> {
    number(text.trim_ascii())
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn numbers(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(u8::is_ascii_whitespace).filter(|it| !it.is_empty())
}

fn first_two(value: &[u8]) -> Option<(u32, u32)> {
    let mut values = numbers(value);
    Some((number(values.next()?)?, number(values.next()?)?))
}

fn first(value: &[u8]) -> Option<u32> {
    number(numbers(value).next()?)
}

fn last(value: &[u8]) -> Option<u32> {
    number(numbers(value).last()?)
}

fn hex(value: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(value.trim_ascii()).ok()?, 16).ok()
}
