//! The jobs under `examples/`: builds them, brings what they need, and knows what they have to come to. Runs
//! none of them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::models;
use crate::project::Project;

/// A job under `examples/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Example {
    /// Recognise the types of files.
    FileTypes,
    /// Find speech in a sound.
    Speech,
    /// Read the text of a page.
    Ocr,
}

impl Example {
    pub const ALL: [Self; 3] = [Self::FileTypes, Self::Speech, Self::Ocr];

    /// The name of its folder and of its package.
    pub fn name(self) -> &'static str {
        match self {
            Self::FileTypes => "file-types",
            Self::Speech => "speech",
            Self::Ocr => "ocr",
        }
    }

    /// Its job file, from the repository's root.
    pub fn job(self) -> String {
        format!("examples/{}/job.toml", self.name())
    }

    /// The output for people to read.
    pub fn text(self) -> &'static str {
        match self {
            Self::FileTypes => "labels.txt",
            Self::Speech => "segments.txt",
            Self::Ocr => "text.txt",
        }
    }

    /// What it does, for a heading.
    pub fn purpose(self) -> &'static str {
        match self {
            Self::FileTypes => "recognise the types of these files, with a model",
            Self::Speech => "find where somebody speaks in a sound, with a model",
            Self::Ocr => "read the text of a page, with three models",
        }
    }

    /// Brings the models that it needs and the repository has not.
    pub fn prepare(self, project: &Project) -> Result<()> {
        if self == Self::Ocr {
            models::bring(project)?;
        }
        Ok(())
    }

    fn folder(self, project: &Project) -> PathBuf {
        project.root.join("examples").join(self.name())
    }

    /// Compares what a run left with what is expected, file by file. Scores may differ in their last digits, as
    /// processors do; nothing else may.
    pub fn check(self, project: &Project, outputs: &Path) -> Result<()> {
        let expected = self.folder(project).join("expected");
        let read = |path: &Path| fs::read(path).with_context(|| format!("{}", path.display()));
        let mut count = 0;
        for entry in fs::read_dir(&expected)? {
            let path = entry?.path();
            let name = path.file_name().context("a file has a name")?;
            let found = outputs.join(name);
            let (wanted, found) = (read(&path)?, read(&found)?);
            let is_same = match path.extension().and_then(|extension| extension.to_str()) {
                Some("json") => is_alike(
                    &serde_json::from_slice(&wanted)?,
                    &serde_json::from_slice(&found)?,
                ),
                Some("txt") => {
                    let words = |bytes: &[u8]| -> Vec<Value> {
                        let text = String::from_utf8_lossy(bytes).into_owned();
                        text.split_whitespace().map(Value::from).collect()
                    };
                    is_alike(&words(&wanted).into(), &words(&found).into())
                }
                _ => wanted == found,
            };
            ensure!(
                is_same,
                "{} is not what {} says",
                name.display(),
                project.shown(&path)
            );
            count += 1;
        }
        ensure!(count > 0, "{} is empty", project.shown(&expected));
        println!("all {count} outputs are as in {}", project.shown(&expected));
        Ok(())
    }
}

/// Has the tests' package build all guests, as it always does, and copies the examples beside their jobs.
pub fn build(project: &Project) -> Result<()> {
    project.build("meterbox")?;
    for example in Example::ALL {
        let program = format!("{}.wasm", example.name().replace('-', "_"));
        let built = project
            .target
            .join("guests/examples/wasm32-wasip2/release")
            .join(&program);
        let placed = example.folder(project).join(&program);
        fs::copy(&built, &placed)
            .with_context(|| format!("{} cannot be copied", built.display()))?;
        println!("{} is built", project.shown(&placed));
    }
    Ok(())
}

/// Whether two values are the same, but for texts that are scores from 0 to 1 with four digits: those may be
/// a thousandth apart.
fn is_alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_alike(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, a)| other.get(name).is_some_and(|b| is_alike(a, b)))
        }
        (Value::String(one), Value::String(other)) => {
            let near = |(a, b): (f64, f64)| (a - b).abs() <= 0.001;
            one == other || score(one).zip(score(other)).is_some_and(near)
        }
        _ => one == other,
    }
}

fn score(text: &str) -> Option<f64> {
    let (whole, digits) = text.split_once('.')?;
    let is_score = (whole == "0" || whole == "1") && digits.len() == 4;
    text.parse().ok().filter(|_| is_score)
}

#[cfg(test)]
mod tests {
    use super::is_alike;
    use serde_json::json;

    #[test]
    fn only_scores_may_differ_and_only_a_little() {
        let expected = json!([{"text": "3.8 m", "score": "0.9881", "at": [1, 2]}]);
        let check = |found, alike| assert_eq!(is_alike(&expected, &found), alike, "{found}");
        check(expected.clone(), true);
        check(
            json!([{"text": "3.8 m", "score": "0.9889", "at": [1, 2]}]),
            true,
        );
        check(
            json!([{"text": "3.8 m", "score": "0.9892", "at": [1, 2]}]),
            false,
        );
        check(
            json!([{"text": "3.9 m", "score": "0.9881", "at": [1, 2]}]),
            false,
        );
        check(
            json!([{"text": "3.8 m", "score": "0.9881", "at": [1, 3]}]),
            false,
        );
        check(json!([{"text": "3.8 m", "score": "0.9881"}]), false);
        check(json!([]), false);
        assert!(!is_alike(&json!("0.123"), &json!("0.124")));
        assert!(!is_alike(&json!("12.1234"), &json!("12.1235")));
    }
}
