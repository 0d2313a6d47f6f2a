//! Proves that an export that is killed leaves nothing that looks whole, and is made to its end by the same command.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use meterbox_export::file::{Existing, export_to_path};
use meterbox_export::format::Format;
use meterbox_export::options::{Grain, Options};

mod sample;

use sample::Sample;

/// Tells the child, which is this test once more, where to write.
const CHILD: &str = "METERBOX_EXPORT_TEST_CHILD";
/// Enough for several pieces and row groups: what is killed has written some of it.
const CHARGES: u64 = 5_000;
/// How often it is killed: when a quarter of its bytes are there, and so on.
const ROUNDS: u64 = 4;

fn write(format: Format, path: &Path) {
    let options = Options {
        grain: Grain::Receipt,
        ..Options::default()
    };
    // Two months, from the first quarter on in the second.
    let sample = Sample::new(3, 4_000);
    let records = sample.records(CHARGES);
    export_to_path(format, records, &options, path, Existing::Refuse).unwrap();
}

fn files(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if let Ok(metadata) = entry.metadata() {
            found.insert(path, metadata.len());
        }
    }
    found
}

fn child(test: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(CHILD, path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills the child when it has written so many bytes; says whether it was still at work.
fn kill_at(mut child: Child, folder: &Path, bytes: u64) -> bool {
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if files(folder).values().sum::<u64>() >= bytes {
            child.kill().unwrap();
            return !child.wait().unwrap().success();
        }
        std::thread::yield_now();
    }
}

fn check(test: &str, format: Format, whole: &str) {
    if let Some(path) = std::env::var_os(CHILD) {
        return write(format, Path::new(&path));
    }
    let expected = tempfile::tempdir().unwrap();
    write(format, &expected.path().join("out"));
    let expected: Vec<_> = files(&expected.path().join("out"))
        .into_keys()
        .chain(
            [expected.path().join("out")]
                .into_iter()
                .filter(|path| path.is_file()),
        )
        .map(|path| fs::read(path).unwrap())
        .collect();
    let bytes: u64 = expected
        .iter()
        .map(|file| u64::try_from(file.len()).unwrap())
        .sum();
    let mut killed = 0;
    for round in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let was_killed = kill_at(child(test, &path), folder.path(), bytes * round / ROUNDS);
        if was_killed {
            killed += 1;
            assert!(!folder.path().join(whole).exists(), "round {round}");
            write(format, &path);
        }
        let found = files(folder.path());
        // A hidden file that a kill left beside its own is no part of the export.
        let is_hidden = |path: &&PathBuf| path.file_name().unwrap().as_encoded_bytes()[0] == b'.';
        let found = found.keys().filter(|path| !is_hidden(path));
        let found: Vec<_> = found.map(|path| fs::read(path).unwrap()).collect();
        assert!(found == expected, "round {round}");
    }
    assert!(
        killed >= 3,
        "only {killed} of 8 were killed while they wrote"
    );
}

#[test]
fn a_killed_file_is_not_there() {
    check("a_killed_file_is_not_there", Format::FocusCsv, "out");
}

#[test]
fn a_killed_folder_has_no_manifest() {
    check(
        "a_killed_folder_has_no_manifest",
        Format::Partitions,
        "out/manifest.json",
    );
}
