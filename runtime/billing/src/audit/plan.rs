//! Owns how many calls to compute again so that forging does not pay. Exact, in whole numbers: knows no
//! receipt, and chooses no call.

use std::cmp::Ordering;

use crate::money::Amount;

/// Calls that a plan can be made for: more than a job can make under any limits that a provider takes today,
/// and few enough that exact fractions of them take a moment.
pub const CALLS_MAX: u64 = 1_000_000;

/// What a plan is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stakes {
    /// Calls that the job made.
    pub calls: u64,
    /// Calls that a provider would have to forge for its gain.
    pub forged: u64,
    /// What it loses if one of them is found.
    pub deposit: Amount,
    /// What it gains if none is.
    pub gain: Amount,
}

/// Why there is no plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// More calls than [`CALLS_MAX`], or none.
    #[error("a plan is made for 1 to {CALLS_MAX} calls, not for {calls}")]
    Calls {
        /// How many.
        calls: u64,
    },
    /// More are forged than there are, or none.
    #[error("of {calls} calls, 1 to {calls} can be forged, not {forged}")]
    Forged {
        /// How many there are.
        calls: u64,
        /// How many are forged.
        forged: u64,
    },
}

/// How many calls to compute again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The fewest with which forging does not pay.
    pub recomputed: u64,
    /// How likely it is that a forged one is among them, in millionths, rounded down.
    pub caught_millionths: u64,
}

/// The fewest calls to compute again so that forging does not pay: the chance of being caught times the deposit
/// is at least the chance of not being caught times the gain.
///
/// Of n calls with f forged ones, none of k chosen ones is forged with the probability C(n−f, k) / C(n, k).
pub fn plan(stakes: &Stakes) -> Result<Plan, PlanError> {
    let Stakes { calls, forged, .. } = *stakes;
    if calls == 0 || calls > CALLS_MAX {
        return Err(PlanError::Calls { calls });
    }
    if forged == 0 || forged > calls {
        return Err(PlanError::Forged { calls, forged });
    }
    // Beyond n − f, one is found for certain. The chance falls with each more, so the answer is between what
    // does not suffice and what does. Doubling first: fractions of few factors are found at once.
    let certain = calls - forged + 1;
    let (mut short, mut enough) = (None, 0_u64);
    while enough < certain && !deters(stakes, enough) {
        short = Some(enough);
        enough = enough.saturating_mul(2).clamp(1, certain);
    }
    while let Some(below) = short.filter(|below| enough - below > 1) {
        let middle = below + (enough - below) / 2;
        if deters(stakes, middle) {
            enough = middle;
        } else {
            short = Some(middle);
        }
    }
    Ok(Plan {
        recomputed: enough,
        caught_millionths: caught_millionths(calls, forged, enough),
    })
}

/// Whether computing so many again suffices: missed × (deposit + gain) ≤ all × deposit.
fn deters(stakes: &Stakes, recomputed: u64) -> bool {
    let (missed, all) = missed_of_all(stakes.calls, stakes.forged, recomputed);
    let (deposit, gain) = (
        Natural::from(stakes.deposit.units()),
        Natural::from(stakes.gain.units()),
    );
    missed.times(&deposit.plus(&gain)) <= all.times(&deposit)
}

/// The chance of being caught, in millionths, rounded down.
fn caught_millionths(calls: u64, forged: u64, recomputed: u64) -> u64 {
    const WHOLE: u64 = 1_000_000;
    let (missed, all) = missed_of_all(calls, forged, recomputed);
    let whole = all.times(&Natural::from(u128::from(WHOLE)));
    let missed = missed.times(&Natural::from(u128::from(WHOLE)));
    // The largest d with missed + d·all ≤ whole.
    let (mut least, mut most) = (0, WHOLE);
    while least < most {
        let middle = least + (most - least).div_ceil(2);
        let sum = all.times(&Natural::from(u128::from(middle))).plus(&missed);
        if sum <= whole {
            least = middle;
        } else {
            most = middle - 1;
        }
    }
    least
}

/// C(n−f, k) / C(n, k) as a fraction, by as few factors as there can be: it is the same with f and k exchanged.
fn missed_of_all(calls: u64, forged: u64, recomputed: u64) -> (Natural, Natural) {
    let (few, many) = (forged.min(recomputed), forged.max(recomputed));
    let product = |from: u64| {
        (0..few).fold(Natural::from(1), |product, less| {
            product.times(&Natural::from(u128::from(from.saturating_sub(less))))
        })
    };
    (product(calls.saturating_sub(many)), product(calls))
}

/// A whole number of any size: its digits at the base 2^32, the lowest first, none of them 0 at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Natural(Vec<u32>);

