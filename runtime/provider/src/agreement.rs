//! Whether two answers of a model agree: the one in a transcript, and the one that was computed again. Computes
//! none of them.

use std::fmt;

use meterbox_billing::receipt::Attested;
use meterbox_inference::{ElementType, Tensor};
use meterbox_sandbox::Given;

/// How far two answers may be apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// Not at all: every bit is the same.
    Exact,
    /// For floats, by as much as rounding in another order makes of them. Integers are the same.
    Within {
        /// This much, and besides
        absolute: f64,
        /// this much of what was computed again.
        relative: f64,
        /// Whether the largest element of each row of the last dimension is the same one, unless another is
        /// as large within the tolerance.
        same_arg_max: bool,
    },
}

impl Tolerance {
    /// What is allowed between devices, if nobody says anything else.
    pub const DEVICES: Tolerance = Tolerance::Within {
        absolute: 1e-3,
        relative: 1e-3,
        same_arg_max: true,
    };

    /// What a receipt's answers are compared with: every bit, where the backend is the one whose results are the
    /// same on every machine of the bit-exact class, and else [`Tolerance::DEVICES`].
    #[must_use]
    pub fn of(attested: &Attested) -> Tolerance {
        let has = |name: &str| attested.libraries.contains_key(name);
        let is_of_the_class = has("tract-onnx") && !has(NOT_BIT_EXACT);
        if is_of_the_class && !OTHER_BACKENDS.into_iter().any(has) {
            Tolerance::Exact
        } else {
            Tolerance::DEVICES
        }
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tolerance::Exact => f.write_str("in no bit"),
            Tolerance::Within {
                absolute,
                relative,
                same_arg_max,
            } => {
                write!(f, "floats by {absolute} and by {relative} of their value")?;
                if *same_arg_max {
                    f.write_str(", where the largest of each row stays the same")?;
                }
                Ok(())
            }
        }
    }
}

/// What a receipt's libraries have beside tract where its process was not of the bit-exact class: why not.
pub(crate) const NOT_BIT_EXACT: &str = "not-bit-exact";

/// Libraries that compute models, and whose results differ from machine to machine.
const OTHER_BACKENDS: [&str; 3] = ["onnxruntime", "tract-cuda", "llama-cpp"];

/// In which way two answers differ.
#[derive(Debug, Clone, PartialEq)]
pub enum Disagreement {
    /// One is a failure, or both are, and they are different ones.
    Answer {
        /// What is in the transcript, in words.
        recorded: String,
        /// What was computed again.
        computed: String,
    },
    /// An output has another name, type or dimensions, or is missing.
    Form {
        /// The output.
        output: String,
        /// What is in the transcript.
        recorded: String,
        /// What was computed again.
        computed: String,
    },
    /// Elements of an output differ by more than they may.
    Elements {
        /// The output.
        output: String,
        /// How many do.
        count: u64,
        /// Of how many.
        of: u64,
        /// The one that differs most.
        largest: ElementDifference,
    },
    /// The largest element of a row is another one.
    ArgMax {
        /// The output.
        output: String,
        /// Which row of its last dimension.
        row: u64,
        /// Where the largest element is in the transcript.
        recorded: u64,
        /// Where it is in what was computed again.
        computed: u64,
    },
}

/// An element that differs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ElementDifference {
    /// Its place among all of the tensor's, the last dimension fastest.
    pub index: u64,
    /// What is in the transcript.
    pub recorded: f64,
    /// What was computed again.
    pub computed: f64,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { recorded, computed } => {
                write!(
                    f,
                    "the transcript says {recorded}, computing it again gives {computed}"
                )
            }
            Self::Form {
                output,
                recorded,
                computed,
            } => write!(
                f,
                "output `{output}` is {recorded} in the transcript, computing it again gives {computed}"
            ),
            Self::Elements {
                output,
                count,
                of,
                largest,
            } => write!(
                f,
                "output `{output}` differs in {count} of {of} elements, most in element {}: {} in the \
                 transcript, {} computed again",
                largest.index, largest.recorded, largest.computed
            ),
            Self::ArgMax {
                output,
                row,
                recorded,
                computed,
            } => write!(
                f,
                "output `{output}` has its largest element of row {row} at {recorded} in the transcript, \
                 computed again at {computed}"
            ),
        }
    }
}

