//! Calls of inference, in any order and with any numbers, through either ABI: no panic, no trap but those of
//! the component model's own rules, no fault; and the same outcome, bill and outputs each time, within limits.

use std::sync::{Arc, LazyLock};

use arbitrary::Unstructured;
use meterbox_meter::meter;
use meterbox_sandbox::{
    Input, Job, Limits, Nobody, OptLevel, Outcome, Program, Ran, Refusal, RunError, Sandbox,
};
use sha2::{Digest, Sha256};

use super::Rejected;
use crate::onnx::{self, Type};
use crate::program::{Abi, PAGES, SCRIPT, program};
use crate::script::{Arg, Script};

/// Calls in one script: enough to load, bind, compute and read several times.
const CALLS_MAX: usize = 40;

/// Limits that scripts of this size reach now and then.
const LIMITS: Limits = Limits {
    instructions: 50_000_000,
    memory_bytes: 8 << 20,
    stack_units: 100_000,
    table_elements: 1_000,
    host_calls: 2_000_000,
    bytes_in: 8 << 20,
    bytes_out: 8 << 20,
    outputs: 2,
    handles: 24,
    model_bytes: 10_000,
    inference_ops: 500_000_000,
    inference_weight_bytes: 1_000_000,
    inference_tensor_bytes: 32 << 20,
    files: 10,
    file_bytes: 8 << 20,
    folder_depth: 4,
    log_lines: 0,
    log_bytes: 0,
    progress_events: 0,
};

/// The names of the models that a job has, and their bytes.
static MODELS: LazyLock<[(&'static str, Vec<u8>); 6]> = LazyLock::new(|| {
    [
        ("sum", onnx::sum(Type::F32)),
        ("bytes", onnx::same(Type::U8)),
        ("wide", onnx::sum(Type::I64)),
        ("half", onnx::same(Type::F16)),
        ("long", onnx::repeated(500_000)),
        ("none", b"no model at all".to_vec()),
    ]
});

/// Both levels of the compiler, with the program of each ABI: nobody may see which.
static PLACES: LazyLock<[Place; 2]> =
    LazyLock::new(|| [OptLevel::None, OptLevel::Speed].map(Place::new));

struct Place {
    sandbox: Sandbox,
    module: Program,
    component: Program,
}

impl Place {
    fn new(level: OptLevel) -> Place {
        let sandbox = Sandbox::new(level).expect("the engine starts");
        let [module, component] = [Abi::Module, Abi::Component].map(|abi| {
            let metered = meter(&program(abi)).expect("it is a program");
            sandbox.compile(metered).expect("its imports are there")
        });
        Place {
            sandbox,
            module,
            component,
        }
    }

    fn run(&self, abi: Abi, job: &Arc<Job>, limits: &Limits) -> Result<Ran, RunError> {
        let program = match abi {
            Abi::Module => &self.module,
            Abi::Component => &self.component,
        };
        self.sandbox
            .run(program, Arc::clone(job), limits, Arc::new(Nobody))
    }
}

/// Runs a script that is drawn from the bytes, twice.
///
/// # Errors
/// If the bytes are too few to draw one.
///
/// # Panics
/// If something that has to hold does not.
pub fn inference(data: &[u8]) -> Result<(), Rejected> {
    inference_told(data).map(|_| ())
}

/// What a script came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// How both runs ended.
    pub outcome: String,
    /// That, and roughly what was done until then: scripts that share it are much alike.
    pub path: String,
}

/// As [`inference`], and says what came of it.
///
/// # Errors
/// As [`inference`].
///
/// # Panics
/// As [`inference`].
pub fn inference_told(data: &[u8]) -> Result<Told, Rejected> {
    let mut u = Unstructured::new(data);
    let abi = if u.arbitrary()? {
        Abi::Module
    } else {
        Abi::Component
    };
    let limits = limits(&mut u)?;
    let script = Drawing::new(abi).script(&mut u)?;
    let job = Arc::new(job(abi, script));
    let [first, second] = [0, 1].map(|place| PLACES[place].run(abi, &job, &limits));
    match (first, second) {
        (Ok(first), Ok(second)) => {
            assert_allowed(abi, &first, &limits);
            let told = Told::of(abi, &first);
            assert_same(first, second);
            Ok(told)
        }
        (Err(RunError::Refusal(Refusal::NoDevice)), Err(RunError::Refusal(Refusal::NoDevice))) => {
            let outcome = format!("{abi:?} refused: there is no GPU");
            Ok(Told {
                path: outcome.clone(),
                outcome,
            })
        }
        (first, second) => panic!("{first:?}, and {second:?}"),
    }
}

