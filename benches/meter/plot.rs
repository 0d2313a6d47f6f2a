//! Draws a report as SVG: a row for each program, a mark for each configuration, and a line at each
//! configuration's geometric mean. Reads and writes no files.

use std::fmt::Write as _;

use crate::configuration::Configuration;
use crate::programs::Group;
use crate::report::{ProgramReport, Report, geomean};

const WIDTH: f64 = 880.0;
/// Where the scale begins and ends; names stand before it.
const LEFT: f64 = 180.0;
const RIGHT: f64 = 850.0;
const ROW: f64 = 19.0;
const LEGEND: f64 = 60.0;

/// Ratios at which there can be a grid line.
const TICKS: [f64; 10] = [0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 3.0, 4.0];

const WRITES: &str = "a string can be written";

/// Where ratios lie: what lies beyond the ends is drawn there, with its figure.
#[derive(Clone, Copy)]
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// One that has room for these ratios, within reason.
    fn of(ratios: &[f64]) -> Self {
        let low = ratios.iter().copied().fold(1.0, f64::min);
        let high = ratios.iter().copied().fold(1.0, f64::max);
        Self {
            low: (low * 0.98).clamp(0.8, 0.95),
            high: (high * 1.03).clamp(1.6, 4.2),
        }
    }

    fn x(self, ratio: f64) -> f64 {
        let part = (ratio.clamp(self.low, self.high) / self.low).ln();
        LEFT + part / (self.high / self.low).ln() * (RIGHT - LEFT)
    }

    fn holds(self, ratio: f64) -> bool {
        (self.low..=self.high).contains(&ratio)
    }
}

/// What is drawn, the nearest to the reader last.
const SERIES: [Configuration; 5] = [
    Configuration::Epochs,
    Configuration::FuelCanonical,
    Configuration::Fuel,
    Configuration::MeterCanonical,
    Configuration::Meter,
];

/// Colours that tell each other apart for the colour-blind too, for a light page and for a dark one.
const COLOURS: [(Configuration, &str, &str); 5] = [
    (Configuration::Epochs, "#7c6f9e", "#b3a5d9"),
    (Configuration::Fuel, "#b45309", "#f0a040"),
    (Configuration::FuelCanonical, "#b0224a", "#ff7a9a"),
    (Configuration::Meter, "#1d4ed8", "#7aa8ff"),
    (Configuration::MeterCanonical, "#0f766e", "#3fd0bf"),
];

/// The picture of a report.
pub fn svg(report: &Report) -> String {
    let mut body = String::new();
    let mut y = 34.0;
    for group in Group::ALL {
        if report.group(group).next().is_some() {
            y = panel(&mut body, report, group, y) + 44.0;
        }
    }
    let height = y - 18.0;
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-label="Time of programs with a meter against their time without one">
{style}<rect class="page" width="100%" height="100%"/>
{body}</svg>
"#,
        style = style()
    )
}

fn style() -> String {
    let mut light = String::new();
    let mut dark = String::new();
    for (configuration, on_light, on_dark) in COLOURS {
        light += &colour_rule(configuration, on_light);
        dark += &colour_rule(configuration, on_dark);
    }
    format!(
        "<style>\n\
         text{{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#24292f}}\n\
         .title{{font-size:15px;font-weight:600}}.tick{{fill:#59636e}}.end{{text-anchor:end}}\n\
         .middle{{text-anchor:middle}}.small{{font-size:10px}}\n\
         .page{{fill:#fff}}.grid{{stroke:#d8dee4}}.one{{stroke:#59636e;stroke-width:1.5}}\n\
         .band{{fill:#f6f8fa}}.mark{{stroke-width:1.8}}\n\
         .mean{{fill:none;stroke-width:1.4;stroke-dasharray:5 3}}\n\
         {light}\n\
         @media (prefers-color-scheme:dark){{\n\
         text{{fill:#e6edf3}}.tick{{fill:#9198a1}}.page{{fill:#0d1117}}.grid{{stroke:#30363d}}\n\
         .one{{stroke:#9198a1}}.band{{fill:#151b23}}\n\
         {dark}\n}}\n</style>\n"
    )
}

fn colour_rule(configuration: Configuration, colour: &str) -> String {
    let class = class(configuration);
    format!(
        ".{class}{{stroke:{colour};fill:{colour}}}.{class}.hollow,.{class}.mean{{fill:none}}\
         text.{class}{{stroke:none}}"
    )
}

fn class(configuration: Configuration) -> &'static str {
    match configuration {
        Configuration::Epochs => "epochs",
        Configuration::Fuel => "fuel",
        Configuration::FuelCanonical => "fuel-nan",
        Configuration::Meter => "meter",
        Configuration::MeterCanonical => "meter-nan",
        Configuration::Plain | Configuration::PlainAgain => "plain",
    }
}

