//! Owns the signed wrapping of a document: DSSE with one Ed25519 signature. Knows no document, and
//! trusts no key that it finds inside one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::canonical::{CanonicalError, DOCUMENT_BYTES_MAX, from_json_strict, to_canonical_json};
use crate::digest::Digest;
use crate::key::{KeyError, PublicKey, SigningKey};
use crate::text::quoted;

/// What the payload of an offer's envelope is.
pub const OFFER_TYPE: &str = "application/vnd.meterbox.offer+json";
/// What the payload of an order's envelope is.
pub const ORDER_TYPE: &str = "application/vnd.meterbox.order+json";
/// What the payload of a receipt's envelope is: an in-toto Statement.
pub const RECEIPT_TYPE: &str = "application/vnd.in-toto+json";
/// What the payload of an acceptance's envelope is.
pub const ACCEPTANCE_TYPE: &str = "application/vnd.meterbox.acceptance+json";
/// What the payload of a credit's envelope is.
pub const CREDIT_TYPE: &str = "application/vnd.meterbox.credit+json";

/// A document that is signed. Its payload is its canonical JSON.
pub trait Document: Serialize + DeserializeOwned {
    /// The payload type of its envelopes, so that no document can pass for another.
    const PAYLOAD_TYPE: &'static str;

    /// The bytes that are signed.
    fn payload(&self) -> Result<Vec<u8>, CanonicalError> {
        to_canonical_json(self)
    }

    /// The digest of the payload, by which other documents name this one.
    fn digest(&self) -> Result<Digest, CanonicalError> {
        self.payload().map(|payload| Digest::of(&payload))
    }
}

/// Why an envelope was not sealed or not trusted.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The envelope or its payload is no document of this kind.
    #[error("the envelope cannot be read")]
    Document(#[from] CanonicalError),
    /// The payload reads well, and is not written in the one canonical way.
    #[error("the payload is not in the canonical form of RFC 8785")]
    NotCanonical,
    /// The payload is of another kind.
    #[error("the payload is `{found}`, expected `{expected}`")]
    PayloadType {
        /// What it says it is, cut to a readable length.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The payload or the signature is no base64.
    #[error("`{field}` is not valid base64")]
    Base64 {
        /// Which.
        field: &'static str,
    },
    /// Nobody signed.
    #[error("the envelope has no signature")]
    NoSignature,
    /// More than one signature, of which the others could say anything.
    #[error("the envelope has {count} signatures, expected one")]
    SeveralSignatures {
        /// How many.
        count: usize,
    },
    /// Another key's signature.
    #[error("the envelope is signed by the key {found}, not by {expected}")]
    UnknownSigner {
        /// The id of the key that it names, cut to a readable length.
        found: String,
        /// The id of the key that is trusted.
        expected: Digest,
    },
    /// The signature is not the key's on this payload.
    #[error("the signature does not fit the payload")]
    BadSignature,
    /// The signing key has no sound public key.
    #[error("the signing key cannot be used")]
    Key(#[from] KeyError),
}

/// A signature and the name of its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// [`PublicKey::id`] of the signer. A name only: what is trusted is the key itself.
    pub keyid: String,
    /// The 64 bytes in base64.
    pub sig: String,
}

/// A signed payload, as <https://github.com/secure-systems-lab/dsse> defines it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The payload's bytes in base64.
    payload: String,
    /// What they are.
    #[serde(rename = "payloadType")]
    payload_type: String,
    /// Exactly one, or the envelope is refused.
    signatures: Vec<Signature>,
}

/// The bytes that DSSE signs for a payload: its pre-authentication encoding.
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

impl Envelope {
    /// Signs a document.
    pub fn seal<T: Document>(document: &T, key: &SigningKey) -> Result<Self, EnvelopeError> {
        Self::sign(T::PAYLOAD_TYPE, &document.payload()?, key)
    }

    /// Signs any payload.
    pub fn sign(
        payload_type: &str,
        payload: &[u8],
        key: &SigningKey,
    ) -> Result<Self, EnvelopeError> {
        let signature = key.sign(&pae(payload_type, payload));
        Ok(Self {
            payload: STANDARD.encode(payload),
            payload_type: payload_type.to_owned(),
            signatures: vec![Signature {
                keyid: key.public()?.id().to_string(),
                sig: STANDARD.encode(signature),
            }],
        })
    }