impl Told {
    fn of(abi: Abi, ran: &Ran) -> Told {
        let outcome = format!("{abi:?} {:?}", ran.outcome);
        let models: Vec<u8> = ran.transcript.iter().map(|call| call.model[0]).collect();
        let path = format!(
            "{outcome} {models:x?} {} {}",
            ran.measured.model_bytes,
            ran.measured.host_calls / 20_000
        );
        Told { outcome, path }
    }
}

fn limits(u: &mut Unstructured<'_>) -> Result<Limits, Rejected> {
    let mut limits = LIMITS;
    // One of them is tight.
    match u.int_in_range(0..=11)? {
        0 => limits.host_calls = u.int_in_range(0..=200_000)?,
        1 => limits.bytes_in = u.int_in_range(0..=2_000_000)?,
        2 => limits.bytes_out = u.int_in_range(0..=1_000_000)?,
        3 => limits.handles = u.int_in_range(0..=8)?,
        4 => limits.model_bytes = u.int_in_range(0..=1_000)?,
        5 => limits.inference_ops = u.int_in_range(0..=20_000_000)?,
        6 => limits.inference_tensor_bytes = u.int_in_range(0..=4_000_000)?,
        7 => limits.memory_bytes = u64::from(PAGES << 16) + u.int_in_range(0..=200_000)?,
        8 => limits.instructions = u.int_in_range(0..=200_000)?,
        _ => {}
    }
    Ok(limits)
}

fn job(abi: Abi, script: Vec<u8>) -> Job {
    let name = match abi {
        Abi::Module => "stdin",
        Abi::Component => SCRIPT,
    };
    let inputs = MODELS.iter().map(|(name, bytes)| (*name, bytes.clone()));
    let inputs = inputs.chain([(name, script)]).map(|(name, bytes)| Input {
        name: name.to_owned(),
        sha256: Sha256::digest(&bytes).into(),
        blob: Arc::new(bytes),
    });
    Job {
        inputs: inputs.collect(),
        ..Job::default()
    }
}

fn assert_allowed(abi: Abi, ran: &Ran, limits: &Limits) {
    match (&ran.outcome, abi) {
        (Outcome::Ok | Outcome::Limit { .. }, _) => {}
        // A handle that is none, a number that is no case, a list that is not in the memory.
        (
            Outcome::Trapped {
                trap: "canonical_abi",
            },
            Abi::Component,
        ) => {}
        (other, _) => panic!("it ended with {other:?}"),
    }
    let used = &ran.measured;
    for (what, used, limit) in [
        ("instructions", used.spent.instructions, limits.instructions),
        ("host_calls", used.host_calls, limits.host_calls),
        ("bytes_in", used.bytes_in, limits.bytes_in),
        ("bytes_out", used.bytes_out, limits.bytes_out),
        ("model_bytes", used.model_bytes, limits.model_bytes),
        (
            "inference_ops",
            used.inference.operations.total().unwrap_or(u64::MAX),
            limits.inference_ops,
        ),
        (
            "inference_tensor_bytes",
            used.inference.tensor_bytes,
            limits.inference_tensor_bytes,
        ),
    ] {
        assert!(used <= limit, "{what}: {used} of {limit}");
    }
}

fn assert_same(first: Ran, second: Ran) {
    assert_eq!(first.outcome, second.outcome);
    assert_eq!(first.measured, second.measured);
    assert_eq!(first.transcript, second.transcript);
    assert_eq!(first.memory_refusals, second.memory_refusals);
    let [first, second] = [first, second].map(|ran| {
        let outputs = ran.outputs.into_iter();
        let outputs = outputs.map(|output| (output.name, output.bytes, output.sha256));
        outputs.collect::<Vec<_>>()
    });
    assert_eq!(first, second);
}

/// A tensor in the guest's memory.
#[derive(Clone, Copy)]
struct Tensor {
    record: u32,
    fields: [u32; 5],
}

/// What a script is drawn from: places that make sense, beside any number.
struct Drawing {
    abi: Abi,
    script: Script,
    /// Name and length; bytes, as a list of one part.
    models: Vec<([u32; 2], u32)>,
    tensors: Vec<Tensor>,
    /// Names of inputs, and their lengths.
    inputs: Vec<[u32; 2]>,
    buffer: u32,
    /// Handles, each with the model that it most likely is of.
    graphs: Vec<(Arg, usize)>,
    contexts: Vec<(Arg, usize)>,
    /// Handles of tensors and of errors, in a component.
    given: Vec<Arg>,
    errors: Vec<Arg>,
}

