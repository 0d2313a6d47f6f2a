//! Owns one request over HTTP. Follows no redirect, tries once, reads a bounded part of the answer.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use crate::answer::Answer;
use crate::batch::Content;
use crate::endpoint::Endpoint;
use crate::push::Transport;

/// Enough of a refusal to say what is wrong.
const EXCERPT_BYTES_MAX: u64 = 2_048;
/// So much of an answer that nobody reads is fetched, so that the connection can be used again.
const REST_BYTES_MAX: u64 = 64 * 1024;
/// No receiver of events has longer headers.
const HEADER_BYTES_MAX: usize = 32 * 1024;

/// Why nothing can be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No certificate to check a receiver's by.
    #[error("no root certificates are known, so no receiver's could be checked: {reason}")]
    NoRoots {
        /// What was found instead.
        reason: String,
    },
}

/// How long a receiver has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To let itself be connected to.
    pub connect: Duration,
    /// For everything of one request, from its beginning to the end of its answer.
    pub request: Duration,
}

impl Default for Timeouts {
    /// 10 seconds, and 30.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(30),
        }
    }
}

/// By whose certificates a receiver's is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// Those that this machine trusts.
    Machine,
    /// Those in a PEM file, and no others.
    Pem(Vec<u8>),
}

/// Requests to one endpoint.
#[derive(Debug)]
pub struct Http {
    agent: Agent,
    endpoint: Endpoint,
}

impl Http {
    /// Requests to `endpoint`. Certificates are looked up where it is `https`.
    pub fn new(endpoint: &Endpoint, timeouts: Timeouts, roots: &Roots) -> Result<Self, HttpError> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("meterbox/", env!("CARGO_PKG_VERSION")))
            .max_response_header_size(HEADER_BYTES_MAX)
            .timeout_connect(Some(timeouts.connect))
            .timeout_global(Some(timeouts.request));
        let config = match endpoint.is_https() {
            true => config.tls_config(tls(roots)?),
            false => config,
        };
        Ok(Self {
            agent: config.build().new_agent(),
            endpoint: endpoint.clone(),
        })
    }

    fn request(&self, content: &Content) -> Result<Answer, ureq::Error> {
        let mut request = self
            .agent
            .post(self.endpoint.url())
            .header("Content-Type", &content.content_type)
            .header("Idempotency-Key", &content.key);
        for (name, value) in self.endpoint.headers() {
            request = request.header(name, value);
        }
        if let Some(credential) = self.endpoint.credential() {
            request = request.header("Authorization", credential.value());
        }
        request.send(content.body.as_slice()).map(answer)
    }
}

impl Transport for Http {
    fn post(&mut self, content: &Content) -> Answer {
        let none = |error: ureq::Error| Answer::None {
            reason: error.to_string(),
        };
        self.request(content).unwrap_or_else(none)
    }
}

/// What an answer says. Its code decides: whether the rest of it arrives does not change what the receiver did.
fn answer(mut response: Response<ureq::Body>) -> Answer {
    let code = response.status().as_u16();
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let (retry_after, location) = (header("retry-after"), header("location"));
    let mut excerpt = Vec::new();
    let mut reader = response.body_mut().as_reader();
    // A body that breaks off or never ends has an excerpt as far as it came.
    let _ = reader
        .by_ref()
        .take(EXCERPT_BYTES_MAX)
        .read_to_end(&mut excerpt);
    let _ = std::io::copy(&mut reader.take(REST_BYTES_MAX), &mut std::io::sink());
    let excerpt = String::from_utf8_lossy(&excerpt);
    let excerpt = excerpt
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    Answer::Status {
        code,
        retry_after,
        location,
        excerpt,
    }
}

fn tls(roots: &Roots) -> Result<TlsConfig, HttpError> {
    let found: Vec<Certificate<'static>> = match roots {
        Roots::Machine => {
            let loaded = rustls_native_certs::load_native_certs();
            let certificates = loaded.certs.iter();
            certificates
                .map(|certificate| Certificate::from_der(certificate).to_owned())
                .collect()
        }
        Roots::Pem(bytes) => parse_pem(bytes)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect(),
    };
    if found.is_empty() {
        let reason = match roots {
            Roots::Machine => "this machine has none; install its package of CA certificates",
            Roots::Pem(_) => "the file holds no certificate in PEM form",
        };
        return Err(HttpError::NoRoots {
            reason: reason.to_owned(),
        });
    }
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::Specific(Arc::new(found)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused() {
        let endpoint = Endpoint::new("https://example.org").unwrap();
        for bytes in [&b""[..], b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA"] {
            let error = Http::new(&endpoint, Timeouts::default(), &Roots::Pem(bytes.to_vec()));
            assert!(
                error
                    .unwrap_err()
                    .to_string()
                    .contains("holds no certificate")
            );
        }
    }
}