    /// Reads an envelope; believes nothing yet.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        // The parser itself refuses a field that comes twice, of which an envelope has known ones only.
        if bytes.len() <= DOCUMENT_BYTES_MAX
            && let Ok(envelope) = serde_json::from_slice(bytes)
        {
            return Ok(envelope);
        }
        // It is refused; this finds out why.
        Ok(from_json_strict(bytes)?)
    }

    /// The envelope's own canonical JSON: equal envelopes have equal bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EnvelopeError> {
        Ok(to_canonical_json(self)?)
    }

    /// What the payload says it is.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload's bytes. Not checked by anything: see [`Self::verify_strict`].
    pub fn payload_unverified(&self) -> Result<Vec<u8>, EnvelopeError> {
        STANDARD
            .decode(&self.payload)
            .map_err(|_| EnvelopeError::Base64 { field: "payload" })
    }

    /// The digest of the payload, by which other documents name this one.
    pub fn payload_digest(&self) -> Result<Digest, EnvelopeError> {
        self.payload_unverified()
            .map(|payload| Digest::of(&payload))
    }

    /// The one signature.
    pub fn signature(&self) -> Result<&Signature, EnvelopeError> {
        match self.signatures.as_slice() {
            [] => Err(EnvelopeError::NoSignature),
            [signature] => Ok(signature),
            several => Err(EnvelopeError::SeveralSignatures {
                count: several.len(),
            }),
        }
    }

    /// The 64 bytes of the one signature.
    pub fn signature_bytes(&self) -> Result<[u8; 64], EnvelopeError> {
        let bytes = STANDARD.decode(&self.signature()?.sig);
        let bytes = bytes.map_err(|_| EnvelopeError::Base64 { field: "sig" })?;
        <[u8; 64]>::try_from(bytes).map_err(|_| EnvelopeError::BadSignature)
    }

    /// The bytes that were signed, for other tools.
    pub fn pae(&self) -> Result<Vec<u8>, EnvelopeError> {
        Ok(pae(&self.payload_type, &self.payload_unverified()?))
    }

    /// The payload, if it is of this type and `trusted` signed it.
    pub fn verify_strict(
        &self,
        payload_type: &'static str,
        trusted: &PublicKey,
    ) -> Result<Vec<u8>, EnvelopeError> {
        if self.payload_type != payload_type {
            return Err(EnvelopeError::PayloadType {
                found: quoted(&self.payload_type),
                expected: payload_type,
            });
        }
        let keyid = &self.signature()?.keyid;
        if *keyid != trusted.id().to_string() {
            return Err(EnvelopeError::UnknownSigner {
                found: quoted(keyid),
                expected: trusted.id(),
            });
        }
        let payload = self.payload_unverified()?;
        if !trusted.has_signed(&pae(payload_type, &payload), &self.signature_bytes()?) {
            return Err(EnvelopeError::BadSignature);
        }
        Ok(payload)
    }

    /// The document, if `trusted` signed it and its payload is in canonical form.
    pub fn open<T: Document>(&self, trusted: &PublicKey) -> Result<T, EnvelopeError> {
        self.open_with_digest(trusted).map(|(document, _)| document)
    }

    /// The same, with the digest by which other documents name it.
    pub fn open_with_digest<T: Document>(
        &self,
        trusted: &PublicKey,
    ) -> Result<(T, Digest), EnvelopeError> {
        let payload = self.verify_strict(T::PAYLOAD_TYPE, trusted)?;
        Ok((read_canonical(&payload)?, Digest::of(&payload)))
    }

    /// The document, whoever signed it. To learn which key it claims; check that next.
    pub fn document_unverified<T: Document>(&self) -> Result<T, EnvelopeError> {
        let (document, _) = self.document_and_digest_unverified()?;
        Ok(document)
    }

    /// The same, with the digest by which other documents name it.
    pub fn document_and_digest_unverified<T: Document>(
        &self,
    ) -> Result<(T, Digest), EnvelopeError> {
        if self.payload_type != T::PAYLOAD_TYPE {
            return Err(EnvelopeError::PayloadType {
                found: quoted(&self.payload_type),
                expected: T::PAYLOAD_TYPE,
            });
        }
        let payload = self.payload_unverified()?;
        Ok((read_canonical(&payload)?, Digest::of(&payload)))
    }
}

