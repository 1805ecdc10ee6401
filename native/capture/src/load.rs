//! From the compiled programs to running capture.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    sync::Arc,
};

use libbpf_rs::{
    Link, MapCore, MapFlags, MapHandle, Object, ObjectBuilder, OpenObject, ProgramMut,
};
use rustix::event::{EventfdFlags, epoll, eventfd};

use crate::{
    entry::Entries,
    event::Lane,
    interest::{Interest, Opens},
    lanes::{Lanes, Newest, Waker},
    recipes::{self, RECIPE_BYTES},
    ring::{Control, OpenWords, Ring},
    ring_calls,
    syscalls::{self, N_SYSCALLS, Syscall},
    tracefs::{Side, Tracefs},
};

/// The programs, for kernels with `bpf_loop` (5.17) and without.
static LOOP_OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/peregrine_loop.bpf.o"));
static BOUNDED_OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/peregrine_bounded.bpf.o"));

const LIFE_CYCLE_PROGRAMS: [&str; 4] =
    ["process_fork", "process_exec", "process_exit", "process_cgroup_attach"];
const DISPATCHER: &str = "syscall_exit";
/// Runs at the entry of calls that act on names.
const NAMES_PROGRAM: &str = "syscall_enter_names";
/// Runs at the entry of calls whose objects are gone at their exit.
const ENTRY_PROGRAM: &str = "syscall_enter_by_recipe";

/// Where system calls are hooked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hooks {
    /// A tracepoint per system call of interest: costs others the least, blind to 32-bit calls.
    SyscallTracepoints,
    /// One program on raw `sys_exit`: sees every entry into the kernel.
    SysExit,
}

impl Hooks {
    /// The cheaper one, unless it would be blind to a way into this kernel.
    pub fn choose(entries: Entries) -> Self {
        if entries.has_other_than_native() { Self::SysExit } else { Self::SyscallTracepoints }
    }
}

/// How a path is walked in the kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Walk {
    /// `bpf_loop` (kernel 5.17).
    Loop,
    /// At most 16 names.
    Bounded,
}

impl Walk {
    /// What this kernel can do.
    pub fn choose() -> Self {
        let has_loop = bpf_helper_exists(libbpf_sys::BPF_FUNC_loop);
        if has_loop { Self::Loop } else { Self::Bounded }
    }
}

fn bpf_helper_exists(helper: libbpf_sys::bpf_func_id) -> bool {
    // SAFETY: asks the kernel whether it knows a helper; no pointer of ours is passed on.
    let answer = unsafe {
        libbpf_sys::libbpf_probe_bpf_helper(
            libbpf_sys::BPF_PROG_TYPE_RAW_TRACEPOINT,
            helper,
            std::ptr::null(),
        )
    };
    answer == 1
}

/// What is fixed at load.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Where system calls are hooked.
    pub hooks: Hooks,
    /// How paths are walked.
    pub walk: Walk,
    /// Bytes of the life-cycle lane; a power of two, at least a page.
    pub life_cycle_size: u32,
    /// Bytes of the busy lane; a power of two, at least a page.
    pub busy_size: u32,
    /// Leave out what this process itself opens and connects to.
    pub skip_own: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hooks: Hooks::SysExit,
            walk: Walk::Loop,
            life_cycle_size: 4 << 20,
            busy_size: 8 << 20,
            skip_own: true,
        }
    }
}