/// The first way in which two answers differ by more than they may.
#[must_use]
pub fn disagreement(
    recorded: &Given,
    computed: &Given,
    tolerance: &Tolerance,
) -> Option<Disagreement> {
    let (ours, theirs) = match (recorded, computed) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(ours), Err(theirs)) if ours == theirs => return None,
        _ => {
            return Some(Disagreement::Answer {
                recorded: in_words(recorded),
                computed: in_words(computed),
            });
        }
    };
    let form = |of: Option<&(String, Tensor)>| match of {
        None => "nothing".to_owned(),
        Some((name, tensor)) => format!(
            "`{name}` {}{:?}",
            tensor.element_type(),
            tensor.dimensions()
        ),
    };
    for at in 0..ours.len().max(theirs.len()) {
        let (recorded, computed) = (ours.get(at), theirs.get(at));
        let (one, other) = (form(recorded), form(computed));
        if one != other {
            let named = recorded.or(computed);
            return Some(Disagreement::Form {
                output: named.map(|(name, _)| name.clone()).unwrap_or_default(),
                recorded: one,
                computed: other,
            });
        }
        if let (Some((output, recorded)), Some((_, computed))) = (recorded, computed) {
            let found = of_tensors(output, recorded, computed, tolerance);
            if found.is_some() {
                return found;
            }
        }
    }
    None
}

fn in_words(given: &Given) -> String {
    match given {
        Ok(outputs) => format!("{} outputs", outputs.len()),
        Err(code) => format!("the failure {code:?}"),
    }
}

/// Of two tensors of the same type and dimensions.
fn of_tensors(
    output: &str,
    recorded: &Tensor,
    computed: &Tensor,
    tolerance: &Tolerance,
) -> Option<Disagreement> {
    // What is the same needs no looking at.
    if recorded.data() == computed.data() {
        return None;
    }
    let pairs = || elements(recorded).zip(elements(computed));
    let may_differ = is_float(recorded.element_type());
    let (mut count, mut of, mut largest) = (0, 0_u64, None::<(f64, ElementDifference)>);
    for ((ours, our_bytes), (theirs, their_bytes)) in pairs() {
        let agree = our_bytes == their_bytes || (may_differ && tolerance.allows(ours, theirs));
        if !agree {
            count += 1;
            let apart = apart(ours, theirs);
            if largest.is_none_or(|(most, _)| apart > most) {
                let difference = ElementDifference {
                    index: of,
                    recorded: ours,
                    computed: theirs,
                };
                largest = Some((apart, difference));
            }
        }
        of += 1;
    }
    if let Some((_, largest)) = largest {
        return Some(Disagreement::Elements {
            output: output.to_owned(),
            count,
            of,
            largest,
        });
    }
    arg_max(output, recorded, computed, tolerance)
}

/// The first row whose largest element is clearly another one.
fn arg_max(
    output: &str,
    recorded: &Tensor,
    computed: &Tensor,
    tolerance: &Tolerance,
) -> Option<Disagreement> {
    let Tolerance::Within {
        same_arg_max: true, ..
    } = tolerance
    else {
        return None;
    };
    let length = usize::try_from(*recorded.dimensions().last()?).ok()?;
    if length < 2 || !is_float(recorded.element_type()) {
        return None;
    }
    let (mut ours, mut theirs) = (elements(recorded), elements(computed));
    for row in 0.. {
        let (our_row, their_row) = (row_of(&mut ours, length), row_of(&mut theirs, length));
        if our_row.is_empty() {
            break;
        }
        let (our_best, their_best) = (largest_of(&our_row), largest_of(&their_row));
        let (in_our_place, best) = (their_row.get(our_best)?, their_row.get(their_best)?);
        if our_best != their_best && !tolerance.allows(*in_our_place, *best) {
            return Some(Disagreement::ArgMax {
                output: output.to_owned(),
                row,
                recorded: u64::try_from(our_best).unwrap_or(u64::MAX),
                computed: u64::try_from(their_best).unwrap_or(u64::MAX),
            });
        }
    }
    None
}

