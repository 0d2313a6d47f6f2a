//! Owns what a job used of each model: calls, and the part of each meter that is the model's. Prices nothing.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::usage::Meter;

/// Models that a receipt tells apart, which are as many as a job may load. With fewer, all that was charged for models
/// is a listed one's.
pub const MODELS_TOLD_MAX: usize = 256;

/// One list of meters makes the fields.
macro_rules! model_meters {
    ($($variant:ident = $name:ident;)+) => {
        /// What a job used of one model: loading and preparing it, keeping it loaded, and calling it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct ModelUse {
            /// The model's bytes.
            pub sha256: Digest,
            /// Calls of it in the job's transcript, those that failed among them.
            #[serde(with = "crate::decimal")]
            pub calls: u64,
            $(
                /// Its part of the meter of this name.
                #[serde(with = "crate::decimal")]
                pub $name: u128,
            )+
        }

        impl ModelUse {
            /// The meters that are counted by model, in the order in which bills list them. Tokens are not among
            /// them: no engine counts any yet.
            pub const METERS: &'static [Meter] = &[$(Meter::$variant),+];

            /// Nothing of a model yet.
            #[must_use]
            pub const fn nothing(sha256: Digest) -> Self {
                Self { sha256, calls: 0, $($name: 0),+ }
            }

            /// Its part of `meter`; none of a meter that is not counted by model.
            #[must_use]
            pub const fn get(&self, meter: Meter) -> u128 {
                match meter { $(Meter::$variant => self.$name,)+ _ => 0 }
            }
        }
    };
}

model_meters! {
    InferenceOpsF64 = inference_ops_f64;
    InferenceOpsF32 = inference_ops_f32;
    InferenceOpsF16 = inference_ops_f16;
    InferenceOpsI8 = inference_ops_i8;
    InferenceOpsI4 = inference_ops_i4;
    InferenceWeightBytes = inference_weight_bytes;
    InferenceTensorBytes = inference_tensor_bytes;
    InferenceModelByteInstructions = inference_model_byte_instructions;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_meter_by_model_is_a_field_of_its_name() {
        let nothing = ModelUse::nothing(Digest::of(b"model"));
        let json = serde_json::to_value(nothing).unwrap();
        let fields = json.as_object().unwrap();
        assert_eq!(fields.len(), ModelUse::METERS.len() + 2);
        for meter in Meter::ALL {
            let is_counted = ModelUse::METERS.contains(meter);
            assert_eq!(fields.contains_key(meter.name()), is_counted, "{meter}");
            assert_eq!(is_counted, meter.name().starts_with("inference_"));
            let mut changed = json.clone();
            changed[meter.name()] = "7".into();
            match serde_json::from_value::<ModelUse>(changed) {
                Ok(used) => assert_eq!(used.get(*meter), 7),
                Err(_) => assert!(!is_counted && nothing.get(*meter) == 0),
            }
        }
    }
}
