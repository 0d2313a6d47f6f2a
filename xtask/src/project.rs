//! Knows where the repository and its target folder are, and starts cargo in it. Checks nothing.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::setup;

/// What every command on the whole workspace compiles: all of the SDK, and an engine that only `cross-check` runs.
const FEATURES: &str = "meterbox-guest/all,meterbox-cross-check/wasmi";

/// The repository on this machine.
pub struct Project {
    /// Its root.
    pub root: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
    cargo: OsString,
}

impl Project {
    /// The repository that this program was built from.
    pub fn find() -> Result<Self> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("this package lies in the repository")?;
        let output = Command::new(&cargo)
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(root)
            .output()
            .context("cargo cannot be run")?;
        ensure!(
            output.status.success(),
            "cargo does not understand the workspace: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let target = metadata["target_directory"]
            .as_str()
            .context("cargo does not say where it builds")?;
        Ok(Self {
            root: root.to_path_buf(),
            target: target.into(),
            cargo,
        })
    }

    /// A cargo command at the root.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.cargo);
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// A cargo command on the whole workspace. All have the same features, and lints on the way, so that nothing is
    /// compiled twice, neither for another command nor for lints.
    pub fn cargo_workspace(&self, command: &str) -> Command {
        let mut cargo = self.cargo(&[command, "--workspace", "--features", FEATURES]);
        cargo.env("RUSTC_WORKSPACE_WRAPPER", self.root.join("xtask/linted.sh"));
        cargo
    }

    /// Builds a program of the workspace's, and all guests, as the tests do: a test target beside it makes cargo unite
    /// the features of what it depends on.
    pub fn build(&self, program: &str) -> Result<PathBuf> {
        setup::targets(self, &setup::GUEST_TARGETS)?;
        let status = self
            .cargo_workspace("build")
            .args(["--bin", program, "--test", "documents"])
            .status()
            .context("cargo cannot be run")?;
        ensure!(
            status.success(),
            "`{program}` and the guests could not be built: see the messages above"
        );
        Ok(self.program(program))
    }

    /// Where a program of the workspace's is, once it is built.
    pub fn program(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(name)
    }

    /// A path as it is shown: from the root where it lies within.
    pub fn shown(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        path.display().to_string()
    }
}
