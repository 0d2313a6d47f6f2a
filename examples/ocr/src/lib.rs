//! A job that reads a page: the text of the PNG or JPEG `page`, with three models. The first finds where text
//! is (`detection`), the second whether it stands upside down (`direction`), the third reads it
//! (`recognition`). It leaves `text.json` for programs, `text.txt` for people, and `page.png` with a frame
//! around each text.

mod crop;
mod detection;
mod dictionary;
mod direction;
mod drawing;
mod hull;
mod quadrilateral;
mod recognition;
mod rectangle;
mod regions;

use std::error::Error;
use std::io::Write;
use std::rc::Rc;

use meterbox_guest::image::Picture;
use meterbox_guest::nn::{Model, Recording};
use meterbox_guest::{Job, log};
use serde::Serialize;

use quadrilateral::Quadrilateral;

/// Below how sure the model is, on average over its letters, a text is none.
const SCORE_MIN: f64 = 0.5;

/// A text and where it is.
#[derive(Debug, Serialize)]
struct Text {
    text: String,
    /// How sure the model is, from 0 to 1 in four digits. Text, so that it reads the same everywhere.
    score: String,
    /// Its corners, from the first letter's upper left one on, with the clock.
    corners: Quadrilateral,
}

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), Box<dyn Error>> {
    let mut models = Vec::new();
    for name in ["detection", "direction", "recognition"] {
        models.push(Model::by_name(name)?);
    }
    if job
        .args()
        .iter()
        .any(|argument| argument == "--keep-tensors")
    {
        let recording = Rc::new(Recording::new(&job, "calls")?);
        for model in &mut models {
            model.record_to(&recording);
        }
    }
    let [detection, direction, recognition] = &models[..] else {
        return Err("three models were loaded".into());
    };
    let letters = dictionary::read(&mut job.input("recognition")?)?;
    let mut page = Picture::decode(&job.input("page")?.read_to_vec()?)?;

    let places = detection::find(detection, &page)?;
    log::info(format!(
        "{} places on a page of {} × {} pixels look like text",
        places.len(),
        page.width(),
        page.height()
    ));
    job.progress(1, 3, "found where text is");
    let crops = places.iter().map(|place| crop::upright(&page, place));
    let crops = direction::turn(direction, crops.collect())?;
    job.progress(2, 3, "turned what stood upside down");
    let lines = recognition::read(recognition, &letters, &crops)?;
    job.progress(3, 3, "read it");

    let mut texts = Vec::new();
    for (line, corners) in lines.into_iter().zip(places) {
        if line.score >= SCORE_MIN && !line.text.is_empty() {
            texts.push(Text {
                text: line.text,
                score: format!("{:.4}", line.score),
                corners,
            });
        }
    }
    job.output_json("text.json", &texts)?;
    let mut plain = job.output("text.txt")?;
    for text in &texts {
        writeln!(plain, "{}", text.text)?;
        drawing::frame(&mut page, &text.corners);
    }
    job.output("page.png")?.write_all(&page.to_png()?)?;
    Ok(())
}
