//! What each event changes.

use std::sync::Arc;

use peregrine_capture::event::{
    Call, CgroupAttach, Descriptor, Event, Exec, Exit, Fork, Header, KernelPath, Kind, Place,
    ProcessFacts,
};

use super::World;
use crate::{
    budget::Budget,
    image::{Environment, Image, Parts},
    process::{Cgroup, End, Process},
};

impl World {
    /// Takes in what an event tells; to be called before the event is judged. A process that ends
    /// stays known until it is reaped.
    pub fn apply(&mut self, event: &Event<'_>) {
        self.now = self.now.max(event.header.time);
        self.refresh(&event.header);
        match &event.kind {
            Kind::Fork(fork) => self.fork(&event.header, fork),
            Kind::Exec(exec) => self.exec(&event.header, exec),
            Kind::Exit(exit) => self.exit(&event.header, exit),
            Kind::CgroupAttach(attach) => self.cgroup_attach(&event.header, attach),
            Kind::Streams(streams) => self.streams(&event.header, streams),
            Kind::Call(call) => self.call(&event.header, call),
            Kind::ExecFailed(_) | Kind::Open(_) | Kind::Connect(_) => {}
        }
    }

    fn fork(&mut self, header: &Header, fork: &Fork<'_>) {
        let place = self.find_or_heal(header.pid, header.start_time);
        let maker = place.and_then(|place| self.table.get(place));
        let image = maker.map(Process::shared_image);
        let former = maker.map(Process::shared_cgroup);
        let exec_time = maker.map_or(0, |maker| maker.exec_time);
        self.stats.unknown_parents += u64::from(maker.is_none());
        let image = image.unwrap_or_else(|| self.unknown_image(&fork.child));
        let cgroup = self.cgroup(fork.child.cgroup_id, fork.cgroup, former.clone());
        // A maker that was read from /proc learns its cgroup's id, so that its next child shares.
        if let Some(former) = former
            && former.id == 0
            && former.path == cgroup.path
            && let Some(maker) = place.and_then(|place| self.table.get_mut(place))
        {
            maker.set_cgroup(Arc::clone(&cgroup));
        }
        let mut child = Process::new(&fork.child, image, cgroup, &self.budget);
        child.exec_time = exec_time;
        child.told_time = header.time;
        if let Some(maker) = place.and_then(|place| self.table.get(place)) {
            child.stand_with(maker);
        }
        self.table.put(child);
    }

    /// chdir and fchdir say where the process stands, which its threads mostly share; others who it
    /// is and what it may, which threads have for themselves.
    fn call(&mut self, header: &Header, call: &Call<'_>) {
        let identity = call.identity().filter(|_| header.pid == header.tid);
        let copied = matches!(call.syscall.name(), "dup" | "dup2" | "dup3")
            .then(|| Some((usize::try_from(call.result).ok()?, call.descriptor(Place::RESULT)?)))
            .flatten()
            .filter(|(number, _)| *number < 3);
        if call.cwd().is_none() && identity.is_none() && copied.is_none() {
            return;
        }
        let Some(place) = self.table.find(header.pid, header.start_time) else { return };
        if let (Some(identity), Some(process)) = (identity, self.table.get_mut(place)) {
            process.set_identity(&identity);
        }
        if let (Some((number, descriptor)), Some(process)) = (copied, self.table.get_mut(place)) {
            process.set_stream(number, descriptor, &self.budget);
        }
        let Some(cwd) = call.cwd() else { return };
        self.path.clear();
        cwd.write_to(&mut self.path);
        if !matches!(self.path.last(), None | Some(b'/')) {
            self.path.push(b'/');
        }
        if let Some(process) = self.table.get_mut(place) {
            process.set_cwd(&self.path, &self.budget);
        }
    }

