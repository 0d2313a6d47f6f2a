//! Rate cards: what is read, what is refused and in which words.

use super::*;

const CARD: &str = r#"
id = "test"
currency = "EUR"
valid_from = "2026-01-01T00:00:00Z"
valid_until = 2027-01-01T00:00:00Z
rounding = "half-even"
minor_unit_digits = 2
fee_per_job = "0.01"

[prices]
instructions = "0.000000001"
bytes_in = "0"
"#;

fn refused(from: &str, to: &str) -> RateCardError {
    assert!(CARD.contains(from), "{from}");
    RateCard::from_toml(&CARD.replacen(from, to, 1)).unwrap_err()
}

#[test]
fn a_card_says_what_its_file_says() {
    let card = RateCard::from_toml(CARD).unwrap();
    assert_eq!(card.id().as_str(), "test");
    assert_eq!(card.currency().to_string(), "EUR");
    assert_eq!(card.minor_unit_digits(), 2);
    assert_eq!(card.fee_per_job().to_string(), "0.01");
    assert!(card.minimum_charge().is_zero());
    assert_eq!(card.price(Meter::Instructions).to_string(), "0.000000001");
    assert!(card.price(Meter::BytesOut).is_zero());
    assert!(card.is_valid_at("2026-12-31T23:59:59Z".parse().unwrap()));
    assert!(!card.is_valid_at("2027-01-01T00:00:00Z".parse().unwrap()));
    assert!(!card.is_valid_at("2025-12-31T23:59:59Z".parse().unwrap()));
}

#[test]
fn the_digest_is_of_the_meaning_not_of_the_file() {
    let digest = |text: &str| RateCard::from_toml(text).unwrap().digest().unwrap();
    let same = CARD
        .replace("\"0.01\"", "\"0.0100\" # a cent")
        .replace("bytes_in = \"0\"\n", "");
    assert_eq!(digest(CARD), digest(&same));
    assert_ne!(digest(CARD), digest(&CARD.replace("0.01", "0.02")));
}

#[test]
fn numbers_are_refused_with_the_cure() {
    let error = refused("\"0.000000001\"", "1.5");
    assert!(matches!(error, RateCardError::NotText { .. }));
    assert_eq!(
        error.hint().unwrap(),
        "write the price as text: instructions = \"1.5\""
    );
    assert!(matches!(
        refused("\"0.01\"", "1"),
        RateCardError::NotText { .. }
    ));
}

#[test]
fn inexact_and_negative_prices_are_refused_with_the_number() {
    let error = refused("0.000000001", "0.0000000000000000000000000012");
    assert_eq!(
        error,
        RateCardError::Money {
            field: "instructions".into(),
            source: MoneyError::Inexact {
                text: "0.0000000000000000000000000012".into(),
                digits: 27,
                lost: "2".into()
            }
        }
    );
    assert!(error.hint().unwrap().contains("27"));
    for (from, to) in [("0.000000001", "-1"), ("0.01", "-0.01")] {
        assert!(matches!(
            refused(from, to),
            RateCardError::Money {
                source: MoneyError::Sign { .. },
                ..
            }
        ));
    }
}

#[test]
fn a_fee_too_large_for_a_line_is_refused() {
    assert!(matches!(
        refused("\"0.01\"", "\"999999999999999\""),
        RateCardError::Money {
            source: MoneyError::Overflow,
            ..
        }
    ));
}

