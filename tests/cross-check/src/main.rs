//! Runs the same metered programs on many engines, and compares all that they did: rule M1. Started by
//! `cargo xtask cross-check`, which brings what this needs.

#![allow(
    clippy::print_stdout,
    reason = "a command line of its own, which speaks to whoever runs it"
)]

mod adapter;
mod answer;
mod check;
mod compare;
mod engine;
mod finding;
mod program;
mod protocol;
mod reason;
mod shape;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Compare metered programs on many engines.
#[derive(Parser)]
#[command(
    name = "cargo xtask cross-check",
    bin_name = "cargo xtask cross-check",
    after_help = "Example:\n  cargo xtask cross-check --only v8 --programs 100"
)]
struct Arguments {
    #[command(flatten)]
    check: check::Arguments,
    /// Only answer a request, with this engine in this process: what runs where this program is emulated.
    #[arg(long, hide = true, value_name = "ENGINE")]
    answer: Option<String>,
    /// The request and where the reply goes.
    #[arg(hide = true, requires = "answer", num_args = 2)]
    files: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match (&arguments.answer, arguments.files.as_slice()) {
        (Some(engine), [request, reply]) => {
            answer::run(engine, request, reply).map(|()| ExitCode::SUCCESS)
        }
        _ => check::run(&arguments.check),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("caused by: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Arguments::command().debug_assert();
    }
}
