//! Logs for ever.

use meterbox_guest::{Job, log};

#[meterbox_guest::job]
fn main(_job: Job) {
    let message = "the same message, again and again ".repeat(30);
    loop {
        log::info(&message);
    }
}
