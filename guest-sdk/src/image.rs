//! Pictures as models of vision take them: decoded, resized, cropped, turned, and laid out in planes.
//! What else can be done with a picture, the crate `image` does; this is what stands between it and a model.
//!
//! ```
//! # fn of(bytes: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! use meterbox_guest::image::{Channels, Picture};
//! use meterbox_guest::nn::Tensor;
//!
//! let picture = Picture::decode(bytes)?.resized(224, 224);
//! let planes = picture.planes(Channels::Rgb, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
//! let input = Tensor::new([1, 3, 224, 224], planes)?;
//! # let _ = input;
//! # Ok(())
//! # }
//! ```

use std::io::Cursor;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _, ImageReader, Limits, RgbImage};

/// The most pixels along a side. More than any model sees, and a bound on what a small file can become.
pub const SIDE_PIXELS_MAX: u32 = 16_384;

/// The most bytes that decoding may take, for the same reason.
const DECODING_BYTES_MAX: u64 = 256 << 20;

/// Why bytes could not be made a picture, or a picture bytes.
#[derive(Debug, thiserror::Error)]
#[error("this is no PNG or JPEG that can be read: {0}")]
pub struct ImageError(#[from] image::ImageError);

/// In which order a model takes colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

/// Where each pixel of a picture comes from in another: the pixel at `(x, y)` from
/// `origin + x · across + y · down`, in pixels, whose middles have whole numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Where the first pixel comes from.
    pub origin: (f64, f64),
    /// What a step to the right is.
    pub across: (f64, f64),
    /// What a step down is.
    pub down: (f64, f64),
}

/// A picture of red, green and blue from 0 to 255, as floats: sampling a picture again and again then loses
/// nothing to rounding.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<[f32; 3]>,
}

impl Picture {
    /// Decodes a PNG or a JPEG. What it has of transparency is left out.
    ///
    /// # Errors
    /// [`ImageError`] if it is neither, is damaged, or is larger than [`SIDE_PIXELS_MAX`] along a side.
    pub fn decode(bytes: &[u8]) -> Result<Self, ImageError> {
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(image::ImageError::from)?;
        let mut limits = Limits::default();
        limits.max_image_width = Some(SIDE_PIXELS_MAX);
        limits.max_image_height = Some(SIDE_PIXELS_MAX);
        limits.max_alloc = Some(DECODING_BYTES_MAX);
        reader.limits(limits);
        Ok(Self::from_rgb(&reader.decode()?.into_rgb8()))
    }

    /// The picture of the crate `image` as one to sample.
    pub fn from_rgb(image: &RgbImage) -> Self {
        let pixels = image.pixels().map(|pixel| pixel.0.map(f32::from)).collect();
        Self {
            width: image.width() as usize,
            height: image.height() as usize,
            pixels,
        }
    }

    /// A picture of one colour.
    pub fn filled(width: usize, height: usize, colour: [f32; 3]) -> Self {
        Self {
            width,
            height,
            pixels: vec![colour; width * height],
        }
    }

    /// Pixels along a line.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Lines.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The pixel there; none outside.
    pub fn pixel(&self, x: usize, y: usize) -> Option<[f32; 3]> {
        if x < self.width && y < self.height {
            self.pixels.get(y * self.width + x).copied()
        } else {
            None
        }
    }

    /// Sets the pixel there; outside, nothing happens.
    pub fn set_pixel(&mut self, x: usize, y: usize, colour: [f32; 3]) {
        if x < self.width && y < self.height {
            self.pixels[y * self.width + x] = colour;
        }
    }

    /// The picture in another size. Between pixels it is interpolated along both sides, as most models'
    /// training did; a picture that becomes much smaller is sampled, not averaged.
    #[must_use]
    pub fn resized(&self, width: usize, height: usize) -> Self {
        let (across, down) = (ratio(self.width, width), ratio(self.height, height));
        self.sampled(
            width,
            height,
            Placement {
                // The middle of the first pixel, seen from the middle of the source's first pixel.
                origin: (across / 2.0 - 0.5, down / 2.0 - 0.5),
                across: (across, 0.0),
                down: (0.0, down),
            },
        )
    }

    /// A picture whose pixels come from where the placement says: a part, turned by any angle. Between
    /// pixels it is interpolated; outside, the nearest pixel is taken.
    #[must_use]
    pub fn sampled(&self, width: usize, height: usize, placement: Placement) -> Self {
        if self.pixels.is_empty() {
            return Self::filled(width, height, [0.0; 3]);
        }
        let mut pixels = Vec::with_capacity(width * height);
        let Placement {
            origin,
            across,
            down,
        } = placement;
        for y in 0..height {
            let y = index_float(y);
            for x in 0..width {
                let x = index_float(x);
                pixels.push(self.between(
                    origin.0 + x * across.0 + y * down.0,
                    origin.1 + x * across.1 + y * down.1,
                ));
            }
        }
        Self {
            width,
            height,
            pixels,
        }
    }

