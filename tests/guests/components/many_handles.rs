//! Opens its inputs again and again without ever closing one, as often as its argument says
//! (100000 times if it says nothing), and leaves in `opened.txt` how often that was.

use std::error::Error;
use std::io::Write;
use std::mem;

use meterbox_guest::Job;

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), Box<dyn Error>> {
    let count: usize = job
        .args()
        .first()
        .map_or(Ok(100_000), |argument| argument.parse())?;
    let names = job.inputs();
    for name in names.iter().cycle().take(count) {
        mem::forget(job.input(name)?);
    }
    writeln!(
        job.output("opened.txt")?,
        "{}",
        if names.is_empty() { 0 } else { count }
    )?;
    Ok(())
}
