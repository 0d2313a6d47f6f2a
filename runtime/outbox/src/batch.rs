//! Owns the bytes of one request: events put together, in order. Sends nothing.

use sha2::{Digest as _, Sha256};

use crate::endpoint::Form;
use crate::event::Event;

/// One request's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The media type.
    pub content_type: String,
    /// The same for the same events, so that a receiver can tell a second time.
    pub key: String,
    /// The bytes.
    pub body: Vec<u8>,
}

/// The content of a request of these events, of which there is at least one; exactly one in the form [`Form::Single`].
pub fn content(form: &Form, events: &[Event]) -> Content {
    let joined = || {
        let bodies: Vec<&[u8]> = events.iter().map(Event::body).collect();
        let mut bytes = b"[".to_vec();
        bytes.extend(bodies.join(&b","[..]));
        bytes.push(b']');
        bytes
    };
    let json = || "application/json".to_owned();
    let (content_type, body) = match form {
        Form::Single => match events.first() {
            Some(event) => (event.content_type().to_owned(), event.body().to_vec()),
            None => (json(), Vec::new()),
        },
        Form::Array { content_type } => (content_type.clone(), joined()),
        Form::Wrapped { field } => {
            let mut body = format!("{{{}:", serde_json::Value::from(field.as_str())).into_bytes();
            body.extend(joined());
            body.push(b'}');
            (json(), body)
        }
    };
    Content {
        content_type,
        key: key(events),
        body,
    }
}

/// An event's own id, or for several the digest of theirs.
fn key(events: &[Event]) -> String {
    if let [event] = events {
        return event.id().to_owned();
    }
    let mut digest = Sha256::new();
    for event in events {
        digest.update(event.id().as_bytes());
        digest.update(b"\n");
    }
    digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(count: usize) -> Vec<Event> {
        let event = |n| {
            let body = format!("{{\"n\": {n}}}").into_bytes();
            Event::new(format!("e{n}"), "application/cloudevents+json".into(), body).unwrap()
        };
        (0..count).map(event).collect()
    }

    #[test]
    fn events_are_put_together_as_the_receiver_wants_them() {
        let array = Form::Array {
            content_type: "application/cloudevents-batch+json".into(),
        };
        let wrapped = Form::Wrapped {
            field: "ev\"ents".into(),
        };
        for (form, count, content_type, body) in [
            (
                &Form::Single,
                1,
                "application/cloudevents+json",
                "{\"n\": 0}",
            ),
            (
                &array,
                1,
                "application/cloudevents-batch+json",
                "[{\"n\": 0}]",
            ),
            (
                &array,
                2,
                "application/cloudevents-batch+json",
                "[{\"n\": 0},{\"n\": 1}]",
            ),
            (
                &wrapped,
                2,
                "application/json",
                "{\"ev\\\"ents\":[{\"n\": 0},{\"n\": 1}]}",
            ),
        ] {
            let content = content(form, &events(count));
            assert_eq!(content.content_type, content_type);
            assert_eq!(String::from_utf8(content.body.clone()).unwrap(), body);
            serde_json::from_slice::<serde_json::Value>(&content.body).unwrap();
        }
    }

    #[test]
    fn the_same_events_have_the_same_key_and_others_another() {
        assert_eq!(key(&events(1)), "e0");
        assert_eq!(key(&events(3)), key(&events(3)));
        assert_ne!(key(&events(3)), key(&events(2)));
    }
}
