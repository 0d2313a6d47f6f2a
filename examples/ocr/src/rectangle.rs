//! A rectangle at any angle: the smallest one around points, and what is asked of it. Works in pixels of the
//! model's map.

use crate::hull;

/// How far outside a pixel may lie and still be within: less than any pixel's share, more than rounding.
const TOLERANCE: f64 = 1e-6;

/// A rectangle at any angle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rectangle {
    middle: (f64, f64),
    /// The direction of one pair of sides, of length one; the other is at a right angle to it.
    along: (f64, f64),
    /// The lengths of the sides along it and across.
    sides: (f64, f64),
}

impl Rectangle {
    /// The rectangle of the smallest area around these points; none if they are fewer than three corners. One
    /// of its sides lies on a side of their hull.
    pub fn around(points: &[(i32, i32)]) -> Option<Self> {
        let hull = hull::of(points);
        if hull.len() < 3 {
            return None;
        }
        let mut best: Option<Self> = None;
        for (index, from) in hull.iter().enumerate() {
            let to = hull[(index + 1) % hull.len()];
            let side = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
            let length = (side.0 * side.0 + side.1 * side.1).sqrt();
            let found = Self::along(&hull, (side.0 / length, side.1 / length));
            if best.is_none_or(|best| found.area() < best.area()) {
                best = Some(found);
            }
        }
        best
    }

    /// The smallest rectangle around these points with sides of this direction.
    fn along(points: &[(i32, i32)], along: (f64, f64)) -> Self {
        let mut least = (f64::INFINITY, f64::INFINITY);
        let mut most = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        for (x, y) in points {
            let (x, y) = (f64::from(*x), f64::from(*y));
            let (u, v) = (x * along.0 + y * along.1, y * along.0 - x * along.1);
            least = (least.0.min(u), least.1.min(v));
            most = (most.0.max(u), most.1.max(v));
        }
        let (u, v) = ((least.0 + most.0) / 2.0, (least.1 + most.1) / 2.0);
        Self {
            middle: (u * along.0 - v * along.1, u * along.1 + v * along.0),
            along,
            sides: (most.0 - least.0, most.1 - least.1),
        }
    }

    fn area(&self) -> f64 {
        self.sides.0 * self.sides.1
    }

    /// The length of its shorter sides.
    pub fn thickness(&self) -> f64 {
        self.sides.0.min(self.sides.1)
    }

    /// The rectangle whose sides lie further out by `growth` times its area to its length.
    #[must_use]
    pub fn grown(&self, growth: f64) -> Self {
        let outwards = self.area() * growth / (2.0 * (self.sides.0 + self.sides.1));
        Self {
            sides: (self.sides.0 + 2.0 * outwards, self.sides.1 + 2.0 * outwards),
            ..*self
        }
    }

    /// Its corners, one after the other.
    pub fn corners(&self) -> [(f64, f64); 4] {
        let (u, v) = (self.sides.0 / 2.0, self.sides.1 / 2.0);
        [(-u, -v), (u, -v), (u, v), (-u, v)].map(|(u, v)| {
            (
                self.middle.0 + u * self.along.0 - v * self.along.1,
                self.middle.1 + u * self.along.1 + v * self.along.0,
            )
        })
    }

    /// The upper left and the lower right corner of the upright rectangle around it.
    pub fn bounds(&self) -> ((f64, f64), (f64, f64)) {
        let mut least = self.middle;
        let mut most = self.middle;
        for (x, y) in self.corners() {
            least = (least.0.min(x), least.1.min(y));
            most = (most.0.max(x), most.1.max(y));
        }
        (
            (least.0.floor(), least.1.floor()),
            (most.0.ceil(), most.1.ceil()),
        )
    }

    /// Whether the point lies within, or on a side.
    pub fn contains(&self, (x, y): (f64, f64)) -> bool {
        let (x, y) = (x - self.middle.0, y - self.middle.1);
        let u = x * self.along.0 + y * self.along.1;
        let v = y * self.along.0 - x * self.along.1;
        u.abs() <= self.sides.0 / 2.0 + TOLERANCE && v.abs() <= self.sides.1 / 2.0 + TOLERANCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upright_points_have_an_upright_rectangle() {
        let rectangle = Rectangle::around(&[(0, 0), (10, 0), (10, 4), (0, 4), (5, 2)]).unwrap();
        assert_eq!(
            rectangle.corners(),
            [(0.0, 0.0), (10.0, 0.0), (10.0, 4.0), (0.0, 4.0)]
        );
        assert_eq!(rectangle.thickness(), 4.0);
        assert_eq!(rectangle.bounds(), ((0.0, 0.0), (10.0, 4.0)));
        assert!(rectangle.contains((10.0, 4.0)));
        assert!(!rectangle.contains((10.1, 4.0)));
    }

    #[test]
    fn a_turned_square_is_found_at_its_angle() {
        // Its sides are three times four along, and five long; upright it would take 49 pixels.
        let rectangle = Rectangle::around(&[(0, 3), (4, 0), (7, 4), (3, 7)]).unwrap();
        assert!((rectangle.area() - 25.0).abs() < 1e-9);
        assert!((rectangle.middle.0 - 3.5).abs() < 1e-9);
        assert!(rectangle.contains((3.5, 6.6)));
        assert!(!rectangle.contains((6.0, 6.0)));
    }

    #[test]
    fn growing_moves_each_side_by_area_to_length() {
        // 10 × 4 pixels, 28 around: 40 · 1.4 / 28 = 2 further out.
        let rectangle = Rectangle::around(&[(0, 0), (10, 0), (10, 4), (0, 4)]).unwrap();
        let grown = rectangle.grown(1.4);
        assert!((grown.sides.0 - 14.0).abs() < 1e-9 && (grown.sides.1 - 8.0).abs() < 1e-9);
        assert_eq!(grown.middle, rectangle.middle);
    }

    #[test]
    fn points_on_a_line_have_none() {
        assert_eq!(Rectangle::around(&[(0, 0), (5, 5), (9, 9)]), None);
        assert_eq!(Rectangle::around(&[]), None);
    }
}
