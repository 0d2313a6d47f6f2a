#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use meterbox_billing::transcript::{Call, Tensor as Named};
use meterbox_inference::ElementType;

use super::*;

fn tensor(bytes: &[u8]) -> Tensor {
    let length = u32::try_from(bytes.len()).unwrap();
    Tensor::new(vec![length], ElementType::U8, bytes.to_vec()).unwrap()
}

fn call(outputs: &[&Tensor]) -> Call {
    let names = ["first", "second", "third"];
    Call {
        model: Digest::of(b"model"),
        inputs: vec![],
        outputs: names
            .iter()
            .zip(outputs)
            .map(|(name, tensor)| Named {
                name: (*name).into(),
                sha256: Digest::from_bytes(tensor_digest(tensor)),
            })
            .collect(),
        failed: None,
        operations: 1,
        weight_bytes: 2,
        tensor_bytes: 3,
    }
}

/// Three calls that gave four tensors, two of them the same.
fn calls() -> (Transcript, [Tensor; 3]) {
    let tensors = [tensor(b"one"), tensor(b""), tensor(b"three")];
    let [one, empty, three] = &tensors;
    let calls = vec![call(&[one, empty]), call(&[]), call(&[three, one])];
    (Transcript::of(calls), tensors)
}

/// A bundle of these tensors and this transcript, whether or not they fit each other.
fn bundle(tensors: &[&Tensor], transcript: &Transcript) -> Vec<u8> {
    let mut bytes = Vec::new();
    for tensor in tensors {
        bytes.extend_from_slice(&tensor_head(tensor));
        bytes.extend_from_slice(tensor.data());
    }
    let json = transcript.bytes().unwrap();
    bytes.extend_from_slice(&json);
    bytes.extend_from_slice(&u64::try_from(json.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(MAGIC);
    bytes
}

fn opened(bytes: &[u8], transcript: &Transcript) -> Result<Recorded, BundleError> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Recorded::open(file, &transcript.digest().unwrap())
}

#[test]
fn what_is_written_is_read_again() {
    let (transcript, tensors) = calls();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept").join("one");
    let mut writer = BundleWriter::new(path.parent().unwrap());
    writer.add(&tensor(b"of a run that began again")).unwrap();
    writer.begin_again();
    let [one, empty, three] = &tensors;
    for tensor in [one, empty, three, one] {
        writer.add(tensor).unwrap();
    }
    writer.finish(&transcript, &path).unwrap();
    // By hand, it is the same.
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes, bundle(&[one, empty, three], &transcript));
    assert_eq!(
        std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
        1
    );
    let recorded = opened(&bytes, &transcript).unwrap();
    assert_eq!(recorded.calls(), 3);
    for tensor in &tensors {
        let digest = Digest::from_bytes(tensor_digest(tensor));
        assert_eq!(recorded.tensor(&digest).unwrap(), *tensor);
    }
    assert!(recorded.tensor(&Digest::of(b"another")).is_err());
}

#[test]
fn a_transcript_without_calls_is_a_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none");
    let transcript = Transcript::default();
    BundleWriter::new(folder.path())
        .finish(&transcript, &path)
        .unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(opened(&bytes, &transcript).unwrap().calls(), 0);
}

#[test]
fn a_writer_that_lacks_an_output_does_not_finish() {
    let (transcript, [one, empty, _]) = calls();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = BundleWriter::new(folder.path());
    writer.add(&one).unwrap();
    writer.add(&empty).unwrap();
    let error = writer
        .finish(&transcript, &folder.path().join("one"))
        .unwrap_err();
    assert!(
        matches!(&error, BundleError::MissingTensor { call: 2, output, .. } if output == "first"),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_missing_tensor_an_altered_one_and_one_too_many_are_told_apart() {
    let (transcript, [one, empty, three]) = calls();
    let other = tensor(b"other");
    let said = |tensors: &[&Tensor]| {
        let error = opened(&bundle(tensors, &transcript), &transcript).unwrap_err();
        error.to_string()
    };
    let digest = |tensor: &Tensor| Digest::from_bytes(tensor_digest(tensor));
    for (tensors, missing) in [
        (&[&one, &empty][..], "`first` of call 2"),
        (&[&one, &three][..], "`second` of call 0"),
        (&[][..], "`first` of call 0"),
    ] {
        let said = said(tensors);
        assert!(
            said.contains("is missing") && said.contains(missing),
            "{said}"
        );
    }
    let altered = said(&[&one, &other, &three]);
    assert_eq!(
        altered,
        format!(
            "output `second` of call 0 has the digest {}, the transcript says {}",
            digest(&other),
            digest(&empty)
        )
    );
    assert!(said(&[&one, &empty, &three, &other]).contains("no call gave"));
}

#[test]
fn another_transcript_than_the_receipts_is_refused() {
    let (transcript, [one, empty, three]) = calls();
    let bytes = bundle(&[&one, &empty, &three], &transcript);
    let error = opened(&bytes, &Transcript::default()).unwrap_err();
    assert!(
        matches!(error, BundleError::OtherTranscript { found, .. } if found == transcript.digest().unwrap())
    );
}

#[test]
fn a_flipped_bit_anywhere_is_refused_and_so_is_every_part_of_a_file() {
    let (transcript, [one, empty, three]) = calls();
    let bytes = bundle(&[&one, &empty, &three], &transcript);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            assert!(
                opened(&flipped, &transcript).is_err(),
                "bit {bit} of byte {at}"
            );
        }
    }
    for length in 0..bytes.len() {
        assert!(
            opened(&bytes[..length], &transcript).is_err(),
            "{length} bytes"
        );
        assert!(
            opened(&bytes[length + 1..], &transcript).is_err(),
            "without {length} bytes"
        );
    }
}

#[test]
fn lengths_that_lie_are_refused_before_anything_is_read() {
    let (transcript, _) = calls();
    let with_length = |length: u64| {
        let mut bytes = bundle(&[], &transcript);
        let from = bytes.len() - 8 - MAGIC.len();
        bytes[from..from + 8].copy_from_slice(&length.to_le_bytes());
        opened(&bytes, &transcript).unwrap_err()
    };
    let most = with_length(TRANSCRIPT_BYTES_MAX);
    assert!(matches!(most, BundleError::Malformed(_)), "{most}");
    let more = with_length(TRANSCRIPT_BYTES_MAX + 1);
    assert!(matches!(more, BundleError::TooLarge { .. }), "{more}");
    assert!(matches!(
        with_length(u64::MAX),
        BundleError::TooLarge { .. }
    ));
    // A tensor that says it is larger than the file, and one larger than anything.
    for dimensions in [vec![u32::MAX], vec![u32::MAX; 2], vec![u32::MAX; 3]] {
        let mut bytes = b"u8".to_vec();
        bytes.extend_from_slice(&u64::try_from(dimensions.len()).unwrap().to_le_bytes());
        for dimension in dimensions {
            bytes.extend_from_slice(&dimension.to_le_bytes());
        }
        bytes.extend_from_slice(&bundle(&[], &transcript));
        let error = opened(&bytes, &transcript).unwrap_err();
        assert!(matches!(error, BundleError::Malformed(_)), "{error}");
    }
}
