//! Prints its clocks before and after a minute's sleep, and numbers that it drew at random. Two
//! runs must not differ.

use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn main() {
    let start = Instant::now();
    println!(
        "wall clock {:?}",
        SystemTime::now().duration_since(UNIX_EPOCH)
    );
    thread::sleep(Duration::from_secs(60));
    println!(
        "wall clock {:?}",
        SystemTime::now().duration_since(UNIX_EPOCH)
    );
    println!("a minute took {:?}", start.elapsed());
    println!("hash of 7 {:?}", RandomState::new().hash_one(7));
}
