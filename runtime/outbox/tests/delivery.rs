//! Owns the claims about delivery over a real network: whatever a receiver does, it ends up with every event.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use meterbox_outbox::backoff::Backoff;
use meterbox_outbox::endpoint::{Credential, Endpoint, Form};
use meterbox_outbox::event::Event;
use meterbox_outbox::http::{Http, Roots, Timeouts};
use meterbox_outbox::push::{Options, Push, PushError, Summary};
use meterbox_outbox::store::Store;
use meterbox_outbox::surroundings::{Machine, Surroundings};
use proptest::prelude::*;

mod receiver;

use receiver::{Deed, Receiver};

/// This machine, without the waiting between tries.
#[derive(Default)]
struct Hurried(u32);

impl Surroundings for Hurried {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&mut self, _: Duration) {
        self.0 += 1;
    }

    fn random(&mut self) -> u64 {
        Machine.random()
    }
}

fn event(n: usize) -> Event {
    let body =
        format!("{{\"id\":\"event-{n}\",\"value\":\"{n}.000000000000000001\"}}").into_bytes();
    Event::new(
        format!("event-{n}"),
        "application/cloudevents+json".into(),
        body,
    )
    .unwrap()
}

fn endpoint(url: &str, batch: usize) -> Endpoint {
    let form = match batch {
        1 => Form::Single,
        n if n % 2 == 0 => Form::Wrapped {
            field: "events".into(),
        },
        _ => Form::Array {
            content_type: "application/cloudevents-batch+json".into(),
        },
    };
    Endpoint::new(url)
        .unwrap()
        .with_batches(form, batch)
        .unwrap()
}

const SHORT: Timeouts = Timeouts {
    connect: Duration::from_millis(500),
    request: Duration::from_millis(250),
};

fn push_to(
    endpoint: &Endpoint,
    path: &Path,
    count: usize,
    roots: &Roots,
    options: &Options,
    surroundings: &mut dyn Surroundings,
) -> (Summary, Result<(), PushError>) {
    let mut store = Store::open(path, endpoint.url()).unwrap();
    let mut push = Push {
        endpoint,
        store: &mut store,
        transport: &mut Http::new(endpoint, SHORT, roots).unwrap(),
        surroundings,
        options,
        progress: &mut |_| {},
    };
    push.run((0..count).map(event).map(Ok::<_, std::io::Error>))
}

fn push(receiver: &Receiver, path: &Path, count: usize, batch: usize) -> Summary {
    let endpoint = endpoint(&receiver.url(), batch);
    let (options, roots) = (
        Options {
            tries_max: 100,
            ..Options::default()
        },
        Roots::Machine,
    );
    let (summary, end) = push_to(
        &endpoint,
        path,
        count,
        &roots,
        &options,
        &mut Hurried::default(),
    );
    end.unwrap();
    summary
}

/// Every event was taken, at least once, as it was sent.
fn assert_has_all(receiver: &Receiver, count: usize) {
    let taken = receiver.taken();
    assert_eq!(taken.bodies.len(), count);
    for n in 0..count {
        let body: serde_json::Value = serde_json::from_slice(event(n).body()).unwrap();
        assert_eq!(taken.bodies.get(&format!("event-{n}")), Some(&body));
    }
}

#[test]
fn whatever_a_receiver_does_it_ends_up_with_every_event() {
    for (deed, times) in [
        (Deed::Take, 1),
        (Deed::TakeSilently, 2),
        (Deed::CloseAtOnce, 1),
        (Deed::CloseInHead, 1),
        (Deed::CloseInBody, 1),
        (Deed::Say(500, false), 1),
        (Deed::Say(503, true), 1),
        (Deed::Say(429, true), 1),
        (Deed::Say(408, false), 1),
        (Deed::SayNothing, 1),
        (Deed::Garble, 1),
        (Deed::Trickle, 2),
        (Deed::TakeEndlessly, 1),
        (Deed::FailEndlessly, 1),
        (Deed::SwampHead, 1),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::start([Deed::Take, deed]);
        let summary = push(&receiver, &folder.path().join("outbox"), 3, 1);
        assert_has_all(&receiver, 3);
        assert_eq!(
            receiver.taken().times.get("event-1"),
            Some(&times),
            "{deed:?}"
        );
        assert_eq!(summary.delivered, 3, "{deed:?}");
        assert_eq!(receiver.left(), 0);
    }
}

