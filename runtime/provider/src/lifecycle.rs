//! The life of an order, from admission to the released receipt.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use meterbox_billing::bill::ceiling;
use meterbox_billing::draft::Draft;
use meterbox_billing::envelope::{Document, Envelope};
use meterbox_billing::key::{PublicKey, SigningKey};
use meterbox_billing::limits::Limits;
use meterbox_billing::money::Amount;
use meterbox_billing::offer::{Confidentiality, OFFER_SCHEMA, Offer};
use meterbox_billing::order::Order;
use meterbox_billing::outcome::Fault as FaultRecord;
use meterbox_billing::rate_card::RateCard;
use meterbox_billing::receipt::{Attested, Engine, Receipt, Reproducible};
use meterbox_billing::text::{Id, Message};
use meterbox_billing::timestamp::Timestamp;
use meterbox_billing::usage::Observed;
use meterbox_meter::{Metered, meter_with};
use meterbox_sandbox::{
    Calls, ENGINE_NAME, ENGINE_VERSION, InferenceEngine, Observer, Output, Program, Sandbox, Stop,
};

use crate::ProviderError;
use crate::agreement::NOT_BIT_EXACT;
use crate::execution::{Executed, Running, execute};
use crate::ledger::{Accept, Books, KnownOffer, Ledger, NewOrder, SealedReceipt};
use crate::material::Material;
use crate::measure;
use crate::policy::{Policy, capabilities};
use crate::programs::Programs;
use crate::store::Store;
use crate::transcripts::Transcripts;

/// What a provider has of its machine: told by whoever starts it, since it looks at nothing itself.
#[derive(Clone)]
pub struct Host {
    /// The device's name, as receipts state it.
    pub device: Option<String>,
    /// Reads the clock.
    pub now: fn() -> Timestamp,
}

/// A provider: a sandbox, a key, a rate card and a ledger.
pub struct Provider {
    sandbox: Sandbox,
    key: SigningKey,
    public_key: PublicKey,
    card: RateCard,
    offer: Offer,
    known_offer: KnownOffer,
    host: Host,
    programs: Programs,
    books: Books,
    transcripts: Option<KeepTranscripts>,
    outputs: Option<Store>,
}

/// Where a provider keeps transcripts, and for how long.
#[derive(Debug, Clone)]
pub struct KeepTranscripts {
    /// Where.
    pub transcripts: Transcripts,
    /// How many seconds.
    pub seconds: u64,
}

/// What a job could cost.
#[derive(Debug, Clone)]
pub struct Quote {
    /// What checking and compiling the program takes: part of every bill of it.
    pub admission_units: u64,
    /// Units that creating its instances takes.
    pub declared_units: u64,
    /// Bytes that its memories begin with.
    pub declared_memory_bytes: u64,
    /// No run under these limits costs more.
    pub ceiling: Amount,
}

/// A job that ended, with its receipt recorded.
#[derive(Debug)]
pub struct Completed {
    /// The signed receipt.
    pub receipt: Envelope,
    /// What the receipt says.
    pub document: Receipt,
    /// What the job left behind; empty when the order had been done before.
    pub outputs: Vec<Output>,
    /// Whether the order had been done before, and this is its receipt again.
    pub is_repeat: bool,
    /// How often the job was refused memory: a hint for people.
    pub memory_refusals: u64,
    /// How long the ledger took, durable writes included.
    pub ledger_time: Duration,
    /// The file of its transcript, if it called models and transcripts are kept.
    pub transcript: Option<PathBuf>,
}

impl Provider {
    /// A provider whose offer ends at `offer_expires_at`.
    ///
    /// # Errors
    /// If the key or card does not hold.
    pub fn new(
        key: SigningKey,
        card: RateCard,
        policy: &Policy,
        ledger: Ledger,
        host: Host,
        sandbox: Sandbox,
        offer_expires_at: Timestamp,
    ) -> Result<Provider, ProviderError> {
        let public_key = key.public()?;
        let offer = Offer {
            schema: OFFER_SCHEMA,
            provider_key: public_key,
            rate_card: card.digest()?,
            limits: policy.limits_max,
            capabilities: capabilities(sandbox.device()),
            expires_at: offer_expires_at,
        };
        Ok(Provider {
            sandbox,
            known_offer: KnownOffer::of(&offer)?,
            key,
            public_key,
            card,
            offer,
            host,
            programs: Programs::default(),
            books: Books::start(ledger)?,
            transcripts: None,
            outputs: None,
        })
    }