/// Why capture cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The kernel refused the programs.
    #[error("load the BPF programs (run `peregrined doctor` to see what this kernel lacks)")]
    Load(#[source] libbpf_rs::Error),
    /// A program could not be attached.
    #[error("attach BPF program {program}")]
    Attach {
        /// Its name in `bpf/`.
        program: String,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// tracefs is not mounted and may not be.
    #[error(
        "mount tracefs, which names the tracepoints (needs CAP_SYS_ADMIN; or mount it yourself: \
         mount -t tracefs tracefs /sys/kernel/tracing; or run with --hooks sys-exit)"
    )]
    Tracefs(#[source] io::Error),
    /// A map of the programs is not as expected.
    #[error("set up BPF map {map}")]
    Map {
        /// Its name in `bpf/maps.h`.
        map: &'static str,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
}

/// `struct lane_state` of `bpf/maps.h`.
struct LaneState {
    sequence: u64,
    drops: u64,
    filtered: u64,
    ring_lost: u64,
    held_back: u64,
}

/// What the programs have counted since they were loaded.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Opens that no rule can match, left out.
    pub filtered: u64,
    /// Records of cgroups that flooded, held back; part of the busy lane's drops.
    pub held_back: u64,
    /// Requests in an io_uring that were not followed: thousands were under way at once.
    pub ring_lost: u64,
    /// Runs of a program that the kernel left out, as one of its kind was running on that CPU.
    pub recursion_misses: u64,
}

/// A cgroup whose records were held back, because it had used up its share of a busy lane that was
/// nearly full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Flood {
    /// The kernel's id of the cgroup.
    pub cgroup_id: u64,
    /// Records held back since the programs were loaded; they are also in the gaps of the lane.
    pub held_back: u64,
    /// The process whose record was held back last, as the host counts.
    pub pid: u32,
    /// When its main thread began, `CLOCK_BOOTTIME` in ns.
    pub start_time: u64,
}

/// Loaded programs and what they are attached to. Dropping it detaches and unloads everything.
pub struct Capture {
    object: Object,
    life_cycle: Vec<Link>,
    dispatcher: Option<Link>,
    tracepoints: Vec<(Syscall, Link)>,
    /// Entries of calls whose names are compared, or whose objects are gone at their exit.
    entries: Vec<(Syscall, Link)>,
    /// Hooks of io_uring, if this kernel has them.
    has_ring: bool,
    ring: Vec<Link>,
    settings: Settings,
    lane_states: MapHandle,
    floods: MapHandle,
    control: Arc<Control>,
    /// Kept open, so that hooks attach after this process has given up what opening it takes.
    tracefs: Option<Tracefs>,
}

impl Capture {
    /// Loads the programs and attaches those of the life cycle: from here on nothing about
    /// processes is missed.
    pub fn load(settings: Settings) -> Result<(Self, Lanes), LoadError> {
        let has_ring = ring_calls::is_traced();
        let object = open(settings, has_ring)?.load().map_err(LoadError::Load)?;
        write_recipes(&object)?;
        let lanes = lanes(&object, settings)?;
        let lane_states = handle(&object, "lane_states")?;
        let floods = handle(&object, "floods")?;
        let mut capture = Self {
            object,
            life_cycle: Vec::new(),
            dispatcher: None,
            tracepoints: Vec::new(),
            entries: Vec::new(),
            has_ring,
            ring: Vec::new(),
            settings,
            lane_states,
            floods,
            control: lanes.control(),
            tracefs: None,
        };
        match Tracefs::open() {
            Ok(tracefs) => capture.tracefs = Some(tracefs),
            Err(error) if settings.hooks == Hooks::SyscallTracepoints => {
                return Err(LoadError::Tracefs(error));
            }
            // Then nothing is read at entries.
            Err(error) => tracing::debug!(%error, "no tracefs"),
        }
        for name in LIFE_CYCLE_PROGRAMS {
            let link = capture.attach(name)?;
            capture.life_cycle.push(link);
        }
        Ok((capture, lanes))
    }

    /// Hooks these system calls and no others. New ones are attached before old ones go, and what
    /// more is asked of opens holds before what is asked no more ends.
    pub fn set_interest(&mut self, interest: &Interest) -> Result<(), LoadError> {
        self.control.set_reads_streams(interest.streams);
        self.set_opens(&interest.opens, interest.audit_every)?;
        self.set_calls(&interest.calls)
    }

