//! Who a container is: what its runtime says of it, and how far that is known.
//!
//! A cgroup tells an id and no more. The names come from the runtimes, which other threads ask;
//! their answers arrive here as [`News`]. Nothing here waits and nothing here does I/O.
//!
//! **Bounds:** [`Bounds`] says how many containers and bytes are kept; every text is cut by [`Text`],
//! since users choose names and labels.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::container::{Container, ContainerId, Runtime};

/// Longest name, image reference, path or label value that is kept, in bytes.
const TEXT_LIMIT: usize = 4096;
/// Most labels and most mounts that are kept of a container.
const LIST_LIMIT: usize = 256;
/// Bytes of labels that are kept of a container.
const LABELS_LIMIT: usize = 65_536;
/// A removed container's last events may be this far behind, ns.
const KEPT_AFTER_END: u64 = 60_000_000_000;
/// How long "no runtime knows it" holds before the runtimes are asked again, ns.
const DOUBT: u64 = 10_000_000_000;
/// How long what nobody vouches for is kept after its last event, ns.
const KEPT_IN_DOUBT: u64 = 60_000_000_000;
/// How long a question may stay unanswered before it is asked again, ns.
const PATIENCE: u64 = 10_000_000_000;

/// A text of a user's choice, cut to a bound.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Text(Box<str>);

impl Text {
    /// The text, or as much of it as is kept.
    pub fn new(text: &str) -> Self {
        let end = (0..=TEXT_LIMIT.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
        Self(text[..end.unwrap_or(0)].into())
    }

    /// As it is.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As bytes, which is what rules compare.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Nothing was said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// Labels in alphabetical order of their names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Labels(Box<[(Text, Text)]>);

impl Labels {
    /// As many as are kept.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut room = LABELS_LIMIT;
        let mut kept: Vec<_> = pairs
            .into_iter()
            .map(|(name, value)| (Text::new(name), Text::new(value)))
            .take_while(|(name, value)| {
                let size = name.0.len() + value.0.len();
                let fits = size <= room;
                room = room.saturating_sub(size);
                fits
            })
            .take(LIST_LIMIT)
            .collect();
        kept.sort_by(|left, right| left.0.0.cmp(&right.0.0));
        Self(kept.into())
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&Text> {
        let at = self.0.binary_search_by(|(known, _)| (*known.0).cmp(name)).ok()?;
        Some(&self.0[at].1)
    }

    fn size(&self) -> usize {
        let pair =
            |(name, value): &(Text, Text)| size_of::<(Text, Text)>() + name.0.len() + value.0.len();
        self.0.iter().map(pair).sum()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// What a container was made from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Image {
    /// As the user named it.
    pub reference: Text,
    /// The reference without tag and digest.
    pub repository: Text,
    /// Tag, empty if there is none.
    pub tag: Text,
    /// `sha256:…` of the manifest in the registry, empty if not known.
    pub digest: Text,
    /// The id in the runtime's store.
    pub id: Text,
}

impl Image {
    /// Takes a reference apart: `[host[:port]/]path[:tag][@digest]`; an id of an image has neither.
    pub fn from_reference(reference: &str, id: &str) -> Self {
        if reference.starts_with("sha256:") {
            return Self {
                reference: reference.into(),
                id: id.strip_prefix("sha256:").unwrap_or(id).into(),
                ..Self::default()
            };
        }
        let (name, digest) = reference.split_once('@').unwrap_or((reference, ""));
        // A colon before the last slash belongs to the registry's port.
        let name_start = name.rfind('/').map_or(0, |slash| slash + 1);
        let (repository, tag) = match name[name_start..].rfind(':') {
            Some(colon) => (&name[..name_start + colon], &name[name_start + colon + 1..]),
            // What runtimes take when nothing is said.
            None if digest.is_empty() && !name.is_empty() => (name, "latest"),
            None => (name, ""),
        };
        Self {
            reference: reference.into(),
            repository: repository.into(),
            tag: tag.into(),
            digest: digest.into(),
            id: id.strip_prefix("sha256:").unwrap_or(id).into(),
        }
    }
}

/// A part of the host or a volume that a container sees.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Mount {
    /// Path on the host.
    pub source: Text,
    /// Path in the container.
    pub destination: Text,
    /// Options, as the runtime words them.
    pub mode: Text,
    /// May be written.
    pub is_writable: bool,
    /// How mounts below it are shared.
    pub propagation: Text,
}

/// A Kubernetes pod, as far as its node knows.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pod {
    /// Namespace.
    pub namespace: Text,
    /// Name.
    pub name: Text,
    /// UID that the API server gave, empty if not known.
    pub uid: Text,
    /// Whole id of its sandbox, empty if not known.
    pub sandbox_id: Text,
    /// Address, empty for the host's network or if not known.
    pub ip: Text,
    /// Labels of the pod.
    pub labels: Labels,
    /// Result of the network plugin as JSON, empty if not known.
    pub cni_json: Text,
}

/// What a runtime says of a container.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// Whole id.
    pub id: Text,
    /// Who says so.
    pub runtime: Runtime,
    /// The user whose runtime says so; `None` for the machine's.
    pub owner: Option<u32>,
    /// The container's name.
    pub name: Text,
    /// What it was made from.
    pub image: Image,
    /// Labels of the container; those that a kubelet sets for itself are left out.
    pub labels: Labels,
    /// What it sees of the host.
    pub mounts: Box<[Mount]>,
    /// Address, empty for the host's network or if not known.
    pub ip: Text,
    /// Started with all privileges; `None` if the runtime does not tell.
    pub is_privileged: Option<bool>,
    /// Shares the host's pid namespace; `None` if the runtime does not tell.
    pub has_host_pid: Option<bool>,
    /// Shares the host's network namespace; `None` if the runtime does not tell.
    pub has_host_network: Option<bool>,
    /// Shares the host's IPC namespace; `None` if the runtime does not tell.
    pub has_host_ipc: Option<bool>,
    /// The pod that it is in.
    pub pod: Option<Arc<Pod>>,
}

