//! Panics: its message goes to standard error, and the job ends in a trap.

use std::hint::black_box;

use meterbox_guest::Job;

#[meterbox_guest::job]
fn main(job: Job) {
    let names = job.inputs();
    assert!(
        black_box(names.len()) > 1_000_000,
        "this guest panics on purpose"
    );
}
