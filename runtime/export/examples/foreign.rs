//! Writes a sample in every format to a folder, for the foreign tools of `tests/foreign` to look at.
//!
//! `cargo run -p meterbox-export --example foreign -- FOLDER`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use meterbox_export::file::{Existing, export_to_path};
use meterbox_export::format::Format;
use meterbox_export::options::{FocusVersion, Grain, Options};

#[path = "../tests/sample/mod.rs"]
mod sample;

use sample::Sample;

const CHARGES: u64 = 2_000;
const REQUESTORS: u64 = 12;

fn write(folder: &Path, name: &str, format: Format, options: &Options) {
    let sample = Sample::new(REQUESTORS, 30_000);
    let path = folder.join(name);
    let records = sample.records(CHARGES);
    export_to_path(format, records, options, &path, Existing::Replace).unwrap();
    println!("{}", path.display());
}

fn main() {
    let folder: PathBuf = std::env::args_os()
        .nth(1)
        .expect("give the folder to write to")
        .into();
    std::fs::create_dir_all(&folder).unwrap();
    let customers = (0..REQUESTORS).map(|n| (sample::key(n).to_string(), format!("cus_{n}")));
    let hour = Options {
        provider_name: "Example Provider".to_owned(),
        customers: customers.collect(),
        ..Options::default()
    };
    let receipt = Options {
        grain: Grain::Receipt,
        ..hour.clone()
    };
    for format in Format::ALL {
        let ending = match format {
            Format::FocusCsv => ".csv",
            Format::FocusParquet => ".parquet",
            Format::Csv | Format::Parquet | Format::JsonLines => "",
            Format::Hledger | Format::Ledger => ".journal",
            Format::Prometheus | Format::OpenMetrics => ".txt",
            Format::CloudEvents | Format::Lago | Format::Stripe | Format::Golem => ".jsonl",
            Format::Beancount | Format::Partitions | Format::FocusPartitions => "",
        };
        let name = match format {
            Format::Csv | Format::Parquet | Format::JsonLines => format!("raw.{format}"),
            Format::Beancount => "journal.beancount".to_owned(),
            _ => format!("{format}{ending}"),
        };
        write(&folder, &name, *format, &hour);
        if !matches!(
            format,
            Format::Csv | Format::Parquet | Format::JsonLines | Format::Partitions
        ) {
            write(&folder, &format!("single-{name}"), *format, &receipt);
        }
    }
    for (name, options) in [("focus-1.4", &hour), ("single-focus-1.4", &receipt)] {
        let options = Options {
            focus: FocusVersion::V1_4,
            ..options.clone()
        };
        write(&folder, &format!("{name}.csv"), Format::FocusCsv, &options);
        write(
            &folder,
            &format!("{name}.parquet"),
            Format::FocusParquet,
            &options,
        );
    }
}
