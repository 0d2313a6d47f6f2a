//! Compiles the C programs among the guests, with the compiler that PyPI's `ziglang` brings.
//! Without it there is none, which a test reports as skipped.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output};
use std::sync::Mutex;

use crate::built;

/// The programs that there are, and their sources.
const SOURCES: [(&str, &str); 4] = [
    ("exit3", built::c::exit3),
    ("files", built::c::files),
    ("plain", built::c::plain),
    ("trap_after_loop", built::c::trap_after_loop),
];

/// One compiler at a time: the first builds the C library, which the others would wait for anyway.
static COMPILER: Mutex<()> = Mutex::new(());

/// Compiles a C program to a WASI 0.1 command and says where it is; once for all tests.
///
/// - `exit3` exits with code 3.
/// - `files` does to files in `/tmp`, or the folder that its argument names, what C's library offers,
///   and prints what came of each.
/// - `plain` sorts the numbers on its standard input and prints them with their mean.
/// - `trap_after_loop` works for as many rounds as its argument says, prints the result, and traps
///   by a read beyond its memory.
///
/// The interpreter that has `ziglang` is the one that `METERBOX_PYTHON` names, or `python3`.
///
/// # Errors
/// The reason to skip the test: there is no such compiler.
///
/// # Panics
/// If there is no such program, or if the compiler refuses it.
pub fn c_program(name: &str) -> Result<PathBuf, String> {
    let (_, source) = SOURCES
        .into_iter()
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("there is no C program `{name}` in tests/guests/c"));
    let folder = Path::new(env!("OUT_DIR")).join("c");
    let program = folder.join(format!("{name}.wasm"));
    let python = env::var_os("METERBOX_PYTHON").unwrap_or_else(|| OsString::from("python3"));
    check_compiler(&python)?;

    // A test that failed while it compiled leaves nothing half done behind.
    let _one = COMPILER
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if !is_newer(&program, Path::new(source)) {
        fs::create_dir_all(&folder).expect("the build folder can be written");
        // Other processes may compile the same: whoever is last replaces it by the same bytes.
        let fresh = folder.join(format!("{name}.{}.wasm", process::id()));
        compile(&python, Path::new(source), &fresh, &folder);
        fs::rename(&fresh, &program).expect("the build folder can be written");
    }
    Ok(program)
}

fn check_compiler(python: &OsString) -> Result<(), String> {
    let python_name = python.to_string_lossy();
    match Command::new(python)
        .args(["-m", "ziglang", "version"])
        .output()
    {
        Ok(Output { status, .. }) if status.success() => Ok(()),
        Ok(_) => Err(format!(
            "no C compiler: `{python_name}` has no module `ziglang`; \
             install it, or name an interpreter that has it in METERBOX_PYTHON"
        )),
        Err(error) => Err(format!(
            "no C compiler: `{python_name}` cannot be run: {error}"
        )),
    }
}

fn compile(python: &OsString, source: &Path, program: &Path, folder: &Path) {
    let cache = folder.join("cache");
    let output = Command::new(python)
        .args(["-m", "ziglang", "cc", "-target", "wasm32-wasi", "-O2", "-o"])
        .arg(program)
        .arg(source)
        // Beside the programs, not in the home of whoever runs the tests.
        .env("ZIG_GLOBAL_CACHE_DIR", &cache)
        .env("ZIG_LOCAL_CACHE_DIR", &cache)
        .output()
        .expect("the interpreter ran a moment ago");
    assert!(
        output.status.success(),
        "{} does not compile: {}",
        source.display(),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn is_newer(program: &Path, source: &Path) -> bool {
    let modified = |path: &Path| {
        fs::metadata(path)
            .and_then(|metadata| metadata.modified())
            .ok()
    };
    matches!((modified(program), modified(source)), (Some(program), Some(source)) if program > source)
}
