//! Checkpoints: their three lines, whom a reader believes, and every way in which one is none.

use super::*;
use crate::fixture::{log_key, log_public, origin, receipts, witness, witness_key, witness_name};
use crate::tree::Tree;

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: origin(),
        head: Tree::of(receipts(3)).head(),
    }
}

fn signed() -> SignedCheckpoint {
    checkpoint().sign(&log_key()).unwrap()
}

#[test]
fn a_checkpoint_is_three_lines_and_comes_back() {
    let text = signed().to_string();
    let root = STANDARD.encode(checkpoint().head.root.as_bytes());
    assert!(text.starts_with(&format!(
        "provider.example/log\n3\n{root}\n\n\u{2014} provider.example/log "
    )));
    let read: SignedCheckpoint = text.parse().unwrap();
    assert_eq!(read, signed());
    let opened = read.open(&Trust::key(log_public())).unwrap();
    assert_eq!(opened.checkpoint, checkpoint());
}

#[test]
fn the_digest_is_of_what_is_signed_and_not_of_who_signed() {
    let mut cosigned = signed();
    cosigned.cosign(witness_name(), &witness_key(), 5).unwrap();
    assert_eq!(cosigned.digest(), signed().digest());
    assert_ne!(cosigned, signed());
}

#[test]
fn only_the_logs_key_under_the_logs_name_is_believed() {
    let open = |trust: &Trust| signed().open(trust);
    let stranger = Trust::key(witness_key().public().unwrap());
    assert!(matches!(
        open(&stranger),
        Err(CheckpointError::Note(NoteError::NotSigned { .. }))
    ));
    let named = |origin: &str| Trust {
        origin: Some(origin.parse().unwrap()),
        ..Trust::key(log_public())
    };
    assert!(open(&named("provider.example/log")).is_ok());
    assert!(matches!(
        open(&named("other.example/log")),
        Err(CheckpointError::WrongOrigin { .. })
    ));
    // Signed under another name than its own, which a reader of both logs could take for the other's.
    let other = Checkpoint {
        origin: "other.example/log".parse().unwrap(),
        ..checkpoint()
    };
    let text = signed().to_string();
    let moved = text.replacen("provider.example/log\n", "other.example/log\n", 1);
    let moved: SignedCheckpoint = moved.parse().unwrap();
    assert_eq!(moved.checkpoint_unverified(), &other);
    assert!(moved.open(&Trust::key(log_public())).is_err());
}

#[test]
fn as_many_witnesses_as_are_asked_for_must_have_signed() {
    let trust = |witnesses_min| Trust {
        witnesses: vec![witness()],
        witnesses_min,
        ..Trust::key(log_public())
    };
    assert_eq!(
        signed().open(&trust(1)),
        Err(CheckpointError::TooFewWitnesses {
            found: 0,
            needed: 1
        })
    );
    let mut cosigned = signed();
    cosigned.cosign(witness_name(), &witness_key(), 5).unwrap();
    let cosigned: SignedCheckpoint = cosigned.to_string().parse().unwrap();
    let opened = cosigned.open(&trust(1)).unwrap();
    assert_eq!(opened.witnesses[0].at_seconds, Some(5));
    assert!(cosigned.open(&trust(2)).is_err());
}

#[test]
fn what_is_no_checkpoint_is_refused_with_the_field() {
    let good = checkpoint().to_string();
    assert_eq!(good.parse::<Checkpoint>().unwrap(), checkpoint());
    let extended = format!("{good}an extension\n");
    assert_eq!(extended.parse::<Checkpoint>().unwrap(), checkpoint());
    let root = good.lines().last().unwrap();
    for (text, field) in [
        (good.replacen("provider", "a b", 1), "origin"),
        (good.replacen("provider.example/log", "", 1), "origin"),
        (good.replacen("\n3\n", "\n03\n", 1), "size"),
        (good.replacen("\n3\n", "\n\n", 1), "size"),
        (good.replacen("\n3\n", "\n-3\n", 1), "size"),
        (good.replacen("\n3\n", "\n+3\n", 1), "size"),
        (good.replacen("\n3\n", "\n3 \n", 1), "size"),
        (good.replacen("\n3\n", "\n281474976710657\n", 1), "size"),
        (
            good.replacen("\n3\n", "\n99999999999999999999999\n", 1),
            "size",
        ),
        (good.replacen(root, "AAAA", 1), "root"),
        (good.replacen(root, &"A".repeat(44), 1), "root"),
        (good.replacen(root, &format!("{root}="), 1), "root"),
        (good.trim_end().to_owned(), "root"),
        (format!("{good}\nx\n"), "root"),
        ("provider.example/log\n3\n".to_owned(), "root"),
    ] {
        match text.parse::<Checkpoint>() {
            Err(CheckpointError::Field { field: found, .. }) => assert_eq!(found, field, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    assert!(
        good.replacen("\n3\n", "\n281474976710656\n", 1)
            .parse::<Checkpoint>()
            .is_ok()
    );
}

#[test]
fn every_flipped_bit_of_the_file_is_refused_or_changes_nothing_that_is_believed() {
    let good = signed().to_string().into_bytes();
    for index in 0..good.len() {
        for bit in 0..8 {
            let mut flipped = good.clone();
            flipped[index] ^= 1 << bit;
            let Ok(text) = String::from_utf8(flipped) else {
                continue;
            };
            let read = text.parse::<SignedCheckpoint>();
            let opened = read.and_then(|it| it.open(&Trust::key(log_public())));
            assert!(opened.is_err(), "{index}.{bit}");
        }
    }
}
