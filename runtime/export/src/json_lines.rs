//! Writes records as JSON Lines: every field, one record a line, as [`meterbox_billing::record`] reads them
//! back.

use std::io::Write;

use crate::error::ExportError;
use crate::selection::Records;

/// Writes all records.
pub fn write(records: Records<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let mut line = Vec::new();
    for record in records {
        line.clear();
        serde_json::to_writer(&mut line, &record?)?;
        line.push(b'\n');
        out.write_all(&line)?;
    }
    Ok(())
}
