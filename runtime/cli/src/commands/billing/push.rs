//! `meterbox billing push`: sends what is recorded to an HTTP endpoint as events, and remembers what was
//! acknowledged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use meterbox_billing::key::PublicKey;
use meterbox_export::event::Events;
use meterbox_export::format::Format;
use meterbox_export::options::{Ending, Grain};
use meterbox_export::selection::Selection as Selected;
use meterbox_outbox::endpoint::{Credential, Endpoint, EndpointError, Form};
use meterbox_outbox::event::Event;
use meterbox_outbox::http::{Http, Roots, Timeouts};
use meterbox_outbox::push::{OnRefusal, Options, Push, PushError, Summary};
use meterbox_outbox::store::Store;
use meterbox_outbox::surroundings::Machine;

use super::Selection;
use super::export::{Shape, failed};
use crate::Ended;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::home::Home;
use crate::program::read_at_most;
use crate::ui::Ui;

/// A file of root certificates.
const ROOTS_BYTES_MAX: u64 = 16 << 20;

/// The environment variable with the value of the `Authorization` header.
const CREDENTIAL_VARIABLE: &str = "METERBOX_PUSH_AUTHORIZATION";

/// Send what is recorded to an HTTP endpoint as events, and remember what was acknowledged.
///
/// Run again, it goes on where it ended; each event has one id for ever, by which receivers drop what they have.
/// By the hour, the newest four hours are held back until later receipts show that they are over, so that no hour
/// is sent twice; `--grain receipt` sends at once. An outbox is of one receiver, form, grain and requestor.
///
/// The value of the `Authorization` header comes from the environment, METERBOX_PUSH_AUTHORIZATION, or from a file.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  METERBOX_PUSH_AUTHORIZATION='Bearer …' meterbox billing push --format cloudevents --to-url https://openmeter.example/api/v1/events --batch 100 --grain receipt"
)]
pub struct PushArguments {
    /// The events' form
    #[arg(long, value_enum)]
    format: EventForm,

    /// Where they go
    #[arg(long, value_name = "URL")]
    to_url: String,

    /// Only this requestor's: its key in hexadecimal digits
    #[arg(long, value_name = "KEY")]
    requestor: Option<PublicKey>,

    #[command(flatten)]
    shape: Shape,

    /// What is remembered of this receiver [default: outbox.sqlite in the folder of keys, store and ledger]
    #[arg(long, value_name = "FILE")]
    outbox: Option<PathBuf>,

    /// A file with the value of the `Authorization` header
    #[arg(long, value_name = "FILE")]
    authorization: Option<PathBuf>,

    /// A header of every request; repeatable. None that is secret: others on this machine see command lines
    #[arg(long = "header", value_name = "NAME=VALUE")]
    headers: Vec<String>,

    /// Put so many CloudEvents into one request; Lago and Stripe take one
    #[arg(long, value_name = "N", default_value = "1")]
    batch: usize,

    /// Check the receiver's certificate by these root certificates [default: those that the system trusts]
    #[arg(long, value_name = "PEM")]
    roots: Option<PathBuf>,

    /// How long one request may take
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    timeout: u64,

    /// Wait so long between two requests
    #[arg(long, value_name = "MILLISECONDS", default_value = "0")]
    pause: u64,

    /// Give up after so many tries of one request
    #[arg(long, value_name = "N", default_value = "10")]
    tries: u32,

    /// End at the first event that the receiver refuses for good; without it, it is put aside
    #[arg(long)]
    stop_at_refusal: bool,

    /// A text by which a refusal says that the event is there already; repeatable
    #[arg(long = "duplicate-mark", value_name = "TEXT")]
    duplicate_marks: Vec<String>,

    /// Send again what was put aside
    #[arg(long)]
    retry_refused: bool,

    /// Only list what was put aside, and why
    #[arg(long, conflicts_with = "retry_refused")]
    list_refused: bool,
}

/// The form of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EventForm {
    /// CloudEvents 1.0, as OpenMeter reads them.
    Cloudevents,
    /// Lago's.
    Lago,
    /// Stripe's meter events.
    Stripe,
}

impl EventForm {
    fn format(self) -> (Format, &'static str) {
        match self {
            EventForm::Cloudevents => (Format::CloudEvents, "application/cloudevents+json"),
            EventForm::Lago => (Format::Lago, "application/json"),
            EventForm::Stripe => (Format::Stripe, "application/json"),
        }
    }
}

/// How many events that were put aside are listed.
const LISTED_MAX: u32 = 1_000;

