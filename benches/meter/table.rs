//! Tables of a report, as text for a terminal and as Markdown. Reads and writes no files.

use std::fmt::Write as _;

use crate::configuration::Configuration;
use crate::programs::Group;
use crate::report::{Report, geomean, max};

/// A table whose first column is text, and whose others are figures.
struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    /// How many rows at the end sum up the others.
    summary: usize,
}

/// The tables for a terminal.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    for (title, table) in tables(report) {
        writeln!(text, "{title}\n{}", table.text()).expect(WRITES);
    }
    text
}

/// The document of a report, beside which its picture lies.
pub fn markdown(report: &Report) -> String {
    let layouts = match layouts(report) {
        1 => "its one layout".to_owned(),
        layouts => format!("its {layouts} layouts"),
    };
    let mut text = format!(
        "# What metering costs\n\n\
         ![Time of each program with a meter against its time without one]({PICTURE})\n\n\
         Processor time against that of the same program without a meter (`plain`), on {processors} × \
         {processor}: of each layout the shortest of {rounds} executions, all configurations by turns; \
         of each program the median of {layouts}, which differ in where its code lies.\n\n\
         - `plain again`: no meter either. How far it is from 1 is how far to trust the others.\n\
         - `epochs`, `fuel`: the engine's own means to end a program.\n\
         - `fuel + NaN`: its fuel, and every NaN made canonical by the engine.\n\
         - `meter`: Meterbox's pass, floats left as the engine computes them.\n\
         - `meter + NaN`: Meterbox's pass with deterministic floats, as jobs run.\n\n\
         ```console\n$ cargo xtask bench meter -- --write docs\n```\n",
        processors = report.processors,
        processor = report.processor,
        rounds = report.rounds,
    );
    for (title, table) in tables(report) {
        writeln!(text, "\n## {title}\n\n{}", table.markdown().trim_end()).expect(WRITES);
    }
    text
}

/// The file of the picture.
pub const PICTURE: &str = "meter-benchmark.svg";

/// What sums up a column.
type Summary = fn(&[f64]) -> f64;

const SUMMARIES: [(&str, Summary); 2] = [("geomean", geomean), ("max", max)];

const WRITES: &str = "a string can be written";

fn layouts(report: &Report) -> usize {
    let layouts = report.programs.iter().map(|program| program.layouts.len());
    layouts.max().unwrap_or(0)
}

fn tables(report: &Report) -> Vec<(String, Table)> {
    let mut tables = Vec::new();
    for group in Group::ALL {
        if report.group(group).next().is_some() {
            tables.push((group.title().to_owned(), times(report, group)));
        }
    }
    tables.push(("Machine code, and the pass".to_owned(), passes(report)));
    if !report.growth.is_empty() {
        tables.push((
            "The pass on a part of the largest module".to_owned(),
            growth(report),
        ));
    }
    tables
}

fn times(report: &Report, group: Group) -> Table {
    let mut head = vec!["program".to_owned(), "plain, ms".to_owned()];
    head.extend(Configuration::COMPARED.map(|configuration| configuration.title().to_owned()));
    let mut rows: Vec<Vec<String>> = report
        .group(group)
        .map(|program| {
            let mut row = vec![program.name.clone(), format!("{:.1}", program.plain_ms())];
            row.extend(Configuration::COMPARED.map(|at| ratio(program.time_ratio(at))));
            row
        })
        .collect();
    for (name, summary) in SUMMARIES {
        let mut row = vec![name.to_owned(), String::new()];
        row.extend(
            Configuration::COMPARED.map(|at| ratio(summary(&report.time_ratios(group, at)))),
        );
        rows.push(row);
    }
    Table {
        head,
        rows,
        summary: SUMMARIES.len(),
    }
}

/// A row for each module.
fn passes(report: &Report) -> Table {
    let metered = [Configuration::Meter, Configuration::MeterCanonical];
    let head = [
        "module",
        "wasm, KiB",
        "code, KiB",
        "code, meter",
        "code, meter + NaN",
        "compile, ms",
        "pass, ms",
        "pass / compile",
    ];
    let mut rows = Vec::new();
    for pass in &report.passes {
        let program = report
            .programs
            .iter()
            .find(|program| program.module == pass.module)
            .expect("each module has a program");
        let code_bytes = program.layouts[0].of(Configuration::Plain).code_bytes;
        let mut row = vec![
            pass.module.clone(),
            format!("{:.1}", pass.wasm_bytes as f64 / 1024.0),
            format!("{:.1}", code_bytes as f64 / 1024.0),
        ];
        row.extend(metered.map(|at| ratio(program.code_ratio(at))));
        row.push(format!("{:.2}", pass.compile_ns as f64 / 1e6));
        row.push(format!("{:.3}", pass.pass_ns as f64 / 1e6));
        row.push(format!("{:.1} %", pass.part() * 100.0));
        rows.push(row);
    }
    for (name, summary) in SUMMARIES {
        let mut row = vec![name.to_owned(), String::new(), String::new()];
        row.extend(metered.map(|at| {
            let ratios = Group::ALL.map(|group| report.code_ratios(group, at));
            ratio(summary(&ratios.concat()))
        }));
        let parts: Vec<f64> = report.passes.iter().map(|pass| pass.part()).collect();
        row.extend([String::new(), String::new()]);
        row.push(format!("{:.1} %", summary(&parts) * 100.0));
        rows.push(row);
    }
    Table {
        head: head.map(str::to_owned).to_vec(),
        rows,
        summary: SUMMARIES.len(),
    }
}

fn growth(report: &Report) -> Table {
    let row = |(quarters, growth): (usize, &crate::report::Growth)| {
        vec![
            format!("{} %", quarters * 25),
            format!("{:.2}", growth.function_bytes as f64 / 1e6),
            format!("{:.1}", growth.pass_ns as f64 / 1e6),
            format!("{:.1}", growth.ms_per_mb()),
        ]
    };
    Table {
        head: ["functions", "their code, MB", "pass, ms", "ms / MB"]
            .map(str::to_owned)
            .to_vec(),
        rows: (1..).zip(&report.growth).map(row).collect(),
        summary: 0,
    }
}

fn ratio(value: f64) -> String {
    format!("{value:.3}")
}

impl Table {
    fn text(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.head]).map(|row| &row[column]);
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let line = |row: &[String]| {
            let mut line = format!("  {:<width$}", row[0], width = widths[0]);
            for (cell, width) in row.iter().zip(&widths).skip(1) {
                write!(line, "  {cell:>width$}").expect(WRITES);
            }
            line.trim_end().to_owned() + "\n"
        };
        let mut text = line(&self.head);
        for (at, row) in self.rows.iter().enumerate() {
            if self.summary > 0 && at == self.rows.len() - self.summary {
                let all = widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
                writeln!(text, "  {}", "-".repeat(all)).expect(WRITES);
            }
            text += &line(row);
        }
        text
    }

    fn markdown(&self) -> String {
        let line = |row: &[String]| format!("| {} |\n", row.join(" | "));
        let mut text = line(&self.head);
        text += &format!("|---|{}\n", "---:|".repeat(self.head.len() - 1));
        for (at, row) in self.rows.iter().enumerate() {
            let is_summary = at + self.summary >= self.rows.len();
            let bold = |cell: &String| match is_summary && !cell.is_empty() {
                true => format!("**{cell}**"),
                false => cell.clone(),
            };
            text += &line(&row.iter().map(bold).collect::<Vec<_>>());
        }
        text
    }
}
