//! Turns what a person asked for into an order and the material that it names. Runs nothing.

use std::io::{IsTerminal, Read};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use meterbox_billing::audit::AuditSecret;
use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::{Document, Envelope};
use meterbox_billing::job::{Blob, Job, Variable};
use meterbox_billing::key::SigningKey;
use meterbox_billing::limits::Limits;
use meterbox_billing::money::Amount;
use meterbox_billing::offer::{Confidentiality, Device, Offer, Precision};
use meterbox_billing::order::{Nonce, ORDER_SCHEMA, Order};
use meterbox_billing::text::Id;
use meterbox_billing::timestamp::Timestamp;
use meterbox_provider::{Material, Store};
use meterbox_sandbox::{Input, STDIN};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::random;
use crate::job_file::JobFile;
use crate::limit_flags::LimitFlags;
use crate::program;

/// How long an order, and the offer that it answers, hold.
pub const ORDER_SECONDS: u64 = 24 * 60 * 60;

/// What is to be run: arguments that `run` and `quote` share.
#[derive(Debug, Args)]
pub struct JobArguments {
    /// A job file (job.toml), or a program (.wasm or .wat)
    #[arg(value_name = "JOB.toml|PROG.wasm|PROG.wat")]
    pub target: PathBuf,

    /// Give the job an input; repeatable. A NAME that ends in `/` takes each file of the folder PATH.
    /// For a command, `stdin` is its standard input
    #[arg(long = "input", value_name = "NAME=PATH", value_parser = parse_input)]
    pub inputs: Vec<(String, PathBuf)>,

    /// Set an environment variable; repeatable
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = parse_variable)]
    pub environment: Vec<(String, String)>,

    /// What all randomness comes from [default: 0]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// What the wall clock shows at the start, in nanoseconds since 1970 [default: 1767225600000000000,
    /// the start of 2026]
    #[arg(long, value_name = "NS")]
    pub clock_start_ns: Option<u64>,

    /// Order that models be computed on this [default: a GPU where models are computed with on one, else the
    /// processor]
    #[arg(long, value_name = "cpu|gpu", value_parser = parse_device)]
    pub device: Option<Device>,

    #[command(flatten)]
    pub limits: LimitFlags,

    /// Arguments for the program
    #[arg(last = true, value_name = "ARGS")]
    pub arguments: Vec<String>,
}

/// What a job's wall clock shows at the start when nobody says: the start of 2026. It is fixed,
/// because a job that is run again must see the same time.
const CLOCK_START_NS: u64 = 1_767_225_600_000_000_000;

fn parse_pair(text: &str, shape: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_string(), value.to_string())),
        _ => Err(format!("write {shape}")),
    }
}

fn parse_input(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = parse_pair(text, "NAME=PATH")?;
    if path.is_empty() {
        return Err("write NAME=PATH".into());
    }
    Ok((name, path.into()))
}

fn parse_device(text: &str) -> Result<Device, String> {
    match text {
        "cpu" => Ok(Device::Cpu),
        "gpu" => Ok(Device::Gpu),
        _ => Err("write `cpu` or `gpu`".into()),
    }
}

fn parse_variable(text: &str) -> Result<(String, String), String> {
    parse_pair(text, "NAME=VALUE")
}

/// A job as it was asked for, before anything is opened but its program.
pub struct Request {
    /// What its orders' ids begin with.
    pub name: String,
    /// The program's bytes.
    pub program: Vec<u8>,
    /// Whether it has standard input and output.
    pub is_command: bool,
    /// Its bounds.
    pub limits: Limits,
    /// The most that it may cost, if that was said.
    pub max_price: Option<Amount>,
    /// What its models are to be computed on, if that was said.
    pub device: Option<Device>,
    /// How many slices it may be run in, if that was said.
    pub slices: Option<NonZeroU32>,
    inputs: Vec<(String, PathBuf)>,
    brought_by: Option<String>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    seed: u64,
    clock_start_ns: u64,
}