impl Identity {
    /// Of this container, with nothing else known.
    pub fn new(id: &str, runtime: Runtime) -> Self {
        Self {
            id: id.into(),
            runtime,
            owner: None,
            name: Text::default(),
            image: Image::default(),
            labels: Labels::default(),
            mounts: Box::default(),
            ip: Text::default(),
            is_privileged: None,
            has_host_pid: None,
            has_host_network: None,
            has_host_ipc: None,
            pod: None,
        }
    }

    /// As many mounts as are kept.
    #[must_use]
    pub fn with_mounts(mut self, mounts: impl IntoIterator<Item = Mount>) -> Self {
        self.mounts = mounts.into_iter().take(LIST_LIMIT).collect();
        self
    }
}

impl Identity {
    /// Bytes of its texts; those of a pod count for each of its containers.
    fn size(&self) -> usize {
        let image = &self.image;
        let texts = [
            &self.id,
            &self.name,
            &self.ip,
            &image.reference,
            &image.repository,
            &image.tag,
            &image.digest,
            &image.id,
        ];
        let own: usize = texts.iter().map(|text| text.0.len()).sum();
        let mounts: usize = self.mounts.iter().map(Mount::size).sum();
        size_of::<Self>()
            + own
            + mounts
            + self.labels.size()
            + self.pod.as_ref().map_or(0, |it| it.size())
    }
}

impl Mount {
    fn size(&self) -> usize {
        let texts = [&self.source, &self.destination, &self.mode, &self.propagation];
        size_of::<Self>() + texts.iter().map(|text| text.0.len()).sum::<usize>()
    }
}

impl Pod {
    fn size(&self) -> usize {
        let texts =
            [&self.namespace, &self.name, &self.uid, &self.sandbox_id, &self.ip, &self.cni_json];
        let own: usize = texts.iter().map(|text| text.0.len()).sum();
        size_of::<Self>() + own + self.labels.size()
    }
}

/// Labels and annotations by which a kubelet names its pods, and prefix of all that it sets.
pub const KUBELET: &str = "io.kubernetes.";

impl Pod {
    /// The pod that a kubelet's labels on a container or sandbox name, if they do.
    pub fn from_labels<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let name = get("io.kubernetes.pod.name").filter(|name| !name.is_empty())?;
        Some(Self {
            namespace: get("io.kubernetes.pod.namespace").unwrap_or_default().into(),
            name: name.into(),
            uid: get("io.kubernetes.pod.uid").unwrap_or_default().into(),
            ..Self::default()
        })
    }
}