/// The values of the next row; fewer, at the end.
fn row_of<'t>(elements: &mut impl Iterator<Item = (f64, &'t [u8])>, length: usize) -> Vec<f64> {
    elements.take(length).map(|(value, _)| value).collect()
}

/// Where the largest is; the first of those that are as large. What is not a number is never it.
fn largest_of(row: &[f64]) -> usize {
    let mut best = 0;
    for (at, value) in row.iter().enumerate() {
        let is_larger = row
            .get(best)
            .is_none_or(|best| value > best || best.is_nan());
        if is_larger && !value.is_nan() {
            best = at;
        }
    }
    best
}

impl Tolerance {
    fn allows(&self, recorded: f64, computed: f64) -> bool {
        match self {
            Tolerance::Exact => false,
            Tolerance::Within {
                absolute, relative, ..
            } => {
                if recorded.is_nan() || computed.is_nan() {
                    return recorded.is_nan() && computed.is_nan();
                }
                // Two infinities are the same, or infinitely far apart.
                recorded == computed
                    || (recorded - computed).abs() <= absolute + relative * computed.abs()
                        && computed.is_finite()
            }
        }
    }
}

/// How far apart two elements are; infinitely, if one is not a number.
fn apart(ours: f64, theirs: f64) -> f64 {
    let apart = (ours - theirs).abs();
    if apart.is_nan() { f64::INFINITY } else { apart }
}

const fn is_float(element_type: ElementType) -> bool {
    matches!(
        element_type,
        ElementType::F16 | ElementType::F32 | ElementType::F64 | ElementType::Bf16
    )
}

/// Each element's value and bytes. Integers of 64 bits may be rounded: they are compared by their bytes.
fn elements(tensor: &Tensor) -> impl Iterator<Item = (f64, &[u8])> {
    let element_type = tensor.element_type();
    // Tensors of guests have no elements smaller than a byte.
    let size = usize::try_from(element_type.size_bits() / 8)
        .unwrap_or(1)
        .max(1);
    let chunks = tensor.data().chunks_exact(size);
    chunks.map(move |bytes| (value(element_type, bytes).unwrap_or(f64::NAN), bytes))
}

fn value(element_type: ElementType, bytes: &[u8]) -> Option<f64> {
    Some(match element_type {
        ElementType::F16 => half(u16::from_le_bytes(bytes.try_into().ok()?)),
        ElementType::Bf16 => {
            let upper = u32::from(u16::from_le_bytes(bytes.try_into().ok()?));
            f64::from(f32::from_bits(upper << 16))
        }
        ElementType::F32 => f64::from(f32::from_le_bytes(bytes.try_into().ok()?)),
        ElementType::F64 => f64::from_le_bytes(bytes.try_into().ok()?),
        ElementType::U8 => f64::from(*bytes.first()?),
        ElementType::I32 => f64::from(i32::from_le_bytes(bytes.try_into().ok()?)),
        ElementType::I64 => i64::from_le_bytes(bytes.try_into().ok()?) as f64,
        // No guest can be given any other.
        _ => return None,
    })
}

/// The value of a float of 16 bits: 1 of sign, 5 of exponent, 10 of fraction.
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    let magnitude = match i32::from((bits >> 10) & 0x1f) {
        0 => fraction * 2_f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1.0 + fraction) * 2_f64.powi(exponent - 15),
    };
    if bits & 0x8000 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

#[cfg(test)]
mod tests;
