//! Models in a process of their own: loaded once, kept apart by owner, and replaced when they die.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use meterbox_inference::{ElementType, Tensor};
use meterbox_sandbox::{
    Device, EndRun, EngineDevice, EngineKind, EngineLibraries, EngineSettings, Fault, Given,
    ModelCall, OptLevel, Outcome, RunError, Sandbox, Stop, Stopper, WorkerSettings,
    WorkerStartError, tensor_digest,
};
use meterbox_scripts::onnx::{self, Type};
use meterbox_tests as guests;
use meterbox_tests::model::{matrix_powers, tensor};
use rustix::thread::{CpuSet, sched_getaffinity};
use sha2::{Digest, Sha256};

use crate::calls::{Calls, F32, I32, floats};
use crate::job::{Job, worker_settings};

/// A job that multiplies a matrix with itself.
fn powers(size: u64, times: usize, runs: u64) -> Job {
    let count = usize::try_from(size * size).unwrap();
    let elements: Vec<f32> = (0..count).map(|at| (at % 7) as f32 / 64.0).collect();
    Job::guest(guests::run_model())
        .input("model", matrix_powers(size, times))
        .input("tensors/x", tensor(&[size, size], &elements))
        .argument(&runs.to_string())
        .limit(|limits| {
            limits.inference_ops = u64::MAX;
            limits.inference_tensor_bytes = u64::MAX;
            limits.memory_bytes = 256 << 20;
        })
}

fn owned_by(mut job: Job, owner: u8) -> Job {
    job.job.owner = [owner; 32];
    job
}

fn workers(change: impl FnOnce(&mut WorkerSettings)) -> Sandbox {
    let mut settings = worker_settings();
    change(&mut settings);
    Sandbox::with_workers(OptLevel::Speed, settings).unwrap()
}

/// Processes that keep models.
fn inference_pids(sandbox: &Sandbox) -> Vec<u32> {
    let is_inference = |pid: &u32| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name.trim() == "inference"
    };
    let mut pids = sandbox.worker_pids();
    pids.retain(is_inference);
    pids
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_model_that_a_hundred_jobs_use_is_loaded_once() {
    let sandbox = workers(|_| {});
    let job = powers(8, 3, 2);
    let program = job.compile_in(&sandbox).unwrap();
    let first = job.run_program(&sandbox, &program).unwrap();
    first.is_ok();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..33 {
                    assert_eq!(job.run_program(&sandbox, &program).unwrap(), first);
                }
            });
        }
    });
    assert_eq!(sandbox.models_loaded(), 1);
    assert_eq!(inference_pids(&sandbox).len(), 1);
}

#[test]
fn a_model_is_computed_as_it_is_in_this_process() {
    powers(33, 4, 1).run().is_ok();
}

#[test]
fn whoever_runs_a_job_may_run_where_it_could_before() {
    let sandbox = workers(|_| {});
    let before = sched_getaffinity(None).unwrap();
    powers(64, 20, 50).run_in(&sandbox).unwrap().is_ok();
    assert_eq!(sched_getaffinity(None).unwrap(), before);
    let runners = sandbox.worker_pids();
    let threads = runners.iter().flat_map(|pid| {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        threads.map(|thread| thread.unwrap().file_name())
    });
    let mut others = 0;
    for thread in threads {
        let thread: i32 = thread.to_str().unwrap().parse().unwrap();
        let comm = std::fs::read_to_string(format!("/proc/{thread}/comm")).unwrap();
        // The process of models is told with each call where it is to compute.
        if comm.trim() != "inference" {
            others += 1;
            let thread = rustix::process::Pid::from_raw(thread);
            assert_eq!(sched_getaffinity(thread).unwrap(), before, "{comm}");
        }
    }
    assert!(others >= 2, "a runner has two threads");
}

/// Takes note of where it may run when it is told something.
#[derive(Default)]
struct Placed(Mutex<Vec<CpuSet>>);

impl Placed {
    fn note(&self) {
        let set = sched_getaffinity(None).unwrap();
        self.0.lock().unwrap().push(set);
    }
}

impl meterbox_sandbox::Calls for Placed {
    fn decides(&self) -> bool {
        false
    }

