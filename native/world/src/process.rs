//! One process as now known.

use std::sync::Arc;

use peregrine_capture::event::{Comm, Descriptor, Identity, KeptDescriptor, ProcessFacts, Usage};

use crate::{
    budget::{Budget, Charge},
    container::{self, Container},
    image::{Image, with_name},
};

/// `/proc` gives start times in clock ticks, of which there are 100 a second (`USER_HZ`) on every
/// machine that we build for.
pub(crate) const TICK: u64 = 10_000_000;

const CAP_DAC_OVERRIDE: u64 = 1 << 1;

/// Names a process for as long as the machine runs.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ProcessKey {
    /// As the host counts.
    pub pid: u32,
    /// `CLOCK_BOOTTIME`, ns; whole ticks when it comes from `/proc`, 0 when not known.
    pub start_time: u64,
}

/// How exactly a start time is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Precision {
    /// From the kernel's record.
    Exact,
    /// From `/proc`: rounded down to a tick.
    Tick,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct End {
    /// `CLOCK_BOOTTIME`, ns.
    pub time: u64,
    /// As wait(2) has it; 0 when its end was only noticed.
    pub status: i32,
}

/// Where a process runs.
#[derive(Debug)]
pub struct Cgroup {
    /// kernfs id, 0 when not known.
    pub id: u64,
    /// Path in the hierarchy that tells the container.
    pub path: Box<[u8]>,
    /// Which container that is.
    pub container: Container,
    _charge: Charge,
}

impl Cgroup {
    pub(crate) fn new(id: u64, path: &[u8], budget: &Budget) -> Self {
        let container = container::identify(path);
        let id_length = container.id().map_or(0, |id| id.full().len());
        let charge = budget.charge(size_of::<Self>() + path.len() + id_length);
        Self { id, path: path.into(), container, _charge: charge }
    }
}

/// One process as now known. What a child has of its parent it shares.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its name for good; pid `u32::MAX` is the placeholder for a process that nobody knows.
    pub key: ProcessKey,
    /// How exactly `key.start_time` is known.
    pub precision: Precision,
    /// Parent; its start time is 0 when not known.
    pub parent: ProcessKey,
    /// When the init of its pid namespace began, 0 when not known.
    pub pidns_start_time: u64,
    /// When what it runs was exec'd, by it or by whom it was forked from; 0 if before we looked.
    pub exec_time: u64,
    /// When an event last told what it runs or where; what `/proc` showed before is older.
    pub(crate) told_time: u64,
    /// Capabilities: inheritable.
    pub cap_inheritable: u64,
    /// Capabilities: permitted.
    pub cap_permitted: u64,
    /// Capabilities: effective.
    pub cap_effective: u64,
    /// Pid in its own pid namespace.
    pub vpid: u32,
    /// Session.
    pub session_id: u32,
    /// Process group.
    pub group_id: u32,
    /// Session in its own pid namespace.
    pub vsession_id: u32,
    /// Process group in its own pid namespace.
    pub vgroup_id: u32,
    /// Controlling terminal, 0 for none.
    pub tty: u32,
    /// Real user.
    pub uid: u32,
    /// Real group.
    pub gid: u32,
    /// Effective user.
    pub euid: u32,
    /// Effective group.
    pub egid: u32,
    /// Audit user, `u32::MAX` when not set.
    pub loginuid: u32,
    /// What it used at its last fork or exec, or when `/proc` was read.
    pub usage: Usage,
    /// How it ended, if it did.
    pub end: Option<End>,
    /// See [`Process::revision`].
    pub(crate) revision: u64,
    comm: Comm,
    image: Arc<Image>,
    /// Its command line, when its name is not its image's.
    renamed: Option<Arc<Renamed>>,
    cgroup: Arc<Cgroup>,
    /// Where it stands, when it has moved since it was exec'd.
    moved: Option<Arc<Moved>>,
    /// What its first three descriptors stand for, where that was told.
    streams: Option<Arc<Streams>>,
}

