//! Answers a request with an engine of this process: the other side of [`protocol`](crate::protocol), in
//! Rust. Compares nothing.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::engine;
use crate::protocol::{Replied, Reply, Request};

/// Reads the request, and writes the reply.
///
/// # Errors
/// If there is no such engine, or one of the files is not as it has to be.
pub fn run(engine: &str, request: &Path, reply: &Path) -> Result<()> {
    let mut engine = engine::in_this_process(engine)
        .with_context(|| format!("there is no engine `{engine}` in this process"))?;
    let request: Request = serde_json::from_slice(&fs::read(request)?)?;
    let version = engine.version()?;
    let answers = engine.answer(&request.programs()?)?;
    let answer = Reply {
        version,
        programs: answers.iter().map(Replied::of).collect(),
    };
    fs::write(reply, serde_json::to_vec(&answer)?)?;
    Ok(())
}
