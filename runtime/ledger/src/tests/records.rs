//! What exports and the transparency log read.

use meterbox_billing::record::{Charge, Record};

use super::*;

fn all(ledger: &Ledger, filter: &RecordFilter) -> Vec<(u64, Record)> {
    let records = ledger.records(filter).unwrap();
    records.map(Result::unwrap).collect()
}

#[test]
fn records_come_in_the_order_of_posting_and_say_what_the_documents_say() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    let envelope = finish(&mut ledger, &order("one", 1));
    let receipt = SealedReceipt::read(&envelope).unwrap();
    corrections::dispute_and_credit(&mut ledger, &receipt);
    finish(&mut ledger, &order("two", 2));
    let records = all(&ledger, &RecordFilter::default());
    let numbers: Vec<u64> = records.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    let digest = meterbox_billing::envelope::Envelope::from_bytes(&envelope)
        .unwrap()
        .payload_digest()
        .unwrap();
    let charge = Charge::of(receipt.receipt(), digest, requestor().public().unwrap());
    assert!(!charge.lines.is_empty());
    assert_eq!(records[0].1, Record::Charge(charge));
    let Record::Dispute(dispute) = &records[1].1 else {
        panic!("{records:?}");
    };
    assert_eq!(
        (dispute.receipt, dispute.reason.as_str()),
        (digest, "too much")
    );
    let Record::Credit(credit) = &records[2].1 else {
        panic!("{records:?}");
    };
    assert_eq!(
        (credit.receipt, credit.amount),
        (digest, amount("0.000001"))
    );
    assert!(matches!(&records[3].1, Record::Charge(charge) if charge.sequence == 1));
}

#[test]
fn records_are_filtered_by_number_requestor_and_period() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    // Two and a half pages, by turns of two requestors, one a second.
    let count = 2_500_u64;
    let keys = [fixture::requestor_of(0), fixture::requestor_of(1)];
    let offer = known_offer();
    let named = meterbox_billing::envelope::Document::digest(&fixture::offer()).unwrap();
    ledger
        .connection()
        .pragma_update(None, "synchronous", "OFF")
        .unwrap();
    for number in 0..count {
        let key = &keys[usize::try_from(number % 2).unwrap()];
        let order = fixture::order_of(key, &named, &format!("o{number}"), number);
        let envelope = fixture::sealed(&order, key);
        let new = NewOrder::read(&envelope, &offer, amount("1"), usd(), at(NOW)).unwrap();
        ledger.accept(&new).unwrap();
        let sign = |next: Next| {
            let receipt = fixture::receipt(&order, next.sequence, next.previous);
            SealedReceipt::seal(&Draft::of(receipt)?, next, &provider())
        };
        ledger.record_with(&order.id, sign).unwrap();
    }
    let numbers = |filter: RecordFilter| -> Vec<u64> {
        let records = ledger.records(&filter).unwrap();
        records.map(|record| record.unwrap().0).collect()
    };
    let everything = RecordFilter::default();
    assert_eq!(numbers(everything), (0..count).collect::<Vec<_>>());
    let of_second = RecordFilter {
        requestor: Some(keys[1].public().unwrap()),
        from: 1_000,
        ..everything
    };
    let odd: Vec<u64> = (1_000..count).filter(|number| number % 2 == 1).collect();
    assert_eq!(numbers(of_second), odd);
    let period = RecordFilter {
        since: Some(at(NOW + 100)),
        until: Some(at(NOW + 1_300)),
        ..everything
    };
    assert_eq!(numbers(period), (100..1_300).collect::<Vec<_>>());
    let nobody = RecordFilter {
        requestor: Some(provider().public().unwrap()),
        ..everything
    };
    assert!(numbers(nobody).is_empty());
    let later = RecordFilter {
        since: Some(at(fixture::EXPIRY)),
        ..everything
    };
    assert!(numbers(later).is_empty());
    let digests: Vec<Digest> = ledger
        .receipt_digests(2_498)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(digests.len(), 2);
    assert_eq!(
        digests.last().copied(),
        ledger.last_receipt_digest().unwrap()
    );
    let found = ledger.receipt_of(&digests[0]).unwrap().unwrap();
    assert_eq!(found.0, 2_498);
}

