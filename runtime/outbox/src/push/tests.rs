use std::collections::VecDeque;
use std::path::Path;
use std::time::SystemTime;

use super::*;
use crate::endpoint::Form;

const URL: &str = "https://example.org/events";

/// A receiver that answers as it was told, then with 200.
#[derive(Default)]
struct Told {
    answers: VecDeque<Answer>,
    sent: Vec<Content>,
    /// Refuses every request that holds this.
    hates: Option<String>,
}

impl Transport for Told {
    fn post(&mut self, content: &Content) -> Answer {
        self.sent.push(content.clone());
        let body = String::from_utf8(content.body.clone()).unwrap();
        if self
            .hates
            .as_ref()
            .is_some_and(|hated| body.contains(hated))
        {
            return status(422, None);
        }
        self.answers.pop_front().unwrap_or(status(200, None))
    }
}

/// Time that passes when somebody sleeps.
struct Still {
    now: SystemTime,
    slept: Vec<Duration>,
}

impl Surroundings for Still {
    fn now(&self) -> SystemTime {
        self.now
    }

    fn sleep(&mut self, wait: Duration) {
        self.now += wait;
        self.slept.push(wait);
    }

    fn random(&mut self) -> u64 {
        1_000
    }
}

fn status(code: u16, retry_after: Option<&str>) -> Answer {
    let retry_after = retry_after.map(str::to_owned);
    Answer::Status {
        code,
        retry_after,
        location: None,
        excerpt: "no such meter".to_owned(),
    }
}

fn lost() -> Answer {
    Answer::None {
        reason: "connection reset".to_owned(),
    }
}

fn event(n: u32) -> Event {
    let body = format!("{{\"id\":\"event-{n}\",\"value\":\"{n}.5\"}}").into_bytes();
    Event::new(format!("event-{n}"), "application/json".to_owned(), body).unwrap()
}

/// What is left after a run.
struct Ran {
    summary: Summary,
    end: Result<(), PushError>,
    sent: Vec<Content>,
    slept: Vec<Duration>,
}

fn run_at(path: &Path, events: Vec<Event>, mut told: Told, batch: usize, options: &Options) -> Ran {
    let form = if batch == 1 {
        Form::Single
    } else {
        Form::Wrapped {
            field: "events".into(),
        }
    };
    let endpoint = Endpoint::new(URL)
        .unwrap()
        .with_batches(form, batch)
        .unwrap();
    let mut store = Store::open(path, URL).unwrap();
    let mut still = Still {
        now: SystemTime::UNIX_EPOCH,
        slept: Vec::new(),
    };
    let mut push = Push {
        endpoint: &endpoint,
        store: &mut store,
        transport: &mut told,
        surroundings: &mut still,
        options,
        progress: &mut |_| {},
    };
    let (summary, end) = push.run(events.into_iter().map(Ok::<_, std::io::Error>));
    Ran {
        summary,
        end,
        sent: told.sent,
        slept: still.slept,
    }
}

fn answers(answers: impl IntoIterator<Item = Answer>) -> Told {
    Told {
        answers: answers.into_iter().collect(),
        ..Told::default()
    }
}

fn run(count: u32, told: Told, batch: usize, options: &Options) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let events = (0..count).map(event).collect();
    run_at(&folder.path().join("outbox"), events, told, batch, options)
}

#[test]
fn events_go_out_in_order_in_batches() {
    let ran = run(5, answers([]), 2, &Options::default());
    assert!(ran.end.is_ok());
    assert_eq!((ran.summary.delivered, ran.summary.requests), (5, 3));
    let bodies: Vec<_> = ran
        .sent
        .iter()
        .map(|sent| String::from_utf8(sent.body.clone()).unwrap())
        .collect();
    let place = |n: u32| {
        bodies
            .iter()
            .position(|body| body.contains(&format!("event-{n}")))
            .unwrap()
    };
    assert_eq!((0..5).map(place).collect::<Vec<_>>(), [0, 0, 1, 1, 2]);
}

