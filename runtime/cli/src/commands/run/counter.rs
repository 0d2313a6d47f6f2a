//! Both sides of the counter: the requestor who orders and this machine's provider who runs. Prints no result.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use meterbox_billing::digest::Digest;
use meterbox_billing::envelope::{Document as _, Envelope, EnvelopeError};
use meterbox_billing::job::Job;
use meterbox_billing::key::SigningKey;
use meterbox_billing::money::{Amount, Currency};
use meterbox_billing::order::Order;
use meterbox_billing::rate_card::RateCard;
use meterbox_billing::text::Id;
use meterbox_log::checkpoint::{CheckpointError, SignedCheckpoint};
use meterbox_provider::{
    Completed, Host, KeepTranscripts, Material, Policy, Provider, Transcripts, ledger,
};
use meterbox_sandbox::Stop;

use super::RunArguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::{Home, Role, read_audit_secret};
use crate::ordering::{ORDER_SECONDS, Request, Terms, after, now, sign_order};
use crate::ui::{Ui, Watcher};

/// Seconds of a day.
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// Where orders are made and handed in.
pub struct Counter<'c> {
    provider: Provider,
    requestor_key: SigningKey,
    request: &'c Request,
    home: &'c Home,
    audit_secret: Option<PathBuf>,
    transcripts: Transcripts,
    last_checkpoint: Option<Digest>,
    ceiling: Amount,
    currency: Currency,
    ui: &'c Ui,
}