#[derive(Debug)]
struct Streams {
    descriptors: [Option<KeptDescriptor>; 3],
    _charge: Charge,
}

#[derive(Debug)]
struct Moved {
    cwd: Box<[u8]>,
    _charge: Charge,
}

#[derive(Debug)]
struct Renamed {
    cmdline: Box<[u8]>,
    _charge: Charge,
}

impl Process {
    pub(crate) fn new(
        facts: &ProcessFacts,
        image: Arc<Image>,
        cgroup: Arc<Cgroup>,
        budget: &Budget,
    ) -> Self {
        let renamed = (facts.comm != image.comm()).then(|| {
            let cmdline: Box<[u8]> = with_name(facts.comm, image.argv()).into();
            let charge = budget.charge(cmdline.len() + size_of::<Renamed>());
            Arc::new(Renamed { cmdline, _charge: charge })
        });
        Self {
            key: ProcessKey { pid: facts.pid, start_time: facts.start_time },
            precision: Precision::Exact,
            parent: ProcessKey { pid: facts.parent_pid, start_time: facts.parent_start_time },
            pidns_start_time: facts.pidns_start_time,
            exec_time: 0,
            told_time: 0,
            cap_inheritable: facts.cap_inheritable,
            cap_permitted: facts.cap_permitted,
            cap_effective: facts.cap_effective,
            vpid: facts.vpid,
            session_id: facts.session_id,
            group_id: facts.group_id,
            vsession_id: facts.vsession_id,
            vgroup_id: facts.vgroup_id,
            tty: facts.tty,
            uid: facts.uid,
            gid: facts.gid,
            euid: facts.euid,
            egid: facts.egid,
            loginuid: facts.loginuid,
            usage: facts.usage,
            end: None,
            revision: 0,
            comm: facts.comm,
            image,
            renamed,
            cgroup,
            moved: None,
            streams: None,
        }
    }

    /// Stands for a process of which nothing is known: its texts are `<NA>`, its numbers -1.
    pub(crate) fn placeholder(budget: &Budget) -> Self {
        let comm = Comm::new(b"<NA>");
        let unknown = u32::MAX;
        let facts = ProcessFacts {
            start_time: 0,
            parent_start_time: 0,
            pidns_start_time: 0,
            cap_inheritable: 0,
            cap_permitted: 0,
            cap_effective: 0,
            cgroup_id: 0,
            pid: unknown,
            parent_pid: unknown,
            vpid: unknown,
            session_id: unknown,
            group_id: unknown,
            vgroup_id: unknown,
            vsession_id: unknown,
            tty: 0,
            uid: unknown,
            gid: unknown,
            euid: unknown,
            egid: unknown,
            loginuid: unknown,
            usage: Usage::default(),
            comm,
        };
        let image = Arc::new(Image::unknown(comm, b"<NA>", budget));
        let cgroup = Arc::new(Cgroup::new(0, b"", budget));
        Self::new(&facts, image, cgroup, budget)
    }

    /// Stands for a process of which nothing is known.
    pub fn is_placeholder(&self) -> bool {
        self.key.pid == u32::MAX
    }

    /// A number that no other process had, nor this one when anything of it was otherwise; 0 for the
    /// placeholder.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The kernel's name at the last fork or exec.
    pub fn name(&self) -> &[u8] {
        self.comm.as_bytes()
    }

    /// Name and arguments.
    pub fn cmdline(&self) -> &[u8] {
        self.renamed.as_ref().map_or_else(|| self.image.cmdline(), |renamed| &renamed.cmdline)
    }

    /// When an event last told what it runs and uses.
    pub fn told_at(&self) -> u64 {
        self.told_time
    }

    /// What it runs.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Where it runs.
    pub fn cgroup(&self) -> &Cgroup {
        &self.cgroup
    }

    /// Which container it runs in.
    pub fn container(&self) -> &Container {
        &self.cgroup.container
    }

