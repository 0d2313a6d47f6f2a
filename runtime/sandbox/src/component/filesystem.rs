//! `wasi:filesystem`: there is no preopened directory, so no descriptor ever exists, and nothing
//! that takes one can be reached. All of it is linked, and priced, because standard libraries import it.

use wasmtime::Result;
use wasmtime::component::{Linker, Resource, Val};

use super::Linking;
use crate::host::Host;
use crate::host_calls::INTERFACES;
use crate::tally::HostEnd;

/// A file or directory, of which there is none: no value of this type is ever made.
enum Descriptor {}

/// A listing of a directory, of which there is none.
enum DirectoryEntryStream {}

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    Linking::of(linker, "wasi:filesystem/preopens")?
        .function("get-directories", |_: &mut Host, (): ()| {
            Ok((Vec::<(Resource<Descriptor>, String)>::new(),))
        })?;

    let mut types = Linking::of(linker, "wasi:filesystem/types")?;
    types.resource::<Descriptor>("descriptor")?;
    types.resource::<DirectoryEntryStream>("directory-entry-stream")?;
    types.constant("filesystem-error-code", |_| Ok(Some(Val::Option(None))))?;
    let interface = INTERFACES
        .iter()
        .find(|interface| interface.name == "wasi:filesystem/types");
    for (name, _) in interface
        .map(|interface| interface.functions)
        .unwrap_or_default()
    {
        if name.starts_with("[method]") {
            types.constant(name, |_| {
                Err(HostEnd::Trap("a descriptor that was never given").into())
            })?;
        }
    }
    Ok(())
}
