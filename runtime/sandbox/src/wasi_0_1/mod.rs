//! WASI 0.1 for core modules: what every function of it begins with, and the guest's memory. What each
//! does is in the file of its kind.

use wasmtime::{Caller, Extern, Linker, Result};

use crate::files::{FileError, PATH_BYTES_MAX};
use crate::host::{Host, Words};
use crate::host_calls::{WASI_0_1, weight};
use crate::tally::HostEnd;

pub(crate) use self::descriptors::Descriptors;

/// Error codes, by their numbers in WASI 0.1.
mod errno {
    pub const SUCCESS: i32 = 0;
    pub const BADF: i32 = 8;
    pub const DQUOT: i32 = 19;
    pub const EXIST: i32 = 20;
    pub const FAULT: i32 = 21;
    pub const FBIG: i32 = 22;
    pub const ILSEQ: i32 = 25;
    pub const INVAL: i32 = 28;
    pub const ISDIR: i32 = 31;
    pub const LOOP: i32 = 32;
    pub const NAMETOOLONG: i32 = 37;
    pub const NOENT: i32 = 44;
    pub const NOSPC: i32 = 51;
    pub const NOSYS: i32 = 52;
    pub const NOTDIR: i32 = 54;
    pub const NOTEMPTY: i32 = 55;
    pub const NOTSOCK: i32 = 57;
    pub const PERM: i32 = 63;
    pub const ROFS: i32 = 69;
    pub const SPIPE: i32 = 70;
    pub const XDEV: i32 = 75;
    pub const NOTCAPABLE: i32 = 76;
}

/// Vectors that one read or write may gather: what POSIX systems take (`IOV_MAX`).
const VECTORS_MAX: u32 = 1_024;

/// Links one function, charged by its weight before it acts. A function without a price cannot be
/// linked.
macro_rules! function {
    ($linker:ident, $name:literal, |$caller:ident $(, $arg:ident: $ty:ty)*| $act:expr) => {
        let price = price($name)?;
        $linker.func_wrap(WASI_0_1, $name, move |mut $caller: Caller<'_, Host> $(, $arg: $ty)*| -> Result<i32> {
            $caller.data_mut().begin_call(price)?;
            answered(|| $act)
        })?;
    };
}

mod descriptors;
mod file;
mod given;
mod path;
mod poll;

/// Links all of WASI 0.1. Addresses and lengths are passed as i32, and read as unsigned.
pub(crate) fn link(linker: &mut Linker<Host>) -> Result<()> {
    given::link(linker)?;
    file::link(linker)?;
    path::link(linker)?;
    poll::link(linker)
}

/// What a call came to: an error code, or an end of the run.
type Answer = std::result::Result<(), Stop>;

enum Stop {
    Errno(i32),
    End(wasmtime::Error),
}

impl From<FileError> for Stop {
    fn from(error: FileError) -> Stop {
        Stop::Errno(match error {
            FileError::Access => errno::BADF,
            FileError::Exists => errno::EXIST,
            FileError::Invalid => errno::INVAL,
            FileError::IsFolder => errno::ISDIR,
            FileError::IllegalName => errno::ILSEQ,
            FileError::Loop => errno::LOOP,
            FileError::NameTooLong => errno::NAMETOOLONG,
            FileError::NotFound => errno::NOENT,
            FileError::NotEmpty => errno::NOTEMPTY,
            FileError::NotFolder => errno::NOTDIR,
            FileError::NotPermitted => errno::PERM,
            FileError::NoSpace => errno::NOSPC,
            FileError::Quota => errno::DQUOT,
            FileError::ReadOnly => errno::ROFS,
            FileError::CrossDevice => errno::XDEV,
            FileError::TooLarge => errno::FBIG,
            // Never seen: the run has ended.
            FileError::OutOfSteps => errno::NOSYS,
        })
    }
}

impl From<HostEnd> for Stop {
    fn from(end: HostEnd) -> Stop {
        Stop::End(end.into())
    }
}

