//! Writes to one output for ever.

use meterbox_guest::{Error, Job};

const PIECE_BYTES: usize = 1024 * 1024;

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), Error> {
    let piece = vec![b'x'; PIECE_BYTES];
    let mut output = job.output("flood.bin")?;
    loop {
        output.append(&piece);
    }
}
