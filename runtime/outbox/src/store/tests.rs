use std::fs;

use super::*;

const URL: &str = "https://example.org/events";
const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn event(id: &str, body: &str) -> Event {
    Event::new(
        id.into(),
        "application/json".into(),
        body.as_bytes().to_vec(),
    )
    .unwrap()
}

#[test]
fn what_was_acknowledged_is_known_after_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.sqlite");
    let events = [event("a", "1"), event("b", "2")];
    let mut store = Store::open(&path, URL).unwrap();
    store.acknowledge(&events, NOW).unwrap();
    store
        .park(&event("c", "3"), "HTTP 422: no such meter", NOW)
        .unwrap();
    drop(store);
    let mut store = Store::open(&path, URL).unwrap();
    let digest = event("a", "1").digest();
    assert_eq!(
        store.known("a").unwrap(),
        Some((State::Acknowledged, digest))
    );
    assert_eq!(store.known("c").unwrap().unwrap().0, State::Parked);
    assert_eq!(store.known("d").unwrap(), None);
    assert_eq!(
        store.counts().unwrap(),
        Counts {
            acknowledged: 2,
            parked: 1
        }
    );
    let parked = store.parked(10).unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(parked.first().unwrap().reason, "HTTP 422: no such meter");
    assert_eq!(store.unpark().unwrap(), 1);
    assert_eq!(store.known("c").unwrap(), None);
}

#[test]
fn one_outbox_is_of_one_receiver() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.sqlite");
    drop(Store::open(&path, URL).unwrap());
    let error = Store::open(&path, "https://example.com/").unwrap_err();
    assert!(matches!(error, StoreError::OtherEndpoint { .. }) && error.hint().is_some());
    assert!(Store::open(&path, URL).is_ok());
}

#[test]
fn a_second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.sqlite");
    let _first = Store::open(&path, URL).unwrap();
    let error = Store::open(&path, URL).unwrap_err();
    assert!(
        matches!(error, StoreError::Lock(LockError::Held { .. })),
        "{error}"
    );
}

#[test]
fn files_that_are_no_outbox_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(
        &text,
        "not a database, and long enough to be looked at ".repeat(40),
    )
    .unwrap();
    let before = fs::read(&text).unwrap();
    assert!(matches!(
        Store::open(&text, URL),
        Err(StoreError::NotAnOutbox { .. })
    ));
    assert_eq!(fs::read(&text).unwrap(), before);
    let other = folder.path().join("other.sqlite");
    let connection = Connection::open(&other).unwrap();
    connection
        .execute_batch("CREATE TABLE ledger (id INTEGER)")
        .unwrap();
    drop(connection);
    assert!(matches!(
        Store::open(&other, URL),
        Err(StoreError::NotAnOutbox { .. })
    ));
    assert!(matches!(
        Store::open(folder.path(), URL),
        Err(StoreError::Sqlite { .. })
    ));
}

#[test]
fn newer_and_damaged_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.sqlite");
    let mut store = Store::open(&path, URL).unwrap();
    let events: Vec<_> = (0..500)
        .map(|n| event(&format!("event-{n}"), "1"))
        .collect();
    store.acknowledge(&events, NOW).unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    drop(connection);
    assert!(matches!(
        Store::open(&path, URL),
        Err(StoreError::Newer { found: 2 })
    ));
    let mut damaged = whole.clone();
    damaged
        .iter_mut()
        .skip(4_096 * 3)
        .take(4_096 * 4)
        .for_each(|byte| *byte = 0xa5);
    fs::write(&path, &damaged).unwrap();
    let error = Store::open(&path, URL).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    fs::write(&path, whole.get(..whole.len() / 2).unwrap()).unwrap();
    let error = Store::open(&path, URL).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.sqlite");
    let mut store = Store::open(&path, URL).unwrap();
    store.acknowledge(&[event("a", "1")], NOW).unwrap();
    let pages = store.pragma("page_count").unwrap();
    store
        .connection
        .pragma_update(None, "max_page_count", pages)
        .unwrap();
    let many: Vec<_> = (0..5_000)
        .map(|n| event(&format!("event-{n}"), "1"))
        .collect();
    let error = store.acknowledge(&many, NOW).unwrap_err();
    assert!(matches!(error, StoreError::Sqlite { .. }), "{error:?}");
    drop(store);
    let store = Store::open(&path, URL).unwrap();
    assert_eq!(
        store.counts().unwrap(),
        Counts {
            acknowledged: 1,
            parked: 0
        }
    );
}
