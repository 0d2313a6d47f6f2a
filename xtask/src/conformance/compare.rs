//! Runs a program on this machine and in the sandbox, and compares what it prints and leaves.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::LIMIT;
use super::programs::Program;
use crate::meterbox::Meterbox;

/// What comparing found.
pub struct Compared {
    lines: usize,
    /// Lines and files that are not the same.
    pub differing: usize,
}

impl std::fmt::Display for Compared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Compared { lines, differing } = self;
        write!(f, "{lines} lines compared, {differing} differ")
    }
}

/// Runs the program here and there.
pub fn compare(
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
        .stdin(Stdio::null())
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
