//! The convex hull of points on a grid.

/// The corners of the smallest convex shape around these points, without those on its sides.
pub fn of(points: &[(i32, i32)]) -> Vec<(i32, i32)> {
    let mut points = points.to_vec();
    points.sort_unstable();
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let mut hull = half(points.iter());
    let other = half(points.iter().rev());
    // Each half ends where the other begins.
    hull.pop();
    hull.extend(&other[..other.len() - 1]);
    hull
}

/// The one side of the hull of points that are sorted.
fn half<'a>(points: impl Iterator<Item = &'a (i32, i32)>) -> Vec<(i32, i32)> {
    let mut side: Vec<(i32, i32)> = Vec::new();
    for point in points {
        while let [.., before, last] = side[..]
            && turn(before, last, *point) <= 0
        {
            side.pop();
        }
        side.push(*point);
    }
    side
}

/// Positive if the way from the first over the second to the third point turns to the left.
fn turn(a: (i32, i32), b: (i32, i32), c: (i32, i32)) -> i64 {
    let wide = |of: (i32, i32)| (i64::from(of.0), i64::from(of.1));
    let (a, b, c) = (wide(a), wide(b), wide(c));
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_within_and_on_sides_are_no_corners() {
        let points = [(0, 0), (4, 0), (2, 0), (4, 4), (0, 4), (2, 2), (0, 0)];
        assert_eq!(of(&points), [(0, 0), (4, 0), (4, 4), (0, 4)]);
        assert_eq!(of(&[(0, 0), (1, 1), (2, 2)]), [(0, 0), (2, 2)]);
        assert_eq!(of(&[(3, 3), (3, 3)]), [(3, 3)]);
        assert!(of(&[]).is_empty());
    }
}
