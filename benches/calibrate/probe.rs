//! Times one operator: a loop with it against the same loop without. Knows no class by itself.

use meterbox_benches::guest::{Guest, Laboratory};
use meterbox_benches::loops::{Loop, unrolled};

/// How often a lap repeats the operator.
pub const UNROLLED: usize = 64;
/// A run is long enough to be timed, and short enough to be left alone by the system.
const RUN_NS: f64 = 1.5e6;
const LAPS_MAX: u32 = 1 << 26;

/// A loop and the loop to compare it with.
pub struct Pair {
    with: Loop,
    without: Loop,
    /// How many operators a lap of the one has more.
    operators: f64,
}

impl Pair {
    /// `pattern` against `base`, each repeated in `chains` chains.
    pub fn repeated(frame: &Loop, pattern: &str, base: &str, chains: usize) -> Pair {
        let of = |pattern: &str| Loop {
            body: format!("{}\n{}", frame.body, unrolled(pattern, UNROLLED, chains)),
            ..frame.clone()
        };
        let operators = u32::try_from(UNROLLED).map_or(1.0, f64::from);
        Pair {
            with: of(pattern),
            without: of(base),
            operators,
        }
    }

    /// Nanoseconds for each operator: the least of `rounds`, both loops by turns.
    pub fn ns(&self, laboratory: &Laboratory, rounds: usize) -> f64 {
        let start = |looped: &Loop| {
            let mut guest = laboratory.start(&laboratory.plain(&looped.wasm()));
            guest.set_up();
            guest
        };
        let (mut with, mut without) = (start(&self.with), start(&self.without));
        let laps = (settle(&mut with), settle(&mut without));
        let (mut least, mut least_without) = (f64::MAX, f64::MAX);
        for _ in 0..rounds {
            least = least.min(timed(&mut with, laps.0));
            least_without = least_without.min(timed(&mut without, laps.1));
        }
        ((least - least_without) / self.operators).max(0.0)
    }
}

/// Nanoseconds of a lap.
fn timed(guest: &mut Guest, laps: u32) -> f64 {
    let cost = guest.call("f", laps).expect("a probe does not trap");
    cost.ns / f64::from(laps)
}

/// As many laps as fill a run.
fn settle(guest: &mut Guest) -> u32 {
    let mut laps = 16;
    while laps < LAPS_MAX && timed(guest, laps) * f64::from(laps) < RUN_NS {
        laps *= 2;
    }
    laps
}