/// What makes a call of each of [`MODELS`] succeed: how many inputs, and which of the tensors. None does for the
/// last, which is no model.
const FITTING: [(usize, usize); 5] = [(2, 1), (1, 3), (2, 5), (1, 7), (1, 0)];

/// The model that is none.
const NONE: usize = FITTING.len();

/// Bytes of the place that outputs are read to.
const BUFFER_BYTES: u32 = 256;

impl Drawing {
    fn new(abi: Abi) -> Drawing {
        let mut script = Script::new(abi);
        let mut place = |bytes: &[u8]| {
            let length = u32::try_from(bytes.len()).unwrap_or(0);
            [script.data(bytes), length]
        };
        let models = MODELS
            .iter()
            .map(|(name, bytes)| (place(name.as_bytes()), place(bytes)))
            .collect::<Vec<_>>();
        let inputs = vec![place(b"x"), place(b"y"), place(b"z")];
        let models = models
            .into_iter()
            .map(|(name, bytes)| (name, script.words(&bytes)))
            .collect();
        let data = script.data(&[1; 64]);
        // Numbers of `f32`, `u8`, `i64` and `f16` differ between the two.
        let types: [u32; 4] = match abi {
            Abi::Module => [1, 3, 5, 0],
            Abi::Component => [1, 4, 6, 0],
        };
        let mut tensors = Vec::new();
        for (ty, bytes) in types.into_iter().zip([4, 1, 8, 2]) {
            for count in [1, 4] {
                let dimensions = script.words(&[count]);
                let fields = [dimensions, 1, ty, data, count * bytes];
                let record = script.words(&fields);
                tensors.push(Tensor { record, fields });
            }
        }
        let buffer = script.data(&[0; BUFFER_BYTES as usize]);
        Drawing {
            abi,
            script,
            models,
            tensors,
            inputs,
            buffer,
            graphs: Vec::new(),
            contexts: Vec::new(),
            given: Vec::new(),
            errors: Vec::new(),
        }
    }

    fn script(mut self, u: &mut Unstructured<'_>) -> Result<Vec<u8>, Rejected> {
        let calls = u.int_in_range(1..=CALLS_MAX)?;
        for _ in 0..calls {
            if u.is_empty() {
                break;
            }
            match self.abi {
                Abi::Module => self.module_call(u)?,
                Abi::Component => self.component_call(u)?,
            }
        }
        Ok(self.script.finish())
    }

    fn module_call(&mut self, u: &mut Unstructured<'_>) -> Result<(), Rejected> {
        let to = self.script.words(&[0, 0]);
        match u.int_in_range(0..=10)? {
            0 | 1 => {
                let model = u.choose_index(self.models.len())?;
                let ([name, length], _) = self.models[model];
                self.call(u, "load_by_name", &[name, length, to].map(Arg::Is))?;
                self.graphs.push((Arg::At(to), model));
            }
            2 => {
                let model = u.choose_index(self.models.len())?;
                let (_, parts) = self.models[model];
                let (encoding, target) = (self.encoding(u)?, u.int_in_range(0..=12)?);
                let target = if target < 4 { target } else { 0 };
                self.call(u, "load", &[parts, 1, encoding, target, to].map(Arg::Is))?;
                self.graphs.push((Arg::At(to), model));
            }
            3 => {
                let (graph, model) = pair(u, &self.graphs)?;
                self.call(u, "init_execution_context", &[graph, to.into()])?;
                self.contexts.push((Arg::At(to), model));
            }
            4 | 5 => {
                let (context, _) = pair(u, &self.contexts)?;
                let index = u.int_in_range(0..=2)?;
                let tensor = u.choose(&self.tensors)?.record;
                self.call(u, "set_input", &[context, Arg::Is(index), tensor.into()])?;
            }
            6 => {
                let (context, _) = pair(u, &self.contexts)?;
                self.call(u, "compute", &[context])?;
            }
            // All that a call of a model takes.
            7 | 8 => {
                let (context, model) = pair(u, &self.contexts)?;
                let (inputs, tensor) = FITTING.get(model).copied().unwrap_or((1, 0));
                for index in (0u32..).take(inputs) {
                    let tensor = self.tensors[tensor].record;
                    self.call(u, "set_input", &[context, Arg::Is(index), tensor.into()])?;
                }
                self.call(u, "compute", &[context])?;
            }
            9 => {
                let (context, _) = pair(u, &self.contexts)?;
                let index = u.int_in_range(0..=1)?;
                let (at, max) = (self.buffer, BUFFER_BYTES);
                let arguments = [context, Arg::Is(index), at.into(), max.into(), to.into()];
                self.call(u, "get_output", &arguments)?;
            }
            _ => self.change(u)?,
        }
        Ok(())
    }