#[test]
fn a_failing_receiver_is_waited_for_ever_longer() {
    let failures = [
        lost(),
        status(500, None),
        status(503, None),
        status(408, None),
        lost(),
    ];
    let ran = run(1, answers(failures), 1, &Options::default());
    assert!(ran.end.is_ok());
    let seconds: Vec<_> = ran.slept.iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [1, 2, 4, 8, 16]);
    assert_eq!((ran.summary.requests, ran.summary.tries_again), (6, 5));
    assert!(
        ran.sent
            .iter()
            .all(|sent| sent == ran.sent.first().unwrap())
    );
}

#[test]
fn a_receiver_that_says_when_is_not_asked_before() {
    let wait = [
        status(429, Some("77")),
        status(503, Some("Thu, 01 Jan 1970 00:02:00 GMT")),
    ];
    let ran = run(1, answers(wait), 1, &Options::default());
    let seconds: Vec<_> = ran.slept.iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [77, 43]);
    let ran = run(
        1,
        answers([status(429, Some("3601"))]),
        1,
        &Options::default(),
    );
    assert!(
        matches!(ran.end, Err(PushError::WaitTooLong { .. })),
        "{:?}",
        ran.end
    );
    assert!(ran.slept.is_empty());
}

#[test]
fn a_dead_receiver_ends_the_run_and_the_next_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let events: Vec<_> = (0..4).map(event).collect();
    let mut script = vec![status(200, None)];
    script.extend((0..3).map(|_| lost()));
    let options = Options {
        tries_max: 3,
        ..Options::default()
    };
    let ran = run_at(&path, events.clone(), answers(script), 1, &options);
    assert!(
        matches!(ran.end, Err(PushError::GaveUp { tries: 3, .. })),
        "{:?}",
        ran.end
    );
    assert_eq!(ran.summary.delivered, 1);
    let ran = run_at(&path, events.clone(), answers([]), 1, &options);
    assert!(ran.end.is_ok());
    assert_eq!((ran.summary.known, ran.summary.delivered), (1, 3));
    let ran = run_at(&path, events, answers([]), 1, &options);
    assert_eq!((ran.summary.known, ran.summary.requests), (4, 0));
}

#[test]
fn a_refused_event_is_put_aside_alone_and_can_be_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let events: Vec<_> = (0..16).map(event).collect();
    let hating = || Told {
        hates: Some("event-11".into()),
        ..Told::default()
    };
    let ran = run_at(&path, events.clone(), hating(), 16, &Options::default());
    assert!(ran.end.is_ok());
    assert_eq!((ran.summary.delivered, ran.summary.parked), (15, 1));
    assert_eq!(ran.summary.requests, 9);
    let mut store = Store::open(&path, URL).unwrap();
    let parked = store.parked(5).unwrap();
    assert_eq!(parked.first().unwrap().id, "event-11");
    assert_eq!(parked.first().unwrap().reason, "HTTP 422: no such meter");
    drop(store);
    let ran = run_at(&path, events.clone(), answers([]), 16, &Options::default());
    assert_eq!((ran.summary.known, ran.summary.parked_before), (15, 1));
    store = Store::open(&path, URL).unwrap();
    store.unpark().unwrap();
    drop(store);
    let ran = run_at(&path, events, answers([]), 16, &Options::default());
    assert_eq!((ran.summary.known, ran.summary.delivered), (15, 1));
}

#[test]
fn a_refusal_can_end_the_run_so_that_nothing_overtakes_it() {
    let options = Options {
        on_refusal: OnRefusal::Stop,
        ..Options::default()
    };
    let told = Told {
        hates: Some("event-2".into()),
        ..Told::default()
    };
    let ran = run(5, told, 1, &options);
    assert!(matches!(&ran.end, Err(PushError::Refused { id, .. }) if id == "event-2"));
    assert_eq!((ran.summary.delivered, ran.summary.parked), (2, 0));
}

#[test]
fn a_receiver_that_refuses_everything_is_not_fed_everything() {
    let told = Told {
        hates: Some("event".into()),
        ..Told::default()
    };
    let ran = run(1_000, told, 1, &Options::default());
    assert!(
        matches!(ran.end, Err(PushError::AllRefused { count: 20, .. })),
        "{:?}",
        ran.end
    );
    assert_eq!((ran.summary.parked, ran.summary.requests), (20, 20));
}

