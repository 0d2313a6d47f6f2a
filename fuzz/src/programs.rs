//! Programs to begin with, beside those that are kept: the ones that the two implementations are compared on.

use std::fs;
use std::path::Path;

/// Compiles the programs of `tests/differential/corpus` into `corpus/programs`, where `cargo xtask fuzz` looks
/// for them: no bytes are drawn before.
///
/// # Panics
/// If one is no program, or cannot be written.
pub fn write() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let to = root.join("corpus/programs");
    fs::create_dir_all(&to).expect("a folder of our own");
    let from = root.join("../tests/differential/corpus");
    for program in fs::read_dir(from).expect("the programs are there") {
        let program = program.expect("as the others").path();
        let wasm = wat::parse_file(&program).expect("tests read it too");
        let name = program.file_stem().expect("a file has a name");
        fs::write(to.join(name), wasm).expect("a folder of our own");
    }
}