impl Request {
    /// Puts the job file and the command line together; the command line comes last, and wins.
    pub fn read(arguments: &JobArguments) -> Result<Request, Failure> {
        let target = &arguments.target;
        let is_job_file = target
            .extension()
            .is_some_and(|extension| extension == "toml");
        let file = if is_job_file {
            Some(JobFile::read(target)?)
        } else {
            None
        };
        let path = file.as_ref().map_or(target, |file| &file.program);
        let program = program::read(path).map_err(|failure| {
            if is_job_file {
                failure.hint("build the program that the job file names first")
            } else {
                failure
            }
        })?;
        let mut limits = match &file {
            Some(file) => file.limits(target)?,
            None => Limits::default(),
        };
        arguments.limits.apply(&mut limits);

        let mut request = Request {
            name: name_of(target),
            is_command: meterbox_meter::is_command(&program),
            program,
            limits,
            max_price: None,
            device: None,
            slices: None,
            inputs: Vec::new(),
            brought_by: None,
            arguments: arguments.arguments.clone(),
            environment: Vec::new(),
            seed: 0,
            clock_start_ns: CLOCK_START_NS,
        };
        if let Some(file) = file {
            request.take(file, target)?;
        }
        for (name, path) in &arguments.inputs {
            request.add_input(name, path)?;
        }
        for (name, value) in &arguments.environment {
            request.environment.retain(|(known, _)| known != name);
            request.environment.push((name.clone(), value.clone()));
        }
        request.device = arguments.device.or(request.device);
        request.seed = arguments.seed.unwrap_or(request.seed);
        request.clock_start_ns = arguments.clock_start_ns.unwrap_or(request.clock_start_ns);
        Ok(request)
    }

    fn take(&mut self, file: JobFile, path: &Path) -> Result<(), Failure> {
        let wrong = |field: &str, message: String| {
            Failure::new(
                Exit::Usage,
                format!("`{}` has a wrong `{field}`: {message}", path.display()),
            )
        };
        if let Some(seed) = &file.seed {
            self.seed = seed.value().map_err(|message| wrong("seed", message))?;
        }
        if let Some(clock) = &file.clock_start_ns {
            self.clock_start_ns = clock
                .value()
                .map_err(|message| wrong("clock_start_ns", message))?;
        }
        if let Some(price) = &file.max_price {
            let price = price.parse().map_err(|error| {
                Failure::caused(
                    Exit::Usage,
                    format!("`{}` has a wrong `max_price`", path.display()),
                    &error,
                )
            })?;
            self.max_price = Some(price);
        }
        for (name, input) in &file.inputs {
            self.add_input(name, input)?;
        }
        self.environment = file.environment.into_iter().collect();
        if self.arguments.is_empty() {
            self.arguments = file.arguments;
        }
        self.device = file.device;
        self.slices = file.slices;
        self.name = file.name;
        self.brought_by = file.brought_by;
        Ok(())
    }

    /// Adds an input, or each file of a folder for a name that ends in `/`. A name given again
    /// replaces the one before.
    fn add_input(&mut self, name: &str, path: &Path) -> Result<(), Failure> {
        if !name.ends_with('/') {
            self.inputs.retain(|(known, _)| known != name);
            self.inputs.push((name.to_string(), path.to_path_buf()));
            return Ok(());
        }
        let entries = std::fs::read_dir(path).map_err(|error| Failure::reading(path, &error))?;
        let mut count = 0usize;
        for entry in entries {
            let entry = entry.map_err(|error| Failure::reading(path, &error))?;
            if !entry.path().is_file() {
                continue;
            }
            let file_name = entry.file_name().into_string().map_err(|name| {
                Failure::new(
                    Exit::Usage,
                    format!("the file name {} is no text", name.to_string_lossy()),
                )
            })?;
            self.add_input(&format!("{name}{file_name}"), &entry.path())?;
            count += 1;
        }
        if count == 0 {
            return Err(Failure::new(
                Exit::Usage,
                format!("the folder `{}` holds no files", path.display()),
            ));
        }
        Ok(())
    }

    /// The file of an input.
    pub fn input(&self, name: &str) -> Option<&Path> {
        let input = self.inputs.iter().find(|(known, _)| known == name);
        input.map(|(_, path)| path.as_path())
    }

    /// Copies program and inputs into the store, and says what the job is.
    pub fn stage(&self, store: &Store) -> Result<(Job, Material), Failure> {
        let (module, _) =
            store.put_reader(Path::new("the program"), &mut self.program.as_slice())?;
        let mut staged: Vec<(String, Digest, u64)> = Vec::new();
        for (name, path) in &self.inputs {
            let (digest, bytes) = store.put_file(path).map_err(|error| {
                let failure = Failure::from(error);
                match &self.brought_by {
                    Some(command) if !path.exists() => failure.hint(format!(
                        "the job file says that `{command}` brings what is missing"
                    )),
                    _ => failure,
                }
            })?;
            staged.push((name.clone(), digest, bytes));
        }
        let has_stdin = self.inputs.iter().any(|(name, _)| name == STDIN);
        if self.is_command && !has_stdin && !std::io::stdin().is_terminal() {
            let (digest, bytes) = self.stage_stdin(store)?;
            if bytes > 0 {
                staged.push((STDIN.into(), digest, bytes));
            }
        }
        let job = Job {
            module,
            inputs: staged
                .iter()
                .map(|(name, sha256, bytes)| Blob {
                    name: name.clone(),
                    sha256: *sha256,
                    bytes: *bytes,
                })
                .collect(),
            arguments: self.arguments.clone(),
            environment: self
                .environment
                .iter()
                .map(|(name, value)| Variable {
                    name: name.clone(),
                    value: value.clone(),
                })
                .collect(),
            seed: self.seed,
            clock_start_ns: self.clock_start_ns,
        }
        .sorted()
        .map_err(|error| Failure::caused(Exit::Usage, "the job cannot be ordered", &error))?;
        let material = material_of(&job, self.program.clone(), store)?;
        Ok((job, material))
    }
}

