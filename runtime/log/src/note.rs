//! Owns signed notes, <https://c2sp.org/signed-note>: a text, and lines below it that say who signed it. Knows
//! nothing of what the text says.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meterbox_billing::digest::Digest;
use meterbox_billing::key::{KeyError, PublicKey, SigningKey};

/// The most bytes of a note that are read: a checkpoint has some two hundred, a signature of any kind up to five
/// thousand.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;
/// The most signatures of a note that are read. Every reader takes 16; logs have about ten witnesses.
pub const SIGNATURES_MAX: usize = 64;
/// The longest name of a key.
pub const NAME_BYTES_MAX: usize = 255;

/// The bytes of a key's id, of an Ed25519 signature, and of a time before one.
const ID_BYTES: usize = 4;
const SIGNATURE_BYTES: usize = 64;
const TIME_BYTES: usize = 8;
/// What a line of a signature begins with: an em dash.
const SIGNATURE_MARK: &str = "\u{2014} ";

/// Why a text is no signed note, or is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// More bytes than [`NOTE_BYTES_MAX`].
    #[error("the note has {bytes} bytes, at most {NOTE_BYTES_MAX} are read")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// A character that no note has, or no text at all.
    #[error("this is no signed note: {reason}")]
    Form {
        /// What is wrong.
        reason: &'static str,
    },
    /// A line below the text that is no signature.
    #[error("line {line} of the signatures is none: {reason}")]
    Signature {
        /// Which, from 1 on.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// More than [`SIGNATURES_MAX`].
    #[error("the note has more than {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// A text that names no key.
    #[error("`{text}` is no name of a key or log: {reason}")]
    Name {
        /// The text, cut to a readable length.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A text that is no verifier key.
    #[error("this is no verifier key of the form NAME+ID+KEY: {reason}")]
    VerifierKey {
        /// What is wrong.
        reason: &'static str,
    },
    /// The key of a verifier key.
    #[error("the key of `{name}` cannot be used")]
    Key {
        /// Whose.
        name: String,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// Nobody who is known signed.
    #[error("the note is not signed by the key {expected}; it is signed by {found}")]
    NotSigned {
        /// The key, by name and id.
        expected: String,
        /// Who signed, by name and id.
        found: String,
    },
    /// A known key's signature is not on this text.
    #[error("the signature of `{name}` does not fit the note")]
    BadSignature {
        /// Whose.
        name: String,
    },
}

/// The name of a key, and of a log: best a URL without its scheme, such as `example.com/log`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let wrong = |reason| NoteError::Name {
            text: text.chars().take(48).collect(),
            reason,
        };
        if text.is_empty() {
            return Err(wrong("it is empty"));
        }
        if text.len() > NAME_BYTES_MAX {
            return Err(wrong("it is longer than 255 bytes"));
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(wrong("it holds a space or a control character"));
        }
        if text.contains('+') {
            return Err(wrong("it holds a plus sign"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a key signs, by the byte that its id commits to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The note's text. Logs sign so.
    Note,
    /// A time and the note's text, <https://c2sp.org/tlog-cosignature>. Witnesses sign so.
    Cosignature,
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::Note => 1,
            Self::Cosignature => 4,
        }
    }
}

/// A key that a reader trusts to sign notes under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: Name,
    kind: Kind,
    key: PublicKey,
}

impl VerifierKey {
    /// This key, under this name, for signatures of this kind.
    #[must_use]
    pub const fn new(name: Name, kind: Kind, key: PublicKey) -> Self {
        Self { name, kind, key }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// The first bytes of a digest of name, kind and key, by which signatures refer to it.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let hashed = [
            self.name.0.as_bytes(),
            b"\n",
            &[self.kind.byte()],
            self.key.as_bytes(),
        ];
        let digest = Digest::of(&hashed.concat());
        let [a, b, c, d, ..] = *digest.as_bytes();
        [a, b, c, d]
    }

    fn shown(&self) -> String {
        format!("{}+{}", self.name, hex(&self.id()))
    }
}

