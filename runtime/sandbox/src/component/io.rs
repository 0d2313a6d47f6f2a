//! `wasi:io`: streams, and polling in virtual time. Streams are always ready.

use wasmtime::Result;
use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource};

use super::Linking;
use crate::files::{FileError, NodeId};
use crate::host::{Host, wide};
use crate::tally::HostEnd;

/// What an input stream reads.
pub(crate) enum InputStream {
    /// The standard input. Where it stands is a matter of the run, not of one handle.
    Stdin,
    /// A file, from an offset on.
    File { file: NodeId, offset: u64 },
}

/// Where an output stream leads.
pub(crate) enum OutputStream {
    Stdout,
    Stderr,
    /// A file, from an offset on, or always its end.
    File {
        file: NodeId,
        offset: Option<u64>,
    },
}

/// Ready once the virtual clock shows this.
pub(crate) struct Pollable {
    pub(crate) ready_ns: u64,
}

/// Why the last operation on a stream failed. Only streams of files fail.
pub(crate) struct IoError(pub(crate) FileError);

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

type Streamed<T> = std::result::Result<T, StreamError>;

/// What an output stream takes at once. The interface lets a stream say how much.
const WRITE_BYTES_MAX: u64 = 1 << 20;

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    Linking::of(linker, "wasi:io/error")?
        .resource::<IoError>("error")?
        .function(
            "[method]error.to-debug-string",
            |host: &mut Host, (error,): (Resource<IoError>,)| {
                let text = format!("{:?}", host.resources.get(&error)?.0);
                host.bytes_in(text.len())?;
                Ok((text,))
            },
        )?;

    Linking::of(linker, "wasi:io/poll")?
        .resource::<Pollable>("pollable")?
        .function(
            "[method]pollable.ready",
            |host: &mut Host, (pollable,): (Resource<Pollable>,)| {
                let ready_ns = host.resources.get(&pollable)?.ready_ns;
                Ok((ready_ns <= host.monotonic_ns(),))
            },
        )?
        .function(
            "[method]pollable.block",
            |host: &mut Host, (pollable,): (Resource<Pollable>,)| {
                let ready_ns = host.resources.get(&pollable)?.ready_ns;
                host.sleep_until(ready_ns);
                Ok(())
            },
        )?
        .function(
            "poll",
            |host: &mut Host, (pollables,): (Vec<Resource<Pollable>>,)| {
                Ok((poll(host, &pollables)?,))
            },
        )?;

    let mut streams = Linking::of(linker, "wasi:io/streams")?;
    streams
        .resource_with("input-stream", |host: &mut Host, gone: InputStream| {
            if let InputStream::File { file, .. } = gone {
                host.files.let_go(file);
            }
        })?
        .resource_with("output-stream", |host: &mut Host, gone: OutputStream| {
            if let OutputStream::File { file, .. } = gone {
                host.files.let_go(file);
            }
        })?;
    for name in [
        "[method]input-stream.read",
        "[method]input-stream.blocking-read",
    ] {
        streams.function(
            name,
            |host: &mut Host, (stream, length): (Resource<InputStream>, u64)| {
                Ok((read(host, &stream, length)?,))
            },
        )?;
    }
    for name in [
        "[method]input-stream.skip",
        "[method]input-stream.blocking-skip",
    ] {
        streams.function(
            name,
            |host: &mut Host, (stream, length): (Resource<InputStream>, u64)| {
                Ok((read(host, &stream, length)?.map(|bytes| wide(bytes.len())),))
            },
        )?;
    }
    streams.function(
        "[method]input-stream.subscribe",
        |host: &mut Host, (stream,): (Resource<InputStream>,)| {
            host.resources.get(&stream)?;
            Ok((host.open(Pollable { ready_ns: 0 })?,))
        },
    )?;
    streams.function(
        "[method]output-stream.check-write",
        |host: &mut Host, (stream,): (Resource<OutputStream>,)| {
            host.resources.get(&stream)?;
            Ok((Streamed::Ok(WRITE_BYTES_MAX),))
        },
    )?;
    for name in [
        "[method]output-stream.write",
        "[method]output-stream.blocking-write-and-flush",
    ] {
        streams.function(
            name,
            |host: &mut Host, (stream, bytes): (Resource<OutputStream>, Vec<u8>)| {
                Ok((write(host, &stream, &bytes)?,))
            },
        )?;
    }
    for name in [
        "[method]output-stream.flush",
        "[method]output-stream.blocking-flush",
    ] {
        streams.function(
            name,
            |host: &mut Host, (stream,): (Resource<OutputStream>,)| {
                host.resources.get(&stream)?;
                Ok((Streamed::Ok(()),))
            },
        )?;
    }
    streams.function(
        "[method]output-stream.subscribe",
        |host: &mut Host, (stream,): (Resource<OutputStream>,)| {
            host.resources.get(&stream)?;
            Ok((host.open(Pollable { ready_ns: 0 })?,))
        },
    )?;
    for name in [
        "[method]output-stream.write-zeroes",
        "[method]output-stream.blocking-write-zeroes-and-flush",
    ] {
        streams.function(
            name,
            |host: &mut Host, (stream, length): (Resource<OutputStream>, u64)| {
                if length > WRITE_BYTES_MAX {
                    return Err(
                        HostEnd::Trap("more zeroes at once than check-write allowed").into(),
                    );
                }
                let zeroes = vec![0; usize::try_from(length)?];
                Ok((write(host, &stream, &zeroes)?,))
            },
        )?;
    }
    for name in [
        "[method]output-stream.splice",
        "[method]output-stream.blocking-splice",
    ] {
        streams.function(
            name,
            |host: &mut Host,
             (to, from, length): (Resource<OutputStream>, Resource<InputStream>, u64)| {
                let bytes = match read(host, &from, length)? {
                    Ok(bytes) => bytes,
                    Err(closed) => return Ok((Streamed::Err(closed),)),
                };
                let written = write(host, &to, &bytes)?;
                Ok((written.map(|()| wide(bytes.len())),))
            },
        )?;
    }
    Ok(())
}

