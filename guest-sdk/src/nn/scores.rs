//! What is done with scores and vectors after most models. Works on plain slices.

/// The `k` highest values with their indices, highest first; of equal ones the earlier first. NaN is
/// never among them.
///
/// ```
/// assert_eq!(meterbox_guest::nn::top_k(&[0.1, 0.7, 0.2], 2), [(1, 0.7), (2, 0.2)]);
/// ```
pub fn top_k(values: &[f32], k: usize) -> Vec<(usize, f32)> {
    let mut best: Vec<(usize, f32)> = Vec::with_capacity(k.min(values.len()) + 1);
    for (index, value) in values.iter().copied().enumerate() {
        if value.is_nan() {
            continue;
        }
        let place = best.partition_point(|(_, better)| *better >= value);
        if place < k {
            best.insert(place, (index, value));
            best.truncate(k);
        }
    }
    best
}

/// Turns scores of any size into shares that come to one: each is `exp(value) / sum`, computed so that
/// nothing overflows. Without values, nothing happens.
pub fn softmax(values: &mut [f32]) {
    let highest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for value in &mut *values {
        *value = (*value - highest).exp();
        sum += *value;
    }
    for value in values {
        *value /= sum;
    }
}

/// Makes the vector's length one, so that a product of two such vectors is the cosine of their angle.
/// A vector of zeros stays as it is.
pub fn normalize(vector: &mut [f32]) {
    let squares: f64 = vector
        .iter()
        .map(|value| f64::from(*value) * f64::from(*value))
        .sum();
    let length = squares.sqrt();
    if length == 0.0 {
        return;
    }
    for value in vector {
        // The quotient is at most one, and rounded once.
        #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is meant")]
        let quotient = (f64::from(*value) / length) as f32;
        *value = quotient;
    }
}

/// Turns each value into `(value - mean) / deviation`, as the models' training did.
pub fn standardize(values: &mut [f32], mean: f32, deviation: f32) {
    for value in values {
        *value = (*value - mean) / deviation;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_come_first_and_ties_by_index() {
        assert_eq!(
            top_k(&[1.0, 3.0, 3.0, 2.0], 3),
            [(1, 3.0), (2, 3.0), (3, 2.0)]
        );
        assert_eq!(top_k(&[f32::NAN, 1.0], 2), [(1, 1.0)]);
        assert_eq!(top_k(&[1.0, 2.0], 9), [(1, 2.0), (0, 1.0)]);
        assert_eq!(
            top_k(&[f32::NEG_INFINITY, f32::INFINITY], 1),
            [(1, f32::INFINITY)]
        );
        assert!(top_k(&[1.0], 0).is_empty());
        assert!(top_k(&[], 3).is_empty());
    }

    #[test]
    fn shares_come_to_one() {
        // e^0 : e^ln 3 = 1 : 3.
        let mut values = [0.0, 3.0_f32.ln()];
        softmax(&mut values);
        assert!((values[0] - 0.25).abs() < 1e-6 && (values[1] - 0.75).abs() < 1e-6);
        let mut large = [1000.0, 1000.0];
        softmax(&mut large);
        assert_eq!(large, [0.5, 0.5]);
        softmax(&mut []);
    }

    #[test]
    fn a_vector_of_three_and_four_has_the_length_five() {
        let mut vector = [3.0, -4.0];
        normalize(&mut vector);
        assert_eq!(vector, [0.6, -0.8]);
        let mut nothing = [0.0, 0.0];
        normalize(&mut nothing);
        assert_eq!(nothing, [0.0, 0.0]);
        let mut small = [f32::MIN_POSITIVE];
        normalize(&mut small);
        assert_eq!(small, [1.0]);
    }

    #[test]
    fn values_are_moved_by_the_mean_and_scaled_by_the_deviation() {
        let mut values = [0.0, 0.5, 1.0];
        standardize(&mut values, 0.5, 0.25);
        assert_eq!(values, [-2.0, 0.0, 2.0]);
    }
}
