//! Leaves in `world.txt` all that it can see of the world around it: arguments, environment,
//! clocks before and after an hour's sleep, and random numbers. Two runs must not differ.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use meterbox_guest::Job;

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), Box<dyn Error>> {
    let mut world = job.output("world.txt")?;
    writeln!(
        world,
        "arguments {:?}",
        std::env::args().collect::<Vec<_>>()
    )?;
    writeln!(
        world,
        "environment {:?}",
        std::env::vars().collect::<Vec<_>>()
    )?;

    let start = Instant::now();
    writeln!(
        world,
        "wall clock {:?}",
        SystemTime::now().duration_since(UNIX_EPOCH)?
    )?;
    writeln!(world, "at once {:?}", start.elapsed())?;
    thread::sleep(Duration::from_secs(3600));
    writeln!(world, "after an hour {:?}", start.elapsed())?;
    writeln!(
        world,
        "wall clock {:?}",
        SystemTime::now().duration_since(UNIX_EPOCH)?
    )?;

    writeln!(world, "hash of 7 {:?}", RandomState::new().hash_one(7))?;
    let numbers: HashSet<u32> = (0..32).collect();
    writeln!(
        world,
        "order of a set {:?}",
        numbers.iter().collect::<Vec<_>>()
    )?;
    let words: HashMap<&str, usize> = ["ebb", "flood", "neap", "spring", "slack"]
        .into_iter()
        .map(|word| (word, word.len()))
        .collect();
    writeln!(world, "order of a map {words:?}")?;
    Ok(())
}
