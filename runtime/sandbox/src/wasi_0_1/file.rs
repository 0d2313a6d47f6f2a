//! What is done with an open descriptor, of WASI 0.1.

use wasmtime::{Caller, Linker, Result};

use super::descriptors::{FLAG_APPEND, Listed, What, right};
use super::{Answer, Guest, Stop, answered, errno, price};
use crate::files::{FileError, FileType, NodeId, Place, ROOTS, Stat};
use crate::host::{Host, READ_BYTES_MAX, wide};
use crate::host_calls::WASI_0_1;

/// What one listing delivers at most: as much as C libraries ask for, twice.
const LISTING_BYTES_MAX: u32 = 8 << 10;
const ENTRY_BYTES: u32 = 24;

/// Flags of `filestat_set_times`.
const SET_ACCESSED: u32 = 1;
const SET_ACCESSED_NOW: u32 = 2;
const SET_MODIFIED: u32 = 4;
const SET_MODIFIED_NOW: u32 = 8;

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    link_content(linker)?;
    link_positions(linker)?;
    link_states(linker)?;
    link_listing(linker)?;
    link_sockets(linker)
}

fn file_type_of(file_type: FileType) -> u8 {
    match file_type {
        FileType::Folder => 3,
        FileType::File => 4,
        FileType::Link => 7,
    }
}

/// A `filestat`, as WASI 0.1 lays it out.
pub(super) fn stat_bytes(stat: Stat) -> [u8; 64] {
    let mut bytes = [0; 64];
    let mut put = |at: usize, value: u64| bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    put(
        0,
        match stat.place {
            Place::In => 1,
            Place::Out => 2,
            Place::Tmp => 3,
        },
    );
    put(8, stat.node.inode());
    put(24, stat.names);
    put(32, stat.bytes);
    put(40, stat.accessed_ns);
    put(48, stat.modified_ns);
    put(56, stat.modified_ns);
    bytes[16] = file_type_of(stat.file_type);
    bytes
}

/// The times that `flags` ask for.
pub(super) fn times(
    host: &Host,
    accessed: u64,
    modified: u64,
    flags: u32,
) -> Result<(Option<u64>, Option<u64>), Stop> {
    let one = |given: u32, now: u32, at: u64| match (flags & given != 0, flags & now != 0) {
        (true, true) => Err(Stop::Errno(errno::INVAL)),
        (true, false) => Ok(Some(at)),
        (false, true) => Ok(Some(host.wall_ns())),
        (false, false) => Ok(None),
    };
    Ok((
        one(SET_ACCESSED, SET_ACCESSED_NOW, accessed)?,
        one(SET_MODIFIED, SET_MODIFIED_NOW, modified)?,
    ))
}

/// The bytes of vectors together, all of which are within the memory.
fn total(guest: &mut Guest<'_>, vectors: &[(u32, u32)]) -> Result<u32, Stop> {
    let mut total = 0u32;
    for (at, length) in vectors {
        total = total
            .checked_add(*length)
            .ok_or(Stop::Errno(errno::INVAL))?;
        guest.slice(*at, *length)?;
    }
    Ok(total)
}

/// Reads from `read` into the vectors until one is not filled. At most 1 MiB.
fn scatter(
    guest: &mut Guest<'_>,
    vectors: Vec<(u32, u32)>,
    mut read: impl FnMut(&mut Host, u64, u64) -> Result<Vec<u8>, Stop>,
) -> Result<u32, Stop> {
    let mut total = 0u32;
    for (at, length) in vectors {
        let length = u64::from(length).min(READ_BYTES_MAX.saturating_sub(u64::from(total)));
        let end = u32::try_from(length).map_err(|_| Stop::Errno(errno::INVAL))?;
        guest.slice(at, end)?;
        let bytes = read(guest.host, u64::from(total), length)?;
        guest.write(at, &bytes)?;
        total = total.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        if wide(bytes.len()) < length {
            break;
        }
    }
    Ok(total)
}

