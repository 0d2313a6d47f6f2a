//! Whoever only keeps what models gave is told all of it, in its order, wherever the job runs.

use std::sync::{Arc, Mutex};

use meterbox_inference::Tensor;
use meterbox_sandbox::{Calls, EndRun, Given, ModelCall, NnCode, RunError, tensor_digest};
use meterbox_scripts::onnx::{self, Type};
use meterbox_tests as guests;
use meterbox_tests::model::{relu, tensor};

use crate::calls::{Calls as Script, END, F32};
use crate::job::{Job, sandboxes, workers};

/// What a call gave: its number, and each output's name and digest, or its code.
type Kept = (u64, Result<Vec<(String, [u8; 32])>, NnCode>);

/// Keeps, until it has had enough.
struct Keeper {
    enough: u64,
    kept: Mutex<Vec<Kept>>,
}

impl Calls for Keeper {
    fn begin(&self) -> Result<(), EndRun> {
        self.kept.lock().unwrap().clear();
        Ok(())
    }

    fn decides(&self) -> bool {
        false
    }

    fn computed(&self, call: &ModelCall<'_>, given: &Given) -> Result<(), EndRun> {
        if call.number >= self.enough {
            return Err(EndRun("the disk is full".into()));
        }
        let digest = |(name, tensor): &(String, Tensor)| (name.clone(), tensor_digest(tensor));
        let given = given.as_ref().map_err(|code| *code);
        let given = given.map(|outputs| outputs.iter().map(digest).collect());
        self.kept.lock().unwrap().push((call.number, given));
        Ok(())
    }
}

fn keeper(enough: u64) -> Arc<Keeper> {
    Arc::new(Keeper {
        enough,
        kept: Mutex::default(),
    })
}

/// A job whose calls each give another number.
fn boxes(calls: u64) -> Job {
    Job::guest(guests::boxes())
        .input("model", guests::boxes_model())
        .argument(&calls.to_string())
}

/// A job that has more tensors held for it than a run keeps in the memory that it shares, and computes with each.
fn many() -> Job {
    const BYTES: u32 = 32 << 20;
    let mut calls = Script::new();
    calls.script.grow(BYTES >> 16);
    let graph = calls.by_name("model");
    let dimensions = calls.script.words(&[BYTES / 4]);
    let record = calls.script.words(&[dimensions, 1, F32, END, BYTES]);
    let mut contexts = Vec::new();
    // Five of them, with what they give, are more than there is room for.
    for number in 1..=5_u8 {
        let context = calls.context(graph);
        calls.script.store(END, f32::from(number).to_bits());
        calls.gives(0, "set_input", [context, 0.into(), record.into()]);
        calls.gives(0, "compute", [context]);
        contexts.push(context);
    }
    for context in [contexts[0], contexts[4]] {
        calls.gives(0, "compute", [context]);
    }
    calls.job().input("model", onnx::negative(Type::F32))
}

#[test]
fn what_is_kept_is_what_the_transcript_names() {
    let elements = (32 << 20) / 4 + 1;
    // One element more than what may be digested later, and one that may.
    let large = [&[elements][..], &[7]].map(|dimensions| {
        let count = usize::try_from(dimensions[0]).unwrap();
        let x = tensor(dimensions, &vec![-0.5; count]);
        let job = Job::guest(guests::run_model()).argument("2");
        job.input("model", relu(dimensions)).input("tensors/x", x)
    });
    let places = sandboxes().into_iter().chain([workers()]);
    let mut of_many = Vec::new();
    for (place, sandbox) in places.enumerate() {
        for mut job in large.iter().cloned().chain([many(), boxes(5)]) {
            let keeper = keeper(u64::MAX);
            job.limits.memory_bytes = 1 << 30;
            job.job.calls = Some(Arc::clone(&keeper) as _);
            let done = job.run_in(&sandbox).unwrap();
            done.is_ok();
            let named: Vec<Kept> = (0..)
                .zip(&done.transcript)
                .map(|(number, call)| (number, Ok(call.outputs.clone())))
                .collect();
            let kept = keeper.kept.lock().unwrap();
            assert!(kept.len() >= 2, "{place}");
            assert_eq!(*kept, named, "{place}");
            if kept.len() == 7 {
                of_many.push(kept.iter().map(|(_, outputs)| outputs.clone()).collect());
            }
        }
    }
    let first: &Vec<_> = &of_many[0];
    assert!(of_many.iter().all(|outputs| outputs == first));
    assert_eq!([&first[0], &first[4]], [&first[5], &first[6]]);
    assert!(first[..5].windows(2).all(|two| two[0] != two[1]));
}

#[test]
fn a_run_whose_calls_cannot_be_kept_ends_as_a_fault() {
    for sandbox in sandboxes().into_iter().chain([workers()]) {
        // In its midst, and with its last call.
        for enough in [1, 3] {
            let mut job = boxes(4);
            job.job.calls = Some(keeper(enough) as _);
            match job.run_in(&sandbox) {
                Err(RunError::Fault(fault)) => {
                    assert!(fault.to_string().contains("the disk is full"), "{fault}");
                }
                other => panic!("it was to meet a fault, and ended with {other:?}"),
            }
            // The sandbox goes on.
            boxes(2).run_in(&sandbox).unwrap().is_ok();
        }
    }
}
