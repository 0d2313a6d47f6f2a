//! Makes of a program another one, for `cargo xtask conformance`: a component of a module, or one of which a
//! profile tells the host calls by name. Runs none.

mod adapted;
mod named;

use std::env;
use std::fs;

use anyhow::{Context as _, Result, bail};

const USAGE: &str = "usage: meterbox-conformance (adapted | named) FROM.wasm TO.wasm";

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [what, from, to] = arguments.as_slice() else {
        bail!(USAGE);
    };
    let program = fs::read(from).with_context(|| format!("{from} cannot be read"))?;
    let made = match what.as_str() {
        "adapted" => adapted::component_of(&program),
        "named" => named::with_named_calls(&program),
        _ => bail!(USAGE),
    };
    let made = made.with_context(|| format!("of {from}, nothing can be made"))?;
    fs::write(to, made).with_context(|| format!("{to} cannot be written"))
}
