//! Owns an invoice as XML: UBL 2.1 in the form of EN 16931, element by element in the order of the schema. Adds
//! nothing up.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::invoice::{Allowance, Invoice, Kind, Line};
use crate::minor::Minor;
use crate::settings::{Party, TaxCategory};

/// What says that a document keeps to the European standard.
const CUSTOMIZATION: &str = "urn:cen.eu:en16931:2017";
const COMMON: &str = "urn:oasis:names:specification:ubl:schema:xsd:Common";
/// A transfer to an account, and a way that parties agree on otherwise: UNCL 4461.
const TRANSFER: &str = "58";
const AGREED: &str = "ZZZ";
/// An e-mail address, in the list of electronic address schemes.
const EMAIL_SCHEME: &str = "EM";

/// Elements and text, written into memory.
struct Xml {
    writer: Writer<Vec<u8>>,
    currency: String,
}

/// The invoice as UBL 2.1: an `Invoice`, or a `CreditNote` where the buyer is paid.
pub fn ubl(invoice: &Invoice) -> io::Result<Vec<u8>> {
    let mut xml = Xml {
        writer: Writer::new_with_indent(Vec::new(), b' ', 2),
        currency: invoice.currency.code(),
    };
    xml.writer
        .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let root = match invoice.kind {
        Kind::Invoice => "Invoice",
        Kind::CreditNote => "CreditNote",
    };
    let schema = format!("urn:oasis:names:specification:ubl:schema:xsd:{root}-2");
    let (aggregate, basic) = (
        format!("{COMMON}AggregateComponents-2"),
        format!("{COMMON}BasicComponents-2"),
    );
    let namespaces = [
        ("xmlns", schema.as_str()),
        ("xmlns:cac", aggregate.as_str()),
        ("xmlns:cbc", basic.as_str()),
    ];
    xml.nest(root, &namespaces, |xml| document(xml, invoice))?;
    let mut bytes = xml.writer.into_inner();
    bytes.push(b'\n');
    Ok(bytes)
}

impl Xml {
    fn nest(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        inner: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        let element =
            quick_xml::events::BytesStart::new(name).with_attributes(attributes.iter().copied());
        self.writer.write_event(Event::Start(element.borrow()))?;
        inner(self)?;
        self.writer.write_event(Event::End(element.to_end()))
    }

    fn group(
        &mut self,
        name: &str,
        inner: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        self.nest(&format!("cac:{name}"), &[], inner)
    }

    fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.text_with(name, &[], text)
    }

    fn text_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) -> io::Result<()> {
        self.nest(&format!("cbc:{name}"), attributes, |xml| {
            xml.writer.write_event(Event::Text(BytesText::new(text)))
        })
    }

    fn optional(&mut self, name: &str, text: Option<&str>) -> io::Result<()> {
        text.map_or(Ok(()), |text| self.text(name, text))
    }

    fn amount(&mut self, name: &str, amount: &str) -> io::Result<()> {
        let currency = self.currency.clone();
        self.text_with(name, &[("currencyID", &currency)], amount)
    }

    fn minor(&mut self, name: &str, amount: Minor) -> io::Result<()> {
        self.amount(name, &amount.to_string())
    }
}

fn document(xml: &mut Xml, invoice: &Invoice) -> io::Result<()> {
    head(xml, invoice)?;
    xml.group("AccountingSupplierParty", |xml| {
        party(xml, &invoice.seller, invoice)
    })?;
    xml.group("AccountingCustomerParty", |xml| {
        party(xml, &invoice.buyer.party, invoice)
    })?;
    payment(xml, invoice)?;
    for taken_off in &invoice.allowances {
        allowance(xml, taken_off, invoice)?;
    }
    tax_total(xml, invoice)?;
    totals(xml, invoice)?;
    for (index, item) in invoice.lines.iter().enumerate() {
        line(xml, index.saturating_add(1), item, invoice)?;
    }
    Ok(())
}

