//! Writes a million synthetic charges in one format, and says how long it took. The charges are made as they
//! are asked for; `none` makes them and writes nothing, so that what they cost can be taken off.
//!
//! `cargo run --release -p meterbox-export --example million -- focus-csv hour OUT [CHARGES]`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::Instant;

use meterbox_export::file::{Existing, export_to_path};
use meterbox_export::options::Options;

#[path = "../tests/sample/mod.rs"]
mod sample;

use sample::Sample;

const CHARGES: u64 = 1_000_000;
const REQUESTORS: u64 = 200;
/// A million of them fill a month.
const STEP_MS: u64 = 2_592;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [format, grain, out, more @ ..] = arguments.as_slice() else {
        panic!("give the format, the grain and the file to write to");
    };
    let charges = more.first().map_or(CHARGES, |count| count.parse().unwrap());
    let sample = Sample::new(REQUESTORS, STEP_MS);
    let begin = Instant::now();
    if format == "none" {
        let lines: usize = (0..charges).map(|n| sample.charge(n).lines.len()).sum();
        println!("{lines} lines made in {:?}", begin.elapsed());
        return;
    }
    let options = Options {
        grain: grain.parse().unwrap(),
        ..Options::default()
    };
    let records = sample.records(charges);
    let path = PathBuf::from(out);
    let format = format.parse().unwrap();
    let summary = export_to_path(format, records, &options, &path, Existing::Replace).unwrap();
    println!(
        "{} charges in {:?}: {:?}",
        summary.charges,
        begin.elapsed(),
        summary.totals
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
        println!("peak memory {}", peak.trim());
    }
}
