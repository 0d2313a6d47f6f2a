//! Owns where events go and how they are put into requests: address, headers, credential, batches. Sends nothing.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// No token is longer.
const CREDENTIAL_BYTES_MAX: usize = 16 * 1024;
/// Longer addresses are refused by servers.
const URL_BYTES_MAX: usize = 2048;
/// As many events as Lago and Stripe take at once.
pub const BATCH_EVENTS_MAX: usize = 100;

/// Why there is nowhere to send to.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Not an address of a web server.
    #[error("`{url}` is no address such as https://example.org/events: {problem}")]
    Url {
        /// The address, cut to a readable length.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A credential over a connection that anyone on the way can read.
    #[error("a credential is only sent by https, or to this machine; `{url}` is neither")]
    PlainCredential {
        /// The address.
        url: String,
    },
    /// A credential that no header takes.
    #[error("the credential is {problem}")]
    Credential {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file with a credential that cannot be read.
    #[error("cannot read the credential in {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A header that no request takes, or that is the outbox's own.
    #[error("the header {name:?} is {problem}")]
    Header {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A batch of no events, or of more than receivers take.
    #[error("a batch has {events} events, it can have 1 to {BATCH_EVENTS_MAX}")]
    Batch {
        /// How many.
        events: usize,
    },
}

/// The value of the `Authorization` header. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential(String);

/// How several events are put into one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Each in a request of its own.
    Single,
    /// As a JSON array, of this media type: `application/cloudevents-batch+json` for CloudEvents.
    Array {
        /// The media type.
        content_type: String,
    },
    /// As a JSON object with one field, an array: `events` for Lago.
    Wrapped {
        /// The field's name.
        field: String,
    },
}

/// Where events go, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: String,
    form: Form,
    batch_events: usize,
    headers: Vec<(String, String)>,
    credential: Option<Credential>,
}

impl Credential {
    /// The whole value, such as `Bearer abc`.
    pub fn new(value: &str) -> Result<Self, EndpointError> {
        let value = value.trim();
        let problem = if value.is_empty() {
            "empty"
        } else if value.len() > CREDENTIAL_BYTES_MAX {
            "longer than 16 KiB"
        } else if !value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            "not one line of printable ASCII"
        } else {
            return Ok(Self(value.to_owned()));
        };
        Err(EndpointError::Credential { problem })
    }

    /// The value that a file holds, without the end of its line.
    pub fn from_file(path: &Path) -> Result<Self, EndpointError> {
        let mut text = String::new();
        let limit = u64::try_from(CREDENTIAL_BYTES_MAX)
            .unwrap_or(u64::MAX)
            .saturating_add(2);
        let read = File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text));
        read.map_err(|source| EndpointError::File {
            path: path.to_owned(),
            source,
        })?;
        Self::new(&text)
    }

    pub(crate) fn value(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

impl Endpoint {
    /// An address to which each event goes in a request of its own.
    pub fn new(url: &str) -> Result<Self, EndpointError> {
        if let Some(problem) = url_problem(url) {
            let url = url.chars().take(120).collect();
            return Err(EndpointError::Url { url, problem });
        }
        Ok(Self {
            url: url.to_owned(),
            form: Form::Single,
            batch_events: 1,
            headers: Vec::new(),
            credential: None,
        })
    }

    /// With so many events in a request, put together like this.
    pub fn with_batches(mut self, form: Form, events: usize) -> Result<Self, EndpointError> {
        let most = if form == Form::Single {
            1
        } else {
            BATCH_EVENTS_MAX
        };
        if events == 0 || events > most {
            return Err(EndpointError::Batch { events });
        }
        (self.form, self.batch_events) = (form, events);
        Ok(self)
    }

    /// With one more header, which is no secret.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, EndpointError> {
        let own = [
            "authorization",
            "content-type",
            "content-length",
            "host",
            "idempotency-key",
        ];
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let problem = if name.is_empty() || !name.bytes().all(is_token) {
            "no name of a header"
        } else if own.contains(&name.to_ascii_lowercase().as_str()) {
            "set by the outbox"
        } else if !value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            "not one line of printable ASCII"
        } else {
            self.headers.push((name.to_owned(), value.to_owned()));
            return Ok(self);
        };
        Err(EndpointError::Header {
            name: name.chars().take(60).collect(),
            problem,
        })
    }

    /// With an `Authorization` header. Only over https, or to this machine.
    pub fn with_credential(mut self, credential: Credential) -> Result<Self, EndpointError> {
        let is_local = ["127.0.0.1", "localhost", "[::1]"].contains(&host(&self.url));
        if !self.is_https() && !is_local {
            return Err(EndpointError::PlainCredential { url: self.url });
        }
        self.credential = Some(credential);
        Ok(self)
    }

    /// The address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How events are put together.
    #[must_use]
    pub const fn form(&self) -> &Form {
        &self.form
    }

    /// At most how many.
    #[must_use]
    pub const fn batch_events(&self) -> usize {
        self.batch_events
    }

    pub(crate) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    pub(crate) const fn credential(&self) -> Option<&Credential> {
        self.credential.as_ref()
    }

    pub(crate) fn is_https(&self) -> bool {
        self.url.starts_with("https://")
    }
}

