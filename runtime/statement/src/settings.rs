//! Owns what an invoice needs and no record holds: who sells, who buys, tax and payment, as a TOML file states
//! them. Checks what EN 16931 demands of them, so that an invoice is refused here and not by its receiver.

use meterbox_billing::key::PublicKey;
use meterbox_billing::money::Amount;
use serde::Deserialize;

use crate::codes::{COUNTRIES, holds};

/// A seller and some thousand buyers fit.
pub const SETTINGS_BYTES_MAX: usize = 1024 * 1024;
/// Longer names and addresses do not fit the printed page.
const TEXT_CHARS_MAX: usize = 300;
/// Digits after the point that a tax rate may have.
const RATE_UNITS: u128 = 10_000_000_000_000_000;
/// A payment further away than a year is a mistake.
const PAYMENT_DAYS_MAX: u16 = 366;

/// Why a text is no settings file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// More bytes than [`SETTINGS_BYTES_MAX`].
    #[error("the invoice settings have {bytes} bytes, at most {SETTINGS_BYTES_MAX} are read")]
    TooLarge {
        /// How many.
        bytes: usize,
    },
    /// Not TOML, or not of this form.
    #[error("the invoice settings cannot be read: {reason}")]
    Form {
        /// What the reader says, with the place.
        reason: String,
    },
    /// A text that is empty, too long or holds what no XML can.
    #[error("`{field}` is {problem}")]
    Text {
        /// The field.
        field: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A value of the wrong form.
    #[error("`{field}` is `{value}`, expected {expected}")]
    Value {
        /// The field.
        field: String,
        /// What it holds.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A rule of EN 16931 that concerns several fields.
    #[error("{rule} (EN 16931, {id})")]
    Rule {
        /// The standard's name of the rule.
        id: &'static str,
        /// What it says.
        rule: String,
    },
    /// Two buyers with one key.
    #[error("two buyers have the key {key}")]
    DuplicateBuyer {
        /// The key.
        key: Box<PublicKey>,
    },
}

/// A party to an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Its name in law.
    pub name: String,
    /// Street and number.
    pub street: Option<String>,
    /// City.
    pub city: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Two letters, as in ISO 3166-1.
    pub country: String,
    /// The VAT identifier, with the letters of its country.
    pub vat_id: Option<String>,
    /// The number that a local tax office gave; of sellers only.
    pub tax_number: Option<String>,
    /// The number in a public register, such as of companies.
    pub registration: Option<String>,
    /// Where electronic invoices and questions go.
    pub email: Option<String>,
}

/// A buyer, and by which key it orders.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Buyer {
    /// The key that signs its orders.
    pub key: PublicKey,
    /// What it wants to find on its invoices, such as an order number.
    pub reference: Option<String>,
    /// Who it is.
    pub party: Party,
}

/// The categories of value-added tax that services come under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum TaxCategory {
    /// The ordinary or a reduced rate.
    S,
    /// Taxed at nothing.
    Z,
    /// Exempt.
    E,
    /// The buyer owes the tax.
    #[serde(rename = "AE")]
    Ae,
    /// An export out of the tax's area.
    G,
    /// Not within the tax's scope.
    O,
}

/// The tax on every line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tax {
    /// Its category.
    pub category: TaxCategory,
    /// Its rate in percent, such as `19`; nothing where no tax is due.
    #[serde(default)]
    pub rate: Amount,
    /// Why no tax is due, where none is.
    pub reason: Option<String>,
}

/// How an invoice is paid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// The account to pay into.
    pub iban: Option<String>,
    /// Its bank.
    pub bic: Option<String>,
    /// Within how many days of its issue an invoice is due.
    pub days: u16,
    /// The terms in words; made of the days where absent.
    pub terms: Option<String>,
}

/// Everything on an invoice that no record holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What derived invoice numbers begin with.
    #[serde(default)]
    pub number_prefix: String,
    /// Who sells.
    pub seller: Party,
    /// The tax on every line.
    pub tax: Tax,
    /// How to pay.
    pub payment: Payment,
    /// Who buys, by key.
    #[serde(default)]
    pub buyers: Vec<Buyer>,
}