#[test]
fn unknown_missing_and_mistyped_fields_are_refused() {
    assert!(matches!(
        refused("fee_per_job", "fee"),
        RateCardError::UnknownField { .. }
    ));
    assert!(matches!(
        refused("bytes_in", "bytes"),
        RateCardError::UnknownMeter { .. }
    ));
    assert!(matches!(
        refused("id = \"test\"", ""),
        RateCardError::Missing { .. }
    ));
    assert!(matches!(
        refused("[prices]", "[price]"),
        RateCardError::UnknownField { .. }
    ));
    assert!(matches!(
        refused("\"test\"", "[]"),
        RateCardError::Type { .. }
    ));
    assert!(matches!(
        refused("= 2\n", "= \"2\"\n"),
        RateCardError::Type { .. }
    ));
    assert!(matches!(
        refused("= 2\n", "= 19\n"),
        RateCardError::Invalid { .. }
    ));
    assert!(matches!(
        refused("half-even", "up"),
        RateCardError::Invalid { .. }
    ));
    assert!(matches!(
        refused("EUR", "euro"),
        RateCardError::Invalid { .. }
    ));
    assert!(matches!(
        refused("2026-01-01", "2028-01-01"),
        RateCardError::Invalid { .. }
    ));
    assert!(matches!(
        refused("T00:00:00Z\"", "T00:00:00+01:00\""),
        RateCardError::Invalid { .. }
    ));
    assert!(matches!(
        refused("id =", "id = id ="),
        RateCardError::Toml { .. }
    ));
    assert!(matches!(
        refused("bytes_in = \"0\"", "instructions = \"1\""),
        RateCardError::Toml { .. }
    ));
    assert!(matches!(
        RateCard::from_toml(&"#".repeat(CARD_BYTES_MAX + 1)),
        Err(RateCardError::TooLarge { .. })
    ));
}

#[test]
fn the_default_card_prices_what_its_comments_say() {
    let card = default_card().unwrap();
    // A core-hour, 9·10^13 instructions.
    let hour = card
        .price(Meter::Instructions)
        .times(90_000_000_000_000)
        .unwrap();
    assert_eq!(hour.to_string(), "0.0198");
    let gib_hour = card
        .price(Meter::MemoryPageInstructions)
        .times(16_384 * 90_000_000_000_000)
        .unwrap();
    assert_eq!(
        gib_hour.to_string(),
        "0.0011796480000000000".trim_end_matches('0')
    );
    assert_eq!(
        card.price(Meter::BytesIn)
            .times(1_000_000_000)
            .unwrap()
            .to_string(),
        "0.02"
    );
    assert!(card.price(Meter::MemoryPagesPeak).is_zero());
}

/// Each flaw of a price in the words that its author reads, and how to mend it.
#[test]
fn bad_prices_are_named_with_what_is_wrong() {
    let told = |from: &str, to: &str| {
        let error = refused(from, to);
        let first: &dyn std::error::Error = &error;
        let causes: Vec<_> = std::iter::successors(Some(first), |error| error.source())
            .map(ToString::to_string)
            .collect();
        (causes.join(": "), error.hint())
    };
    let price = "\"0.000000001\"";
    for (to, reason) in [
        ("\"0.0000000000000000000000000001\"", "`1` would be lost"),
        ("\"-0.5\"", "money here is never negative"),
        ("\"+0.5\"", "money here is never negative"),
        ("\"0,5\"", "no plain decimal number"),
        ("\"1e-9\"", "no plain decimal number"),
        ("\"\"", "no plain decimal number"),
        ("\"NaN\"", "no plain decimal number"),
        ("\"340282366921\"", "is too large"),
        ("1e-9", "cannot be trusted to be exact"),
        ("-1", "cannot be trusted to be exact"),
        ("true", "is boolean, expected text"),
        ("[\"1\", \"2\"]", "is array, expected text"),
        ("{ from = 0, price = \"1\" }", "is table, expected text"),
    ] {
        let (found, _) = told(price, to);
        assert!(
            found.contains("`instructions`") && found.contains(reason),
            "{to}: {found}"
        );
    }
    // Two prices for one meter overlap, however they are written.
    for (from, to) in [
        ("bytes_in = \"0\"", "instructions = \"1\""),
        ("bytes_in = \"0\"", "\"instructions\" = \"1\""),
        ("bytes_in = \"0\"", "instructions.from = \"1\""),
    ] {
        let (found, _) = told(from, to);
        assert!(
            found.contains("instructions") && found.contains("no TOML"),
            "{found}"
        );
    }
    let (found, hint) = told(
        "[prices]\ninstructions = \"0.000000001\"\nbytes_in = \"0\"",
        "",
    );
    assert_eq!(found, "the rate card has no `prices`");
    assert!(hint.unwrap().contains("prices"));
    let (found, _) = told("[prices]", "[[prices]]");
    assert_eq!(found, "`prices` is array, expected a table");
    let (found, hint) = told("bytes_in", "bytes_in_and_out");
    assert_eq!(
        found,
        "the rate card prices `bytes_in_and_out`, which is no meter"
    );
    assert!(hint.unwrap().contains("bytes_in, bytes_out"));
}