#[test]
fn checkpoints_are_kept_as_they_were_and_never_go_back() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    assert_eq!(ledger.latest_checkpoint().unwrap(), None);
    finish(&mut ledger, &order("one", 1));
    assert_eq!(ledger.put_checkpoint(0, b"empty").unwrap(), Posted::New);
    assert_eq!(ledger.put_checkpoint(1, b"one").unwrap(), Posted::New);
    assert_eq!(ledger.put_checkpoint(1, b"one").unwrap(), Posted::Before);
    assert_eq!(
        ledger.put_checkpoint(1, b"one, witnessed").unwrap(),
        Posted::New
    );
    let latest = ledger.latest_checkpoint().unwrap().unwrap();
    assert_eq!(
        (latest.size, latest.note.as_slice()),
        (1, &b"one, witnessed"[..])
    );
    assert_eq!(ledger.checkpoint_of(0).unwrap().unwrap().note, b"empty");
    for (size, note) in [(2, vec![]), (0, b"other".to_vec()), (1, vec![b' '; 70_000])] {
        assert!(matches!(
            ledger.put_checkpoint(size, &note),
            Err(LedgerError::Checkpoint(_))
        ));
    }
    assert_eq!(ledger.stats().unwrap().checkpoints, 3);
}

#[test]
fn a_backup_is_a_ledger_of_the_same_books_and_overwrites_nothing() {
    let (folder, path) = books();
    let mut ledger = open(&path);
    finish(&mut ledger, &order("one", 1));
    let copy = folder.path().join("copy.sqlite");
    let mut told = (0, 0);
    // While it is open for writing, from beside.
    let reader = Reader::open(&path).unwrap();
    let copied = reader.backup(&copy, |done, of| told = (done, of)).unwrap();
    assert_eq!(copied.receipts, 1);
    assert!(told.0 == told.1 && told.1 > 0);
    let before = std::fs::read(&copy).unwrap();
    assert!(matches!(
        ledger.backup(&copy, |_, _| ()),
        Err(LedgerError::Exists { .. })
    ));
    assert_eq!(std::fs::read(&copy).unwrap(), before);
    finish(&mut ledger, &order("two", 2));
    assert_eq!(balances(&open(&copy)).len(), 3);
    let restored = open(&copy);
    assert_eq!(restored.next_sequence().unwrap(), 1);
    assert_eq!(restored.check().unwrap(), []);
    assert_eq!(
        restored.receipt(&id("one")).unwrap(),
        ledger.receipt(&id("one")).unwrap()
    );
    // What does not balance is no backup.
    unlock(&ledger);
    ledger
        .connection()
        .execute("UPDATE entries SET amount = '5' WHERE number = 0", [])
        .unwrap();
    let bad = folder.path().join("bad.sqlite");
    assert!(matches!(
        ledger.backup(&bad, |_, _| ()),
        Err(LedgerError::OutOfBalance { .. })
    ));
    assert!(!bad.exists());
}

#[test]
fn the_numbers_of_the_books_are_told() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    let receipt = SealedReceipt::read(&finish(&mut ledger, &order("one", 1))).unwrap();
    corrections::dispute_and_credit(&mut ledger, &receipt);
    accept(&mut ledger, &order("two", 2)).unwrap();
    let stats = ledger.stats().unwrap();
    assert_eq!(
        (
            stats.orders,
            stats.pending,
            stats.receipts,
            stats.requestors
        ),
        (2, 1, 1, 1)
    );
    assert_eq!((stats.disputes, stats.credits, stats.records), (1, 1, 3));
    assert_eq!((stats.entries, stats.unchecked_records), (5, 3));
    assert_eq!(stats.latest, Some(at(NOW)));
    assert_eq!(stats.provider[0].amount, amount("0.00000022"));
    assert!(stats.file_bytes > 0 && stats.log_bytes > 0);
}

#[test]
fn what_a_charge_used_of_models_is_kept_and_another_count_is_found() {
    use meterbox_billing::model_use::ModelUse;
    use meterbox_billing::record::ChargedModel;

    let (_folder, path) = books();
    let mut ledger = open(&path);
    let order = order("one", 1);
    accept(&mut ledger, &order).unwrap();
    let used = ModelUse {
        calls: 2,
        ..ModelUse::nothing(Digest::of(b"model"))
    };
    let receipt = changed(&order, None, |part, attested| {
        attested.sequence = 0;
        part.models = vec![used];
    });
    ledger.record(&order.id, &receipt).unwrap();
    finish(&mut ledger, &super::order("two", 2));
    let models: Vec<_> = ledger
        .records(&RecordFilter::default())
        .unwrap()
        .map(|record| match record.unwrap().1 {
            meterbox_billing::record::Record::Charge(charge) => charge.models,
            other => panic!("{other:?}"),
        })
        .collect();
    let charged = ChargedModel { input: None, used };
    assert_eq!(models, [vec![charged], vec![]]);
    assert_eq!(ledger.check().unwrap(), []);
    unlock(&ledger);
    let forgery = r#"UPDATE records SET models = replace(models, '"calls":"2"', '"calls":"3"') WHERE number = 0"#;
    assert_eq!(ledger.connection().execute(forgery, []).unwrap(), 1);
    assert_ne!(ledger.check().unwrap(), []);
}
