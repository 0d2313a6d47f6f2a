//! Owns the ONNX Runtime backend: this processor or an NVIDIA GPU, with a library that is loaded when
//! the engine is opened. Knows no costs.
//!
//! What a model could make the library do beside computing is closed off: it gets no file's name and
//! no path, only the parsed and checked graph written anew, so that nothing reaches it that was not
//! looked at; no operator libraries, profiles or optimised models are asked for; and tensors that point
//! outside the model are refused once more here, since the library would open their paths.

mod library;
mod placement;
mod refusals;
mod sanitise;
mod value;

pub(crate) use library::preload;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::ep::ArenaExtendStrategy;
use ort::logging::LogLevel;
use ort::session::builder::{AutoDevicePolicy, GraphOptimizationLevel, SessionBuilder};
use ort::session::{Session, SessionInputValue};
use prost::Message;
use tract_onnx::pb;

pub(crate) use library::find;

use crate::backend::{Backend, Plan, TensorShape};
use crate::cuda;
use crate::engine::{Device, EngineError, EngineFacts, EngineKind, EngineSettings, Opened, Source};
use crate::refusal::Refusal;
use crate::tensor::Tensor;

/// Settings of a session that are names in the library. Each keeps a promise of ours.
const CONFIGURATION: &[(&str, &str)] = &[
    // The bytes are ONNX, whatever they look like: the library has a format of its own, unchecked by us.
    ("session.load_model_format", "ONNX"),
    // Threads that wait for work sleep: time that is billed is not spent spinning for the next call.
    ("session.intra_op.allow_spinning", "0"),
    ("session.inter_op.allow_spinning", "0"),
    // Sums of 8-bit products are exact on processors without VNNI too, where the fast way saturates.
    ("session.x64quantprecision", "1"),
];

/// For models with branches and loops. What depends on constants alone the library computes when a session is
/// made, in branches that no call takes and in loops of no step, too: that, nobody is charged for. Elsewhere
/// each such node is in the cost of every call.
const CONFIGURATION_OF_SUBGRAPHS: (&str, &str) = (
    "optimization.disable_specified_optimizers",
    "ConstantFolding",
);

/// The library, loaded, and how sessions are set up.
pub(crate) struct OnnxRuntime {
    environment: Environment,
    device: Device,
    threads: u16,
}

/// Loads the library, and makes sure that it computes on the device by computing on it.
pub(crate) fn open(
    settings: &EngineSettings,
) -> Result<(Arc<OnnxRuntime>, EngineFacts), EngineError> {
    let mut device_name = None;
    if let Device::Cuda { index, .. } = settings.device {
        let missing = |reason: String| EngineError::DeviceMissing {
            device: settings.device,
            reason,
        };
        device_name = Some(cuda::find(index).map_err(missing)?.name);
        cuda::preload(&settings.libraries.cuda_folders).map_err(missing)?;
    }
    let (found, environment) = library::load(settings.libraries.onnxruntime.as_deref())?;
    let engine = OnnxRuntime {
        environment,
        device: settings.device,
        threads: settings.threads.get(),
    };
    engine.try_out()?;
    let facts = EngineFacts {
        kind: EngineKind::OnnxRuntime,
        version: found.version,
        library: Some(found.path),
        device: settings.device,
        device_name,
        threads: settings.threads,
    };
    Ok((Arc::new(engine), facts))
}

impl OnnxRuntime {
    /// Doubles a number, on the device that was asked for: a library without its GPU part, or a driver
    /// that is too old for it, is found now and not with the first guest.
    fn try_out(&self) -> Result<(), EngineError> {
        let tried = self.session(&Model::of(&doubling())).and_then(|session| {
            let input = Tensor::new(
                vec![1],
                crate::element::ElementType::F32,
                21_f32.to_le_bytes().to_vec(),
            )
            .map_err(|error| error.to_string())?;
            run(
                &session.into(),
                &["x".to_owned()],
                &["y".to_owned()],
                &[input],
            )
        });
        let reason = match tried {
            Ok(outputs) if outputs.iter().any(|y| y.data() == 42_f32.to_le_bytes()) => {
                return Ok(());
            }
            Ok(_) => "it computes 21 + 21 wrong".to_owned(),
            Err(reason) => reason,
        };
        Err(match self.device {
            Device::Processor => EngineError::Failed {
                engine: EngineKind::OnnxRuntime,
                reason,
            },
            device @ Device::Cuda { .. } => EngineError::DeviceMissing { device, reason },
        })
    }

    fn session(&self, model: &Model) -> Result<Session, String> {
        let session = self
            .options(model.has_subgraphs)
            .and_then(|mut options| options.commit_from_memory(&model.bytes))
            .map_err(|error| error.to_string())?;
        if matches!(self.device, Device::Cuda { .. }) {
            placement::check(&session)?;
        }
        Ok(session)
    }

