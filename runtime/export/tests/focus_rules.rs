//! Proves the rules of FOCUS that public validators miss: costs are prices times quantities, periods nest, a
//! service has one category, and what is empty by kind of charge.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};

use ethnum::U256;
use meterbox_billing::money::{Amount, UnitPrice};
use meterbox_export::export::export;
use meterbox_export::focus;
use meterbox_export::format::Format;
use meterbox_export::options::{FocusVersion, Grain, Options};

mod sample;

use sample::Sample;

const MANDATORY: [&str; 21] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
];
const PRICED_ONLY: [&str; 6] = [
    "ContractedUnitPrice",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "SkuPriceId",
];

type Row = BTreeMap<String, String>;

fn every_options() -> impl Iterator<Item = Options> {
    [Grain::Hour, Grain::Receipt].into_iter().flat_map(|grain| {
        [FocusVersion::V1_2, FocusVersion::V1_4].map(|focus| Options {
            grain,
            focus,
            ..Options::default()
        })
    })
}

fn rows(options: &Options) -> Vec<Row> {
    let sample = Sample::new(9, 60_000);
    let mut out = Vec::new();
    export(Format::FocusCsv, sample.records(300), options, &mut out).unwrap();
    let mut reader = csv::Reader::from_reader(out.as_slice());
    reader.deserialize().map(Result::unwrap).collect()
}

fn units(text: &str) -> U256 {
    U256::from(text.parse::<Amount>().unwrap().units())
}

fn difference(a: U256, b: U256) -> U256 {
    a.max(b) - a.min(b)
}

#[test]
fn every_mandatory_column_is_there_and_own_columns_come_last() {
    for options in every_options() {
        let columns = focus::columns(&options);
        let names: Vec<_> = columns.iter().map(|column| column.name).collect();
        for name in MANDATORY {
            let gone = options.focus == FocusVersion::V1_4
                && ["ProviderName", "PublisherName"].contains(&name);
            assert_eq!(names.contains(&name), !gone, "{name}");
        }
        let newer = ["HostProviderName", "ServiceProviderName"].map(|name| names.contains(&name));
        assert_eq!(newer, [options.focus == FocusVersion::V1_4; 2]);
        let mut sorted = names.clone();
        sorted.sort_by_key(|name| (name.starts_with("x_"), *name));
        sorted.dedup();
        assert_eq!(names, sorted);
    }
}

#[test]
fn a_list_cost_is_the_price_times_the_quantity_and_near_what_is_billed() {
    for row in every_options().flat_map(|options| rows(&options)) {
        assert_eq!(row["ListCost"], row["ContractedCost"]);
        assert_eq!(row["BilledCost"], row["EffectiveCost"]);
        if row["ListUnitPrice"].is_empty() {
            assert_eq!(row["ListCost"], row["BilledCost"]);
            continue;
        }
        let price = row["ListUnitPrice"].parse::<UnitPrice>().unwrap().units();
        let quantity = row["PricingQuantity"].strip_suffix(".0").unwrap();
        let exact = U256::from(price) * U256::from(quantity.parse::<u128>().unwrap());
        let list = units(&row["ListCost"]);
        let rounding = U256::from(10_u64.pow(9));
        assert!(
            difference(list * rounding, exact) * U256::from(2_u8) <= rounding,
            "{row:?}"
        );
        let receipts = row
            .get("x_ReceiptCount")
            .map_or(1, |count| count.parse().unwrap());
        let off = difference(list, units(&row["BilledCost"])) * U256::from(2_u8);
        assert!(off <= U256::from(receipts + 1_u64), "{row:?}");
    }
}

#[test]
fn periods_nest_and_a_service_has_one_category() {
    let mut services = BTreeMap::new();
    let mut months = BTreeSet::new();
    for row in every_options().flat_map(|options| rows(&options)) {
        let periods = [
            &row["BillingPeriodStart"],
            &row["ChargePeriodStart"],
            &row["ChargePeriodEnd"],
            &row["BillingPeriodEnd"],
        ];
        assert!(
            periods.is_sorted() && periods[1] != periods[2],
            "{periods:?}"
        );
        assert!(periods[0].ends_with("-01T00:00:00Z") && periods[3].ends_with("-01T00:00:00Z"));
        months.insert(row["BillingPeriodStart"].clone());
        let category = row["ServiceCategory"].clone();
        let known = services
            .entry(row["ServiceName"].clone())
            .or_insert_with(|| category.clone());
        assert_eq!(*known, category);
    }
    let categories: BTreeSet<_> = services.values().map(String::as_str).collect();
    let expected = BTreeSet::from(["AI and Machine Learning", "Compute", "Networking"]);
    assert_eq!((services.len(), categories), (3, expected));
    assert_eq!(months.len(), 2);
}

#[test]
fn prices_are_empty_for_everything_but_usage_and_categories_are_of_the_specification() {
    let mut found = BTreeSet::new();
    for row in every_options().flat_map(|options| rows(&options)) {
        let category = row["ChargeCategory"].as_str();
        for name in PRICED_ONLY {
            assert_eq!(
                row[name].is_empty(),
                category != "Usage",
                "{name} in {row:?}"
            );
        }
        assert_eq!(row["ChargeFrequency"] == "Usage-Based", category == "Usage");
        assert_eq!(row["ResourceId"].is_empty(), row["ResourceType"].is_empty());
        // An adjustment may be below nothing: where an invoice waives what rounding leaves over.
        let is_rounding = row["ChargeDescription"].starts_with("Rounding of invoice ");
        assert!(!is_rounding || category == "Adjustment");
        assert_eq!(is_rounding, row["InvoiceId"].starts_with("RE 2026/"));
        if !is_rounding {
            assert_eq!(row["BilledCost"].starts_with('-'), category == "Credit");
        }
        assert!(row["BilledCost"].contains('.') && row["ListCost"].contains('.'));
        found.insert(category.to_owned());
    }
    assert_eq!(
        found,
        ["Adjustment", "Credit", "Usage"].map(str::to_owned).into()
    );
}
