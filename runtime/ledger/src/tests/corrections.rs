//! What follows a receipt: verdicts and credits.

use meterbox_billing::acceptance::Verdict;

use super::*;

fn disputed(reason: &str) -> Verdict {
    Verdict::Disputed {
        reason: Message::cut(reason),
    }
}

fn digest(receipt: &SealedReceipt) -> Digest {
    use meterbox_billing::envelope::Document as _;
    receipt.receipt().digest().unwrap()
}

fn said(receipt: &SealedReceipt, verdict: Verdict) -> Vec<u8> {
    fixture::sealed(&fixture::verdict(&digest(receipt), verdict), &requestor())
}

fn credited(name: &str, receipt: &SealedReceipt, given: &str) -> Vec<u8> {
    fixture::sealed(
        &fixture::credit(name, &digest(receipt), amount(given)),
        &provider(),
    )
}

pub(super) fn dispute_and_credit(ledger: &mut Ledger, receipt: &SealedReceipt) {
    let dispute = said(receipt, disputed("too much"));
    assert_eq!(ledger.judge(&dispute).unwrap(), Posted::New);
    let credit = credited("credit-1", receipt, "0.000001");
    assert_eq!(ledger.give_credit(&credit).unwrap(), Posted::New);
}

fn one_receipt(ledger: &mut Ledger) -> SealedReceipt {
    SealedReceipt::read(&finish(ledger, &order("one", 1))).unwrap()
}

#[test]
fn a_credit_gives_back_to_the_budget_and_all_together_no_more_than_the_total() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    let receipt = one_receipt(&mut ledger);
    dispute_and_credit(&mut ledger, &receipt);
    assert_eq!(
        balances(&ledger)[..2],
        [
            pair("provider:income", "0.00000022 USD"),
            pair("requestor:KEY:budget", "-0.00000022 USD"),
        ]
    );
    let again = credited("credit-1", &receipt, "0.000001");
    assert_eq!(ledger.give_credit(&again).unwrap(), Posted::Before);
    let other = credited("credit-1", &receipt, "0.0000001");
    assert!(matches!(
        ledger.give_credit(&other),
        Err(LedgerError::Correction(
            CorrectionError::ExistsWithDifferentCredit { .. }
        ))
    ));
    let beyond = credited("credit-2", &receipt, "0.000000220000000001");
    match ledger.give_credit(&beyond).unwrap_err() {
        LedgerError::Correction(CorrectionError::BeyondTotal { left, .. }) => {
            assert_eq!(left, amount("0.00000022"));
        }
        other => panic!("{other:?}"),
    }
    let rest = credited("credit-2", &receipt, "0.00000022");
    assert_eq!(ledger.give_credit(&rest).unwrap(), Posted::New);
    assert_eq!(balances(&ledger)[0], pair("provider:income", "0 USD"));
    assert_eq!(ledger.credits(&digest(&receipt)).unwrap(), [again, rest]);
    assert_eq!(ledger.check().unwrap(), []);
}

#[test]
fn corrections_are_taken_only_from_whom_they_are_due_and_only_of_what_is_recorded() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    let receipt = one_receipt(&mut ledger);
    let by = |key: &SigningKey| {
        let mut said = fixture::verdict(&digest(&receipt), Verdict::Accepted {});
        said.requestor_key = key.public().unwrap();
        fixture::sealed(&said, key)
    };
    let signer = |error: LedgerError| {
        let is_signer = matches!(
            error,
            LedgerError::Correction(CorrectionError::Signer { .. })
        );
        assert!(is_signer, "{error:?}");
    };
    signer(ledger.judge(&by(&provider())).unwrap_err());
    let mut forged = fixture::verdict(&digest(&receipt), Verdict::Accepted {});
    forged.requestor_key = provider().public().unwrap();
    signer(
        ledger
            .judge(&fixture::sealed(&forged, &requestor()))
            .unwrap_err(),
    );
    let credit = fixture::credit("c", &digest(&receipt), amount("0.000001"));
    signer(
        ledger
            .give_credit(&fixture::sealed(&credit, &requestor()))
            .unwrap_err(),
    );
    let mut elsewhere = credit.clone();
    elsewhere.receipt = Digest::of(b"no receipt");
    let elsewhere = fixture::sealed(&elsewhere, &provider());
    assert!(matches!(
        ledger.give_credit(&elsewhere),
        Err(LedgerError::Correction(
            CorrectionError::UnknownReceipt { .. }
        ))
    ));
    let mut euros = credit.clone();
    euros.currency = "EUR".parse().unwrap();
    let euros = fixture::sealed(&euros, &provider());
    assert!(matches!(
        ledger.give_credit(&euros),
        Err(LedgerError::Correction(CorrectionError::Currency { .. }))
    ));
    let mut newer = credit;
    newer.schema = 2;
    let newer = fixture::sealed(&newer, &provider());
    assert!(matches!(
        ledger.give_credit(&newer),
        Err(LedgerError::Correction(CorrectionError::Schema { .. }))
    ));
    assert!(matches!(
        ledger.judge(b"nonsense"),
        Err(LedgerError::Document(_))
    ));
    assert_eq!(ledger.stats().unwrap().records, 1);
    assert_eq!(ledger.check().unwrap(), []);
}

#[test]
fn what_was_accepted_is_not_disputed_and_the_same_word_counts_once() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    let receipt = one_receipt(&mut ledger);
    let dispute = said(&receipt, disputed("why so much"));
    assert_eq!(ledger.judge(&dispute).unwrap(), Posted::New);
    assert_eq!(ledger.judge(&dispute).unwrap(), Posted::Before);
    let accepted = said(&receipt, Verdict::Accepted {});
    assert_eq!(ledger.judge(&accepted).unwrap(), Posted::New);
    assert_eq!(ledger.judge(&accepted).unwrap(), Posted::Before);
    // The dispute of before is known; a new one comes too late.
    assert_eq!(ledger.judge(&dispute).unwrap(), Posted::Before);
    let error = ledger
        .judge(&said(&receipt, disputed("and another thing")))
        .unwrap_err();
    assert!(
        matches!(
            error,
            LedgerError::Correction(CorrectionError::Accepted { .. })
        ),
        "{error}"
    );
    assert_eq!(
        ledger.verdicts(&digest(&receipt)).unwrap(),
        [dispute, accepted]
    );
    assert_eq!(ledger.check().unwrap(), []);
}

#[test]
fn sixteen_disputes_of_a_receipt_are_recorded_and_one_more_refused() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    let receipt = one_receipt(&mut ledger);
    for number in 0..DISPUTES_MAX {
        let dispute = said(&receipt, disputed(&format!("reason {number}")));
        assert_eq!(ledger.judge(&dispute).unwrap(), Posted::New);
    }
    let one_more = said(&receipt, disputed("reason 16"));
    assert!(matches!(
        ledger.judge(&one_more),
        Err(LedgerError::Correction(
            CorrectionError::TooManyDisputes { .. }
        ))
    ));
    // It can still be accepted.
    let accepted = said(&receipt, Verdict::Accepted {});
    assert_eq!(ledger.judge(&accepted).unwrap(), Posted::New);
}