/// Writes the vectors one after the other, all or none.
fn gather(
    guest: &mut Guest<'_>,
    vectors: &[(u32, u32)],
    node: NodeId,
    at: u64,
) -> Result<u32, Stop> {
    let total = total(guest, vectors)?;
    let end = at
        .checked_add(u64::from(total))
        .ok_or(FileError::TooLarge)?;
    // Nothing makes a file no longer, wherever it is written.
    guest
        .host
        .files
        .growth(node, if total == 0 { 0 } else { end })?;
    let mut offset = at;
    for (from, length) in vectors {
        let start = *from as usize;
        let bytes = &guest.memory[start..start + *length as usize];
        guest.host.write_file(node, offset, bytes)??;
        offset += u64::from(*length);
    }
    Ok(total)
}

fn link_content(linker: &mut Linker<Host>) -> Result<()> {
    function!(
        linker,
        "fd_write",
        |caller, fd: i32, vectors: u32, count: u32, written: u32| {
            let mut guest = Guest::of(&mut caller)?;
            let descriptor = guest.host.descriptors.get(fd)?;
            let (what, append) = (descriptor.what, descriptor.flags & FLAG_APPEND != 0);
            // All of it is checked before any of it is written.
            let vectors = guest.vectors(vectors, count)?;
            guest.slice(written, 4)?;
            let total = match what {
                What::Stdin => return Err(Stop::Errno(errno::BADF)),
                What::Stdout | What::Stderr => {
                    let total = total(&mut guest, &vectors)?;
                    for (at, length) in vectors {
                        let start = at as usize;
                        let bytes = &guest.memory[start..start + length as usize];
                        let is_stderr = matches!(what, What::Stderr);
                        guest.host.write_stdio(is_stderr, bytes)?;
                    }
                    total
                }
                What::File { .. } | What::Folder { .. } => {
                    let (node, offset) = guest.host.descriptors.file(fd, right::FD_WRITE)?;
                    let at = if append {
                        guest.host.files.stat(node)?.bytes
                    } else {
                        offset
                    };
                    let total = gather(&mut guest, &vectors, node, at)?;
                    let after = at.saturating_add(u64::from(total));
                    guest.host.descriptors.set_offset(fd, after)?;
                    total
                }
            };
            guest.write(written, &total.to_le_bytes())
        }
    );
    function!(
        linker,
        "fd_pwrite",
        |caller, fd: i32, vectors: u32, count: u32, at: u64, written: u32| {
            let mut guest = Guest::of(&mut caller)?;
            let (node, _) = guest.host.descriptors.file(fd, right::FD_WRITE)?;
            let vectors = guest.vectors(vectors, count)?;
            guest.slice(written, 4)?;
            let total = gather(&mut guest, &vectors, node, at)?;
            guest.write(written, &total.to_le_bytes())
        }
    );
    function!(
        linker,
        "fd_read",
        |caller, fd: i32, vectors: u32, count: u32, read: u32| {
            let mut guest = Guest::of(&mut caller)?;
            let what = guest.host.descriptors.get(fd)?.what;
            let vectors = guest.vectors(vectors, count)?;
            guest.slice(read, 4)?;
            let total = match what {
                What::Stdin => scatter(&mut guest, vectors, |host, _, length| {
                    Ok(host.read_stdin(length)?)
                })?,
                What::Stdout | What::Stderr => return Err(Stop::Errno(errno::BADF)),
                What::File { .. } | What::Folder { .. } => {
                    let (node, at) = guest.host.descriptors.file(fd, right::FD_READ)?;
                    let total = scatter(&mut guest, vectors, |host, done, length| {
                        Ok(host.read_file(node, at.saturating_add(done), length)??)
                    })?;
                    let after = at.saturating_add(u64::from(total));
                    guest.host.descriptors.set_offset(fd, after)?;
                    total
                }
            };
            guest.write(read, &total.to_le_bytes())
        }
    );
    function!(
        linker,
        "fd_pread",
        |caller, fd: i32, vectors: u32, count: u32, at: u64, read: u32| {
            let mut guest = Guest::of(&mut caller)?;
            let (node, _) = guest.host.descriptors.file(fd, right::FD_READ)?;
            let vectors = guest.vectors(vectors, count)?;
            guest.slice(read, 4)?;
            let total = scatter(&mut guest, vectors, |host, done, length| {
                Ok(host.read_file(node, at.saturating_add(done), length)??)
            })?;
            guest.write(read, &total.to_le_bytes())
        }
    );
    function!(
        linker,
        "fd_allocate",
        |caller, fd: i32, at: u64, length: u64| {
            let host = caller.data_mut();
            let (node, _) = host.descriptors.file(fd, right::FD_WRITE)?;
            let end = at.checked_add(length).ok_or(FileError::TooLarge)?;
            if length == 0 {
                return Err(Stop::Errno(errno::INVAL));
            }
            if end > host.files.stat(node)?.bytes {
                host.resize_file(node, end)??;
            }
            Ok(())
        }
    );
    function!(
        linker,
        "fd_filestat_set_size",
        |caller, fd: i32, bytes: u64| {
            let host = caller.data_mut();
            let (node, _) = host.descriptors.file(fd, right::FD_WRITE)?;
            Ok(host.resize_file(node, bytes)??)
        }
    );
    Ok(())
}