/// What the runtimes' watchers have found out.
#[derive(Clone, Debug)]
pub enum News {
    /// A container is known, or known better than before.
    Known(Arc<Identity>),
    /// A container was removed.
    Gone(Box<str>),
    /// All runtimes answered, and none has a container with this id.
    Nobody(Box<str>),
    /// No runtime could be asked.
    Unreachable(Box<str>),
}

/// How far a container is known.
#[derive(Clone, Debug)]
pub enum Standing {
    /// No container at all.
    Host,
    /// Its runtime has told.
    Known(Arc<Identity>),
    /// Its runtime has been asked and has not answered yet.
    Waiting,
    /// Its runtime cannot be asked, or took too long.
    Incomplete,
    /// Its cgroup looks like a container's, and no runtime knows it.
    Unverified,
}

impl Standing {
    /// As far as a cgroup tells, where no runtime is asked.
    pub fn by_cgroup(container: &Container) -> Self {
        container.id().map_or(Self::Host, |_| Self::Incomplete)
    }

    /// What the runtime has told.
    pub fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Known(identity) => Some(identity),
            _ => None,
        }
    }
}

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Containers; at least one.
    pub containers: usize,
    /// Bytes of what is known of them.
    pub bytes: usize,
}

#[derive(Debug)]
struct Entry {
    standing: Standing,
    /// When it was asked for or told, in the daemon's time.
    since: u64,
    /// When an event of it came last; of those only that nobody vouches for.
    seen: u64,
    gone_at: Option<u64>,
}

impl Entry {
    fn size(&self) -> usize {
        size_of::<Self>() + self.standing.identity().map_or(0, Identity::size)
    }

    /// Its last events have passed.
    fn is_over(&self, now: u64) -> bool {
        let is_doubtful = matches!(self.standing, Standing::Unverified | Standing::Incomplete);
        self.gone_at.is_some_and(|at| now.saturating_sub(at) >= KEPT_AFTER_END)
            || is_doubtful && now.saturating_sub(self.seen) >= KEPT_IN_DOUBT
    }
}

/// What was answered for a container of late; many events ask for the same.
#[derive(Debug)]
struct Answer {
    container: Container,
    standing: Standing,
    /// It holds as long as nothing was learnt since.
    version: u64,
}

/// Answers that are kept, by where the container's id lies in memory.
const ANSWERS: usize = 256;

/// Containers by their ids.
#[derive(Debug)]
pub struct Identities {
    entries: FxHashMap<Box<str>, Entry>,
    answers: Box<[Option<Answer>]>,
    version: u64,
    bounds: Bounds,
    bytes: usize,
    n_evictions: u64,
}