impl TaxCategory {
    /// Its code in UNCL 5305.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::Z => "Z",
            Self::E => "E",
            Self::Ae => "AE",
            Self::G => "G",
            Self::O => "O",
        }
    }
}

impl Settings {
    /// Reads settings and checks them.
    pub fn from_toml(text: &str) -> Result<Self, SettingsError> {
        if text.len() > SETTINGS_BYTES_MAX {
            return Err(SettingsError::TooLarge { bytes: text.len() });
        }
        let settings: Self = toml::from_str(text).map_err(|error| SettingsError::Form {
            reason: error.to_string().trim_end().to_owned(),
        })?;
        settings.check()?;
        Ok(settings)
    }

    /// The buyer who orders by this key.
    #[must_use]
    pub fn buyer(&self, key: &PublicKey) -> Option<&Buyer> {
        self.buyers.iter().find(|buyer| buyer.key == *key)
    }

    fn check(&self) -> Result<(), SettingsError> {
        if !self.number_prefix.is_empty() {
            check_text("number_prefix", &self.number_prefix)?;
        }
        check_party("seller", &self.seller)?;
        for (index, buyer) in self.buyers.iter().enumerate() {
            let name = format!("buyers[{index}]");
            check_party(&format!("{name}.party"), &buyer.party)?;
            check_optional(&name, "reference", buyer.reference.as_deref())?;
            let earlier = self.buyers.iter().take(index);
            if earlier.into_iter().any(|other| other.key == buyer.key) {
                return Err(SettingsError::DuplicateBuyer {
                    key: Box::new(buyer.key),
                });
            }
        }
        self.check_payment()?;
        self.check_tax()
    }

    fn check_payment(&self) -> Result<(), SettingsError> {
        let payment = &self.payment;
        check_optional("payment", "terms", payment.terms.as_deref())?;
        check_optional("payment", "bic", payment.bic.as_deref())?;
        if let Some(iban) = payment.iban.as_deref().filter(|iban| !is_iban(iban)) {
            return Err(value(
                "payment.iban",
                iban,
                "an IBAN whose check digits are right",
            ));
        }
        if payment.days > PAYMENT_DAYS_MAX {
            let days = payment.days.to_string();
            return Err(value("payment.days", &days, "at most 366 days"));
        }
        Ok(())
    }

    fn check_tax(&self) -> Result<(), SettingsError> {
        let (tax, seller) = (&self.tax, &self.seller);
        let code = tax.category.code();
        check_optional("tax", "reason", tax.reason.as_deref())?;
        let is_taxed = tax.category == TaxCategory::S;
        if tax.rate > Amount::from_units(100_u128.saturating_mul(1_000_000_000_000_000_000))
            || !tax.rate.units().is_multiple_of(RATE_UNITS)
        {
            let expected = "a percentage of at most 100 with at most 2 digits after the point";
            return Err(value("tax.rate", &tax.rate.to_string(), expected));
        }
        if is_taxed == tax.rate.is_zero() {
            let (id, wanted) = if is_taxed {
                ("BR-S-05", "more than 0")
            } else {
                ("BR-E-05", "0")
            };
            return Err(rule(
                id,
                format!("the tax rate of category {code} is {wanted}"),
            ));
        }
        let needs_reason = !matches!(tax.category, TaxCategory::S | TaxCategory::Z);
        if needs_reason != tax.reason.is_some() {
            let verb = if needs_reason { "needs a" } else { "has no" };
            return Err(rule(
                "BR-E-10, BR-S-10",
                format!("tax category {code} {verb} `tax.reason`"),
            ));
        }
        if seller.registration.is_none() && seller.vat_id.is_none() {
            return Err(rule(
                "BR-CO-26",
                "the seller has a `vat_id` or a `registration`".to_owned(),
            ));
        }
        if tax.category == TaxCategory::O {
            let parties = self.buyers.iter().map(|buyer| &buyer.party).chain([seller]);
            if parties.into_iter().any(|party| party.vat_id.is_some()) {
                return Err(rule(
                    "BR-O-02",
                    "no party has a `vat_id` in tax category O".to_owned(),
                ));
            }
        } else if seller.vat_id.is_none() && seller.tax_number.is_none() {
            let text =
                format!("the seller has a `vat_id` or a `tax_number` in tax category {code}");
            return Err(rule("BR-S-02", text));
        } else if tax.category == TaxCategory::G && seller.vat_id.is_none() {
            return Err(rule(
                "BR-G-02",
                "the seller has a `vat_id` in tax category G".to_owned(),
            ));
        }
        let is_named = |party: &Party| party.vat_id.is_some() || party.registration.is_some();
        if tax.category == TaxCategory::Ae {
            let nameless = self.buyers.iter().find(|buyer| !is_named(&buyer.party));
            if let Some(buyer) = nameless {
                let name = &buyer.party.name;
                let text =
                    format!("buyer `{name}` has a `vat_id` or a `registration` in tax category AE");
                return Err(rule("BR-AE-02", text));
            }
        }
        Ok(())
    }
}