    /// The same provider, which puts all that a job leaves into this store before it is billed: what is paid is then
    /// not lost, whatever happens to who waits for it.
    #[must_use]
    pub fn storing_outputs(self, store: Store) -> Provider {
        Provider {
            outputs: Some(store),
            ..self
        }
    }

    /// The same provider, which keeps the transcript of each job that calls models.
    #[must_use]
    pub fn keeping(self, transcripts: KeepTranscripts) -> Provider {
        Provider {
            transcripts: Some(transcripts),
            ..self
        }
    }

    /// The offer that orders answer.
    #[must_use]
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Makes the same offer until another time: orders that answer it from now on name the new one.
    ///
    /// # Errors
    /// If it cannot be digested.
    pub fn offer_until(&mut self, expires_at: Timestamp) -> Result<(), ProviderError> {
        self.offer.expires_at = expires_at;
        self.known_offer = KnownOffer::of(&self.offer)?;
        Ok(())
    }

    /// The envelope of the order that was handed in under this id, if one was.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn order(&self, id: &Id) -> Result<Option<Vec<u8>>, ProviderError> {
        Ok(self.books.read(|books| books.order(id))?)
    }

    /// Whether the order of this id has its receipt.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn is_done(&self, id: &Id) -> Result<bool, ProviderError> {
        Ok(self.books.read(|books| books.receipt(id))?.is_some())
    }

    /// The offer, signed.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn signed_offer(&self) -> Result<Envelope, ProviderError> {
        Ok(Envelope::seal(&self.offer, &self.key)?)
    }

    /// The processes that run its jobs, or wait for one.
    #[must_use]
    pub fn worker_pids(&self) -> Vec<u32> {
        self.sandbox.worker_pids()
    }

    /// What running a program under these limits could cost.
    ///
    /// # Errors
    /// If the program is refused, or the limits cannot be priced.
    pub fn quote(&self, program: &[u8], limits: &Limits) -> Result<Quote, ProviderError> {
        quote(program, limits, &self.card)
    }

    /// Runs an order: admit → meter → compile → stage → run → usage → bill → receipt → ledger.
    ///
    /// An order that was done before gets the same receipt again. One that is stopped gets a receipt for
    /// what it had used by then.
    ///
    /// # Errors
    /// A refusal, before anything is spent; or a fault of this provider, for which nobody pays.
    pub fn run(
        &self,
        order_envelope: &Envelope,
        material: &Material,
        observer: Arc<dyn Observer>,
        stop: &Stop,
    ) -> Result<Completed, ProviderError> {
        let started_at = (self.host.now)();
        let began = Instant::now();
        let order = opened(order_envelope)?;
        if let Some(done) = self.done_before(&order)? {
            return Ok(done);
        }
        material.check(&order.job)?;
        let (program, hold, compile_time) = self.admit(&order, &material.program, started_at)?;
        let accepting = Instant::now();
        let new = NewOrder::read(
            &order_envelope.to_bytes()?,
            &self.known_offer,
            hold,
            self.card.currency(),
            // Compiling may have taken a while, in which the ledger was told later times.
            (self.host.now)(),
        )?;
        let accepted = self.books.accept(new)?;
        let accept_time = accepting.elapsed();
        if let Accept::AlreadyDone { receipt } = accepted {
            return repeated(&receipt);
        }
        let running = Running {
            sandbox: &self.sandbox,
            program: &program,
            order: &order,
            material,
            card: &self.card,
            is_replay: false,
        };
        let (mut executed, transcript) = match self.execute(&running, observer, stop) {
            Ok(executed) => executed,
            Err(error) => {
                self.abandon(&order, &error)?;
                return Err(error);
            }
        };
        if let Err(error) = self.keep_outputs(&mut executed) {
            self.abandon(&order, &error)?;
            return Err(error);
        }
        let engine = executed.ran.engine.as_ref();
        let gpu = engine.and_then(|engine| engine.device.clone());
        let observed = Observed {
            compile_us: Some(microseconds(compile_time)),
            run_us: Some(microseconds(executed.run_time)),
            wall_us: Some(microseconds(began.elapsed())),
            device: gpu.or_else(|| self.host.device.clone()),
            ..Observed::default()
        };
        let recorded = self.record(
            &order,
            executed.reproducible,
            (started_at, observed),
            engine,
        );
        let (receipt, document, record_time) = match recorded {
            Ok(recorded) => recorded,
            Err(error) => {
                self.abandon(&order, &error)?;
                return Err(error);
            }
        };
        Ok(Completed {
            receipt,
            document,
            outputs: executed.ran.outputs,
            is_repeat: false,
            memory_refusals: executed.ran.memory_refusals,
            ledger_time: accept_time + record_time,
            transcript,
        })
    }

    /// Runs the job, and keeps what its models gave.
    fn execute(
        &self,
        running: &Running<'_>,
        observer: Arc<dyn Observer>,
        stop: &Stop,
    ) -> Result<(Executed, Option<PathBuf>), ProviderError> {
        let Some(keep) = &self.transcripts else {
            return Ok((execute(running, observer, None, stop)?, None));
        };
        let keeper = Arc::new(keep.transcripts.keeper());
        let calls: Arc<dyn Calls> = Arc::clone(&keeper) as _;
        let executed = execute(running, observer, Some(calls), stop)?;
        let transcript = measure::transcript(&executed.ran.transcript);
        if transcript.calls.is_empty() {
            return Ok((executed, None));
        }
        let until = (self.host.now)()
            .unix_seconds()
            .saturating_add(keep.seconds);
        let until = Timestamp::from_unix_seconds(until).unwrap_or(Timestamp::MAX);
        let order = running.order.digest()?;
        let kept = keep.transcripts.keep(&keeper, &order, &transcript, until)?;
        Ok((executed, Some(kept)))
    }

    /// Stores what the run leaves.
    fn keep_outputs(&self, executed: &mut Executed) -> Result<(), ProviderError> {
        if let Some(store) = &self.outputs {
            for output in &mut executed.ran.outputs {
                store.put_output(output)?;
            }
        }
        Ok(())
    }

    /// Ends an order that will have no receipt: its hold must not stay.
    fn abandon(&self, order: &Order, error: &ProviderError) -> Result<(), ProviderError> {
        let reason = Message::cut(&error.to_string());
        Ok(self.books.abandon(&order.id, FaultRecord { reason })?)
    }

    fn done_before(&self, order: &Order) -> Result<Option<Completed>, ProviderError> {
        let Some(receipt) = self.books.read(|books| books.receipt(&order.id))? else {
            return Ok(None);
        };
        let done = repeated(&receipt)?;
        // Another order under the same id is for the ledger to refuse.
        let is_same = done.document.attested().order == order.digest()?;
        Ok(is_same.then_some(done))
    }

    /// Meters the program, checks the order against the offer, and compiles. Returns the most that
    /// the order can cost.
    fn admit(
        &self,
        order: &Order,
        program: &[u8],
        now: Timestamp,
    ) -> Result<(Arc<Program>, Amount, Duration), ProviderError> {
        let check = |admission_units: u64| {
            order.check_against(&self.offer, &self.card, now, u128::from(admission_units))
        };
        let options = measure::options(&order.limits);
        let key = (order.job.module, options.tier_max());
        if let Some(program) = self.programs.find(&key) {
            let hold = check(program.admission_units())?;
            program.check(&measure::sandbox_limits(&order.limits))?;
            return Ok((program, hold, Duration::ZERO));
        }
        let began = Instant::now();
        let metered = meter_with(program, &options)?;
        let hold = check(metered.admission.units())?;
        let program = self.programs.compile(&self.sandbox, key, metered)?;
        program.check(&measure::sandbox_limits(&order.limits))?;
        Ok((program, hold, began.elapsed()))
    }

    /// Signs the receipt as the next in the chain, and records it. Only then it is released.
    fn record(
        &self,
        order: &Order,
        reproducible: Reproducible,
        (started_at, observed): (Timestamp, Observed),
        engine: Option<&InferenceEngine>,
    ) -> Result<(Envelope, Receipt, Duration), ProviderError> {
        // What the books were told before does not become the present again: a period that was invoiced stays as it was.
        let told = self.books.read(|books| books.latest())?;
        let now = (self.host.now)();
        let now = told.map_or(now, |told| now.max(told));
        let attested = Attested {
            order: order.digest()?,
            order_id: order.id.clone(),
            provider_key: self.public_key,
            started_at,
            // A clock that was set back meanwhile makes no job end before it began.
            ended_at: now.max(started_at),
            observed,
            engine: Engine {
                name: ENGINE_NAME.into(),
                version: ENGINE_VERSION.into(),
                opt_level: self.sandbox.opt_level().name().into(),
            },
            libraries: libraries(engine),
            precision: order.precision,
            confidentiality: Confidentiality::None,
            // The ledger tells both when it is this receipt's turn.
            sequence: 0,
            previous_receipt: None,
        };
        let draft = Draft::of(Receipt::new(reproducible, attested)?)?;
        let key = self.key.clone();
        let recording = Instant::now();
        let recorded = self.books.record_with(&order.id, move |next| {
            SealedReceipt::seal(&draft, next, &key)
        })?;
        let record_time = recording.elapsed();
        let envelope = Envelope::from_bytes(&recorded.envelope)?;
        Ok((envelope, recorded.receipt, record_time))
    }
}

