//! Owns the JSON Schemas of the documents, for readers that are not written in Rust. Stricter in form than
//! arithmetic can say: whether a bill adds up, only verification tells.

use serde_json::{Map, Value, json};

use crate::acceptance::ACCEPTANCE_SCHEMA;
use crate::bill::{CANCELLATION_CHARGE, JOB_FEE, MINIMUM_CHARGE};
use crate::credit::CREDIT_SCHEMA;
use crate::limits::Limits;
use crate::model_use::{MODELS_TOLD_MAX, ModelUse};
use crate::offer::OFFER_SCHEMA;
use crate::order::ORDER_SCHEMA;
use crate::rate_card::Rounding;
use crate::receipt::{PREDICATE_TYPE, RECEIPT_SCHEMA, RESULT_SUBJECT, STATEMENT_TYPE};
use crate::text::Message;
use crate::usage::Meter;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Every schema, by the name of its file without ending: the envelope, the payloads that it carries, and a rate
/// card's TOML read as JSON.
#[must_use]
pub fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("acceptance", acceptance()),
        ("credit", credit()),
        ("envelope", envelope()),
        ("offer", offer()),
        ("order", order()),
        ("rate-card", rate_card()),
        ("receipt", receipt()),
    ]
}

/// A document of these fields and no others, of which all but the optional ones must be there.
fn object(fields: &[(&str, Value)], optional: &[&str]) -> Value {
    let required: Vec<_> = (fields.iter().map(|(name, _)| *name))
        .filter(|name| !optional.contains(name))
        .collect();
    let properties: Map<String, Value> = (fields.iter())
        .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The root of a schema, with the definitions that it may refer to.
fn root(title: &str, about: &str, body: Value) -> Value {
    let mut root = json!({ "$schema": DIALECT, "title": title, "description": about });
    if let (Value::Object(root), Value::Object(body)) = (&mut root, body) {
        root.extend(body);
        root.insert("$defs".to_owned(), definitions());
    }
    root
}

fn definition(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn text(pattern: &str, about: &str) -> Value {
    json!({ "type": "string", "pattern": pattern, "description": about })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// The form of a value that several documents share.
fn definitions() -> Value {
    json!({
        "digest": text("^[0-9a-f]{64}$", "A SHA-256 in hexadecimal."),
        "key": text("^[0-9a-f]{64}$", "An Ed25519 public key in hexadecimal."),
        "u64": text("^(0|[1-9][0-9]{0,19})$", "A whole number below 2^64."),
        "u128": text("^(0|[1-9][0-9]{0,38})$", "A whole number below 2^128."),
        "amount": text(
            "^(0|[1-9][0-9]{0,20})(\\.[0-9]{0,17}[1-9])?$",
            "Money, exact to 10^-18 of the currency, without needless zeros.",
        ),
        "unit_price": text(
            "^(0|[1-9][0-9]{0,11})(\\.[0-9]{0,26}[1-9])?$",
            "The price of one unit, exact to 10^-27 of the currency, without needless zeros.",
        ),
        "currency": text("^[A-Z]{3}$", "Three letters, as in ISO 4217."),
        "time": text(
            "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
            "A moment in UTC, in whole seconds.",
        ),
        "id": text("^[A-Za-z0-9._/:-]{1,128}$", "A name that its user chose."),
        "message": { "type": "string", "maxLength": Message::BYTES_MAX },
        "blob": object(
            &[
                ("name", json!({ "type": "string", "minLength": 1 })),
                ("sha256", definition("digest")),
                ("bytes", definition("u64")),
            ],
            &[],
        ),
        "device": { "enum": ["cpu", "gpu"] },
        "precision": { "enum": ["f64", "f32", "f16", "i8", "i4"] },
        "confidentiality": { "enum": ["none", "attested"] },
        "limits": limits(),
        "usage": usage(),
        "line": line(),
        "outcome": outcome(),
    })
}

fn limits() -> Value {
    let fields: Vec<_> = (Limits::FIELDS.iter())
        .map(|name| (*name, definition("u64")))
        .collect();
    object(&fields, &[])
}

fn usage() -> Value {
    let fields: Vec<_> = (Meter::ALL.iter())
        .map(|meter| {
            let about = format!("One is a {}.", meter.unit());
            let count = json!({ "$ref": "#/$defs/u128", "description": about });
            (meter.name(), count)
        })
        .collect();
    object(&fields, &[])
}

fn line() -> Value {
    let meters = Meter::ALL.iter().map(|meter| meter.name());
    let names: Vec<_> = meters
        .chain([JOB_FEE, MINIMUM_CHARGE, CANCELLATION_CHARGE])
        .collect();
    let fields = [
        ("meter", json!({ "enum": names })),
        ("quantity", definition("u128")),
        ("unit_price", definition("unit_price")),
        ("amount", definition("amount")),
    ];
    object(&fields, &[])
}

fn outcome() -> Value {
    let kind = |name: &str| ("kind", json!({ "const": name }));
    let code = json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX });
    json!({ "oneOf": [
        object(&[kind("ok")], &[]),
        object(&[kind("failed"), ("message", definition("message")), ("code", code)], &["code"]),
        object(&[kind("trapped"), ("trap", definition("id"))], &[]),
        object(&[kind("limit"), ("which", definition("id"))], &[]),
        object(
            &[
                kind("stopped"),
                ("by", json!({ "enum": ["requestor", "provider"] })),
                ("killed", json!({ "type": "boolean" })),
            ],
            &[],
        ),
    ] })
}

fn envelope() -> Value {
    let base64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$";
    let signature = object(
        &[
            ("keyid", definition("digest")),
            ("sig", text("^[A-Za-z0-9+/]{86}==$", "64 bytes in base64.")),
        ],
        &[],
    );
    let types = [
        crate::envelope::OFFER_TYPE,
        crate::envelope::ORDER_TYPE,
        crate::envelope::RECEIPT_TYPE,
        crate::envelope::ACCEPTANCE_TYPE,
        crate::envelope::CREDIT_TYPE,
    ];
    let body = object(
        &[
            (
                "payload",
                text(base64, "The document's canonical JSON in base64."),
            ),
            ("payloadType", json!({ "enum": types })),
            (
                "signatures",
                json!({ "type": "array", "items": signature, "minItems": 1, "maxItems": 1 }),
            ),
        ],
        &[],
    );
    root(
        "Envelope",
        "A signed document: DSSE with one Ed25519 signature.",
        body,
    )
}

fn offer() -> Value {
    let texts = || list(json!({ "type": "string" }));
    let capabilities = object(
        &[
            ("worlds", texts()),
            ("wasm_features", texts()),
            ("meter_version", json!({ "type": "string" })),
            ("precisions", list(definition("precision"))),
            ("confidentiality", list(definition("confidentiality"))),
            ("devices", list(definition("device"))),
        ],
        &[],
    );
    let body = object(
        &[
            ("schema", json!({ "const": OFFER_SCHEMA })),
            ("provider_key", definition("key")),
            ("rate_card", definition("digest")),
            ("limits", definition("limits")),
            ("capabilities", capabilities),
            ("expires_at", definition("time")),
        ],
        &[],
    );
    root("Offer", "What a provider says that it will do.", body)
}

fn order() -> Value {
    let variable = object(
        &[
            ("name", json!({ "type": "string" })),
            ("value", json!({ "type": "string" })),
        ],
        &[],
    );
    let job = object(
        &[
            ("module", definition("digest")),
            ("inputs", list(definition("blob"))),
            ("arguments", list(json!({ "type": "string" }))),
            ("environment", list(variable)),
            ("seed", definition("u64")),
            ("clock_start_ns", definition("u64")),
        ],
        &[],
    );
    let body = object(
        &[
            ("schema", json!({ "const": ORDER_SCHEMA })),
            ("id", definition("id")),
            ("offer", definition("digest")),
            ("requestor_key", definition("key")),
            ("job", job),
            ("limits", definition("limits")),
            ("max_price", definition("amount")),
            ("device", definition("device")),
            ("precision", definition("precision")),
            ("confidentiality", definition("confidentiality")),
            ("deadline", definition("time")),
            ("expires_at", definition("time")),
            (
                "nonce",
                text("^[0-9a-f]{32}$", "16 random bytes in hexadecimal."),
            ),
            ("audit_commitment", definition("digest")),
            ("last_checkpoint", definition("digest")),
        ],
        &["last_checkpoint"],
    );
    root("Order", "What a requestor asks for, once.", body)
}

fn receipt() -> Value {
    let digest = object(&[("sha256", definition("digest"))], &[]);
    let result = object(
        &[
            ("name", json!({ "const": RESULT_SUBJECT })),
            ("digest", digest.clone()),
        ],
        &[],
    );
    let output = object(
        &[
            ("name", json!({ "type": "string", "minLength": 1 })),
            ("digest", digest),
        ],
        &[],
    );
    let subject =
        json!({ "type": "array", "prefixItems": [result], "items": output, "minItems": 1 });
    let predicate = object(
        &[("reproducible", reproducible()), ("attested", attested())],
        &[],
    );
    let body = object(
        &[
            ("_type", json!({ "const": STATEMENT_TYPE })),
            ("subject", subject),
            ("predicateType", json!({ "const": PREDICATE_TYPE })),
            ("predicate", predicate),
        ],
        &[],
    );
    root(
        "Receipt",
        "A provider's account of one job: an in-toto Statement.",
        body,
    )
}

fn reproducible() -> Value {
    let engine = object(
        &[
            ("meter_version", json!({ "type": "string" })),
            ("cost_schedule", definition("digest")),
            ("host_call_table", definition("digest")),
            ("inference_cost_table", definition("digest")),
            ("wasm_features", list(json!({ "type": "string" }))),
            ("float_mode", json!({ "type": "string" })),
        ],
        &[],
    );
    object(
        &[
            ("schema", json!({ "const": RECEIPT_SCHEMA })),
            ("job", definition("digest")),
            ("module", definition("digest")),
            ("inputs", list(definition("blob"))),
            ("arguments", definition("digest")),
            ("environment", definition("digest")),
            ("seed", definition("u64")),
            ("clock_start_ns", definition("u64")),
            ("engine", engine),
            ("limits", definition("limits")),
            ("outcome", definition("outcome")),
            ("outputs", list(definition("blob"))),
            ("transcript", definition("digest")),
            ("usage", definition("usage")),
            ("models", models()),
            ("rate_card", definition("digest")),
            ("currency", definition("currency")),
            ("lines", list(definition("line"))),
            ("total", definition("amount")),
        ],
        &["models"],
    )
}

fn models() -> Value {
    let mut fields = vec![
        ("sha256", definition("digest")),
        ("calls", definition("u64")),
    ];
    for meter in ModelUse::METERS {
        fields.push((meter.name(), definition("u128")));
    }
    json!({
        "type": "array",
        "items": object(&fields, &[]),
        "minItems": 1,
        "maxItems": MODELS_TOLD_MAX,
        "description": "What of the usage each model was used for, sorted by digest.",
    })
}

fn attested() -> Value {
    let times = ["compile_us", "run_us", "wall_us", "cpu_us", "gpu_us"];
    let mut observed: Vec<_> = times.map(|name| (name, definition("u64"))).into();
    observed.push(("peak_resident_bytes", definition("u64")));
    observed.push(("device", json!({ "type": "string" })));
    let optional: Vec<_> = observed.iter().map(|(name, _)| *name).collect();
    let engine = object(
        &[
            ("name", json!({ "type": "string" })),
            ("version", json!({ "type": "string" })),
            ("opt_level", json!({ "type": "string" })),
        ],
        &[],
    );
    object(
        &[
            ("order", definition("digest")),
            ("order_id", definition("id")),
            ("provider_key", definition("key")),
            ("started_at", definition("time")),
            ("ended_at", definition("time")),
            ("observed", object(&observed, &optional)),
            ("engine", engine),
            (
                "libraries",
                json!({ "type": "object", "additionalProperties": { "type": "string" } }),
            ),
            ("precision", definition("precision")),
            ("confidentiality", definition("confidentiality")),
            ("sequence", definition("u64")),
            ("previous_receipt", definition("digest")),
        ],
        &["previous_receipt"],
    )
}

fn acceptance() -> Value {
    let kind = |name: &str| ("kind", json!({ "const": name }));
    let verdict = json!({ "oneOf": [
        object(&[kind("accepted")], &[]),
        object(&[kind("disputed"), ("reason", definition("message"))], &[]),
    ] });
    let body = object(
        &[
            ("schema", json!({ "const": ACCEPTANCE_SCHEMA })),
            ("receipt", definition("digest")),
            ("requestor_key", definition("key")),
            ("verdict", verdict),
            ("at", definition("time")),
        ],
        &[],
    );
    root(
        "Acceptance",
        "A requestor's last word on a receipt: accepted or disputed.",
        body,
    )
}

fn credit() -> Value {
    let body = object(
        &[
            ("schema", json!({ "const": CREDIT_SCHEMA })),
            ("id", definition("id")),
            ("receipt", definition("digest")),
            ("provider_key", definition("key")),
            ("currency", definition("currency")),
            ("amount", definition("amount")),
            ("reason", definition("message")),
            ("at", definition("time")),
        ],
        &[],
    );
    root(
        "Credit",
        "What a provider gives back of a receipt's total.",
        body,
    )
}

/// People write cards, so that needless zeros are allowed here, and charges may be left out.
fn rate_card() -> Value {
    let amount = text(
        "^(0|[1-9][0-9]{0,20})(\\.[0-9]{1,18}0*)?$",
        "Money, exact to 10^-18 of the currency.",
    );
    let price = text(
        "^(0|[1-9][0-9]{0,11})(\\.[0-9]{1,27}0*)?$",
        "The price of one unit, exact to 10^-27 of the currency.",
    );
    let prices: Vec<_> = (Meter::ALL.iter())
        .map(|meter| (meter.name(), price.clone()))
        .collect();
    let names: Vec<_> = prices.iter().map(|(name, _)| *name).collect();
    let charges = ["fee_per_job", "minimum_charge", "cancellation_charge"];
    let mut fields = vec![
        ("id", definition("id")),
        ("currency", definition("currency")),
        ("valid_from", definition("time")),
        ("valid_until", definition("time")),
        ("rounding", json!({ "const": Rounding::HalfEven.name() })),
        (
            "minor_unit_digits",
            json!({ "type": "integer", "minimum": 0, "maximum": 18 }),
        ),
    ];
    fields.extend(charges.map(|name| (name, amount.clone())));
    fields.push(("prices", object(&prices, &names)));
    let body = object(&fields, &charges);
    root(
        "Rate card",
        "A provider's prices: the TOML file, read as JSON.",
        body,
    )
}

#[cfg(test)]
mod tests;