    /// While the names are written, every open passes.
    fn set_opens(&mut self, opens: &Opens, audit_every: u32) -> Result<(), LoadError> {
        self.control.set_opens(OpenWords { always: u64::MAX, ..OpenWords::default() });
        self.control.set_audit_every(audit_every);
        fill(&handle(&self.object, "open_prefixes")?, "open_prefixes", opens.entries())?;
        fill(&handle(&self.object, "open_last_names")?, "open_last_names", opens.last_entries())?;
        self.control.set_opens(opens.words());
        Ok(())
    }

    fn set_calls(&mut self, calls: &[Syscall]) -> Result<(), LoadError> {
        let (native, compat) = syscalls::handlers(calls);
        self.control.set_handlers(&native, &compat);
        self.set_ring(calls)?;
        self.set_entries(calls)?;
        match self.settings.hooks {
            Hooks::SysExit => {
                if calls.is_empty() {
                    self.dispatcher = None;
                } else if self.dispatcher.is_none() {
                    self.dispatcher = Some(self.attach(DISPATCHER)?);
                }
            }
            Hooks::SyscallTracepoints => {
                for &call in calls {
                    if !is_hooked(&self.tracepoints, call)
                        && let Some(link) = self.attach_tracepoint(call, Side::Exit)?
                    {
                        self.tracepoints.push((call, link));
                    }
                }
                self.tracepoints.retain(|(attached, _)| is_asked_for(calls, *attached));
            }
        }
        Ok(())
    }

    /// Hooks the entries of calls that act on names or end what they act on.
    fn set_entries(&mut self, calls: &[Syscall]) -> Result<(), LoadError> {
        for &call in calls.iter().filter(|call| entry_program(call.name()).is_some()) {
            if !is_hooked(&self.entries, call)
                && let Some(link) = self.attach_tracepoint(call, Side::Enter)?
            {
                self.entries.push((call, link));
            }
        }
        self.entries.retain(|(attached, _)| is_asked_for(calls, *attached));
        Ok(())
    }

    /// Hooks io_uring if a request may stand for one of the calls.
    fn set_ring(&mut self, calls: &[Syscall]) -> Result<(), LoadError> {
        if !self.has_ring || !ring_calls::is_wanted(calls) {
            self.ring.clear();
        } else if self.ring.is_empty() {
            // The end first, so that no beginning waits for one that is not seen.
            for name in ring_calls::PROGRAMS.into_iter().rev() {
                let link = self.attach(name)?;
                self.ring.push(link);
            }
        }
        Ok(())
    }

    /// Names of the attached hooks, as the kernel knows them.
    pub fn hooks(&self) -> Vec<String> {
        let life_cycle = [
            "sched_process_fork",
            "sched_process_exec",
            "sched_process_exit",
            "cgroup_attach_task",
        ]
        .map(|name| format!("tp_btf/{name}"));
        let dispatcher = self.dispatcher.iter().map(|_| "tp_btf/sys_exit".to_owned());
        let tracepoints = self
            .tracepoints
            .iter()
            .map(|(call, _)| format!("syscalls:sys_exit_{}", call.tracepoint()));
        let entries = self
            .entries
            .iter()
            .map(|(call, _)| format!("syscalls:sys_enter_{}", call.tracepoint()));
        let ring = ring_calls::hooks().filter(|_| !self.ring.is_empty());
        life_cycle
            .into_iter()
            .chain(dispatcher)
            .chain(tracepoints)
            .chain(entries)
            .chain(ring)
            .collect()
    }

    /// The newest sequence of each lane and CPU, for [`Lanes::overdue`].
    pub fn newest(&self) -> Newest {
        let of_lane = |lane| {
            let states = self.lane_states(lane).into_iter();
            (0..).zip(states).map(move |(cpu, state)| (lane, cpu, state.sequence))
        };
        Newest([Lane::LifeCycle, Lane::Busy].into_iter().flat_map(of_lane).collect())
    }

    /// Records that found a lane full since the programs were loaded.
    pub fn drops(&self, lane: Lane) -> u64 {
        self.lane_states(lane).iter().map(|state| state.drops).sum()
    }

