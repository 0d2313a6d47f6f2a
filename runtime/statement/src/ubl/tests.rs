use quick_xml::Reader;

use super::*;
use crate::fixture::{at, card, charge, credit, january, requestor, settings};
use crate::invoice::{Request, invoice};
use meterbox_billing::record::Record;

fn sample(back: &str) -> Invoice {
    let charge = charge(1, 900_000_000_000_000_000, "2026-01-15T12:00:00Z");
    let back = credit(&charge, back, "2026-01-16T12:00:00Z");
    let cards = [card()];
    let request = Request {
        period: january(),
        requestor: requestor(),
        currency: None,
        number: None,
        issued_at: at("2026-02-02T09:00:00Z"),
        cards: &cards,
    };
    invoice([Record::Charge(charge), back], &request, &settings()).unwrap()
}

/// Every element's name, and every text, unescaped.
fn read(bytes: &[u8]) -> (Vec<String>, String) {
    let mut reader = Reader::from_reader(bytes);
    let (mut names, mut text) = (Vec::new(), String::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                names.push(String::from_utf8(start.name().as_ref().to_vec()).unwrap())
            }
            Event::Text(part) => text.push_str(&part.decode().unwrap()),
            Event::GeneralRef(name) => {
                let name = name.decode().unwrap();
                text.push_str(quick_xml::escape::resolve_predefined_entity(&name).unwrap());
            }
            Event::Eof => return (names, text),
            _ => {}
        }
    }
}

#[test]
fn names_are_escaped_and_come_back() {
    let bytes = ubl(&sample("1")).unwrap();
    let (names, text) = read(&bytes);
    assert!(text.contains("Müller & Söhne <Nord>"));
    assert!(text.contains("the machine was slow & <late>"));
    assert_eq!(names.first().map(String::as_str), Some("Invoice"));
    assert!(!String::from_utf8(bytes).unwrap().contains("<late>"));
}

#[test]
fn a_credit_note_has_the_document_type_of_one() {
    let bytes = ubl(&sample("100000")).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("<cbc:CreditNoteTypeCode>381</cbc:CreditNoteTypeCode>"));
    assert!(
        text.contains("Credits from 2026-01-01T00:00:00Z")
            && text.contains("less 1 signed receipt,")
    );
    assert!(!text.contains("DueDate") && !text.contains("AllowanceCharge"));
}

#[test]
fn a_second_time_writes_the_same_bytes() {
    assert_eq!(ubl(&sample("1")).unwrap(), ubl(&sample("1")).unwrap());
}