    /// The picture turned by a quarter against the clock.
    #[must_use]
    pub fn turned_left(&self) -> Self {
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for x in (0..self.width).rev() {
            pixels.extend((0..self.height).map(|y| self.pixels[y * self.width + x]));
        }
        Self {
            width: self.height,
            height: self.width,
            pixels,
        }
    }

    /// The picture upside down: turned by a half.
    #[must_use]
    pub fn turned_around(&self) -> Self {
        Self {
            pixels: self.pixels.iter().rev().copied().collect(),
            ..*self
        }
    }

    /// The picture's values as a model takes them: plane by plane, each value as
    /// `(value / 255 - mean) / deviation` with the numbers of its channel in this order.
    pub fn planes(&self, channels: Channels, mean: [f32; 3], deviation: [f32; 3]) -> Vec<f32> {
        let mut planes = vec![0.0; self.pixels.len() * 3];
        self.write_planes(&mut planes, self.width, channels, mean, deviation);
        planes
    }

    /// The same into planes whose lines are longer than the picture's: for a batch of pictures of several
    /// widths. What lies beyond is left as it is, and a picture that does not fit is cut off.
    pub fn write_planes(
        &self,
        planes: &mut [f32],
        line: usize,
        channels: Channels,
        mean: [f32; 3],
        deviation: [f32; 3],
    ) {
        let plane_size = planes.len() / 3;
        if line == 0 || plane_size == 0 || self.width == 0 {
            return;
        }
        for (plane, values) in planes.chunks_exact_mut(plane_size).enumerate() {
            let colour = match channels {
                Channels::Rgb => plane,
                Channels::Bgr => 2 - plane,
            };
            let lines = values.chunks_exact_mut(line);
            for (target, source) in lines.zip(self.pixels.chunks_exact(self.width)) {
                for (target, pixel) in target.iter_mut().zip(source) {
                    *target = (pixel[colour] / 255.0 - mean[plane]) / deviation[plane];
                }
            }
        }
    }

    /// The picture as a PNG.
    ///
    /// # Errors
    /// [`ImageError`] if it has no pixels, or more along a side than a PNG can have.
    pub fn to_png(&self) -> Result<Vec<u8>, ImageError> {
        let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
        let bytes: Vec<u8> = self
            .pixels
            .iter()
            .flatten()
            .map(|value| byte(*value))
            .collect();
        let mut png = Vec::new();
        PngEncoder::new(&mut png).write_image(
            &bytes,
            side(self.width),
            side(self.height),
            ExtendedColorType::Rgb8,
        )?;
        Ok(png)
    }

    /// The colour at a place between pixels.
    fn between(&self, x: f64, y: f64) -> [f32; 3] {
        let (left, right, to_right) = neighbours(x, self.width);
        let (above, below, to_below) = neighbours(y, self.height);
        let at = |x: usize, y: usize| self.pixels[y * self.width + x];
        let corners = [
            (at(left, above), (1.0 - to_right) * (1.0 - to_below)),
            (at(right, above), to_right * (1.0 - to_below)),
            (at(left, below), (1.0 - to_right) * to_below),
            (at(right, below), to_right * to_below),
        ];
        let mut colour = [0.0; 3];
        for (channel, value) in colour.iter_mut().enumerate() {
            let sum: f64 = corners
                .iter()
                .map(|(pixel, share)| f64::from(pixel[channel]) * share)
                .sum();
            *value = narrowed(sum);
        }
        colour
    }
}

/// The pixels before and after a place along a side, and how far it is from the one to the other.
fn neighbours(place: f64, pixels: usize) -> (usize, usize, f64) {
    let last = pixels - 1;
    let place = place.clamp(0.0, index_float(last));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the side; NaN becomes 0"
    )]
    let before = place.floor() as usize;
    let after = (before + 1).min(last);
    let share = place - index_float(before);
    (before, after, if share.is_nan() { 0.0 } else { share })
}

/// How many pixels of the one side a pixel of the other spans.
fn ratio(from: usize, to: usize) -> f64 {
    index_float(from) / index_float(to.max(1))
}

