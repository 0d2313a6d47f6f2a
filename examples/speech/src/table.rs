//! Lays the segments out as a table for people.

use crate::RATE_HZ;
use crate::segments::Segment;

/// The table: a heading, then a line for each segment.
pub fn text(segments: &[Segment]) -> String {
    let mut text = "    from        to    lasts\n".to_string();
    for Segment { start, end } in segments {
        text += &format!(
            "{:>8}  {:>8}  {:>7}\n",
            seconds(*start),
            seconds(*end),
            seconds(end - start)
        );
    }
    text
}

/// How long so many samples are, to the nearest millisecond.
pub fn seconds(samples: usize) -> String {
    let rate = RATE_HZ as usize;
    let milliseconds = (samples * 1000 + rate / 2) / rate;
    format!("{}.{:03} s", milliseconds / 1000, milliseconds % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_to_milliseconds() {
        assert_eq!(seconds(0), "0.000 s");
        assert_eq!(seconds(7), "0.000 s");
        assert_eq!(seconds(8), "0.001 s");
        assert_eq!(seconds(16_000 * 61 + 480), "61.030 s");
    }

    #[test]
    fn a_line_is_a_segment() {
        let segments = [Segment {
            start: 8_000,
            end: 40_000,
        }];
        assert_eq!(
            text(&segments),
            "    from        to    lasts\n 0.500 s   2.500 s  2.000 s\n"
        );
    }
}
