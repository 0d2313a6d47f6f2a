//! Trees and proofs: published vectors, another implementation, and every tampered hash.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use meterbox_billing::hex;
use proptest::prelude::*;
use sha2::Sha256;

use super::*;
use crate::fixture::receipts;
use crate::proof::ProofError;

/// The leaves' data of the reference tests of Certificate Transparency, whose trees are those of RFC 6962.
const LEAVES: [&[u8]; 8] = [
    &[],
    &[0x00],
    &[0x10],
    &[0x20, 0x21],
    &[0x30, 0x31],
    &[0x40, 0x41, 0x42, 0x43],
    &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// Their roots, for the first one, the first two, and so on.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn published() -> Tree {
    let mut tree = Tree::default();
    for data in LEAVES {
        tree.push_hash(hash_of(&[&LEAF_PREFIX, data]));
    }
    tree
}

fn digest(text: &str) -> Digest {
    text.parse().unwrap()
}

fn digests(texts: &[&str]) -> Vec<Digest> {
    texts.iter().copied().map(digest).collect()
}

#[test]
fn roots_are_the_published_ones() {
    let tree = published();
    for (size, root) in (1..).zip(ROOTS) {
        assert_eq!(
            tree.head_at(size).unwrap(),
            Head {
                size,
                root: digest(root)
            }
        );
    }
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(Tree::default().head().root, digest(nothing));
}

#[test]
fn proofs_are_the_published_ones() {
    let tree = published();
    let path = |index, size| tree.prove_inclusion(index, size).unwrap().hashes;
    assert_eq!(path(0, 1), []);
    let first = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
    let second = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
    let third = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
    assert_eq!(path(0, 8), digests(&[first, second, third]));
    let fifth = [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[3],
    ];
    assert_eq!(path(5, 8), digests(&fifth));
    assert_eq!(path(2, 3), digests(&[ROOTS[1]]));
    let growth = |old, new| tree.prove_consistency(old, new).unwrap().hashes;
    assert_eq!(growth(1, 1), []);
    assert_eq!(growth(1, 8), digests(&[first, second, third]));
    assert_eq!(growth(2, 5), digests(&[second, fifth[0]]));
    let from_six = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
    assert_eq!(growth(6, 8), digests(&[from_six, fifth[1], fifth[2]]));
}

#[test]
fn another_implementation_makes_the_same_roots_and_proofs() {
    let mut other = MemoryBackedTree::<Sha256, [u8; 32]>::new();
    let all = receipts(130);
    let tree = Tree::of(all.iter().copied());
    for (size, receipt) in (1_u64..).zip(&all) {
        other.push(*receipt.as_bytes());
        let head = tree.head_at(size).unwrap();
        assert_eq!(
            head.root.as_bytes().as_slice(),
            other.root().as_bytes().as_slice()
        );
        for index in 0..size {
            let theirs = other.prove_inclusion(usize::try_from(index).unwrap());
            let ours = tree.prove_inclusion(index, size).unwrap();
            assert_eq!(bytes(&ours.hashes), theirs.as_bytes());
            let added = usize::try_from(size - index - 1).unwrap();
            let theirs = other.prove_consistency(added);
            let ours = tree.prove_consistency(index + 1, size).unwrap();
            assert_eq!(bytes(&ours.hashes), theirs.as_bytes());
        }
    }
}

fn bytes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

#[test]
fn every_receipt_of_every_size_up_to_200_is_proved_and_nothing_else_is() {
    let all = receipts(200);
    let tree = Tree::of(all.iter().copied());
    for size in 1..=200_u64 {
        let head = tree.head_at(size).unwrap();
        for index in 0..size {
            let proof = tree.prove_inclusion(index, size).unwrap();
            let receipt = &all[usize::try_from(index).unwrap()];
            assert_eq!(proof.check(receipt, &head), Ok(()));
            let other = &all[usize::try_from((index + 1) % 200).unwrap()];
            assert_eq!(
                proof.check(other, &head),
                Err(ProofError::NotIncluded { index, size })
            );
        }
    }
}

#[test]
fn every_pair_of_sizes_up_to_200_is_consistent() {
    let tree = Tree::of(receipts(200));
    let heads: Vec<Head> = (0..=200).map(|size| tree.head_at(size).unwrap()).collect();
    for older in &heads {
        for newer in &heads[usize::try_from(older.size).unwrap()..] {
            let proof = tree.prove_consistency(older.size, newer.size).unwrap();
            assert_eq!(proof.check(older, newer), Ok(()));
        }
    }
}

#[test]
fn a_log_that_changed_a_receipt_is_never_consistent() {
    let mut all = receipts(60);
    let before = Tree::of(all.iter().copied());
    all[10] = Digest::of(b"altered");
    let after = Tree::of(all);
    for old in 11..=60 {
        let older = before.head_at(old).unwrap();
        let newer = after.head();
        for tree in [&before, &after] {
            let proof = tree.prove_consistency(old, 60).unwrap();
            let error = proof.check(&older, &newer).unwrap_err();
            assert_eq!(error, ProofError::Inconsistent { old, new: 60 });
        }
    }
}

#[test]
fn what_there_is_not_is_not_proved() {
    let tree = Tree::of(receipts(5));
    assert_eq!(
        tree.prove_inclusion(5, 5),
        Err(TreeError::NoReceipt { index: 5, size: 5 })
    );
    let too_small = TreeError::TooSmall { size: 5, asked: 6 };
    assert_eq!(tree.prove_inclusion(0, 6), Err(too_small.clone()));
    assert_eq!(tree.head_at(6), Err(too_small.clone()));
    assert_eq!(tree.prove_consistency(2, 6), Err(too_small));
    assert_eq!(
        tree.prove_consistency(5, 4),
        Err(TreeError::Shrinks { old: 5, new: 4 })
    );
    assert!(Tree::default().prove_inclusion(0, 0).is_err());
}

