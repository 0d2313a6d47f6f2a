#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use meterbox_sandbox::NnCode;

use super::*;

fn floats(dimensions: &[u32], values: &[f32]) -> Tensor {
    let data: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    Tensor::new(dimensions.to_vec(), ElementType::F32, data).unwrap()
}

fn given(tensor: Tensor) -> Given {
    Ok(vec![("scores".into(), tensor)])
}

/// In which way one row differs from another.
fn rows(recorded: &[f32], computed: &[f32], tolerance: &Tolerance) -> Option<Disagreement> {
    let dimensions = [1, u32::try_from(recorded.len()).unwrap()];
    disagreement(
        &given(floats(&dimensions, recorded)),
        &given(floats(&dimensions, computed)),
        tolerance,
    )
}

const HALF: Tolerance = Tolerance::Within {
    absolute: 0.5,
    relative: 0.25,
    same_arg_max: false,
};

#[test]
fn one_bit_differs_from_exactly_the_same() {
    let next = f32::from_bits(1.0_f32.to_bits() + 1);
    assert_eq!(rows(&[1.0, 2.0], &[1.0, 2.0], &Tolerance::Exact), None);
    let found = rows(&[5.0, next], &[5.0, 1.0], &Tolerance::Exact);
    let Some(Disagreement::Elements {
        output,
        count,
        of,
        largest,
    }) = found
    else {
        panic!("{found:?}");
    };
    assert_eq!(
        (output.as_str(), count, of, largest.index),
        ("scores", 1, 2, 1)
    );
    assert_eq!((largest.recorded, largest.computed), (f64::from(next), 1.0));
    // Two zeros are equal, and not the same.
    assert!(rows(&[0.0], &[-0.0], &Tolerance::Exact).is_some());
    assert_eq!(rows(&[0.0], &[-0.0], &HALF), None);
}

#[test]
fn floats_may_differ_by_the_absolute_and_the_relative_part_and_not_by_more() {
    // 0.5 + 0.25 · 2 = 1 is allowed around 2.
    for recorded in [1.0, 3.0, 2.5] {
        assert_eq!(rows(&[recorded], &[2.0], &HALF), None);
    }
    for recorded in [0.999, 3.001, f32::NAN, f32::INFINITY] {
        assert!(rows(&[recorded], &[2.0], &HALF).is_some(), "{recorded}");
    }
    // Of what was computed again, not of what is recorded: around 1 it is 0.75.
    assert!(rows(&[2.0], &[1.0], &HALF).is_some());
    assert_eq!(rows(&[f32::NAN], &[f32::NAN], &HALF), None);
    assert_eq!(rows(&[f32::INFINITY], &[f32::INFINITY], &HALF), None);
    assert!(rows(&[f32::NEG_INFINITY], &[f32::INFINITY], &HALF).is_some());
    assert!(rows(&[7.0], &[f32::INFINITY], &HALF).is_some());
}

#[test]
fn the_largest_difference_is_named() {
    let found = rows(&[0.0, 9.0, 5.0, 3.0], &[0.0, 0.0, 0.0, 3.0], &HALF);
    let Some(Disagreement::Elements {
        count: 2,
        of: 4,
        largest,
        ..
    }) = found
    else {
        panic!("{found:?}");
    };
    assert_eq!(
        (largest.index, largest.recorded, largest.computed),
        (1, 9.0, 0.0)
    );
    let found = rows(&[9.0, f32::NAN, f32::NAN], &[0.0, 0.0, 0.0], &HALF);
    let Some(Disagreement::Elements { largest, .. }) = found else {
        panic!("{found:?}");
    };
    assert_eq!(largest.index, 1);
}

#[test]
fn the_largest_element_is_the_same_one_unless_another_is_as_large() {
    let within = |absolute, same_arg_max| Tolerance::Within {
        absolute,
        relative: 0.0,
        same_arg_max,
    };
    // Each element may be 0.1 off, and the largest is clearly another one.
    let (recorded, computed) = ([0.5, 0.45, 0.0], [0.4, 0.55, 0.0]);
    let found = rows(&recorded, &computed, &within(0.11, true));
    assert_eq!(
        found,
        Some(Disagreement::ArgMax {
            output: "scores".into(),
            row: 0,
            recorded: 0,
            computed: 1
        })
    );
    assert_eq!(rows(&recorded, &computed, &within(0.11, false)), None);
    // Two that are within the tolerance of each other are as large.
    assert_eq!(rows(&recorded, &computed, &within(0.2, true)), None);
    // Row by row: the second of two, of three elements each.
    let tensor = |row: [f32; 3]| floats(&[2, 3], &[[9.0, 0.0, 0.0], row].concat());
    let found = disagreement(
        &given(tensor(recorded)),
        &given(tensor(computed)),
        &within(0.11, true),
    );
    assert!(
        matches!(found, Some(Disagreement::ArgMax { row: 1, .. })),
        "{found:?}"
    );
}

#[test]
fn integers_are_the_same_whatever_the_tolerance() {
    let integer = |value: i64| {
        let data = value.to_le_bytes().to_vec();
        given(Tensor::new(vec![1], ElementType::I64, data).unwrap())
    };
    let wide = Tolerance::Within {
        absolute: 1e9,
        relative: 1.0,
        same_arg_max: true,
    };
    assert_eq!(disagreement(&integer(5), &integer(5), &wide), None);
    assert!(disagreement(&integer(5), &integer(6), &wide).is_some());
    // Two that are one float, and two integers.
    let large = (1_i64 << 53) + 1;
    assert!(disagreement(&integer(large), &integer(large - 1), &wide).is_some());
}

#[test]
fn another_form_and_another_answer_are_named() {
    let one = given(floats(&[2], &[1.0, 2.0]));
    for (other, says) in [
        (given(floats(&[1, 2], &[1.0, 2.0])), "f32[1, 2]"),
        (
            Ok(vec![("other".into(), floats(&[2], &[1.0, 2.0]))]),
            "`other`",
        ),
        (Ok(vec![]), "nothing"),
        (Err(NnCode::RuntimeError), "RuntimeError"),
    ] {
        for (recorded, computed) in [(&one, &other), (&other, &one)] {
            let found = disagreement(recorded, computed, &Tolerance::DEVICES).unwrap();
            assert!(found.to_string().contains(says), "{found}");
        }
    }
    let failed = |code| -> Given { Err(code) };
    let (one, other) = (failed(NnCode::RuntimeError), failed(NnCode::TooLarge));
    assert_eq!(disagreement(&one, &one, &Tolerance::Exact), None);
    assert!(disagreement(&one, &other, &Tolerance::Exact).is_some());
}

#[test]
fn floats_of_16_bits_are_read_as_they_are() {
    for (bits, expected) in [
        (0x0000, 0.0),
        (0x3c00, 1.0),
        (0xc000, -2.0),
        (0x3555, 0.333_251_953_125),
        (0x7bff, 65_504.0),
        (0x0001, 2_f64.powi(-24)),
        (0x7c00, f64::INFINITY),
        (0xfc00, f64::NEG_INFINITY),
    ] {
        assert_eq!(half(bits), expected, "{bits:#x}");
    }
    assert!(half(0x7e00).is_nan());
    let bytes = 0x4049_u16.to_le_bytes();
    assert_eq!(value(ElementType::Bf16, &bytes), Some(3.140_625));
}
