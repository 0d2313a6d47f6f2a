//! Builds a job in a sentence, and runs it at both levels of the compiler: nobody may see which.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use meterbox_sandbox::{
    Blob, Device, Fault, InferenceCall, Input, Limits, LogLevel, Measured, Observer, OptLevel,
    Outcome, Program, Ran, RunError, Sandbox, WorkerSettings,
};
use sha2::{Digest, Sha256};

/// Limits that no test reaches by accident.
pub const LIMITS: Limits = Limits {
    instructions: 20_000_000_000,
    memory_bytes: 256 << 20,
    stack_units: 1 << 20,
    table_elements: 100_000,
    host_calls: 1_000_000_000,
    bytes_in: 1 << 30,
    bytes_out: 1 << 30,
    outputs: 100,
    handles: 1_000,
    files: 1_000,
    file_bytes: 64 << 20,
    folder_depth: 32,
    log_lines: 10_000,
    log_bytes: 1 << 20,
    progress_events: 10_000,
    model_bytes: 64 << 20,
    inference_ops: 1_000_000_000_000,
    inference_weight_bytes: 1_000_000_000_000,
    inference_tensor_bytes: 1_000_000_000_000,
};

/// Compiled programs by their level and bytes: many tests run the same ones.
type Compiled = HashMap<(usize, Vec<u8>), Arc<Program>>;

static COMPILED: LazyLock<Mutex<Compiled>> = LazyLock::new(Mutex::default);

static SANDBOXES: LazyLock<[Sandbox; 3]> = LazyLock::new(|| {
    let [none, speed] = sandboxes();
    [none, speed, workers()]
});

/// A sandbox of each level, in this process.
pub fn sandboxes() -> [Sandbox; 2] {
    [OptLevel::None, OptLevel::Speed].map(|level| Sandbox::new(level).unwrap())
}

/// A sandbox with workers.
pub fn workers() -> Sandbox {
    Sandbox::with_workers(OptLevel::Speed, worker_settings()).unwrap()
}

pub fn worker_settings() -> WorkerSettings {
    WorkerSettings::new(env!("CARGO_BIN_EXE_meterbox-worker").into())
}

/// A job, and what it may use.
#[derive(Clone)]
pub struct Job {
    program: Vec<u8>,
    pub job: meterbox_sandbox::Job,
    pub limits: Limits,
}

impl Job {
    /// Runs the program in this file, in its binary or its text form.
    pub fn guest(path: &Path) -> Job {
        Job::program(wat::parse_file(path).unwrap())
    }

    pub fn text(text: &str) -> Job {
        Job::program(wat::parse_str(text).unwrap())
    }

    pub fn program(program: Vec<u8>) -> Job {
        Job {
            program,
            job: meterbox_sandbox::Job {
                seed: 1,
                clock_start_ns: 1_700_000_000_000_000_000,
                ..meterbox_sandbox::Job::default()
            },
            limits: LIMITS,
        }
    }