impl<'c> Counter<'c> {
    /// Starts the provider, which takes the ledger.
    pub fn open(
        arguments: &RunArguments,
        request: &'c Request,
        home: &'c Home,
        card: RateCard,
        ui: &'c Ui,
    ) -> Result<Counter<'c>, Failure> {
        let provider_key = key(home, Role::Provider, ui)?;
        let requestor_key = key(home, Role::Requestor, ui)?;
        let sandbox = arguments.place.sandbox(arguments.opt_level.into(), home)?;
        let ledger = home
            .ledger(Duration::from_secs(arguments.ledger_wait))?
            .with_policy(ledger::Policy {
                budget_required: arguments.budget_required,
                trust_clock: arguments.trust_clock,
                ..Default::default()
            });
        let recovered = ledger.recovered().len();
        if recovered > 0 {
            ui.say(&format!(
                "note: {recovered} order(s) that a crash interrupted were released, and are not billed"
            ));
        }
        let last_checkpoint = match ledger.latest_checkpoint()? {
            Some(latest) => Some(digest_of(&latest.note)?),
            None => None,
        };
        let host = Host {
            device: device(),
            now,
        };
        let transcripts = home.transcripts();
        let currency = card.currency();
        let provider = Provider::new(
            provider_key,
            card,
            &Policy::default(),
            ledger,
            host,
            sandbox,
            after(now(), ORDER_SECONDS),
        )?
        .keeping(KeepTranscripts {
            transcripts: transcripts.clone(),
            seconds: arguments.keep_transcript.saturating_mul(DAY_SECONDS),
        });
        let provider = match request.slices {
            Some(_) => provider.storing_outputs(home.store()?),
            None => provider,
        };
        let ceiling = provider.quote(&request.program, &request.limits)?.ceiling;
        Ok(Counter {
            provider,
            requestor_key,
            request,
            home,
            audit_secret: arguments.audit_secret.clone(),
            transcripts,
            last_checkpoint,
            ceiling,
            currency,
            ui,
        })
    }

    /// The most that any one order of this job can cost.
    pub fn ceiling(&self) -> Amount {
        self.ceiling
    }

    /// The transcripts that are kept.
    pub fn transcripts(&self) -> &Transcripts {
        &self.transcripts
    }

    /// The currency of what is paid.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The order of this id: the one that was handed in before, if it was for this job, or a new one, which costs
    /// at most `max_price`.
    pub fn order(
        &mut self,
        id: Id,
        job: &Job,
        max_price: Option<Amount>,
    ) -> Result<Envelope, Failure> {
        if let Some((envelope, order)) = self.known(&id, job)? {
            // One that is done costs nothing more.
            if let Some(most) = max_price.filter(|most| *most < order.max_price)
                && !self.provider.is_done(&id)?
            {
                return Err(Failure::new(
                    Exit::Refused,
                    format!(
                        "the order `{id}` was signed for at most {}, which is more than {most}",
                        order.max_price
                    ),
                )
                .hint("order under another id, or for as much"));
            }
            // An order that was interrupted answers the offer of then, which is made again.
            self.provider.offer_until(order.expires_at)?;
            return Ok(envelope);
        }
        self.sign(id, job, max_price)
    }

    /// The order of this place among a job's slices: the one that is done, or one that was handed in before and can
    /// still be, or a new one. One that was interrupted and cannot be handed in again, or for less, makes way for
    /// another under the next id.
    pub fn slice(
        &mut self,
        base: &Id,
        number: u32,
        job: &Job,
        max_price: Option<Amount>,
    ) -> Result<(Id, Envelope), Failure> {
        let mut usable = None;
        for attempt in 1.. {
            let id = slice_id(base, number, attempt)?;
            let Some((envelope, order)) = self.known(&id, job)? else {
                // None has this id, or the ledger says which job's it is.
                if let Some(usable) = usable {
                    return self.again(usable);
                }
                let envelope = self.sign(id.clone(), job, max_price)?;
                return Ok((id, envelope));
            };
            if self.provider.is_done(&id)? {
                return self.again((id, envelope, order));
            }
            let is_dear = max_price.is_some_and(|most| most < order.max_price);
            if usable.is_none() && !is_dear && self.is_open(&order)? {
                usable = Some((id, envelope, order));
            }
        }
        Err(Failure::new(Exit::Fault, "there are no ids left"))
    }

    /// Makes the offer again that an order answers.
    fn again(
        &mut self,
        (id, envelope, order): (Id, Envelope, Order),
    ) -> Result<(Id, Envelope), Failure> {
        self.provider.offer_until(order.expires_at)?;
        Ok((id, envelope))
    }

    /// Whether an order can still be handed in: it is not past its time, and answers the offer as it is then made again.
    fn is_open(&mut self, order: &Order) -> Result<bool, Failure> {
        self.provider.offer_until(order.expires_at)?;
        let offered = self.provider.offer().digest().ok();
        Ok(now() < order.expires_at && offered == Some(order.offer))
    }

    /// Whether the slice of this place is done.
    pub fn has_done(&self, base: &Id, number: u32, job: &Job) -> Result<bool, Failure> {
        for attempt in 1.. {
            let id = slice_id(base, number, attempt)?;
            if self.known(&id, job)?.is_none() {
                break;
            }
            if self.provider.is_done(&id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn known(&self, id: &Id, job: &Job) -> Result<Option<(Envelope, Order)>, Failure> {
        match self.provider.order(id)? {
            Some(known) => same_order(&known, job, self.request),
            None => Ok(None),
        }
    }

    fn sign(&mut self, id: Id, job: &Job, max_price: Option<Amount>) -> Result<Envelope, Failure> {
        self.provider.offer_until(after(now(), ORDER_SECONDS))?;
        let secret = match &self.audit_secret {
            Some(path) => read_audit_secret(path)?,
            None => self.home.new_audit_secret()?,
        };
        let terms = Terms {
            id,
            max_price: max_price.unwrap_or(self.ceiling),
            secret: &secret,
            last_checkpoint: self.last_checkpoint,
        };
        sign_order(
            self.request,
            job.clone(),
            terms,
            self.provider.offer(),
            &self.requestor_key,
        )
    }

    /// The offer that the last order answers, signed.
    pub fn signed_offer(&self) -> Result<Envelope, Failure> {
        Ok(self.provider.signed_offer()?)
    }

    /// Runs an order, and says on stderr how far it is.
    pub fn run(
        &self,
        order: &Envelope,
        material: &Material,
        stop: &Stop,
    ) -> Result<Completed, Failure> {
        let watcher = Arc::new(Watcher::new(self.ui, self.request.is_command));
        Ok(self.provider.run(order, material, watcher, stop)?)
    }
}

/// The id of a slice's order: the job's, the slice's number, and, where an attempt was given up, that of the next one.
pub fn slice_id(base: &Id, number: u32, attempt: u32) -> Result<Id, Failure> {
    let id = match attempt {
        1 => format!("{base}.{number}"),
        _ => format!("{base}.{number}-{attempt}"),
    };
    id.parse().map_err(|error| {
        Failure::caused(Exit::Usage, "a slice's order has no id that fits", &error)
            .hint("give a shorter --order-id")
    })
}

/// The digest of what a checkpoint says, whoever signed it.
fn digest_of(note: &[u8]) -> Result<Digest, Failure> {
    let text = String::from_utf8_lossy(note);
    let signed: SignedCheckpoint = text.parse().map_err(|error: CheckpointError| {
        Failure::caused(
            Exit::Ledger,
            "the log's last checkpoint cannot be read",
            &error,
        )
    })?;
    Ok(signed.checkpoint_unverified().digest())
}

/// The order of this id as it is in the ledger, if it is of the same job under the same limits.
fn same_order(
    known: &[u8],
    job: &Job,
    request: &Request,
) -> Result<Option<(Envelope, Order)>, Failure> {
    let unreadable = |error: EnvelopeError| {
        Failure::caused(Exit::Ledger, "the ledger's order cannot be read", &error)
    };
    let envelope = Envelope::from_bytes(known).map_err(unreadable)?;
    let order: Order = envelope.document_unverified().map_err(unreadable)?;
    let is_same = order.job == *job
        && order.limits == request.limits
        && request.device.is_none_or(|device| device == order.device);
    Ok(is_same.then_some((envelope, order)))
}

/// The key of this role, made if there is none.
fn key(home: &Home, role: Role, ui: &Ui) -> Result<SigningKey, Failure> {
    if let Some(key) = home.key(role)? {
        return Ok(key);
    }
    let key = home.new_key(role)?;
    ui.say(&format!("note: made a key for the {role:?}").to_lowercase());
    Ok(key)
}

/// The processor's name, if the system tells.
fn device() -> Option<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':')
        .map(|(_, name)| name.trim().to_string())
}
