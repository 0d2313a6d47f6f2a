//! Runs the real `meterbox` as a user would: every command line is shown before its output. The one
//! place of xtask that knows how the program is built and called.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::project::Project;

/// The built program, with a data folder of its own.
pub struct Meterbox {
    root: PathBuf,
    program: PathBuf,
    home: PathBuf,
    printed: RefCell<String>,
}

/// What one call said on its standard output, and its exit code.
pub struct Said {
    /// Its standard output.
    pub stdout: String,
    /// Its exit code.
    pub code: i32,
}

impl Meterbox {
    /// Builds the program.
    pub fn build(project: &Project, home: &Path) -> Result<Self> {
        let program = project.build("meterbox")?;
        fs::create_dir_all(home)?;
        Ok(Self {
            root: project.root.clone(),
            program,
            home: home.to_path_buf(),
            printed: RefCell::default(),
        })
    }

    /// Where the program is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Prints, and remembers what was printed.
    pub fn print(&self, text: &str) {
        print!("{text}");
        self.printed.borrow_mut().push_str(text);
    }

    /// All that was printed so far: command lines, what they said, and what was printed beside.
    pub fn printed(&self) -> String {
        self.printed.borrow().clone()
    }

    /// Says how to run the same by hand.
    pub fn introduce(&self) {
        self.print(&format!(
            "$ alias meterbox={}\n$ export METERBOX_HOME={}\n",
            self.shown(&self.program),
            self.shown(&self.home)
        ));
    }

    /// Runs the program at the repository's root, and shows what it says: narration, then results.
    pub fn say(&self, arguments: &[&str]) -> Result<Said> {
        self.print(&format!("\n$ meterbox {}\n", arguments.join(" ")));
        let output = Command::new(&self.program)
            .args(arguments)
            .current_dir(&self.root)
            .env("METERBOX_HOME", &self.home)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("{} cannot be run", self.program.display()))?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        self.print(&String::from_utf8_lossy(&output.stderr));
        self.print(&stdout);
        let code = output.status.code().context("`meterbox` was killed")?;
        Ok(Said { stdout, code })
    }

    /// The same for a call that must end well.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let said = self.say(arguments)?;
        if said.code != 0 {
            bail!("`meterbox {}` exited with {}", arguments[0], said.code);
        }
        Ok(said.stdout)
    }

    /// The same for a call that must be refused, whose exit code is shown.
    pub fn refused(&self, arguments: &[&str]) -> Result<i32> {
        let said = self.say(arguments)?;
        if said.code == 0 {
            bail!("`meterbox {}` was not refused", arguments[0]);
        }
        self.print(&format!("[exit code {}]\n", said.code));
        Ok(said.code)
    }

    fn shown(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        path.display().to_string()
    }
}
