//! Owns Ed25519 keys and their text forms. Draws no random bytes and reads no files.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

use ed25519_dalek::Signer as _;
use ed25519_dalek::ed25519::pkcs8::{KeypairBytes, PublicKeyBytes};
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::Digest;
use crate::hex::{self, HexError};

/// Why some bytes are no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 64 hexadecimal digits.
    #[error("a public key is 64 lower-case hexadecimal digits")]
    Hex(#[from] HexError),
    /// The bytes are no point of the curve.
    #[error("these 32 bytes are no Ed25519 public key")]
    NotAPoint,
    /// A key under which one signature can fit several messages.
    #[error("this public key is weak: its signatures prove nothing")]
    Weak,
    /// Not the PEM form that this kind of key has.
    #[error("this is no PEM file of an Ed25519 {kind} key: {reason}")]
    Pem {
        /// `public` or `private`.
        kind: &'static str,
        /// What the parser says.
        reason: String,
    },
}

/// A key that checks signatures. Never a weak one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    /// The key of these 32 bytes. Weak keys are refused.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        thread_local! {
            /// The key that was read last. Receipts of one provider name the same one, and to find the point of
            /// a key takes as long as to read the rest of a small document.
            static LAST: Cell<Option<PublicKey>> = const { Cell::new(None) };
        }
        if let Some(last) = LAST.get().filter(|last| last.as_bytes() == bytes) {
            return Ok(last);
        }
        let key =
            ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAPoint)?;
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        LAST.set(Some(Self(key)));
        Ok(Self(key))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The name by which envelopes refer to it: the SHA-256 of its 32 bytes.
    #[must_use]
    pub fn id(&self) -> Digest {
        Digest::of(self.as_bytes())
    }

    /// The PEM form (`BEGIN PUBLIC KEY`, RFC 8410) that OpenSSL and others read.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        PublicKeyBytes(*self.as_bytes())
            .to_public_key_pem(LineEnding::LF)
            .map_err(|error| pem_error("public", &error))
    }

    /// Reads the PEM form of a public key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let bytes = PublicKeyBytes::from_public_key_pem(pem)
            .map_err(|error| pem_error("public", &error))?;
        Self::from_bytes(&bytes.to_bytes())
    }

    /// Whether `signature` is this key's on `message`, by the strict rule of RFC 8032.
    #[must_use]
    pub fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify_strict(message, &signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(hex::write(self.as_bytes(), &mut [0; 64]))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&hex::decode(text)?)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(hex::write(self.as_bytes(), &mut [0; 64]))
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::deserialize(deserializer)
    }
}

/// A key that signs. Its bytes are wiped when it is dropped and are never shown.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key of these 32 secret bytes, which must be random.
    #[must_use]
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(secret))
    }

    /// The key that checks what this one signs.
    pub fn public(&self) -> Result<PublicKey, KeyError> {
        let key = self.0.verifying_key();
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        Ok(PublicKey(key))
    }

    /// The signature on `message`; the same each time.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// The PEM form (`BEGIN PRIVATE KEY`, PKCS#8 version 1, which every OpenSSL reads), wiped when
    /// dropped. Whoever writes it to a file keeps others from reading that.
    pub fn to_pem(&self) -> Result<SecretPem, KeyError> {
        let pair = KeypairBytes {
            secret_key: self.0.to_bytes(),
            public_key: None,
        };
        pair.to_pkcs8_pem(LineEnding::LF)
            .map(SecretPem)
            .map_err(|error| pem_error("private", &error))
    }

    /// Reads the PEM form of a secret key. A public key inside it must belong to it.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        ed25519_dalek::SigningKey::from_pkcs8_pem(pem)
            .map(Self)
            .map_err(|error| pem_error("private", &error))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// The PEM text of a secret key, wiped when dropped and never shown by `Debug`.
pub struct SecretPem(ed25519_dalek::pkcs8::spki::der::zeroize::Zeroizing<String>);

impl SecretPem {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretPem(..)")
    }
}

fn pem_error(kind: &'static str, error: &dyn fmt::Display) -> KeyError {
    KeyError::Pem {
        kind,
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first test of RFC 8032, section 7.1.
    const SECRET: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    fn key() -> SigningKey {
        SigningKey::from_bytes(&hex::decode(SECRET).unwrap())
    }

    #[test]
    fn the_published_vector_holds() {
        let public = key().public().unwrap();
        assert_eq!(public.to_string(), PUBLIC);
        let signature = key().sign(b"");
        assert_eq!(
            hex::encode(&signature),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        );
        assert!(public.has_signed(b"", &signature));
        assert!(!public.has_signed(b"x", &signature));
        assert_eq!(public.id(), Digest::of(&hex::decode::<32>(PUBLIC).unwrap()));
    }

    #[test]
    fn pem_forms_are_those_of_rfc_8410() {
        let public = key().public().unwrap();
        let pem = public.to_pem().unwrap();
        assert_eq!(
            pem,
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n"
        );
        assert_eq!(PublicKey::from_pem(&pem).unwrap(), public);
        let secret = key().to_pem().unwrap();
        assert!(
            secret
                .as_str()
                .starts_with("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI")
        );
        assert_eq!(
            SigningKey::from_pem(secret.as_str())
                .unwrap()
                .public()
                .unwrap(),
            public
        );
        assert!(matches!(
            SigningKey::from_pem(&pem),
            Err(KeyError::Pem { .. })
        ));
        assert!(matches!(
            PublicKey::from_pem(secret.as_str()),
            Err(KeyError::Pem { .. })
        ));
        assert!(matches!(PublicKey::from_pem(""), Err(KeyError::Pem { .. })));
    }

    #[test]
    fn weak_and_impossible_keys_are_refused() {
        let neutral = format!("01{}", "0".repeat(62));
        assert_eq!(neutral.parse::<PublicKey>(), Err(KeyError::Weak));
        assert_eq!("0".repeat(64).parse::<PublicKey>(), Err(KeyError::Weak));
        let no_point = format!("02{}", "0".repeat(62));
        assert_eq!(no_point.parse::<PublicKey>(), Err(KeyError::NotAPoint));
        assert!(matches!("00".parse::<PublicKey>(), Err(KeyError::Hex(_))));
    }

    #[test]
    fn a_key_is_read_alike_whatever_was_read_before() {
        let other = SigningKey::from_bytes(&[7; 32]).public().unwrap();
        let weak = format!("01{}", "0".repeat(62));
        for _ in 0..2 {
            assert_eq!(PUBLIC.parse::<PublicKey>().unwrap().to_string(), PUBLIC);
            assert_eq!(other.to_string().parse::<PublicKey>().unwrap(), other);
            assert_eq!(weak.parse::<PublicKey>(), Err(KeyError::Weak));
            assert_eq!(other.to_string().parse::<PublicKey>().unwrap(), other);
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(format!("{:?}", key()), "SigningKey(..)");
        assert_eq!(format!("{:?}", key().to_pem().unwrap()), "SecretPem(..)");
    }
}