    fn computed(&self, _: &ModelCall<'_>, _: &Given) -> Result<(), EndRun> {
        self.note();
        Ok(())
    }
}

#[test]
fn calls_are_computed_on_one_processor_and_told_on_any() {
    let before = sched_getaffinity(None).unwrap();
    if before.count() == 1 {
        println!("skipped: there is one processor");
        return;
    }
    let sandbox = workers(|_| {});
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let told = Arc::new(Placed::default());
        let mut job = powers(64, 20, 20);
        job.job.calls = Some(Arc::clone(&told) as _);
        job.run_in(&sandbox).unwrap().is_ok();
        assert_eq!(*told.0.lock().unwrap(), vec![before; 20]);
        powers(64, 20, 20).run_in(&sandbox).unwrap().is_ok();
        // It stays where its last call was computed, unless others wanted that processor.
        let pids = inference_pids(&sandbox);
        let [pid] = pids[..] else { panic!("{pids:?}") };
        let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap());
        let set = sched_getaffinity(pid).unwrap();
        if set.count() == 1 {
            return;
        }
        assert_eq!(set, before);
        assert!(Instant::now() < end, "no call was kept on one processor");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn owners_share_a_model_only_if_it_is_public() {
    let sandbox = workers(|_| {});
    let run = |owner: u8, public: bool| {
        let mut job = owned_by(powers(8, 3, 1), owner);
        if public {
            let model = &job.job.inputs[0];
            assert_eq!(model.name, "model");
            job.job.public_models.insert(model.sha256);
        }
        job.run_in(&sandbox).unwrap().is_ok();
    };
    run(1, false);
    run(1, false);
    assert_eq!(sandbox.models_loaded(), 1);
    run(2, false);
    assert_eq!(sandbox.models_loaded(), 2, "each owner has a copy");
    run(1, true);
    run(2, true);
    run(3, true);
    assert_eq!(sandbox.models_loaded(), 3, "of a public one there is one");
    assert_eq!(inference_pids(&sandbox).len(), 3);
}

#[test]
fn no_process_has_the_memory_in_which_another_is_given_tensors() {
    let sandbox = workers(|_| {});
    let mut calls = Calls::new();
    for model in ["public", "own", "public"] {
        let graph = calls.by_name(model);
        let context = calls.context(graph);
        let x = calls.tensor(&[1], F32, &floats(&[2.0]));
        calls.gives(0, "set_input", [context, 0.into(), x.into()]);
        calls.gives(0, "compute", [context]);
    }
    let public = onnx::same(Type::F32);
    let mut job = calls
        .job()
        .input("public", public.clone())
        .input("own", onnx::negative(Type::F32));
    let digest: [u8; 32] = Sha256::digest(&public).into();
    job.job.public_models.insert(digest);
    assert_eq!(job.run_in(&sandbox).unwrap().is_ok().transcript.len(), 3);
    let exchanges = |pid: &u32| -> Vec<String> {
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let mut lines = maps
            .lines()
            .filter(|line| line.contains("meterbox-exchange"));
        let inode = |line: &str| line.split_whitespace().nth(4).unwrap().to_owned();
        lines.by_ref().map(inode).collect()
    };
    let pids = inference_pids(&sandbox);
    let [one, other] = &pids[..] else {
        panic!("{pids:?}");
    };
    if std::fs::read_to_string(format!("/proc/{one}/maps")).is_err() {
        println!("skipped: who is not root does not see what workers have mapped");
        return;
    }
    let (one, other) = (exchanges(one), exchanges(other));
    assert_eq!((one.len(), other.len()), (1, 1));
    assert_ne!(one, other);
}

