//! The check, from the programs to the table. Knows no engine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use meterbox_differential::case::Done;
use meterbox_differential::engine::{Wasmtime, Way};

use crate::compare::Row;
use crate::engine::{self, Answer, Engine, Place};
use crate::finding::Findings;
use crate::program::{self, Program, Programs};
use crate::table;

/// The least seeds that still leave more than 300 programs to each engine, whatever it lacks.
const PROGRAMS: u64 = 480;

#[derive(clap::Args)]
#[group(id = "check")]
pub struct Arguments {
    /// Run no other engines than those whose names begin so.
    #[arg(long, value_name = "ENGINE")]
    only: Vec<String>,
    /// How many programs to generate.
    #[arg(long, value_name = "COUNT", default_value_t = PROGRAMS)]
    programs: u64,
    /// Write the table of all engines to docs/cross-check.md, if nothing differs.
    #[arg(long, conflicts_with_all = ["only", "programs"])]
    write: bool,
    /// Where cargo builds.
    #[arg(long, hide = true, value_name = "FOLDER", default_value = "target")]
    target: PathBuf,
}

/// Runs all programs on all engines; fails if one did otherwise than the first.
///
/// # Errors
/// If there is nothing to compare: no programs, or no engine of a name that was asked for.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    ensure!(
        cfg!(feature = "wasmi"),
        "this was built without one of the engines: `cargo xtask cross-check` builds it with all"
    );
    let mut engines = engine::all();
    let mut first = engines.remove(0);
    let others = selected(engines, &arguments.only)?;
    let place = place(&arguments.target)?;
    let programs = programs(&place, arguments.programs)?;
    let (baseline, expected) = baseline(first.as_mut(), &programs.programs)?;
    let (count, runs) = (programs.programs.len(), baseline.runs);
    println!("{count} programs, {runs} runs");
    let mut rows = vec![baseline];
    for mut engine in others {
        println!("\n=== {}", engine.name());
        let started = Instant::now();
        let row = compared(engine.as_mut(), &place, &programs.programs, &expected)?;
        println!("{}, {} s", row.told(), started.elapsed().as_secs());
        rows.push(row);
    }
    println!("\n{}", table::table(&rows));
    let is_clean = rows.iter().all(|row| row.mismatches == 0);
    let absent = rows.iter().filter(|row| row.absent.is_some());
    let absent: Vec<&str> = absent.map(|row| row.engine.as_str()).collect();
    ensure!(
        !arguments.write || absent.is_empty(),
        "the document is written only if all engines ran, and these did not: {}",
        absent.join(", ")
    );
    if arguments.write && is_clean {
        let file = place.root.join("docs/cross-check.md");
        let text = table::document(&programs, &rows);
        fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(end(&rows))
}

