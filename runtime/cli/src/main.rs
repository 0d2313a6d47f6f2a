//! The `meterbox` command: reads its arguments, calls one command, and exits with its code.
#![allow(
    clippy::print_stdout,
    reason = "the command line is who speaks on stdout"
)]

mod commands;
mod count;
mod engine;
mod exit;
mod failure;
mod home;
mod job_file;
mod limit_flags;
mod ordering;
mod program;
mod rates;
mod report;
mod ui;
mod workers;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::exit::Exit;
use crate::ui::Ui;

/// Run a stranger's WebAssembly, meter it, and bill it so that anyone can check.
#[derive(Parser)]
#[command(
    name = "meterbox",
    version,
    after_help = "Example:\n  meterbox run job.toml --out results --receipt receipt.json\n  meterbox receipt verify receipt.json --key $(meterbox key show)",
    after_long_help = exit::HELP
)]
struct Arguments {
    /// The folder of keys, store and ledger [default: $XDG_DATA_HOME/meterbox or ~/.local/share/meterbox]
    #[arg(
        long,
        global = true,
        env = "METERBOX_HOME",
        value_name = "DIR",
        hide_env_values = true
    )]
    home: Option<std::path::PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(Box<commands::run::RunArguments>),
    Doctor(commands::doctor::DoctorArguments),
    /// Compile and run programs for another `meterbox`, which starts this by itself
    #[command(hide = true)]
    Worker {
        /// How hard the compiler tries
        opt_level: String,
    },
    Quote(commands::quote::QuoteArguments),
    Meter(commands::meter::MeterArguments),
    Inspect(commands::inspect::InspectArguments),
    Profile(commands::profile::ProfileArguments),
    #[command(subcommand)]
    Model(commands::model::ModelCommand),
    #[command(subcommand)]
    Key(commands::key::KeyCommand),
    #[command(subcommand)]
    Receipt(commands::receipt::ReceiptCommand),
    #[command(subcommand)]
    Transcript(commands::transcript::TranscriptCommand),
    #[command(subcommand)]
    Audit(commands::audit::AuditCommand),
    #[command(subcommand)]
    Ledger(commands::ledger::LedgerCommand),
    #[command(subcommand)]
    Log(commands::log::LogCommand),
    #[command(subcommand)]
    Rates(commands::rates::RatesCommand),
    #[command(subcommand)]
    Billing(commands::billing::BillingCommand),
}

/// What every command comes to.
type Ended = Result<Exit, failure::Failure>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !matches!(arguments.command, Command::Worker { .. }) {
        // SAFETY: this process has started no thread yet.
        unsafe { meterbox_inference::silence_libraries() };
    }
    let ui = Ui::new();
    let home = arguments.home.as_deref();
    let ended = match arguments.command {
        Command::Run(arguments) => commands::run::run(&arguments, home, &ui),
        Command::Doctor(arguments) => commands::doctor::run(&arguments),
        Command::Worker { opt_level } => workers::serve(opt_level),
        Command::Quote(arguments) => commands::quote::run(&arguments),
        Command::Meter(arguments) => commands::meter::run(&arguments),
        Command::Inspect(arguments) => commands::inspect::run(&arguments),
        Command::Profile(arguments) => commands::profile::run(&arguments, home, &ui),
        Command::Model(command) => commands::model::run(&command),
        Command::Key(command) => commands::key::run(&command, home, &ui),
        Command::Receipt(command) => commands::receipt::run(&command, home, &ui),
        Command::Transcript(command) => commands::transcript::run(&command, home),
        Command::Audit(command) => commands::audit::run(&command),
        Command::Ledger(command) => commands::ledger::run(&command, home, &ui),
        Command::Log(command) => commands::log::run(&command, home),
        Command::Rates(command) => commands::rates::run(&command, home, &ui),
        Command::Billing(command) => commands::billing::run(&command, home, &ui),
    };
    let exit = ended.unwrap_or_else(|failure| {
        ui.failure(&failure);
        failure.exit
    });
    ExitCode::from(exit as u8)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        super::Arguments::command().debug_assert();
    }

    #[test]
    fn the_help_lists_every_exit_code() {
        for (exit, _) in crate::exit::Exit::ALL {
            assert!(
                crate::exit::HELP.contains(&format!("\n  {:>2}  ", *exit as u8)),
                "{exit:?}"
            );
        }
    }
}
