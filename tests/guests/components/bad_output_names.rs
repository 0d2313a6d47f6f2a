//! Tries good and bad names for outputs, and leaves in `names.json` what became of each. With the
//! argument `many` it creates outputs until it gets an error, and fails with that.

use meterbox_guest::{Error, Job};

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), Error> {
    if job
        .args()
        .first()
        .is_some_and(|argument| argument == "many")
    {
        for number in 0_u64.. {
            job.output(&format!("many/{number}"))?;
        }
    }
    let longest = "n".repeat(255);
    let too_long = "n".repeat(256);
    let names = [
        "good.txt",
        "good.txt",
        "Folder/a_b-c.0",
        "...",
        ".hidden",
        &longest,
        &too_long,
        "",
        ".",
        "..",
        "a//b",
        "/a",
        "a/",
        "a/../b",
        "./a",
        "a\\b",
        "a b",
        "ä",
        "a\0b",
        "a\nb",
        "a:b",
    ];
    let outcomes: Vec<(&str, &str)> = names
        .into_iter()
        .map(|name| {
            let outcome = match job.output(name) {
                Ok(_) => "created",
                Err(Error::OutputName { .. }) => "invalid-name",
                Err(Error::OutputExists { .. }) => "already-exists",
                Err(Error::OutputsTooMany { .. }) => "too-many",
                Err(_) => "another error",
            };
            (name, outcome)
        })
        .collect();
    job.output_json("names.json", &outcomes)
}
