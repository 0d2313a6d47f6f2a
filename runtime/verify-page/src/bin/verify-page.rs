//! Writes `docs/verify.html`: `cargo run -p meterbox-verify-page --bin verify-page [FILE]`.
//!
//! Compiles the verifier with the same flags everywhere and without names of folders, so that two machines with one
//! compiler write the same page.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use meterbox_verify_page::page::page;

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "verify-page";

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()?;
    let file = env::args_os().nth(1).map(PathBuf::from);
    let file = file.unwrap_or_else(|| root.join("docs/verify.html"));
    let target = root.join("target/verify-page");
    let wasm = compile(&root, &target)?;
    fs::write(&file, page(&fs::read(wasm)?))?;
    Ok(())
}

/// Where the compiled verifier lies.
fn compile(root: &Path, target: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let home = home.ok_or("neither CARGO_HOME nor a home folder is known")?;
    let sysroot = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()?;
    let sysroot = String::from_utf8(sysroot.stdout)?;
    let mut folders = vec![
        (home.clone(), "cargo"),
        (root.to_owned(), "meterbox"),
        (PathBuf::from(sysroot.trim()), "rust"),
    ];
    // The last that fits is taken.
    let sources = home.join("registry/src");
    for registry in fs::read_dir(&sources).into_iter().flatten() {
        folders.push((registry?.path(), "crates"));
    }
    let flags: Vec<String> = folders
        .iter()
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
        .collect();
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "build",
            "--package",
            "meterbox-verify-page",
            "--lib",
            "--locked",
        ])
        .args(["--target", TARGET, "--profile", PROFILE])
        .arg("--target-dir")
        .arg(target)
        .current_dir(root)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env_remove("RUSTFLAGS")
        .status()?;
    if !status.success() {
        return Err(format!(
            "the verifier does not compile; is the target installed? `rustup target add {TARGET}`"
        )
        .into());
    }
    Ok(target
        .join(TARGET)
        .join(PROFILE)
        .join("meterbox_verify_page.wasm"))
}
