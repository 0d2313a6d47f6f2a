//! What a compiler does: one program, from one file to another. It maps nothing as executable, and ends.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;

use meterbox_isolation::Channel;
use meterbox_meter::Kind;

use super::wire::{Compile, Compiled, decode, encode};
use crate::engine::InProcess;
use crate::host::wide;

/// Works on the one program that comes.
pub(super) fn work(engine: &InProcess, mut channel: Channel) -> u8 {
    let Ok(Some(frame)) = channel.receive(None) else {
        return 1;
    };
    let mut files = frame.descriptors.into_iter().map(File::from);
    let (Ok(compile), Some(program), Some(artefact)) = (
        decode::<Compile>(&frame.payload),
        files.next(),
        files.next(),
    ) else {
        return 1;
    };
    let compiled = compile_to(engine, &compile, program, artefact);
    match encode(&compiled).map(|bytes| channel.send(&bytes, &[], None)) {
        Ok(Ok(())) => 0,
        _ => 1,
    }
}

fn compile_to(
    engine: &InProcess,
    compile: &Compile,
    program: File,
    mut artefact: File,
) -> Compiled {
    let kind = if compile.is_component {
        Kind::Component
    } else {
        Kind::Module
    };
    let Ok(length) = usize::try_from(compile.bytes) else {
        return Compiled::Failed("the program is too large for this machine".into());
    };
    let mut bytes = vec![0; length];
    if let Err(error) = program.read_exact_at(&mut bytes, 0) {
        return Compiled::Failed(format!("the program could not be read: {error}"));
    }
    let made = match engine.compile_artefact(kind, &bytes) {
        Ok(made) => made,
        Err(refusal) => return Compiled::Refused(refusal),
    };
    match artefact.write_all(&made) {
        Ok(()) => Compiled::Done {
            bytes: wide(made.len()),
        },
        Err(error) => Compiled::Failed(format!("the artefact could not be written: {error}")),
    }
}
