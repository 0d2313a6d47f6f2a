//! M9 and M11: bulk operators by length, and pages that growth brings.

use meterbox_meter::Class;
use meterbox_reference::{Settings, Trap, Value};

use crate::harness::{
    BUDGET, SETTINGS, i32, i64, results, run, run_with, simple, trapped, units, w,
};

fn module(body: &str) -> String {
    format!(
        r#"(module (memory 2 5) (table $t 100 200 funcref) (data $d "0123456789") (func $h)
        (elem $e func $h $h $h $h) (func (export "f") (param i32) {body}))"#
    )
}

#[test]
fn memory_is_charged_by_64_bytes_rounded_down_once() {
    for (body, class) in [
        (
            "i32.const 0 i32.const 7 local.get 0 memory.fill",
            Class::MemoryFill,
        ),
        (
            "i32.const 0 i32.const 0 local.get 0 memory.copy",
            Class::MemoryBulk,
        ),
    ] {
        for length in [0, 1, 10, 11, 63, 64, 65, 640, 1000] {
            let expected = i64::from(length) * w(Class::MemoryBulk64Bytes) / 64;
            assert_eq!(
                units(&module(body), &[i32(length)]),
                simple(3) + w(class) + expected,
                "{body} {length}"
            );
        }
    }
    let init = "i32.const 0 i32.const 0 local.get 0 memory.init $d";
    assert_eq!(
        units(&module(init), &[i32(10)]),
        simple(3) + w(Class::MemoryBulk) + 10 * w(Class::MemoryBulk64Bytes) / 64
    );
}

#[test]
fn tables_are_charged_by_element() {
    for body in [
        "i32.const 0 ref.null func local.get 0 table.fill $t",
        "i32.const 0 i32.const 0 local.get 0 table.copy",
        "i32.const 0 i32.const 0 local.get 0 table.init $t $e",
        "ref.null func local.get 0 table.grow $t drop",
    ] {
        let reference = if body.contains("ref.null") {
            w(Class::Reference)
        } else {
            0
        };
        let simples = simple(if body.contains("grow") { 2 } else { 3 });
        let simples = simples - if body.contains("fill") { simple(1) } else { 0 };
        assert_eq!(
            units(&module(body), &[i32(4)]),
            reference + simples + w(Class::TableBulk) + 4 * w(Class::TableElement),
            "{body}"
        );
    }
}

#[test]
fn lengths_are_charged_whether_or_not_they_then_trap_or_fail() {
    let most = i64::from(u32::MAX);
    let fill = module("i32.const 0 i32.const 7 local.get 0 memory.fill");
    assert_eq!(
        trapped(&fill, &[i32(-1)], &Trap::MemoryOutOfBounds),
        simple(3) + w(Class::MemoryFill) + most * w(Class::MemoryBulk64Bytes) / 64
    );
    let copy = module("i32.const 0 i32.const 0 local.get 0 table.copy");
    assert_eq!(
        trapped(&copy, &[i32(-1)], &Trap::TableOutOfBounds),
        simple(3) + w(Class::TableBulk) + most * w(Class::TableElement)
    );
    let grow = module("ref.null func local.get 0 table.grow $t drop");
    assert_eq!(
        units(&grow, &[i32(-1)]),
        simple(2) + w(Class::Reference) + w(Class::TableBulk) + most * w(Class::TableElement)
    );
}

#[test]
fn lengths_of_64_bits_count_up_to_their_bounds() {
    let wat = |body: &str| {
        format!(
            r#"(module (memory i64 1 2) (table i64 1 2 funcref) (func (export "f") (param i64) {body}))"#
        )
    };
    let fill = wat("i64.const 0 i32.const 0 local.get 0 memory.fill");
    for length in [1_i64 << 40, (1 << 40) + 1, -1] {
        assert_eq!(
            trapped(&fill, &[i64(length)], &Trap::MemoryOutOfBounds),
            simple(3) + w(Class::MemoryFill) + (1 << 40) * w(Class::MemoryBulk64Bytes) / 64
        );
    }
    let grow = wat("local.get 0 memory.grow drop");
    for (pages, charged) in [(65_537, 65_537), (1 << 40, 1 << 40), (-1, 1 << 40), (3, 3)] {
        assert_eq!(
            units(&grow, &[i64(pages)]),
            simple(2) + w(Class::MemoryGrow) + charged * w(Class::MemoryPage)
        );
    }
    let table = wat("ref.null func local.get 0 table.grow drop");
    assert_eq!(
        units(&table, &[i64(-1)]),
        simple(2) + w(Class::Reference) + w(Class::TableBulk) + (1 << 40) * w(Class::TableElement)
    );
}

#[test]
fn growth_is_charged_and_integrated_when_it_succeeds() {
    let wat =
        module("local.get 0 memory.grow drop i32.const 1 if i32.const 1 memory.grow drop end");
    let first = simple(3) + w(Class::MemoryGrow) + w(Class::Branch);
    let second = simple(2) + w(Class::MemoryGrow);
    let page = w(Class::MemoryPage);

    let both = run(&wat, &[i32(2)]);
    assert_eq!(both.units(), first + 2 * page + second + page);
    assert_eq!(both.reading.pages_grown, 3);
    // Each page is there from the units left when it came, segment charges and its own included.
    let at = [
        BUDGET - first - 2 * page,
        BUDGET - first - second - 3 * page,
    ];
    let at = at.map(i64::cast_unsigned);
    assert_eq!(
        both.reading.grown_low,
        2 * (at[0] & 0xffff_ffff) + (at[1] & 0xffff_ffff)
    );
    assert_eq!(both.reading.grown_high, 2 * (at[0] >> 32) + (at[1] >> 32));

    let failed = run(&wat, &[i32(4)]);
    assert_eq!(failed.units(), first + 4 * page + second + page);
    assert_eq!(
        failed.reading.pages_grown, 1,
        "growth that fails brings no page"
    );

    let none = run(&wat, &[i32(0)]);
    assert_eq!(none.units(), first + second + page);
    assert_eq!(none.reading.pages_grown, 1);
}

#[test]
fn growth_ends_at_the_limits_of_the_run_and_of_the_declaration() {
    let wat = r#"(module (memory $a 2 5) (memory $b 1) (table $t 4 funcref) (table $u 4 externref)
        (func (export "f") (param i32 i32 i32) (result i32 i32 i32)
            local.get 0 memory.grow $a
            local.get 1 memory.grow $b
            ref.null extern local.get 2 table.grow $u))"#;
    let settings = Settings {
        pages_max: 7,
        table_elements_max: 10,
        ..SETTINGS
    };
    let grown =
        |a, b, elements| match run_with(wat, &[i32(a), i32(b), i32(elements)], &settings).ending {
            meterbox_reference::Ending::Returned(results) => results,
            other => panic!("{other:?}"),
        };
    assert_eq!(
        grown(3, 1, 2),
        [Value::I32(2), Value::I32(1), Value::I32(4)]
    );
    assert_eq!(grown(4, 5, 3), [i32(-1), i32(-1), i32(-1)]);
}

#[test]
fn several_memories_are_told_apart() {
    let wat = r#"(module (memory $a 1) (memory $b 1) (data (memory $b) (i32.const 8) "x")
        (func (export "f") (result i32 i32)
            (memory.copy $a $b (i32.const 1) (i32.const 8) (i32.const 1))
            (i32.load8_u $a (i32.const 1)) (i32.load8_u $b (i32.const 1))))"#;
    assert_eq!(results(wat, &[]), [i32(i32::from(b'x')), i32(0)]);
}
