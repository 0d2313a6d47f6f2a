//! Loads the input `model` as a model, and fails with the code of the error that it gets.

use meterbox_guest::nn::Model;
use meterbox_guest::{Error, Job};

#[meterbox_guest::job]
fn main(_job: Job) -> Result<(), String> {
    match Model::by_name("model") {
        Ok(_) => Ok(()),
        Err(Error::Model { code, .. }) => Err(code.name().to_string()),
        Err(error) => Err(error.to_string()),
    }
}