fn read_canonical<T: Document>(payload: &[u8]) -> Result<T, EnvelopeError> {
    // Whatever the strict reader refuses is not in the one form either: bytes that are what the document
    // comes to again hold no field twice, and nothing after it.
    if payload.len() <= DOCUMENT_BYTES_MAX
        && let Ok(document) = serde_json::from_slice::<T>(payload)
        && document.payload()? == payload
    {
        return Ok(document);
    }
    // It is refused; this finds out why.
    from_json_strict::<T>(payload)?;
    Err(EnvelopeError::NotCanonical)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{provider_key, requestor_key};

    fn sealed() -> Envelope {
        Envelope::sign(ORDER_TYPE, b"{}", &provider_key()).unwrap()
    }

    fn check(envelope: &Envelope) -> Result<Vec<u8>, EnvelopeError> {
        envelope.verify_strict(ORDER_TYPE, &provider_key().public().unwrap())
    }

    #[test]
    fn pae_is_that_of_the_dsse_document() {
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn what_was_sealed_opens_and_comes_back() {
        let envelope = sealed();
        assert_eq!(check(&envelope).unwrap(), b"{}");
        let bytes = envelope.to_bytes().unwrap();
        assert_eq!(Envelope::from_bytes(&bytes).unwrap(), envelope);
        assert!(bytes.starts_with(br#"{"payload":"e30=","payloadType":"application/vnd.meterbox.order+json","signatures":[{"keyid":""#));
    }

    #[test]
    fn each_flaw_has_an_error_of_its_own() {
        let flawed = |change: fn(&mut Envelope)| {
            let mut envelope = sealed();
            change(&mut envelope);
            check(&envelope).unwrap_err()
        };
        assert!(matches!(
            flawed(|e| e.signatures.clear()),
            EnvelopeError::NoSignature
        ));
        assert!(matches!(
            flawed(|e| e.signatures.push(e.signatures[0].clone())),
            EnvelopeError::SeveralSignatures { count: 2 }
        ));
        assert!(matches!(
            flawed(|e| e.payload_type = OFFER_TYPE.into()),
            EnvelopeError::PayloadType { .. }
        ));
        assert!(matches!(
            flawed(|e| e.payload = "e30".into()),
            EnvelopeError::Base64 { field: "payload" }
        ));
        assert!(matches!(
            flawed(|e| e.payload = "e31=".into()),
            EnvelopeError::Base64 { .. }
        ));
        assert!(matches!(
            flawed(|e| e.payload = "e30K".into()),
            EnvelopeError::BadSignature
        ));
        assert!(matches!(
            flawed(|e| e.signatures[0].sig.push('!')),
            EnvelopeError::Base64 { field: "sig" }
        ));
        assert!(matches!(
            flawed(|e| e.signatures[0].sig = "AAAA".into()),
            EnvelopeError::BadSignature
        ));
        assert!(matches!(
            flawed(|e| e.signatures[0].keyid.clear()),
            EnvelopeError::UnknownSigner { .. }
        ));
        let other = requestor_key().public().unwrap();
        assert!(matches!(
            sealed().verify_strict(ORDER_TYPE, &other),
            Err(EnvelopeError::UnknownSigner { .. })
        ));
    }

    #[test]
    fn another_keys_signature_under_this_keys_name_is_refused() {
        let mut forged = Envelope::sign(ORDER_TYPE, b"{}", &requestor_key()).unwrap();
        forged.signatures[0].keyid = sealed().signatures[0].keyid.clone();
        assert!(matches!(check(&forged), Err(EnvelopeError::BadSignature)));
    }

    #[test]
    fn a_signature_does_not_move_to_another_payload_type() {
        let mut moved = sealed();
        moved.payload_type = OFFER_TYPE.into();
        let trusted = provider_key().public().unwrap();
        assert!(matches!(
            moved.verify_strict(OFFER_TYPE, &trusted),
            Err(EnvelopeError::BadSignature)
        ));
    }

    #[test]
    fn every_flipped_bit_of_the_file_is_refused() {
        let bytes = sealed().to_bytes().unwrap();
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[index] ^= 1 << bit;
                let read = Envelope::from_bytes(&flipped);
                assert!(
                    read.and_then(|envelope| check(&envelope)).is_err(),
                    "{index}.{bit}"
                );
            }
        }
    }

    #[test]
    fn unknown_and_doubled_fields_are_refused() {
        let text = String::from_utf8(sealed().to_bytes().unwrap()).unwrap();
        let doubled = text.replacen('{', "{\"payload\":\"e30=\",", 1);
        assert!(Envelope::from_bytes(doubled.as_bytes()).is_err());
        let unknown = text.replacen('{', "{\"note\":\"\",", 1);
        assert!(Envelope::from_bytes(unknown.as_bytes()).is_err());
    }
}
