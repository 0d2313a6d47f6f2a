//! `wasi:io`: the standard streams, and polling in virtual time. Streams are always ready.

use wasmtime::Result;
use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource};

use super::Linking;
use crate::host::{Host, READ_BYTES_MAX, wide};
use crate::tally::HostEnd;

/// The standard input. Where it stands is a matter of the run, not of one handle.
pub(crate) struct InputStream;

/// Where an output stream leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Stdout,
    Stderr,
}

pub(crate) struct OutputStream {
    pub(crate) to: Output,
}

/// Ready once the virtual clock shows this.
pub(crate) struct Pollable {
    pub(crate) ready_ns: u64,
}

/// An error of a stream, of which there are none: no value of this type is ever made.
pub(crate) enum IoError {}

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[allow(
        dead_code,
        reason = "part of the interface's type; streams here never fail"
    )]
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
            |_: &mut Host, (_,): (Resource<IoError>,)| -> Result<(String,)> {
                Err(HostEnd::Trap("a stream error that was never given").into())
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
        .resource::<InputStream>("input-stream")?
        .resource::<OutputStream>("output-stream")?;
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
                write(host, &stream, &bytes)?;
                Ok((Streamed::Ok(()),))
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
                write(host, &stream, &vec![0; usize::try_from(length)?])?;
                Ok((Streamed::Ok(()),))
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
                write(host, &to, &bytes)?;
                Ok((Streamed::Ok(wide(bytes.len())),))
            },
        )?;
    }
    Ok(())
}

fn read(host: &mut Host, stream: &Resource<InputStream>, length: u64) -> Result<Streamed<Vec<u8>>> {
    host.resources.get(stream)?;
    if host.stdin_at_end() {
        return Ok(Err(StreamError::Closed));
    }
    Ok(Ok(host.read_stdin(length.min(READ_BYTES_MAX))?))
}

fn write(host: &mut Host, stream: &Resource<OutputStream>, bytes: &[u8]) -> Result<()> {
    let to = host.resources.get(stream)?.to;
    Ok(host.write_stdio(to == Output::Stderr, bytes)?)
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
