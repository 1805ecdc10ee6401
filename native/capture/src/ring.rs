//! Reader of a BPF ring buffer (`kernel/bpf/ringbuf.c`) over its memory map.
//!
//! libbpf's own reader hands records to a callback one ring at a time; the lanes need to look at
//! the heads of two rings and to choose. Layout of the map: one page that holds the consumer's
//! position, one page that holds the producer's, then the data, and then the data once more, so that
//! a record that wraps around is still in one piece. Of the repetition only as much is mapped as the
//! longest record needs: each mapped page counts as memory of the process.
//!
//! Whoever has CAP_BPF can map the ring as well and move the consumer's position; the kernel then
//! overwrites what is not read, or takes the ring for full. So the position is kept here and put
//! right at each release, and a reader that was overtaken goes on at the newest record: what is lost
//! shows as a gap.

use std::{
    io,
    os::fd::BorrowedFd,
    ptr::NonNull,
    slice,
    sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
};

use crate::syscalls::N_SYSCALLS;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// The kernel still writes this record (`BPF_RINGBUF_BUSY_BIT`).
const BUSY: u32 = 1 << 31;
/// The kernel gave this record up (`BPF_RINGBUF_DISCARD_BIT`).
const DISCARDED: u32 = 1 << 30;
/// Before each record: its length and an offset that only the kernel uses.
const HEADER: u64 = 8;
/// No record is longer (`SCRATCH_HALF` in `bpf/maps.h`); a multiple of the page.
const LONGEST: usize = 64 * 1024;
/// Consumed bytes after which the kernel is told, so that the shared cache line isn't touched for
/// each record.
const RELEASE_STEP: u64 = 32 * 1024;

/// A mapped ring; the only reader of it.
pub(crate) struct Ring {
    consumer: Mapping,
    producer: Mapping,
    mask: u64,
    page: usize,
    /// Bytes of the data that are mapped once more behind it.
    repeated: usize,
    /// Where the next record begins.
    position: u64,
    /// What the kernel was told.
    released: u64,
}

struct Mapping {
    address: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping is memory of the process, not of a thread; `Ring` hands out access through
// `&mut self` and atomics only.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(fd: BorrowedFd<'_>, offset: u64, length: usize, access: ProtFlags) -> io::Result<Self> {
        // SAFETY: a fresh shared mapping at an address that the kernel chooses aliases nothing.
        let address =
            unsafe { mmap(std::ptr::null_mut(), length, access, MapFlags::SHARED, fd, offset)? };
        let address = NonNull::new(address.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { address, length })
    }

    fn position(&self) -> &AtomicU64 {
        // SAFETY: the mapping is page-aligned, at least a page long, lives as long as `self`, and
        // the kernel writes this word atomically.
        unsafe { self.address.cast::<AtomicU64>().as_ref() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: address and length are those of the mapping, and no reference outlives `self`.
        if let Err(error) = unsafe { munmap(self.address.as_ptr().cast(), self.length) } {
            tracing::debug!(%error, "ring not unmapped");
        }
    }
}

impl Ring {
    /// Maps a ring whose data area has `size` bytes (a power of two, a multiple of the page).
    pub(crate) fn map(fd: BorrowedFd<'_>, size: usize) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let consumer = Mapping::new(fd, 0, page, ProtFlags::READ | ProtFlags::WRITE)?;
        let repeated = size.min(LONGEST);
        let length = page + size + repeated;
        let producer = Mapping::new(fd, page as u64, length, ProtFlags::READ)?;
        let position = consumer.position().load(Ordering::Acquire);
        let mask = size as u64 - 1;
        Ok(Self { consumer, producer, mask, page, repeated, position, released: position })
    }

    /// The oldest record that is not taken yet, if the kernel has finished it.
    pub(crate) fn peek(&mut self) -> Option<&[u8]> {
        let length = loop {
            let produced = self.producer.position().load(Ordering::Acquire);
            match produced.wrapping_sub(self.position) {
                0 => return None,
                ahead if ahead > self.mask + 1 => {
                    self.position = produced;
                    self.release();
                    return None;
                }
                _ => {}
            }
            let length = self.header().load(Ordering::Acquire);
            if length & BUSY != 0 {
                return None;
            }
            if length & DISCARDED == 0 {
                break length;
            }
            self.advance(length & !DISCARDED);
        };
        let offset = self.page + ((self.position + HEADER) & self.mask) as usize;
        // A length that the kernel cannot have written must not lead out of the mapping.
        let length = (length as usize).min(self.repeated);
        // SAFETY: `offset` is inside the data and `length` no longer than what is mapped once more
        // behind it; the kernel doesn't write to it again before `take` releases it.
        Some(unsafe { slice::from_raw_parts(self.producer.address.as_ptr().add(offset), length) })
    }

