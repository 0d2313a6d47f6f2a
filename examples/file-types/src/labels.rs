//! Turns the model's scores into the type of a file.

use serde::Serialize;

use crate::config::Config;
use crate::features::Content;

/// The type of a file.
#[derive(Debug, PartialEq, Serialize)]
pub struct Label {
    /// The file's name.
    pub name: String,
    /// Its type, in the model's words.
    pub label: String,
    /// How sure the model is, from 0 to 1 in four digits. Text, so that it reads the same
    /// everywhere.
    pub score: String,
    /// The file's size.
    pub bytes: u64,
}

impl Label {
    /// The type of a file that the model was not asked about.
    pub fn known(name: String, label: &str, bytes: u64) -> Self {
        Self {
            name,
            label: label.to_string(),
            score: "1.0000".to_string(),
            bytes,
        }
    }

    /// The type that the model's scores say, or a general one if the model is not sure.
    pub fn scored(name: String, config: &Config, scores: &[f32], content: &Content) -> Self {
        let (label, score) = best(config, scores);
        let label = if score < config.threshold(label) {
            if content.is_text() { "txt" } else { "unknown" }
        } else {
            config
                .overwrite_map
                .get(label)
                .map_or(label, String::as_str)
        };
        Self {
            name,
            label: label.to_string(),
            score: format!("{score:.4}"),
            bytes: content.bytes,
        }
    }
}

/// The highest score and its type; the later one of equals, as Magika has it.
fn best<'a>(config: &'a Config, scores: &[f32]) -> (&'a str, f32) {
    config
        .target_labels_space
        .iter()
        .map(String::as_str)
        .zip(scores.iter().copied())
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or(("unknown", 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::small;

    fn check(scores: [f32; 3], first: &[u8], label: &str, score: &str) {
        let content = Content {
            bytes: 9,
            first: first.to_vec(),
            last: Vec::new(),
        };
        let found = Label::scored("a".into(), &small(), &scores, &content);
        assert_eq!((found.label.as_str(), found.score.as_str()), (label, score));
    }

    #[test]
    fn the_best_score_wins_if_it_is_high_enough() {
        check([0.75, 0.25, 0.0], b"x", "png", "0.7500");
        check([0.5, 0.25, 0.25], b"x", "png", "0.5000");
        check([0.45, 0.25, 0.3], b"x", "txt", "0.4500");
        check([0.45, 0.25, 0.3], b"\xff", "unknown", "0.4500");
        check([0.0, 0.89, 0.11], b"x", "txt", "0.8900");
        check([0.0, 0.91, 0.09], b"x", "sql", "0.9100");
        check([0.0, 0.0, 1.0], b"x", "txt", "1.0000");
    }
}
