//! Starts the `meterbox` binary in a folder and a home of its own. Asserts nothing by itself but that
//! it starts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A user: a home, and a folder to work in.
pub struct User {
    folder: TempDir,
}

/// What a run of the binary came to.
#[derive(Debug)]
pub struct Ran {
    pub exit: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl User {
    pub fn new() -> User {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("work")).unwrap();
        User { folder }
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A path in the working folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("work").join(name)
    }

    /// Writes a file in the working folder.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// The binary with these arguments, in an environment that says nothing of this machine.
    pub fn command<I: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
    ) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meterbox"));
        command
            .args(arguments)
            .current_dir(self.folder.path().join("work"))
            .env_clear()
            .env("METERBOX_HOME", self.home())
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub fn meterbox<I: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
    ) -> Ran {
        let output = self.command(arguments).output().unwrap();
        Ran {
            exit: output.status.code().expect("it ends by itself"),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a job, and gives its report and its receipt's file.
    pub fn run(&self, program: &Path, arguments: &[&str]) -> Report {
        let number = fs::read_dir(self.folder.path().join("work"))
            .unwrap()
            .count();
        let (report, receipt) = (
            self.path(&format!("report-{number}.json")),
            self.path(&format!("receipt-{number}.json")),
        );
        let mut all: Vec<&std::ffi::OsStr> = vec!["run".as_ref(), program.as_os_str()];
        all.extend([
            "--report".as_ref(),
            report.as_os_str(),
            "--receipt".as_ref(),
            receipt.as_os_str(),
        ]);
        all.extend(arguments.iter().map(std::ffi::OsStr::new));
        let ran = self.meterbox(all);
        let json = match fs::read(&report) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap(),
            Err(_) => panic!("no report: {ran:?}"),
        };
        Report { ran, json, receipt }
    }
}

/// A job that ended with a receipt.
#[derive(Debug)]
pub struct Report {
    pub ran: Ran,
    pub json: Value,
    pub receipt: PathBuf,
}

impl Report {
    pub fn outcome(&self) -> &str {
        self.json["outcome"]["kind"].as_str().unwrap()
    }

    pub fn used(&self, meter: &str) -> u128 {
        self.json["usage"][meter].as_str().unwrap().parse().unwrap()
    }

    /// The `reproducible` part's canonical bytes, as the binary prints them.
    pub fn reproducible(&self, user: &User) -> Vec<u8> {
        let shown = user.meterbox([
            "receipt",
            "show",
            self.receipt.to_str().unwrap(),
            "--format",
            "reproducible",
        ]);
        assert_eq!(shown.exit, 0, "{shown:?}");
        shown.stdout
    }
}

impl Ran {
    pub fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// Fails unless it ended with this code, and stderr says this in the form of an error.
    pub fn refused(&self, exit: i32, says: &str) {
        assert_eq!(self.exit, exit, "{self:?}");
        assert!(
            self.stderr.starts_with("error: ") || self.stderr.contains("\nerror: "),
            "{self:?}"
        );
        assert!(self.stderr.contains(says), "expected {says:?} in {self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
    }
}