/// A count of pixels; exact, as no side has 2^53.
#[expect(clippy::cast_precision_loss, reason = "no side has 2^53 pixels")]
fn index_float(pixels: usize) -> f64 {
    pixels as f64
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is meant")]
fn narrowed(value: f64) -> f32 {
    value as f32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped before"
)]
fn byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose red is given, whose green is its double, and whose blue is 255.
    fn picture(width: usize, red: &[f32]) -> Picture {
        Picture {
            width,
            height: red.len() / width,
            pixels: red.iter().map(|red| [*red, red * 2.0, 255.0]).collect(),
        }
    }

    fn red(picture: &Picture) -> Vec<f32> {
        picture.pixels.iter().map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn twice_the_size_lies_at_quarters_between_pixels() {
        // Middles of the new pixels, in old pixels: -0.25 (the edge), 0.25, 0.75, 1.25 (the edge).
        let resized = picture(2, &[0.0, 100.0]).resized(4, 1);
        assert_eq!(red(&resized), [0.0, 25.0, 75.0, 100.0]);
        let both = picture(2, &[0.0, 40.0, 80.0, 120.0]).resized(1, 1);
        assert_eq!(red(&both), [60.0]);
        assert_eq!(both.pixel(0, 0), Some([60.0, 120.0, 255.0]));
        let same = picture(2, &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(same.resized(2, 2), same);
    }

    #[test]
    fn a_part_can_be_turned_by_any_angle() {
        let source = picture(3, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        let column = source.sampled(
            3,
            1,
            Placement {
                origin: (1.0, 2.0),
                across: (0.0, -1.0),
                down: (1.0, 0.0),
            },
        );
        assert_eq!(red(&column), [7.0, 4.0, 1.0]);
        let diagonal = source.sampled(
            2,
            1,
            Placement {
                origin: (0.5, 0.5),
                across: (1.0, 1.0),
                down: (0.0, 0.0),
            },
        );
        assert_eq!(red(&diagonal), [2.0, 6.0]);
        let outside = source.sampled(
            1,
            1,
            Placement {
                origin: (-9.0, f64::NAN),
                across: (0.0, 0.0),
                down: (0.0, 0.0),
            },
        );
        assert_eq!(red(&outside), [0.0]);
    }

    #[test]
    fn turning_moves_every_pixel() {
        let source = picture(3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let left = source.turned_left();
        assert_eq!((left.width(), left.height()), (2, 3));
        assert_eq!(red(&left), [3.0, 6.0, 2.0, 5.0, 1.0, 4.0]);
        assert_eq!(red(&source.turned_around()), [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
        assert_eq!(left.turned_left(), source.turned_around());
    }

    #[test]
    fn planes_are_in_the_order_of_the_model() {
        let source = picture(2, &[0.0, 51.0]);
        let planes = source.planes(Channels::Rgb, [0.0, 0.0, 0.5], [1.0, 2.0, 0.5]);
        assert_eq!(planes, [0.0, 0.2, 0.0, 0.2, 1.0, 1.0]);
        let planes = source.planes(Channels::Bgr, [0.0; 3], [1.0; 3]);
        assert_eq!(planes, [1.0, 1.0, 0.0, 0.4, 0.0, 0.2]);
        let mut wide = [9.0; 9];
        source.write_planes(&mut wide, 3, Channels::Rgb, [0.0; 3], [1.0; 3]);
        assert_eq!(wide, [0.0, 0.2, 9.0, 0.0, 0.4, 9.0, 1.0, 1.0, 9.0]);
        let mut narrow = [9.0; 3];
        source.write_planes(&mut narrow, 1, Channels::Rgb, [0.0; 3], [1.0; 3]);
        assert_eq!(narrow, [0.0, 0.0, 1.0]);
    }

    #[test]
    fn a_png_is_the_picture_again() {
        let source = picture(2, &[0.0, 7.4, 7.6, 255.0]);
        let again = Picture::decode(&source.to_png().unwrap()).unwrap();
        assert_eq!(red(&again), [0.0, 7.0, 8.0, 255.0]);
        assert_eq!(again.pixel(1, 0), Some([7.0, 15.0, 255.0]));
        assert_eq!(again.pixel(2, 0), None);
    }

    #[test]
    fn damaged_pictures_are_refused_and_nothing_worse() {
        let png = picture(2, &[0.0, 1.0, 2.0, 3.0]).to_png().unwrap();
        for length in 0..png.len() - 12 {
            // Without its last chunk the picture is whole; the decoder may say so or not.
            assert!(Picture::decode(&png[..length]).is_err(), "{length} bytes");
        }
        let mut huge = png.clone();
        huge[16..20].copy_from_slice(&(SIDE_PIXELS_MAX + 1).to_be_bytes());
        assert!(Picture::decode(&huge).is_err());
    }
}
