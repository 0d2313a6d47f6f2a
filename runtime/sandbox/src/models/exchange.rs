//! Memory that two processes share to hand each other tensors. Never knows what the bytes say, and believes neither
//! side that they stay as they are.
//!
//! Its first part is the run's own, who keeps tensors there (see [`arena`](super::arena)); what has no room there
//! passes in the second, which is free before and after each call.

use std::fs::File;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate};
use rustix::mm::{Advice, MapFlags, ProtFlags, mmap, munmap};
use serde::{Deserialize, Serialize};

use crate::host::wide;

/// Bytes of the inputs and outputs of one call together. It is address space: what is not written takes no
/// memory.
pub(crate) const CALL_BYTES_MAX: u64 = 2 << 30;

/// Each tensor begins at a multiple of this: what vector instructions like to load.
pub(super) const ALIGNMENT: u64 = 64;

/// A call has at most so many tensors, each of which may be moved up to its alignment.
const TENSORS_MAX: u64 = 1 << 10;

/// Bytes in which a run keeps tensors.
pub(super) const ARENA_BYTES: u64 = 256 << 20;

/// Bytes of the whole.
const EXCHANGE_BYTES: u64 = ARENA_BYTES + CALL_BYTES_MAX + TENSORS_MAX * ALIGNMENT;

/// Bytes of one call beyond which what they took is given back to the system once another memory is used: a run
/// has as many as it has processes.
pub(crate) const KEPT_BYTES_MAX: u64 = 1 << 20;

/// Of the bytes from one multiple of this to the next, the system maps all that are in memory once one of them is read
/// (`fault_around_bytes` of Linux). For one that is written it maps a page.
const MAPPED_AT_ONCE: usize = 64 << 10;

/// Where tensors may be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Room {
    pub(crate) at: u64,
    pub(crate) bytes: u64,
}

/// The part that is free before and after each call.
pub(crate) const CALL_ROOM: Room = Room {
    at: ARENA_BYTES,
    bytes: EXCHANGE_BYTES - ARENA_BYTES,
};

impl Room {
    /// Where it ends; none if that is not in the memory.
    pub(crate) fn end(self) -> Option<u64> {
        let end = self.at.checked_add(self.bytes);
        end.filter(|&end| end <= EXCHANGE_BYTES)
    }
}

/// The file behind the memory: what is passed between processes.
pub(crate) struct ExchangeFile(pub(crate) File);

impl ExchangeFile {
    /// A new one, empty, whose size nobody can change.
    pub(crate) fn new() -> std::io::Result<ExchangeFile> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create("meterbox-exchange", flags)?;
        ftruncate(&file, EXCHANGE_BYTES)?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok(ExchangeFile(file.into()))
    }

    /// Gives all memory back to the system. What lay in it is gone: it reads as zeros.
    pub(crate) fn release(&self) -> std::io::Result<()> {
        self.release_from(0)
    }

    /// The same of what calls have used, apart from what the run keeps.
    pub(crate) fn release_calls(&self) -> std::io::Result<()> {
        self.release_from(CALL_ROOM.at)
    }

    fn release_from(&self, at: u64) -> std::io::Result<()> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        Ok(fallocate(&self.0, flags, at, EXCHANGE_BYTES - at)?)
    }
}

/// One process's view of the memory.
pub(crate) struct Exchange {
    start: NonNull<u8>,
}

// SAFETY: it is a mapping that lives as long as it does, and no thread's own.
unsafe impl Send for Exchange {}
// SAFETY: as above; bytes are copied into it and out of it, which another process can garble as well: any values of
// bytes will do. Who lends some has nothing written there meanwhile (see `lent`).
unsafe impl Sync for Exchange {}

/// A place outside the memory was named.
#[derive(Debug, thiserror::Error)]
#[error("bytes {at} to {end} are not in the memory for tensors")]
pub(crate) struct OutOfPlace {
    at: u64,
    end: u64,
}

impl Exchange {
    /// Maps the file of an [`ExchangeFile`], which has to be of its size.
    pub(crate) fn open(file: &File) -> std::io::Result<Exchange> {
        if file.metadata()?.len() != EXCHANGE_BYTES {
            return Err(std::io::ErrorKind::InvalidInput.into());
        }
        let length = usize::try_from(EXCHANGE_BYTES).map_err(std::io::Error::other)?;
        // SAFETY: a new mapping, at an address that the kernel chooses.
        let start = unsafe {
            mmap(
                std::ptr::null_mut(),
                length,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                file.as_fd(),
                0,
            )
        }?;
        let start = NonNull::new(start.cast()).ok_or(std::io::ErrorKind::OutOfMemory)?;
        Ok(Exchange { start })
    }

