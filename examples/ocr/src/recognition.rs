//! Reads pictures of one line of text each. The model gives, for each step along the line, how surely each
//! letter stands there; letters are what differs from the step before and is not the blank between them.

use std::error::Error;

use meterbox_guest::image::Picture;
use meterbox_guest::nn::{Model, View, top_k};

use crate::crop::{self, HEIGHT};

/// How many pictures the model sees at once; all are as wide as the widest of them.
const BATCH_MAX: usize = 6;

/// The least that the model sees is this many times wider than high.
const RATIO_MIN: f64 = 320.0 / 48.0;

/// A line is made narrower than this many times its height: a bound on what the model costs.
const RATIO_MAX: f64 = 64.0;

/// The model's first score is for the blank between letters, its last for the space between words.
const BLANK: usize = 0;

/// A line of text.
#[derive(Debug, PartialEq)]
pub struct Line {
    pub text: String,
    /// How sure the model is of its letters, on average; 0 without any.
    pub score: f64,
}

/// The text of each picture.
pub fn read(
    model: &Model,
    letters: &[String],
    pictures: &[Picture],
) -> Result<Vec<Line>, Box<dyn Error>> {
    // Pictures of about one width go together, so that little is padding.
    let mut order: Vec<usize> = (0..pictures.len()).collect();
    order.sort_by(|a, b| crop::ratio(&pictures[*a]).total_cmp(&crop::ratio(&pictures[*b])));
    let mut lines: Vec<Option<Line>> = pictures.iter().map(|_| None).collect();
    for batch in order.chunks(BATCH_MAX) {
        let widest = batch
            .iter()
            .map(|index| crop::ratio(&pictures[*index]))
            .fold(RATIO_MIN, f64::max);
        let width = (HEIGHT as f64 * widest.min(RATIO_MAX)) as usize;
        let planes = crop::batch(batch.iter().map(|index| &pictures[*index]), width);
        let count = u32::try_from(batch.len())?;
        let shape = [count, 3, u32::try_from(HEIGHT)?, u32::try_from(width)?];
        let outputs = model.run(&[("x", &View::new(shape, &planes)?)])?;
        let scores = outputs.only::<f32>()?;
        let classes = letters.len() + 2;
        match *scores.shape() {
            [found, _, scored] if found == count && scored as usize == classes => {}
            ref shape => {
                return Err(format!(
                    "the input `recognition` gives shape {shape:?} for {classes} letters"
                )
                .into());
            }
        }
        for (index, line) in batch.iter().zip(scores.view().rows()) {
            lines[*index] = Some(decode(letters, line.data()));
        }
    }
    lines
        .into_iter()
        .map(|line| line.ok_or_else(|| "a picture was not read".into()))
        .collect()
}

/// The line that these scores say, step by step.
fn decode(letters: &[String], scores: &[f32]) -> Line {
    let mut text = String::new();
    let (mut sum, mut count) = (0.0, 0_u32);
    let mut before = BLANK;
    for step in scores.chunks_exact(letters.len() + 2) {
        let Some((class, score)) = top_k(step, 1).first().copied() else {
            continue;
        };
        if class != before && class != BLANK {
            text.push_str(letters.get(class - 1).map_or(" ", String::as_str));
            sum += f64::from(score);
            count += 1;
        }
        before = class;
    }
    Line {
        text,
        score: sum / f64::from(count.max(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_letters_are_one_unless_a_blank_stands_between() {
        let letters = ["a", "b"].map(String::from);
        // Classes: blank, a, b, space.
        let check = |classes: &[usize], text: &str| {
            let scores: Vec<f32> = classes
                .iter()
                .flat_map(|class| (0..4).map(|other| if other == *class { 0.75 } else { 0.1 }))
                .collect();
            let line = decode(&letters, &scores);
            assert_eq!(line.text, text);
            assert_eq!(line.score, if text.is_empty() { 0.0 } else { 0.75 });
        };
        check(&[1, 1, 2], "ab");
        check(&[1, 0, 1], "aa");
        check(&[0, 1, 3, 3, 2, 0, 0], "a b");
        check(&[0, 0], "");
        check(&[], "");
    }

    #[test]
    fn a_score_is_the_mean_of_the_letters_that_count() {
        let letters = ["a"].map(String::from);
        let scores = [
            0.1, 0.5, 0.4, // a
            0.2, 0.7, 0.1, // a again
            0.9, 0.1, 0.0, // blank
            0.0, 1.0, 0.0, // a
        ];
        let line = decode(&letters, &scores);
        assert_eq!((line.text.as_str(), line.score), ("aa", 0.75));
    }
}
