//! What is to be done at which operator of a body, in one memory tier: the charges of M4 and the sync
//! points of M5 that belong to a place in the text. Those that belong to what an operator does, such as
//! calling an import, are in `run`.

use std::ops::Range;

use meterbox_meter::Tier;

use crate::body::Body;

/// What control owes when it reaches an operator, before that operator runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    /// The weight of the segment that begins here; 0 if none does, or if it is the body of a counted loop.
    pub(crate) charge: u64,
    pub(crate) sync: Sync,
}

/// What comes after the charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    None,
    /// The entry of a function that is not small.
    Entry,
    /// The head of a loop that is not counted.
    Loop,
    /// The head of a counted loop, by its number.
    Counted(usize),
}

#[derive(Debug)]
pub(crate) struct Plan {
    /// One for each operator; none where nothing is to be done.
    pub(crate) points: Vec<Option<Point>>,
    /// For each counted loop, what one lap weighs.
    pub(crate) lap_weights: Vec<u64>,
}

impl Plan {
    pub(crate) fn new(body: &Body, tier: Tier) -> Plan {
        let nothing = Point {
            charge: 0,
            sync: Sync::None,
        };
        let mut points = vec![nothing; body.code.len()];
        for segment in &body.segments {
            points[segment.weighs.start].charge = weight(body, segment.weighs.clone(), tier);
        }
        if !body.is_small {
            points[0].sync = Sync::Entry;
        }
        for &at in &body.loops {
            points[at + 1].sync = Sync::Loop;
        }
        for (number, counted) in body.counted.iter().enumerate() {
            points[counted.at + 1] = Point {
                charge: 0,
                sync: Sync::Counted(number),
            };
        }
        Plan {
            points: points
                .into_iter()
                .map(|point| (point != nothing).then_some(point))
                .collect(),
            lap_weights: body
                .counted
                .iter()
                .map(|counted| weight(body, counted.at + 1..counted.end, tier))
                .collect(),
        }
    }
}

fn weight(body: &Body, operators: Range<usize>, tier: Tier) -> u64 {
    body.classes[operators]
        .iter()
        .map(|class| u64::from(class.weight(tier)))
        .sum()
}