#[test]
fn a_second_run_sends_nothing_and_a_longer_list_only_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start([]);
    let path = folder.path().join("outbox");
    assert_eq!(push(&receiver, &path, 10, 3).requests, 4);
    assert_eq!(push(&receiver, &path, 10, 3).requests, 0);
    let summary = push(&receiver, &path, 12, 3);
    assert_eq!(
        (summary.known, summary.delivered, summary.requests),
        (10, 2, 1)
    );
    assert!(receiver.taken().times.values().all(|times| *times == 1));
}

#[test]
fn a_port_that_nobody_listens_on_is_tried_and_given_up_and_later_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let endpoint = endpoint(&format!("http://{address}/events"), 1);
    let options = Options {
        tries_max: 4,
        ..Options::default()
    };
    let mut hurried = Hurried::default();
    let (summary, end) = push_to(&endpoint, &path, 2, &Roots::Machine, &options, &mut hurried);
    let error = end.unwrap_err();
    assert!(
        matches!(error, PushError::GaveUp { tries: 4, .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("refused") && error.hint().is_some(),
        "{error}"
    );
    assert_eq!((summary.delivered, hurried.0), (0, 3));
    let receiver = Receiver::on(TcpListener::bind(address).unwrap(), [], |stream| {
        Box::new(stream)
    });
    assert_eq!(push(&receiver, &path, 2, 1).delivered, 2);
    assert_has_all(&receiver, 2);
}

#[test]
fn a_host_that_does_not_exist_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::new("http://nowhere.invalid/events").unwrap();
    let options = Options {
        tries_max: 1,
        ..Options::default()
    };
    let path = folder.path().join("outbox");
    let (_, end) = push_to(
        &endpoint,
        &path,
        1,
        &Roots::Machine,
        &options,
        &mut Hurried::default(),
    );
    assert!(matches!(end, Err(PushError::GaveUp { .. })), "{end:?}");
}

#[test]
fn a_redirect_is_not_followed_and_the_credential_stays_here() {
    for code in [301_u16, 302, 303, 307, 308] {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::start([Deed::Say(code, false)]);
        let credential = Credential::new("Bearer secret").unwrap();
        let endpoint = endpoint(&receiver.url(), 1)
            .with_credential(credential)
            .unwrap();
        let options = Options::default();
        let path = folder.path().join("outbox");
        let (summary, end) = push_to(
            &endpoint,
            &path,
            2,
            &Roots::Machine,
            &options,
            &mut Hurried::default(),
        );
        assert!(
            matches!(end, Err(PushError::Misdirected { .. })),
            "{code}: {end:?}"
        );
        assert_eq!((summary.requests, receiver.taken().heads.len()), (1, 0));
    }
}

#[test]
fn headers_arrive_and_a_second_try_has_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start([Deed::TakeSilently]);
    let endpoint = endpoint(&receiver.url(), 1)
        .with_header("Stripe-Version", "2026-01-28.preview")
        .unwrap()
        .with_credential(Credential::new("Bearer secret").unwrap())
        .unwrap();
    let path = folder.path().join("outbox");
    let (options, mut hurried) = (Options::default(), Hurried::default());
    let (_, end) = push_to(&endpoint, &path, 1, &Roots::Machine, &options, &mut hurried);
    end.unwrap();
    let heads = receiver.taken().heads.clone();
    assert_eq!(heads.len(), 2);
    for head in heads {
        let head = head.to_ascii_lowercase();
        for line in [
            "post /events http/1.1",
            "authorization: bearer secret",
            "idempotency-key: event-0",
            "content-type: application/cloudevents+json",
            "stripe-version: 2026-01-28.preview",
            "user-agent: meterbox/",
        ] {
            assert!(head.contains(line), "{line}: {head}");
        }
    }
}

