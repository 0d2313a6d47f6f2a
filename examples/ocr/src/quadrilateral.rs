//! A place on the page: four corners in whole pixels, in the order in which text has them.

use serde::Serialize;

/// Four corners: upper left, upper right, lower right, lower left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Quadrilateral([(i32, i32); 4]);

impl Quadrilateral {
    /// The place with these corners, each moved to the nearest pixel of a page of this size.
    pub fn of(corners: [(f64, f64); 4], width: usize, height: usize) -> Self {
        let whole = |place: f64, pixels: usize| {
            let last = pixels.saturating_sub(1) as f64;
            place.round_ties_even().clamp(0.0, last) as i32
        };
        let mut corners = corners.map(|(x, y)| (whole(x, width), whole(y, height)));
        corners.sort_unstable();
        let [mut left, mut right] = [[corners[0], corners[1]], [corners[2], corners[3]]];
        for pair in [&mut left, &mut right] {
            pair.sort_by_key(|(_, y)| *y);
        }
        Self([left[0], right[0], right[1], left[1]])
    }

    /// Its corners, with the clock.
    pub fn corners(&self) -> [(i32, i32); 4] {
        self.0
    }

    /// Where it begins: its upper left corner.
    pub fn first(&self) -> (i32, i32) {
        self.0[0]
    }

    /// The longer of its upper and its lower side, in whole pixels.
    pub fn width(&self) -> usize {
        self.longer([(0, 1), (3, 2)])
    }

    /// The longer of its left and its right side, in whole pixels.
    pub fn height(&self) -> usize {
        self.longer([(0, 3), (1, 2)])
    }

    fn longer(&self, sides: [(usize, usize); 2]) -> usize {
        let squares = sides.map(|(from, to)| {
            let (from, to) = (self.0[from], self.0[to]);
            let (x, y) = (i64::from(to.0 - from.0), i64::from(to.1 - from.1));
            (x * x + y * y).unsigned_abs()
        });
        usize::try_from(squares[0].max(squares[1]).isqrt()).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_come_in_the_order_of_text_whatever_order_they_had() {
        let corners = [(30.0, 11.0), (1.0, 10.0), (0.6, 2.5), (29.5, 1.0)];
        let place = Quadrilateral::of(corners, 100, 100);
        assert_eq!(place.corners(), [(1, 2), (30, 1), (30, 11), (1, 10)]);
        assert_eq!((place.width(), place.height()), (29, 10));
        assert_eq!(place.first(), (1, 2));
    }

    #[test]
    fn corners_stay_on_the_page() {
        let corners = [(-5.0, -5.0), (200.0, -1.0), (200.0, 90.0), (-5.0, 99.5)];
        let place = Quadrilateral::of(corners, 100, 50);
        assert_eq!(place.corners(), [(0, 0), (99, 0), (99, 49), (0, 49)]);
    }
}