#[test]
fn what_two_processes_give_one_run_is_what_they_gave_however_large() {
    let mut calls = Calls::new();
    for model in ["public", "own", "public", "own"] {
        let graph = calls.by_name(model);
        let context = calls.context(graph);
        let x = calls.tensor(&[1], F32, &floats(&[2.0]));
        calls.gives(0, "set_input", [context, 0.into(), x.into()]);
        calls.gives(0, "compute", [context]);
    }
    // More than a run leaves in memory of which it uses nothing.
    let public = onnx::repeated(600 << 10);
    let mut job = calls
        .job()
        .input("public", public.clone())
        .input("own", onnx::repeated(601 << 10));
    let digest: [u8; 32] = Sha256::digest(&public).into();
    job.job.public_models.insert(digest);
    let done = job.run_in(&workers(|_| {})).unwrap();
    let repeated = |count: u32| {
        let data = floats(&vec![2.0; count as usize]);
        tensor_digest(&Tensor::new(vec![count], ElementType::F32, data).unwrap())
    };
    let expected = [600 << 10, 601 << 10, 600 << 10, 601 << 10].map(repeated);
    let calls = &done.is_ok().transcript;
    let given: Vec<_> = calls.iter().map(|call| &call.outputs[..]).collect();
    assert_eq!(given.len(), expected.len());
    for (given, expected) in given.into_iter().zip(expected) {
        assert_eq!(given, [("y".to_string(), expected)]);
    }
}

#[test]
fn knowing_a_digest_opens_nothing() {
    let sandbox = workers(|_| {});
    let model = matrix_powers(8, 3);
    powers(8, 3, 1).run_in(&sandbox).unwrap().is_ok();
    let mut other = owned_by(Job::guest(guests::run_model()), 2);
    other
        .job
        .public_models
        .insert(Sha256::digest(&model).into());
    let other = other.input("tensors/x", tensor(&[8, 8], &[0.0; 64]));
    let done = other.run_in(&sandbox).unwrap();
    assert!(done.has_failed(None).contains("not-found"), "{done:?}");
    assert_eq!(sandbox.models_loaded(), 1);
}

#[test]
fn a_process_that_dies_between_two_jobs_is_replaced() {
    let sandbox = workers(|_| {});
    let first = powers(8, 3, 1).run_in(&sandbox).unwrap();
    for loaded in 2..5 {
        let [pid] = inference_pids(&sandbox)[..] else {
            panic!("there is one process");
        };
        kill(pid);
        assert_eq!(powers(8, 3, 1).run_in(&sandbox).unwrap(), first);
        assert_eq!(sandbox.models_loaded(), loaded);
    }
}

/// Waits for something that happens soon.
fn until<T>(mut happens: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = happens() {
            return found;
        }
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "it never happens"
        );
        std::thread::yield_now();
    }
}

#[test]
fn a_process_that_is_killed_while_it_computes_costs_nobody_anything() {
    let sandbox = workers(|_| {});
    let job = powers(256, 60, 4);
    let undisturbed = job.run_in(&sandbox).unwrap();
    undisturbed.is_ok();
    let neighbour = owned_by(powers(8, 3, 20), 7);
    let beside = neighbour.run_in(&sandbox).unwrap();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| job.run_in(&sandbox).unwrap());
        let others = scope.spawn(|| neighbour.run_in(&sandbox).unwrap());
        // Whichever of them is at it: both jobs come to the same in the end.
        let pid = until(|| inference_pids(&sandbox).first().copied());
        kill(pid);
        assert_eq!(running.join().unwrap(), undisturbed);
        assert_eq!(others.join().unwrap(), beside);
    });
}

