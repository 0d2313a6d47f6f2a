//! `wasi:cli`: environment and arguments from the order, standard streams, exit. There is no terminal.

use wasmtime::Result;
use wasmtime::component::{Linker, Resource};

use super::io::{InputStream, OutputStream};
use super::{Linking, text_bytes};
use crate::host::Host;
use crate::tally::HostEnd;

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    Linking::of(linker, "wasi:cli/environment")?
        .function("get-environment", |host: &mut Host, (): ()| {
            let environment = host.job.environment.clone();
            host.bytes_in(text_bytes(
                environment.iter().flat_map(|(name, value)| [name, value]),
            ))?;
            Ok((environment,))
        })?
        .function("get-arguments", |host: &mut Host, (): ()| {
            let arguments = host.job.arguments_with_name();
            host.bytes_in(text_bytes(&arguments))?;
            Ok((arguments,))
        })?
        .function("initial-cwd", |_: &mut Host, (): ()| Ok((None::<String>,)))?;

    Linking::of(linker, "wasi:cli/exit")?
        .function(
            "exit",
            |_: &mut Host, (status,): (std::result::Result<(), ()>,)| -> Result<()> {
                Err(HostEnd::Exit(u32::from(status.is_err())).into())
            },
        )?
        .function(
            "exit-with-code",
            |_: &mut Host, (code,): (u8,)| -> Result<()> {
                Err(HostEnd::Exit(u32::from(code)).into())
            },
        )?;

    Linking::of(linker, "wasi:cli/stdin")?.function("get-stdin", |host: &mut Host, (): ()| {
        Ok((host.open(InputStream::Stdin)?,))
    })?;
    Linking::of(linker, "wasi:cli/stdout")?.function("get-stdout", |host: &mut Host, (): ()| {
        Ok((host.open(OutputStream::Stdout)?,))
    })?;
    Linking::of(linker, "wasi:cli/stderr")?.function("get-stderr", |host: &mut Host, (): ()| {
        Ok((host.open(OutputStream::Stderr)?,))
    })?;

    Linking::of(linker, "wasi:cli/terminal-input")?.resource::<TerminalInput>("terminal-input")?;
    Linking::of(linker, "wasi:cli/terminal-output")?
        .resource::<TerminalOutput>("terminal-output")?;
    Linking::of(linker, "wasi:cli/terminal-stdin")?
        .function("get-terminal-stdin", |_: &mut Host, (): ()| {
            Ok((None::<Resource<TerminalInput>>,))
        })?;
    Linking::of(linker, "wasi:cli/terminal-stdout")?
        .function("get-terminal-stdout", |_: &mut Host, (): ()| {
            Ok((None::<Resource<TerminalOutput>>,))
        })?;
    Linking::of(linker, "wasi:cli/terminal-stderr")?
        .function("get-terminal-stderr", |_: &mut Host, (): ()| {
            Ok((None::<Resource<TerminalOutput>>,))
        })?;
    Ok(())
}

/// The input side of a terminal, of which there is none: no value of this type is ever made.
enum TerminalInput {}

/// The output side of a terminal, of which there is none.
enum TerminalOutput {}