/// The host of an address, without its port.
fn host(url: &str) -> &str {
    let authority = url
        .split("://")
        .nth(1)
        .and_then(|rest| rest.split(['/', '?']).next());
    let authority = authority.unwrap_or_default();
    match authority.find(']') {
        Some(end) => authority.get(..=end).unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

fn url_problem(url: &str) -> Option<&'static str> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let authority = rest.and_then(|rest| rest.split(['/', '?']).next());
    if url.len() > URL_BYTES_MAX {
        Some("it is longer than 2,048 bytes")
    } else if !url.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
        Some("it holds a space, or what is no printable ASCII")
    } else if url.contains('#') {
        Some("a fragment is never sent")
    } else {
        match authority {
            None => Some("it begins neither with https:// nor with http://"),
            Some(authority) if authority.contains('@') => {
                Some("a password belongs into a file, not into the address")
            }
            Some(_) if host(url).is_empty() => Some("it names no host"),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_none_are_refused_with_the_reason() {
        for (url, part) in [
            ("", "begins neither"),
            ("example.org", "begins neither"),
            ("ftp://example.org", "begins neither"),
            ("https://", "names no host"),
            ("https:///path", "names no host"),
            ("https://:80/", "names no host"),
            ("https://user:secret@example.org/", "password"),
            ("https://example.org/a b", "space"),
            ("https://example.org/\n", "space"),
            ("https://example.org/#top", "fragment"),
            (&format!("https://{}", "x".repeat(2048)), "2,048"),
        ] {
            let error = Endpoint::new(url).unwrap_err().to_string();
            assert!(error.contains(part), "{url}: {error}");
        }
        for url in [
            "https://example.org",
            "http://[::1]:80/x?y=z",
            "http://127.0.0.1:8080/",
        ] {
            assert!(Endpoint::new(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_credential_is_kept_to_safe_connections_and_out_of_sight() {
        let credential = Credential::new(" Bearer secret\n").unwrap();
        assert_eq!(credential.value(), "Bearer secret");
        assert_eq!(format!("{credential:?}"), "Credential(..)");
        for (url, is_allowed) in [
            ("https://example.org", true),
            ("http://127.0.0.1:80/x", true),
            ("http://localhost", true),
            ("http://[::1]:8080", true),
            ("http://example.org", false),
            ("http://127.0.0.1.example.org", false),
            ("http://localhost.example.org", false),
        ] {
            let endpoint = Endpoint::new(url)
                .unwrap()
                .with_credential(credential.clone());
            assert_eq!(endpoint.is_ok(), is_allowed, "{url}");
        }
    }

    #[test]
    fn credentials_that_no_header_takes_are_refused() {
        for (value, part) in [
            ("", "empty"),
            ("\n", "empty"),
            ("a\nb", "one line"),
            ("é", "ASCII"),
        ] {
            assert!(
                Credential::new(value)
                    .unwrap_err()
                    .to_string()
                    .contains(part)
            );
        }
        assert!(Credential::new(&"x".repeat(CREDENTIAL_BYTES_MAX + 1)).is_err());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        assert!(matches!(
            Credential::from_file(&path),
            Err(EndpointError::File { .. })
        ));
        std::fs::write(&path, "Bearer x\r\n").unwrap();
        assert_eq!(Credential::from_file(&path).unwrap().value(), "Bearer x");
        std::fs::write(&path, "x".repeat(CREDENTIAL_BYTES_MAX + 100)).unwrap();
        assert!(matches!(
            Credential::from_file(&path),
            Err(EndpointError::Credential { .. })
        ));
    }

    #[test]
    fn headers_and_batches_are_checked() {
        let endpoint = || Endpoint::new("https://example.org").unwrap();
        for (name, value) in [
            ("", "x"),
            ("a b", "x"),
            ("Authorization", "x"),
            ("A", "x\ny"),
        ] {
            assert!(endpoint().with_header(name, value).is_err(), "{name}");
        }
        assert!(
            endpoint()
                .with_header("Stripe-Version", "2026-01-01")
                .is_ok()
        );
        let form = Form::Wrapped {
            field: "events".into(),
        };
        for (form, events, is_allowed) in [
            (form.clone(), 0, false),
            (form.clone(), 100, true),
            (form, 101, false),
            (Form::Single, 1, true),
            (Form::Single, 2, false),
        ] {
            assert_eq!(
                endpoint().with_batches(form, events).is_ok(),
                is_allowed,
                "{events}"
            );
        }
    }
}