    fn streams(&mut self, header: &Header, streams: &[Option<Descriptor<'_>>; 3]) {
        let place = self.find_or_heal(header.pid, header.start_time);
        if let Some(process) = place.and_then(|place| self.table.get_mut(place)) {
            process.set_streams(streams, &self.budget);
        }
    }

    fn unknown_image(&self, facts: &ProcessFacts) -> Arc<Image> {
        Arc::new(Image::unknown(facts.comm, b"", &self.budget))
    }

    fn exec(&mut self, header: &Header, exec: &Exec<'_>) {
        let facts = &exec.process;
        let former = self.process(facts.pid, facts.start_time);
        let environment =
            Environment::shared(former.map(Process::image), exec.environment, &self.budget);
        let cgroup = former.map(Process::shared_cgroup);
        let cgroup = self.cgroup(facts.cgroup_id, exec.cgroup, cgroup);
        let image = Arc::new(self.exec_image(header, exec, environment));
        let mut process = Process::new(facts, image, cgroup, &self.budget);
        process.exec_time = header.time;
        process.told_time = header.time;
        if let Some(former) = self.process(facts.pid, facts.start_time) {
            process.keep_streams_of(former);
        }
        self.table.put(process);
    }

    fn exec_image(
        &mut self,
        header: &Header,
        exec: &Exec<'_>,
        environment: Arc<Environment>,
    ) -> Image {
        self.path.clear();
        exec.executable_path.write_to(&mut self.path);
        let cwd_start = self.path.len();
        exec.cwd.write_to(&mut self.path);
        match self.path.get(cwd_start..) {
            None | Some([]) => self.path.extend_from_slice(b"./"),
            Some([.., b'/']) => {}
            Some(_) => self.path.push(b'/'),
        }
        let (executable_path, cwd) = self.path.split_at(cwd_start);
        let parts = Parts {
            comm: exec.process.comm,
            arguments: exec.arguments,
            environment,
            executable: exec.executable,
            executable_path,
            filename: exec.filename,
            cwd,
            is_memfd: exec.executable_path.is_pseudo() && executable_path.starts_with(b"memfd:"),
            is_deleted: exec.executable_path.is_deleted(),
            flags: header.flags,
        };
        Image::new(parts, &self.budget)
    }

    /// The former one if it is the same.
    fn cgroup(
        &mut self,
        id: u64,
        path: KernelPath<'_>,
        former: Option<Arc<Cgroup>>,
    ) -> Arc<Cgroup> {
        self.path.clear();
        path.write_to(&mut self.path);
        shared_cgroup(id, &self.path, former, &self.budget)
    }

    fn exit(&mut self, header: &Header, exit: &Exit) {
        if let Some(place) = self.table.find(header.pid, header.start_time) {
            self.table.end(place, End { time: header.time, status: exit.status });
        }
    }

    fn cgroup_attach(&mut self, header: &Header, attach: &CgroupAttach<'_>) {
        let place = self.table.find(attach.pid, attach.start_time);
        if let Some(process) = place.and_then(|place| self.table.get_mut(place)) {
            let former = process.shared_cgroup();
            process.told_time = header.time;
            process.set_cgroup(shared_cgroup(
                attach.cgroup_id,
                attach.path,
                Some(former),
                &self.budget,
            ));
        }
    }

    /// Every record tells its maker's credentials; the main thread's are the process's.
    fn refresh(&mut self, header: &Header) {
        if header.pid != header.tid {
            return;
        }
        let Some(place) = self.table.find(header.pid, header.start_time) else { return };
        self.table.sharpen(place, header.start_time);
        let told = (header.euid, header.egid, header.loginuid);
        let is_news = |it: &Process| (it.euid, it.egid, it.loginuid) != told;
        if self.table.get(place).is_some_and(is_news)
            && let Some(process) = self.table.get_mut(place)
        {
            process.euid = header.euid;
            process.egid = header.egid;
            process.loginuid = header.loginuid;
        }
    }
}

/// The former one if it is the same.
pub(super) fn shared_cgroup(
    id: u64,
    path: &[u8],
    former: Option<Arc<Cgroup>>,
    budget: &Budget,
) -> Arc<Cgroup> {
    match former {
        Some(former) if former.id == id && *former.path == *path => former,
        _ => Arc::new(Cgroup::new(id, path, budget)),
    }
}
