//! M6: counted loops of i64, whose numbers are guarded, and the most laps that are charged at once.

use crate::counted::{by, check64};

#[test]
fn numbers_of_64_bits_are_guarded() {
    let two61 = 1_i64 << 61;
    // Within 2^61, either side excluded. v
    check64(
        &by("i64", 1, "lt_s"),
        [-two61 + 1, -two61 + 6, 0],
        5,
        Some(5),
    );
    check64(&by("i64", 1, "lt_s"), [-two61, -two61 + 5, 0], 1, Some(5));
    check64(
        &by("i64", -1, "gt_s"),
        [two61 - 1, two61 - 6, 0],
        5,
        Some(5),
    );
    check64(&by("i64", -1, "gt_s"), [two61, two61 - 5, 0], 1, Some(5));
    // b
    check64(&by("i64", 1, "lt_s"), [two61 - 6, two61 - 1, 0], 5, Some(5));
    check64(&by("i64", 1, "lt_s"), [two61 - 5, two61, 0], 1, Some(5));
    check64(&by("i64", 1, "lt_u"), [two61 - 6, two61 - 1, 0], 5, Some(5));
    check64(&by("i64", 1, "lt_u"), [two61 - 5, two61, 0], 1, Some(5));
    check64(
        &by("i64", -1, "gt_s"),
        [-two61 + 6, -two61 + 1, 0],
        5,
        Some(5),
    );
    check64(&by("i64", -1, "gt_s"), [-two61 + 5, -two61, 0], 1, Some(5));
    // s
    let local =
        |cmp| format!("local.get $v local.get $s i64.add local.tee $v local.get $b i64.{cmp}");
    let (least, most) = (-two61 + 1, two61 - 1);
    check64(&local("lt_s"), [least, most, most], 2, Some(2));
    check64(&local("lt_s"), [least, most, two61], 1, Some(2));
    check64(&local("gt_s"), [most, least, least], 2, Some(2));
    check64(&local("gt_s"), [most, least, -two61], 1, Some(2));
    check64(&by("i64", most, "lt_s"), [least, most, 0], 2, Some(2));
    check64(&by("i64", two61, "lt_s"), [least, most, 0], 1, Some(2));
    check64(&by("i64", least, "gt_s"), [most, least, 0], 2, Some(2));
    check64(&by("i64", -two61, "gt_s"), [most, least, 0], 1, Some(2));
    // s is what is added: for `sub`, the negative of the local.
    let negative = local("lt_s").replace("i64.add", "i64.sub");
    check64(&negative, [least, most, least], 2, Some(2));
    check64(&negative, [least, most, -two61], 1, Some(2));
    check64(&negative, [least, most, i64::MIN], 1, None);
    let negative = local("gt_s").replace("i64.add", "i64.sub");
    check64(&negative, [most, least, most], 2, Some(2));
    check64(&negative, [most, least, two61], 1, Some(2));
    // Unsigned, of what is negative with a sign
    check64(&by("i64", 1, "lt_u"), [-6, -1, 0], 1, Some(5));
    check64(&by("i64", 1, "lt_u"), [0, -1, 0], 1, None);
    check64(&by("i64", -1, "gt_u"), [-1, -6, 0], 1, Some(5));
    // `ne` has no guard.
    check64(&by("i64", 1, "ne"), [i64::MIN, i64::MIN + 7, 0], 7, Some(7));
    check64(
        &by("i64", -1, "ne"),
        [i64::MIN + 3, i64::MAX - 3, 0],
        7,
        Some(7),
    );
}

#[test]
fn never_more_laps_than_2_to_the_32_are_charged_at_once() {
    let most = 1_i64 << 32;
    check64(&by("i64", 1, "ne"), [0, most - 1, 0], most - 1, None);
    check64(&by("i64", 1, "ne"), [0, most, 0], most, None);
    check64(&by("i64", 1, "ne"), [0, most + 1, 0], most, None);
    check64(&by("i64", 1, "lt_s"), [0, 1 << 60, 0], most, None);
    check64(&by("i64", -1, "gt_s"), [1 << 60, -(1 << 60), 0], most, None);
    check64(&by("i64", 2, "lt_u"), [0, 1 << 60, 0], most, None);
}