    /// What the programs have counted since they were loaded.
    pub fn counts(&self) -> Counts {
        let states = self.lane_states(Lane::Busy);
        let sum = |count: fn(&LaneState) -> u64| states.iter().map(count).sum();
        Counts {
            filtered: sum(|state| state.filtered),
            held_back: sum(|state| state.held_back),
            ring_lost: sum(|state| state.ring_lost),
            recursion_misses: self.recursion_misses(),
        }
    }

    /// Whose records were held back, as far as the map had room.
    pub fn floods(&self) -> Vec<Flood> {
        let floods = self.floods.keys().filter_map(|key| {
            let value = self.floods.lookup(&key, MapFlags::ANY).ok().flatten()?;
            Some(Flood {
                cgroup_id: word(&key, 0),
                held_back: word(&value, 2),
                start_time: word(&value, 3),
                pid: word(&value, 4) as u32,
            })
        });
        floods.filter(|flood| flood.held_back > 0).collect()
    }

    fn recursion_misses(&self) -> u64 {
        self.object.progs().map(|program| recursion_misses(program.as_fd())).sum()
    }

    /// Per CPU; empty if the map cannot be read.
    fn lane_states(&self, lane: Lane) -> Vec<LaneState> {
        let key = (lane as u32).to_ne_bytes();
        let values = self.lane_states.lookup_percpu(&key, MapFlags::ANY).ok().flatten();
        values
            .unwrap_or_default()
            .iter()
            .map(|value| LaneState {
                sequence: word(value, 0),
                drops: word(value, 1),
                filtered: word(value, 2),
                ring_lost: word(value, 3),
                held_back: word(value, 4),
            })
            .collect()
    }

    fn attach(&mut self, name: &str) -> Result<Link, LoadError> {
        self.program(name)?.attach().map_err(|error| attach_error(name, error))
    }

    fn attach_tracepoint(&mut self, call: Syscall, side: Side) -> Result<Option<Link>, LoadError> {
        let name = match side {
            Side::Enter => match entry_program(call.name()) {
                Some(name) => name.to_owned(),
                None => return Ok(None),
            },
            Side::Exit => call.program(),
        };
        let Some(tracefs) = &self.tracefs else { return Ok(None) };
        let id = match tracefs.syscall_id(side, call.tracepoint()) {
            Ok(id) => id,
            // Not every architecture has every call: arm64 never had open.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LoadError::Attach { program: name, source: error }),
        };
        let event = tracepoint_event(id)
            .map_err(|source| LoadError::Attach { program: name.clone(), source })?;
        let link = self
            .program(&name)?
            .attach_perf_event(event.as_raw_fd())
            .map_err(|error| attach_error(&name, error))?;
        // The link owns the descriptor from here on and closes it when it goes.
        std::mem::forget(event);
        Ok(Some(link))
    }

    fn program(&mut self, name: &str) -> Result<ProgramMut<'_>, LoadError> {
        self.object.progs_mut().find(|program| program.name() == name).ok_or_else(|| {
            LoadError::Attach {
                program: name.to_owned(),
                source: io::Error::new(io::ErrorKind::NotFound, "not in the object"),
            }
        })
    }
}

/// The word with this index; 0 behind the end.
fn word(bytes: &[u8], index: usize) -> u64 {
    let word = bytes.get(index * 8..index * 8 + 8).and_then(|word| word.try_into().ok());
    word.map_or(0, u64::from_ne_bytes)
}

/// 0 for a program that was not loaded, and before kernel 5.12, which does not count them.
fn recursion_misses(program: BorrowedFd<'_>) -> u64 {
    let mut info = libbpf_sys::bpf_prog_info::default();
    let mut length = size_of_val(&info) as u32;
    // SAFETY: the kernel writes at most `length` bytes to a struct of that size.
    let answer = unsafe {
        libbpf_sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &raw mut info, &raw mut length)
    };
    if answer == 0 { info.recursion_misses } else { 0 }
}

