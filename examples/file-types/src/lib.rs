//! A job that recognises the type of files: of each input `files/…`, with the Magika model in
//! the input `model` and what belongs to that model in the input `config`. It leaves `labels.json`
//! for programs and `labels.txt` for people.

mod config;
mod features;
mod labels;
mod table;

use std::error::Error;
use std::io::Write;
use std::rc::Rc;

use meterbox_guest::nn::{Model, Recording, Tensor};
use meterbox_guest::{Input, Job, log};

use config::Config;
use features::{Content, Features};
use labels::Label;

/// What the names of files to recognise begin with.
const FILES_PREFIX: &str = "files/";

/// How many files the model sees at once. A batch saves calls, and costs memory in proportion.
const BATCH_FILES_MAX: usize = 32;

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), Box<dyn Error>> {
    let config: Config = job.input_json("config")?;
    config.check()?;
    let mut model = Model::by_name("model")?;
    if job
        .args()
        .iter()
        .any(|argument| argument == "--keep-tensors")
    {
        model.record_to(&Rc::new(Recording::new(&job, "calls")?));
    }
    let names: Vec<String> = job
        .inputs()
        .into_iter()
        .filter(|name| name.starts_with(FILES_PREFIX))
        .collect();
    if names.is_empty() {
        return Err(format!(
            "there is no file to recognise: add inputs whose names begin with `{FILES_PREFIX}`"
        )
        .into());
    }
    log::info(format!(
        "recognising {} files as one of {} types",
        names.len(),
        config.labels()
    ));

    let mut labels = Vec::with_capacity(names.len());
    for batch in names.chunks(BATCH_FILES_MAX) {
        recognise(&job, &config, &model, batch, &mut labels)?;
        job.progress(labels.len() as u64, names.len() as u64, "recognised");
    }

    labels.sort_by(|a, b| a.name.cmp(&b.name));
    job.output_json("labels.json", &labels)?;
    job.output("labels.txt")?
        .write_all(table::text(&labels).as_bytes())?;
    Ok(())
}

/// Recognises one batch. Only the files that the model needs to see go to the model.
fn recognise(
    job: &Job,
    config: &Config,
    model: &Model,
    names: &[String],
    labels: &mut Vec<Label>,
) -> Result<(), Box<dyn Error>> {
    let mut asked: Vec<(Content, String)> = Vec::new();
    let mut tokens: Vec<i32> = Vec::new();
    for name in names {
        let input = job.input(name)?;
        let name = name[FILES_PREFIX.len()..].to_string();
        let content = read(&input, config)?;
        match features::extract(config, &content) {
            Features::Tokens(file) => {
                tokens.extend(file);
                asked.push((content, name));
            }
            Features::Known(label) => {
                log::debug(format!("`{name}` is too short for the model: {label}"));
                labels.push(Label::known(name, label, content.bytes));
            }
        }
    }
    if asked.is_empty() {
        return Ok(());
    }
    let files = u32::try_from(asked.len())?;
    let shape = [files, u32::try_from(config.tokens())?];
    let scores = model
        .run(&[("bytes", &Tensor::new(shape, tokens)?)])?
        .get_shaped::<f32>("target_label", &[files, u32::try_from(config.labels())?])?;
    for ((content, name), scores) in asked.into_iter().zip(scores.rows()) {
        labels.push(Label::scored(name, config, scores, &content));
    }
    Ok(())
}

/// Reads the first and the last block; what lies between them does not matter to the model.
fn read(input: &Input, config: &Config) -> Result<Content, Box<dyn Error>> {
    let bytes = input.size();
    let block = config
        .block_size
        .min(usize::try_from(bytes).unwrap_or(usize::MAX));
    let mut content = Content {
        bytes,
        first: vec![0; block],
        last: vec![0; block],
    };
    let read = input.read_at(0, &mut content.first)
        + input.read_at(bytes - block as u64, &mut content.last);
    if read != 2 * block {
        return Err(format!("the input `{}` ends before its size", input.name()).into());
    }
    Ok(content)
}
