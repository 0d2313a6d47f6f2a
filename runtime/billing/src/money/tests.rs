//! Money: exact text, and a rounding that an independent method confirms.

use proptest::prelude::*;

use super::*;

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

#[test]
fn texts_are_read_exactly_and_written_without_needless_zeros() {
    for (text, units, shown) in [
        ("0", 0, "0"),
        ("0.0", 0, "0"),
        ("1", 1_000_000_000_000_000_000, "1"),
        ("0.10", 100_000_000_000_000_000, "0.1"),
        ("0.000000000000000001", 1, "0.000000000000000001"),
        ("0.0000000000000000010", 1, "0.000000000000000001"),
        (
            "340282366920938463463.374607431768211455",
            u128::MAX,
            "340282366920938463463.374607431768211455",
        ),
    ] {
        assert_eq!(amount(text).units(), units, "{text}");
        assert_eq!(amount(text).to_string(), shown);
    }
}

#[test]
fn what_is_no_exact_plain_decimal_is_refused() {
    let parse = |text: &str| text.parse::<Amount>().unwrap_err();
    for text in [
        "", ".", "1.", ".5", "1e3", "1E3", "0x1", "1_000", "1,5", " 1", "01", "1.2.3", "NaN", "٣",
    ] {
        assert!(matches!(parse(text), MoneyError::Form { .. }), "{text}");
    }
    for text in ["-1", "+1", "-0"] {
        assert!(matches!(parse(text), MoneyError::Sign { .. }), "{text}");
    }
    assert_eq!(
        parse("0.0000000000000000012"),
        MoneyError::Inexact {
            text: "0.0000000000000000012".into(),
            digits: 18,
            lost: "2".into()
        }
    );
    assert!(matches!(
        parse("340282366920938463463.374607431768211456"),
        MoneyError::TooLarge { .. }
    ));
    assert!(matches!(parse(&"0".repeat(200)), MoneyError::Form { .. }));
}

#[test]
fn ties_round_to_the_even_unit() {
    let half = UnitPrice::from_units(500_000_000);
    for (quantity, units) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 2), (7, 4)] {
        assert_eq!(half.times(quantity).unwrap().units(), units, "{quantity}");
    }
    let above = UnitPrice::from_units(500_000_001);
    assert_eq!(above.times(1).unwrap().units(), 1);
    let below = UnitPrice::from_units(1_499_999_999);
    assert_eq!(below.times(1).unwrap().units(), 1);
}

#[test]
fn products_beyond_an_amount_are_an_error() {
    let price = UnitPrice::from_units(PRICE_UNITS_PER_AMOUNT_UNIT);
    assert_eq!(price.times(u128::MAX).unwrap().units(), u128::MAX);
    let dearer = UnitPrice::from_units(PRICE_UNITS_PER_AMOUNT_UNIT + 1);
    assert_eq!(dearer.times(u128::MAX), Err(MoneyError::Overflow));
    assert_eq!(
        UnitPrice::from_units(u128::MAX).times(u128::MAX),
        Err(MoneyError::Overflow)
    );
    // The quotient fits and the rounding does not: 2^128 - 1/2.
    assert_eq!(
        Amount::from_units(u128::MAX).checked_add(Amount::from_units(1)),
        Err(MoneyError::Overflow)
    );
}

#[test]
fn currencies_are_three_capital_letters() {
    assert_eq!("USD".parse::<Currency>().unwrap().to_string(), "USD");
    for text in ["", "US", "usd", "USDT", "U$D", "ÄÖ"] {
        assert!(text.parse::<Currency>().is_err(), "{text}");
    }
}

#[test]
fn json_is_text_only() {
    assert_eq!(serde_json::to_string(&amount("0.5")).unwrap(), "\"0.5\"");
    assert!(serde_json::from_str::<Amount>("1").is_err());
    assert!(serde_json::from_str::<Amount>("0.5").is_err());
    assert_eq!(
        serde_json::from_str::<Amount>("\"0.50\"").unwrap(),
        amount("0.5")
    );
}

/// Schoolbook product of two numbers as decimal digits, lowest first.
fn digits_product(a: u128, b: u128) -> Vec<u32> {
    let digits = |n: u128| {
        n.to_string()
            .bytes()
            .rev()
            .map(|d| u32::from(d - b'0'))
            .collect::<Vec<_>>()
    };
    let (a, b) = (digits(a), digits(b));
    let mut out = vec![0_u32; a.len() + b.len() + 1];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            out[i + j] += x * y;
        }
    }
    for i in 0..out.len() - 1 {
        let carry = out[i] / 10;
        out[i] %= 10;
        out[i + 1] += carry;
    }
    out
}

/// The rounded amount, found on decimal digits alone.
fn times_by_digits(price: u128, quantity: u128) -> Option<u128> {
    let mut digits = digits_product(price, quantity);
    digits.resize(digits.len().max(10), 0);
    let (lost, kept) = digits.split_at(9);
    let text: String = kept
        .iter()
        .rev()
        .map(|d| char::from_digit(*d, 10).unwrap())
        .collect();
    let kept: u128 = match text.trim_start_matches('0') {
        "" => 0,
        text => text.parse().ok()?,
    };
    let lost: u64 = lost.iter().rev().fold(0, |n, d| n * 10 + u64::from(*d));
    match lost.cmp(&500_000_000) {
        std::cmp::Ordering::Less => Some(kept),
        std::cmp::Ordering::Greater => kept.checked_add(1),
        std::cmp::Ordering::Equal => kept.checked_add(kept % 2),
    }
}

/// Numbers of every magnitude, not only huge ones.
fn any_magnitude() -> impl Strategy<Value = u128> {
    (any::<u128>(), 0_u32..128).prop_map(|(n, shift)| n >> shift)
}

proptest! {
    #[test]
    fn amounts_come_back_from_text(units in any_magnitude()) {
        let value = Amount::from_units(units);
        prop_assert_eq!(value.to_string().parse::<Amount>().unwrap(), value);
        let price = UnitPrice::from_units(units);
        prop_assert_eq!(price.to_string().parse::<UnitPrice>().unwrap(), price);
    }

    #[test]
    fn products_agree_with_schoolbook_digits(price in any_magnitude(), quantity in any_magnitude()) {
        let fast = UnitPrice::from_units(price).times(quantity).ok().map(Amount::units);
        prop_assert_eq!(fast, times_by_digits(price, quantity));
    }

    #[test]
    fn ties_agree_with_schoolbook_digits(odd in any::<u64>(), scale in 1_u128..1000) {
        let quantity = u128::from(odd) * scale;
        let fast = UnitPrice::from_units(500_000_000).times(quantity).ok().map(Amount::units);
        prop_assert_eq!(fast, times_by_digits(500_000_000, quantity));
    }
}

#[test]
fn the_smallest_coin_is_the_currencys_own() {
    for (code, digits) in [("USD", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("GLM", 2)] {
        let currency: Currency = code.parse().unwrap();
        assert_eq!(currency.minor_unit_digits(), digits, "{code}");
    }
}