/// Some calls share a tracepoint, such as sendfile and sendfile64, and no program can be attached to
/// one twice.
fn is_hooked(links: &[(Syscall, Link)], call: Syscall) -> bool {
    is_asked_for(&links.iter().map(|(attached, _)| *attached).collect::<Vec<_>>(), call)
}

fn is_asked_for(calls: &[Syscall], call: Syscall) -> bool {
    calls.iter().any(|other| other.tracepoint() == call.tracepoint())
}

/// What runs at the entry of a call.
fn entry_program(name: &str) -> Option<&'static str> {
    match () {
        () if recipes::is_checked(name) => Some(NAMES_PROGRAM),
        () if recipes::is_read_at_entry(name) => Some(ENTRY_PROGRAM),
        () => None,
    }
}

fn attach_error(name: &str, error: libbpf_rs::Error) -> LoadError {
    LoadError::Attach { program: name.to_owned(), source: io::Error::other(error) }
}

/// Opens the tracepoint for all tasks: the program runs on every CPU.
fn tracepoint_event(id: u64) -> io::Result<OwnedFd> {
    // The kernel's struct perf_event_attr (include/uapi/linux/perf_event.h), zero but for these.
    let mut attributes = tracepoint_attributes();
    attributes.config = id;
    // SAFETY: `attributes` is a whole struct with its size in it; the call makes a descriptor.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            -1,
            0,
            -1,
            PERF_FLAG_CLOEXEC,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has just made it, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

const PERF_FLAG_CLOEXEC: libc::c_ulong = 8;
const PERF_TYPE_TRACEPOINT: u32 = 2;

/// The first 64 bytes of `struct perf_event_attr` (`PERF_ATTR_SIZE_VER0`).
#[repr(C)]
struct PerfAttributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    rest: [u64; 5],
}

fn tracepoint_attributes() -> PerfAttributes {
    PerfAttributes {
        kind: PERF_TYPE_TRACEPOINT,
        size: size_of::<PerfAttributes>() as u32,
        config: 0,
        sample_period: 1,
        rest: [0; 5],
    }
}

fn open(settings: Settings, has_ring: bool) -> Result<OpenObject, LoadError> {
    let bytes = match settings.walk {
        Walk::Loop => LOOP_OBJECT,
        Walk::Bounded => BOUNDED_OBJECT,
    };
    let mut object = ObjectBuilder::default()
        .name("peregrine")
        .map_err(LoadError::Load)?
        .open_memory(bytes)
        .map_err(LoadError::Load)?;
    for mut map in object.maps_mut() {
        match map.name().to_str() {
            Some("lane_life_cycle") => map.set_max_entries(settings.life_cycle_size),
            Some("lane_busy") => map.set_max_entries(settings.busy_size),
            Some("scratch_records") => {
                map.set_max_entries(libbpf_rs::num_possible_cpus().map_err(LoadError::Load)? as u32)
            }
            Some(".rodata.config") => map.set_initial_value(&config(settings)),
            _ => Ok(()),
        }
        .map_err(LoadError::Load)?;
    }
    for mut program in object.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        let is_dispatcher = name == DISPATCHER;
        let is_tracepoint = name.starts_with("syscall_exit_");
        let is_ring = ring_calls::PROGRAMS.contains(&name.as_str());
        program.set_autoload(match settings.hooks {
            _ if is_ring => has_ring,
            Hooks::SyscallTracepoints => !is_dispatcher,
            Hooks::SysExit => !is_tracepoint,
        });
    }
    Ok(object)
}

/// A cgroup's share of the last quarter of the busy lane is given anew whenever the reader has taken out a sixteenth of the lane.
const FLOOD_WINDOWS: u32 = 16;
/// It is 128 KiB of 8 MiB: sixteen cgroups that flood at once fill what is left while the reader
/// stands still.
const FLOOD_SHARES: u32 = 64;

