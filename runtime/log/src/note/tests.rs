//! Signed notes: a published one, and every way in which one is no note.

use proptest::prelude::*;

use super::*;
use crate::fixture::{log_key, log_public, origin, witness, witness_key, witness_name};

/// The example of the documentation of Go's package `sumdb/note`.
const PUBLISHED_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PUBLISHED: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\
    \n\
    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn log() -> VerifierKey {
    VerifierKey::new(origin(), Kind::Note, log_public())
}

fn note() -> SignedNote {
    SignedNote::sign("first\n\nlast\n".to_owned(), origin(), &log_key()).unwrap()
}

#[test]
fn the_published_note_verifies_and_comes_back() {
    let key: VerifierKey = PUBLISHED_KEY.parse().unwrap();
    assert_eq!(key.to_string(), PUBLISHED_KEY);
    let note: SignedNote = PUBLISHED.parse().unwrap();
    assert_eq!(note.to_string(), PUBLISHED);
    let (text, witnesses) = note.verify(&key, &[]).unwrap();
    assert!(text.ends_with("what your problem is.\n") && witnesses.is_empty());
    let altered: SignedNote = PUBLISHED.replace("answer", "anwser").parse().unwrap();
    assert!(matches!(
        altered.verify(&key, &[]),
        Err(NoteError::BadSignature { name }) if name == "PeterNeumann"
    ));
}

#[test]
fn what_was_signed_comes_back_with_its_witnesses() {
    let mut signed = note();
    signed
        .cosign(witness_name(), &witness_key(), 1_780_000_000)
        .unwrap();
    let read: SignedNote = signed.to_string().parse().unwrap();
    assert_eq!(read, signed);
    let (text, witnesses) = read.verify(&log(), &[witness()]).unwrap();
    assert_eq!(text, "first\n\nlast\n");
    assert_eq!(
        witnesses,
        [Signed {
            name: witness_name(),
            at_seconds: Some(1_780_000_000)
        }]
    );
    let key = witness().to_string();
    assert_eq!(key.parse::<VerifierKey>().unwrap(), witness());
}

#[test]
fn signatures_of_strangers_are_passed_over_and_kept() {
    let mut signed = note();
    signed.cosign(witness_name(), &witness_key(), 1).unwrap();
    let stranger = SigningKey::from_bytes(&[3; 32]);
    signed
        .cosign("witness.example/w2".parse().unwrap(), &stranger, 1)
        .unwrap();
    let (_, witnesses) = signed.verify(&log(), &[]).unwrap();
    assert!(witnesses.is_empty());
    assert_eq!(signed.signatures().len(), 3);
    let error = signed.verify(
        &VerifierKey::new(origin(), Kind::Note, stranger.public().unwrap()),
        &[],
    );
    assert!(
        matches!(error, Err(NoteError::NotSigned { .. })),
        "{error:?}"
    );
}

#[test]
fn of_many_strangers_only_a_few_are_named() {
    let mut signed = note();
    for number in 0..40 {
        let name = format!("{}{number}", "w".repeat(200)).parse().unwrap();
        signed.cosign(name, &witness_key(), 1).unwrap();
    }
    let error = signed.verify(&witness(), &[]).unwrap_err().to_string();
    assert!(
        error.ends_with(", 36 more") && error.len() < 1200,
        "{error}"
    );
}

#[test]
fn a_log_is_not_its_own_witness() {
    let signed = note();
    let as_witness = VerifierKey::new(origin(), Kind::Cosignature, log_public());
    let (_, witnesses) = signed.verify(&log(), &[as_witness]).unwrap();
    assert!(witnesses.is_empty());
}

#[test]
fn a_known_witness_whose_signature_does_not_fit_is_an_error() {
    let mut signed = note();
    signed.cosign(witness_name(), &witness_key(), 1).unwrap();
    signed.signatures[1].signature[7] ^= 1;
    let error = signed.verify(&log(), &[witness()]).unwrap_err();
    assert_eq!(
        error,
        NoteError::BadSignature {
            name: witness_name().to_string()
        }
    );
    for length in [1, 8, 71, 73] {
        signed.signatures[1].signature.resize(length, 0);
        assert!(signed.verify(&log(), &[witness()]).is_err());
    }
    signed
        .cosign(witness_name(), &witness_key(), u64::MAX)
        .unwrap();
    assert!(
        signed.verify(&log(), &[witness()]).is_err(),
        "a time beyond 2^63"
    );
}

