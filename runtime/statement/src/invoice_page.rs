//! Owns an invoice as a page for people: the same figures as its XML, in one HTML file that prints on A4.

use maud::{Markup, html};

use crate::invoice::{Invoice, Kind, Line};
use crate::page::page;
use crate::settings::{Party, TaxCategory};
use crate::ubl::{note, terms};

/// The invoice as HTML.
#[must_use]
pub fn invoice_page(invoice: &Invoice) -> String {
    let kind = match invoice.kind {
        Kind::Invoice => "Invoice",
        Kind::CreditNote => "Credit note",
    };
    let title = format!("{kind} {}", invoice.number);
    let body = html! {
        header {
            h1 { (title) }
            p.lead { (invoice.seller.name) " to " (invoice.buyer.party.name) }
        }
        div.parties {
            section aria-labelledby="seller" { h2 #seller { "Seller" } (party(&invoice.seller)) }
            section aria-labelledby="buyer" {
                h2 #buyer { "Buyer" }
                (party(&invoice.buyer.party))
                @if let Some(reference) = &invoice.buyer.reference { p { "Reference: " (reference) } }
            }
            section aria-labelledby="dates" { h2 #dates { "Dates" } (dates(invoice)) }
        }
        section aria-labelledby="lines" {
            h2 #lines { "Lines" }
            div.scroll tabindex="0" role="region" aria-label="Table of lines" { (lines(invoice)) }
        }
        section.keep aria-labelledby="totals" { h2 #totals { "Totals" } (totals(invoice)) }
        section.keep aria-labelledby="rounding" {
            h2 #rounding { "Rounding" }
            p { (note(invoice)) }
        }
        @if invoice.kind == Kind::Invoice {
            section.keep aria-labelledby="payment" { h2 #payment { "Payment" } (payment(invoice)) }
        }
        footer { p { "Requestor " code.whole { (invoice.buyer.key) } } }
    };
    page(&title, &body)
}

fn party(party: &Party) -> Markup {
    html! {
        address {
            strong { (party.name) } br;
            @if let Some(street) = &party.street { (street) br; }
            @if let Some(code) = &party.postal_code { (code) " " }
            @if let Some(city) = &party.city { (city) br; }
            (party.country)
        }
        @for (label, value) in [
            ("VAT", &party.vat_id),
            ("Tax number", &party.tax_number),
            ("Registration", &party.registration),
            ("E-mail", &party.email),
        ] {
            @if let Some(value) = value { p.small { (label) ": " (value) } }
        }
    }
}

fn dates(invoice: &Invoice) -> Markup {
    html! {
        dl {
            dt { "Issued" } dd { (invoice.issued_on) }
            @if invoice.kind == Kind::Invoice { dt { "Due" } dd { (invoice.due_on) } }
            dt { "Period" }
            dd { (invoice.period.first_day()) " to " (invoice.period.last_day()) }
            dt { "Receipts" } dd { (invoice.receipts) }
        }
    }
}

fn lines(invoice: &Invoice) -> Markup {
    let head = ["Item", "Quantity", "Price", "per", "Exact amount", "Amount"];
    html! {
        table.stack {
            caption { "Amounts in " (invoice.currency) ", without tax" }
            thead {
                tr {
                    @for (index, name) in head.iter().enumerate() {
                        th scope="col" class=[(index > 0).then_some("n")] { (name) }
                    }
                }
            }
            tbody {
                @for line in &invoice.lines { (row(line)) }
                @for allowance in &invoice.allowances {
                    tr {
                        th scope="row" colspan="4" { (allowance.reason) }
                        td.n data-label="Exact amount" { (taken_off(&allowance.exact)) }
                        td.n data-label="Amount" { (taken_off(&allowance.net)) }
                    }
                }
            }
        }
    }
}

fn row(line: &Line) -> Markup {
    html! {
        tr {
            th scope="row" { (line.name) span.small { (line.unit) } }
            td.n data-label="Quantity" { (grouped(&line.quantity.to_string())) }
            td.n data-label="Price" { (line.price) }
            td.n data-label="per" { (power(&line.price_quantity)) }
            td.n data-label="Exact amount" { (line.exact) }
            td.n data-label="Amount" { (line.net) }
        }
    }
}

fn totals(invoice: &Invoice) -> Markup {
    let (currency, tax) = (invoice.currency, &invoice.tax);
    let is_taxed = tax.category == TaxCategory::S;
    html! {
        table.totals {
            tbody {
                tr { th scope="row" { "Lines" } td.n { (invoice.lines_net) " " (currency) } }
                @if !invoice.allowances.is_empty() {
                    tr { th scope="row" { "Credits" } td.n { (taken_off(&invoice.allowances_net)) " " (currency) } }
                }
                tr { th scope="row" { "Without tax" } td.n { (invoice.net) " " (currency) } }
                tr {
                    th scope="row" {
                        @if is_taxed { "VAT " (tax.rate) " %" }
                        @else { "VAT, category " (tax.category.code()) }
                        @if let Some(reason) = &tax.reason { span.small { (reason) } }
                    }
                    td.n { (invoice.tax_amount) " " (currency) }
                }
                tr.sum {
                    th scope="row" {
                        @if invoice.kind == Kind::Invoice { "To be paid" } @else { "To be paid back" }
                    }
                    td.n { (invoice.payable) " " (currency) }
                }
            }
        }
    }
}

fn payment(invoice: &Invoice) -> Markup {
    html! {
        p { (terms(invoice)) }
        dl {
            @if let Some(iban) = &invoice.payment.iban { dt { "IBAN" } dd { (iban) } }
            @if let Some(bic) = &invoice.payment.bic { dt { "BIC" } dd { (bic) } }
            dt { "Purpose" } dd { (invoice.number) }
        }
    }
}

/// An amount with the sign of what is taken off; nothing has none.
fn taken_off(amount: &impl ToString) -> String {
    let text = amount.to_string();
    let is_nothing = text.bytes().all(|byte| byte == b'0' || byte == b'.');
    if is_nothing { text } else { format!("-{text}") }
}

/// A power of ten as such, where it has many zeros.
fn power(quantity: &str) -> Markup {
    let zeros = quantity.len().saturating_sub(1);
    html! { @if zeros < 6 { (grouped(quantity)) } @else { "10" sup { (zeros) } } }
}

/// Digits in threes, with thin spaces.
pub(crate) fn grouped(digits: &str) -> String {
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", digits), |digits| ("-", digits));
    let mut out = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(index);
        if index > 0 && left.is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{at, card, charge, credit, january, requestor, settings};
    use crate::invoice::{Request, invoice};
    use meterbox_billing::record::Record;

    fn sample() -> Invoice {
        let charge = charge(1, 900_000_000_000_000_000, "2026-01-15T12:00:00Z");
        let back = credit(&charge, "1", "2026-01-16T12:00:00Z");
        let cards = [card()];
        let request = Request {
            period: january(),
            requestor: requestor(),
            currency: None,
            number: Some(&"2026/17".parse().unwrap()),
            issued_at: at("2026-02-02T09:00:00Z"),
            cards: &cards,
        };
        invoice([Record::Charge(charge), back], &request, &settings()).unwrap()
    }

    #[test]
    fn digits_are_grouped_in_threes() {
        for (digits, text) in [
            ("1", "1"),
            ("1000", "1\u{202f}000"),
            ("-123456", "-123\u{202f}456"),
            ("1234567", "1\u{202f}234\u{202f}567"),
        ] {
            assert_eq!(grouped(digits), text);
        }
    }

    #[test]
    fn long_powers_of_ten_are_written_as_such() {
        for (quantity, text) in [
            ("1", "1"),
            ("1000", "1\u{202f}000"),
            ("1000000", "10<sup>6</sup>"),
            ("1000000000000000", "10<sup>15</sup>"),
        ] {
            assert_eq!(power(quantity).into_string(), text);
        }
    }

    #[test]
    fn nothing_taken_off_has_no_sign() {
        assert_eq!(taken_off(&"0.00"), "0.00");
        assert_eq!(taken_off(&"10"), "-10");
    }

    #[test]
    fn the_page_says_what_the_invoice_says_and_escapes_names() {
        let invoice = sample();
        let text = invoice_page(&invoice);
        assert!(text.contains("Invoice 2026/17"));
        assert!(text.contains("Müller &amp; Söhne &lt;Nord&gt;") && !text.contains("<Nord>"));
        for amount in [invoice.net, invoice.tax_amount, invoice.payable] {
            assert!(text.contains(&format!(">{amount} EUR<")), "{amount}");
        }
        assert_eq!(invoice_page(&sample()), text);
    }
}