impl Identities {
    /// Knows none yet.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            entries: FxHashMap::default(),
            answers: std::iter::repeat_with(|| None).take(ANSWERS).collect(),
            version: 0,
            bounds,
            bytes: 0,
            n_evictions: 0,
        }
    }

    /// How far a container is known. Calls `ask` if its runtime must be asked, which answers
    /// whether it could.
    ///
    /// Of containers in one another the outermost that is known counts: who is in a container may
    /// make cgroups below its own and name them as it likes.
    pub fn standing(
        &mut self,
        container: &Container,
        now: u64,
        mut ask: impl FnMut(&ContainerId) -> bool,
    ) -> &Standing {
        let Container::Id(id) = container else { return &Standing::Host };
        // Ids are 64 bytes and more apart.
        let place = (Arc::as_ptr(id).addr() >> 6) % ANSWERS;
        let is_it = |it: &Answer| it.version == self.version && it.container == *container;
        if !self.answers[place].as_ref().is_some_and(is_it) {
            let standing = self.nested(id, now, &mut ask);
            // What is doubtful is looked at each time, since it is to be asked for again.
            let version =
                if matches!(standing, Standing::Known(_)) { self.version } else { u64::MAX };
            self.answers[place] = Some(Answer { container: container.clone(), standing, version });
        }
        self.answers[place].as_ref().map_or(&Standing::Incomplete, |it| &it.standing)
    }

    fn nested(
        &mut self,
        id: &ContainerId,
        now: u64,
        ask: &mut impl FnMut(&ContainerId) -> bool,
    ) -> Standing {
        match id.outer.as_ref().map(|outer| self.nested(outer, now, ask)) {
            Some(known @ (Standing::Known(_) | Standing::Waiting)) => known,
            _ => match self.alone(id, now, ask) {
                // A user may make cgroups of any name, but only in the user's own part of the tree.
                Standing::Known(identity) if identity.owner != id.owner => Standing::Unverified,
                standing => standing,
            },
        }
    }

    fn alone(
        &mut self,
        id: &ContainerId,
        now: u64,
        ask: &mut impl FnMut(&ContainerId) -> bool,
    ) -> Standing {
        if let Some(entry) = self.entries.get_mut(id.full()) {
            let is_stale = match entry.standing {
                Standing::Waiting => now.saturating_sub(entry.since) > PATIENCE,
                Standing::Unverified | Standing::Incomplete => {
                    entry.seen = now;
                    now.saturating_sub(entry.since) > DOUBT
                }
                _ => false,
            };
            if is_stale {
                // The old answer stands until there is a better one: nobody waits twice.
                entry.since = now;
                ask(id);
            }
            return entry.standing.clone();
        }
        let standing = if id.runtime.names_containers() {
            // Their ids are their names, and nobody has more to tell.
            let mut identity = Identity::new(id.full(), id.runtime);
            identity.name = id.full().into();
            identity.owner = id.owner;
            Standing::Known(Arc::new(identity))
        } else if ask(id) {
            Standing::Waiting
        } else {
            Standing::Incomplete
        };
        self.put(id.full().into(), standing.clone(), now);
        standing
    }

    /// Another number whenever something was learnt: what was known by the same one is known as well.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Takes in what a runtime has told.
    pub fn learn(&mut self, news: &News, now: u64) {
        self.version += 1;
        match news {
            News::Known(identity) => {
                self.put(identity.id.0.clone(), Standing::Known(Arc::clone(identity)), now);
                // A cgroup may carry a short form of the id, and was asked for by that.
                let short = identity.id.0.get(..12).filter(|id| self.entries.contains_key(*id));
                if let Some(short) = short {
                    self.put(short.into(), Standing::Known(Arc::clone(identity)), now);
                }
            }
            News::Gone(id) => {
                for id in [Some(&**id), id.get(..12)].into_iter().flatten() {
                    if let Some(entry) = self.entries.get_mut(id) {
                        entry.gone_at = Some(now);
                    }
                }
            }
            News::Nobody(id) => self.doubt(id, Standing::Unverified, now),
            News::Unreachable(id) => self.doubt(id, Standing::Incomplete, now),
        }
    }

    /// Waited long enough: from now on nobody waits for this container.
    pub fn give_up(&mut self, id: &ContainerId, now: u64) {
        self.version += 1;
        self.doubt(id.full(), Standing::Incomplete, now);
    }

    /// Forgets what was removed, or was last heard of, long enough ago; to be called about once a
    /// second.
    pub fn forget(&mut self, now: u64) {
        self.answers.fill_with(|| None);
        let bytes = &mut self.bytes;
        self.entries.retain(|_, entry| {
            let is_over = entry.is_over(now);
            if is_over {
                *bytes -= entry.size();
            }
            !is_over
        });
    }

    /// Containers that are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// None is kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of what is known of them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Containers given up for want of room.
    pub fn n_evictions(&self) -> u64 {
        self.n_evictions
    }

    /// Takes no knowledge away.
    fn doubt(&mut self, id: &str, standing: Standing, now: u64) {
        match self.entries.get_mut(id) {
            Some(entry) if !matches!(entry.standing, Standing::Known(_)) => {
                entry.standing = standing;
                entry.since = now;
            }
            _ => {}
        }
    }

    fn put(&mut self, id: Box<str>, standing: Standing, now: u64) {
        let former = self.entries.remove(&id);
        // An answer that comes after the end does not bring it back.
        let gone_at = former.as_ref().and_then(|entry| entry.gone_at);
        self.bytes -= former.as_ref().map_or(0, Entry::size);
        let entry = Entry { standing, since: now, seen: now, gone_at };
        let size = entry.size();
        while !self.entries.is_empty()
            && (self.entries.len() >= self.bounds.containers
                || self.bytes + size > self.bounds.bytes)
        {
            self.evict();
        }
        self.bytes += size;
        self.entries.insert(id, entry);
    }

    /// What nobody vouches for goes first, then what was removed, then the oldest: made-up cgroups
    /// push no true container out.
    fn evict(&mut self) {
        let worth = |entry: &Entry| {
            let is_known = matches!(entry.standing, Standing::Known(_));
            (is_known, entry.gone_at.is_none(), entry.since)
        };
        let least = self.entries.iter().min_by_key(|(_, entry)| worth(entry));
        if let Some(id) = least.map(|(id, _)| id.clone()) {
            self.bytes -= self.entries.remove(&id).map_or(0, |entry| entry.size());
            self.n_evictions += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::identify;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn kept(containers: usize) -> Identities {
        Identities::new(Bounds { containers, bytes: 1 << 20 })
    }

    fn docker() -> Container {
        identify(format!("/docker/{ID}").as_bytes())
    }

    fn named(id: &str, name: &str) -> News {
        let mut identity = Identity::new(id, Runtime::Docker);
        identity.name = name.into();
        News::Known(Arc::new(identity))
    }

    fn name(standing: &Standing) -> Option<&str> {
        standing.identity().map(|it| it.name.as_str())
    }

    #[test]
    fn a_container_is_asked_for_once_and_known_when_told() {
        let mut all = kept(8);
        let mut n_asked = 0;
        for _ in 0..3 {
            let standing = all.standing(&docker(), 1, |_| {
                n_asked += 1;
                true
            });
            assert!(matches!(standing, Standing::Waiting));
        }
        assert_eq!(n_asked, 1);
        all.learn(&named(ID, "web"), 2);
        assert_eq!(name(all.standing(&docker(), 3, |_| panic!("asked"))), Some("web"));
        all.learn(&named(ID, "renamed"), 4);
        assert_eq!(name(all.standing(&docker(), 5, |_| panic!("asked"))), Some("renamed"));
    }

    #[test]
    fn what_is_known_stays_known_for_a_while_after_the_end() {
        let mut all = kept(8);
        all.learn(&named(ID, "web"), 0);
        all.learn(&News::Gone(ID.into()), 1);
        all.learn(&News::Nobody(ID.into()), 2);
        all.forget(KEPT_AFTER_END);
        assert_eq!(name(all.standing(&docker(), 3, |_| panic!("asked"))), Some("web"));
        all.forget(KEPT_AFTER_END + 2);
        assert!(all.is_empty());
    }

    #[test]
    fn a_made_up_cgroup_is_no_host_and_pushes_no_true_container_out() {
        let mut all = kept(4);
        all.learn(&named(ID, "web"), 0);
        for n in 0..100 {
            let path = format!("/docker/{n:064x}");
            let made_up = identify(path.as_bytes());
            all.standing(&made_up, n, |_| true);
            all.learn(&News::Nobody(made_up.id().unwrap().full().into()), n);
            let standing = all.standing(&made_up, n, |_| true);
            assert!(matches!(standing, Standing::Unverified), "{standing:?}");
        }
        assert_eq!(all.len(), 4);
        assert_eq!(name(all.standing(&docker(), 200, |_| panic!("asked"))), Some("web"));
    }

    #[test]
    fn an_answer_that_comes_after_the_end_is_forgotten_like_one_before() {
        let mut all = kept(8);
        all.learn(&named(ID, "web"), 0);
        all.learn(&News::Gone(ID.into()), 1);
        all.learn(&named(ID, "web"), 2);
        all.forget(KEPT_AFTER_END + 2);
        assert!(all.is_empty());
        assert_eq!(all.bytes(), 0);
    }

    #[test]
    fn what_nobody_vouches_for_is_forgotten_when_it_is_silent() {
        let mut all = kept(8);
        all.standing(&docker(), 0, |_| true);
        all.learn(&News::Nobody(ID.into()), 1);
        all.standing(&docker(), 5, |_| true);
        all.forget(KEPT_IN_DOUBT + 4);
        assert_eq!(all.len(), 1);
        all.forget(KEPT_IN_DOUBT + 5);
        assert_eq!((all.len(), all.bytes()), (0, 0));
    }

    #[test]
    fn labels_of_any_size_stay_within_the_bytes() {
        let mut all = Identities::new(Bounds { containers: 1000, bytes: 1 << 20 });
        let long = "x".repeat(TEXT_LIMIT);
        for number in 0..100 {
            let mut identity = Identity::new(&format!("{number:064x}"), Runtime::Docker);
            let names: Vec<String> = (0..16).map(|n| format!("label-{n}")).collect();
            identity.labels = Labels::new(names.iter().map(|name| (name.as_str(), long.as_str())));
            all.learn(&News::Known(Arc::new(identity)), number);
            assert!(all.bytes() <= 1 << 20, "{}", all.bytes());
        }
        assert!(all.len() > 10, "{}", all.len());
        assert_eq!(all.len() as u64 + all.n_evictions(), 100);
    }

    #[test]
    fn a_short_id_is_served_by_its_long_one() {
        let mut all = kept(4);
        let short = identify(b"/docker-0123456789ab.scope");
        assert!(matches!(all.standing(&short, 0, |_| true), Standing::Waiting));
        all.learn(&named(ID, "web"), 1);
        assert_eq!(name(all.standing(&short, 1, |_| true)), Some("web"));
    }

    #[test]
    fn a_container_that_a_container_makes_counts_as_the_outer_one() {
        let mut all = kept(4);
        let inner = "f".repeat(64);
        all.learn(&named(ID, "outer"), 0);
        all.learn(&named(&inner, "another"), 0);
        let nested = identify(format!("/docker/{ID}/docker/{inner}").as_bytes());
        assert_eq!(name(all.standing(&nested, 1, |_| true)), Some("outer"));
    }

    #[test]
    fn a_container_in_one_that_no_runtime_of_ours_knows_counts() {
        let mut all = kept(4);
        let outer = "f".repeat(64);
        all.learn(&named(ID, "in a node that is a container"), 0);
        let nested = identify(format!("/docker/{outer}/kubelet/kubepods/pod1/{ID}").as_bytes());
        assert!(matches!(all.standing(&nested, 1, |_| true), Standing::Waiting));
        all.learn(&News::Nobody(outer.into()), 2);
        assert!(name(all.standing(&nested, 3, |_| true)).is_some());
    }

    #[test]
    fn a_user_cannot_take_the_name_of_the_machines_container() {
        let mut all = kept(4);
        all.learn(&named(ID, "web"), 0);
        let path = format!("/user.slice/user-7.slice/user@7.service/app.slice/docker-{ID}.scope");
        let standing = all.standing(&identify(path.as_bytes()), 1, |_| true);
        assert!(matches!(standing, Standing::Unverified), "{standing:?}");
    }

    #[test]
    fn references_are_taken_apart() {
        let cases = [
            ("nginx", "nginx", "latest", ""),
            ("nginx:1.27", "nginx", "1.27", ""),
            ("localhost:5000/a/nginx", "localhost:5000/a/nginx", "latest", ""),
            ("localhost:5000/a/nginx:1", "localhost:5000/a/nginx", "1", ""),
            ("docker.io/library/nginx@sha256:ab", "docker.io/library/nginx", "", "sha256:ab"),
            ("nginx:1@sha256:ab", "nginx", "1", "sha256:ab"),
            ("", "", "", ""),
        ];
        for (reference, repository, tag, digest) in cases {
            let image = Image::from_reference(reference, "sha256:cd");
            let found = (image.repository.as_str(), image.tag.as_str(), image.digest.as_str());
            assert_eq!(found, (repository, tag, digest), "{reference}");
            assert_eq!(image.id.as_str(), "cd");
        }
    }

    #[test]
    fn texts_and_labels_are_bounded() {
        let long = "é".repeat(65_536);
        assert!(Text::new(&long).as_str().len() <= TEXT_LIMIT);
        let names: Vec<String> = (0..10_000).map(|n| format!("label-{n}")).collect();
        let labels = Labels::new(names.iter().map(|name| (name.as_str(), long.as_str())));
        let bytes: usize = labels.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(bytes <= LABELS_LIMIT, "{bytes}");
        assert!(labels.get("label-0").is_some());
    }
}