#[test]
fn a_process_that_dies_each_time_is_a_fault_and_the_next_job_goes_on() {
    let sandbox = workers(|_| {});
    let long = powers(1024, 60, 1);
    let (ended, deaths) = std::thread::scope(|scope| {
        let running = scope.spawn(|| long.run_in(&sandbox));
        let mut dead = BTreeSet::new();
        while !running.is_finished() {
            for pid in inference_pids(&sandbox) {
                // As a model would that takes its process with it.
                dead.insert(pid);
                let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
            std::thread::yield_now();
        }
        (running.join().unwrap(), dead.len())
    });
    assert!(
        matches!(ended, Err(RunError::Fault(Fault::Inference(_)))),
        "{ended:?}"
    );
    assert!((1..=9).contains(&deaths), "{deaths}");
    owned_by(powers(8, 3, 1), 1)
        .run_in(&sandbox)
        .unwrap()
        .is_ok();
}

#[test]
fn an_inference_that_takes_too_long_is_a_fault_and_the_next_job_goes_on() {
    let sandbox = workers(|settings| settings.inference_time_max = Duration::from_millis(50));
    let long = powers(1024, 60, 1);
    match long.run_in(&sandbox) {
        Err(RunError::Fault(Fault::Inference(why))) => {
            assert!(why.contains("did not answer within"), "{why}");
        }
        other => panic!("it ended with {other:?}"),
    }
    owned_by(powers(8, 3, 1), 1)
        .run_in(&sandbox)
        .unwrap()
        .is_ok();
}

#[test]
fn a_job_is_stopped_in_the_middle_of_an_inference_and_billed() {
    let sandbox = workers(|_| {});
    let long = powers(1024, 60, 1);
    let program = long.compile_in(&sandbox).unwrap();
    let stop = Stop::new();
    let ran = std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            let job = Arc::new(long.job.clone());
            let nobody = Arc::new(meterbox_sandbox::Nobody);
            let ran = sandbox.run_until(&program, job, &long.limits, nobody, &stop);
            (ran.unwrap(), Instant::now())
        });
        // It is at it for seconds, and nothing but it goes on once it has been for a while.
        until(|| {
            let pid = *inference_pids(&sandbox).first()?;
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let ticks: u64 = stat.split(' ').nth(13)?.parse().ok()?;
            (ticks > 40).then_some(())
        });
        let requested = Instant::now();
        stop.request(Stopper::Requestor);
        let (ran, ended) = running.join().unwrap();
        assert!(ended - requested < Duration::from_millis(100));
        ran
    });
    let stopped = Outcome::Stopped {
        by: Stopper::Requestor,
        killed: false,
    };
    assert_eq!(ran.outcome, stopped);
    // Its work was charged before it was begun.
    let operations = ran.measured.inference.operations.f32;
    assert!(operations >= 60 << 30, "{operations}");
    assert!(ran.measured.spent.instructions > 0);
    assert!(ran.transcript.is_empty());
}