    /// May its user write the file that it runs, by the file's mode and owner?
    ///
    /// Capabilities count for the host's root only: in a user namespace anyone has all of them,
    /// and they reach none of the host's files. Supplementary groups, ACLs, read-only mounts and
    /// the immutable attribute are not known here.
    pub fn is_exe_writable(&self) -> bool {
        let file = self.image.executable();
        if file.inode == 0 {
            return false;
        }
        if self.euid == 0 && self.cap_effective & CAP_DAC_OVERRIDE != 0 {
            return true;
        }
        let bit = match () {
            () if file.uid == self.euid => 0o200,
            () if file.gid == self.egid => 0o020,
            () => 0o002,
        };
        file.mode & bit != 0
    }

    pub(crate) fn shared_image(&self) -> Arc<Image> {
        Arc::clone(&self.image)
    }

    pub(crate) fn shared_cgroup(&self) -> Arc<Cgroup> {
        Arc::clone(&self.cgroup)
    }

    /// Where it stands, ended by a slash.
    pub fn cwd(&self) -> &[u8] {
        self.moved.as_ref().map_or_else(|| self.image.cwd(), |moved| &moved.cwd)
    }

    /// It has moved to this directory.
    pub(crate) fn set_cwd(&mut self, cwd: &[u8], budget: &Budget) {
        let charge = budget.charge(cwd.len() + size_of::<Moved>());
        self.moved = Some(Arc::new(Moved { cwd: cwd.into(), _charge: charge }));
    }

    /// A call has made it another.
    pub(crate) fn set_identity(&mut self, identity: &Identity) {
        self.cap_inheritable = identity.cap_inheritable;
        self.cap_permitted = identity.cap_permitted;
        self.cap_effective = identity.cap_effective;
        self.session_id = identity.session_id;
        self.group_id = identity.group_id;
        self.vgroup_id = identity.vgroup_id;
        self.vsession_id = identity.vsession_id;
    }

    /// What its standard input (0), output (1) or error (2) stands for, where that was told.
    pub fn stream(&self, number: usize) -> Option<&KeptDescriptor> {
        self.streams.as_ref()?.descriptors.get(number)?.as_ref()
    }

    /// Its first three descriptors stand for these.
    pub(crate) fn set_streams(&mut self, told: &[Option<Descriptor<'_>>; 3], budget: &Budget) {
        let descriptors = told.each_ref().map(|it| it.as_ref().map(KeptDescriptor::new));
        self.keep_streams(descriptors, budget);
    }

    /// One of them stands for this from now on; if none was told, nothing is known of the others.
    pub(crate) fn set_stream(&mut self, number: usize, told: &Descriptor<'_>, budget: &Budget) {
        let Some(streams) = &self.streams else { return };
        let mut descriptors = streams.descriptors.clone();
        if let Some(place) = descriptors.get_mut(number) {
            *place = Some(KeptDescriptor::new(told));
            self.keep_streams(descriptors, budget);
        }
    }

    fn keep_streams(&mut self, descriptors: [Option<KeptDescriptor>; 3], budget: &Budget) {
        let size = descriptors.iter().flatten().map(KeptDescriptor::size).sum::<usize>();
        let charge = budget.charge(size + size_of::<Streams>());
        self.streams = Some(Arc::new(Streams { descriptors, _charge: charge }));
    }

    /// A program keeps the descriptors of the one before it.
    pub(crate) fn keep_streams_of(&mut self, former: &Self) {
        self.streams = former.streams.clone();
    }

    /// A child stands where its maker stands, and has its descriptors.
    pub(crate) fn stand_with(&mut self, maker: &Self) {
        self.moved = maker.moved.clone();
        self.keep_streams_of(maker);
    }

    pub(crate) fn set_cgroup(&mut self, cgroup: Arc<Cgroup>) {
        self.cgroup = cgroup;
    }
}

/// Is this the process with that pid that began then? A time from `/proc` is a whole tick.
pub(crate) fn is_same_start(process: &Process, start_time: u64) -> bool {
    let known = process.key.start_time;
    let is_coarse = process.precision == Precision::Tick || start_time.is_multiple_of(TICK);
    known == start_time || (is_coarse && known / TICK == start_time / TICK)
}
