//! Finds where text is on a page: prepares the page for the model, and makes places of the map that it
//! gives. The steps and their numbers are those published with RapidOCR for this model, a network that
//! says of each pixel how surely it lies in the middle of text.

use std::error::Error;

use meterbox_guest::image::{Channels, Picture};
use meterbox_guest::nn::{Model, View};

use crate::quadrilateral::Quadrilateral;
use crate::rectangle::Rectangle;
use crate::regions;

/// The shorter side of the page is enlarged to this, so that small letters are seen.
const SIDE_MIN: f64 = 736.0;

/// The longer side is at most this, however long the page is: a bound on what the model costs.
const SIDE_MAX: f64 = 2_000.0;

/// The model sees at most so many pixels: what it holds in memory grows with them, and providers bound that.
const PIXELS_MAX: f64 = 900_000.0;

/// The network halves its input five times.
const SIDE_MULTIPLE: f64 = 32.0;

/// How sure of its pixels the model has to be, on average, for a place to be text.
const SCORE_MIN: f64 = 0.5;

/// Places thinner than this, in pixels of the map, are specks.
const THICKNESS_MIN: f64 = 3.0;

/// The map shows the middle of text; its outline lies further out by this part of its area to its length.
const GROWTH: f64 = 1.6;

/// At most so many regions are looked at: a page of noise has no end of them.
const REGIONS_MAX: usize = 1_000;

/// How the model wants to see colours.
pub const MEAN: [f32; 3] = [0.5; 3];
pub const DEVIATION: [f32; 3] = [0.5; 3];

/// The places of text, from top to bottom and from left to right.
pub fn find(model: &Model, page: &Picture) -> Result<Vec<Quadrilateral>, Box<dyn Error>> {
    if page.width() == 0 || page.height() == 0 {
        return Err("the page has no pixels".into());
    }
    let (width, height) = seen_size(page.width(), page.height());
    let planes = page
        .resized(width, height)
        .planes(Channels::Bgr, MEAN, DEVIATION);
    let shape = |channels| -> Result<[u32; 4], Box<dyn Error>> {
        Ok([1, channels, u32::try_from(height)?, u32::try_from(width)?])
    };
    let outputs = model.run(&[("x", &View::new(shape(3)?, &planes)?)])?;
    let map = outputs.only::<f32>()?;
    if map.shape() != shape(1)? {
        return Err(format!(
            "the input `detection` gives a map of shape {:?}",
            map.shape()
        )
        .into());
    }
    let scale = (
        page.width() as f64 / width as f64,
        page.height() as f64 / height as f64,
    );
    let mut found = Vec::new();
    for region in regions::find(map.data(), width, REGIONS_MAX) {
        let Some(middle) = Rectangle::around(&region) else {
            continue;
        };
        if middle.thickness() < THICKNESS_MIN || score(&middle, map.data(), width) < SCORE_MIN {
            continue;
        }
        let outline = middle.grown(GROWTH);
        if outline.thickness() < THICKNESS_MIN + 2.0 {
            continue;
        }
        let corners = outline.corners().map(|(x, y)| (x * scale.0, y * scale.1));
        let place = Quadrilateral::of(corners, page.width(), page.height());
        if place.width() > 3 && place.height() > 3 {
            found.push(place);
        }
    }
    Ok(in_reading_order(found))
}

/// The size in which the model sees a page.
fn seen_size(width: usize, height: usize) -> (usize, usize) {
    let (width, height) = (width as f64, height as f64);
    let enlarged = (SIDE_MIN / width.min(height)).max(1.0);
    let ratio = enlarged
        .min(SIDE_MAX / width.max(height))
        .min((PIXELS_MAX / (width * height)).sqrt());
    let side = |pixels: f64| {
        let multiples = ((pixels * ratio).floor() / SIDE_MULTIPLE).round_ties_even();
        (multiples.max(1.0) * SIDE_MULTIPLE) as usize
    };
    (side(width), side(height))
}

/// How sure the model is of the pixels in the rectangle, on average.
fn score(rectangle: &Rectangle, map: &[f32], width: usize) -> f64 {
    let (mut sum, mut count) = (0.0, 0_u32);
    let ((left, top), (right, bottom)) = rectangle.bounds();
    let last = |pixels: usize| pixels.saturating_sub(1) as f64;
    let across = left.max(0.0) as usize..=right.clamp(0.0, last(width)) as usize;
    let down = top.max(0.0) as usize..=bottom.clamp(0.0, last(map.len() / width)) as usize;
    for y in down {
        for x in across.clone() {
            if rectangle.contains((x as f64, y as f64)) {
                sum += f64::from(map[y * width + x]);
                count += 1;
            }
        }
    }
    sum / f64::from(count.max(1))
}

/// Sorts places as people read: what begins within ten pixels of height is one line.
fn in_reading_order(mut places: Vec<Quadrilateral>) -> Vec<Quadrilateral> {
    const SAME_LINE: i32 = 10;
    places.sort_by_key(|place| (place.first().1, place.first().0));
    for index in 1..places.len() {
        let mut at = index;
        while at > 0 {
            let (before, this) = (places[at - 1].first(), places[at].first());
            if (this.1 - before.1).abs() >= SAME_LINE || this.0 >= before.0 {
                break;
            }
            places.swap(at - 1, at);
            at -= 1;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_side_is_enlarged_and_the_whole_is_bounded() {
        assert_eq!(seen_size(736, 736), (736, 736));
        assert_eq!(seen_size(900, 700), (960, 736));
        // Twice as high as wide would be 736 × 1472: the root of 900,000 / (368 · 736) is 1.823.
        assert_eq!(seen_size(368, 736), (672, 1344));
        assert_eq!(seen_size(1240, 1754), (800, 1120));
        assert_eq!(seen_size(1, 16_384), (32, 1984));
    }

    #[test]
    fn a_score_is_the_mean_within() {
        let mut map = vec![0.0_f32; 25];
        for (x, y) in [(1, 1), (2, 1), (1, 2), (2, 2)] {
            map[y * 5 + x] = 0.5;
        }
        let square = Rectangle::around(&[(1, 1), (2, 2), (1, 2), (2, 1)]).unwrap();
        assert_eq!(score(&square, &map, 5), 0.5);
        let outside = Rectangle::around(&[(-9, -9), (-8, -8), (-9, -8)]).unwrap();
        assert_eq!(score(&outside, &map, 5), 0.0);
    }

    #[test]
    fn what_begins_at_nearly_one_height_is_read_from_left_to_right() {
        let place = |x: f64, y: f64| {
            let corners = [(x, y), (x + 9.0, y), (x + 9.0, y + 9.0), (x, y + 9.0)];
            Quadrilateral::of(corners, 1000, 1000)
        };
        let order: Vec<_> = in_reading_order(vec![
            place(50.0, 109.0),
            place(300.0, 100.0),
            place(10.0, 105.0),
            place(5.0, 119.0),
        ])
        .iter()
        .map(Quadrilateral::first)
        .collect();
        assert_eq!(order, [(10, 105), (50, 109), (300, 100), (5, 119)]);
    }
}
