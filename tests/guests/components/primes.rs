//! Counts the primes below its first argument, so many numbers a slice as its second one says; leaves the primes of
//! each slice in `primes/FROM.txt`, and the count in `count.txt` at the end. With the third argument `stuck` it leaves
//! the checkpoint that it was given; with a number, it traps before it tries that.

use std::error::Error;
use std::io::Write;

use meterbox_guest::Job;

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), Box<dyn Error>> {
    let args = job.args();
    let [end, step] = [args[0].parse::<u32>()?, args[1].parse::<u32>()?];
    let (from, mut count) = job.checkpoint_json::<(u32, u32)>()?.unwrap_or((0, 0));
    let to = end.min(from.saturating_add(step));
    if args.get(2).is_some_and(|what| what == "stuck") {
        job.leave_checkpoint_json(&(from, count))?;
        return Ok(());
    }
    let trap_at = args.get(2).map(|what| what.parse::<u32>()).transpose()?;
    let mut primes = job.output(&format!("primes/{from}.txt"))?;
    for number in from..to {
        assert_ne!(Some(number), trap_at, "asked to");
        if number > 1 && (2..number).all(|divisor| !number.is_multiple_of(divisor)) {
            writeln!(primes, "{number}")?;
            count += 1;
        }
    }
    if to < end {
        job.leave_checkpoint_json(&(to, count))?;
    } else {
        writeln!(job.output("count.txt")?, "{count}")?;
    }
    Ok(())
}
