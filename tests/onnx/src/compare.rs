//! Owns whether what was computed is what ONNX defines. Reads no files.

use meterbox_inference::{ElementType, Tensor};

/// Rounding steps of a tensor's largest element by which any other may be off: sums of a hundred terms
/// in another order are off by less, and so are the polynomials that stand for exponentials.
const CANCELLED_STEPS: f64 = 32.0;

/// What differs first; none when the tensors agree: in shape and type exactly, in integers and truth
/// exactly, and in floats within `absolute + relative × expected`, as ONNX's own runner does it, but
/// for the rounding of the element type itself.
pub fn differ(actual: &Tensor, expected: &Tensor, tolerance: (f64, f64)) -> Option<String> {
    if actual.element_type() != expected.element_type() {
        return Some(format!(
            "elements of {} instead of {}",
            actual.element_type(),
            expected.element_type()
        ));
    }
    if actual.dimensions() != expected.dimensions() {
        return Some(format!(
            "dimensions {:?} instead of {:?}",
            actual.dimensions(),
            expected.dimensions()
        ));
    }
    let element_type = actual.element_type();
    if !element_type.is_float() {
        let differs = actual.data() != expected.data();
        return differs.then(|| {
            format!(
                "{:?} instead of {:?}",
                head(actual.data()),
                head(expected.data())
            )
        });
    }
    let (relative, absolute) = tolerance;
    // Two steps of a type that is coarser than the tolerance: both sides are rounded to it.
    let step = step(element_type);
    let relative = relative.max(2.0 * step);
    // Where large terms cancel, what is left of them is rounding: some steps of the largest element.
    let largest = floats(expected)
        .into_iter()
        .filter(|element| element.is_finite())
        .fold(0.0, |largest: f64, element| largest.max(element.abs()));
    let absolute = absolute.max(CANCELLED_STEPS * step * largest);
    floats(actual)
        .into_iter()
        .zip(floats(expected))
        .enumerate()
        .find(|&(_, (actual, expected))| !is_close(actual, expected, relative, absolute))
        .map(|(index, (actual, expected))| {
            format!("{actual} instead of {expected} at element {index}")
        })
}

fn is_close(actual: f64, expected: f64, relative: f64, absolute: f64) -> bool {
    if actual.is_nan() || expected.is_nan() {
        return actual.is_nan() && expected.is_nan();
    }
    #[allow(
        clippy::float_cmp,
        reason = "infinities are equal or not, and equal numbers are close"
    )]
    let is_same = actual == expected;
    is_same
        || (actual.is_finite()
            && expected.is_finite()
            && (actual - expected).abs() <= absolute + relative * expected.abs())
}

/// The distance between 1 and the next number of the type.
fn step(element_type: ElementType) -> f64 {
    match element_type {
        ElementType::F16 => 2_f64.powi(-10),
        ElementType::Bf16 => 2_f64.powi(-7),
        ElementType::F32 => 2_f64.powi(-23),
        _ => 2_f64.powi(-52),
    }
}

/// The elements of a tensor of floats, which every such type widens to without loss.
pub fn floats(tensor: &Tensor) -> Vec<f64> {
    let data = tensor.data();
    match tensor.element_type() {
        ElementType::F64 => elements(data).map(f64::from_le_bytes).collect(),
        ElementType::F32 => elements(data)
            .map(|bytes| f64::from(f32::from_le_bytes(bytes)))
            .collect(),
        ElementType::Bf16 => elements(data)
            .map(|[low, high]| f64::from(f32::from_le_bytes([0, 0, low, high])))
            .collect(),
        ElementType::F16 => elements(data)
            .map(|bytes| half(u16::from_le_bytes(bytes)))
            .collect(),
        _ => Vec::new(),
    }
}

fn elements<const SIZE: usize>(data: &[u8]) -> impl Iterator<Item = [u8; SIZE]> {
    data.chunks_exact(SIZE)
        .filter_map(|chunk| chunk.try_into().ok())
}

/// A half-precision number: one bit of sign, five of exponent, ten of fraction.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    sign * match exponent {
        0 => fraction * 2_f64.powi(-14),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (1.0 + fraction) * 2_f64.powi(exponent - 15),
    }
}

fn head(bytes: &[u8]) -> &[u8] {
    bytes.get(..32).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f32s(values: &[f32]) -> Tensor {
        let count = u32::try_from(values.len()).unwrap();
        let data = values.iter().flat_map(|value| value.to_le_bytes());
        Tensor::new(vec![count], ElementType::F32, data.collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn floats_agree_within_the_tolerance_and_not_beyond() {
        let tolerance = (1e-3, 1e-7);
        let expected = f32s(&[0.01, f32::NAN, f32::INFINITY, 0.0]);
        let close = f32s(&[0.010_009, f32::NAN, f32::INFINITY, 0.9e-7]);
        assert_eq!(differ(&close, &expected, tolerance), None);
        for apart in [
            [0.010_011, f32::NAN, f32::INFINITY, 0.0],
            [0.01, 1.0, f32::INFINITY, 0.0],
            [0.01, f32::NAN, f32::NEG_INFINITY, 0.0],
            [0.01, f32::NAN, f32::MAX, 0.0],
            [0.01, f32::NAN, f32::INFINITY, 1.2e-7],
        ] {
            assert!(differ(&f32s(&apart), &expected, tolerance).is_some());
        }
    }

    #[test]
    fn what_cancelled_is_off_by_rounding_of_the_largest_and_no_more() {
        let expected = f32s(&[4950.0, 0.0]);
        assert_eq!(
            differ(&f32s(&[4950.0, 18e-3]), &expected, (1e-3, 1e-7)),
            None
        );
        assert!(differ(&f32s(&[4950.0, 2e-2]), &expected, (1e-3, 1e-7)).is_some());
    }

    #[test]
    fn integers_and_shapes_agree_exactly() {
        let bytes = |dimensions: &[u32], element_type, data: &[u8]| {
            Tensor::new(dimensions.to_vec(), element_type, data.to_vec()).unwrap()
        };
        let expected = bytes(&[2], ElementType::U8, &[1, 2]);
        assert_eq!(differ(&expected, &expected, (1.0, 1.0)), None);
        for other in [
            bytes(&[2], ElementType::U8, &[1, 3]),
            bytes(&[2], ElementType::I8, &[1, 2]),
            bytes(&[2, 1], ElementType::U8, &[1, 2]),
        ] {
            assert!(differ(&other, &expected, (1.0, 1.0)).is_some());
        }
    }

    #[test]
    fn half_precision_is_read_as_it_is_written() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 2_f64.powi(-24)),
            (0x7c00, f64::INFINITY),
            (0x3555, 0.333_251_953_125),
        ] {
            assert_eq!(half(bits).to_bits(), value.to_bits());
        }
        assert!(half(0x7e00).is_nan());
    }
}
