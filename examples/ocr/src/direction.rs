//! Turns what stands upside down: asks the model that tells, and turns the picture.

use std::error::Error;

use meterbox_guest::image::Picture;
use meterbox_guest::nn::{Model, View};

use crate::crop::{self, HEIGHT};

/// How wide a picture is when the model sees it.
const WIDTH: usize = 192;

/// How many pictures the model sees at once.
const BATCH_MAX: usize = 6;

/// How sure the model has to be that a picture stands upside down.
const SCORE_MIN: f32 = 0.9;

/// The pictures, each with its text the right way up.
pub fn turn(model: &Model, pictures: Vec<Picture>) -> Result<Vec<Picture>, Box<dyn Error>> {
    let mut turned = Vec::with_capacity(pictures.len());
    for batch in pictures.chunks(BATCH_MAX) {
        let planes = crop::batch(batch.iter(), WIDTH);
        let count = u32::try_from(batch.len())?;
        let shape = [count, 3, u32::try_from(HEIGHT)?, u32::try_from(WIDTH)?];
        let outputs = model.run(&[("x", &View::new(shape, &planes)?)])?;
        let shares = outputs.only::<f32>()?;
        if shares.shape() != [count, 2] {
            return Err(format!("the input `direction` gives shape {:?}", shares.shape()).into());
        }
        for (picture, shares) in batch.iter().zip(shares.rows()) {
            turned.push(if shares[1] > SCORE_MIN {
                picture.turned_around()
            } else {
                picture.clone()
            });
        }
    }
    Ok(turned)
}
