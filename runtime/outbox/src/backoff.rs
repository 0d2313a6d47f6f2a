//! Owns how long to wait before the next try. Waits for nothing and knows no clock.

use std::time::Duration;

/// Why waiting cannot be done like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the first wait is {first:?} and the longest {longest:?}: the first is above 0 and at most the longest"
)]
pub struct BackoffError {
    /// The first wait.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

/// Waits that double from try to try up to a longest, each cut at random by up to a half, so that many senders
/// do not come back at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Default for Backoff {
    /// One second, up to five minutes.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(300),
        }
    }
}

impl Backoff {
    /// Waits from `first` up to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Result<Self, BackoffError> {
        if first.is_zero() || first > longest {
            return Err(BackoffError { first, longest });
        }
        Ok(Self { first, longest })
    }

    /// How long to wait after so many failed tries, of which the first is 1.
    #[must_use]
    pub fn wait(&self, failed: u32, random: u64) -> Duration {
        let doublings = failed.saturating_sub(1).min(31);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let whole = self.first.saturating_mul(factor).min(self.longest);
        let half = whole / 2;
        let thousandths = u32::try_from(random % 1_001).unwrap_or(0);
        half.saturating_add(half.saturating_mul(thousandths) / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff::default();
        let waits: Vec<_> = (1..=11)
            .map(|failed| backoff.wait(failed, 1_000).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(backoff.wait(1, 0), Duration::from_millis(500));
        let (first, longest) = (Duration::from_secs(2), Duration::from_secs(1));
        assert!(
            Backoff::new(first, longest).is_err() && Backoff::new(Duration::ZERO, first).is_err()
        );
    }

    proptest! {
        #[test]
        fn a_wait_is_between_half_and_all_of_what_it_could_be(failed in 0_u32.., random: u64) {
            let backoff = Backoff::default();
            let most = backoff.wait(failed, 1_000);
            let wait = backoff.wait(failed, random);
            prop_assert!(wait <= most && wait >= most / 2);
            prop_assert!(most <= Duration::from_secs(300));
        }
    }
}
