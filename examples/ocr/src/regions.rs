//! Finds the regions of a map of scores: pixels that touch each other and score high enough. Says of each
//! only where its outline can be.

/// From which score on a pixel belongs to a region.
const THRESHOLD: f32 = 0.3;

/// The leftmost and rightmost pixels of each line of each region: all that its hull needs. Regions come by their
/// first pixel, line by line; at most so many are given.
pub fn find(map: &[f32], width: usize, regions_max: usize) -> Vec<Vec<(i32, i32)>> {
    let mut mask = spread(map, width);
    let mut regions = Vec::new();
    for start in 0..mask.len() {
        if regions.len() == regions_max {
            break;
        }
        if mask[start] {
            regions.push(outline(&mut mask, width, start));
        }
    }
    regions
}

/// Which pixels belong to regions: those that score high enough, and those to the right of and below such a
/// one, so that letters a pixel apart are one region.
fn spread(map: &[f32], width: usize) -> Vec<bool> {
    let mut mask = vec![false; map.len()];
    for (index, score) in map.iter().enumerate() {
        if *score > THRESHOLD {
            let right = usize::from((index + 1) % width != 0);
            for index in [index, index + right, index + width, index + width + right] {
                if let Some(pixel) = mask.get_mut(index) {
                    *pixel = true;
                }
            }
        }
    }
    mask
}

/// Takes the region of this pixel out of the mask. Pixels touch along their sides and at their corners.
fn outline(mask: &mut [bool], width: usize, start: usize) -> Vec<(i32, i32)> {
    let height = mask.len() / width;
    let mut lines: std::collections::BTreeMap<usize, (usize, usize)> = Default::default();
    let mut open = vec![start];
    mask[start] = false;
    while let Some(index) = open.pop() {
        let (x, y) = (index % width, index / width);
        let ends = lines.entry(y).or_insert((x, x));
        *ends = (ends.0.min(x), ends.1.max(x));
        for y in y.saturating_sub(1)..=(y + 1).min(height - 1) {
            for x in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                let near = y * width + x;
                if mask[near] {
                    mask[near] = false;
                    open.push(near);
                }
            }
        }
    }
    let whole = |pixels: usize| i32::try_from(pixels).unwrap_or(i32::MAX);
    lines
        .into_iter()
        .flat_map(|(y, (left, right))| [(whole(left), whole(y)), (whole(right), whole(y))])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(picture: &[&str]) -> (Vec<f32>, usize) {
        let scores = picture
            .iter()
            .flat_map(|line| line.chars())
            .map(|pixel| if pixel == '#' { 0.31 } else { 0.3 });
        (scores.collect(), picture[0].len())
    }

    #[test]
    fn a_pixel_spreads_to_the_right_and_down_but_not_over_the_edge() {
        let (scores, width) = map(&["#..", "...", "..#"]);
        let mask = spread(&scores, width);
        let shown: Vec<usize> = (0..9).filter(|index| mask[*index]).collect();
        assert_eq!(shown, [0, 1, 3, 4, 8]);
    }

    #[test]
    fn regions_touch_at_corners_and_show_the_ends_of_their_lines() {
        let (scores, width) = map(&["#.....", ".....#", "......"]);
        let regions = find(&scores, width, 9);
        assert_eq!(
            regions,
            [
                vec![(0, 0), (1, 0), (0, 1), (1, 1)],
                vec![(5, 1), (5, 1), (5, 2), (5, 2)]
            ]
        );
        let (scores, width) = map(&["#...", "..#.", "...."]);
        assert_eq!(find(&scores, width, 9).len(), 1);
        let (scores, width) = map(&["#..#"]);
        assert_eq!(find(&scores, width, 9).len(), 2);
        assert_eq!(find(&scores, width, 1).len(), 1);
        assert!(find(&[], 4, 9).is_empty());
    }
}
