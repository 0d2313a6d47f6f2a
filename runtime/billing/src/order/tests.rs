//! Orders: every reason to refuse one, and that they come back from their bytes.

use super::*;
use crate::canonical::from_json_strict;
use crate::envelope::Envelope;
use crate::fixture::{card, offer, order, provider_key, requestor_key};
use crate::rate_card::default_card;

const NOW: u64 = 1_780_000_000;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds).unwrap()
}

fn check(order: &Order) -> Result<Amount, OrderError> {
    order.check_against(&offer(), &card(), at(NOW), 10)
}

fn refused(change: impl Fn(&mut Order)) -> OrderError {
    let mut order = order();
    change(&mut order);
    check(&order).unwrap_err()
}

#[test]
fn a_fitting_order_is_held_at_its_ceiling() {
    let ceiling = check(&order()).unwrap();
    assert_eq!(
        ceiling,
        crate::bill::ceiling(&order().limits, &card(), 10).unwrap()
    );
    let exact = Order {
        max_price: ceiling,
        ..order()
    };
    assert_eq!(check(&exact).unwrap(), ceiling);
}

#[test]
fn an_order_that_could_cost_one_unit_too_much_is_refused() {
    let ceiling = check(&order()).unwrap();
    let below = Amount::from_units(ceiling.units() - 1);
    let error = refused(|order| order.max_price = below);
    assert!(matches!(error, OrderError::TooDear { .. }));
    assert!(error.hint().unwrap().contains(&ceiling.to_string()));
}

#[test]
fn each_reason_is_named() {
    assert!(matches!(
        refused(|o| o.schema = 2),
        OrderError::Schema {
            document: "order",
            ..
        }
    ));
    assert!(matches!(
        refused(|o| o.offer = Digest::of(b"")),
        OrderError::WrongOffer { .. }
    ));
    assert!(matches!(
        refused(|o| o.expires_at = at(NOW)),
        OrderError::Expired { what: "order", .. }
    ));
    assert!(matches!(
        refused(|o| o.deadline = at(NOW)),
        OrderError::Expired { .. }
    ));
    assert!(matches!(
        refused(|o| o.job.inputs[0].name.clear()),
        OrderError::Job(_)
    ));
    let error = refused(|o| o.limits.memory_bytes += 1);
    assert!(error.to_string().contains("`memory_bytes`"));
    assert!(error.hint().unwrap().contains("memory_bytes"));
    assert!(matches!(
        refused(|o| o.limits.admission_units = 9),
        OrderError::Admission {
            needed: 10,
            allowed: 9
        }
    ));
    assert_eq!(
        refused(|o| o.device = Device::Gpu).to_string(),
        "the order asks for device `gpu`, which is not offered"
    );
    assert!(matches!(
        refused(|o| o.precision = Precision::I4),
        OrderError::NotOffered {
            what: "precision",
            ..
        }
    ));
    assert!(matches!(
        refused(|o| o.confidentiality = Confidentiality::Attested),
        OrderError::NotOffered {
            what: "confidentiality",
            ..
        }
    ));
}

#[test]
fn the_offer_and_the_card_are_checked_too() {
    let against = |offer: &Offer, card: &RateCard, now| {
        let order = Order {
            offer: offer.digest().unwrap(),
            ..order()
        };
        order.check_against(offer, card, at(now), 10).unwrap_err()
    };
    assert!(matches!(
        against(&offer(), &default_card().unwrap(), NOW),
        OrderError::WrongCard { .. }
    ));
    let expired = Offer {
        expires_at: at(NOW),
        ..offer()
    };
    assert!(matches!(
        against(&expired, &card(), NOW),
        OrderError::Expired { what: "offer", .. }
    ));
    assert!(matches!(
        against(&offer(), &card(), 1),
        OrderError::NotYetValid { .. }
    ));
    let newer = Offer {
        schema: 9,
        ..offer()
    };
    assert!(matches!(
        against(&newer, &card(), NOW),
        OrderError::Schema {
            document: "offer",
            ..
        }
    ));
}

#[test]
fn sealed_documents_open_for_the_right_key_and_kind_only() {
    let key = requestor_key();
    let public = key.public().unwrap();
    let sealed = Envelope::seal(&order(), &key).unwrap();
    assert_eq!(sealed.open::<Order>(&public).unwrap(), order());
    assert_eq!(sealed.payload_digest().unwrap(), order().digest().unwrap());
    assert!(sealed.open::<Offer>(&public).is_err());
    assert!(
        sealed
            .open::<Order>(&provider_key().public().unwrap())
            .is_err()
    );
    let offered = Envelope::seal(&offer(), &provider_key()).unwrap();
    assert_eq!(
        offered
            .open::<Offer>(&provider_key().public().unwrap())
            .unwrap(),
        offer()
    );
}

#[test]
fn numbers_in_place_of_strings_and_unknown_fields_are_refused() {
    let text = String::from_utf8(order().payload().unwrap()).unwrap();
    assert_eq!(from_json_strict::<Order>(text.as_bytes()).unwrap(), order());
    for (from, to) in [
        (r#""seed":"7""#, r#""seed":7"#),
        (r#""seed":"7""#, r#""seed":"07""#),
        (r#""schema":1"#, r#""schema":"1""#),
        (r#""schema":1"#, r#""schema":1,"extra":1"#),
        (r#""schema":1"#, r#""schema":1,"schema":1"#),
    ] {
        assert!(text.contains(from), "{from}");
        let bad = text.replacen(from, to, 1);
        assert!(from_json_strict::<Order>(bad.as_bytes()).is_err(), "{to}");
    }
}