    pub fn input(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Job {
        let bytes = bytes.into();
        self.job.inputs.push(Input {
            name: name.into(),
            sha256: Sha256::digest(&bytes).into(),
            blob: Arc::new(bytes),
        });
        self
    }

    /// An input whose storage fails whenever it is read.
    pub fn unreadable_input(mut self, name: &str) -> Job {
        self.job.inputs.push(Input {
            name: name.into(),
            sha256: [0; 32],
            blob: Arc::new(Unreadable),
        });
        self
    }

    pub fn argument(mut self, argument: &str) -> Job {
        self.job.arguments.push(argument.into());
        self
    }

    pub fn variable(mut self, name: &str, value: &str) -> Job {
        self.job.environment.push((name.into(), value.into()));
        self
    }

    pub fn seed(mut self, seed: u64) -> Job {
        self.job.seed = seed;
        self
    }

    /// What its models compute on.
    pub fn on(mut self, device: Device) -> Job {
        self.job.device = device;
        self
    }

    pub fn limit(mut self, change: impl FnOnce(&mut Limits)) -> Job {
        change(&mut self.limits);
        self
    }

    /// Runs it at both levels and in a worker, which must not differ in anything that is billed or
    /// delivered.
    pub fn run(&self) -> Done {
        let [none, speed, worker] = self.run_at_all().map(Result::unwrap);
        assert_eq!(none, speed, "the levels of the compiler must not differ");
        assert_eq!(worker, speed, "a worker must not differ");
        speed
    }

    fn run_at_all(&self) -> [Result<Done, RunError>; 3] {
        [0, 1, 2].map(|level| {
            let sandbox = &SANDBOXES[level];
            let key = (level, self.program.clone());
            let known = COMPILED.lock().unwrap().get(&key).cloned();
            let program = match known {
                Some(program) => program,
                None => {
                    let program = Arc::new(self.compile_in(sandbox)?);
                    COMPILED.lock().unwrap().insert(key, Arc::clone(&program));
                    program
                }
            };
            self.run_program(sandbox, &program)
        })
    }

    /// The failure of the host that it meets everywhere.
    pub fn fault(&self) -> Fault {
        let [none, speed, worker] = self.run_at_all().map(|ended| match ended {
            Err(RunError::Fault(fault)) => fault,
            other => panic!("it was to meet a fault, and ended with {other:?}"),
        });
        assert_eq!(none.to_string(), speed.to_string());
        assert_eq!(worker.to_string(), speed.to_string());
        speed
    }

    /// Why it is refused, by the meter, the compiler or the limits.
    pub fn refusal(&self) -> String {
        let metered = match meterbox_meter::meter(&self.program) {
            Ok(metered) => metered,
            Err(error) => return error.to_string(),
        };
        let refusals = SANDBOXES.each_ref().map(|sandbox| {
            let refusal = match sandbox.compile(metered.clone()) {
                Ok(program) => match self.start(sandbox, &program, Arc::default()) {
                    Err(RunError::Refusal(refusal)) => refusal,
                    other => panic!("it was to be refused, and ended with {other:?}"),
                },
                Err(RunError::Refusal(refusal)) => refusal,
                Err(fault) => panic!("it was to be refused, and met {fault}"),
            };
            refusal.to_string()
        });
        assert_eq!(refusals[0], refusals[1]);
        assert_eq!(refusals[0], refusals[2]);
        refusals[0].clone()
    }

    pub fn compile_in(&self, sandbox: &Sandbox) -> Result<Program, RunError> {
        sandbox.compile(meterbox_meter::meter(&self.program).unwrap())
    }

    pub fn run_in(&self, sandbox: &Sandbox) -> Result<Done, RunError> {
        self.run_program(sandbox, &self.compile_in(sandbox)?)
    }

    pub fn run_program(&self, sandbox: &Sandbox, program: &Program) -> Result<Done, RunError> {
        let heard = Arc::new(Heard::default());
        let ran = self.start(sandbox, program, Arc::clone(&heard))?;
        Ok(Done::of(ran, program, &heard))
    }

    fn start(
        &self,
        sandbox: &Sandbox,
        program: &Program,
        heard: Arc<Heard>,
    ) -> Result<Ran, RunError> {
        sandbox.run(program, Arc::new(self.job.clone()), &self.limits, heard)
    }
}

/// How a job ended: all that is billed or delivered, and what it said while it ran.
#[derive(Debug, PartialEq)]
pub struct Done {
    pub outcome: Outcome,
    pub measured: Measured,
    pub outputs: BTreeMap<String, Vec<u8>>,
    pub transcript: Vec<InferenceCall>,
    pub memory_refusals: u64,
    /// What the program's instances declare, which is part of what it is charged.
    pub declared_units: u64,
    pub heard: Vec<String>,
}

impl Done {
    fn of(ran: Ran, program: &Program, heard: &Heard) -> Done {
        let outputs = ran.outputs.into_iter().map(|mut output| {
            let content = output.to_vec().unwrap();
            assert_eq!(output.sha256, <[u8; 32]>::from(Sha256::digest(&content)));
            assert_eq!(output.bytes, content.len() as u64);
            (output.name, content)
        });
        Done {
            outcome: ran.outcome,
            measured: ran.measured,
            outputs: outputs.collect(),
            transcript: ran.transcript,
            memory_refusals: ran.memory_refusals,
            declared_units: program.declared().units,
            heard: heard.0.lock().unwrap().clone(),
        }
    }

    /// Units of guest code, what its instances declare included.
    pub fn units(&self) -> u64 {
        self.measured.spent.instructions
    }

    /// Units of guest code beyond what its instances declare.
    pub fn units_run(&self) -> u64 {
        self.units() - self.declared_units
    }

    pub fn output(&self, name: &str) -> &[u8] {
        self.outputs
            .get(name)
            .unwrap_or_else(|| panic!("there is no output {name}: {self:?}"))
    }

    pub fn output_text(&self, name: &str) -> &str {
        std::str::from_utf8(self.output(name)).unwrap()
    }

    pub fn is_ok(&self) -> &Done {
        assert_eq!(self.outcome, Outcome::Ok, "{:?}", self.heard);
        self
    }

    pub fn is_trapped(&self, trap: &'static str) -> &Done {
        assert_eq!(self.outcome, Outcome::Trapped { trap }, "{:?}", self.heard);
        assert!(self.units_run() > 0, "a job that trapped is billed");
        assert!(self.units() < LIMITS.instructions);
        self
    }

    pub fn is_limited(&self, which: &'static str) -> &Done {
        assert_eq!(self.outcome, Outcome::Limit { which }, "{:?}", self.heard);
        self
    }

    pub fn has_failed(&self, code: Option<u32>) -> &str {
        match &self.outcome {
            Outcome::Failed {
                message,
                code: found,
            } if *found == code => message,
            other => panic!("it ended with {other:?}"),
        }
    }
}

/// Writes down what a job says.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }
}

impl Observer for Heard {
    fn log(&self, level: LogLevel, message: &str) {
        self.note(format!("{level:?}: {message}"));
    }
    fn progress(&self, done: u64, total: u64, message: &str) {
        self.note(format!("{done} of {total}: {message}"));
    }
    fn refused(&self, reason: &str) {
        self.note(format!("refused: {reason}"));
    }
    fn stderr(&self, bytes: &[u8]) {
        self.note(format!("stderr: {}", String::from_utf8_lossy(bytes)));
    }
}

struct Unreadable;

impl Blob for Unreadable {
    fn size(&self) -> u64 {
        1_000
    }

    fn read_at(&self, _offset: u64, _buffer: &mut [u8]) -> std::io::Result<()> {
        Err(std::io::Error::other("the disk is gone"))
    }
}
