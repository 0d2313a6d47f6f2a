//! `wasi:filesystem`: the folders `/in`, `/out` and `/tmp`, and what is in them.

mod types;

use wasmtime::Result;
use wasmtime::component::{Linker, Resource};

use self::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode,
    MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use super::Linking;
use super::clocks::datetime;
use super::io::{InputStream, IoError, OutputStream};
use crate::files::{FileError, FileType, Filed, NodeId, Opening, Place, ROOTS, Stat};
use crate::host::Host;
use crate::tally::HostEnd;

/// An open file or folder.
pub(crate) struct Descriptor {
    node: NodeId,
    flags: DescriptorFlags,
}

/// A listing of a folder: it goes on after the name that it gave last.
pub(crate) struct DirectoryEntryStream {
    folder: NodeId,
    last: Option<String>,
}

type Answer<T> = std::result::Result<T, ErrorCode>;

/// What a function of the interface answers: a result, in a list of one.
fn answer<T>(filed: Filed<T>) -> (Answer<T>,) {
    (filed.map_err(ErrorCode::from),)
}

type Handle = Resource<Descriptor>;

fn node_of(host: &Host, handle: &Handle) -> Result<NodeId> {
    Ok(host.resources.get(handle)?.node)
}

/// The folder of a descriptor, if it may be changed. Whether it was opened for that is not asked:
/// languages' libraries open folders to read, and then change what is in them.
fn mutable(host: &Host, handle: &Handle) -> Result<Filed<NodeId>> {
    let folder = node_of(host, handle)?;
    Ok(match host.files.stat(folder) {
        Err(error) => Err(error),
        Ok(stat) if stat.file_type != FileType::Folder => Err(FileError::NotFolder),
        Ok(stat) if stat.place == Place::In => Err(FileError::ReadOnly),
        Ok(_) => Ok(folder),
    })
}

/// The file of a descriptor, if it was opened for this.
fn opened_for(host: &Host, handle: &Handle, flag: DescriptorFlags) -> Result<Filed<NodeId>> {
    let descriptor = host.resources.get(handle)?;
    Ok(match host.files.stat(descriptor.node) {
        Err(error) => Err(error),
        Ok(stat) if stat.file_type == FileType::Folder => Err(FileError::IsFolder),
        Ok(_) if descriptor.flags.contains(flag) => Ok(descriptor.node),
        Ok(_) => Err(FileError::Access),
    })
}

fn stat_of(stat: Stat) -> DescriptorStat {
    let modified = Some(datetime(stat.modified_ns));
    DescriptorStat {
        ty: stat.file_type.into(),
        link_count: stat.names,
        size: stat.bytes,
        accessed: Some(datetime(stat.accessed_ns)),
        modified,
        changed: modified,
    }
}

/// Which file it is, and of which of the three file systems.
fn hash_of(stat: Stat) -> MetadataHashValue {
    MetadataHashValue {
        lower: stat.node.inode(),
        upper: stat.place as u64,
    }
}

fn time_of(host: &Host, new: NewTimestamp) -> Filed<Option<u64>> {
    match new {
        NewTimestamp::NoChange => Ok(None),
        NewTimestamp::Now => Ok(Some(host.wall_ns())),
        NewTimestamp::Timestamp(at) => at.ns().map(Some).ok_or(FileError::Invalid),
    }
}

fn set_times(
    host: &mut Host,
    node: Filed<NodeId>,
    (accessed, modified): (NewTimestamp, NewTimestamp),
) -> Filed<()> {
    let (accessed, modified) = (time_of(host, accessed)?, time_of(host, modified)?);
    host.files.set_times(node?, accessed, modified)
}

fn found(host: &mut Host, handle: &Handle, flags: PathFlags, path: &str) -> Result<Filed<NodeId>> {
    let folder = node_of(host, handle)?;
    let follow = flags.contains(PathFlags::SYMLINK_FOLLOW);
    let found = host.with_paths(path.len(), |files| files.find(folder, path, follow))?;
    Ok(found.and_then(|found| found.node.ok_or(FileError::NotFound)))
}