fn link_positions(linker: &mut Linker<Host>) -> Result<()> {
    function!(
        linker,
        "fd_seek",
        |caller, fd: i32, by: i64, whence: u32, to: u32| {
            let mut guest = Guest::of(&mut caller)?;
            let (node, offset) = guest.host.descriptors.file(fd, 0)?;
            let from = match whence {
                0 => 0,
                1 => offset,
                2 => guest.host.files.stat(node)?.bytes,
                _ => return Err(Stop::Errno(errno::INVAL)),
            };
            let at = from
                .checked_add_signed(by)
                .ok_or(Stop::Errno(errno::INVAL))?;
            guest.write(to, &at.to_le_bytes())?;
            guest.host.descriptors.set_offset(fd, at)
        }
    );
    function!(linker, "fd_tell", |caller, fd: i32, to: u32| {
        let mut guest = Guest::of(&mut caller)?;
        let (_, offset) = guest.host.descriptors.file(fd, 0)?;
        guest.write(to, &offset.to_le_bytes())
    });
    function!(
        linker,
        "fd_advise",
        |caller, fd: i32, _at: u64, _length: u64, advice: u32| {
            caller.data_mut().descriptors.file(fd, 0)?;
            if advice > 5 {
                return Err(Stop::Errno(errno::INVAL));
            }
            Ok(())
        }
    );
    // All that was written is there at once, and leaves with the receipt.
    for name in ["fd_sync", "fd_datasync"] {
        let price = price(name)?;
        linker.func_wrap(
            WASI_0_1,
            name,
            move |mut caller: Caller<'_, Host>, fd: i32| -> Result<i32> {
                caller.data_mut().begin_call(price)?;
                answered(|| caller.data_mut().descriptors.get(fd).map(|_| ()))
            },
        )?;
    }
    function!(linker, "fd_close", |caller, fd: i32| {
        let host = caller.data_mut();
        host.descriptors.close(fd, &mut host.files)
    });
    function!(linker, "fd_renumber", |caller, fd: i32, to: i32| {
        let host = caller.data_mut();
        host.descriptors.renumber(fd, to, &mut host.files)
    });
    Ok(())
}

