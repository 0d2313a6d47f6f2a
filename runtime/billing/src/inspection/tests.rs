//! Verdicts on many receipts: each finding, and each contradiction between receipts that add up alone.

use super::*;
use crate::envelope::{Document as _, Envelope};
use crate::fixture::{attested, card, provider_key, reproducible, requestor_key, signed};
use crate::receipt::{Attested, Receipt};

fn trusted() -> Trusted {
    Trusted::new([provider_key().public().unwrap()], [card()]).unwrap()
}

/// A receipt of the provider's, and its digest.
fn saying(change: impl Fn(&mut Attested)) -> (Vec<u8>, Digest) {
    let mut said = attested();
    change(&mut said);
    let receipt = Receipt::new(reproducible(), said).unwrap();
    let sealed = Envelope::seal(&receipt, &provider_key()).unwrap();
    (sealed.to_bytes().unwrap(), receipt.digest().unwrap())
}

fn summary(receipts: &[Vec<u8>]) -> Summary {
    let inspections: Vec<_> = receipts
        .iter()
        .map(|bytes| inspect(bytes, &trusted()))
        .collect();
    summarise(&inspections)
}

#[test]
fn each_finding_says_why() {
    let good = signed(reproducible());
    let valid = inspect(&good, &trusted());
    assert_eq!((valid.finding, valid.reasons.len()), (Finding::Valid, 0));
    assert_eq!(valid.receipt.unwrap().total, reproducible().total);
    let without_card = Trusted::new([provider_key().public().unwrap()], []).unwrap();
    let unchecked = inspect(&good, &without_card);
    assert_eq!(unchecked.finding, Finding::PricesUnchecked);
    assert!(unchecked.reasons[0].contains("is not at hand"));
    for keys in [vec![], vec![requestor_key().public().unwrap()]] {
        let unknown = inspect(&good, &Trusted::new(keys, [card()]).unwrap());
        assert_eq!(unknown.finding, Finding::UnknownSigner);
        assert!(unknown.reasons[0].contains("not among the trusted keys"));
    }
    let mut dear = reproducible();
    dear.total = "7".parse().unwrap();
    let refused = inspect(&signed(dear), &trusted());
    assert_eq!(refused.finding, Finding::Refused);
    assert_eq!(refused.receipt, None);
    assert_eq!(
        refused.reasons,
        ["`total` is 7, it should be 0.002204331000000002"]
    );
    let mut altered = good.clone();
    let place = altered.len() - 20;
    altered[place] ^= 1;
    for bytes in [altered.as_slice(), b"", b"{}", b"\xff"] {
        let refused = inspect(bytes, &trusted());
        assert_eq!(refused.finding, Finding::Refused);
        assert!(!refused.reasons.is_empty());
    }
}

#[test]
fn prices_that_are_not_the_cards_are_refused() {
    let mut part = reproducible();
    part.lines.remove(1);
    part.total = Amount::sum(part.lines.iter().map(|line| line.amount)).unwrap();
    let refused = inspect(&signed(part), &trusted());
    assert_eq!(refused.finding, Finding::Refused);
    assert!(
        refused.reasons[0].contains("`lines[1].amount`"),
        "{:?}",
        refused.reasons
    );
}

#[test]
fn copies_are_counted_once_and_totals_are_exact() {
    let good = signed(reproducible());
    let (second, _) = saying(|said| {
        said.sequence = 5;
        said.order_id = "order-2".parse().unwrap();
    });
    let found = summary(&[good.clone(), good, second, b"no receipt".to_vec()]);
    assert_eq!(found.findings[&Finding::Valid], 3);
    assert_eq!(found.findings[&Finding::Refused], 1);
    assert_eq!(found.copies, 1);
    assert_eq!(
        found.totals["USD"].unwrap().to_string(),
        "0.004408662000000004"
    );
    assert!(found.contradictions.is_empty());
}

#[test]
fn two_receipts_with_one_number_or_one_order_contradict_each_other() {
    let (first, a) = saying(|_| {});
    let (second, b) = saying(|said| said.ended_at = said.started_at);
    let found = summary(&[first, second]);
    let both: BTreeSet<_> = [a, b].into();
    let [number, order] = found.contradictions.as_slice() else {
        panic!("{found:?}");
    };
    assert!(
        number
            .to_string()
            .ends_with("signed 2 receipts with the number 0")
    );
    assert!(
        order
            .to_string()
            .ends_with("charged the order `order-1` 2 times")
    );
    let Contradiction::SameNumber { receipts, .. } = number else {
        panic!("{number:?}");
    };
    assert_eq!(receipts.iter().copied().collect::<BTreeSet<_>>(), both);
    assert!(
        matches!(order, Contradiction::SameOrder { order_id, .. } if order_id.as_str() == "order-1")
    );
}

#[test]
fn a_chain_that_names_another_receipt_is_broken() {
    let (first, digest) = saying(|_| {});
    let next = |previous: Option<Digest>| {
        saying(|said| {
            said.sequence = 1;
            said.order_id = "order-2".parse().unwrap();
            said.previous_receipt = previous;
        })
        .0
    };
    let good = summary(&[first.clone(), next(Some(digest))]);
    assert!(good.contradictions.is_empty());
    for previous in [None, Some(Digest::of(b"another"))] {
        let broken = summary(&[next(previous), first.clone()]);
        assert_eq!(
            broken.contradictions,
            [Contradiction::BrokenChain {
                provider: provider_key().public().unwrap(),
                sequence: 1,
                named: previous,
                found: digest
            }]
        );
    }
    let told = summary(&[first, next(None)]).contradictions[0].to_string();
    let provider = provider_key().public().unwrap();
    assert_eq!(
        told,
        format!("receipt 1 of {provider} follows {digest}, and names none before it")
    );
    let apart = summary(&[next(None)]);
    assert!(
        apart.contradictions.is_empty(),
        "the one before is not there to compare"
    );
}
