//! Builds the guests for WebAssembly, each workspace of them with a cargo of its own, and writes
//! down where they are. Never runs them.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const COMPONENT_TARGET: &str = "wasm32-wasip2";
const COMMAND_TARGET: &str = "wasm32-wasip1";

/// What of cargo's environment the inner cargo needs as well: where crates come from.
const CARGO_KEPT: [&str; 6] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
];

/// What the outer build says about itself, beside all that begins with `CARGO` and `RUSTC`.
const OUTER_ONLY: [&str; 12] = [
    "RUSTFLAGS",
    "RUSTDOCFLAGS",
    "RUSTDOC",
    "MAKEFLAGS",
    "MFLAGS",
    "TARGET",
    "HOST",
    "PROFILE",
    "DEBUG",
    "OPT_LEVEL",
    "NUM_JOBS",
    "OUT_DIR",
];

fn main() {
    let tests = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let root = tests
        .parent()
        .expect("this package lies in the repository")
        .to_path_buf();
    let out = PathBuf::from(variable("OUT_DIR"));
    // Shared by the profiles and by clippy, which each have an OUT_DIR of their own.
    let target_dir = out
        .ancestors()
        .nth(4)
        .expect("OUT_DIR lies in the target folder")
        .join("guests");
    watch(&root);
    require_target(COMPONENT_TARGET);
    require_target(COMMAND_TARGET);

    let guests = Workspace::new(&root, &tests.join("guests"), target_dir.join("tests"));
    guests.build(&["-p", "components", "--examples"], COMPONENT_TARGET);
    for target in [COMMAND_TARGET, COMPONENT_TARGET] {
        guests.build(&["-p", "commands", "--bins"], target);
    }
    // Components have inference by another interface.
    guests.build(&["-p", "inference", "--bins"], COMMAND_TARGET);
    let examples = Workspace::new(&root, &root.join("examples"), target_dir.join("examples"));
    examples.build(&["--workspace", "--lib"], COMPONENT_TARGET);

    let mut built = String::new();
    let components = guests.built(COMPONENT_TARGET).join("examples");
    let commands = guests.built(COMMAND_TARGET);
    let sources =
        |folder: &str, extension: &str| files(&tests.join("guests").join(folder), extension);
    let wasm = |folder: &Path, names: BTreeMap<String, PathBuf>| {
        names
            .into_keys()
            .map(|name| (name.clone(), folder.join(format!("{name}.wasm"))))
            .collect()
    };
    list(
        &mut built,
        "component",
        wasm(&components, sources("components", "rs")),
    );
    list(
        &mut built,
        "command",
        wasm(&commands, sources("commands/src/bin", "rs")),
    );
    list(
        &mut built,
        "inference_command",
        wasm(&commands, sources("inference/src/bin", "rs")),
    );
    list(
        &mut built,
        "command_component",
        wasm(
            &guests.built(COMPONENT_TARGET),
            sources("commands/src/bin", "rs"),
        ),
    );
    list(
        &mut built,
        "example",
        wasm(
            &examples.built(COMPONENT_TARGET),
            packages(&examples.folder),
        ),
    );
    list(&mut built, "text", sources("wat", "wat"));
    list(&mut built, "c", sources("c", "c"));
    fs::write(out.join("built.rs"), built).expect("OUT_DIR can be written");
}

/// A workspace of guests, and where its build goes.
struct Workspace {
    folder: PathBuf,
    target_dir: PathBuf,
    flags: OsString,
}

impl Workspace {
    fn new(root: &Path, folder: &Path, target_dir: PathBuf) -> Self {
        // A later prefix wins, and the target folder can lie within the root.
        let mut flags = OsString::new();
        for (from, to) in [
            (cargo_home(), "/cargo"),
            (root.to_path_buf(), "/meterbox"),
            (target_dir.clone(), "/target"),
        ] {
            if !flags.is_empty() {
                flags.push("\u{1f}");
            }
            flags.push("--remap-path-prefix=");
            flags.push(from);
            flags.push("=");
            flags.push(to);
        }
        Self {
            folder: folder.to_path_buf(),
            target_dir,
            flags,
        }
    }

