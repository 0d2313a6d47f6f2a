//! What requestors may spend, and when an order may come at all.

use super::*;

pub(super) fn grant(name: &str, granted: &str) -> Grant {
    Grant {
        id: id(name),
        requestor: requestor().public().unwrap(),
        currency: usd(),
        amount: amount(granted),
    }
}

#[test]
fn no_more_is_held_than_is_left_of_a_budget() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    assert_eq!(ledger.grant(&grant("one", "0.6")).unwrap(), Posted::New);
    accept(&mut ledger, &order("a", 1)).unwrap();
    match accept(&mut ledger, &order("b", 2)).unwrap_err() {
        LedgerError::Budget(BudgetError::OverBudget { left, asked, .. }) => {
            assert_eq!((left, asked), (amount("0.1"), amount("0.5")));
        }
        other => panic!("{other:?}"),
    }
    ledger.grant(&grant("two", "0.4")).unwrap();
    // To the last unit.
    accept(&mut ledger, &order("b", 2)).unwrap();
    let left = |ledger: &Ledger| {
        let key = requestor().public().unwrap();
        ledger.budgets(&key).unwrap().remove(0)
    };
    assert_eq!(left(&ledger).left, Amount::ZERO);
    assert_eq!(left(&ledger).held, amount("1"));
    let receipt = next_receipt(&ledger, &id_order("a", 1));
    ledger.record(&id("a"), &receipt).unwrap();
    assert_eq!(left(&ledger).left, amount("0.49999878"));
    assert_eq!(left(&ledger).granted, amount("1"));
    assert_eq!(ledger.check().unwrap(), []);
}

fn id_order(name: &str, seed: u64) -> Order {
    order(name, seed)
}

#[test]
fn a_grant_is_posted_once_and_another_under_its_id_is_refused() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    assert_eq!(ledger.grant(&grant("one", "5")).unwrap(), Posted::New);
    assert_eq!(ledger.grant(&grant("one", "5")).unwrap(), Posted::Before);
    let error = ledger.grant(&grant("one", "6")).unwrap_err();
    assert!(error.to_string().contains("different amount"), "{error}");
    assert_eq!(
        balances(&ledger),
        [
            pair("provider:granted", "-5 USD"),
            pair("requestor:KEY:budget", "5 USD")
        ]
    );
    assert_eq!(ledger.check().unwrap(), []);
}

#[test]
fn who_has_no_budget_follows_the_policy() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    accept(&mut ledger, &order("a", 1)).unwrap();
    let mut ledger = ledger.with_policy(Policy {
        budget_required: true,
        ..Policy::default()
    });
    let error = accept(&mut ledger, &order("b", 1)).unwrap_err();
    assert!(
        matches!(error, LedgerError::Budget(BudgetError::NoBudget { .. })),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("grant"));
    ledger.grant(&grant("one", "2")).unwrap();
    accept(&mut ledger, &order("b", 1)).unwrap();
}

#[test]
fn an_order_is_not_accepted_from_the_moment_at_which_it_expires() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    let one = order("one", 1);
    let at_time = |seconds| {
        let envelope = sealed(&one);
        NewOrder::read(&envelope, &known_offer(), amount("1"), usd(), at(seconds)).unwrap()
    };
    match ledger.accept(&at_time(fixture::EXPIRY)).unwrap_err() {
        LedgerError::Expired { now, .. } => assert_eq!(now, at(fixture::EXPIRY)),
        other => panic!("{other:?}"),
    }
    ledger.accept(&at_time(fixture::EXPIRY - 1)).unwrap();
    ledger.abandon(&one.id, &fault("x")).unwrap();
    let again = ledger.accept(&at_time(fixture::EXPIRY));
    assert!(matches!(again, Err(LedgerError::Expired { .. })));
}

#[test]
fn a_clock_that_is_set_back_revives_no_order() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    let accept = |ledger: &mut Ledger, name: &str, seconds| {
        let envelope = sealed(&order(name, 1));
        let order = NewOrder::read(&envelope, &known_offer(), amount("1"), usd(), at(seconds));
        ledger.accept(&order.unwrap())
    };
    accept(&mut ledger, "a", fixture::EXPIRY - 1).unwrap();
    // A step back that a synchronised clock makes: the later time goes on to count.
    accept(&mut ledger, "b", fixture::EXPIRY - 300).unwrap();
    drop(ledger);
    let mut ledger = open(&path);
    let error = accept(&mut ledger, "c", fixture::EXPIRY - 302).unwrap_err();
    assert!(
        matches!(error, LedgerError::ClockWentBack { .. }),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("clock"));
    // Whoever knows that the clock was wrong before says so.
    let mut ledger = ledger.with_policy(Policy {
        trust_clock: true,
        ..Policy::default()
    });
    accept(&mut ledger, "c", NOW).unwrap();
    let mut ledger = ledger.with_policy(Policy::default());
    accept(&mut ledger, "d", NOW).unwrap();
}

#[test]
fn an_order_is_charged_by_the_provider_that_it_names_and_by_no_other() {
    let (_folder, path) = books();
    let mut ledger = open(&path);
    let other = SigningKey::from_bytes(&[9; 32]);
    let others_offer = KnownOffer::of(&fixture::offer_of(&other)).unwrap();
    let envelope = sealed(&order("one", 1));
    let wrong = NewOrder::read(&envelope, &others_offer, amount("1"), usd(), at(NOW));
    assert!(matches!(wrong, Err(LedgerError::WrongOffer { .. })));
    accept(&mut ledger, &order("one", 1)).unwrap();
    let mut attested = fixture::attested(&order("one", 1), 0, None);
    attested.provider_key = other.public().unwrap();
    let part = fixture::reproducible(&order("one", 1), 1);
    let receipt = meterbox_billing::receipt::Receipt::new(part, attested).unwrap();
    let receipt = fixture::sealed(&receipt, &other);
    match ledger.record(&id("one"), &receipt).unwrap_err() {
        LedgerError::NotNext { field, .. } => assert_eq!(field, "attested.provider_key"),
        other => panic!("{other:?}"),
    }
}