/// The lower half of a sum or product, and what is carried.
fn split(value: u64) -> (u32, u64) {
    let low = u32::try_from(value & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    (low, value >> 32)
}

impl Natural {
    fn trimmed(mut digits: Vec<u32>) -> Natural {
        while digits.last() == Some(&0) {
            digits.pop();
        }
        Natural(digits)
    }

    fn plus(&self, other: &Natural) -> Natural {
        let length = self.0.len().max(other.0.len());
        let digit = |of: &Natural, at: usize| u64::from(of.0.get(at).copied().unwrap_or(0));
        let (mut digits, mut carried) = (Vec::with_capacity(length + 1), 0);
        for at in 0..length {
            let (low, high) = split(digit(self, at) + digit(other, at) + carried);
            digits.push(low);
            carried = high;
        }
        digits.push(split(carried).0);
        Natural::trimmed(digits)
    }

    fn times(&self, other: &Natural) -> Natural {
        let mut digits = vec![0_u32; self.0.len() + other.0.len()];
        for (at, one) in self.0.iter().enumerate() {
            let mut carried = 0;
            // The row of this digit: 2^32 − 1 squared, plus twice that, is just below 2^64.
            for (place, other) in digits[at..].iter_mut().zip(other.0.iter().chain(&[0])) {
                let (low, high) =
                    split(u64::from(*one) * u64::from(*other) + u64::from(*place) + carried);
                *place = low;
                carried = high;
            }
        }
        Natural::trimmed(digits)
    }
}

impl From<u128> for Natural {
    fn from(mut value: u128) -> Natural {
        let mut digits = Vec::with_capacity(4);
        while value > 0 {
            let low = u32::try_from(value & u128::from(u32::MAX)).unwrap_or(u32::MAX);
            digits.push(low);
            value >>= 32;
        }
        Natural(digits)
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Natural) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Natural) -> Ordering {
        let length = self.0.len().cmp(&other.0.len());
        length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stakes(calls: u64, forged: u64, deposit: &str, gain: &str) -> Stakes {
        Stakes {
            calls,
            forged,
            deposit: deposit.parse().unwrap(),
            gain: gain.parse().unwrap(),
        }
    }

    fn planned(calls: u64, forged: u64, deposit: &str, gain: &str) -> (u64, u64) {
        let plan = plan(&stakes(calls, forged, deposit, gain)).unwrap();
        (plan.recomputed, plan.caught_millionths)
    }

    #[test]
    fn plans_are_those_computed_by_hand() {
        // One of 100 forged is found by k of them with k/100; with gain and deposit equal, half is needed.
        assert_eq!(planned(100, 1, "1", "1"), (50, 500_000));
        // A gain of a ninth of the deposit wants a tenth, and the least more than a ninth wants one more.
        assert_eq!(planned(100, 1, "9", "1"), (10, 100_000));
        assert_eq!(planned(100, 1, "9", "1.000000000000000001"), (11, 110_000));
        // Two of 5 forged: 1 − 3/5 = 2/5 with one, 1 − 3·2/(5·4) = 7/10 with two, 1 − 1/10 with three.
        assert_eq!(planned(5, 2, "3", "2"), (1, 400_000));
        assert_eq!(planned(5, 2, "2", "3"), (2, 700_000));
        assert_eq!(planned(5, 2, "3", "7"), (2, 700_000));
        assert_eq!(planned(5, 2, "2.9", "7"), (3, 900_000));
        // Three of 20: 1 − C(17, 5)/C(20, 5) = 1 − 6188/15504 = 0.600877…; with four 1 − 2380/4845 = 0.508771….
        assert_eq!(planned(20, 3, "4", "6"), (5, 600_877));
        assert_eq!(planned(20, 3, "0.5", "0.51"), (4, 508_771));
        // All forged: one suffices.
        assert_eq!(planned(7, 7, "0.000001", "1000000"), (1, 1_000_000));
    }

    #[test]
    fn nothing_to_gain_wants_no_call_and_nothing_to_lose_wants_certainty() {
        assert_eq!(planned(100, 3, "1", "0"), (0, 0));
        assert_eq!(planned(100, 3, "0", "0"), (0, 0));
        assert_eq!(planned(100, 3, "0", "0.1"), (98, 1_000_000));
        assert_eq!(planned(1, 1, "0", "1"), (1, 1_000_000));
    }

    #[test]
    fn a_plan_for_a_million_calls_is_made_and_one_more_refused() {
        assert_eq!(planned(CALLS_MAX, 1, "1", "1").0, 500_000);
        // (1 − 1/1000)^k ≤ 1/(1 + 10^6) needs k > 13,808, and without replacement a little less.
        let (recomputed, caught) = planned(CALLS_MAX, 1_000, "0.000001", "1");
        assert!((13_700..13_809).contains(&recomputed), "{recomputed}");
        assert_eq!(caught, 999_999);
        let calls = CALLS_MAX + 1;
        let refused = plan(&stakes(calls, 1, "1", "1"));
        assert_eq!(refused, Err(PlanError::Calls { calls }));
        assert_eq!(
            plan(&stakes(0, 0, "1", "1")),
            Err(PlanError::Calls { calls: 0 })
        );
        for forged in [0, 11] {
            let refused = plan(&stakes(10, forged, "1", "1"));
            assert_eq!(refused, Err(PlanError::Forged { calls: 10, forged }));
        }
    }

    proptest! {
        #[test]
        fn the_plan_suffices_and_one_call_less_does_not(
            calls in 1_u64..200,
            part in 0_u64..200,
            deposit in 0_u64..1_000_000,
            gain in 0_u64..1_000_000,
        ) {
            let stakes = Stakes {
                calls,
                forged: 1 + part % calls,
                deposit: Amount::from_units(deposit.into()),
                gain: Amount::from_units(gain.into()),
            };
            let recomputed = plan(&stakes).unwrap().recomputed;
            prop_assert!(deters(&stakes, recomputed));
            prop_assert!(recomputed == 0 || !deters(&stakes, recomputed - 1));
        }

        #[test]
        fn sums_and_products_are_those_of_128_bits(a: u64, b: u64, c: u64) {
            let natural = |n: u64| Natural::from(u128::from(n));
            let expected = u128::from(a) * u128::from(b);
            prop_assert_eq!(natural(a).times(&natural(b)), Natural::from(expected));
            let sum = Natural::from(expected).plus(&natural(c));
            // The largest product leaves room for the sum.
            prop_assert_eq!(sum, Natural::from(expected + u128::from(c)));
            prop_assert_eq!(natural(a).cmp(&natural(b)), a.cmp(&b));
        }
    }
}