/// The form in which keys of notes are handed out: `NAME+ID+KEY`.
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.kind.byte()], self.key.as_bytes().as_slice()].concat();
        write!(f, "{}+{}", self.shown(), STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let wrong = |reason| NoteError::VerifierKey { reason };
        if text.len() > 2 * NAME_BYTES_MAX {
            return Err(wrong("it is too long"));
        }
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong("it has no three parts"));
        };
        let name: Name = name.parse()?;
        let key = STANDARD
            .decode(key)
            .map_err(|_| wrong("its key is not valid base64"))?;
        let (kind, key) = match key.split_first() {
            Some((1, key)) => (Kind::Note, key),
            Some((4, key)) => (Kind::Cosignature, key),
            _ => return Err(wrong("its key is of an unknown kind")),
        };
        let key = <[u8; 32]>::try_from(key).map_err(|_| wrong("its key has not 32 bytes"))?;
        let key = PublicKey::from_bytes(&key).map_err(|source| NoteError::Key {
            name: name.0.clone(),
            source,
        })?;
        let read = Self { name, kind, key };
        if hex(&read.id()) != id {
            return Err(wrong("its id is not that of its name and key"));
        }
        Ok(read)
    }
}

/// A line below a note's text: who signed, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: Name,
    id: [u8; ID_BYTES],
    signature: Vec<u8>,
}

impl NoteSignature {
    /// The name of the key, which anybody can claim.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }
}

/// Who signed a note, and when if they said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The name of the key.
    pub name: Name,
    /// The time of a co-signature, in seconds since 1970.
    pub at_seconds: Option<u64>,
}

/// A text and its signatures. Nothing of it is believed before it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// Signs a text of whole lines.
    pub fn sign(text: String, name: Name, key: &SigningKey) -> Result<Self, NoteError> {
        check_text(&text)?;
        let mut note = Self {
            text,
            signatures: Vec::new(),
        };
        let verifier = own_key(name, Kind::Note, key)?;
        let signature = key.sign(note.text.as_bytes()).to_vec();
        note.append(&verifier, signature)?;
        Ok(note)
    }

    /// Adds a witness's signature: that it saw this text at this time, in seconds since 1970.
    pub fn cosign(
        &mut self,
        name: Name,
        key: &SigningKey,
        at_seconds: u64,
    ) -> Result<(), NoteError> {
        let verifier = own_key(name, Kind::Cosignature, key)?;
        let signature = key.sign(&cosigned(&self.text, at_seconds));
        let signature = [at_seconds.to_be_bytes().as_slice(), &signature].concat();
        self.append(&verifier, signature)
    }

    fn append(&mut self, key: &VerifierKey, signature: Vec<u8>) -> Result<(), NoteError> {
        if self.signatures.len() >= SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        self.signatures.push(NoteSignature {
            name: key.name.clone(),
            id: key.id(),
            signature,
        });
        Ok(())
    }

    /// The text, which anybody could have written.
    #[must_use]
    pub fn text_unverified(&self) -> &str {
        &self.text
    }

    /// The lines below it.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The text, if `key` signed it; and the witnesses, of those given, that signed it too.
    ///
    /// Signatures of others are passed over. One of a key that is given and does not fit is an error.
    pub fn verify(
        &self,
        key: &VerifierKey,
        witnesses: &[VerifierKey],
    ) -> Result<(&str, Vec<Signed>), NoteError> {
        if self.signed_by(key)?.is_none() {
            return Err(NoteError::NotSigned {
                expected: key.shown(),
                found: self.signers_shown(),
            });
        }
        let mut seen = Vec::new();
        for witness in witnesses {
            if let Some(signed) = self.signed_by(witness)? {
                seen.push(signed);
            }
        }
        Ok((&self.text, seen))
    }

    /// The first few who say that they signed.
    fn signers_shown(&self) -> String {
        const SHOWN: usize = 5;
        let mut found: Vec<_> = self.signatures.iter().take(SHOWN).map(shown).collect();
        if let Some(more @ 1..) = self.signatures.len().checked_sub(SHOWN) {
            found.push(format!("{more} more"));
        }
        found.join(", ")
    }

    /// What `key` said of it; none if nothing. All lines under its name and id must fit.
    fn signed_by(&self, key: &VerifierKey) -> Result<Option<Signed>, NoteError> {
        let id = key.id();
        let own = |line: &&NoteSignature| line.name == key.name && line.id == id;
        let mut found = None;
        for line in self.signatures.iter().filter(own) {
            let signed = self.fits(key, &line.signature);
            let at_seconds = signed.ok_or_else(|| NoteError::BadSignature {
                name: key.name.0.clone(),
            })?;
            found.get_or_insert(Signed {
                name: key.name.clone(),
                at_seconds,
            });
        }
        Ok(found)
    }

    /// The time of a signature that fits, if it is of a kind that has one.
    fn fits(&self, key: &VerifierKey, signature: &[u8]) -> Option<Option<u64>> {
        let (at_seconds, signature, message) = match key.kind {
            Kind::Note => (None, signature, self.text.clone().into_bytes()),
            Kind::Cosignature => {
                let (time, signature) = signature.split_first_chunk::<TIME_BYTES>()?;
                let at_seconds = u64::from_be_bytes(*time);
                i64::try_from(at_seconds).ok()?;
                (
                    Some(at_seconds),
                    signature,
                    cosigned(&self.text, at_seconds),
                )
            }
        };
        let signature = <[u8; SIGNATURE_BYTES]>::try_from(signature).ok()?;
        (key.key.has_signed(&message, &signature)).then_some(at_seconds)
    }
}

