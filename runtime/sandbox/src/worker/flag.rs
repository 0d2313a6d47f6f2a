//! A number in memory that the parent writes and a runner reads: which of its runs is to stop, and by whom.
//! It takes no thread that listens.

use std::fs::File;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::cache::read_only;
use crate::stop::Stopper;

const PAGE_BYTES: usize = 4096;

/// The page that has the number.
#[derive(Debug)]
pub(crate) struct Flag {
    number: NonNull<AtomicU64>,
}

// SAFETY: it points to a mapping that lives as long as it does, of which only an atomic is used.
unsafe impl Send for Flag {}
// SAFETY: as above.
unsafe impl Sync for Flag {}

impl Flag {
    /// A flag that is down, and the file by which another process can read it.
    pub(super) fn new() -> std::io::Result<(Flag, File)> {
        let file = memfd_create("meterbox-flag", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, PAGE_BYTES as u64)?;
        let readable = read_only(&File::from(file.try_clone()?))?;
        let flag = Flag::map(file, ProtFlags::READ | ProtFlags::WRITE)?;
        Ok((flag, readable))
    }

    /// The flag of this file, to read. Its file has to be as [`new`](Flag::new) made it.
    pub(super) fn open(file: &File) -> std::io::Result<Flag> {
        if file.metadata()?.len() < PAGE_BYTES as u64 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Flag::map(file, ProtFlags::READ)
    }

    fn map(file: impl AsFd, protection: ProtFlags) -> std::io::Result<Flag> {
        // SAFETY: a new mapping, at an address that the kernel chooses.
        let page = unsafe {
            mmap(
                std::ptr::null_mut(),
                PAGE_BYTES,
                protection,
                MapFlags::SHARED,
                file,
                0,
            )
        }?;
        let number = NonNull::new(page.cast()).ok_or(std::io::ErrorKind::OutOfMemory)?;
        Ok(Flag { number })
    }

    fn number(&self) -> &AtomicU64 {
        // SAFETY: a page is large enough and aligned for it, and is there as long as `self` is.
        unsafe { self.number.as_ref() }
    }

    /// Stops the run of this number, and no other.
    pub(super) fn raise(&self, run: u64, by: Stopper) {
        let by = match by {
            Stopper::Requestor => 1,
            Stopper::Provider => 2,
        };
        self.number().store(run << 2 | by, Ordering::Relaxed);
    }

    /// Who stops the run of this number.
    pub(crate) fn raised(&self, run: u64) -> Option<Stopper> {
        let number = self.number().load(Ordering::Relaxed);
        match (number >> 2 == run, number & 3) {
            (true, 1) => Some(Stopper::Requestor),
            (true, 2) => Some(Stopper::Provider),
            _ => None,
        }
    }
}

impl Drop for Flag {
    fn drop(&mut self) {
        // SAFETY: nothing points into the mapping any more.
        let _ = unsafe { munmap(self.number.as_ptr().cast(), PAGE_BYTES) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_stops_the_run_that_it_names() {
        let (flag, file) = Flag::new().unwrap();
        let seen = Flag::open(&file).unwrap();
        assert_eq!(seen.raised(0), None);
        flag.raise(7, Stopper::Requestor);
        assert_eq!(seen.raised(7), Some(Stopper::Requestor));
        assert_eq!(seen.raised(6), None);
        assert_eq!(seen.raised(8), None);
        flag.raise(8, Stopper::Provider);
        assert_eq!(seen.raised(8), Some(Stopper::Provider));
        assert_eq!(seen.raised(7), None);
        // Who can read it cannot raise it.
        assert!(Flag::map(&file, ProtFlags::READ | ProtFlags::WRITE).is_err());
    }
}