impl Request {
    /// Copies standard input into the store: as much as the job may read, since it may never end.
    fn stage_stdin(&self, store: &Store) -> Result<(Digest, u64), Failure> {
        let bytes_max = self.limits.bytes_in;
        let mut stdin = std::io::stdin().lock().take(bytes_max.saturating_add(1));
        let (digest, bytes) = store.put_reader(Path::new("standard input"), &mut stdin)?;
        if bytes > bytes_max {
            return Err(Failure::new(
                Exit::Refused,
                format!("standard input has more than the {bytes_max} bytes that the job may read"),
            )
            .hint("raise the limit with --limit-bytes-in, or give less"));
        }
        Ok((digest, bytes))
    }
}

/// The material of a job whose inputs the store holds.
pub fn material_of(job: &Job, program: Vec<u8>, store: &Store) -> Result<Material, Failure> {
    let mut inputs = Vec::with_capacity(job.inputs.len());
    for input in &job.inputs {
        inputs.push(Input {
            name: input.name.clone(),
            sha256: *input.sha256.as_bytes(),
            blob: Arc::new(store.get(&input.sha256)?),
        });
    }
    Ok(Material { program, inputs })
}

/// What a job is called when nobody says: its file's name, as far as an id can hold it.
fn name_of(path: &Path) -> String {
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let name: String = stem
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .take(64)
        .collect();
    if name.is_empty() { "job".into() } else { name }
}

/// The id of an order that was given none: the job's name, and what makes it unlike any other.
pub fn new_id(name: &str) -> Result<Id, Failure> {
    let id = format!("{name}-{}", Nonce::from_bytes(random()?));
    id.parse()
        .map_err(|error| Failure::caused(Exit::Usage, "the order's id cannot be used", &error))
}

/// What an order says beside its job and the offer that it answers.
pub struct Terms<'t> {
    /// Its id.
    pub id: Id,
    /// The most that it may cost.
    pub max_price: Amount,
    /// The secret that it commits to.
    pub secret: &'t AuditSecret,
    /// The log's checkpoint that the requestor saw last.
    pub last_checkpoint: Option<Digest>,
}

/// Signs an order of this job, which answers this offer.
pub fn sign_order(
    request: &Request,
    job: Job,
    terms: Terms<'_>,
    offer: &Offer,
    key: &SigningKey,
) -> Result<Envelope, Failure> {
    let failed = |message: &str, error: &(dyn std::error::Error + 'static)| {
        Failure::caused(Exit::Usage, message.to_string(), error)
    };
    // As long as the offer: by it, the offer is known again when the order is handed in once more.
    let expires_at = offer.expires_at;
    let order = Order {
        schema: ORDER_SCHEMA,
        id: terms.id,
        offer: offer
            .digest()
            .map_err(|error| failed("the offer cannot be digested", &error))?,
        requestor_key: key
            .public()
            .map_err(|error| failed("the requestor's key cannot be used", &error))?,
        job,
        limits: request.limits,
        max_price: terms.max_price,
        precision: Precision::F32,
        confidentiality: Confidentiality::None,
        // Who has set an engine up on a GPU means to compute on it.
        device: request
            .device
            .or(offer.capabilities.devices.last().copied())
            .unwrap_or_default(),
        deadline: expires_at,
        expires_at,
        nonce: Nonce::from_bytes(random()?),
        audit_commitment: terms.secret.commitment(),
        last_checkpoint: terms.last_checkpoint,
    };
    Envelope::seal(&order, key).map_err(|error| failed("the order cannot be signed", &error))
}

/// The time now, in whole seconds.
pub fn now() -> Timestamp {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs();
    Timestamp::from_unix_seconds(seconds).expect("the clock shows a year of four digits")
}

/// A time this much later.
pub fn after(time: Timestamp, seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(time.unix_seconds().saturating_add(seconds)).unwrap_or(time)
}
