use super::*;
use crate::fixture::{card_in, charge, charge_by, credit, dispute, january, requestor};
use crate::report::{Scope, report};
use meterbox_billing::record::Record;

const NOON: &str = "2026-01-15T12:00:00Z";

fn written(records: Vec<Record>) -> String {
    let scope = Scope {
        period: january(),
        requestor: None,
    };
    report_page(&report(records, &scope).unwrap())
}

fn sample() -> Vec<Record> {
    let first = charge(1, 900_000_000_000_000_000, NOON);
    let mut named = charge(2, 1_000_000_000_000, NOON);
    named.outcome = "<img src=x onerror=alert(1)>".to_owned();
    let back = credit(&first, "0.5", NOON);
    let wrong = dispute(&first, NOON);
    vec![Record::Charge(first), Record::Charge(named), back, wrong]
}

#[test]
fn names_that_others_chose_are_escaped() {
    let text = written(sample());
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(text.contains("slow &amp; &lt;late&gt;"));
    assert!(text.contains("&lt;img src=x"));
    for raw in ["<script", "<img", "<late"] {
        assert!(!text.contains(raw), "{raw}");
    }
}

#[test]
fn a_report_asks_no_network_for_anything_and_is_written_the_same_again() {
    let text = written(sample());
    for outside in ["http://", "https://", "url(", "@import", "<link", " src="] {
        assert!(
            !text.replace("&lt;img src=x", "").contains(outside),
            "{outside}"
        );
    }
    assert_eq!(text, written(sample()));
}

#[test]
fn every_plot_has_a_title_and_a_table_beside_it() {
    let text = written(sample());
    let plot = text.find("<svg class=\"columns\"").unwrap();
    let after = text.get(plot..).unwrap();
    assert!(after.find("<table").unwrap() > after.find("</svg>").unwrap());
    assert!(text.contains("role=\"img\" aria-label=\"Charged by day in EUR\""));
    assert_eq!(
        text.matches("<rect").count(),
        31 + text.matches("<svg class=\"row\"").count()
    );
}

#[test]
fn the_exact_total_is_there_whatever_is_shown() {
    let records = sample();
    let total = records.iter().map(|record| match record {
        Record::Charge(charge) => charge.total.into(),
        _ => Signed::ZERO,
    });
    let total = Signed::sum(total).unwrap();
    let text = written(records);
    assert!(text.contains(&format!("Exactly {total} EUR charged")));
    assert!(text.contains(&format!("value=\"{total}\"")));
}

#[test]
fn a_page_stays_small_however_many_jobs_and_credits_there_are() {
    let mut records = Vec::new();
    for n in 0..3_000_u64 {
        let mut one = charge(n, u128::from(n) * 1_000_000_000_000, NOON);
        one.job = meterbox_billing::digest::Digest::of(&n.to_be_bytes());
        one.requestor = crate::fixture::key(u8::try_from(n % 200).unwrap());
        records.extend([
            credit(&one, "0.0001", NOON),
            dispute(&one, NOON),
            Record::Charge(one),
        ]);
    }
    let text = written(records);
    assert!(text.contains("2\u{202f}988 others") && text.contains("And 2\u{202f}950 more"));
    assert!(text.len() < 200_000, "{} bytes", text.len());
}

#[test]
fn nothing_at_all_is_said_in_words() {
    assert!(written(vec![]).contains("Nothing was charged, given back or disputed."));
}

#[test]
fn each_currency_has_a_part_of_its_own() {
    let dollars = charge_by(&card_in("USD", 2), 3, 1_000_000_000_000, NOON);
    let mut records = sample();
    records.push(Record::Charge(dollars));
    let text = written(records);
    let (euro, dollar) = (
        text.find("Totals in EUR").unwrap(),
        text.find("Totals in USD").unwrap(),
    );
    assert!(euro < dollar);
}

#[test]
fn a_requestors_report_names_it() {
    let scope = Scope {
        period: january(),
        requestor: Some(requestor()),
    };
    let text = report_page(&report(sample(), &scope).unwrap());
    assert!(text.contains(&format!("<code class=\"whole\">{}</code>", requestor())));
}

#[test]
fn six_digits_of_the_largest_sum_are_shown() {
    let digits = |text: &str| {
        Digits::fitting(
            text.parse::<meterbox_billing::money::Amount>()
                .unwrap()
                .into(),
        )
        .0
    };
    for (total, shown) in [
        ("0", 18),
        ("1", 5),
        ("12.3", 4),
        ("999999", 2),
        ("0.0000123", 10),
        ("0.000000000000000001", 18),
    ] {
        assert_eq!(digits(total), shown, "{total}");
    }
}