/// Draws a group below `top`; returns where it ends.
fn panel(svg: &mut String, report: &Report, group: Group, top: f64) -> f64 {
    let mut programs: Vec<&ProgramReport> = report.group(group).collect();
    let order = |program: &ProgramReport| program.time_ratio(Configuration::MeterCanonical);
    programs.sort_by(|a, b| order(b).total_cmp(&order(a)));

    let scale = Scale::of(&SERIES.map(|at| report.time_ratios(group, at)).concat());

    text(svg, 16.0, top, "title", group.title());
    text(
        svg,
        RIGHT,
        top,
        "tick end",
        "time against no meter, log scale; dashed: geomean",
    );
    legend(svg, report, group, top + 26.0);
    let first = top + LEGEND;
    let last = first + ROW * programs.len() as f64;
    for (row, _) in programs.iter().enumerate().step_by(2) {
        let y = first + ROW * row as f64;
        let width = RIGHT - 16.0;
        writeln!(
            svg,
            r#"<rect class="band" x="16" y="{y}" width="{width}" height="{ROW}"/>"#
        )
        .expect(WRITES);
    }
    for tick in TICKS.into_iter().filter(|tick| scale.holds(*tick)) {
        let class = if tick == 1.0 { "one" } else { "grid" };
        line(svg, class, scale.x(tick), first, last);
        for y in [first - 5.0, last + 15.0] {
            text(svg, scale.x(tick), y, "tick middle", &format!("{tick}×"));
        }
    }
    for configuration in SERIES {
        let mean = geomean(&report.time_ratios(group, configuration));
        let class = format!("mean {}", class(configuration));
        line(svg, &class, scale.x(mean), first, last);
    }
    for (row, program) in programs.iter().enumerate() {
        let y = first + ROW * (row as f64 + 0.5);
        text(svg, LEFT - 38.0, y + 4.0, "end", &program.name);
        for configuration in SERIES {
            let ratio = program.time_ratio(configuration);
            mark(svg, configuration, scale.x(ratio), y);
            if !scale.holds(ratio) {
                let (side, anchor) = match ratio > scale.high {
                    true => (-8.0, "end"),
                    false => (8.0, ""),
                };
                let class = format!("{anchor} small {}", class(configuration));
                let at = scale.x(ratio) + side;
                text(svg, at, y + 4.0, &class, &format!("{ratio:.1}×"));
            }
        }
    }
    last + 15.0
}

/// Names each mark, and says its geometric mean in the group.
fn legend(svg: &mut String, report: &Report, group: Group, y: f64) {
    let mut at = LEFT - 140.0;
    for configuration in &Configuration::COMPARED[1..] {
        let mean = geomean(&report.time_ratios(group, *configuration));
        let label = format!("{} {mean:.2}×", configuration.title());
        mark(svg, *configuration, at, y - 4.0);
        text(svg, at + 10.0, y, "", &label);
        at += 46.0 + 7.0 * label.chars().count() as f64;
    }
}

/// A different shape for each configuration, for whoever does not see the colours.
fn mark(svg: &mut String, configuration: Configuration, x: f64, y: f64) {
    let class = format!("mark {}", class(configuration));
    let shape = match configuration {
        Configuration::Epochs => format!(
            r#"<path class="{class} hollow" d="M{x:.1} {:.1}l5 5l-5 5l-5-5z"/>"#,
            y - 5.0
        ),
        Configuration::Fuel => format!(
            r#"<rect class="{class} hollow" x="{:.1}" y="{:.1}" width="8" height="8"/>"#,
            x - 4.0,
            y - 4.0
        ),
        Configuration::FuelCanonical => format!(
            r#"<path class="{class} hollow" d="M{x:.1} {:.1}l5 9h-10z"/>"#,
            y - 5.0
        ),
        Configuration::MeterCanonical => {
            format!(r#"<circle class="{class} hollow" cx="{x:.1}" cy="{y:.1}" r="4.6"/>"#)
        }
        _ => format!(r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="3.4"/>"#),
    };
    writeln!(svg, "{shape}").expect(WRITES);
}

fn line(svg: &mut String, class: &str, x: f64, from: f64, to: f64) {
    writeln!(
        svg,
        r#"<line class="{class}" x1="{x:.1}" y1="{from}" x2="{x:.1}" y2="{to}"/>"#
    )
    .expect(WRITES);
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    writeln!(
        svg,
        r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{text}</text>"#
    )
    .expect(WRITES);
}
