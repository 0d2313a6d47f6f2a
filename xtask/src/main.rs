//! The project's own commands: reads which one, and hands over to the file of that name.
#![allow(
    clippy::print_stdout,
    reason = "a command line of its own, which speaks to whoever runs it"
)]

mod bench;
mod checks;
mod compare;
mod conformance;
mod counts;
mod cross_check;
mod demo;
mod drawn_models;
mod examples;
mod foreign_check;
mod fuzz;
mod gpu_check;
mod lints;
mod meterbox;
mod models;
mod onnx_tests;
mod packages;
mod project;
mod session;
mod setup;
mod spec;
mod test;
mod verify_page;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use project::Project;

/// Build, check and show Meterbox.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every check: what CI runs, with a count at the end.
    #[command(after_help = "Example:\n  cargo xtask test --no-foreign")]
    Test(test::Arguments),
    /// Run a real job, from its source code to a receipt that is verified.
    #[command(after_help = "Example:\n  cargo xtask demo ocr")]
    Demo(demo::Arguments),
    /// Bring the models that are too large for the repository.
    Models,
    /// Run the examples' models natively in Python as well, and compare.
    #[command(after_help = "Example:\n  cargo xtask compare speech")]
    Compare(compare::Arguments),
    /// Measure, all or one.
    #[command(after_help = "Example:\n  cargo xtask bench start")]
    Bench(bench::Arguments),
    /// Look for inputs on which the meter is wrong, with all fuzz targets or one.
    #[command(after_help = "Example:\n  cargo xtask fuzz two_implementations --seconds 600")]
    Fuzz(fuzz::Arguments),
    /// Have tools that nobody here wrote check receipts, the log, exports and invoices.
    #[command(after_help = "Example:\n  cargo xtask foreign-check journals")]
    ForeignCheck(foreign_check::Arguments),
    /// Run the same metered programs on many engines, and compare all that they did.
    #[command(after_help = "Example:\n  cargo xtask cross-check --only v8 --programs 100")]
    CrossCheck(cross_check::Arguments),
    /// Run what libraries of C, Go and Python offer here and in the sandbox, and compare.
    Conformance,
    /// Compare what is said of ONNX's node tests and standard networks with what others say of them.
    Counts,
    /// Run ONNX's node tests on every backend, and count what is right, refused and wrong.
    #[command(after_help = "Example:\n  cargo xtask onnx-tests --only tract --name attention")]
    OnnxTests(onnx_tests::Arguments),
    /// Draw models of many nodes by chance, and compare what the engines make of them.
    #[command(after_help = "Example:\n  cargo xtask drawn-models --models 5000 --first 70001")]
    DrawnModels(drawn_models::Arguments),
    /// Try all of it on an NVIDIA GPU, or make a folder for a machine that has one.
    #[command(after_help = "Example:\n  cargo xtask gpu-check --prepare")]
    GpuCheck(gpu_check::Arguments),
    /// Write the page that verifies receipts in a browser.
    VerifyPage(verify_page::Arguments),
    /// Write the tables of the documents anew, from the code.
    Spec,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = Project::find().and_then(|project| match &arguments.command {
        Command::Test(arguments) => test::run(&project, arguments),
        Command::Demo(arguments) => demo::run(&project, arguments),
        Command::Models => models::run(&project),
        Command::Compare(arguments) => compare::run(&project, arguments),
        Command::Bench(arguments) => bench::run(&project, arguments),
        Command::Fuzz(arguments) => fuzz::run(&project, arguments),
        Command::ForeignCheck(arguments) => foreign_check::run(&project, arguments),
        Command::CrossCheck(arguments) => cross_check::run(&project, arguments),
        Command::Conformance => conformance::run(&project),
        Command::Counts => counts::run(&project),
        Command::OnnxTests(arguments) => onnx_tests::run(&project, arguments),
        Command::DrawnModels(arguments) => drawn_models::run(&project, arguments),
        Command::GpuCheck(arguments) => gpu_check::run(&project, arguments),
        Command::VerifyPage(arguments) => verify_page::run(&project, arguments),
        Command::Spec => spec::run(&project),
    });
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