/// Sends.
pub(super) fn run(arguments: &PushArguments, home: &Home, ui: &Ui) -> Ended {
    if arguments.batch != 1 && arguments.format != EventForm::Cloudevents {
        return Err(
            Failure::new(Exit::Usage, "Lago and Stripe take one event a request")
                .hint("leave --batch out, which is for CloudEvents"),
        );
    }
    let unusable =
        |error: EndpointError| Failure::caused(Exit::Usage, "nothing can be sent there", &error);
    let endpoint = endpoint(arguments).map_err(unusable)?;
    let path = match &arguments.outbox {
        Some(path) => path.clone(),
        None => home.outbox_path()?,
    };
    // What was sent in one shape must not be sent again in another, in which it has other ids.
    let mut of = format!(
        "{} as {}",
        endpoint.url(),
        arguments.format.format().0.name()
    );
    of += match arguments.shape.grain {
        Grain::Hour => " by the hour",
        Grain::Receipt => " by the receipt",
    };
    if let Some(requestor) = &arguments.requestor {
        of += &format!(" of {requestor}");
    }
    let mut store = Store::open(&path, &of).map_err(|error| {
        let message = format!("`{}` cannot be used", path.display());
        Failure::caused(Exit::File, message, &error).maybe_hint(error.hint())
    })?;
    let broken = |error: meterbox_outbox::store::StoreError| {
        Failure::caused(Exit::File, "what was sent cannot be remembered", &error)
            .maybe_hint(error.hint())
    };
    if arguments.list_refused {
        for parked in store.parked(LISTED_MAX).map_err(broken)? {
            crate::ui::print(&format!("{}  {}\n", parked.id, parked.reason))?;
        }
        return Ok(Exit::Ok);
    }
    if arguments.retry_refused {
        store.unpark().map_err(broken)?;
    }
    let (summary, ended) = push(arguments, home, ui, &endpoint, &mut store)?;
    ui.say(&told(&summary));
    match ended {
        Ok(()) if summary.changed > 0 => Ok(Exit::Refused),
        Ok(()) if summary.parked + summary.parked_before > 0 => {
            ui.say("hint: `meterbox billing push … --list-refused` says what was refused, and why");
            Ok(Exit::Refused)
        }
        Ok(()) => Ok(Exit::Ok),
        Err(error) => Err(
            Failure::caused(Exit::File, "not everything was sent", &error).maybe_hint(error.hint()),
        ),
    }
}

fn push(
    arguments: &PushArguments,
    home: &Home,
    ui: &Ui,
    endpoint: &Endpoint,
    store: &mut Store,
) -> Result<(Summary, Result<(), PushError>), Failure> {
    let (format, content_type) = arguments.format.format();
    // All of them from the first on: by them an hour's id is known again.
    let selection = Selection {
        from: None,
        to: None,
        requestor: arguments.requestor,
    };
    let mut options = arguments.shape.options(&selection)?;
    options.ending = Ending::Withhold;
    let reader = home.reader()?;
    let mut selected = Selected::new(selection.records(&reader)?, &options);
    let events = Events::of_format(format, &mut selected, &options)
        .map_err(|error| failed(&error))?
        .map(|event| {
            let event = event.map_err(Box::<dyn std::error::Error + Send + Sync>::from)?;
            Event::new(event.id, content_type.to_owned(), event.body.into_bytes())
                .map_err(Box::<dyn std::error::Error + Send + Sync>::from)
        });
    let roots = match &arguments.roots {
        Some(path) => Roots::Pem(read_at_most(path, ROOTS_BYTES_MAX)?),
        None => Roots::Machine,
    };
    let timeouts = Timeouts {
        request: Duration::from_secs(arguments.timeout.max(1)),
        ..Timeouts::default()
    };
    let mut transport = Http::new(endpoint, timeouts, &roots)
        .map_err(|error| Failure::caused(Exit::Usage, "nothing can be sent there", &error))?;
    let push_options = Options {
        tries_max: arguments.tries.max(1),
        pause: Duration::from_millis(arguments.pause),
        on_refusal: match arguments.stop_at_refusal {
            true => OnRefusal::Stop,
            false => OnRefusal::Park,
        },
        duplicate_marks: arguments.duplicate_marks.clone(),
        ..Options::default()
    };
    let _working = ui.working("sending");
    let mut push = Push {
        endpoint,
        store,
        transport: &mut transport,
        surroundings: &mut Machine,
        options: &push_options,
        progress: &mut |_| {},
    };
    Ok(push.run(events))
}

fn endpoint(arguments: &PushArguments) -> Result<Endpoint, EndpointError> {
    let mut endpoint = Endpoint::new(&arguments.to_url)?;
    if arguments.batch != 1 {
        let form = match arguments.format {
            EventForm::Cloudevents => Form::Array {
                content_type: "application/cloudevents-batch+json".to_owned(),
            },
            // Their events are whole requests.
            EventForm::Lago | EventForm::Stripe => Form::Single,
        };
        endpoint = endpoint.with_batches(form, arguments.batch)?;
    }
    for header in &arguments.headers {
        let (name, value) = header.split_once('=').unwrap_or(("", header));
        endpoint = endpoint.with_header(name, value)?;
    }
    let credential = match &arguments.authorization {
        Some(path) => Some(Credential::from_file(Path::new(path))?),
        None => match std::env::var(CREDENTIAL_VARIABLE) {
            Ok(value) => Some(Credential::new(&value)?),
            Err(_) => None,
        },
    };
    match credential {
        Some(credential) => endpoint.with_credential(credential),
        None => Ok(endpoint),
    }
}

fn told(summary: &Summary) -> String {
    let mut text = format!(
        "{} delivered in {} requests, {} known before",
        summary.delivered, summary.requests, summary.known
    );
    for (count, what) in [
        (summary.duplicates, "which the receiver had"),
        (summary.tries_again, "requests made again"),
        (summary.parked, "refused"),
        (summary.parked_before, "refused before"),
        (
            summary.changed,
            "changed since they were delivered, and left as they were",
        ),
    ] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    text
}
