//! Owns what an outbox has of the world beside the network: the time, waiting, and numbers that nobody foresees.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime};

/// The world, as an argument.
pub trait Surroundings {
    /// What time it is.
    fn now(&self) -> SystemTime;
    /// Waits.
    fn sleep(&mut self, wait: Duration);
    /// A number that differs from sender to sender. It spreads tries in time, and guards nothing.
    fn random(&mut self) -> u64;
}

/// This machine's.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine;

impl Surroundings for Machine {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&mut self, wait: Duration) {
        std::thread::sleep(wait);
    }

    fn random(&mut self) -> u64 {
        RandomState::new().hash_one(std::process::id())
    }
}