fn link_states(linker: &mut Linker<Host>) -> Result<()> {
    function!(linker, "fd_fdstat_get", |caller, fd: i32, to: u32| {
        let mut guest = Guest::of(&mut caller)?;
        let descriptor = guest.host.descriptors.get(fd)?;
        let mut stat = [0u8; 24];
        // A file type of 0, unknown, for streams: neither a terminal nor a file, so languages buffer
        // it.
        stat[0] = match descriptor.what {
            What::File { .. } => file_type_of(FileType::File),
            What::Folder { .. } => file_type_of(FileType::Folder),
            _ => 0,
        };
        stat[2..4].copy_from_slice(&descriptor.flags.to_le_bytes());
        stat[8..16].copy_from_slice(&descriptor.rights.to_le_bytes());
        stat[16..24].copy_from_slice(&descriptor.inheriting.to_le_bytes());
        guest.write(to, &stat)
    });
    function!(
        linker,
        "fd_fdstat_set_flags",
        |caller, fd: i32, flags: u32| {
            let descriptor = caller.data_mut().descriptors.get_mut(fd)?;
            match u16::try_from(flags) {
                Ok(flags) if flags < 32 => descriptor.flags = flags,
                _ => return Err(Stop::Errno(errno::INVAL)),
            }
            Ok(())
        }
    );
    function!(
        linker,
        "fd_fdstat_set_rights",
        |caller, fd: i32, rights: u64, inheriting: u64| {
            let descriptor = caller.data_mut().descriptors.get_mut(fd)?;
            // They can only become fewer.
            if rights & !descriptor.rights != 0 || inheriting & !descriptor.inheriting != 0 {
                return Err(Stop::Errno(errno::NOTCAPABLE));
            }
            descriptor.rights = rights;
            descriptor.inheriting = inheriting;
            Ok(())
        }
    );
    function!(linker, "fd_filestat_get", |caller, fd: i32, to: u32| {
        let mut guest = Guest::of(&mut caller)?;
        let stat = match guest.host.descriptors.node(fd)? {
            Some(node) => stat_bytes(guest.host.files.stat(node)?),
            None => [0; 64],
        };
        guest.write(to, &stat)
    });
    function!(
        linker,
        "fd_filestat_set_times",
        |caller, fd: i32, accessed: u64, modified: u64, flags: u32| {
            let host = caller.data_mut();
            let node = host.descriptors.node(fd)?;
            let (accessed, modified) = times(host, accessed, modified, flags)?;
            match node {
                Some(node) => Ok(host.files.set_times(node, accessed, modified)?),
                None => Err(Stop::Errno(errno::INVAL)),
            }
        }
    );
    function!(linker, "fd_prestat_get", |caller, fd: i32, to: u32| {
        let mut guest = Guest::of(&mut caller)?;
        let name = root_name(guest.host, fd)?;
        let mut stat = [0u8; 8];
        let length = u32::try_from(name.len()).map_err(|_| Stop::Errno(errno::INVAL))?;
        stat[4..].copy_from_slice(&length.to_le_bytes());
        guest.write(to, &stat)
    });
    function!(
        linker,
        "fd_prestat_dir_name",
        |caller, fd: i32, to: u32, length: u32| {
            let mut guest = Guest::of(&mut caller)?;
            let name = root_name(guest.host, fd)?;
            if (length as usize) < name.len() {
                return Err(Stop::Errno(errno::NAMETOOLONG));
            }
            guest.host.bytes_in(name.len())?;
            guest.write(to, name.as_bytes())
        }
    );
    Ok(())
}

/// The name of a folder that the run began with.
fn root_name(host: &Host, fd: i32) -> Result<&'static str, Stop> {
    match host.descriptors.get(fd)?.what {
        What::Folder {
            root: Some(root), ..
        } => ROOTS
            .get(root)
            .map(|(_, name, _)| *name)
            .ok_or(Stop::Errno(errno::BADF)),
        _ => Err(Stop::Errno(errno::BADF)),
    }
}