/// ONNX Runtime's library, if the system or `METERBOX_ONNXRUNTIME` has one.
fn onnxruntime() -> Option<EngineSettings> {
    let library = std::env::var_os("METERBOX_ONNXRUNTIME").map(std::path::PathBuf::from);
    let settings = EngineSettings {
        kind: EngineKind::OnnxRuntime,
        libraries: EngineLibraries {
            onnxruntime: library,
            ..EngineLibraries::default()
        },
        ..EngineSettings::default()
    };
    let sandbox = Sandbox::with_workers(
        OptLevel::Speed,
        WorkerSettings {
            engine: settings.clone(),
            ..worker_settings()
        },
    );
    match sandbox {
        Ok(_) => Some(settings),
        Err(WorkerStartError::Engine(why)) => {
            assert!(std::env::var_os("METERBOX_ONNXRUNTIME").is_none(), "{why}");
            eprintln!("skipped: {why}");
            None
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn another_engine_computes_alike_for_the_same_units_and_may_die() {
    let Some(engine) = onnxruntime() else {
        return;
    };
    let sandbox = workers(|settings| settings.engine = engine);
    for job in [powers(8, 3, 2), silero()] {
        let here = job.run();
        let there = job.run_in(&sandbox).unwrap();
        assert_eq!(there.outcome, here.outcome);
        assert_eq!(there.measured.inference, here.measured.inference);
        assert_eq!(there.transcript.len(), here.transcript.len());
        let model = |calls: &[meterbox_sandbox::InferenceCall]| -> Vec<_> {
            calls.iter().map(|call| (call.model, call.cost)).collect()
        };
        assert_eq!(model(&there.transcript), model(&here.transcript));
    }
    let before = powers(8, 3, 2).run_in(&sandbox).unwrap();
    let pid = inference_pids(&sandbox)[0];
    // Nothing runs beside it that would report what it sees.
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    assert_eq!(threads.count(), 1);
    kill(pid);
    assert_eq!(powers(8, 3, 2).run_in(&sandbox).unwrap(), before);
    assert_ne!(inference_pids(&sandbox)[0], pid);
}

/// A job that finds speech in a tone.
fn silero() -> Job {
    let model = guests::repository().join("examples/models/silero-vad.onnx");
    Job::guest(guests::silero()).input("model", std::fs::read(model).unwrap())
}

#[test]
fn an_engine_that_is_not_there_is_known_before_any_job() {
    let mut settings = worker_settings();
    settings.engine.kind = EngineKind::OnnxRuntime;
    settings.engine.libraries.onnxruntime = Some("/nowhere/libonnxruntime.so".into());
    match Sandbox::with_workers(OptLevel::Speed, settings).err() {
        Some(WorkerStartError::Engine(why)) => {
            assert!(why.contains("/nowhere/libonnxruntime.so"), "{why}");
        }
        other => panic!("it ended with {other:?}"),
    }
    // And so is a GPU.
    let mut settings = worker_settings();
    settings.engine.kind = EngineKind::OnnxRuntime;
    settings.engine.device = EngineDevice::Cuda {
        index: 97,
        memory_bytes_max: None,
    };
    let error = Sandbox::with_workers(OptLevel::Speed, settings).err();
    assert!(
        matches!(error, Some(WorkerStartError::Engine(_))),
        "{error:?}"
    );
}

#[test]
fn workers_are_in_the_bit_exact_class_and_say_so() {
    let sandbox = workers(|_| {});
    let job = silero();
    let program = job.compile_in(&sandbox).unwrap();
    let nobody = Arc::new(meterbox_sandbox::Nobody);
    let ran = sandbox
        .run(&program, Arc::new(job.job.clone()), &job.limits, nobody)
        .unwrap();
    let engine = ran.engine.unwrap();
    assert_eq!((engine.name.as_str(), engine.threads), ("tract", 1));
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        assert_eq!(engine.not_bit_exact, None);
    }
}

#[test]
fn what_one_engine_finds_at_a_call_that_it_cannot_run_refuses_the_job() {
    // However the model names what it gives, nobody takes it for a word of the engine's about a device.
    for output in ["y", "cuda out of memory"] {
        let mut calls = Calls::new();
        let graph = calls.by_name("model");
        let context = calls.context(graph);
        let x = calls.tensor(&[1, 2, 2], F32, &floats(&[0.0; 4]));
        calls.gives(0, "set_input", [context, 0.into(), x.into()]);
        calls.gives(6, "compute", [context]);
        let job = calls.job().input("model", onnx::determinants(output));
        let why = job.refusal();
        assert!(why.contains("the engine cannot run the model so"), "{why}");
        assert!(!why.contains("cuda"), "{why}");
    }
}

#[test]
fn subnormal_numbers_are_zero_where_they_would_take_hundreds_of_times_longer() {
    let Some(engine) = onnxruntime() else {
        return;
    };
    let sandbox = workers(|settings| settings.engine = engine);
    let job = Job::guest(guests::run_model())
        .input("model", onnx::sum(Type::F32))
        .input("tensors/x", tensor(&[2], &[f32::MIN_POSITIVE / 2.0, 3.0]))
        .input("tensors/y", tensor(&[2], &[0.0, 0.0]));
    let done = job.run_in(&sandbox).unwrap();
    assert_eq!(done.outputs["z.bin"], floats(&[0.0, 3.0]));
}

#[test]
fn a_division_without_a_result_is_no_failure_of_the_provider() {
    let Some(engine) = onnxruntime() else {
        return;
    };
    let sandbox = workers(|settings| settings.engine = engine);
    let mut calls = Calls::new();
    let graph = calls.by_name("model");
    let context = calls.context(graph);
    for (index, number) in [i32::MIN, -1].into_iter().enumerate() {
        let index = u32::try_from(index).unwrap();
        let tensor = calls.tensor(&[1], I32, &number.to_le_bytes());
        calls.gives(0, "set_input", [context, index.into(), tensor.into()]);
    }
    calls.gives(0, "compute", [context]);
    let job = calls.job().input("model", onnx::quotient(Type::I32));
    match job.run_in(&sandbox) {
        Err(RunError::Refusal(refusal)) => {
            let why = refusal.to_string();
            assert!(why.contains("divides the lowest whole number"), "{why}");
        }
        other => panic!("it ended with {other:?}"),
    }
    // The next job has a process again.
    assert_eq!(
        powers(8, 3, 1).run_in(&sandbox).unwrap().outcome,
        Outcome::Ok
    );
}

#[test]
fn a_device_that_is_not_there_refuses_the_job() {
    let mut job = powers(8, 3, 1);
    job.job.device = Device::Gpu;
    assert!(job.refusal().contains("GPU"), "{}", job.refusal());
}
