//! A flag for every limit, from the one list of limits that there is.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use meterbox_billing::limits::Limits;

use crate::count;

/// The limits that were given on the command line.
#[derive(Debug, Clone, Default)]
pub struct LimitFlags {
    given: Vec<(&'static str, u64)>,
}

impl LimitFlags {
    /// Sets the limits that were given.
    pub fn apply(&self, limits: &mut Limits) {
        for (field, value) in &self.given {
            limits
                .set(field, *value)
                .expect("the flags are made from the list of limits");
        }
    }
}

/// `memory_bytes` is `--limit-memory`; all others are named like their field.
fn flag(field: &str) -> String {
    let name = if field == "memory_bytes" {
        "memory"
    } else {
        field
    };
    format!("limit-{}", name.replace('_', "-"))
}

impl Args for LimitFlags {
    fn augment_args(command: Command) -> Command {
        let defaults = Limits::default();
        Limits::FIELDS.iter().fold(command, |command, field| {
            let about = Limits::about(field).unwrap_or_default();
            let default = defaults.get(field).unwrap_or_default();
            command.arg(
                Arg::new(*field)
                    .long(flag(field))
                    .value_name(if field.contains("bytes") { "SIZE" } else { "N" })
                    .value_parser(count::parse)
                    .help_heading("Limits")
                    .help(format!("{about} [default: {default}]")),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for LimitFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = LimitFlags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.given = Limits::FIELDS
            .iter()
            .filter_map(|field| matches.get_one::<u64>(field).map(|value| (*field, *value)))
            .collect();
        Ok(())
    }
}
