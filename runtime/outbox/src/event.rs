//! Owns an event as it is to be delivered: its id, its bytes, their type. Knows no receiver.

use serde::de::IgnoredAny;
use sha2::{Digest as _, Sha256};

/// Receivers bound an id at 100 to 256 characters.
pub const ID_BYTES_MAX: usize = 256;
/// No usage event comes near it; a body of this size is a mistake.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Why something is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// An id that no header or index takes.
    #[error(
        "the event id {id:?} is empty, longer than {ID_BYTES_MAX} bytes or not printable ASCII"
    )]
    Id {
        /// The id, cut to a readable length.
        id: String,
    },
    /// A content type that no header takes.
    #[error("event `{id}` has the content type {content_type:?}, which is no media type")]
    ContentType {
        /// The event.
        id: String,
        /// The type, cut to a readable length.
        content_type: String,
    },
    /// A body larger than [`BODY_BYTES_MAX`].
    #[error("event `{id}` has {bytes} bytes, at most {BODY_BYTES_MAX} are sent")]
    TooLarge {
        /// The event.
        id: String,
        /// How many bytes it has.
        bytes: usize,
    },
    /// A body that is no JSON.
    #[error("event `{id}` is no JSON: {reason}")]
    Json {
        /// The event.
        id: String,
        /// What the parser says.
        reason: String,
    },
}

/// An event that can be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    id: String,
    content_type: String,
    body: Vec<u8>,
}

impl Event {
    /// An event of this id, which the receiver tells it by, and of this JSON body.
    pub fn new(id: String, content_type: String, body: Vec<u8>) -> Result<Self, EventError> {
        let cut = |text: &str| text.chars().take(80).collect::<String>();
        let is_printable = |text: &str| text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if id.trim().is_empty() || id.len() > ID_BYTES_MAX || !is_printable(&id) {
            return Err(EventError::Id { id: cut(&id) });
        }
        let is_type = content_type.contains('/') && content_type.len() <= ID_BYTES_MAX;
        if !is_type || !is_printable(&content_type) {
            let content_type = cut(&content_type);
            return Err(EventError::ContentType { id, content_type });
        }
        if body.len() > BODY_BYTES_MAX {
            return Err(EventError::TooLarge {
                id,
                bytes: body.len(),
            });
        }
        if let Err(error) = serde_json::from_slice::<IgnoredAny>(&body) {
            return Err(EventError::Json {
                id,
                reason: error.to_string(),
            });
        }
        Ok(Self {
            id,
            content_type,
            body,
        })
    }

    /// What the receiver tells it by; the same each time it is sent.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The media type of its body.
    #[must_use]
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// JSON.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The SHA-256 of its body.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.body).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(id: &str, content_type: &str, body: &str) -> String {
        let event = Event::new(
            id.to_owned(),
            content_type.to_owned(),
            body.as_bytes().to_vec(),
        );
        event.unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_event_is_refused_by_name() {
        let json = "application/json";
        for (id, content_type, body, part) in [
            ("", json, "{}", "empty"),
            (" ", json, "{}", "empty"),
            ("a\nb", json, "{}", "printable ASCII"),
            ("é", json, "{}", "printable ASCII"),
            (&"x".repeat(ID_BYTES_MAX + 1), json, "{}", "longer than 256"),
            ("a", "json", "{}", "no media type"),
            ("a", "application/json\r\nx: y", "{}", "no media type"),
            ("a", json, "", "no JSON"),
            ("a", json, "{} {}", "no JSON"),
            ("a", json, "{\"a\":}", "no JSON"),
            (
                "a",
                json,
                &format!("\"{}\"", "x".repeat(BODY_BYTES_MAX)),
                "at most",
            ),
        ] {
            let error = error(id, content_type, body);
            assert!(error.contains(part), "{part}: {error}");
        }
        let longest = "x".repeat(ID_BYTES_MAX);
        assert!(Event::new(longest, json.to_owned(), b"{}".to_vec()).is_ok());
    }
}