    fn component_call(&mut self, u: &mut Unstructured<'_>) -> Result<(), Rejected> {
        let to = self.script.words(&[0, 0, 0]);
        // An answer is whether it failed, then a handle of the one kind or the other.
        let answer = Arg::At(to + 4);
        // What needs a handle that nobody has is mostly not called: that ends the run.
        let step = match u.int_in_range(0..=17)? {
            2 if self.graphs.is_empty() => 0,
            5..=9 if self.contexts.is_empty() => 2 * usize::from(!self.graphs.is_empty()),
            10..=12 if self.given.is_empty() => 3,
            13 if self.errors.is_empty() => 3,
            other => other,
        };
        match step {
            0 | 1 => {
                let model = u.choose_index(self.models.len())?;
                let ([name, length], parts) = self.models[model];
                let is_named = step == 0 || u.arbitrary()?;
                let mut encoding = 1;
                if is_named {
                    self.call(u, "load-by-name", &[name, length, to].map(Arg::Is))?;
                } else {
                    encoding = self.encoding(u)?;
                    let target = u.int_in_range(0..=40)?;
                    let target = if target < 3 { target } else { 0 };
                    self.call(u, "load", &[parts, 1, encoding, target, to].map(Arg::Is))?;
                }
                match model < NONE && encoding == 1 {
                    true => self.graphs.push((answer, model)),
                    false => self.errors.push(answer),
                }
            }
            2 => {
                let (graph, model) = pair(u, &self.graphs)?;
                let init = "[method]graph.init-execution-context";
                self.call(u, init, &[graph, to.into()])?;
                self.contexts.push((answer, model));
            }
            3 | 4 => {
                let tensor = u.choose_index(self.tensors.len())?;
                let handle = self.tensor(u, tensor)?;
                self.given.push(handle);
            }
            // All that a call of a model takes.
            5..=7 => {
                let (context, model) = pair(u, &self.contexts)?;
                let (inputs, tensor) = FITTING.get(model).copied().unwrap_or((1, 0));
                let mut tensors = Vec::new();
                for input in 0..inputs {
                    tensors.push((self.inputs[input], self.tensor(u, tensor)?));
                }
                self.compute(u, context, &tensors, to)?;
                self.given.push(Arg::Third(to + 4));
            }
            8 | 9 => {
                let (context, _) = pair(u, &self.contexts)?;
                let mut tensors = Vec::new();
                for _ in 0..u.int_in_range(0..=3)? {
                    let tensor = u.choose_index(self.tensors.len())?;
                    let name = *u.choose(&self.inputs)?;
                    let handle = match self.given.is_empty() || u.arbitrary()? {
                        true => self.tensor(u, tensor)?,
                        false => self.given.pop().unwrap_or(Arg::Is(0)),
                    };
                    tensors.push((name, handle));
                }
                self.compute(u, context, &tensors, to)?;
                self.errors.push(answer);
            }
            10 => {
                let tensor = one(u, &self.given)?;
                self.call(u, "[method]tensor.data", &[tensor, to.into()])?;
            }
            11 => {
                let tensor = one(u, &self.given)?;
                self.call(u, "[method]tensor.dimensions", &[tensor, to.into()])?;
            }
            12 => {
                let tensor = one(u, &self.given)?;
                self.call(u, "[method]tensor.ty", &[tensor])?;
            }
            13 => {
                let error = one(u, &self.errors)?;
                self.call(u, "[method]error.code", &[error])?;
                self.call(u, "[method]error.data", &[error, to.into()])?;
            }
            14 | 15 => self.drop_one(u)?,
            _ => self.change(u)?,
        }
        Ok(())
    }