    fn build(&self, selection: &[&str], target: &str) {
        let mut cargo = Command::new(variable("CARGO"));
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(is_outer) {
                cargo.env_remove(name);
            }
        }
        cargo
            .current_dir(&self.folder)
            .args([
                "build",
                "--release",
                "--locked",
                "--target",
                target,
                "--target-dir",
            ])
            .arg(&self.target_dir)
            .args(selection)
            .env("CARGO_ENCODED_RUSTFLAGS", &self.flags);
        let status = cargo
            .status()
            .expect("the cargo that runs this script can be run again");
        assert!(
            status.success(),
            "the guests in {} could not be built for {target}: see the messages above",
            self.folder.display()
        );
    }

    fn built(&self, target: &str) -> PathBuf {
        self.target_dir.join(target).join("release")
    }
}

/// Whether a variable belongs to the outer build only.
fn is_outer(name: &str) -> bool {
    if CARGO_KEPT.iter().any(|kept| name.starts_with(kept)) {
        return false;
    }
    name.starts_with("CARGO")
        || name.starts_with("RUSTC")
        || name.starts_with("DEP_")
        || OUTER_ONLY.contains(&name)
}

/// Looks for the target's standard library: its absence would fail much later, in a dependency.
fn require_target(target: &str) {
    let output = Command::new(variable("RUSTC"))
        .args(["--print", "target-libdir", "--target", target])
        .output()
        .expect("the compiler that builds this script can be run");
    let folder = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && Path::new(folder.trim()).is_dir(),
        "the guests need the target {target}, which is not installed\n\
         hint: `rustup target add wasm32-wasip1 wasm32-wasip2`, or `cargo xtask test`"
    );
}

/// Writes a module of constants, one a guest. Whoever includes it has to use them all.
fn list(built: &mut String, module: &str, guests: BTreeMap<String, PathBuf>) {
    writeln!(built, "pub(crate) mod {module} {{").expect("a string can be written");
    for (name, path) in guests {
        assert!(
            path.is_file(),
            "the {module} guest `{name}` is not built as {}: its package does not list it",
            path.display()
        );
        writeln!(built, "    pub(crate) const {name}: &str = {path:?};")
            .expect("a string can be written");
    }
    built.push_str("}\n");
}

/// The files of a folder with this extension, by their names without it.
fn files(folder: &Path, extension: &str) -> BTreeMap<String, PathBuf> {
    entries(folder)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| (stem(&path), path))
        .collect()
}

/// The packages of a workspace, by the names of their libraries.
fn packages(workspace: &Path) -> BTreeMap<String, PathBuf> {
    entries(workspace)
        .into_iter()
        .filter(|path| path.join("Cargo.toml").is_file())
        .map(|path| (stem(&path).replace('-', "_"), path))
        .collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(folder).expect("the folder of guests can be read");
    listing
        .map(|entry| entry.expect("the folder of guests can be read").path())
        .collect()
}

fn stem(path: &Path) -> String {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    stem.expect("a guest's file name is text").to_string()
}

/// Has cargo run this again when a guest can have changed; their target folders are left out.
fn watch(root: &Path) {
    for path in [
        "Cargo.toml",
        "rust-toolchain.toml",
        "wit",
        "guest-sdk",
        "tests/build.rs",
        "tests/guests/Cargo.toml",
        "tests/guests/Cargo.lock",
        "tests/guests/c",
        "tests/guests/commands",
        "tests/guests/components",
        "tests/guests/inference",
        "tests/guests/wat",
        "examples/Cargo.toml",
        "examples/Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    for package in packages(&root.join("examples")).into_values() {
        for path in ["Cargo.toml", "src"] {
            println!("cargo::rerun-if-changed={}", package.join(path).display());
        }
    }
}

fn cargo_home() -> PathBuf {
    if let Some(home) = env::var_os("CARGO_HOME") {
        return PathBuf::from(home);
    }
    env::home_dir()
        .expect("cargo runs with a home folder")
        .join(".cargo")
}

fn variable(name: &str) -> OsString {
    env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name} for build scripts"))
}
