//! What is done with paths below a folder, of WASI 0.1.

use wasmtime::{Caller, Linker, Result};

use super::descriptors::{Descriptor, Listed, What, right};
use super::file::{stat_bytes, times};
use super::{Answer, Guest, Stop, answered, errno, price};
use crate::files::{FileError, FileType, Filed, Files, NodeId, Opening};
use crate::host::Host;
use crate::host_calls::WASI_0_1;

/// The only flag of looking a path up: to follow a symbolic link at its end.
const FOLLOW: u32 = 1;

/// Flags of `path_open`.
const CREATE: u32 = 1;
const DIRECTORY: u32 = 2;
const EXCLUSIVE: u32 = 4;
const TRUNCATE: u32 = 8;

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    function!(
        linker,
        "path_open",
        |caller,
         fd: i32,
         lookup: u32,
         path: u32,
         length: u32,
         open: u32,
         rights: u64,
         inheriting: u64,
         flags: u32,
         to: u32| {
            let mut guest = Guest::of(&mut caller)?;
            let path = guest.path(path, length)?;
            guest.slice(to, 4)?;
            let flags = u16::try_from(flags).map_err(|_| Stop::Errno(errno::INVAL))?;
            if open > 15 || flags > 31 {
                return Err(Stop::Errno(errno::INVAL));
            }
            let opening = Opening {
                follow: lookup & FOLLOW != 0,
                create: open & CREATE != 0,
                exclusive: open & EXCLUSIVE != 0,
                truncate: open & TRUNCATE != 0,
                folder: open & DIRECTORY != 0,
                write: rights & right::FD_WRITE != 0 && open & DIRECTORY == 0,
            };
            let opened = open_at(guest.host, fd, &path, opening, (rights, inheriting), flags)?;
            guest.write(to, &opened.to_le_bytes())
        }
    );
    function!(
        linker,
        "path_filestat_get",
        |caller, fd: i32, lookup: u32, path: u32, length: u32, to: u32| {
            let mut guest = Guest::of(&mut caller)?;
            let path = guest.path(path, length)?;
            let node = found(guest.host, fd, lookup, &path)?;
            let stat = stat_bytes(guest.host.files.stat(node)?);
            guest.write(to, &stat)
        }
    );
    function!(
        linker,
        "path_filestat_set_times",
        |caller,
         fd: i32,
         lookup: u32,
         path: u32,
         length: u32,
         accessed: u64,
         modified: u64,
         flags: u32| {
            let mut guest = Guest::of(&mut caller)?;
            let path = guest.path(path, length)?;
            let node = found(guest.host, fd, lookup, &path)?;
            let (accessed, modified) = times(guest.host, accessed, modified, flags)?;
            Ok(guest.host.files.set_times(node, accessed, modified)?)
        }
    );
    function!(
        linker,
        "path_readlink",
        |caller, fd: i32, path: u32, length: u32, to: u32, room: u32, used: u32| {
            let mut guest = Guest::of(&mut caller)?;
            let path = guest.path(path, length)?;
            let folder = guest.host.descriptors.folder(fd)?;
            let target = guest.host.with_paths(path.len(), |files| {
                files.read_link(folder, &path).map(str::to_string)
            })??;
            // What does not fit is cut, as POSIX does.
            let fitting = target.len().min(room as usize);
            guest.host.bytes_in(fitting)?;
            guest.write(to, &target.as_bytes()[..fitting])?;
            let fitting = u32::try_from(fitting).map_err(|_| Stop::Errno(errno::INVAL))?;
            guest.write(used, &fitting.to_le_bytes())
        }
    );
    link_pairs(linker)?;
    function!(
        linker,
        "path_create_directory",
        |caller, fd: i32, path: u32, length: u32| {
            at_path(&mut caller, fd, (path, length), Files::create_folder)
        }
    );
    function!(
        linker,
        "path_remove_directory",
        |caller, fd: i32, path: u32, length: u32| {
            at_path(&mut caller, fd, (path, length), Files::remove_folder)
        }
    );
    function!(
        linker,
        "path_unlink_file",
        |caller, fd: i32, path: u32, length: u32| {
            at_path(&mut caller, fd, (path, length), Files::unlink)
        }
    );
    Ok(())
}

