//! `meterbox key`: makes and shows keys.

use std::path::Path;

use clap::{Subcommand, ValueEnum};

use crate::Ended;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::{Home, Role};
use crate::ui::Ui;

/// Make and show keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key; never overwrites one
    #[command(after_help = "Example:\n  meterbox key new --role requestor")]
    New {
        /// Whose key
        #[arg(long, value_enum, default_value = "provider")]
        role: Role,
    },
    /// Show the public key
    #[command(after_help = "Example:\n  meterbox key show --format pem > provider.pem")]
    Show {
        /// Whose key
        #[arg(long, value_enum, default_value = "provider")]
        role: Role,
        /// As hexadecimal text, or as PEM for other tools
        #[arg(long, value_enum, default_value = "hex")]
        format: KeyFormat,
    },
}

/// How a public key is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyFormat {
    /// 64 hexadecimal digits.
    #[value(alias = "text")]
    Hex,
    /// SubjectPublicKeyInfo, RFC 8410.
    Pem,
}

/// Makes or shows a key.
pub fn run(command: &KeyCommand, home: Option<&Path>, ui: &Ui) -> Ended {
    let home = Home::find(home)?;
    let unusable = |error: meterbox_billing::key::KeyError| {
        Failure::caused(Exit::File, "the key cannot be used", &error)
    };
    match command {
        KeyCommand::New { role } => {
            let key = home.new_key(*role)?;
            ui.say(&format!("made a key for the {role:?}").to_lowercase());
            crate::ui::print(&format!("{}\n", key.public().map_err(unusable)?))?;
        }
        KeyCommand::Show { role, format } => {
            let key = home.key(*role)?.ok_or_else(|| {
                Failure::new(
                    Exit::File,
                    format!("there is no key for the {role:?}").to_lowercase(),
                )
                .hint(format!("make one with `meterbox key new --role {role:?}`").to_lowercase())
            })?;
            let public = key.public().map_err(unusable)?;
            match format {
                KeyFormat::Hex => crate::ui::print(&format!("{public}\n"))?,
                KeyFormat::Pem => crate::ui::print(&public.to_pem().map_err(unusable)?)?,
            }
        }
    }
    Ok(Exit::Ok)
}