/// `struct config` of `bpf/config.h`.
fn config(settings: Settings) -> Vec<u8> {
    let own_pid = if settings.skip_own { std::process::id() } else { 0 };
    let size = settings.busy_size;
    let shares = [size / 4 * 3, size / FLOOD_WINDOWS, size / FLOOD_SHARES];
    let page_kib = rustix::param::page_size() as u32 / 1024;
    [
        own_pid.to_ne_bytes().as_slice(),
        &ring_calls::numbers(),
        shares.map(u32::to_ne_bytes).as_flattened(),
        &page_kib.to_ne_bytes(),
    ]
    .concat()
}

/// Writes down how each call is read.
fn write_recipes(object: &Object) -> Result<(), LoadError> {
    let map = handle(object, "recipes")?;
    for call in Syscall::all() {
        let recipe = recipes::recipe(call.name());
        if recipe == [0; RECIPE_BYTES] {
            continue;
        }
        let native = call.numbers().iter().map(|&number| u32::from(number));
        let compat = call.compat_numbers().iter().map(|&number| u32::from(number));
        for key in native.chain(compat.map(|number| number + N_SYSCALLS as u32)) {
            map.update(&key.to_ne_bytes(), &recipe, MapFlags::ANY).map_err(|error| {
                LoadError::Map { map: "recipes", source: io::Error::other(error) }
            })?;
        }
    }
    Ok(())
}

/// Makes a map hold these entries and no others.
fn fill(
    map: &MapHandle,
    name: &'static str,
    entries: impl Iterator<Item = (Vec<u8>, u64)>,
) -> Result<(), LoadError> {
    let failed = |error| LoadError::Map { map: name, source: io::Error::other(error) };
    let wanted: BTreeMap<_, _> = entries.collect();
    let known: Vec<_> = map.keys().collect();
    for key in known.iter().filter(|key| !wanted.contains_key(*key)) {
        map.delete(key).map_err(failed)?;
    }
    for (key, bits) in &wanted {
        map.update(key, &bits.to_ne_bytes(), MapFlags::ANY).map_err(failed)?;
    }
    Ok(())
}

fn handle(object: &Object, name: &'static str) -> Result<MapHandle, LoadError> {
    let map = object.maps().find(|map| map.name() == name);
    let map = map.ok_or(LoadError::Map { map: name, source: io::ErrorKind::NotFound.into() })?;
    MapHandle::try_from(&map)
        .map_err(|error| LoadError::Map { map: name, source: io::Error::other(error) })
}

fn lanes(object: &Object, settings: Settings) -> Result<Lanes, LoadError> {
    let map_error = |map| move |source: io::Error| LoadError::Map { map, source };
    let life_cycle = handle(object, "lane_life_cycle")?;
    let busy = handle(object, "lane_busy")?;
    let control = handle(object, ".data.control")?;
    let waiting = epoll::create(epoll::CreateFlags::CLOEXEC)
        .map_err(|errno| map_error("lane_life_cycle")(errno.into()))?;
    let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
        .map_err(|errno| map_error("lane_life_cycle")(errno.into()))?;
    for (name, source, flags) in [
        ("lane_life_cycle", life_cycle.as_fd(), epoll::EventFlags::ET),
        ("lane_busy", busy.as_fd(), epoll::EventFlags::ET),
        ("lane_life_cycle", wake.as_fd(), epoll::EventFlags::empty()),
    ] {
        let data = epoll::EventData::new_u64(0);
        epoll::add(&waiting, source, data, flags | epoll::EventFlags::IN)
            .map_err(|errno| map_error(name)(errno.into()))?;
    }
    let life_cycle = Ring::map(life_cycle.as_fd(), settings.life_cycle_size as usize)
        .map_err(map_error("lane_life_cycle"))?;
    let busy =
        Ring::map(busy.as_fd(), settings.busy_size as usize).map_err(map_error("lane_busy"))?;
    let control = Control::map(control.as_fd()).map_err(map_error(".data.control"))?;
    Ok(Lanes::new([life_cycle, busy], control, waiting, Waker::new(wake)))
}