/// What takes two paths.
fn link_pairs(linker: &mut Linker<Host>) -> Result<()> {
    function!(
        linker,
        "path_link",
        |caller,
         fd: i32,
         lookup: u32,
         path: u32,
         length: u32,
         to: i32,
         to_path: u32,
         to_length: u32| {
            let mut guest = Guest::of(&mut caller)?;
            let (path, to_path) = (guest.path(path, length)?, guest.path(to_path, to_length)?);
            let from = guest.host.descriptors.folder(fd)?;
            let to = guest.host.descriptors.folder(to)?;
            let bytes = path.len() + to_path.len();
            let follow = lookup & FOLLOW != 0;
            Ok(guest.host.with_paths(bytes, |files| {
                files.link((from, &path), follow, (to, &to_path))
            })??)
        }
    );
    function!(
        linker,
        "path_rename",
        |caller, fd: i32, path: u32, length: u32, to: i32, to_path: u32, to_length: u32| {
            let mut guest = Guest::of(&mut caller)?;
            let (path, to_path) = (guest.path(path, length)?, guest.path(to_path, to_length)?);
            let from = guest.host.descriptors.folder(fd)?;
            let to = guest.host.descriptors.folder(to)?;
            let bytes = path.len() + to_path.len();
            Ok(guest
                .host
                .with_paths(bytes, |files| files.rename((from, &path), (to, &to_path)))??)
        }
    );
    function!(
        linker,
        "path_symlink",
        |caller, target: u32, target_length: u32, fd: i32, path: u32, length: u32| {
            let mut guest = Guest::of(&mut caller)?;
            let target = guest.path(target, target_length)?;
            let path = guest.path(path, length)?;
            let folder = guest.host.descriptors.folder(fd)?;
            let bytes = path.len() + target.len();
            Ok(guest
                .host
                .with_paths(bytes, |files| files.create_link(&target, folder, &path))??)
        }
    );
    Ok(())
}

fn at_path(
    caller: &mut Caller<'_, Host>,
    fd: i32,
    (path, length): (u32, u32),
    act: fn(&mut Files, NodeId, &str) -> Filed<()>,
) -> Answer {
    let mut guest = Guest::of(caller)?;
    let path = guest.path(path, length)?;
    let folder = guest.host.descriptors.folder(fd)?;
    Ok(guest
        .host
        .with_paths(path.len(), |files| act(files, folder, &path))??)
}

fn found(host: &mut Host, fd: i32, lookup: u32, path: &str) -> Result<NodeId, Stop> {
    let folder = host.descriptors.folder(fd)?;
    let follow = lookup & FOLLOW != 0;
    let found = host.with_paths(path.len(), |files| files.find(folder, path, follow))??;
    Ok(found.node.ok_or(FileError::NotFound)?)
}

fn open_at(
    host: &mut Host,
    fd: i32,
    path: &str,
    opening: Opening,
    (rights, inheriting): (u64, u64),
    flags: u16,
) -> Result<u32, Stop> {
    let folder = host.descriptors.folder(fd)?;
    let node = host.with_paths(path.len(), |files| files.open(folder, path, opening))???;
    let what = match host.files.stat(node)?.file_type {
        FileType::Folder => What::Folder { node, root: None },
        _ => What::File { node, offset: 0 },
    };
    let given = host.descriptors.get(fd)?.inheriting;
    let descriptor = Descriptor {
        what,
        rights: rights & given,
        inheriting: inheriting & given,
        flags,
        listed: Listed::default(),
    };
    let max = (host.limits.handles).saturating_sub(host.nn.handles.count());
    host.descriptors
        .open(descriptor, node, &mut host.files, max)
}
