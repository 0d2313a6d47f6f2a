use super::*;
use crate::fixture::{requestor, settings_text};

fn error(text: &str) -> String {
    Settings::from_toml(text).unwrap_err().to_string()
}

fn with(from: &str, to: &str) -> String {
    let text = settings_text("category = \"S\"\nrate = \"19\"");
    let changed = text.replacen(from, to, 1);
    assert_ne!(changed, text, "{from} is there to be changed");
    changed
}

#[test]
fn settings_are_read_and_buyers_found_by_key() {
    let settings = Settings::from_toml(&settings_text("category = \"S\"\nrate = \"19\"")).unwrap();
    assert_eq!(settings.seller.name, "Rechenwerk GmbH");
    assert_eq!(
        settings.buyer(&requestor()).unwrap().party.city.as_deref(),
        Some("Wien")
    );
    assert!(settings.buyer(&crate::fixture::provider()).is_none());
}

#[test]
fn every_category_has_settings_that_are_accepted() {
    for tax in [
        "category = \"S\"\nrate = \"7.75\"",
        "category = \"Z\"",
        "category = \"E\"\nreason = \"small business\"",
        "category = \"AE\"\nreason = \"Reverse charge\"",
        "category = \"G\"\nreason = \"Export\"",
    ] {
        Settings::from_toml(&settings_text(tax)).unwrap();
    }
    let outside = settings_text("category = \"O\"\nreason = \"out of scope\"")
        .replace("vat_id = \"DE123456789\"\n", "")
        .replace("vat_id = \"ATU12345678\"\n", "");
    Settings::from_toml(&outside).unwrap();
}

#[test]
fn bad_values_are_refused_by_name() {
    for (from, to, named) in [
        ("country = \"DE\"", "country = \"de\"", "seller.country"),
        (
            "country = \"AT\"",
            "country = \"XX\"",
            "buyers[0].party.country",
        ),
        ("DE123456789", "123456789", "seller.vat_id"),
        ("ATU12345678", "UKU12345678", "buyers[0].party.vat_id"),
        (
            "DE89370400440532013000",
            "DE89370400440532013001",
            "payment.iban",
        ),
        ("DE89370400440532013000", "DE", "payment.iban"),
        ("days = 14", "days = 367", "payment.days"),
        ("rate = \"19\"", "rate = \"101\"", "tax.rate"),
        ("rate = \"19\"", "rate = \"19.001\"", "tax.rate"),
        ("\"Weg 1\"", "\" \"", "seller.street"),
        ("\"Weg 1\"", "\"a\\u0007b\"", "seller.street"),
        ("\"PO-7\"", "\"\"", "buyers[0].reference"),
        (
            "number_prefix = \"MB-\"",
            "number_prefix = \"\\n\"",
            "number_prefix",
        ),
    ] {
        let error = error(&with(from, to));
        assert!(error.starts_with(&format!("`{named}` is ")), "{error}");
    }
    assert!(error(&with("Weg 1", &"x".repeat(301))).contains("longer than 300"));
}

#[test]
fn what_is_no_settings_file_is_refused_with_the_place() {
    for (text, part) in [
        ("", "missing field `seller`"),
        ("[seller", "line 1"),
        (&with("street = ", "stret = "), "unknown field `stret`"),
        (
            &with("reference = ", "refrence = "),
            "unknown field `refrence`",
        ),
        (&with("rate = \"19\"", "rate = 19"), "a string"),
        (&with("rate = \"19\"", "rate = \"-19\""), "sign"),
        (
            &with("category = \"S\"", "category = \"K\""),
            "unknown variant `K`",
        ),
        (&with("days = 14", "days = -1"), "invalid value"),
    ] {
        let error = error(text);
        assert!(
            error.contains("cannot be read") && error.contains(part),
            "{part}: {error}"
        );
    }
    assert!(error(&"#".repeat(SETTINGS_BYTES_MAX + 1)).contains("at most"));
}

#[test]
fn rules_of_the_standard_are_named() {
    let with_tax = |tax: &str| settings_text(tax);
    let without_ids = |tax: &str| {
        let text = settings_text(tax).replace("vat_id = \"DE123456789\"\n", "");
        text.replace("registration = \"HRB 1234\"\n", "tax_number = \"12/345\"\n")
    };
    for (text, id) in [
        (with_tax("category = \"S\""), "BR-S-05"),
        (with_tax("category = \"Z\"\nrate = \"19\""), "BR-E-05"),
        (with_tax("category = \"E\""), "BR-E-10"),
        (
            with_tax("category = \"S\"\nrate = \"19\"\nreason = \"no\""),
            "BR-S-10",
        ),
        (without_ids("category = \"S\"\nrate = \"19\""), "BR-CO-26"),
        (with_tax("category = \"O\"\nreason = \"out\""), "BR-O-02"),
        (
            with_tax("category = \"S\"\nrate = \"19\"").replace("vat_id = \"DE123456789\"\n", ""),
            "BR-S-02",
        ),
        (
            with_tax("category = \"AE\"\nreason = \"r\"").replace("vat_id = \"ATU12345678\"\n", ""),
            "BR-AE-02",
        ),
    ] {
        assert!(error(&text).contains(id), "{id}: {}", error(&text));
    }
}

#[test]
fn a_key_names_one_buyer() {
    let text = settings_text("category = \"S\"\nrate = \"19\"");
    let buyer = text
        .get(text.find("[[buyers]]").unwrap()..)
        .unwrap()
        .to_owned();
    assert!(error(&format!("{text}{buyer}")).contains("two buyers have the key"));
}