    /// Goes on to the record behind the one that `peek` showed.
    pub(crate) fn take(&mut self) {
        let length = self.header().load(Ordering::Relaxed) & !(BUSY | DISCARDED);
        self.advance(length);
    }

    /// Gives the room of what was taken back to the kernel.
    pub(crate) fn release(&mut self) {
        let told = self.consumer.position().load(Ordering::Relaxed);
        if told != self.position {
            self.consumer.position().store(self.position, Ordering::Release);
        }
        self.released = self.position;
    }

    fn header(&self) -> &AtomicU32 {
        let offset = self.page + (self.position & self.mask) as usize;
        // SAFETY: positions are multiples of eight inside the data area, and the kernel writes the
        // length word atomically.
        unsafe { self.producer.address.add(offset).cast::<AtomicU32>().as_ref() }
    }

    fn advance(&mut self, length: u32) {
        self.position += (u64::from(length) + HEADER).next_multiple_of(8);
        if self.position - self.released >= RELEASE_STEP {
            self.release();
        }
    }
}

/// Places in `struct control`, in words of four bytes and of eight.
const AUDIT_EVERY: usize = 2052 / 4;
const OPENS_ALWAYS: usize = 2056 / 8;
const OPENS_NAMED: usize = 2064 / 8;
const OPENS_LAST_NAMED: usize = 2072 / 8;
const OPENS_LAST_LENGTHS: usize = 2080 / 8;
const READS_STREAMS: usize = 2088 / 4;

/// What of `struct control` says which opens are told.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct OpenWords {
    /// Whatever their name.
    pub always: u64,
    /// By how the name begins.
    pub named: u64,
    /// By the last name of the opened file.
    pub last_named: u64,
    /// Bit n: some such last name has n bytes.
    pub last_lengths: u64,
}

/// The words that daemon and programs share (`struct control` in `bpf/config.h`).
pub(crate) struct Control {
    mapping: Mapping,
}

// SAFETY: through `&Control` the page is only accessed atomically.
unsafe impl Sync for Control {}

impl Control {
    /// Maps the section's map.
    pub(crate) fn map(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let page = rustix::param::page_size();
        Ok(Self { mapping: Mapping::new(fd, 0, page, ProtFlags::READ | ProtFlags::WRITE)? })
    }

    /// 1 while the reader sleeps.
    pub(crate) fn reader_asleep(&self) -> &AtomicU32 {
        self.word(0)
    }

    /// What each call's exit is handed to, by its number; takes effect call by call.
    pub(crate) fn set_handlers(&self, native: &[u8], compat: &[u8]) {
        for (index, &handler) in native.iter().chain(compat).enumerate() {
            self.handler(index).store(handler, Ordering::Relaxed);
        }
    }

    /// Which opens are told, as far as no map says it.
    pub(crate) fn set_opens(&self, words: OpenWords) {
        // What is asked more holds before what is asked no more ends.
        self.long(OPENS_ALWAYS).fetch_or(words.always, Ordering::SeqCst);
        self.long(OPENS_NAMED).store(words.named, Ordering::SeqCst);
        self.long(OPENS_LAST_NAMED).store(words.last_named, Ordering::SeqCst);
        self.long(OPENS_LAST_LENGTHS).store(words.last_lengths, Ordering::SeqCst);
        self.long(OPENS_ALWAYS).store(words.always, Ordering::SeqCst);
    }

    /// Of the opens that are left out, one in so many is told.
    pub(crate) fn set_audit_every(&self, every: u32) {
        self.word(AUDIT_EVERY).store(every, Ordering::SeqCst);
    }

    /// Whether execs tell what descriptors 0 to 2 stand for.
    pub(crate) fn set_reads_streams(&self, is_asked: bool) {
        self.word(READS_STREAMS).store(is_asked.into(), Ordering::SeqCst);
    }

    fn handler(&self, index: usize) -> &AtomicU8 {
        const OFFSET: usize = 4;
        assert!(index < 2 * N_SYSCALLS, "both tables are inside the page");
        // SAFETY: `index` is inside the tables, which end before the page does; bytes are only
        // accessed atomically here, and the programs use plain byte loads.
        unsafe { self.mapping.address.cast::<AtomicU8>().add(OFFSET + index).as_ref() }
    }

    fn long(&self, index: usize) -> &AtomicU64 {
        // SAFETY: the eight bytes are inside the page, aligned, and only accessed atomically here;
        // the programs use plain aligned loads.
        unsafe { self.mapping.address.cast::<AtomicU64>().add(index).as_ref() }
    }

    fn word(&self, index: usize) -> &AtomicU32 {
        // SAFETY: the word is inside the page, aligned, and only accessed atomically here; the
        // programs use plain aligned loads and compare-and-swap.
        unsafe { self.mapping.address.cast::<AtomicU32>().add(index).as_ref() }
    }
}