/// What a witness signs.
fn cosigned(text: &str, at_seconds: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {at_seconds}\n{text}").into_bytes()
}

fn own_key(name: Name, kind: Kind, key: &SigningKey) -> Result<VerifierKey, NoteError> {
    let public = key.public().map_err(|source| NoteError::Key {
        name: name.0.clone(),
        source,
    })?;
    Ok(VerifierKey::new(name, kind, public))
}

fn shown(line: &NoteSignature) -> String {
    format!("{}+{}", line.name, hex(&line.id))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check_text(text: &str) -> Result<(), NoteError> {
    let wrong = |reason| Err(NoteError::Form { reason });
    if text.chars().any(|c| c < ' ' && c != '\n') {
        return wrong("it holds a control character");
    }
    match text.strip_suffix('\n') {
        None | Some("") => wrong("its text does not end with the end of a line"),
        Some(_) => Ok(()),
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for line in &self.signatures {
            let signature = [line.id.as_slice(), &line.signature].concat();
            let signature = STANDARD.encode(signature);
            writeln!(f, "{SIGNATURE_MARK}{} {signature}", line.name)?;
        }
        Ok(())
    }
}

impl FromStr for SignedNote {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge { bytes: note.len() });
        }
        let Some(end) = note.rfind("\n\n") else {
            return Err(NoteError::Form {
                reason: "it has no blank line before its signatures",
            });
        };
        let (text, below) = note.split_at(end + 1);
        check_text(text)?;
        let Some(lines) = below[1..].strip_suffix('\n') else {
            return Err(NoteError::Form {
                reason: "its last line is cut off, or it has no signature",
            });
        };
        if lines.split('\n').count() > SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        let signatures = (1..).zip(lines.split('\n'));
        let signatures = signatures.map(|(number, line)| signature(number, line));
        Ok(Self {
            text: text.to_owned(),
            signatures: signatures.collect::<Result<_, _>>()?,
        })
    }
}

fn signature(line: usize, text: &str) -> Result<NoteSignature, NoteError> {
    let wrong = |reason| NoteError::Signature { line, reason };
    let rest = text
        .strip_prefix(SIGNATURE_MARK)
        .ok_or_else(|| wrong("it does not begin with an em dash and a space"))?;
    let (name, encoded) = rest
        .split_once(' ')
        .ok_or_else(|| wrong("it has no name and signature"))?;
    let name = name.parse().map_err(|_| wrong("its name is none"))?;
    let bytes = STANDARD
        .decode(encoded)
        .map_err(|_| wrong("its signature is not valid base64"))?;
    match bytes.split_first_chunk::<ID_BYTES>() {
        Some((id, signature)) if !signature.is_empty() => Ok(NoteSignature {
            name,
            id: *id,
            signature: signature.to_vec(),
        }),
        _ => Err(wrong("its signature is too short")),
    }
}

#[cfg(test)]
mod tests;