    fn options(&self, has_subgraphs: bool) -> ort::Result<SessionBuilder> {
        let mut options = Session::builder(&self.environment)?
            // `Level3` names a number that some versions abort on; `All` is the same set.
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(usize::from(self.threads))?
            .with_inter_threads(1)?
            .with_parallel_execution(false)?
            .with_deterministic_compute(true)?
            // Products of subnormal numbers take hundreds of times what others take, for the same charge.
            .with_flush_to_zero()?
            // Kept for each combination of input shapes without bound, and guests choose the shapes.
            .with_memory_pattern(false)?
            .with_log_level(LogLevel::Fatal)?;
        let of_subgraphs = has_subgraphs.then_some(&CONFIGURATION_OF_SUBGRAPHS);
        for (key, value) in CONFIGURATION.iter().chain(of_subgraphs) {
            options = options.with_config_entry(key, value)?;
        }
        let Device::Cuda {
            index,
            memory_bytes_max,
        } = self.device
        else {
            return Ok(options.with_auto_device(AutoDevicePolicy::PreferCPU)?);
        };
        let mut cuda = ort::ep::CUDA::default()
            .with_device_id(i32::try_from(index).unwrap_or(i32::MAX))
            // Full 24-bit products, as on the processor.
            .with_tf32(false)
            // Grows by what is needed, so that a limit is reached by need and not by doubling.
            .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested)
            // Trying all ways to convolve would choose by time, and so differently from run to run.
            .with_conv_algorithm_search(ort::ep::cuda::ConvAlgorithmSearch::Heuristic);
        if let Some(bytes) = memory_bytes_max {
            cuda = cuda.with_memory_limit(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        Ok(options
            .with_config_entry("session.record_ep_graph_assignment_info", "1")?
            .with_execution_providers([cuda.build().error_on_failure()])?)
    }
}

/// A model as the library is given it.
struct Model {
    bytes: Vec<u8>,
    has_subgraphs: bool,
}

impl Model {
    fn of(model: &pb::ModelProto) -> Model {
        let nodes = model.graph.iter().flat_map(|graph| &graph.node);
        let mut attributes = nodes.flat_map(|node| &node.attribute);
        Model {
            bytes: model.encode_to_vec(),
            has_subgraphs: attributes.any(|one| one.g.is_some() || !one.graphs.is_empty()),
        }
    }
}

/// `y = x + x`, in the oldest form that every version reads.
fn doubling() -> pb::ModelProto {
    let port = |name: &str| pb::ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(pb::TypeProto {
            value: Some(pb::type_proto::Value::TensorType(pb::type_proto::Tensor {
                elem_type: 1,
                shape: None,
            })),
            ..Default::default()
        }),
        ..Default::default()
    };
    let sum = pb::NodeProto {
        op_type: "Add".to_owned(),
        input: vec!["x".to_owned(), "x".to_owned()],
        output: vec!["y".to_owned()],
        ..Default::default()
    };
    pb::ModelProto {
        ir_version: 8,
        opset_import: vec![pb::OperatorSetIdProto {
            domain: String::new(),
            version: 13,
        }],
        graph: Some(pb::GraphProto {
            name: "doubling".to_owned(),
            node: vec![sum],
            input: vec![port("x")],
            output: vec![port("y")],
            ..Default::default()
        }),
        ..Default::default()
    }
}

impl Opened for Arc<OnnxRuntime> {
    fn load(&self, source: &Source<'_>) -> Result<Box<dyn Backend>, String> {
        let model = sanitise::rewrite(source.model)?;
        Ok(Box::new(OnnxRuntimeBackend {
            session: Arc::new(LazySession {
                engine: Arc::clone(self),
                model: Mutex::new(Some(Model::of(&model))),
                session: OnceLock::new(),
            }),
            inputs: source.inputs.to_vec(),
            outputs: source.outputs.to_vec(),
        }))
    }

    fn refusals(&self) -> &'static [Refusal] {
        refusals::REFUSALS
    }

    fn copies_inputs(&self) -> bool {
        false
    }
}

/// A session that is made at the first call. While it is made the library computes all that depends
/// on constants alone, which a small file can make as much as it likes: only a call's cost bounds it.
struct LazySession {
    engine: Arc<OnnxRuntime>,
    /// The model, until the session has taken it.
    model: Mutex<Option<Model>>,
    /// A failure is final: the same bytes would fail again, at the same price.
    session: OnceLock<Result<SharedSession, String>>,
}

/// A session, which lives as long as what it gave: a model's own tensors may be among that.
#[derive(Clone)]
struct SharedSession(Arc<Mutex<Session>>);

impl From<Session> for SharedSession {
    fn from(session: Session) -> SharedSession {
        SharedSession(Arc::new(Mutex::new(session)))
    }
}

impl LazySession {
    fn get(&self) -> Result<&SharedSession, String> {
        self.session
            .get_or_init(|| {
                let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
                let model = model.take().ok_or("the model was taken before")?;
                self.engine.session(&model).map(SharedSession::from)
            })
            .as_ref()
            .map_err(Clone::clone)
    }
}

struct OnnxRuntimeBackend {
    session: Arc<LazySession>,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

impl Backend for OnnxRuntimeBackend {
    fn prepare(&self, _inputs: &[TensorShape]) -> Result<Arc<dyn Plan>, String> {
        self.session.get()?;
        Ok(Arc::new(OnnxRuntimePlan {
            session: Arc::clone(&self.session),
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
        }))
    }
}

/// The same for all shapes: the library follows them itself.
struct OnnxRuntimePlan {
    session: Arc<LazySession>,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

impl Plan for OnnxRuntimePlan {
    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, String> {
        run(self.session.get()?, &self.inputs, &self.outputs, &inputs)
    }
}

fn run(
    session: &SharedSession,
    input_names: &[String],
    output_names: &[String],
    inputs: &[Tensor],
) -> Result<Vec<Tensor>, String> {
    let values = input_names
        .iter()
        .zip(inputs)
        .map(|(name, tensor)| Ok((name.as_str(), value::lend(tensor)?.into())))
        .collect::<Result<Vec<(&str, SessionInputValue<'_>)>, String>>()?;
    // One call at a time: the allocators of a session are not made for two.
    let mut running = session.0.lock().unwrap_or_else(PoisonError::into_inner);
    let mut outputs = running.run(values).map_err(|error| error.to_string())?;
    output_names
        .iter()
        .map(|name| {
            let output = outputs
                .remove(name)
                .ok_or_else(|| format!("output `{name}` was not computed"))?;
            value::take(output, session.clone(), inputs)
        })
        .collect()
}
