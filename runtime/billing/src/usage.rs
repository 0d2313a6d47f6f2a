//! Owns what is counted: the meters, a job's usage by meter, and what one machine observed.
//! Measures nothing and prices nothing.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that names no meter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no meter `{name}`")]
pub struct UnknownMeter {
    /// The text.
    pub name: String,
}

/// A sum of usage that does not fit 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the meter `{}` overflows", .meter.name())]
pub struct UsageOverflow {
    /// The meter.
    pub meter: Meter,
}

/// One list of meters makes the enum, its names and units, and the fields of a usage.
macro_rules! meters {
    ($($(#[$doc:meta])+ $variant:ident = $name:ident, $unit:literal;)+) => {
        /// A thing that is counted the same on every machine, and so may be billed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Meter {
            $($(#[$doc])+ $variant,)+
        }

        impl Meter {
            /// Every meter, in the order in which bills list them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name in rate cards, bills and receipts.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($name)),+ }
            }

            /// What one of its units is.
            #[must_use]
            pub const fn unit(self) -> &'static str {
                match self { $(Self::$variant => $unit),+ }
            }
        }

        /// What a job used: one count for every meter. A function of the job, never of the machine.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct Usage {
            $($(#[$doc])+ pub $name: u128,)+
        }

        impl Usage {
            /// The count of `meter`.
            #[must_use]
            pub const fn get(&self, meter: Meter) -> u128 {
                match meter { $(Meter::$variant => self.$name),+ }
            }

            /// Sets the count of `meter`.
            pub const fn set(&mut self, meter: Meter, count: u128) {
                match meter { $(Meter::$variant => self.$name = count),+ }
            }
        }
    };
}

meters! {
    /// Weighted WebAssembly instructions.
    Instructions = instructions, "weighted instruction";
    /// Pages of linear memory, integrated over instructions.
    MemoryPageInstructions = memory_page_instructions, "page of 64 KiB for one weighted instruction";
    /// The most pages of linear memory held at once.
    MemoryPagesPeak = memory_pages_peak, "page of 64 KiB";
    /// Weighted calls of host functions.
    HostCalls = host_calls, "weighted host-call unit";
    /// Bytes that host calls delivered to the guest.
    BytesIn = bytes_in, "byte";
    /// Bytes that host calls took from the guest.
    BytesOut = bytes_out, "byte";
    /// Multiply-accumulates of 64-bit floats in models.
    InferenceOpsF64 = inference_ops_f64, "weighted model operation on f64";
    /// Multiply-accumulates of 32-bit floats in models.
    InferenceOpsF32 = inference_ops_f32, "weighted model operation on f32";
    /// Multiply-accumulates of 16-bit floats in models.
    InferenceOpsF16 = inference_ops_f16, "weighted model operation on f16 or bf16";
    /// Multiply-accumulates of 8-bit integers in models.
    InferenceOpsI8 = inference_ops_i8, "weighted model operation on i8";
    /// Multiply-accumulates of 4-bit integers in models.
    InferenceOpsI4 = inference_ops_i4, "weighted model operation on i4";
    /// Bytes of model weights read.
    InferenceWeightBytes = inference_weight_bytes, "byte";
    /// Bytes of tensors into and out of models.
    InferenceTensorBytes = inference_tensor_bytes, "byte";
    /// Bytes of loaded models, integrated over instructions.
    InferenceModelByteInstructions = inference_model_byte_instructions, "byte for one weighted instruction";
    /// Tokens of prompts that were computed.
    TokensPrompt = tokens_prompt, "token";
    /// Tokens of prompts whose state was reused.
    TokensCached = tokens_cached, "token";
    /// Tokens generated.
    TokensOutput = tokens_output, "token";
    /// Checking and compiling a module of this size and shape, cached or not.
    AdmissionUnits = admission_units, "admission unit";
}

impl Meter {
    /// The meters of model operations, one for each precision.
    pub const INFERENCE_OPS: &'static [Self] = &[
        Self::InferenceOpsF64,
        Self::InferenceOpsF32,
        Self::InferenceOpsF16,
        Self::InferenceOpsI8,
        Self::InferenceOpsI4,
    ];

    /// The meters of tokens.
    pub const TOKENS: &'static [Self] =
        &[Self::TokensPrompt, Self::TokensCached, Self::TokensOutput];
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Meter {
    type Err = UnknownMeter;

    fn from_str(name: &str) -> Result<Self, UnknownMeter> {
        let found = Self::ALL.iter().find(|meter| meter.name() == name);
        found.copied().ok_or_else(|| UnknownMeter {
            name: name.chars().take(48).collect(),
        })
    }
}

impl Serialize for Meter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Meter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::deserialize(deserializer)
    }
}

impl Usage {
    /// Every meter with its count, in the order of [`Meter::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Meter, u128)> + '_ {
        Meter::ALL.iter().map(|meter| (*meter, self.get(*meter)))
    }

    /// The sum, meter by meter; for the peak the larger of the two.
    pub fn checked_add(&self, other: &Self) -> Result<Self, UsageOverflow> {
        let mut sum = Self::default();
        for (meter, count) in self.iter() {
            let other = other.get(meter);
            let joined = match meter {
                Meter::MemoryPagesPeak => Some(count.max(other)),
                _ => count.checked_add(other),
            };
            sum.set(meter, joined.ok_or(UsageOverflow { meter })?);
        }
        Ok(sum)
    }

    /// Model operations of all precisions; saturates, which no limited job reaches.
    #[must_use]
    pub fn inference_ops(&self) -> u128 {
        self.total_of(Meter::INFERENCE_OPS)
    }

    /// Tokens of all kinds; saturates, which no limited job reaches.
    #[must_use]
    pub fn tokens(&self) -> u128 {
        self.total_of(Meter::TOKENS)
    }

    fn total_of(&self, meters: &[Meter]) -> u128 {
        let counts = meters.iter().map(|meter| self.get(*meter));
        counts.fold(0, u128::saturating_add)
    }
}

