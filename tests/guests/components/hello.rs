//! Writes one small output: the least that a job can do, for measuring what a start costs.

use meterbox_guest::{Error, Job};

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), Error> {
    job.output("hello.txt")?.append(b"hello\n");
    Ok(())
}