    fn place(at: u64, bytes: usize) -> Result<usize, OutOfPlace> {
        let end = at.saturating_add(wide(bytes));
        if end > EXCHANGE_BYTES {
            return Err(OutOfPlace { at, end });
        }
        usize::try_from(at).map_err(|_| OutOfPlace { at, end })
    }

    /// Writes the bytes at a place.
    pub(crate) fn write(&self, at: u64, bytes: &[u8]) -> Result<(), OutOfPlace> {
        let offset = Exchange::place(at, bytes.len())?;
        self.map(offset, offset + bytes.len());
        // SAFETY: `place` says that so many bytes are in the mapping from there on; none of them is lent, which those see
        // to who lend.
        unsafe {
            let target = self.start.add(offset);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), target.as_ptr(), bytes.len());
        }
        Ok(())
    }

    /// Has the system map what of these bytes is in memory: at the first write it would do so page by page.
    fn map(&self, offset: usize, end: usize) {
        let start = self.start.addr().get();
        let mut at = offset;
        while at < end {
            // SAFETY: the caller has seen that it is in the mapping.
            unsafe { self.start.add(at).read_volatile() };
            at = (start + at + 1).next_multiple_of(MAPPED_AT_ONCE) - start;
        }
    }

    /// A copy of so many bytes from a place.
    pub(crate) fn read(&self, at: u64, length: u64) -> Result<Vec<u8>, OutOfPlace> {
        let end = at.saturating_add(length);
        let length = usize::try_from(length).map_err(|_| OutOfPlace { at, end })?;
        let offset = Exchange::place(at, length)?;
        let mut bytes = Vec::with_capacity(length);
        // SAFETY: as in `write`; the vector has that capacity, and the copy fills it.
        unsafe {
            let source = self.start.add(offset);
            std::ptr::copy_nonoverlapping(source.as_ptr(), bytes.as_mut_ptr(), length);
            bytes.set_len(length);
        }
        Ok(bytes)
    }

    /// The bytes there, where they lie. Whoever has them only copies them, once: the other side can write there
    /// meanwhile. Nothing is written there by this process until they are dropped, as in [`Exchange::lent`].
    pub(super) fn lend(exchange: &Arc<Exchange>, room: Room) -> Option<Bytes> {
        let bytes = usize::try_from(room.bytes).ok()?;
        let at = Exchange::place(room.at, bytes).ok()?;
        let exchange = Arc::clone(exchange);
        Some(Bytes::from_owner(Lent {
            exchange,
            at,
            bytes,
        }))
    }

    /// Where these bytes are, if they lie in this memory.
    pub(super) fn place_of(&self, bytes: &[u8]) -> Option<u64> {
        let at = bytes.as_ptr().addr().checked_sub(self.start.addr().get())?;
        let at = wide(at);
        let end = at.checked_add(wide(bytes.len()))?;
        (end <= EXCHANGE_BYTES).then_some(at)
    }

    /// So many bytes at a place, where they lie. Whoever has them only copies, digests and compares them: the process on
    /// the other side, should it not be what it was, can change them.
    ///
    /// # Safety
    /// They lie within, this process writes nothing there while the slice lives, and the mapping outlives it.
    pub(super) unsafe fn lent<'e>(&self, at: usize, bytes: usize) -> &'e [u8] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(self.start.add(at).as_ptr(), bytes) }
    }

    /// Has the system find memory for the pages with the bytes between two places, and leaves what is written there as
    /// it is.
    pub(super) fn touch(&self, from: u64, to: u64) {
        let page = page_bytes();
        // SAFETY: it changes no byte.
        unsafe {
            self.advise(
                from - from % page,
                to.next_multiple_of(page),
                Advice::LinuxPopulateWrite,
            )
        }
    }

    /// Gives the whole pages between two places back to the system. They read as zeros until they are written again.
    pub(super) fn release(&self, from: u64, to: u64) {
        let page = page_bytes();
        // SAFETY: the caller has nothing there any more. What cannot be given back stays in memory until the run's end.
        unsafe {
            self.advise(
                from.next_multiple_of(page),
                to - to % page,
                Advice::LinuxRemove,
            )
        }
    }

    /// Says something to the system of the pages between two places. It need not follow.
    ///
    /// # Safety
    /// The caller sees to it that what comes of it changes no byte that is lent.
    unsafe fn advise(&self, from: u64, to: u64, advice: Advice) {
        let (Ok(from), Ok(bytes)) = (
            usize::try_from(from),
            usize::try_from(to.saturating_sub(from)),
        ) else {
            return;
        };
        if bytes == 0 || Exchange::place(wide(from), bytes).is_err() {
            return;
        }
        // SAFETY: the pages are in the mapping; for the rest the caller answers.
        let _ = unsafe {
            let start = self.start.add(from).as_ptr().cast();
            rustix::mm::madvise(start, bytes, advice)
        };
    }
}