    /// Ends a handle, which is mostly not used again.
    fn drop_one(&mut self, u: &mut Unstructured<'_>) -> Result<(), Rejected> {
        let is_kept = u.ratio(1, 16)?;
        let (name, handle) = match u.int_in_range(0..=3)? {
            0 => ("[resource-drop]tensor", self.given.pop()),
            1 => (
                "[resource-drop]graph",
                self.graphs.pop().map(|(graph, _)| graph),
            ),
            2 => (
                "[resource-drop]graph-execution-context",
                self.contexts.pop().map(|(context, _)| context),
            ),
            _ => ("[resource-drop]error", self.errors.pop()),
        };
        if let Some(handle) = handle {
            self.call(u, name, &[handle])?;
            if is_kept {
                self.given.push(handle);
            }
        }
        Ok(())
    }

    /// Makes a tensor of a component, and says where its handle is.
    fn tensor(&mut self, u: &mut Unstructured<'_>, which: usize) -> Result<Arg, Rejected> {
        let fields = self.tensors[which].fields.map(Arg::Is);
        Ok(Arg::At(self.call(u, "[constructor]tensor", &fields)?))
    }

    /// Computes on named tensors, which are given away.
    fn compute(
        &mut self,
        u: &mut Unstructured<'_>,
        context: Arg,
        tensors: &[([u32; 2], Arg)],
        to: u32,
    ) -> Result<(), Rejected> {
        let records = tensors
            .iter()
            .flat_map(|([name, length], _)| [*name, *length, 0]);
        let named = self.script.words(&records.collect::<Vec<_>>());
        for (at, (_, handle)) in (named + 8..).step_by(12).zip(tensors) {
            self.script.store(at, *handle);
        }
        let count = u32::try_from(tensors.len()).unwrap_or(0);
        let arguments = [context, named.into(), count.into(), to.into()];
        let compute = "[method]graph-execution-context.compute";
        self.call(u, compute, &arguments)?;
        Ok(())
    }

    fn encoding(&self, u: &mut Unstructured<'_>) -> Result<u32, Rejected> {
        Ok(match u.int_in_range(0..=15)? {
            0..=9 => 1,
            other => other - 10,
        })
    }

    /// Grows the memory, or stores something somewhere.
    fn change(&mut self, u: &mut Unstructured<'_>) -> Result<(), Rejected> {
        if u.arbitrary()? {
            self.script.grow(u.int_in_range(0..=200)?);
        } else {
            let at = self.buffer.wrapping_add(u.arbitrary::<u32>()? % 0x1_0000);
            self.script.store(at, anything(u)?);
        }
        Ok(())
    }

    /// Makes a call, at times with another argument than was meant.
    fn call(
        &mut self,
        u: &mut Unstructured<'_>,
        name: &str,
        arguments: &[Arg],
    ) -> Result<u32, Rejected> {
        let mut arguments = arguments.to_vec();
        // A wrong one is a code for a module, and mostly the end of a component.
        let each = if self.abi == Abi::Module { 8 } else { 48 };
        if u.ratio(1, each)? {
            let which = u.choose_index(arguments.len())?;
            arguments[which] = anything(u)?;
        }
        Ok(self.script.call(name, &arguments))
    }
}

/// As [`one`], with its model.
fn pair(u: &mut Unstructured<'_>, handles: &[(Arg, usize)]) -> Result<(Arg, usize), Rejected> {
    let each: Vec<Arg> = handles.iter().map(|(handle, _)| *handle).collect();
    let handle = one(u, &each)?;
    let model = handles.iter().find(|(other, _)| *other == handle);
    Ok((handle, model.map_or(NONE, |(_, model)| *model)))
}

/// One of these handles, the last most likely; or a number, if there is none.
fn one(u: &mut Unstructured<'_>, handles: &[Arg]) -> Result<Arg, Rejected> {
    let back = match u.ratio(1, 2)? {
        true => 1,
        false => u.int_in_range(1..=handles.len().max(1))?,
    };
    let found = handles.len().checked_sub(back);
    Ok(found.map_or(Arg::Is(0), |at| handles[at]))
}

/// Any number, such as are wrong most often.
fn anything(u: &mut Unstructured<'_>) -> Result<Arg, Rejected> {
    const END: u32 = PAGES << 16;
    let near = u.int_in_range(0..=32)?;
    Ok(Arg::Is(match u.int_in_range(0..=6)? {
        0 => near,
        1 => END - near,
        2 => END + near,
        3 => u32::MAX - near,
        4 => (1 << 31) + near,
        5 => (1 << 30) - near,
        _ => u.arbitrary()?,
    }))
}
