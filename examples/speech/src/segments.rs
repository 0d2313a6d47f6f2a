//! Turns how sure the model is of each window into segments of speech. Follows the rules published with
//! Silero VAD, with its usual numbers: it takes more to begin a segment than to stay in it, short pauses do
//! not end one, and short sounds are none.

use serde::Serialize;

/// When a segment begins and ends. Lengths are in samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// How sure the model has to be for a segment to begin.
    pub begin: f64,
    /// Below how sure a segment may end.
    pub end: f64,
    /// A segment is longer than this.
    pub speech_min: usize,
    /// A pause shorter than this ends no segment.
    pub silence_min: usize,
    /// What is added at both ends, so that no consonant is cut off.
    pub pad: usize,
}

impl Rules {
    /// Silero's usual numbers, for sound of this rate.
    pub fn of_silero(rate_hz: u32) -> Self {
        let samples = |milliseconds: usize| rate_hz as usize * milliseconds / 1000;
        Self {
            begin: 0.5,
            end: 0.35,
            speech_min: samples(250),
            silence_min: samples(100),
            pad: samples(30),
        }
    }
}

/// A stretch of speech: from the sample `start` up to the sample before `end`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// Its first sample.
    pub start: usize,
    /// The sample behind its last one.
    pub end: usize,
}

/// The segments of a sound of so many samples, of which each share tells of one window.
pub fn find(rules: &Rules, shares: &[f32], window: usize, samples: usize) -> Vec<Segment> {
    let mut found = Vec::new();
    let mut begun: Option<usize> = None;
    let mut quiet_since: Option<usize> = None;
    for (index, share) in shares.iter().copied().map(f64::from).enumerate() {
        let at = index * window;
        if share >= rules.begin {
            quiet_since = None;
            begun.get_or_insert(at);
        } else if share < rules.end
            && let Some(start) = begun
        {
            let end = *quiet_since.get_or_insert(at);
            if at - end >= rules.silence_min {
                found.push(Segment { start, end });
                (begun, quiet_since) = (None, None);
            }
        }
    }
    if let Some(start) = begun {
        found.push(Segment {
            start,
            end: samples,
        });
    }
    found.retain(|segment| segment.end.saturating_sub(segment.start) > rules.speech_min);
    pad(&mut found, rules.pad, samples);
    found
}

/// Lengthens the segments at both ends; those too close for that meet in the middle of their pause.
fn pad(segments: &mut [Segment], pad: usize, samples: usize) {
    if let Some(first) = segments.first_mut() {
        first.start = first.start.saturating_sub(pad);
    }
    for index in 1..segments.len() {
        let pause = segments[index].start - segments[index - 1].end;
        let each = if pause < 2 * pad { pause / 2 } else { pad };
        segments[index - 1].end += each;
        segments[index].start -= each;
    }
    if let Some(last) = segments.last_mut() {
        last.end = (last.end + pad).min(samples);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows of 10 samples, speech of more than 20, pauses of 20, and 3 at both ends.
    fn check(shares: &[f32], samples: usize, expected: &[(usize, usize)]) {
        let rules = Rules {
            begin: 0.5,
            end: 0.35,
            speech_min: 20,
            silence_min: 20,
            pad: 3,
        };
        let found: Vec<_> = find(&rules, shares, 10, samples)
            .iter()
            .map(|segment| (segment.start, segment.end))
            .collect();
        assert_eq!(found, expected, "{shares:?}");
    }

    #[test]
    fn a_segment_begins_at_the_threshold_and_is_padded() {
        check(&[0.1, 0.5, 0.9, 0.9, 0.1, 0.1, 0.1], 70, &[(7, 43)]);
        check(&[0.1, 0.49, 0.49, 0.49, 0.1, 0.1, 0.1], 70, &[]);
        check(&[], 0, &[]);
    }

    #[test]
    fn a_segment_goes_on_while_the_model_is_not_sure_of_silence() {
        // 0.4 is too little to begin with, and too much to end.
        check(&[0.9, 0.4, 0.4, 0.4, 0.4, 0.4], 60, &[(0, 60)]);
        check(&[0.9, 0.9, 0.9, 0.4, 0.1, 0.1, 0.1, 0.1], 80, &[(0, 43)]);
    }

    #[test]
    fn a_short_pause_is_part_of_the_speech() {
        // The pause is told from its beginning to the beginning of the window that is looked at.
        check(&[0.9, 0.9, 0.1, 0.1, 0.9, 0.9], 60, &[(0, 60)]);
        check(
            &[0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9],
            90,
            &[(0, 33), (57, 90)],
        );
    }

    #[test]
    fn a_short_sound_is_no_speech() {
        check(&[0.1, 0.9, 0.9, 0.1, 0.1, 0.1], 60, &[]);
        check(&[0.1, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1], 70, &[(7, 43)]);
        check(&[0.1, 0.1, 0.9, 0.9], 40, &[]);
        check(&[0.1, 0.1, 0.9, 0.9, 0.9], 41, &[(17, 41)]);
    }

    #[test]
    fn segments_close_to_each_other_meet_in_their_pause() {
        let mut segments = vec![
            Segment { start: 1, end: 30 },
            Segment { start: 35, end: 60 },
        ];
        pad(&mut segments, 3, 61);
        assert_eq!(
            segments,
            [
                Segment { start: 0, end: 32 },
                Segment { start: 33, end: 61 }
            ]
        );
    }

    #[test]
    fn the_published_package_finds_the_same() {
        // What silero-vad 6.2.3 gives for these shares: a digit a window, looked up here.
        const SHARES: [f32; 8] = [0.0, 0.1, 0.2, 0.36, 0.49, 0.5, 0.9, 1.0];
        let cases: [(&str, usize, &[(usize, usize)]); 6] = [
            (
                "33333440044422277755007222226433333366333333000000000000222",
                29856,
                &[(7200, 12256), (13856, 23008)],
            ),
            (
                "11166644333333330000005555566644667737755555554477777733",
                28303,
                &[(1056, 8672), (10784, 28303)],
            ),
            (
                "11047440000004422227777777777777777777440000222555555505677733",
                31511,
                &[(9248, 20960), (23584, 31511)],
            ),
            (
                "100000077705666333333333334474222222222225555633333333",
                27586,
                &[(3104, 15840), (20512, 27586)],
            ),
            (
                "444440777777760000000005077744446666666033324400000044445",
                28846,
                &[(2592, 7648), (11296, 20448)],
            ),
            (
                "133322777455555566666000000005555003333344455",
                22905,
                &[(2592, 11232), (14368, 22905)],
            ),
        ];
        for (digits, samples, expected) in cases {
            let shares: Vec<f32> = digits
                .bytes()
                .map(|digit| SHARES[usize::from(digit - b'0')])
                .collect();
            let found: Vec<_> = find(&Rules::of_silero(16_000), &shares, 512, samples)
                .iter()
                .map(|segment| (segment.start, segment.end))
                .collect();
            assert_eq!(found, expected, "{digits}");
        }
    }

    #[test]
    fn the_usual_numbers_are_those_that_silero_names() {
        let rules = Rules::of_silero(16_000);
        assert_eq!(
            (rules.speech_min, rules.silence_min, rules.pad),
            (4000, 1600, 480)
        );
    }
}
