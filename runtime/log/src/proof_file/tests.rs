//! Files of proofs: they come back, and what is none is refused with the line.

use proptest::prelude::*;

use super::*;
use crate::fixture::{log_key, origin, receipts};
use crate::prove::{Which, checkpoint, prove, prove_growth};

fn inclusion() -> InclusionFile {
    let all = receipts(7);
    let checkpoint = checkpoint(all.iter().copied(), &origin(), &log_key()).unwrap();
    prove(&all, Which::Index(5), &checkpoint).unwrap()
}

fn consistency() -> ConsistencyFile {
    let all = receipts(7);
    let checkpoint = checkpoint(all.iter().copied(), &origin(), &log_key()).unwrap();
    prove_growth(&all, 3, &checkpoint).unwrap()
}

#[test]
fn proofs_come_back_from_their_files() {
    let text = inclusion().to_string();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra "));
    assert!(text.contains("\nindex 5\n"));
    assert_eq!(
        text.parse::<ProofFile>().unwrap(),
        ProofFile::Inclusion(inclusion())
    );
    let text = consistency().to_string();
    assert!(text.starts_with("old 3\n"));
    assert_eq!(
        text.parse::<ProofFile>().unwrap(),
        ProofFile::Consistency(consistency())
    );
    let unnamed = InclusionFile {
        receipt: None,
        ..inclusion()
    };
    assert_eq!(
        unnamed.to_string().parse::<InclusionFile>().unwrap(),
        unnamed
    );
}

#[test]
fn what_is_no_proof_is_refused_with_the_line() {
    let (good, growth) = (inclusion().to_string(), consistency().to_string());
    let hash = good.lines().nth(3).unwrap();
    let many = format!("{hash}\n").repeat(HASHES_MAX + 1);
    for (text, reason) in [
        (String::new(), "line 1"),
        (good.replacen("v1", "v2", 1), "line 1"),
        (good.replacen("extra ", "extra x", 1), "line 2"),
        (good.replacen("index 5", "index 05", 1), "line 3"),
        (good.replacen("index 5", "index -5", 1), "line 3"),
        (
            good.replacen("index 5", "index 18446744073709551616", 1),
            "line 3",
        ),
        (good.replacen(hash, &hash[1..], 1), "line 4"),
        (good.replacen(hash, &many, 1), "more than 49 hashes"),
        (good.split_once("\n\n").unwrap().0.to_owned(), "line 6"),
        (good.replace("\n7\n", "\nseven\n"), "no checkpoint"),
        (good.trim_end().to_owned(), "no checkpoint"),
        (growth.replacen("old 3", "old x", 1), "line 1"),
        (growth.replacen("old 3\n", "old 3\n\n", 1), "no checkpoint"),
        ("x".repeat(FILE_BYTES_MAX + 1), "at most 139264 are read"),
    ] {
        let found = text.parse::<ProofFile>().unwrap_err().to_string();
        assert!(found.contains(reason), "{reason}: {found}");
    }
}

proptest! {
    #[test]
    fn hostile_files_never_panic_and_what_is_read_comes_back(
        cut in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        growth in any::<bool>(),
    ) {
        let text = if growth { consistency().to_string() } else { inclusion().to_string() };
        let mut bytes = text.into_bytes();
        let place = cut.index(bytes.len());
        bytes[place] = byte;
        if let Ok(text) = String::from_utf8(bytes) {
            match text.parse::<ProofFile>() {
                Ok(ProofFile::Inclusion(file)) => prop_assert_eq!(file.to_string(), text),
                Ok(ProofFile::Consistency(file)) => prop_assert_eq!(file.to_string(), text),
                Err(_) => {}
            }
        }
    }
}