/// Says what differed and what was not there, and fails if anything differed.
fn end(rows: &[Row]) -> ExitCode {
    for row in rows.iter().filter(|row| row.mismatches == 0) {
        if let Some(why) = &row.absent {
            println!("skipped: {}, {why}", row.engine);
        }
    }
    let mismatches: u64 = rows.iter().map(|row| row.mismatches).sum();
    println!("{mismatches} mismatches");
    match mismatches {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// The engines whose names begin with one of these; all without any.
fn selected(engines: Vec<Box<dyn Engine>>, only: &[String]) -> Result<Vec<Box<dyn Engine>>> {
    let names: Vec<String> = engines.iter().map(|engine| engine.name()).collect();
    for only in only {
        let is_there = names.iter().any(|name| name.starts_with(only));
        ensure!(
            is_there,
            "no engine begins with `{only}`: there are {}",
            names.join(", ")
        );
    }
    let is_selected =
        |name: &str| only.is_empty() || only.iter().any(|only| name.starts_with(only));
    let engines = engines.into_iter();
    Ok(engines
        .filter(|engine| is_selected(&engine.name()))
        .collect())
}

fn place(target: &Path) -> Result<Place> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let folder = target.join("cross-check");
    fs::create_dir_all(&folder)?;
    let python =
        std::env::var_os("METERBOX_PYTHON").map_or_else(|| "python3".into(), PathBuf::from);
    Ok(Place {
        root: root
            .context("this package lies in the repository")?
            .to_path_buf(),
        target: target.to_path_buf(),
        folder,
        has_c_compiler: engine::succeeds(Command::new(&python).args(["-m", "ziglang", "version"])),
        python,
    })
}

fn programs(place: &Place, count: u64) -> Result<Programs> {
    let planner = Wasmtime::new(Way::Speed);
    let started = Instant::now();
    let mut programs = Programs::default();
    program::generated::add(&mut programs, count, &planner);
    program::corpus::add(&mut programs, &place.root, &planner)?;
    program::guests::add(&mut programs, place, &planner)?;
    println!("programs made in {} s", started.elapsed().as_secs());
    for (name, why) in &programs.left_out {
        println!("left out: {name}, {why}");
    }
    ensure!(
        !programs.programs.is_empty(),
        "there are no programs to run"
    );
    Ok(programs)
}

/// What the first engine does, which must do everything.
fn baseline(engine: &mut dyn Engine, programs: &[Program]) -> Result<(Row, Vec<Vec<Done>>)> {
    let mut row = Row::of(engine.name());
    row.version = engine.version()?;
    let mut expected = Vec::new();
    for (answer, program) in engine.answer(programs)?.into_iter().zip(programs) {
        let Answer::Ran(runs) = answer else {
            bail!("{} does not run {}: {answer:?}", row.engine, program.name);
        };
        row.count(&runs);
        expected.push(runs);
    }
    Ok((row, expected))
}

fn compared(
    engine: &mut dyn Engine,
    place: &Place,
    programs: &[Program],
    expected: &[Vec<Done>],
) -> Result<Row> {
    let mut row = Row::of(engine.name());
    if let Err(why) = engine.prepare(place) {
        row.absent = Some(why);
        return Ok(row);
    }
    let answers = match answers(engine, programs) {
        Ok((version, answers)) => {
            row.version = version;
            answers
        }
        Err(error) => {
            row.mismatches = 1;
            row.absent = Some(format!("it is there, and does not answer: {error:#}"));
            return Ok(row);
        }
    };
    let mut findings = Findings::new(place.folder.join("findings").join(&row.engine))?;
    for ((program, expected), answer) in programs.iter().zip(expected).zip(&answers) {
        if let Some(what) = row.compare(program, expected, answer) {
            findings.show(program, &what)?;
        }
    }
    Ok(row)
}

fn answers(engine: &mut dyn Engine, programs: &[Program]) -> Result<(String, Vec<Answer>)> {
    let version = engine.version()?;
    let answers = engine.answer(programs)?;
    let (asked, answered) = (programs.len(), answers.len());
    ensure!(
        asked == answered,
        "{answered} answers about {asked} programs"
    );
    Ok((version, answers))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An engine that is there or not, and never answers.
    struct Silent {
        is_there: bool,
    }

    impl Engine for Silent {
        fn name(&self) -> String {
            "silent".to_owned()
        }

        fn prepare(&mut self, _place: &Place) -> Result<(), String> {
            match self.is_there {
                true => Ok(()),
                false => Err("it is elsewhere".to_owned()),
            }
        }

        fn version(&mut self) -> Result<String> {
            Ok("1.0".to_owned())
        }

        fn answer(&mut self, _programs: &[Program]) -> Result<Vec<Answer>> {
            bail!("it says nothing")
        }
    }

    fn row(is_there: bool) -> Row {
        let nowhere = PathBuf::new();
        let place = Place {
            root: nowhere.clone(),
            target: nowhere.clone(),
            folder: nowhere.clone(),
            python: nowhere,
            has_c_compiler: false,
        };
        compared(&mut Silent { is_there }, &place, &[], &[]).unwrap()
    }

    #[test]
    fn an_engine_that_does_not_answer_fails_the_check_and_one_that_is_not_there_does_not() {
        let absent = row(false);
        assert_eq!(absent.told(), "skipped: it is elsewhere");
        assert_eq!(end(&[absent]), ExitCode::SUCCESS);
        let silent = row(true);
        assert!(silent.told().starts_with("MISMATCH"));
        assert_eq!(end(&[silent]), ExitCode::FAILURE);
    }

    #[test]
    fn a_name_that_no_engine_has_is_an_error() {
        let engines = || -> Vec<Box<dyn Engine>> { vec![Box::new(Silent { is_there: true })] };
        assert_eq!(selected(engines(), &["sil".to_owned()]).unwrap().len(), 1);
        assert!(selected(engines(), &["loud".to_owned()]).is_err());
    }
}
