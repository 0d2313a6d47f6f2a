//! Programs in files: those that the differential tests keep, and the guests that are written in text.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use meterbox_differential::engine::Wasmtime;
use wasmparser::{Encoding, Payload, TypeRef};

use super::{Origin, Programs};

/// The folders, from the root.
const FOLDERS: [&str; 2] = ["tests/differential/corpus", "tests/guests/wat"];

/// Adds all modules there whose imports every engine can be given.
///
/// # Errors
/// If a folder cannot be read.
pub fn add(programs: &mut Programs, root: &Path, planner: &Wasmtime) -> Result<()> {
    for folder in FOLDERS {
        for file in files(&root.join(folder))? {
            let name = file.strip_prefix(root).unwrap_or(&file).display();
            let name = name.to_string();
            match module(&file) {
                Ok(wasm) => programs.add(name, Origin::Corpus, &wasm, planner),
                Err(error) => programs.leave_out(name, &error),
            }
        }
    }
    Ok(())
}

/// The programs of a folder, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("the folder {} cannot be read", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|name| name == "wat") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn module(file: &Path) -> Result<Vec<u8>> {
    let wasm = wat::parse_file(file)?;
    for payload in wasmparser::Parser::new(0).parse_all(&wasm) {
        match payload? {
            Payload::Version {
                encoding: Encoding::Component,
                ..
            } => anyhow::bail!("it is a component"),
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    let known = import.module == meterbox_differential::host::MODULE
                        && matches!(import.ty, TypeRef::Func(_));
                    anyhow::ensure!(known, "it imports from `{}`", import.module);
                }
            }
            _ => {}
        }
    }
    Ok(wasm)
}