/// Bytes of a page. (`rustix` would ask the kernel, by a call that workers may not make.)
fn page_bytes() -> u64 {
    // SAFETY: it reads what the process was started with.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    // If nobody knows: a multiple of any page's size.
    u64::try_from(bytes).unwrap_or(64 << 10)
}

/// Bytes where they lie.
struct Lent {
    exchange: Arc<Exchange>,
    at: usize,
    bytes: usize,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `Exchange::lend` has seen that they lie within, and asks that nothing is written there; the mapping
        // is kept.
        unsafe { self.exchange.lent(self.at, self.bytes) }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Ok(length) = usize::try_from(EXCHANGE_BYTES) {
            // SAFETY: nothing points into the mapping any more.
            let _ = unsafe { munmap(self.start.as_ptr().cast(), length) };
        }
    }
}

/// Lays tensors out one behind the other.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Layout {
    end: u64,
}

impl Layout {
    /// Tensors that lie from there on.
    pub(crate) fn from(at: u64) -> Layout {
        Layout { end: at }
    }

    /// Where the next tensor, of so many bytes, begins.
    pub(crate) fn next(&mut self, bytes: u64) -> u64 {
        let at = self.end.next_multiple_of(ALIGNMENT);
        self.end = at.saturating_add(bytes);
        at
    }

    /// Where the last one ends.
    pub(crate) fn end(self) -> u64 {
        self.end
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    /// Bytes of the memory that are there.
    pub(crate) fn bytes_in_memory(file: &ExchangeFile) -> u64 {
        file.0.metadata().unwrap().blocks() * 512
    }

    /// Whether this system finds memory that nothing is written to.
    pub(crate) fn can_find_beforehand() -> bool {
        let flags = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        let page = usize::try_from(page_bytes()).unwrap();
        // SAFETY: a new mapping, of which nothing is read or written.
        unsafe {
            let at = rustix::mm::mmap_anonymous(std::ptr::null_mut(), page, flags.0, flags.1);
            let at = at.unwrap();
            let can = rustix::mm::madvise(at, page, Advice::LinuxPopulateWrite).is_ok();
            munmap(at, page).unwrap();
            can
        }
    }

    #[test]
    fn what_one_side_writes_the_other_reads_and_nothing_lies_outside() {
        let file = ExchangeFile::new().unwrap();
        let (one, other) = (
            Exchange::open(&file.0).unwrap(),
            Exchange::open(&file.0).unwrap(),
        );
        let mut layout = Layout::default();
        assert_eq!(
            [layout.next(3), layout.next(0), layout.next(65)],
            [0, 64, 64]
        );
        assert_eq!(layout.next(1), 192);
        one.write(64, b"tensor").unwrap();
        assert_eq!(other.read(64, 6).unwrap(), b"tensor");
        one.write(EXCHANGE_BYTES - 2, b"ab").unwrap();
        assert_eq!(other.read(EXCHANGE_BYTES - 2, 2).unwrap(), b"ab");
        assert!(one.write(EXCHANGE_BYTES - 1, b"ab").is_err());
        assert!(one.read(EXCHANGE_BYTES, 1).is_err());
        assert!(one.read(u64::MAX, 2).is_err());
        assert!(one.read(0, u64::MAX).is_err());
        // Who has the file cannot pull it away from under the other.
        assert!(ftruncate(&file.0, 0).is_err());
        file.release().unwrap();
        assert_eq!(other.read(64, 6).unwrap(), [0; 6]);
    }
}
