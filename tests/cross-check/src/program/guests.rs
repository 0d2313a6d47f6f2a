//! Programs that compilers wrote: the sources in `guests/`, each compiled in several ways.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, ensure};
use meterbox_differential::engine::{PAGES_MAX, Wasmtime};

use super::{Origin, Programs};
use crate::engine::Place;

/// The sources in Rust.
const RUST: [&str; 6] = [
    "collections.rs",
    "compression.rs",
    "digests.rs",
    "failures.rs",
    "machine.rs",
    "numbers.rs",
];
/// The ways to compile them.
const RUST_WAYS: [(&str, &[&str]); 3] = [
    ("speed", &["-Copt-level=3"]),
    ("size", &["-Copt-level=z"]),
    ("vectors", &["-Copt-level=3", "-Ctarget-feature=+simd128"]),
];
/// The source in C.
const C: &str = "kernels.c";
/// The ways to compile that.
const C_WAYS: [(&str, &[&str]); 3] = [
    ("speed", &["-O3"]),
    ("size", &["-Os"]),
    ("vectors", &["-O3", "-msimd128"]),
];

/// Bytes of a guest's own stack, so that its memory stays small.
const STACK_BYTES: u32 = 65_536;

/// Compiles the guests, and adds them. Those in C need a Python that has the compiler.
///
/// # Errors
/// If a compiler refuses one.
pub fn add(programs: &mut Programs, place: &Place, planner: &Wasmtime) -> Result<()> {
    let folder = place.folder.join("guests");
    fs::create_dir_all(&folder)?;
    let mut compilers = Vec::new();
    for source in RUST {
        compilers.extend(RUST_WAYS.map(|(way, flags)| (source, way, Ok(rust(flags)))));
    }
    let python = place.c_compiler();
    compilers.extend(C_WAYS.map(|(way, flags)| {
        let compiler = python.as_ref().map(|python| c(python, flags));
        (C, way, compiler)
    }));
    for (source, way, compiler) in compilers {
        let name = format!("{source} for {way}");
        match compiler {
            Ok(compiler) => {
                let wasm = folder.join(format!("{source}-{way}.wasm"));
                let wasm = compile(compiler, source, &wasm)?;
                programs.add(name, Origin::Guest, &wasm, planner);
            }
            Err(why) => programs.leave_out(name, &anyhow!(why.clone())),
        }
    }
    Ok(())
}

/// What the linker is told: that memories have a maximum, for one.
fn link_arguments() -> [String; 3] {
    [
        "-z".to_owned(),
        format!("stack-size={STACK_BYTES}"),
        format!("--max-memory={}", PAGES_MAX << 16),
    ]
}

fn rust(flags: &[&str]) -> Command {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let mut command = Command::new(compiler);
    command
        .args(["--target", "wasm32-unknown-unknown"])
        .args(["--edition", "2024", "--crate-type", "cdylib"])
        .args(["-Cpanic=abort", "-Cstrip=debuginfo", "-Coverflow-checks=on"])
        .args(flags)
        .args(link_arguments().map(|argument| format!("-Clink-arg={argument}")));
    command
}

fn c(python: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(python);
    command
        .args(["-m", "ziglang", "cc", "-target", "wasm32-freestanding"])
        .args(["-nostdlib", "-fno-sanitize=all", "-Wl,--no-entry"])
        .args(["-Wl,--export-dynamic", "-Wl,--export-memory"])
        .args(flags)
        .arg(format!("-Wl,{}", link_arguments().join(",")));
    command
}

fn compile(mut compiler: Command, source: &str, wasm: &Path) -> Result<Vec<u8>> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests");
    compiler.arg("-o").arg(wasm).arg(sources.join(source));
    let output = compiler.output().with_context(|| {
        let program = compiler.get_program().display();
        format!("{program} cannot be run: install it, or name it in RUSTC or METERBOX_PYTHON")
    })?;
    ensure!(
        output.status.success(),
        "{source} does not compile: is the target wasm32-unknown-unknown installed?\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(fs::read(wasm)?)
}