/// What running a program under these limits could cost, by this card.
///
/// # Errors
/// If the program is refused, or the limits cannot be priced.
pub(crate) fn quote(
    program: &[u8],
    limits: &Limits,
    card: &RateCard,
) -> Result<Quote, ProviderError> {
    let Metered {
        declared,
        admission,
        ..
    } = meter_with(program, &measure::options(limits))?;
    Ok(Quote {
        admission_units: admission.units(),
        declared_units: declared.units,
        declared_memory_bytes: declared
            .memory_pages
            .saturating_mul(meterbox_billing::limits::PAGE_BYTES),
        ceiling: ceiling(limits, card, u128::from(admission.units()))?,
    })
}

/// The order, if the requestor that it names has signed it.
fn opened(envelope: &Envelope) -> Result<Order, ProviderError> {
    let claimed: Order = envelope
        .document_unverified()
        .map_err(ProviderError::Signature)?;
    envelope
        .open(&claimed.requestor_key)
        .map_err(ProviderError::Signature)
}

fn repeated(receipt: &[u8]) -> Result<Completed, ProviderError> {
    let receipt = Envelope::from_bytes(receipt)?;
    let document = receipt.document_unverified()?;
    Ok(Completed {
        receipt,
        document,
        outputs: Vec::new(),
        is_repeat: true,
        memory_refusals: 0,
        ledger_time: Duration::ZERO,
        transcript: None,
    })
}

/// What took part: what computed with the job's models among it, if it had any.
fn libraries(engine: Option<&InferenceEngine>) -> BTreeMap<String, String> {
    let mut libraries = BTreeMap::new();
    libraries.insert("meterbox".into(), env!("CARGO_PKG_VERSION").into());
    if let Some(engine) = engine {
        let name = match engine.name.as_str() {
            "tract" => "tract-onnx",
            other => other,
        };
        libraries.insert(name.into(), engine.version.clone());
        if let Some(reason) = &engine.not_bit_exact {
            libraries.insert(NOT_BIT_EXACT.into(), reason.clone());
        }
    }
    libraries
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
