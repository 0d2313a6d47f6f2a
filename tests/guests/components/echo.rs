//! Copies each input to an output of the same name, in pieces: its memory does not grow with the
//! inputs.

use meterbox_guest::{Error, Job};

const PIECE_BYTES: usize = 64 * 1024;

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), Error> {
    let mut piece = vec![0; PIECE_BYTES];
    for name in job.inputs() {
        let input = job.input(&name)?;
        let mut output = job.output(&name)?;
        let mut offset = 0;
        loop {
            let read = input.read_at(offset, &mut piece);
            if read == 0 {
                break;
            }
            output.append(&piece[..read]);
            offset += read as u64;
        }
    }
    Ok(())
}
