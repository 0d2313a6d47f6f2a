//! Owns how a value is read from a JSON string, and the short bounded texts that people choose.
//! Knows no document.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Reads a `T` from a JSON string, and from nothing else.
pub(crate) fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    struct Text<T>(PhantomData<T>);

    impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Text(PhantomData))
}

/// A stranger's text as errors quote it: cut in the middle, so that none is longer than a few lines, and with
/// control characters written out, so that none acts on a terminal.
pub(crate) fn quoted(text: &str) -> String {
    /// Shows what the text is, and where a parser says that it went wrong.
    const HEAD_BYTES: usize = 200;
    const TAIL_BYTES: usize = 100;
    let escaped = |part: &str| {
        let harmless = |c: char| c == '"' || c == '\'' || c == '\\';
        let pieces = part.chars().map(|c| match harmless(c) {
            true => c.to_string(),
            false => c.escape_debug().to_string(),
        });
        pieces.collect::<String>()
    };
    if text.len() <= HEAD_BYTES + TAIL_BYTES {
        return escaped(text);
    }
    let head = &text[..text.floor_char_boundary(HEAD_BYTES)];
    let tail = &text[text.ceil_char_boundary(text.len() - TAIL_BYTES)..];
    format!("{}…{}", escaped(head), escaped(tail))
}

/// Why a text cannot be an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty.
    #[error("an id is empty")]
    Empty,
    /// The text is longer than [`Id::BYTES_MAX`].
    #[error("an id has {bytes} bytes, at most {} are allowed", Id::BYTES_MAX)]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// A character is outside the allowed set.
    #[error("an id holds {found:?}, allowed are letters, digits and `. _ - / :`")]
    Character {
        /// The first such character.
        found: char,
    },
}

/// An id that its user chose: 1 to 128 bytes of `A-Z a-z 0-9 . _ - / :`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Id(String);

impl Id {
    /// Fits a UUID, a digest or a URL's path, and any index or log line.
    pub const BYTES_MAX: usize = 128;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > Self::BYTES_MAX {
            return Err(IdError::TooLong { bytes: text.len() });
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
        match text.chars().find(|c| !allowed(*c)) {
            Some(found) => Err(IdError::Character { found }),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}

/// Words that people or guests wrote: at most [`Message::BYTES_MAX`] bytes, the rest is cut.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Message(String);

impl Message {
    /// Enough to say what went wrong; a receipt is no place for logs.
    pub const BYTES_MAX: usize = 4096;

    /// `text`, cut at the last whole character that fits.
    #[must_use]
    pub fn cut(text: &str) -> Self {
        Self(text[..text.floor_char_boundary(Self::BYTES_MAX)].to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() > Self::BYTES_MAX {
            return Err(D::Error::custom(format_args!(
                "a message has {} bytes, at most {} are allowed",
                text.len(),
                Self::BYTES_MAX
            )));
        }
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_bounded() {
        assert!("job-1/a:b_C.9".parse::<Id>().is_ok());
        assert_eq!("".parse::<Id>().unwrap_err(), IdError::Empty);
        assert!("x".repeat(128).parse::<Id>().is_ok());
        assert_eq!(
            "x".repeat(129).parse::<Id>().unwrap_err(),
            IdError::TooLong { bytes: 129 }
        );
        assert_eq!(
            "a b".parse::<Id>().unwrap_err(),
            IdError::Character { found: ' ' }
        );
    }

    #[test]
    fn strangers_texts_are_quoted_short_and_harmless() {
        assert_eq!(quoted("`a` is \"b\" é"), "`a` is \"b\" é");
        assert_eq!(quoted("\u{1b}[2J\n\u{202e}"), "\\u{1b}[2J\\n\\u{202e}");
        let long = quoted(&format!("begin{}end", "é".repeat(10_000)));
        assert!(long.starts_with("beginé") && long.ends_with("éend") && long.contains('…'));
        assert!(long.len() < 310, "{}", long.len());
    }

    #[test]
    fn messages_are_cut_between_characters() {
        let long = "é".repeat(4000);
        assert_eq!(Message::cut(&long).as_str().len(), 4096);
        let odd = format!("x{long}");
        assert_eq!(Message::cut(&odd).as_str().len(), 4095);
        assert_eq!(Message::cut("ok").as_str(), "ok");
    }

    #[test]
    fn an_overlong_message_is_refused_when_read() {
        let json = serde_json::to_string(&"x".repeat(4097)).unwrap();
        assert!(serde_json::from_str::<Message>(&json).is_err());
    }
}
