//! Owns the one byte form of a document, RFC 8785, and its strict reader. Knows no document.

mod writer;

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, Serialize};
use serde_json::Value;

use crate::text::quoted;

/// The largest document that is read. A receipt of 1024 outputs with names of full length has
/// about 400 kB, a long transcript a few megabytes.
pub const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most documents fit.
const BYTES_USUAL: usize = 4_096;

/// The largest whole number that every JSON reader keeps: 2^53 − 1.
const NUMBER_MAX: u64 = 9_007_199_254_740_991;

/// Why a value has no canonical form, or a document was refused.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// The value cannot be written as JSON.
    #[error("cannot write this value as canonical JSON")]
    Write(#[source] serde_json::Error),
    /// A number that some readers would round; it belongs in a string.
    #[error(
        "the number {number} is no whole number up to 2^53 - 1, which JSON readers would round"
    )]
    Number {
        /// The number.
        number: String,
    },
    /// More bytes than [`DOCUMENT_BYTES_MAX`].
    #[error("a document has {bytes} bytes, at most {DOCUMENT_BYTES_MAX} are read")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// The bytes are no JSON document of this kind.
    #[error("cannot read this document")]
    Read(#[source] Unreadable),
    /// An object names a field twice.
    #[error("the field `{field}` appears twice in one object")]
    DuplicateField {
        /// Its name, cut to a readable length.
        field: String,
    },
}

/// What a parser says of a document, with the place. Quotes the document, so that it is kept short and harmless.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unreadable {
    reason: String,
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Self {
            reason: quoted(&error.to_string()),
        }
    }
}

/// The RFC 8785 bytes of `value`: equal values have equal bytes, on every machine.
///
/// Whole numbers above 2^53 − 1 and fractions are an error, never a rounded number.
pub fn to_canonical_json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    match writer::write(value) {
        Some(bytes) => Ok(bytes),
        None => to_canonical_json_generally(value),
    }
}

/// The general way, which any value can go and every error is found on.
fn to_canonical_json_generally<T: Serialize + ?Sized>(
    value: &T,
) -> Result<Vec<u8>, CanonicalError> {
    let value = serde_json::to_value(value).map_err(CanonicalError::Write)?;
    check_numbers(&value)?;
    serde_json_canonicalizer::to_vec(&value).map_err(CanonicalError::Write)
}

/// Fails on numbers that have no canonical form.
fn check_numbers(value: &Value) -> Result<(), CanonicalError> {
    match value {
        Value::Number(number) => {
            let magnitude = number
                .as_u64()
                .or_else(|| number.as_i64().map(i64::unsigned_abs));
            match magnitude {
                Some(magnitude) if magnitude <= NUMBER_MAX => Ok(()),
                _ => Err(CanonicalError::Number {
                    number: number.to_string(),
                }),
            }
        }
        Value::Array(items) => items.iter().try_for_each(check_numbers),
        Value::Object(fields) => fields.values().try_for_each(check_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

/// Reads a document. Refused are: too many bytes, bytes after the document, a field named twice in
/// any object, and, where `T` denies them, unknown fields.
pub fn from_json_strict<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(CanonicalError::TooLarge { bytes: bytes.len() });
    }
    let duplicate = Cell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let walked = UniqueFields(&duplicate)
        .deserialize(&mut reader)
        .and_then(|()| reader.end());
    if let Some(field) = duplicate.take() {
        return Err(CanonicalError::DuplicateField {
            field: quoted(&field),
        });
    }
    let unreadable = |error: serde_json::Error| CanonicalError::Read(error.into());
    walked.map_err(unreadable)?;
    serde_json::from_slice(bytes).map_err(unreadable)
}

/// Walks a document and stops at the first field that its object named before.
#[derive(Clone, Copy)]
struct UniqueFields<'a>(&'a Cell<Option<String>>);