/// Makes a descriptor for what is open.
fn descriptor(host: &mut Host, node: NodeId, flags: DescriptorFlags) -> Result<Handle> {
    // The limit of handles comes first, so that nothing is kept that nobody holds.
    let handle = host.open(Descriptor { node, flags })?;
    host.files
        .keep(node)
        .map_err(|_| HostEnd::Fault("what was opened is gone".into()))?;
    Ok(handle)
}

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    Linking::of(linker, "wasi:filesystem/preopens")?.function(
        "get-directories",
        |host: &mut Host, (): ()| {
            host.bytes_in(ROOTS.iter().map(|(_, name, _)| name.len()).sum())?;
            let mut folders = Vec::with_capacity(ROOTS.len());
            for (node, name, place) in ROOTS {
                let mut flags = DescriptorFlags::READ;
                if place != Place::In {
                    flags |= DescriptorFlags::MUTATE_DIRECTORY;
                }
                folders.push((descriptor(host, node, flags)?, name.to_string()));
            }
            Ok((folders,))
        },
    )?;

    let mut types = Linking::of(linker, "wasi:filesystem/types")?;
    types.resource_with("descriptor", |host: &mut Host, gone: Descriptor| {
        host.files.let_go(gone.node);
    })?;
    types.resource_with(
        "directory-entry-stream",
        |host: &mut Host, gone: DirectoryEntryStream| host.files.let_go(gone.folder),
    )?;
    types.function(
        "filesystem-error-code",
        |host: &mut Host, (error,): (Resource<IoError>,)| {
            Ok((Some(ErrorCode::from(host.resources.get(&error)?.0)),))
        },
    )?;
    link_content(&mut types)?;
    link_descriptor(&mut types)?;
    link_paths(&mut types)?;
    link_listing(&mut types)
}

/// What is done with a file's bytes.
fn link_content(types: &mut Linking<'_>) -> Result<()> {
    types
        .function(
            "[method]descriptor.read",
            |host: &mut Host, (file, length, offset): (Handle, u64, u64)| {
                let file = match opened_for(host, &file, DescriptorFlags::READ)? {
                    Ok(file) => file,
                    Err(error) => return Ok(answer(Err(error))),
                };
                let read = host.read_file(file, offset, length)?;
                let bytes = host.files.stat(file).map_or(0, |stat| stat.bytes);
                Ok(answer(read.map(|read| {
                    let end = offset.saturating_add(crate::host::wide(read.len()));
                    (read, end >= bytes)
                })))
            },
        )?
        .function(
            "[method]descriptor.write",
            |host: &mut Host, (file, bytes, offset): (Handle, Vec<u8>, u64)| {
                let written = match opened_for(host, &file, DescriptorFlags::WRITE)? {
                    Ok(file) => host.write_file(file, offset, &bytes)?,
                    Err(error) => Err(error),
                };
                Ok(answer(written.map(|()| crate::host::wide(bytes.len()))))
            },
        )?
        .function(
            "[method]descriptor.set-size",
            |host: &mut Host, (file, bytes): (Handle, u64)| {
                let resized = match opened_for(host, &file, DescriptorFlags::WRITE)? {
                    Ok(file) => host.resize_file(file, bytes)?,
                    Err(error) => Err(error),
                };
                Ok(answer(resized))
            },
        )?
        .function(
            "[method]descriptor.read-via-stream",
            |host: &mut Host, (file, offset): (Handle, u64)| {
                Ok(answer(
                    match opened_for(host, &file, DescriptorFlags::READ)? {
                        Ok(file) => {
                            let stream = host.open(InputStream::File { file, offset })?;
                            host.files.keep(file).map(|()| stream)
                        }
                        Err(error) => Err(error),
                    },
                ))
            },
        )?
        .function(
            "[method]descriptor.write-via-stream",
            |host: &mut Host, (file, offset): (Handle, u64)| {
                output_stream(host, &file, Some(offset))
            },
        )?
        .function(
            "[method]descriptor.append-via-stream",
            |host: &mut Host, (file,): (Handle,)| output_stream(host, &file, None),
        )?;
    Ok(())
}

fn output_stream(
    host: &mut Host,
    file: &Handle,
    offset: Option<u64>,
) -> Result<(Answer<Resource<OutputStream>>,)> {
    Ok(answer(
        match opened_for(host, file, DescriptorFlags::WRITE)? {
            Ok(file) => {
                let stream = host.open(OutputStream::File { file, offset })?;
                host.files.keep(file).map(|()| stream)
            }
            Err(error) => Err(error),
        },
    ))
}

