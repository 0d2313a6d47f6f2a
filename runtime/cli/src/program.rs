//! Reads a program from a file, be it binary or text. Does not look inside.

use std::path::Path;

use crate::exit::Exit;
use crate::failure::Failure;

/// The program's bytes; WebAssembly text is made binary.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::reading(path, &error))?;
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
