//! `meterbox:job`: named inputs and outputs, the log, and progress.

use wasmtime::Result;
use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource};

use super::{Linking, text_bytes};
use crate::files::NodeId;
use crate::host::{CreateError, Host};
use crate::job::{Input, LogLevel};

/// An open input.
struct OpenInput(Input);

/// An output being written: a file in `/out`.
struct OpenOutput(NodeId);

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
enum InputError {
    #[component(name = "not-found")]
    NotFound,
}

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
enum OutputError {
    #[component(name = "invalid-name")]
    InvalidName,
    #[component(name = "already-exists")]
    AlreadyExists,
    #[component(name = "too-many")]
    TooMany,
}

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
#[expect(
    dead_code,
    reason = "the interface has cases that are only ever lifted, or never given"
)]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    Linking::of(linker, "meterbox:job/inputs")?
        .resource::<OpenInput>("input")?
        .function("names", |host: &mut Host, (): ()| {
            let mut names: Vec<String> = host
                .job
                .inputs
                .iter()
                .map(|input| input.name.clone())
                .collect();
            names.sort();
            host.bytes_in(text_bytes(&names))?;
            Ok((names,))
        })?
        .function("open", |host: &mut Host, (name,): (String,)| {
            host.bytes_out(name.len())?;
            Ok((match host.input(&name).cloned() {
                Some(input) => Ok(host.open(OpenInput(input))?),
                None => Err(InputError::NotFound),
            },))
        })?
        .function(
            "[method]input.size",
            |host: &mut Host, (input,): (Resource<OpenInput>,)| {
                Ok((host.resources.get(&input)?.0.blob.size(),))
            },
        )?
        .function(
            "[method]input.read",
            |host: &mut Host, (input, offset, length): (Resource<OpenInput>, u64, u32)| {
                let input = host.resources.get(&input)?.0.clone();
                Ok((host.read_input(&input, offset, u64::from(length))?,))
            },
        )?;

    Linking::of(linker, "meterbox:job/outputs")?
        .resource_with("output", |host: &mut Host, gone: OpenOutput| {
            host.files.let_go(gone.0);
        })?
        .function("create", |host: &mut Host, (name,): (String,)| {
            Ok((match host.create_output(&name)? {
                Ok(output) => Ok(host.open(OpenOutput(output))?),
                Err(CreateError::InvalidName) => Err(OutputError::InvalidName),
                Err(CreateError::AlreadyExists) => Err(OutputError::AlreadyExists),
                Err(CreateError::TooMany) => Err(OutputError::TooMany),
            },))
        })?
        .function(
            "[method]output.write",
            |host: &mut Host, (output, bytes): (Resource<OpenOutput>, Vec<u8>)| {
                let output = host.resources.get(&output)?.0;
                Ok(host.append_output(output, &bytes)?)
            },
        )?;

    Linking::of(linker, "meterbox:job/log")?.function(
        "log",
        |host: &mut Host, (level, message): (Level, String)| {
            host.bytes_out(message.len())?;
            host.tally.log(&message, &host.limits)?;
            let level = match level {
                Level::Trace => LogLevel::Trace,
                Level::Debug => LogLevel::Debug,
                Level::Info => LogLevel::Info,
                Level::Warn => LogLevel::Warn,
                Level::Error => LogLevel::Error,
            };
            host.log(level, &message);
            Ok(())
        },
    )?;

    Linking::of(linker, "meterbox:job/progress")?.function(
        "report",
        |host: &mut Host, (done, total, message): (u64, u64, String)| {
            host.bytes_out(message.len())?;
            host.tally.progress(&host.limits)?;
            host.progress(done, total, &message);
            Ok(())
        },
    )?;
    Ok(())
}
