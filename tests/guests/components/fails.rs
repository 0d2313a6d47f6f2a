//! Returns an error after it has written something.

use std::io::Write;

use meterbox_guest::Job;

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), String> {
    let mut output = job
        .output("before.txt")
        .map_err(|error| error.to_string())?;
    output
        .write_all(b"written before the failure\n")
        .map_err(|error| error.to_string())?;
    Err("the measurements have no date".to_string())
}
