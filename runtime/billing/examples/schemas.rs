//! Writes the JSON Schemas of the documents to `docs/schemas`: `cargo run -p meterbox-billing --example schemas`.

use std::fs;
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
    fs::create_dir_all(&folder)?;
    for (name, schema) in meterbox_billing::schema::all() {
        fs::write(folder.join(format!("{name}.json")), format!("{schema:#}\n"))?;
    }
    Ok(())
}
