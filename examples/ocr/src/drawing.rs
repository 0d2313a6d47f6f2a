//! Draws a frame around a place of the page.

use meterbox_guest::image::Picture;

use crate::quadrilateral::Quadrilateral;

const COLOUR: [f32; 3] = [220.0, 30.0, 30.0];

/// How many pixels thick a frame is: one on each side of its line, and the line itself.
const REACH: i32 = 1;

/// Draws the sides of the place.
pub fn frame(page: &mut Picture, place: &Quadrilateral) {
    let corners = place.corners();
    for (index, from) in corners.iter().enumerate() {
        line(page, *from, corners[(index + 1) % corners.len()]);
    }
}

fn line(page: &mut Picture, from: (i32, i32), to: (i32, i32)) {
    let (x, y) = (to.0 - from.0, to.1 - from.1);
    let steps = x.abs().max(y.abs()).max(1);
    for step in 0..=steps {
        let place = |from: i32, by: i32| from + by * step / steps;
        dot(page, place(from.0, x), place(from.1, y));
    }
}

fn dot(page: &mut Picture, x: i32, y: i32) {
    for y in y - REACH..=y + REACH {
        for x in x - REACH..=x + REACH {
            if let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) {
                page.set_pixel(x, y, COLOUR);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_on_the_sides_and_not_within() {
        let mut page = Picture::filled(12, 12, [0.0; 3]);
        let corners = [(0.0, 0.0), (8.0, 0.0), (8.0, 8.0), (0.0, 8.0)];
        frame(&mut page, &Quadrilateral::of(corners, 12, 12));
        assert_eq!(page.pixel(4, 0), Some(COLOUR));
        assert_eq!(page.pixel(9, 9), Some(COLOUR));
        assert_eq!(page.pixel(4, 4), Some([0.0; 3]));
        assert_eq!(page.pixel(10, 10), Some([0.0; 3]));
    }
}
