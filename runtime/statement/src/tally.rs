//! Owns sums by name, of as many names as memory is to hold, and the largest of them. Knows no plot.

use std::collections::BTreeMap;

use crate::signed::{Signed, SumTooLarge};

/// Names that are told apart, at some hundred bytes each. Whatever comes after goes to the others.
pub const NAMES_MAX: usize = 100_000;
/// Rows that fit a page.
pub const ROWS_MAX: usize = 12;

/// What was charged to one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// What was charged.
    pub charged: Signed,
    /// How many receipts.
    pub receipts: u64,
    /// Of these, how many whose job had another outcome than `ok`, and cost something.
    pub failed: u64,
    /// What those cost.
    pub failed_charged: Signed,
}

/// Sums by name.
#[derive(Debug, Clone)]
pub struct Tally<K> {
    sums: BTreeMap<K, Sum>,
    names_max: usize,
    untold: Sum,
}

/// The largest sums, and what all others come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranking<K> {
    /// The largest first; of equals, the first by name.
    pub rows: Vec<(K, Sum)>,
    /// How many names are not among the rows. Those beyond [`NAMES_MAX`] are not counted.
    pub other_names: usize,
    /// What they come to.
    pub others: Sum,
    /// Whether there were more names than could be told apart, so that a late one may be missing above.
    pub is_cut: bool,
}

impl Sum {
    /// One charge.
    pub fn of(charged: Signed, is_ok: bool) -> Self {
        let failed = !is_ok && !charged.is_zero();
        Self {
            charged,
            receipts: 1,
            failed: u64::from(failed),
            failed_charged: if failed { charged } else { Signed::ZERO },
        }
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Result<Self, SumTooLarge> {
        Ok(Self {
            charged: self.charged.plus(other.charged)?,
            receipts: self.receipts.saturating_add(other.receipts),
            failed: self.failed.saturating_add(other.failed),
            failed_charged: self.failed_charged.plus(other.failed_charged)?,
        })
    }
}

impl<K: Ord + Clone> Tally<K> {
    pub fn new() -> Self {
        Self::bounded(NAMES_MAX)
    }

    fn bounded(names_max: usize) -> Self {
        Self {
            sums: BTreeMap::new(),
            names_max,
            untold: Sum::default(),
        }
    }

    pub fn add(&mut self, name: K, sum: Sum) -> Result<(), SumTooLarge> {
        let is_full = self.sums.len() >= self.names_max;
        let place = match self.sums.get_mut(&name) {
            Some(place) => place,
            None if is_full => &mut self.untold,
            None => self.sums.entry(name).or_default(),
        };
        *place = place.plus(sum)?;
        Ok(())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &Sum)> {
        self.sums.iter()
    }

    pub fn ranking(&self) -> Result<Ranking<K>, SumTooLarge> {
        let mut all: Vec<_> = self.sums.iter().collect();
        all.sort_by(|a, b| b.1.charged.cmp(&a.1.charged).then(a.0.cmp(b.0)));
        let (rows, rest) = all.split_at(all.len().min(ROWS_MAX));
        let others = rest
            .iter()
            .try_fold(self.untold, |sum, (_, more)| sum.plus(**more))?;
        Ok(Ranking {
            rows: rows
                .iter()
                .map(|(name, sum)| ((*name).clone(), **sum))
                .collect(),
            other_names: rest.len(),
            others,
            is_cut: self.untold != Sum::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ethnum::I256;

    fn sum(units: u32) -> Sum {
        Sum::of(
            Signed::from_units(I256::from(units)),
            !units.is_multiple_of(2),
        )
    }

    #[test]
    fn the_largest_come_first_and_the_rest_together() {
        let mut tally = Tally::new();
        for name in 0..20_u32 {
            tally.add(name, sum(name)).unwrap();
            tally.add(name, sum(name)).unwrap();
        }
        let ranking = tally.ranking().unwrap();
        let names: Vec<_> = ranking.rows.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, (8..20).rev().collect::<Vec<_>>());
        assert_eq!((ranking.other_names, ranking.others.receipts), (8, 16));
        assert_eq!(
            ranking.others.charged.units(),
            I256::from(2 * (0..8).sum::<u32>())
        );
        assert_eq!((ranking.others.failed, ranking.is_cut), (6, false));
    }

    #[test]
    fn names_beyond_the_bound_are_summed_up_without_being_told_apart() {
        let mut tally = Tally::bounded(2);
        for name in [1_u32, 2, 3, 1, 4] {
            tally.add(name, sum(name)).unwrap();
        }
        let ranking = tally.ranking().unwrap();
        assert_eq!(ranking.rows.len(), 2);
        assert_eq!(ranking.others.charged.units(), I256::from(7));
        assert!(ranking.is_cut);
    }
}
