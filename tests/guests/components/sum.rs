//! Adds up the bytes of the input `data`, from its last block to its first, through seeks and
//! short reads; leaves the sum in `sum.txt`.

use std::error::Error;
use std::io::{Read, Seek, SeekFrom, Write};

use meterbox_guest::Job;

const BLOCK_BYTES: u64 = 10_000;

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), Box<dyn Error>> {
    let mut input = job.input("data")?;
    let mut sum = 0_u64;
    for block in (0..input.size().div_ceil(BLOCK_BYTES)).rev() {
        input.seek(SeekFrom::Start(block * BLOCK_BYTES))?;
        let mut bytes = Vec::new();
        input.by_ref().take(BLOCK_BYTES).read_to_end(&mut bytes)?;
        sum += bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    }
    writeln!(job.output("sum.txt")?, "{sum}")?;
    Ok(())
}