#[test]
fn what_is_no_note_is_refused_with_the_reason() {
    let good = note().to_string();
    let refused = |text: &str| text.parse::<SignedNote>().unwrap_err().to_string();
    let line = good.lines().last().unwrap();
    for (text, reason) in [
        ("".to_owned(), "no blank line"),
        ("text\n".to_owned(), "no blank line"),
        ("text\n\n".to_owned(), "it has no signature"),
        (good.trim_end().to_owned(), "cut off"),
        (good.replace("first", "fi\trst"), "control character"),
        (good.replace("first", "fi\rrst"), "control character"),
        (format!("\n\n{line}\n"), "does not end"),
        (good.replace('\u{2014}', "-"), "em dash"),
        (good.replace("provider.example/log ", ""), "no name"),
        (good.replace("provider.example/log", "a+b"), "name is none"),
        (format!("{good}{SIGNATURE_MARK}x AAAAAA==\n"), "line 2"),
        (
            format!("{good}{SIGNATURE_MARK}x AAAAA=\n"),
            "not valid base64",
        ),
        (good.replace('=', "!"), "not valid base64"),
        ("x".repeat(NOTE_BYTES_MAX + 1), "at most 131072 are read"),
        (
            format!("{good}{}", format!("{line}\n").repeat(64)),
            "more than 64",
        ),
    ] {
        let found = refused(&text);
        assert!(found.contains(reason), "{text}: {found}");
    }
    let most = format!("{good}{}", format!("{line}\n").repeat(63));
    assert_eq!(most.parse::<SignedNote>().unwrap().signatures().len(), 64);
    assert!(
        most.parse::<SignedNote>()
            .unwrap()
            .verify(&log(), &[])
            .is_ok()
    );
}

#[test]
fn texts_that_could_not_be_read_back_are_not_signed() {
    for text in ["", "\n", "no end", "tab\t\n"] {
        let signed = SignedNote::sign(text.to_owned(), origin(), &log_key());
        assert!(matches!(signed, Err(NoteError::Form { .. })), "{text}");
    }
    let mut signed = note();
    for _ in 1..SIGNATURES_MAX {
        signed.cosign(witness_name(), &witness_key(), 1).unwrap();
    }
    assert_eq!(
        signed.cosign(witness_name(), &witness_key(), 1),
        Err(NoteError::TooManySignatures)
    );
}

#[test]
fn names_and_verifier_keys_that_are_none_are_refused() {
    for text in ["", "a b", "a\u{a0}b", "a+b", "a\nb", &"x".repeat(256)] {
        assert!(
            matches!(text.parse::<Name>(), Err(NoteError::Name { .. })),
            "{text}"
        );
    }
    assert!("é.example/log".parse::<Name>().is_ok());
    let weak = format!(
        "x+{}+{}",
        "0".repeat(8),
        STANDARD.encode([[1].as_slice(), &[0; 32]].concat())
    );
    for (text, reason) in [
        ("x", "three parts"),
        ("x+00000000+!", "base64"),
        ("x+00000000+", "unknown kind"),
        ("x+00000000+AgAA", "unknown kind"),
        ("x+00000000+AQAA", "32 bytes"),
        (
            &PUBLISHED_KEY.replace("c74f", "c74e"),
            "not that of its name",
        ),
        (
            &PUBLISHED_KEY.replace("Peter", "Meter"),
            "not that of its name",
        ),
        (&"x".repeat(600), "too long"),
        (&weak, "cannot be used"),
    ] {
        let found = text.parse::<VerifierKey>().unwrap_err().to_string();
        assert!(found.contains(reason), "{text}: {found}");
    }
}

proptest! {
    #[test]
    fn hostile_notes_never_panic_and_what_is_read_comes_back(text in "[\u{2014} a-z+=\n]{0,80}") {
        if let Ok(note) = text.parse::<SignedNote>() {
            prop_assert_eq!(note.to_string(), text);
        }
    }

    #[test]
    fn any_text_of_lines_comes_back(lines in prop::collection::vec("[^\\p{Cc}]{1,20}", 1..5)) {
        let text = format!("{}\n", lines.join("\n"));
        let signed = SignedNote::sign(text.clone(), origin(), &log_key()).unwrap();
        let read: SignedNote = signed.to_string().parse().unwrap();
        prop_assert_eq!(read.verify(&log(), &[]).unwrap().0, text);
    }
}
