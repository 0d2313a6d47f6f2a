//! The table of what was compared: as text for a terminal, and as a document. Pure.

use std::fmt::Write as _;

use meterbox_meter::{METER_VERSION, SCHEDULE_VERSION};

use crate::compare::Row;
use crate::program::{Origin, Programs};

/// The table's text. The first row is the engine that the others were compared with.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| engine | version | programs | runs | skipped | mismatches |\n|---|---|---:|---:|---|---:|\n",
    );
    for row in rows {
        let (version, skipped) = match &row.absent {
            Some(why) => ("not here", format!("all: {why}")),
            None => (row.version.as_str(), skipped(row)),
        };
        let (skipped, engine) = (skipped.replace('|', "/"), &row.engine);
        let (programs, runs, mismatches) = (row.programs, row.runs, row.mismatches);
        let _ = writeln!(
            text,
            "| `{engine}` | {version} | {programs} | {runs} | {skipped} | {mismatches} |"
        );
    }
    text
}

fn skipped(row: &Row) -> String {
    let each = row.skipped.iter();
    let each: Vec<String> = each.map(|(why, count)| format!("{count}: {why}")).collect();
    match each.is_empty() {
        true => "none".to_owned(),
        false => each.join("; "),
    }
}

/// The whole document.
pub fn document(programs: &Programs, rows: &[Row]) -> String {
    let first = rows.first().cloned().unwrap_or_default();
    format!(
        "# The same counts on every engine\n\
         \n\
         Rule M1 of the [specification](../SPECIFICATION.md) says that counts do not depend on the engine. Here\n\
         the same metered programs ran on all of these, and every run was compared with that of the first row,\n\
         bit by bit: how it ended and what it returned, the units left, whether the stack was exhausted, the\n\
         pages grown and when, all exported globals, and all exported memories. Meter version {METER_VERSION}, cost\n\
         schedule {SCHEDULE_VERSION}.\n\
         \n\
         ```console\n\
         $ cargo xtask cross-check --write\n\
         ```\n\
         \n\
         {} programs were generated from fixed seeds, {} are kept in files, {} were compiled from Rust and C.\n\
         Of the {} runs, {} returned, {} trapped, {} ended by an exception, and {} by their limit.\n\
         \n\
         {}\n\
         A program is skipped by an engine that refuses it as it came, too: for want of a feature, with the\n\
         engine's own words in brackets. The versions of wasmtime from PyPI are spared programs that may throw\n\
         through a function of the host, which is Python's there. An engine that refuses only what the meter\n\
         wrote, or breaks, counts as a mismatch.\n\
         {}",
        programs.count(|origin| matches!(origin, Origin::Generated(_))),
        programs.count(|origin| origin == Origin::Corpus),
        programs.count(|origin| origin == Origin::Guest),
        first.runs,
        first.returned,
        first.trapped,
        first.exceptions,
        first.limited,
        table(rows),
        left_out(programs),
    )
}

fn left_out(programs: &Programs) -> String {
    let mut text = String::new();
    if !programs.left_out.is_empty() {
        text.push_str("\nLeft out on all engines:\n\n");
    }
    for (name, why) in &programs.left_out {
        let _ = writeln!(text, "- `{name}`: {why}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_is_not_there_is_listed_with_the_reason() {
        let mut here = Row::of("here".to_owned());
        here.version = "1.0".to_owned();
        here.skipped.insert("needs a|b".to_owned(), 2);
        let mut absent = Row::of("absent".to_owned());
        absent.absent = Some("there is no emulator".to_owned());
        let text = table(&[here, absent]);
        let rows: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| `here` | 1.0 | 0 | 0 | 2: needs a/b | 0 |",
                "| `absent` | not here | 0 | 0 | all: there is no emulator | 0 |",
            ]
        );
    }
}
