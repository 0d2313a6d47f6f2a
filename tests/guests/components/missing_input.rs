//! Opens an input that no order names, and fails with the error that it gets.

use meterbox_guest::{Error, Job};

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), Error> {
    job.input("no-such-input")?;
    Ok(())
}