#[test]
fn a_refused_event_is_parked_with_the_receivers_words() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start([Deed::Take, Deed::Say(422, false)]);
    let path = folder.path().join("outbox");
    let summary = push(&receiver, &path, 3, 1);
    assert_eq!((summary.delivered, summary.parked), (2, 1));
    let store = Store::open(&path, &receiver.url()).unwrap();
    let parked = store.parked(10).unwrap();
    assert_eq!(parked.first().unwrap().reason, "HTTP 422: no <such> meter");
}

fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => Just(Deed::Take),
        2 => Just(Deed::TakeSilently),
        1 => Just(Deed::CloseAtOnce),
        1 => Just(Deed::CloseInHead),
        1 => Just(Deed::CloseInBody),
        1 => Just(Deed::Say(500, false)),
        1 => Just(Deed::Say(429, true)),
        1 => Just(Deed::Garble),
        1 => Just(Deed::TakeEndlessly),
        1 => Just(Deed::FailEndlessly),
        1 => Just(Deed::SwampHead),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_any_mishaps_the_receivers_set_is_what_was_to_be_sent(
        deeds in prop::collection::vec(any_deed(), 0..25),
        count in 0_usize..40,
        batch in 1_usize..9,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(deeds);
        let summary = push(&receiver, &folder.path().join("outbox"), count, batch);
        assert_has_all(&receiver, count);
        prop_assert_eq!(summary.delivered, u64::try_from(count).unwrap());
        prop_assert_eq!(summary.parked, 0);
    }
}

const CHILD: &str = "METERBOX_TEST_OUTBOX";

#[test]
#[ignore = "a process of its own, which the next test starts and kills"]
fn sender_that_is_killed() {
    let place = std::env::var(CHILD).unwrap();
    let [count, url, path] = place.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    let count = count.parse().unwrap();
    let endpoint = endpoint(url, 5);
    let backoff = Backoff::new(Duration::from_micros(100), Duration::from_millis(1)).unwrap();
    let options = Options {
        backoff,
        tries_max: 1_000,
        ..Options::default()
    };
    let (_, end) = push_to(
        &endpoint,
        Path::new(path),
        count,
        &Roots::Machine,
        &options,
        &mut Machine,
    );
    end.unwrap();
}

/// This file's test above, as a process of its own.
fn child(receiver: &Receiver, path: &Path, count: usize) -> Command {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--ignored", "--exact", "sender_that_is_killed"]);
    child.env(
        CHILD,
        format!("{count} {} {}", receiver.url(), path.display()),
    );
    child
}

/// How often a sender is killed here; `METERBOX_KILLS` asks for another number.
fn kills() -> u64 {
    std::env::var("METERBOX_KILLS").map_or(60, |kills| kills.parse().unwrap())
}

#[test]
fn a_sender_killed_at_any_moment_loses_and_skips_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // More than all requests take that are answered before the last kill.
    let count = usize::try_from(kills()).unwrap() * 20;
    let path = folder.path().join("outbox");
    let deeds = (0..kills()).flat_map(|n| {
        let kill = match n % 3 {
            0 => Deed::KillBefore,
            1 => Deed::KillBetween,
            _ => Deed::KillAfter(n * 37 % 3_000),
        };
        let mishap = if n % 4 == 0 {
            Deed::TakeSilently
        } else {
            Deed::Say(500, false)
        };
        let rest = if n % 7 == 0 {
            vec![mishap, Deed::Take]
        } else {
            vec![]
        };
        rest.into_iter().chain([kill])
    });
    let receiver = Receiver::start(deeds);
    let mut starts = 0_u64;
    loop {
        starts += 1;
        assert!(starts <= kills() + 2, "a sender that nobody killed failed");
        let mut child = child(&receiver, &path, count);
        child.stdout(Stdio::null()).stderr(Stdio::null());
        if receiver.wait_for(child.spawn().unwrap()) {
            break;
        }
    }
    assert_eq!(receiver.left(), 0, "every kill was done");
    assert_has_all(&receiver, count);
    let store = Store::open(&path, &receiver.url()).unwrap();
    let counts = store.counts().unwrap();
    assert_eq!(
        (counts.acknowledged, counts.parked),
        (count.try_into().unwrap(), 0)
    );
    let twice = receiver
        .taken()
        .times
        .values()
        .filter(|times| **times > 1)
        .count();
    println!("{starts} starts, {twice} of {count} events came more than once");
}

