//! This very program for another processor, emulated: wasmtime's code for aarch64, and wasmi there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::Result;

use super::{Answer, Engine, Place, foreign, succeeds};
use crate::program::Program;
use crate::protocol;

const TARGET: &str = "aarch64-unknown-linux-musl";
const EMULATOR: &str = "qemu-aarch64";

/// One engine, emulated.
struct Emulated {
    /// What it is called there.
    engine: &'static str,
    program: PathBuf,
    folder: PathBuf,
}

/// All of them.
pub fn all() -> Vec<Box<dyn Engine>> {
    let emulated = |engine| -> Box<dyn Engine> {
        Box::new(Emulated {
            engine,
            program: PathBuf::new(),
            folder: PathBuf::new(),
        })
    };
    ["wasmtime-speed", "wasmtime-none", "wasmi"]
        .into_iter()
        .map(emulated)
        .collect()
}

impl Engine for Emulated {
    fn name(&self) -> String {
        format!("aarch64-{}", self.engine)
    }

    fn prepare(&mut self, place: &Place) -> Result<(), String> {
        self.folder = place.folder.join(self.name());
        emulator()?;
        self.program = build(place)?;
        Ok(())
    }

    fn version(&mut self) -> Result<String> {
        foreign::version(&self.folder, self.command())
    }

    fn answer(&mut self, programs: &[Program]) -> Result<Vec<Answer>> {
        foreign::ask(&self.folder, programs, || self.command(), protocol::failure)
    }
}

impl Emulated {
    fn command(&self) -> Command {
        let mut command = Command::new(EMULATOR);
        command.arg(&self.program).args(["--answer", self.engine]);
        command
    }
}

/// Sees that the emulator is there.
fn emulator() -> Result<(), String> {
    match succeeds(Command::new(EMULATOR).arg("--version")) {
        true => Ok(()),
        false => Err(format!(
            "there is no `{EMULATOR}`: install it (Debian's package qemu-user)"
        )),
    }
}

/// Builds this package for the other processor, and says where the program is.
fn build(place: &Place) -> Result<PathBuf, String> {
    let compiler = c_compiler(place)?;
    println!("building for {TARGET}");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(&place.root)
        .args(["build", "--release", "--package", env!("CARGO_PKG_NAME")])
        .args(["--features", "wasmi"])
        .args(["--target", TARGET, "--target-dir"])
        .arg(&place.target)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER", "rust-lld")
        .env("CC_aarch64_unknown_linux_musl", compiler)
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("the build for {TARGET} ended with {status}")),
        Err(error) => return Err(format!("cargo cannot be run: {error}")),
    }
    Ok(place
        .target
        .join(TARGET)
        .join("release")
        .join(env!("CARGO_PKG_NAME")))
}

/// A script that is a C compiler for the other processor: wasmtime has a few lines of C.
fn c_compiler(place: &Place) -> Result<PathBuf, String> {
    let python = place.c_compiler()?.display();
    let script = place.folder.join("aarch64-cc");
    // The name of the target that cargo gives is one that this compiler does not know.
    let text = format!(
        "#!/bin/sh\n\
         for argument; do\n\
         \x20 shift\n\
         \x20 case \"$argument\" in --target=*) ;; *) set -- \"$@\" \"$argument\" ;; esac\n\
         done\n\
         exec '{python}' -m ziglang cc -target aarch64-linux-musl \"$@\"\n"
    );
    write_script(&script, &text).map_err(|error| format!("no script can be written: {error}"))?;
    Ok(script)
}

fn write_script(script: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    // Cargo builds anew what was built by a compiler that changed.
    if fs::read_to_string(script).is_ok_and(|there| there == text) {
        return Ok(());
    }
    fs::write(script, text)?;
    fs::set_permissions(script, fs::Permissions::from_mode(0o755))
}