fn link_listing(linker: &mut Linker<Host>) -> Result<()> {
    function!(
        linker,
        "fd_readdir",
        |caller, fd: i32, to: u32, length: u32, cookie: u64, used: u32| {
            let mut guest = Guest::of(&mut caller)?;
            let folder = guest.host.descriptors.folder(fd)?;
            let length = length.min(LISTING_BYTES_MAX);
            guest.slice(to, length)?;
            guest.slice(used, 4)?;
            let mut listing = Listing::at(guest.host, fd, folder, cookie)?;
            let mut bytes = Vec::new();
            let mut listed = Listed::default();
            let mut next = cookie;
            while bytes.len() < length as usize {
                let Some((name, node, file_type)) = listing.next(guest.host)? else {
                    break;
                };
                next = next.checked_add(1).ok_or(Stop::Errno(errno::INVAL))?;
                let mut entry = [0u8; ENTRY_BYTES as usize];
                entry[..8].copy_from_slice(&next.to_le_bytes());
                entry[8..16].copy_from_slice(&node.inode().to_le_bytes());
                let name_length = u32::try_from(name.len()).unwrap_or(0);
                entry[16..20].copy_from_slice(&name_length.to_le_bytes());
                entry[20] = file_type_of(file_type);
                bytes.extend_from_slice(&entry);
                bytes.extend_from_slice(name.as_bytes());
                listed = [listed[1].take(), Some((next, name))];
            }
            // What does not fit is cut, so that a full buffer says that there is more.
            bytes.truncate(length as usize);
            guest.host.bytes_in(bytes.len())?;
            guest.host.descriptors.get_mut(fd)?.listed = listed;
            guest.write(to, &bytes)?;
            let filled = u32::try_from(bytes.len()).map_err(|_| Stop::Errno(errno::INVAL))?;
            guest.write(used, &filled.to_le_bytes())
        }
    );
    Ok(())
}

/// Goes through a folder: `.` and `..` first, then the names in the order of their bytes.
struct Listing {
    folder: NodeId,
    dots: u64,
    last: Option<String>,
}

impl Listing {
    /// A listing that goes on after a cookie: after the name that it was given with, even if that is
    /// gone; or, if it was not one of those given last, after as many names.
    fn at(host: &mut Host, fd: i32, folder: NodeId, cookie: u64) -> Result<Listing, Stop> {
        let mut listing = Listing {
            folder,
            dots: cookie.min(2),
            last: None,
        };
        if cookie <= 2 {
            return Ok(listing);
        }
        if let Some(name) = host.descriptors.name_at(fd, cookie)? {
            listing.last = Some(name.to_string());
            return Ok(listing);
        }
        let skipped = cookie - 2;
        // Each is looked at, and paid.
        for _ in 0..skipped {
            host.begin_step()?;
            if listing.next(host)?.is_none() {
                break;
            }
        }
        Ok(listing)
    }

    fn next(&mut self, host: &Host) -> Result<Option<(String, NodeId, FileType)>, Stop> {
        if self.dots < 2 {
            self.dots += 1;
            let (name, node) = match self.dots {
                1 => (".", self.folder),
                _ => ("..", host.files.parent(self.folder)?),
            };
            return Ok(Some((name.to_string(), node, FileType::Folder)));
        }
        let Some((name, node, file_type)) =
            host.files.entry_after(self.folder, self.last.as_deref())?
        else {
            return Ok(None);
        };
        let name = name.to_string();
        self.last = Some(name.clone());
        Ok(Some((name, node, file_type)))
    }
}

/// There is no network, and so no descriptor that is a socket.
fn link_sockets(linker: &mut Linker<Host>) -> Result<()> {
    function!(
        linker,
        "sock_accept",
        |caller, fd: i32, _flags: u32, _to: u32| not_a_socket(caller.data(), fd)
    );
    function!(
        linker,
        "sock_recv",
        |caller, fd: i32, _to: u32, _count: u32, _flags: u32, _read: u32, _out: u32| not_a_socket(
            caller.data(),
            fd
        )
    );
    function!(
        linker,
        "sock_send",
        |caller, fd: i32, _from: u32, _count: u32, _flags: u32, _written: u32| not_a_socket(
            caller.data(),
            fd
        )
    );
    function!(linker, "sock_shutdown", |caller, fd: i32, _how: u32| {
        not_a_socket(caller.data(), fd)
    });
    Ok(())
}

fn not_a_socket(host: &Host, fd: i32) -> Answer {
    host.descriptors.get(fd)?;
    Err(Stop::Errno(errno::NOTSOCK))
}