fn head(xml: &mut Xml, invoice: &Invoice) -> io::Result<()> {
    xml.text("CustomizationID", CUSTOMIZATION)?;
    xml.text("ID", &invoice.number)?;
    xml.text("IssueDate", &invoice.issued_on)?;
    match invoice.kind {
        Kind::Invoice => {
            xml.text("DueDate", &invoice.due_on)?;
            xml.text("InvoiceTypeCode", "380")?;
        }
        Kind::CreditNote => xml.text("CreditNoteTypeCode", "381")?,
    }
    xml.text("Note", &note(invoice))?;
    xml.text("DocumentCurrencyCode", &invoice.currency.code())?;
    xml.optional("BuyerReference", invoice.buyer.reference.as_deref())?;
    xml.group("InvoicePeriod", |xml| {
        xml.text("StartDate", &invoice.period.first_day())?;
        xml.text("EndDate", &invoice.period.last_day())
    })
}

/// What rounding did, in words: the standard has no field for it.
#[must_use]
pub fn note(invoice: &Invoice) -> String {
    let (currency, exact, net) = (invoice.currency, invoice.exact, invoice.net);
    let receipts = invoice.receipts;
    let noun = if receipts == 1 { "receipt" } else { "receipts" };
    let period = format!(
        "from {} up to {}",
        invoice.period.from(),
        invoice.period.to()
    );
    let sum = match invoice.kind {
        Kind::Invoice => format!(
            "{receipts} signed {noun} {period} come to {exact} {currency} without tax, after credits"
        ),
        Kind::CreditNote => format!(
            "Credits {period}, less {receipts} signed {noun}, come to {exact} {currency} without tax"
        ),
    };
    let from = format!("{sum}; rounded once, half to even, that is {net} {currency}.");
    match &invoice.posting {
        None => format!("{from} Nothing is left over."),
        Some(posting) => {
            let (amount, verb) = (posting.rounded.amount, posting.rounded.rounding.name());
            format!("{from} The remainder of {amount} {currency} is {verb}.")
        }
    }
}

fn party(xml: &mut Xml, party: &Party, invoice: &Invoice) -> io::Result<()> {
    xml.group("Party", |xml| {
        if let Some(email) = &party.email {
            xml.text_with("EndpointID", &[("schemeID", EMAIL_SCHEME)], email)?;
        }
        xml.group("PostalAddress", |xml| {
            xml.optional("StreetName", party.street.as_deref())?;
            xml.optional("CityName", party.city.as_deref())?;
            xml.optional("PostalZone", party.postal_code.as_deref())?;
            xml.group("Country", |xml| {
                xml.text("IdentificationCode", &party.country)
            })
        })?;
        let is_seller = std::ptr::eq(party, &raw const invoice.seller);
        let tax_number = party.tax_number.as_deref().filter(|_| is_seller);
        for (number, scheme) in [(party.vat_id.as_deref(), "VAT"), (tax_number, "TAX")] {
            if let Some(number) = number {
                xml.group("PartyTaxScheme", |xml| {
                    xml.text("CompanyID", number)?;
                    xml.group("TaxScheme", |xml| xml.text("ID", scheme))
                })?;
            }
        }
        xml.group("PartyLegalEntity", |xml| {
            xml.text("RegistrationName", &party.name)?;
            xml.optional("CompanyID", party.registration.as_deref())
        })
    })
}

fn payment(xml: &mut Xml, invoice: &Invoice) -> io::Result<()> {
    let payment = &invoice.payment;
    let is_invoice = invoice.kind == Kind::Invoice;
    xml.group("PaymentMeans", |xml| {
        let iban = payment.iban.as_deref().filter(|_| is_invoice);
        xml.text(
            "PaymentMeansCode",
            if iban.is_some() { TRANSFER } else { AGREED },
        )?;
        xml.text("PaymentID", &invoice.number)?;
        let Some(iban) = iban else {
            return Ok(());
        };
        xml.group("PayeeFinancialAccount", |xml| {
            xml.text("ID", iban)?;
            xml.text("Name", &invoice.seller.name)?;
            payment.bic.as_deref().map_or(Ok(()), |bic| {
                xml.group("FinancialInstitutionBranch", |xml| xml.text("ID", bic))
            })
        })
    })?;
    if !is_invoice {
        return Ok(());
    }
    xml.group("PaymentTerms", |xml| xml.text("Note", &terms(invoice)))
}