/// What a call answers. What it does is a function of its own, so that `?` ends the call.
fn answered(act: impl FnOnce() -> Answer) -> Result<i32> {
    match act() {
        Ok(()) => Ok(errno::SUCCESS),
        Err(Stop::Errno(code)) => Ok(code),
        Err(Stop::End(end)) => Err(end),
    }
}

/// The guest's memory beside the host's state.
struct Guest<'a> {
    memory: &'a mut [u8],
    host: &'a mut Host,
}

impl<'a> Guest<'a> {
    fn of(caller: &'a mut Caller<'_, Host>) -> Result<Guest<'a>, Stop> {
        let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
            return Err(HostEnd::Trap("a command that does not export its memory").into());
        };
        let (memory, host) = memory.data_and_store_mut(caller);
        Ok(Guest { memory, host })
    }

    fn slice(&mut self, at: u32, length: u32) -> Result<&mut [u8], Stop> {
        let start = at as usize;
        start
            .checked_add(length as usize)
            .and_then(|end| self.memory.get_mut(start..end))
            .ok_or(Stop::Errno(errno::FAULT))
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Answer {
        let length = u32::try_from(bytes.len()).map_err(|_| Stop::Errno(errno::INVAL))?;
        self.slice(at, length)?.copy_from_slice(bytes);
        Ok(())
    }

    fn u32_at(&mut self, at: u32) -> Result<u32, Stop> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.slice(at, 4)?);
        Ok(u32::from_le_bytes(bytes))
    }

    fn u64_at(&mut self, at: u32) -> Result<u64, Stop> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.slice(at, 8)?);
        Ok(u64::from_le_bytes(bytes))
    }

    /// The buffers of a gathered read or write: address and length of each.
    fn vectors(&mut self, at: u32, count: u32) -> Result<Vec<(u32, u32)>, Stop> {
        if count > VECTORS_MAX {
            return Err(Stop::Errno(errno::INVAL));
        }
        let mut vectors = Vec::with_capacity(count as usize);
        for index in 0..count {
            let one = offset(at, index, 8)?;
            vectors.push((self.u32_at(one)?, self.u32_at(offset(one, 1, 4)?)?));
        }
        Ok(vectors)
    }

    /// A path, or what a link is to lead to. Its length is checked before it is looked at.
    fn path(&mut self, at: u32, length: u32) -> Result<String, Stop> {
        if length as usize > PATH_BYTES_MAX {
            return Err(FileError::NameTooLong.into());
        }
        let bytes = self.slice(at, length)?.to_vec();
        String::from_utf8(bytes).map_err(|_| FileError::IllegalName.into())
    }

    /// Lists of strings, as `args_get` and `environ_get` lay them out: pointers, and terminated text.
    fn write_words(&mut self, words: &Words, pointers: u32, text: u32) -> Answer {
        self.host.bytes_in(words.bytes)?;
        let mut at = text;
        for (index, string) in (0u32..).zip(&words.each) {
            self.write(offset(pointers, index, 4)?, &at.to_le_bytes())?;
            self.write(at, string.as_bytes())?;
            let end = offset(
                at,
                1,
                u32::try_from(string.len()).map_err(|_| Stop::Errno(errno::INVAL))?,
            )?;
            self.write(end, &[0])?;
            at = offset(end, 1, 1)?;
        }
        Ok(())
    }

    fn write_sizes(&mut self, words: &Words, count: u32, bytes: u32) -> Answer {
        let size = |n: usize| u32::try_from(n).map_err(|_| Stop::Errno(errno::INVAL));
        self.write(count, &size(words.each.len())?.to_le_bytes())?;
        self.write(bytes, &size(words.bytes)?.to_le_bytes())
    }
}

fn offset(at: u32, index: u32, size: u32) -> Result<u32, Stop> {
    index
        .checked_mul(size)
        .and_then(|by| at.checked_add(by))
        .ok_or(Stop::Errno(errno::FAULT))
}

fn price(name: &str) -> Result<u64> {
    weight(WASI_0_1, name).ok_or_else(|| wasmtime::format_err!("the function {name} has no price"))
}
