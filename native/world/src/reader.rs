//! Where files of processes are read: on the calling thread, or on one that has kept the rights that
//! it takes when the others gave them up.

use std::{
    fmt, io,
    sync::mpsc::{Receiver, Sender, TryRecvError, channel},
};

type Job = Box<dyn FnOnce() + Send>;

/// See the module. Dropping it ends its thread.
#[derive(Debug, Default)]
pub struct Reader {
    jobs: Option<Sender<Job>>,
}

impl Reader {
    /// Starts a thread that reads; the first that it does is `prepare`.
    pub fn start(prepare: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (jobs, received) = channel::<Job>();
        std::thread::Builder::new().name("proc".to_owned()).spawn(move || {
            prepare();
            for job in received {
                job();
            }
        })?;
        Ok(Self { jobs: Some(jobs) })
    }

    /// Reads and waits for it; `None` if the thread has ended.
    pub(crate) fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        self.begin(read).wait().ok()
    }

    /// Begins to read; without a thread, it is over at once.
    pub(crate) fn begin<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Pending<T> {
        let Some(jobs) = &self.jobs else { return Pending::Over(read()) };
        let (answer, answered) = channel();
        // Whoever asked may have stopped waiting; a thread that has ended shows in the answer.
        let job = Box::new(move || drop(answer.send(read())));
        jobs.send(job).ok();
        Pending::Under(answered)
    }
}

/// Something that is being read.
pub(crate) enum Pending<T> {
    Over(T),
    Under(Receiver<T>),
}

/// The thread that reads has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the thread that reads /proc has ended")]
pub(crate) struct ReaderGone;

impl<T> Pending<T> {
    pub(crate) fn wait(self) -> Result<T, ReaderGone> {
        match self {
            Self::Over(read) => Ok(read),
            Self::Under(answered) => answered.recv().map_err(|_| ReaderGone),
        }
    }

    /// What was read, or the same again if that is not over.
    pub(crate) fn poll(self) -> Result<Result<T, Self>, ReaderGone> {
        match self {
            Self::Over(read) => Ok(Ok(read)),
            Self::Under(answered) => match answered.try_recv() {
                Ok(read) => Ok(Ok(read)),
                Err(TryRecvError::Empty) => Ok(Err(Self::Under(answered))),
                Err(TryRecvError::Disconnected) => Err(ReaderGone),
            },
        }
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Over(_) => "Over",
            Self::Under(_) => "Under",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_on_the_thread_that_was_prepared() {
        let (prepared, name) = channel();
        let current = || std::thread::current().name().map(str::to_owned);
        let reader = Reader::start(move || prepared.send(current()).unwrap()).unwrap();
        assert_eq!(reader.read(current), Some(Some("proc".to_owned())));
        assert_eq!(name.recv().unwrap().as_deref(), Some("proc"));
        assert_eq!(Reader::default().read(current), Some(current()));
    }

    #[test]
    fn what_is_not_over_can_be_asked_for_again() {
        let reader = Reader::start(|| ()).unwrap();
        let (go, gone) = channel::<()>();
        let pending = reader.begin(move || gone.recv().is_ok());
        let pending = pending.poll().unwrap().unwrap_err();
        go.send(()).unwrap();
        assert_eq!(pending.wait(), Ok(true));
    }
}