/// How to pay, in words.
#[must_use]
pub fn terms(invoice: &Invoice) -> String {
    let made = || {
        format!(
            "Due by {}, {} days after issue.",
            invoice.due_on, invoice.payment.days
        )
    };
    invoice.payment.terms.clone().unwrap_or_else(made)
}

/// The tax of everything on the invoice: all of it has the same.
fn tax_category(xml: &mut Xml, name: &str, invoice: &Invoice, with_reason: bool) -> io::Result<()> {
    let tax = &invoice.tax;
    xml.group(name, |xml| {
        xml.text("ID", tax.category.code())?;
        if tax.category != TaxCategory::O {
            xml.text("Percent", &tax.rate.to_string())?;
        }
        if with_reason {
            xml.optional("TaxExemptionReason", tax.reason.as_deref())?;
        }
        xml.group("TaxScheme", |xml| xml.text("ID", "VAT"))
    })
}

fn allowance(xml: &mut Xml, allowance: &Allowance, invoice: &Invoice) -> io::Result<()> {
    xml.group("AllowanceCharge", |xml| {
        xml.text("ChargeIndicator", "false")?;
        xml.text("AllowanceChargeReason", &allowance.reason)?;
        xml.minor("Amount", allowance.net)?;
        tax_category(xml, "TaxCategory", invoice, false)
    })
}

fn tax_total(xml: &mut Xml, invoice: &Invoice) -> io::Result<()> {
    xml.group("TaxTotal", |xml| {
        xml.minor("TaxAmount", invoice.tax_amount)?;
        xml.group("TaxSubtotal", |xml| {
            xml.minor("TaxableAmount", invoice.net)?;
            xml.minor("TaxAmount", invoice.tax_amount)?;
            tax_category(xml, "TaxCategory", invoice, true)
        })
    })
}

fn totals(xml: &mut Xml, invoice: &Invoice) -> io::Result<()> {
    xml.group("LegalMonetaryTotal", |xml| {
        xml.minor("LineExtensionAmount", invoice.lines_net)?;
        xml.minor("TaxExclusiveAmount", invoice.net)?;
        xml.minor("TaxInclusiveAmount", invoice.payable)?;
        if !invoice.allowances.is_empty() {
            xml.minor("AllowanceTotalAmount", invoice.allowances_net)?;
        }
        xml.minor("PayableAmount", invoice.payable)
    })
}

fn line(xml: &mut Xml, number: usize, line: &Line, invoice: &Invoice) -> io::Result<()> {
    let (element, quantity) = match invoice.kind {
        Kind::Invoice => ("InvoiceLine", "InvoicedQuantity"),
        Kind::CreditNote => ("CreditNoteLine", "CreditedQuantity"),
    };
    let unit = [("unitCode", line.unit_code)];
    xml.group(element, |xml| {
        xml.text("ID", &number.to_string())?;
        xml.text(
            "Note",
            &format!("Before rounding: {} {}", line.exact, invoice.currency),
        )?;
        xml.text_with(quantity, &unit, &line.quantity.to_string())?;
        xml.minor("LineExtensionAmount", line.net)?;
        xml.group("Item", |xml| {
            xml.text("Description", &format!("One unit: {}", line.unit))?;
            xml.text("Name", &line.name)?;
            tax_category(xml, "ClassifiedTaxCategory", invoice, false)
        })?;
        xml.group("Price", |xml| {
            xml.amount("PriceAmount", &line.price)?;
            xml.text_with("BaseQuantity", &unit, &line.price_quantity)
        })
    })
}

#[cfg(test)]
mod tests;