/// What is asked and said of a descriptor itself.
fn link_descriptor(types: &mut Linking<'_>) -> Result<()> {
    types
        .function(
            "[method]descriptor.advise",
            |host: &mut Host, (file, _, _, _): (Handle, u64, u64, Advice)| {
                node_of(host, &file)?;
                Ok(answer(Ok(())))
            },
        )?
        .function(
            "[method]descriptor.get-flags",
            |host: &mut Host, (file,): (Handle,)| Ok(answer(Ok(host.resources.get(&file)?.flags))),
        )?
        .function(
            "[method]descriptor.get-type",
            |host: &mut Host, (file,): (Handle,)| {
                let node = node_of(host, &file)?;
                let stat = host.files.stat(node);
                Ok(answer(
                    stat.map(|stat| DescriptorType::from(stat.file_type)),
                ))
            },
        )?
        .function(
            "[method]descriptor.stat",
            |host: &mut Host, (file,): (Handle,)| {
                let node = node_of(host, &file)?;
                Ok(answer(host.files.stat(node).map(stat_of)))
            },
        )?
        .function(
            "[method]descriptor.set-times",
            |host: &mut Host, (file, accessed, modified): (Handle, NewTimestamp, NewTimestamp)| {
                let node = node_of(host, &file)?;
                Ok(answer(set_times(host, Ok(node), (accessed, modified))))
            },
        )?
        .function(
            "[method]descriptor.is-same-object",
            |host: &mut Host, (one, other): (Handle, Handle)| {
                Ok((node_of(host, &one)? == node_of(host, &other)?,))
            },
        )?
        .function(
            "[method]descriptor.metadata-hash",
            |host: &mut Host, (file,): (Handle,)| {
                let node = node_of(host, &file)?;
                Ok(answer(host.files.stat(node).map(hash_of)))
            },
        )?;
    // All that was written is there at once, and leaves with the receipt.
    for name in ["[method]descriptor.sync", "[method]descriptor.sync-data"] {
        types.function(name, |host: &mut Host, (file,): (Handle,)| {
            node_of(host, &file)?;
            Ok(answer(Ok(())))
        })?;
    }
    Ok(())
}

/// What is done with paths below a folder.
fn link_paths(types: &mut Linking<'_>) -> Result<()> {
    types
        .function(
            "[method]descriptor.open-at",
            |host: &mut Host,
             (folder, how, path, open, flags): (Handle, PathFlags, String, OpenFlags, DescriptorFlags)| {
                Ok(answer(open_at(host, &folder, how, &path, open, flags)?))
            },
        )?
        .function(
            "[method]descriptor.stat-at",
            |host: &mut Host, (folder, how, path): (Handle, PathFlags, String)| {
                let node = found(host, &folder, how, &path)?;
                Ok(answer(node.and_then(|node| host.files.stat(node)).map(stat_of)))
            },
        )?
        .function(
            "[method]descriptor.metadata-hash-at",
            |host: &mut Host, (folder, how, path): (Handle, PathFlags, String)| {
                let node = found(host, &folder, how, &path)?;
                Ok(answer(node.and_then(|node| host.files.stat(node)).map(hash_of)))
            },
        )?
        .function(
            "[method]descriptor.set-times-at",
            |host: &mut Host,
             (folder, how, path, accessed, modified): (
                Handle,
                PathFlags,
                String,
                NewTimestamp,
                NewTimestamp,
            )| {
                let node = match mutable(host, &folder)? {
                    Ok(_) => found(host, &folder, how, &path)?,
                    Err(error) => Err(error),
                };
                Ok(answer(set_times(host, node, (accessed, modified))))
            },
        )?
        .function(
            "[method]descriptor.link-at",
            |host: &mut Host,
             (folder, how, path, to, to_path): (Handle, PathFlags, String, Handle, String)| {
                let (from, to) = match (mutable(host, &folder)?, mutable(host, &to)?) {
                    (Ok(from), Ok(to)) => (from, to),
                    (Err(error), _) | (_, Err(error)) => return Ok(answer(Err(error))),
                };
                let follow = how.contains(PathFlags::SYMLINK_FOLLOW);
                let bytes = path.len().saturating_add(to_path.len());
                Ok(answer(host.with_paths(bytes, |files| {
                    files.link((from, &path), follow, (to, &to_path))
                })?))
            },
        )?
        .function(
            "[method]descriptor.rename-at",
            |host: &mut Host, (folder, path, to, to_path): (Handle, String, Handle, String)| {
                let (from, to) = match (mutable(host, &folder)?, mutable(host, &to)?) {
                    (Ok(from), Ok(to)) => (from, to),
                    (Err(error), _) | (_, Err(error)) => return Ok(answer(Err(error))),
                };
                let bytes = path.len().saturating_add(to_path.len());
                Ok(answer(host.with_paths(bytes, |files| {
                    files.rename((from, &path), (to, &to_path))
                })?))
            },
        )?
        .function(
            "[method]descriptor.symlink-at",
            |host: &mut Host, (folder, target, path): (Handle, String, String)| {
                let folder = match mutable(host, &folder)? {
                    Ok(folder) => folder,
                    Err(error) => return Ok(answer(Err(error))),
                };
                let bytes = path.len().saturating_add(target.len());
                Ok(answer(host.with_paths(bytes, |files| {
                    files.create_link(&target, folder, &path)
                })?))
            },
        )?
        .function(
            "[method]descriptor.readlink-at",
            |host: &mut Host, (folder, path): (Handle, String)| {
                let folder = node_of(host, &folder)?;
                let target = host.with_paths(path.len(), |files| {
                    files.read_link(folder, &path).map(str::to_string)
                })?;
                host.bytes_in(target.as_ref().map_or(0, String::len))?;
                Ok(answer(target))
            },
        )?;
    type OfPath = fn(&mut crate::files::Files, NodeId, &str) -> Filed<()>;
    let of_paths: [(&str, OfPath); 3] = [
        (
            "[method]descriptor.create-directory-at",
            |files, folder, path| files.create_folder(folder, path),
        ),
        (
            "[method]descriptor.remove-directory-at",
            |files, folder, path| files.remove_folder(folder, path),
        ),
        (
            "[method]descriptor.unlink-file-at",
            |files, folder, path| files.unlink(folder, path),
        ),
    ];
    for (name, act) in of_paths {
        types.function(
            name,
            move |host: &mut Host, (folder, path): (Handle, String)| {
                let folder = match mutable(host, &folder)? {
                    Ok(folder) => folder,
                    Err(error) => return Ok(answer(Err(error))),
                };
                Ok(answer(host.with_paths(path.len(), |files| {
                    act(files, folder, &path)
                })?))
            },
        )?;
    }
    Ok(())
}

