//! A job that finds speech: where somebody speaks in the WAV file `sound`, with the Silero model in
//! the input `model`. It leaves `segments.json` for programs and `segments.txt` for people.

mod segments;
mod table;

use std::error::Error;
use std::io::Write;
use std::rc::Rc;

use meterbox_guest::audio::Sound;
use meterbox_guest::nn::{Held, Model, Recording, Tensor, View};
use meterbox_guest::{Job, log};
use serde::Serialize;

use segments::{Rules, Segment};

/// The rate of the sound that the model was trained on.
const RATE_HZ: u32 = 16_000;

/// How many new samples the model sees at a time: 32 milliseconds.
const WINDOW: usize = 512;

/// How many samples of the window before it sees again.
const CONTEXT: usize = 64;

/// The shape of what the model remembers from window to window.
const STATE: [u32; 3] = [2, 1, 128];

/// How many windows make a report of progress: about a minute of sound.
const REPORT_WINDOWS: usize = 2_000;

#[derive(Serialize)]
struct Found {
    rate_hz: u32,
    samples: usize,
    segments: Vec<Segment>,
}

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), Box<dyn Error>> {
    let mut model = Model::by_name("model")?;
    if job
        .args()
        .iter()
        .any(|argument| argument == "--keep-tensors")
    {
        model.record_to(&Rc::new(Recording::new(&job, "calls")?));
    }
    let sound = Sound::from_wav(job.input("sound")?)?.of_rate(RATE_HZ)?;
    log::info(format!(
        "listening to {} of sound",
        table::seconds(sound.samples.len())
    ));
    let shares = listen(&job, &model, &sound.samples)?;

    let found = Found {
        rate_hz: RATE_HZ,
        samples: sound.samples.len(),
        segments: segments::find(
            &Rules::of_silero(RATE_HZ),
            &shares,
            WINDOW,
            sound.samples.len(),
        ),
    };
    job.output_json("segments.json", &found)?;
    job.output("segments.txt")?
        .write_all(table::text(&found.segments).as_bytes())?;
    Ok(())
}

/// How sure the model is, from 0 to 1, that each window is speech. What it remembers stays with the
/// provider from call to call.
fn listen(job: &Job, model: &Model, samples: &[f32]) -> Result<Vec<f32>, Box<dyn Error>> {
    let windows = samples.len().div_ceil(WINDOW);
    let mut shares = Vec::with_capacity(windows);
    let mut state = Held::new(&Tensor::<f32>::zeros(STATE)?)?;
    // Silence before the first window, and after the last samples.
    let mut seen = [0.0; CONTEXT + WINDOW];
    let shape = [1, u32::try_from(seen.len())?];
    for window in samples.chunks(WINDOW) {
        seen.copy_within(WINDOW.., 0);
        let (new, silence) = seen[CONTEXT..].split_at_mut(window.len());
        new.copy_from_slice(window);
        silence.fill(0.0);
        let mut outputs =
            model.run_with(&[("input", &View::new(shape, &seen)?)], [("state", state)])?;
        shares.push(outputs.get_shaped::<f32>("output", &[1, 1])?.data()[0]);
        state = outputs.take("stateN")?;
        if shares.len() % REPORT_WINDOWS == 0 {
            job.progress(shares.len() as u64, windows as u64, "listened");
        }
    }
    Ok(shares)
}
