//! Shows what differs, and keeps the programs that it differs on. Finds nothing itself.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::program::Program;

/// Programs that are shown of one engine, the first that differ: the rest are counted.
const SHOWN_MAX: usize = 10;

/// What was found of one engine.
pub struct Findings {
    /// Where programs are kept.
    folder: PathBuf,
    shown: usize,
}

impl Findings {
    /// None yet: what an earlier check left in the folder goes.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn new(folder: PathBuf) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        Ok(Self { folder, shown: 0 })
    }

    /// Prints what differs, and keeps the program, as it came and metered.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub fn show(&mut self, program: &Program, what: &str) -> Result<()> {
        self.shown += 1;
        if self.shown > SHOWN_MAX {
            return Ok(());
        }
        let name = program
            .name
            .replace(|letter: char| !letter.is_alphanumeric(), "-");
        let plain = self.folder.join(format!("{name}.wasm"));
        fs::create_dir_all(&self.folder)?;
        fs::write(&plain, &program.plain)?;
        fs::write(plain.with_extension("metered.wasm"), &program.metered)?;
        println!(
            "MISMATCH, {} ({}):\n  {what}",
            program.name,
            plain.display()
        );
        Ok(())
    }
}