fn failed(host: &mut Host, error: FileError) -> Result<StreamError> {
    Ok(StreamError::LastOperationFailed(host.open(IoError(error))?))
}

fn read(host: &mut Host, stream: &Resource<InputStream>, length: u64) -> Result<Streamed<Vec<u8>>> {
    match *host.resources.get(stream)? {
        InputStream::Stdin if host.stdin_at_end() => Ok(Err(StreamError::Closed)),
        InputStream::Stdin => Ok(Ok(host.read_stdin(length)?)),
        InputStream::File { file, offset } => match host.read_file(file, offset, length)? {
            Ok(bytes) if bytes.is_empty() && length > 0 => Ok(Err(StreamError::Closed)),
            Ok(bytes) => {
                let offset = offset.saturating_add(wide(bytes.len()));
                *host.resources.get_mut(stream)? = InputStream::File { file, offset };
                Ok(Ok(bytes))
            }
            Err(error) => Ok(Err(failed(host, error)?)),
        },
    }
}

fn write(host: &mut Host, stream: &Resource<OutputStream>, bytes: &[u8]) -> Result<Streamed<()>> {
    let (file, offset) = match *host.resources.get(stream)? {
        OutputStream::Stdout => return Ok(Ok(host.write_stdio(false, bytes)?)),
        OutputStream::Stderr => return Ok(Ok(host.write_stdio(true, bytes)?)),
        OutputStream::File { file, offset } => (file, offset),
    };
    let at = offset.unwrap_or_else(|| host.files.stat(file).map_or(0, |stat| stat.bytes));
    if let Err(error) = host.write_file(file, at, bytes)? {
        return Ok(Err(failed(host, error)?));
    }
    if let OutputStream::File {
        offset: Some(offset),
        ..
    } = host.resources.get_mut(stream)?
    {
        *offset = at.saturating_add(wide(bytes.len()));
    }
    Ok(Ok(()))
}

/// The indices of all that are ready. If none is, virtual time passes until the first is.
fn poll(host: &mut Host, pollables: &[Resource<Pollable>]) -> Result<Vec<u32>> {
    // The list is copied in, and each entry is looked at: eight bytes each.
    host.bytes_out(pollables.len().saturating_mul(8))?;
    let mut ready_at = Vec::with_capacity(pollables.len());
    for pollable in pollables {
        ready_at.push(host.resources.get(pollable)?.ready_ns);
    }
    let Some(first) = ready_at.iter().min() else {
        return Err(HostEnd::Trap("a poll of nothing").into());
    };
    host.sleep_until(*first);
    let now = host.monotonic_ns();
    Ok((0u32..)
        .zip(&ready_at)
        .filter(|(_, ready_ns)| **ready_ns <= now)
        .map(|(index, _)| index)
        .collect())
}