fn rule(id: &'static str, rule: String) -> SettingsError {
    SettingsError::Rule { id, rule }
}

fn value(field: &str, value: &str, expected: &'static str) -> SettingsError {
    let value = value.chars().take(60).collect();
    SettingsError::Value {
        field: field.to_owned(),
        value,
        expected,
    }
}

fn check_text(field: &str, text: &str) -> Result<(), SettingsError> {
    let problem = if text.trim().is_empty() {
        "empty"
    } else if text.chars().count() > TEXT_CHARS_MAX {
        "longer than 300 characters"
    } else if text
        .chars()
        .any(|c| c.is_control() || c == '\u{fffe}' || c == '\u{ffff}')
    {
        "not plain text: it holds a control character"
    } else {
        return Ok(());
    };
    Err(SettingsError::Text {
        field: field.to_owned(),
        problem,
    })
}

fn check_optional(name: &str, field: &str, text: Option<&str>) -> Result<(), SettingsError> {
    text.map_or(Ok(()), |text| check_text(&format!("{name}.{field}"), text))
}

fn check_party(name: &str, party: &Party) -> Result<(), SettingsError> {
    check_text(&format!("{name}.name"), &party.name)?;
    for (field, text) in [
        ("street", &party.street),
        ("city", &party.city),
        ("postal_code", &party.postal_code),
        ("tax_number", &party.tax_number),
        ("registration", &party.registration),
        ("email", &party.email),
    ] {
        check_optional(name, field, text.as_deref())?;
    }
    if !holds(COUNTRIES, &party.country) {
        let expected = "two capital letters of ISO 3166-1, such as DE";
        return Err(value(&format!("{name}.country"), &party.country, expected));
    }
    let is_vat_id = |id: &&str| {
        let country = id.get(..2).unwrap_or_default();
        let known = holds(COUNTRIES, country) || ["EL", "XI"].contains(&country);
        known && (4..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    if let Some(id) = party.vat_id.as_deref().filter(|id| !is_vat_id(id)) {
        let expected = "the letters of a country, then letters and digits, such as DE123456789";
        return Err(value(&format!("{name}.vat_id"), id, expected));
    }
    Ok(())
}

/// Whether the check digits of an account number are right: ISO 13616, modulo 97.
fn is_iban(text: &str) -> bool {
    let has_form = (15..=34).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && text
            .get(..2)
            .is_some_and(|country| holds(COUNTRIES, country));
    let (Some(head), Some(rest)) = (text.get(..4), text.get(4..)) else {
        return false;
    };
    let value = |c: char| c.to_digit(36).unwrap_or(0);
    let rest = rest.chars().chain(head.chars()).fold(0_u32, |rest, c| {
        let shift = if c.is_ascii_digit() { 10 } else { 100 };
        rest.saturating_mul(shift).saturating_add(value(c)) % 97
    });
    has_form && rest == 1
}

#[cfg(test)]
mod tests;
