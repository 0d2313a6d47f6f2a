//! Cuts a place out of the page, so that its text lies level, and prepares such pictures for models.

use meterbox_guest::image::{Channels, Picture, Placement};

use crate::detection::{DEVIATION, MEAN};
use crate::quadrilateral::Quadrilateral;

/// How high text is when a model sees it.
pub const HEIGHT: usize = 48;

/// From how many times its width on a place's height means that its text runs up or down the page.
const UPRIGHT: f64 = 1.5;

/// The place with its upper side above. One whose text runs up or down the page is laid on its left side: text that
/// ran upwards then stands upside down, which the next model sees.
pub fn upright(page: &Picture, place: &Quadrilateral) -> Picture {
    let (width, height) = (place.width().max(1), place.height().max(1));
    let corner = |index: usize| {
        let (x, y) = place.corners()[index];
        (f64::from(x), f64::from(y))
    };
    let (origin, right, below) = (corner(0), corner(1), corner(3));
    let step = |to: (f64, f64), pixels: usize| {
        let pixels = pixels as f64;
        ((to.0 - origin.0) / pixels, (to.1 - origin.1) / pixels)
    };
    let crop = page.sampled(
        width,
        height,
        Placement {
            origin,
            across: step(right, width),
            down: step(below, height),
        },
    );
    if height as f64 >= UPRIGHT * width as f64 {
        crop.turned_left()
    } else {
        crop
    }
}

/// How many times wider than high the picture is.
pub fn ratio(picture: &Picture) -> f64 {
    picture.width() as f64 / picture.height().max(1) as f64
}

/// These pictures as a batch for a model that takes a height of [`HEIGHT`] and this width, one after the
/// other. What is narrower is followed by grey, what is wider is made narrower.
pub fn batch<'a>(pictures: impl Iterator<Item = &'a Picture>, width: usize) -> Vec<f32> {
    let mut planes = Vec::new();
    for picture in pictures {
        let whole = (HEIGHT as f64 * ratio(picture)).ceil() as usize;
        let seen = picture.resized(whole.clamp(1, width), HEIGHT);
        let start = planes.len();
        // Zero is the middle of the model's range: grey.
        planes.resize(start + 3 * HEIGHT * width, 0.0);
        seen.write_planes(&mut planes[start..], width, Channels::Bgr, MEAN, DEVIATION);
    }
    planes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page whose red is the column and whose green is the line.
    fn page() -> Picture {
        let mut page = Picture::filled(20, 20, [0.0; 3]);
        for y in 0..20_u8 {
            for x in 0..20_u8 {
                page.set_pixel(x.into(), y.into(), [x.into(), y.into(), 0.0]);
            }
        }
        page
    }

    #[test]
    fn a_level_place_is_cut_out_as_it_is() {
        let place = Quadrilateral::of([(3.0, 5.0), (13.0, 5.0), (13.0, 9.0), (3.0, 9.0)], 20, 20);
        let crop = upright(&page(), &place);
        assert_eq!((crop.width(), crop.height()), (10, 4));
        assert_eq!(crop.pixel(0, 0), Some([3.0, 5.0, 0.0]));
        assert_eq!(crop.pixel(9, 3), Some([12.0, 8.0, 0.0]));
    }

    #[test]
    fn a_place_that_is_half_again_as_high_as_wide_is_laid_down() {
        let of = |height: f64| {
            let bottom = 2.0 + height;
            Quadrilateral::of(
                [(2.0, 2.0), (8.0, 2.0), (8.0, bottom), (2.0, bottom)],
                20,
                20,
            )
        };
        let crop = upright(&page(), &of(9.0));
        assert_eq!((crop.width(), crop.height()), (9, 6));
        // The first pixel of the lying picture is the upper right one of the place.
        assert_eq!(crop.pixel(0, 0), Some([7.0, 2.0, 0.0]));
        assert_eq!(upright(&page(), &of(8.0)).width(), 6);
    }

    #[test]
    fn a_batch_is_as_wide_as_asked_and_padded_with_grey() {
        let white = Picture::filled(24, 24, [255.0; 3]);
        let wide = Picture::filled(96, 24, [0.0; 3]);
        let planes = batch([&white, &wide].into_iter(), 64);
        assert_eq!(planes.len(), 2 * 3 * HEIGHT * 64);
        assert_eq!(planes[..48], [1.0; 48]);
        assert_eq!(planes[48..64], [0.0; 16]);
        assert_eq!(planes[3 * HEIGHT * 64..][..64], [-1.0; 64]);
    }
}