fn open_at(
    host: &mut Host,
    folder: &Handle,
    how: PathFlags,
    path: &str,
    open: OpenFlags,
    flags: DescriptorFlags,
) -> Result<Filed<Handle>> {
    let folder = node_of(host, folder)?;
    let opening = Opening {
        follow: how.contains(PathFlags::SYMLINK_FOLLOW),
        create: open.contains(OpenFlags::CREATE),
        exclusive: open.contains(OpenFlags::EXCLUSIVE),
        truncate: open.contains(OpenFlags::TRUNCATE),
        folder: open.contains(OpenFlags::DIRECTORY),
        write: flags.contains(DescriptorFlags::WRITE),
    };
    let opened = host.with_paths(path.len(), |files| files.open(folder, path, opening))??;
    let node = match opened {
        Ok(node) => node,
        Err(error) => return Ok(Err(error)),
    };
    Ok(Ok(descriptor(host, node, flags)?))
}

/// Listings.
fn link_listing(types: &mut Linking<'_>) -> Result<()> {
    types
        .function(
            "[method]descriptor.read-directory",
            |host: &mut Host, (folder,): (Handle,)| {
                let folder = node_of(host, &folder)?;
                if let Err(error) = host.files.parent(folder) {
                    return Ok(answer(Err(error)));
                }
                let stream = host.open(DirectoryEntryStream { folder, last: None })?;
                Ok(answer(host.files.keep(folder).map(|()| stream)))
            },
        )?
        .function(
            "[method]directory-entry-stream.read-directory-entry",
            |host: &mut Host, (stream,): (Resource<DirectoryEntryStream>,)| {
                let DirectoryEntryStream { folder, last } = host.resources.get(&stream)?;
                let next = match host.files.entry_after(*folder, last.as_deref()) {
                    Ok(Some((name, _, file_type))) => DirectoryEntry {
                        ty: file_type.into(),
                        name: name.to_string(),
                    },
                    Ok(None) => return Ok(answer(Ok(None))),
                    Err(error) => return Ok(answer(Err(error))),
                };
                host.bytes_in(next.name.len())?;
                host.resources.get_mut(&stream)?.last = Some(next.name.clone());
                Ok(answer(Ok(Some(next))))
            },
        )?;
    Ok(())
}