/// A map from every meter's name to its count as a decimal string.
impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Meter::ALL.len()))?;
        for (meter, count) in self.iter() {
            map.serialize_entry(&meter, &Count(count))?;
        }
        map.end()
    }
}

/// Every meter must be there, once, and nothing else.
impl<'de> Deserialize<'de> for Usage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AllMeters(PhantomData<Usage>);

        impl<'de> Visitor<'de> for AllMeters {
            type Value = Usage;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count for every meter")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Usage, A::Error> {
                let mut missing = Meter::ALL.to_vec();
                let mut usage = Usage::default();
                while let Some((meter, Count(count))) = map.next_entry::<Meter, Count>()? {
                    let before = missing.len();
                    missing.retain(|other| *other != meter);
                    if missing.len() == before {
                        return Err(A::Error::custom(format_args!(
                            "the meter `{meter}` appears twice"
                        )));
                    }
                    usage.set(meter, count);
                }
                match missing.first() {
                    Some(meter) => Err(A::Error::missing_field(meter.name())),
                    None => Ok(usage),
                }
            }
        }

        deserializer.deserialize_map(AllMeters(PhantomData))
    }
}

#[derive(Serialize, Deserialize)]
struct Count(#[serde(with = "crate::decimal")] u128);

/// What this machine took this time. Reported and signed, never part of the bill.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// Microseconds of wall time spent compiling; 0 when the artefact was cached.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "crate::decimal::option"
    )]
    pub compile_us: Option<u64>,
    /// Microseconds of wall time spent running the guest, its host calls included.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "crate::decimal::option"
    )]
    pub run_us: Option<u64>,
    /// Microseconds of wall time from admission to result.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "crate::decimal::option"
    )]
    pub wall_us: Option<u64>,
    /// Microseconds of CPU time.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "crate::decimal::option"
    )]
    pub cpu_us: Option<u64>,
    /// Microseconds of GPU time.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "crate::decimal::option"
    )]
    pub gpu_us: Option<u64>,
    /// The most bytes of resident memory.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "crate::decimal::option"
    )]
    pub peak_resident_bytes: Option<u64>,
    /// The device that computed, such as a processor's model name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::canonical::{from_json_strict, to_canonical_json};
    use crate::fixture::any_usage;

    #[test]
    fn every_meter_has_a_field_a_name_and_a_unit_of_its_own() {
        let mut usage = Usage::default();
        for (index, meter) in (1..).zip(Meter::ALL) {
            usage.set(*meter, index);
            assert_eq!(meter.name().parse::<Meter>().unwrap(), *meter);
            assert!(!meter.unit().is_empty());
        }
        let counts: Vec<u128> = usage.iter().map(|(_, count)| count).collect();
        assert_eq!(counts, (1..=18).collect::<Vec<u128>>());
    }

    #[test]
    fn missing_unknown_doubled_and_numeric_meters_are_refused() {
        let good = serde_json::to_string(&Usage::default()).unwrap();
        let refused = |from: &str, to: &str| {
            let bad = good.replace(from, to);
            assert_ne!(good, bad);
            from_json_strict::<Usage>(bad.as_bytes()).unwrap_err()
        };
        refused("\"bytes_in\":\"0\",", "");
        refused("bytes_in", "bytes_inside");
        refused("bytes_in", "bytes_out");
        refused("\"bytes_in\":\"0\"", "\"bytes_in\":0");
        refused("\"bytes_in\":\"0\"", "\"bytes_in\":\"00\"");
        assert!(serde_json::from_str::<Usage>(&good.replace("bytes_in", "bytes_out")).is_err());
    }

    #[test]
    fn sums_add_counts_and_keep_the_higher_peak() {
        let a = Usage {
            instructions: 5,
            memory_pages_peak: 7,
            ..Usage::default()
        };
        let b = Usage {
            instructions: 6,
            memory_pages_peak: 3,
            ..Usage::default()
        };
        let sum = a.checked_add(&b).unwrap();
        assert_eq!((sum.instructions, sum.memory_pages_peak), (11, 7));
        let full = Usage {
            bytes_in: u128::MAX,
            ..Usage::default()
        };
        let one = Usage {
            bytes_in: 1,
            ..Usage::default()
        };
        assert_eq!(full.checked_add(&one).unwrap_err().meter, Meter::BytesIn);
    }

    #[test]
    fn observed_leaves_out_what_was_not_observed() {
        let observed = Observed {
            run_us: Some(7),
            ..Observed::default()
        };
        assert_eq!(
            serde_json::to_string(&observed).unwrap(),
            r#"{"run_us":"7"}"#
        );
        assert_eq!(
            serde_json::from_str::<Observed>("{}").unwrap(),
            Observed::default()
        );
        assert!(serde_json::from_str::<Observed>(r#"{"run_us":7}"#).is_err());
        assert!(serde_json::from_str::<Observed>(r#"{"run_us":null}"#).is_err());
    }

    proptest! {
        #[test]
        fn usage_comes_back(usage in any_usage()) {
            let bytes = to_canonical_json(&usage).unwrap();
            prop_assert_eq!(from_json_strict::<Usage>(&bytes).unwrap(), usage);
        }
    }
}
