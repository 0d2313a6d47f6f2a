//! Builds the guests with a cargo of their own, and reads them. Knows none of them by name.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What of cargo's environment the inner cargo needs as well: where crates come from.
const CARGO_KEPT: [&str; 6] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
];

/// Modules by their names. The large one, which takes minutes to build anew, only if it is wanted.
pub fn build(with_javascript: bool) -> BTreeMap<String, Vec<u8>> {
    let root = root();
    // Beside the tests' guests, apart from what the outer cargo locks.
    let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("the folder of temporary files lies in the target folder")
        .join("guests/benches");
    let mut guests = BTreeMap::new();
    let mut packages = vec![("programs", "--bins", "wasm32-unknown-unknown")];
    if with_javascript {
        packages.push(("javascript", "--lib", "wasm32-wasip1"));
    }
    for (package, selection, target) in packages {
        cargo(&root, &target_dir, package, selection, target);
        let built = target_dir.join(target).join("release");
        for name in names(&root, package) {
            let module = fs::read(built.join(format!("{name}.wasm"))).unwrap();
            guests.insert(name, module);
        }
    }
    guests
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this package lies in the repository")
        .to_path_buf()
}

/// The names of a package's modules: of its binaries, or its own.
fn names(root: &Path, package: &str) -> Vec<String> {
    let folder = root.join("benches/guests").join(package).join("src/bin");
    if !folder.is_dir() {
        return vec![package.to_owned()];
    }
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files
        .filter(|path| path.extension() == Some(OsStr::new("rs")))
        .map(stem)
        .collect()
}

fn cargo(root: &Path, target_dir: &Path, package: &str, selection: &str, target: &str) {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_outer) {
            cargo.env_remove(name);
        }
    }
    cargo
        .current_dir(root.join("benches/guests"))
        .args(["build", "--quiet", "--release", "--locked", "-p", package])
        .args([selection, "--target", target, "--target-dir"])
        .arg(target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(root, target_dir));
    let status = cargo.status().expect("cargo can be run");
    assert!(
        status.success(),
        "the guests of `{package}` could not be built: see the messages above\n\
         hint: `cargo xtask bench meter` installs the target {target} if it is missing"
    );
}

/// Flags that keep this machine's folders out of the modules, whose size they would change.
fn flags(root: &Path, target_dir: &Path) -> OsString {
    let mut flags = OsString::new();
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    // A later prefix wins, and the target folder can lie within the root.
    for (from, to) in [
        (home.as_deref(), "/cargo"),
        (Some(root), "/meterbox"),
        (Some(target_dir), "/target"),
    ] {
        let Some(from) = from else { continue };
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    flags
}

/// Whether a variable is meant for the host's build only.
fn is_outer(name: &str) -> bool {
    let kept = CARGO_KEPT.iter().any(|kept| name.starts_with(kept));
    !kept && (name.starts_with("CARGO_") || name.starts_with("RUSTC") || name == "RUSTFLAGS")
}