#[test]
fn heads_and_proofs_that_cannot_be_are_refused() {
    let tree = Tree::of(receipts(5));
    let head = tree.head();
    let proof = tree.prove_inclusion(2, 5).unwrap();
    let receipt = receipts(5)[2];
    for size in [RECEIPTS_MAX + 1, 1 << 63, u64::MAX] {
        let huge = Head { size, ..head };
        assert_eq!(
            proof.check(&receipt, &huge),
            Err(ProofError::TooLarge { size })
        );
        let growth = tree.prove_consistency(3, 5).unwrap();
        let older = tree.head_at(3).unwrap();
        assert_eq!(
            growth.check(&older, &huge),
            Err(ProofError::TooLarge { size })
        );
    }
    let largest = Head {
        size: RECEIPTS_MAX,
        ..head
    };
    assert!(matches!(
        proof.check(&receipt, &largest),
        Err(ProofError::Length { .. })
    ));
    for index in [5, u64::MAX / 2 + 1, u64::MAX] {
        let outside = InclusionProof {
            index,
            ..proof.clone()
        };
        assert_eq!(
            outside.check(&receipt, &head),
            Err(ProofError::NoReceipt { index, size: 5 })
        );
    }
    let mut long = proof.clone();
    long.hashes.push(receipt);
    assert_eq!(
        long.check(&receipt, &head),
        Err(ProofError::Length { count: 4 })
    );
    let same = ConsistencyProof {
        old: 5,
        hashes: vec![receipt],
    };
    assert_eq!(
        same.check(&head, &head),
        Err(ProofError::Length { count: 1 })
    );
    let shrunk = ConsistencyProof {
        old: 5,
        hashes: Vec::new(),
    };
    let smaller = tree.head_at(4).unwrap();
    assert_eq!(
        shrunk.check(&head, &smaller),
        Err(ProofError::Shrinks { old: 5, new: 4 })
    );
    let other = Head {
        root: receipt,
        ..head
    };
    assert_eq!(
        shrunk.check(&head, &other),
        Err(ProofError::Inconsistent { old: 5, new: 5 })
    );
    let empty = ConsistencyProof {
        old: 0,
        hashes: Vec::new(),
    };
    let nothing = Head {
        size: 0,
        root: receipt,
    };
    assert_eq!(
        empty.check(&nothing, &head),
        Err(ProofError::Inconsistent { old: 0, new: 5 })
    );
    assert_eq!(
        empty.check(&head, &head),
        Err(ProofError::WrongSize {
            found: 0,
            expected: 5
        })
    );
}

#[test]
fn leaves_are_digests_and_cannot_pass_for_nodes() {
    let [a, b] = [Digest::of(b"a"), Digest::of(b"b")];
    let tree = Tree::of([a, b]);
    assert_ne!(tree.head().root, leaf_hash(&a));
    assert_eq!(tree.head().root, node_hash(&leaf_hash(&a), &leaf_hash(&b)));
    let hashed = hex::encode(leaf_hash(&Digest::of(b"")).as_bytes());
    assert_eq!(hashed.len(), 64);
}

proptest! {
    #[test]
    fn no_altered_bit_of_a_proof_passes(size in 2_u64..200, index in 0_u64..200, bit in any::<prop::sample::Index>()) {
        let index = index % size;
        let all = receipts(size);
        let tree = Tree::of(all.iter().copied());
        let mut proof = tree.prove_inclusion(index, size).unwrap();
        let receipt = &all[usize::try_from(index).unwrap()];
        let place = bit.index(proof.hashes.len() * 256);
        let mut hash = *proof.hashes[place / 256].as_bytes();
        hash[place % 256 / 8] ^= 1 << (place % 8);
        proof.hashes[place / 256] = Digest::from_bytes(hash);
        prop_assert_eq!(proof.check(receipt, &tree.head()), Err(ProofError::NotIncluded { index, size }));
    }

    #[test]
    fn no_altered_bit_of_a_growth_passes(old in 1_u64..199, more in 1_u64..60, bit in any::<prop::sample::Index>()) {
        let new = old + more;
        let tree = Tree::of(receipts(new));
        let mut proof = tree.prove_consistency(old, new).unwrap();
        let place = bit.index(proof.hashes.len() * 256);
        let mut hash = *proof.hashes[place / 256].as_bytes();
        hash[place % 256 / 8] ^= 1 << (place % 8);
        proof.hashes[place / 256] = Digest::from_bytes(hash);
        let older = tree.head_at(old).unwrap();
        prop_assert_eq!(proof.check(&older, &tree.head()), Err(ProofError::Inconsistent { old, new }));
    }

    #[test]
    fn hostile_proofs_never_panic(
        index in any::<u64>(),
        size in any::<u64>(),
        old in any::<u64>(),
        count in 0_usize..70,
    ) {
        let hashes = vec![Digest::of(b"x"); count];
        let head = Head { size, root: Digest::of(b"root") };
        let inclusion = InclusionProof { index, hashes: hashes.clone() };
        prop_assert!(inclusion.check(&Digest::of(b"y"), &head).is_err());
        let older = Head { size: old, root: Digest::of(b"older") };
        let growth = ConsistencyProof { old, hashes };
        prop_assert!(growth.check(&older, &head).is_err());
    }
}
