//! Schemas name every field that documents have, and the files in `docs/schemas` are what is written here. Whether
//! documents validate, `tests/foreign/schemas.py` tells by a validator that nobody here wrote.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::acceptance::{Acceptance, Verdict};
use crate::credit::Credit;
use crate::fixture;
use crate::receipt::Receipt;
use crate::text::Message;

fn schema(name: &str) -> Value {
    all()
        .into_iter()
        .find(|(other, _)| *other == name)
        .unwrap()
        .1
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect()
}

/// Walks a document beside its schema: what one has, the other has too.
fn compare(path: &str, document: &Value, schema: &Value, root: &Value) {
    let pointer = schema["$ref"].as_str().map(|reference| &reference[1..]);
    let schema = pointer.map_or(schema, |pointer| root.pointer(pointer).expect(path));
    if let Some(choices) = schema["oneOf"].as_array() {
        let kind = &document["kind"];
        let chosen = choices
            .iter()
            .find(|it| it["properties"]["kind"]["const"] == *kind);
        return compare(path, document, chosen.expect(path), root);
    }
    match document {
        Value::Object(fields) if schema["properties"].is_object() => {
            let (there, known) = (keys(document), keys(&schema["properties"]));
            assert!(there.is_subset(&known), "{path} has {there:?}");
            let required = schema["required"].as_array().unwrap();
            let required: BTreeSet<_> = required.iter().filter_map(Value::as_str).collect();
            assert!(required.is_subset(&there), "{path} has only {there:?}");
            for (name, value) in fields {
                compare(
                    &format!("{path}.{name}"),
                    value,
                    &schema["properties"][name],
                    root,
                );
            }
        }
        Value::Array(items) => {
            let first = schema["prefixItems"].as_array().map_or(0, Vec::len);
            for item in &items[first..] {
                compare(path, item, &schema["items"], root);
            }
        }
        _ => {}
    }
}

fn check<T: serde::Serialize>(name: &str, document: &T) {
    let schema = schema(name);
    let document = serde_json::to_value(document).unwrap();
    compare(name, &document, &schema, &schema);
}

#[test]
fn documents_have_the_fields_of_their_schemas_and_no_others() {
    check("receipt", &fixture::receipt());
    let with_models = Receipt::new(fixture::with_models(), fixture::attested());
    check("receipt", &with_models.unwrap());
    check("offer", &fixture::offer());
    check("order", &fixture::order());
    check("rate-card", &fixture::card());
    let sealed = crate::envelope::Envelope::seal(&fixture::order(), &fixture::requestor_key());
    check("envelope", &sealed.unwrap());
    let at = fixture::attested().ended_at;
    let receipt = fixture::reproducible().job;
    for verdict in [
        Verdict::Accepted {},
        Verdict::Disputed {
            reason: Message::cut("no"),
        },
    ] {
        let acceptance = Acceptance {
            schema: ACCEPTANCE_SCHEMA,
            receipt,
            requestor_key: fixture::requestor_key().public().unwrap(),
            verdict,
            at,
        };
        check("acceptance", &acceptance);
    }
    let credit = Credit {
        schema: CREDIT_SCHEMA,
        id: "credit-1".parse().unwrap(),
        receipt,
        provider_key: fixture::provider_key().public().unwrap(),
        currency: "USD".parse().unwrap(),
        amount: "0.5".parse().unwrap(),
        reason: Message::cut("late"),
        at,
    };
    check("credit", &credit);
}

#[test]
fn everything_that_may_be_left_out_is_in_the_schemas() {
    let observed = crate::usage::Observed {
        compile_us: Some(1),
        run_us: Some(1),
        wall_us: Some(1),
        cpu_us: Some(1),
        gpu_us: Some(1),
        peak_resident_bytes: Some(1),
        device: Some("cpu".to_owned()),
    };
    let receipt = schema("receipt");
    let attested = &receipt["properties"]["predicate"]["properties"]["attested"]["properties"];
    let known = &attested["observed"]["properties"];
    assert_eq!(keys(&serde_json::to_value(observed).unwrap()), keys(known));
    assert!(attested["previous_receipt"].is_object());
    let reproducible = &receipt["properties"]["predicate"]["properties"]["reproducible"];
    assert!(reproducible["properties"]["models"].is_object());
    assert!(schema("order")["properties"]["last_checkpoint"].is_object());
}

#[test]
fn the_files_in_docs_are_these() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
    for (name, schema) in all() {
        let path = folder.join(format!("{name}.json"));
        let file = std::fs::read_to_string(&path).unwrap_or_default();
        let expected = format!("{schema:#}\n");
        assert!(
            file == expected,
            "{} is not up to date: run `cargo run -p meterbox-billing --example schemas`",
            path.display()
        );
    }
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), all().len());
}
