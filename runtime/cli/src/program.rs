//! Reads a program from a file, be it binary or text. Does not look inside.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use meterbox_meter::admission::PROGRAM_BYTES_MAX;

use crate::exit::Exit;
use crate::failure::Failure;

/// A file's bytes, of which there may be so many at the most: a device gives them without end.
pub fn read_at_most(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| {
            file.take(bytes_max.saturating_add(1))
                .read_to_end(&mut bytes)
        })
        .map_err(|error| Failure::reading(path, &error))?;
    if u64::try_from(bytes.len()).is_ok_and(|bytes| bytes <= bytes_max) {
        return Ok(bytes);
    }
    Err(Failure::new(
        Exit::Refused,
        format!("`{}` has more than {bytes_max} bytes", path.display()),
    ))
}

/// The program's bytes; WebAssembly text is made binary.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = read_at_most(path, PROGRAM_BYTES_MAX)?;
    let is_text = path.extension().is_some_and(|extension| extension == "wat");
    if !is_text {
        return Ok(bytes);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        Failure::caused(
            Exit::Refused,
            format!("`{}` is no text", path.display()),
            &error,
        )
    })?;
    wat::parse_str(&text).map_err(|mut error| {
        error.set_path(path);
        Failure::new(
            Exit::Refused,
            format!("`{}` is no WebAssembly text: {error}", path.display()),
        )
    })
}