#[test]
fn a_wrong_address_or_credential_parks_nothing() {
    for code in [301, 307, 401, 403, 404, 405] {
        let ran = run(3, answers([status(code, None)]), 1, &Options::default());
        assert!(
            matches!(ran.end, Err(PushError::Misdirected { .. })),
            "{code}: {:?}",
            ran.end
        );
        assert_eq!((ran.summary.parked, ran.summary.requests), (0, 1));
    }
}

#[test]
fn an_event_that_the_receiver_had_counts_as_delivered() {
    let options = Options {
        duplicate_marks: vec!["such meter".into()],
        ..Options::default()
    };
    let told = Told {
        hates: Some("event-1".into()),
        ..Told::default()
    };
    let ran = run(4, told, 4, &options);
    assert!(ran.end.is_ok());
    assert_eq!(
        (
            ran.summary.delivered,
            ran.summary.duplicates,
            ran.summary.parked
        ),
        (4, 1, 0)
    );
}

#[test]
fn an_event_that_changed_after_it_was_delivered_is_named_and_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    run_at(&path, vec![event(1)], answers([]), 1, &Options::default());
    let changed = Event::new("event-1".into(), "application/json".into(), b"2".to_vec()).unwrap();
    let twice = Event::new("event-2".into(), "application/json".into(), b"3".to_vec()).unwrap();
    let events = vec![changed, event(2), event(2), twice];
    let ran = run_at(&path, events, answers([]), 10, &Options::default());
    assert!(ran.end.is_ok());
    assert_eq!(
        (
            ran.summary.changed,
            ran.summary.known,
            ran.summary.delivered
        ),
        (2, 1, 1)
    );
    assert_eq!(ran.summary.changed_ids, ["event-1", "event-2"]);
}

#[test]
fn a_refused_event_with_a_new_content_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    run_at(
        &path,
        vec![event(1)],
        answers([status(400, None)]),
        1,
        &Options::default(),
    );
    let mended = Event::new("event-1".into(), "application/json".into(), b"2".to_vec()).unwrap();
    let ran = run_at(&path, vec![mended], answers([]), 1, &Options::default());
    assert_eq!((ran.summary.delivered, ran.summary.parked_before), (1, 0));
}

#[test]
fn requests_keep_a_pause_and_a_bound_on_their_bytes() {
    let options = Options {
        pause: Duration::from_millis(250),
        ..Options::default()
    };
    let ran = run(3, answers([]), 1, &options);
    assert_eq!(ran.slept, [Duration::from_millis(250); 2]);
    let folder = tempfile::tempdir().unwrap();
    let large = |n: u32| {
        let body = format!("\"{n}{}\"", "x".repeat(1_000_000)).into_bytes();
        Event::new(format!("large-{n}"), "application/json".into(), body).unwrap()
    };
    let events = (0..9).map(large).collect();
    let ran = run_at(
        &folder.path().join("o"),
        events,
        answers([]),
        100,
        &Options::default(),
    );
    assert_eq!((ran.summary.delivered, ran.summary.requests), (9, 3));
}

#[test]
fn events_that_cannot_be_read_end_the_run_after_what_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::new(URL).unwrap();
    let mut store = Store::open(&folder.path().join("outbox"), URL).unwrap();
    let (mut told, options) = (answers([]), Options::default());
    let mut still = Still {
        now: SystemTime::UNIX_EPOCH,
        slept: Vec::new(),
    };
    let mut seen = 0;
    let mut push = Push {
        endpoint: &endpoint,
        store: &mut store,
        transport: &mut told,
        surroundings: &mut still,
        options: &options,
        progress: &mut |summary| seen = summary.delivered,
    };
    let events = [
        Ok(event(1)),
        Ok(event(2)),
        Err(std::io::Error::other("the ledger is locked")),
    ];
    let (summary, end) = push.run(events);
    assert!(matches!(end, Err(PushError::Source(_))));
    assert_eq!((summary.delivered, seen), (1, 1));
}