impl<'de> DeserializeSeed<'de> for UniqueFields<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueFields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut seen = std::collections::BTreeSet::new();
        while let Some(field) = fields.next_key::<String>()? {
            if seen.contains(&field) {
                self.0.set(Some(field));
                return Err(A::Error::custom("duplicate field"));
            }
            seen.insert(field);
            fields.next_value_seed(self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_value_is_written_as_the_general_way_writes_it() {
        #[derive(Serialize)]
        enum Kind {
            Plain,
            Wraps(u8),
            Several(i8, char),
            Fields { z: bool, a: Option<u8> },
        }
        #[derive(Serialize)]
        struct All {
            zulu: Vec<Kind>,
            alpha: (u16, i64, ()),
            #[serde(rename = "Mike")]
            mike: BTreeMap<String, Vec<u8>>,
            empty: BTreeMap<String, u8>,
            none: Option<String>,
        }
        let all = All {
            zulu: vec![
                Kind::Plain,
                Kind::Wraps(7),
                Kind::Several(-3, '\u{1f}'),
                Kind::Fields { z: true, a: None },
            ],
            alpha: (9, -9_007_199_254_740_991, ()),
            mike: [("b".into(), vec![]), ("a b".into(), vec![1, 2])].into(),
            empty: BTreeMap::new(),
            none: None,
        };
        let short = writer::write(&all).unwrap();
        assert_eq!(short, to_canonical_json_generally(&all).unwrap());
        let receipt = crate::fixture::receipt();
        let short = writer::write(&receipt).unwrap();
        assert_eq!(short, to_canonical_json_generally(&receipt).unwrap());
        // What it does not write: names that are sorted or escaped otherwise, and numbers.
        for unfit in [
            json!({"\u{e9}": 1}),
            json!({"a\n": 1}),
            json!(0.5),
            json!(u64::MAX),
        ] {
            assert_eq!(writer::write(&unfit), None);
        }
        assert_eq!(writer::write(&BTreeMap::from([(1, 1)])), None);
    }

    #[test]
    fn fields_are_sorted_and_text_is_escaped_as_the_rfc_says() {
        let value = json!({"b": 1, "a": "é\n\u{1f}\"", "\u{1f600}": null, "\u{fb33}": []});
        assert_eq!(
            String::from_utf8(to_canonical_json(&value).unwrap()).unwrap(),
            "{\"a\":\"é\\n\\u001f\\\"\",\"b\":1,\"\u{1f600}\":null,\"\u{fb33}\":[]}"
        );
    }

    /// Values of every kind, with names and texts of all planes of Unicode.
    fn any_value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "[a-z_]{0,6}",
            "\\PC{0,4}",
            "[\u{0}-\u{20}\"\\\\/\u{7f}\u{2028}]{0,4}"
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..=NUMBER_MAX).prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((text.clone(), inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_fast_way_writes_what_the_library_for_rfc_8785_writes(value in any_value()) {
            let expected = serde_json_canonicalizer::to_vec(&value).unwrap();
            prop_assert_eq!(to_canonical_json(&value).unwrap(), expected);
        }
    }

    #[test]
    fn fields_outside_ascii_are_sorted_by_utf_16() {
        let value =
            json!({"\u{ff5e}": 1, "\u{1f600}": 2, "a": {"b": [{"\u{10000}": 0, "\u{e000}": 0}]}});
        let expected = serde_json_canonicalizer::to_vec(&value).unwrap();
        assert_eq!(to_canonical_json(&value).unwrap(), expected);
        let text = String::from_utf8(expected).unwrap();
        assert!(text.find('\u{1f600}') < text.find('\u{ff5e}'));
        assert_ne!(text, serde_json::to_string(&value).unwrap());
    }

    #[test]
    fn numbers_that_would_be_rounded_are_refused() {
        assert!(to_canonical_json(&json!([9_007_199_254_740_991_u64, -5])).is_ok());
        for bad in [json!(9_007_199_254_740_992_u64), json!({"a": [0.5]})] {
            assert!(matches!(
                to_canonical_json(&bad),
                Err(CanonicalError::Number { .. })
            ));
        }
    }

    #[test]
    fn duplicate_fields_are_refused_at_any_depth() {
        let read = |text: &str| from_json_strict::<Value>(text.as_bytes());
        assert!(read(r#"{"a":[{"b":1},{"b":2}]}"#).is_ok());
        for text in [r#"{"a":1,"a":1}"#, r#"[{"x":{"a":1,"\u0061":2}}]"#] {
            match read(text) {
                Err(CanonicalError::DuplicateField { field }) => assert_eq!(field, "a"),
                other => panic!("{other:?}"),
            }
        }
        let map = from_json_strict::<BTreeMap<String, u8>>(br#"{"k":1,"k":1}"#);
        assert!(matches!(map, Err(CanonicalError::DuplicateField { .. })));
    }

    #[test]
    fn trailing_bytes_deep_nesting_and_huge_documents_are_refused() {
        assert!(matches!(
            from_json_strict::<Value>(b"{} {}"),
            Err(CanonicalError::Read(_))
        ));
        assert!(from_json_strict::<Value>(b"{} \n").is_ok());
        let deep = "[".repeat(100_000);
        assert!(matches!(
            from_json_strict::<Value>(deep.as_bytes()),
            Err(CanonicalError::Read(_))
        ));
        let huge = vec![b' '; DOCUMENT_BYTES_MAX + 1];
        assert!(matches!(
            from_json_strict::<Value>(&huge),
            Err(CanonicalError::TooLarge { .. })
        ));
    }
}