const CERTIFICATE: &[u8] = include_bytes!("certificate/certificate.pem");
const KEY: &[u8] = include_bytes!("certificate/key.pem");

fn with_tls(stream: std::net::TcpStream) -> Box<dyn receiver::Wire> {
    use rustls::pki_types::pem::PemObject as _;
    let certificate = rustls::pki_types::CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
    Box::new(rustls::StreamOwned::new(connection, stream))
}

#[test]
fn https_is_spoken_to_whom_the_roots_vouch_for_and_to_nobody_else() {
    let receiver = Receiver::on(TcpListener::bind("127.0.0.1:0").unwrap(), [], with_tls);
    let port = receiver.address().port();
    let own = || Roots::Pem(CERTIFICATE.to_vec());
    let others = Roots::Pem(include_bytes!("certificate/other.pem").to_vec());
    for (host, roots, is_trusted) in [
        ("127.0.0.1", own(), true),
        ("127.0.0.1", others, false),
        ("localhost", own(), false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let endpoint = endpoint(&format!("https://{host}:{port}/events"), 1);
        let options = Options {
            tries_max: 1,
            ..Options::default()
        };
        let path = folder.path().join("outbox");
        let (summary, end) = push_to(
            &endpoint,
            &path,
            2,
            &roots,
            &options,
            &mut Hurried::default(),
        );
        assert_eq!(
            (summary.delivered, end.is_ok()),
            if is_trusted { (2, true) } else { (0, false) }
        );
        assert!(is_trusted || end.unwrap_err().to_string().contains("certificate"));
    }
    assert_eq!(receiver.taken().times.len(), 2);
}

#[test]
fn a_receiver_of_another_make_ends_up_with_every_event() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/receiver/receiver.py");
    let python = Command::new("python3")
        .arg(script)
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut python) = python else {
        eprintln!("skipped: python3 is not installed");
        return;
    };
    let mut lines = BufReader::new(python.stdout.take().unwrap()).lines();
    let port = lines.next().unwrap().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let endpoint = endpoint(&format!("http://127.0.0.1:{port}/events"), 4);
    let (path, options) = (folder.path().join("outbox"), Options::default());
    let mut hurried = Hurried::default();
    let (summary, end) = push_to(
        &endpoint,
        &path,
        50,
        &Roots::Machine,
        &options,
        &mut hurried,
    );
    python.kill().unwrap();
    python.wait().unwrap();
    end.unwrap();
    assert!(
        summary.delivered == 50 && summary.tries_again > 4,
        "{summary:?}"
    );
    let taken: BTreeSet<_> = lines.map_while(Result::ok).collect();
    assert_eq!(taken, (0..50).map(|n| format!("event-{n}")).collect());
}

#[test]
fn a_second_process_is_refused_while_the_first_has_the_outbox() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let receiver = Receiver::start([]);
    let first = Store::open(&path, &receiver.url()).unwrap();
    let count = 20;
    let output = child(&receiver, &path, count).output().unwrap();
    assert!(!output.status.success());
    let words = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(
        words.contains(&format!("process {}", std::process::id())),
        "{words}"
    );
    assert!(receiver.taken().heads.is_empty());
    drop(first);
    assert!(
        child(&receiver, &path, count)
            .output()
            .unwrap()
            .status
            .success()
    );
    assert_has_all(&receiver, count);
}

#[test]
#[ignore = "measures; run it with --release --nocapture"]
fn how_many_events_a_second() {
    for (batch, count) in [(1, 5_000), (100, 100_000)] {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::start([]);
        let path = folder.path().join("outbox");
        for run in ["first", "second"] {
            let start = std::time::Instant::now();
            push(&receiver, &path, count, batch);
            println!(
                "batches of {batch}, {run} run: {count} events in {:?}",
                start.elapsed()
            );
        }
        assert_has_all(&receiver, count);
    }
}
