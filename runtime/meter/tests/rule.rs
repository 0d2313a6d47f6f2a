//! The meter's rule, on programs small enough to count by hand. Each expectation is written as the
//! sum that the specification gives, in the weights of the schedule.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use meterbox_meter::{
    Class, METER_GLOBALS, METER_MODULE, MeterError, Metered, Reading, Spent, Tier, left_at_start,
    meter, spent,
};
use wasmtime::{
    Engine, Extern, Global, GlobalType, Instance, Module, Mutability, Store, Val, ValType,
};

const BUDGET: u64 = 1_000_000_000_000;
const STACK: i32 = 1 << 20;

fn w(class: Class) -> u64 {
    u64::from(class.weight(Tier::Large))
}

fn metered(wat: &str) -> Metered {
    let metered = meter(&wat::parse_str(wat).unwrap()).unwrap();
    wasmparser::Validator::new_with_features(meterbox_meter::FEATURES)
        .validate_all(&metered.bytes)
        .unwrap();
    metered
}

struct Run {
    spent: Spent,
    reading: Reading,
    result: Result<Vec<i64>, String>,
}

/// Runs the export `f` with these arguments under a budget, on wasmtime.
fn run_with(metered: &Metered, arguments: &[Val], budget: u64) -> Run {
    let engine = Engine::default();
    let module = Module::new(&engine, &metered.bytes).unwrap();
    let mut store = Store::new(&engine, ());
    let left = left_at_start(metered, budget).expect("the budget covers what is declared");
    let globals: Vec<Global> = METER_GLOBALS
        .iter()
        .map(|(name, is_i32)| {
            let (ty, value) = match (*name, is_i32) {
                ("left", _) => (ValType::I64, Val::I64(left)),
                ("stack-left", _) => (ValType::I32, Val::I32(STACK)),
                (_, true) => (ValType::I32, Val::I32(0)),
                (_, false) => (ValType::I64, Val::I64(0)),
            };
            Global::new(&mut store, GlobalType::new(ty, Mutability::Var), value).unwrap()
        })
        .collect();
    let imports: Vec<Extern> = module
        .imports()
        .map(|import| {
            assert_eq!(import.module(), METER_MODULE);
            let at = METER_GLOBALS
                .iter()
                .position(|(name, _)| *name == import.name())
                .unwrap();
            globals[at].into()
        })
        .collect();
    let result = Instance::new(&mut store, &module, &imports)
        .and_then(|instance| {
            let f = instance.get_func(&mut store, "f").unwrap();
            let mut results = vec![Val::I32(0); f.ty(&store).results().len()];
            f.call(&mut store, arguments, &mut results)?;
            Ok(results)
        })
        .map(|results| {
            results
                .iter()
                .map(|result| match result {
                    Val::I32(value) => i64::from(*value),
                    Val::I64(value) => *value,
                    other => panic!("{other:?}"),
                })
                .collect()
        })
        .map_err(|error| format!("{error:?}"));
    let value = |at: usize, store: &mut Store<()>| match globals[at].get(store) {
        Val::I64(value) => value,
        Val::I32(value) => i64::from(value),
        _ => unreachable!(),
    };
    let reading = Reading {
        left: value(0, &mut store),
        stack_left: i32::try_from(value(1, &mut store)).unwrap(),
        pages_grown: u64::try_from(value(2, &mut store)).unwrap(),
        grown_low: u64::try_from(value(3, &mut store)).unwrap(),
        grown_high: u64::try_from(value(4, &mut store)).unwrap(),
    };
    Run {
        spent: spent(metered, budget, &reading),
        reading,
        result,
    }
}

/// Units of a run beyond those that the module declares.
fn units(wat: &str, arguments: &[Val]) -> u64 {
    let metered = metered(wat);
    let run = run_with(&metered, arguments, BUDGET);
    assert_eq!(run.spent.exhausted, None);
    assert!(
        run.reading.stack_left == STACK || run.result.is_err(),
        "frames are given back"
    );
    run.spent.instructions - metered.declared.units
}

#[test]
fn straight_code_is_charged_by_class() {
    let wat = r#"(module (func (export "f") (param i32) (result i32)
        local.get 0  i32.const 3  i32.mul  i32.const 5  i32.div_u))"#;
    assert_eq!(
        units(wat, &[Val::I32(10)]),
        3 * w(Class::Simple) + w(Class::Multiply) + w(Class::Divide)
    );
}

#[test]
fn only_the_arm_that_runs_is_charged() {
    let wat = r#"(module (func (export "f") (param i32) (result i32)
        local.get 0
        if (result i32) i32.const 1 else i32.const 2 i32.const 3 i32.add i32.const 4 i32.add end))"#;
    let head = w(Class::Simple) + w(Class::Branch);
    assert_eq!(units(wat, &[Val::I32(1)]), head + w(Class::Simple));
    assert_eq!(units(wat, &[Val::I32(0)]), head + 5 * w(Class::Simple));
}

#[test]
fn a_loop_is_charged_per_lap() {
    // Laps of: local.get, const, sub, local.tee, br_if.
    let wat = r#"(module (func (export "f") (param i32)
        loop local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end))"#;
    let lap = 4 * w(Class::Simple) + w(Class::Branch);
    assert_eq!(units(wat, &[Val::I32(1)]), w(Class::Branch) + lap);
    assert_eq!(units(wat, &[Val::I32(1000)]), w(Class::Branch) + 1000 * lap);
}

/// Units of a run that traps, beyond those that the module declares.
fn units_at_trap(wat: &str, arguments: &[Val]) -> u64 {
    let metered = metered(wat);
    let run = run_with(&metered, arguments, BUDGET);
    assert!(run.result.is_err(), "{:?}", run.result);
    assert_eq!(run.spent.exhausted, None);
    run.spent.instructions - metered.declared.units
}

#[test]
fn a_counted_loop_is_charged_ahead() {
    // The lap of index 3 of 10 divides by zero. A loop that is not counted is billed four laps.
    let lap_of = |block: &str| {
        format!(
            r#"(module (func (export "f") (param i32) (local i32)
                loop {block} i32.const 1 local.get 1 i32.const 3 i32.sub i32.div_u drop
                    local.get 1 i32.const 1 i32.add local.tee 1 local.get 0 i32.lt_u br_if 0
                end))"#
        )
    };
    let lap = 11 * w(Class::Simple) + w(Class::Divide) + w(Class::Branch);
    let entry = w(Class::Branch);
    assert_eq!(
        units_at_trap(&lap_of(""), &[Val::I32(10)]),
        entry + 10 * lap
    );
    // Its head's record is of the segment up to the block's end; the rest of the lap follows.
    let plain = units_at_trap(&lap_of("block end"), &[Val::I32(10)]);
    assert_eq!(plain, entry + 3 * lap);
    // A loop that would wrap around is charged a lap at a time: from 0 by 3 it never meets 7 before.
    let wraps = r#"(module (memory 1) (func (export "f") (param i32) (local i32)
        loop local.get 1 i32.load drop
            local.get 1 i32.const 3 i32.add local.tee 1 local.get 0 i32.ne br_if 0 end))"#;
    let lap = 8 * w(Class::Simple) + w(Class::Load) + w(Class::Branch);
    let laps = (65_536 - 4) / 3 + 2; // and the one that is out of bounds
    assert_eq!(units_at_trap(wraps, &[Val::I32(7)]), entry + laps * lap);
    assert_eq!(
        units_at_trap(wraps, &[Val::I32(30_000_000)]),
        entry + 10_000_000 * lap
    );
}

#[test]
fn a_small_function_is_no_sync_point_and_takes_no_stack() {
    // The callee traps: what is billed is what its caller recorded at its own entry.
    let wat = |body: &str| {
        format!(
            r#"(module (func $g (param i32) (result i32) {body} i32.const 1 local.get 0 i32.div_u)
                (func (export "f") (param i32) (result i32) local.get 0 call $g))"#
        )
    };
    let caller = w(Class::Simple) + w(Class::Call);
    assert_eq!(units_at_trap(&wat(""), &[Val::I32(0)]), caller);
    let callee = 3 * w(Class::Simple) + w(Class::Divide);
    // One with a loop records at its entry, and again at the loop's head, where all that follows the
    // loop's `end` is still to come.
    let not_small = "loop end ";
    let looped = w(Class::Branch);
    assert_eq!(
        units_at_trap(&wat(not_small), &[Val::I32(0)]),
        caller + looped
    );
    assert_eq!(
        units(&wat(""), &[Val::I32(1)]),
        caller + callee - w(Class::Simple)
    );
    assert_eq!(
        units(&wat(not_small), &[Val::I32(1)]),
        caller + looped + callee - w(Class::Simple)
    );
    // A function that is exported is never small.
    let exported = r#"(module (func (export "f") (result i32) i32.const 1 i32.const 0 i32.div_u))"#;
    assert_eq!(
        units_at_trap(exported, &[]),
        2 * w(Class::Simple) + w(Class::Divide)
    );
}

#[test]
fn an_exception_is_charged_recorded_and_caught() {
    let wat = r#"(module (tag $e (param i32))
        (func $g (param i32) local.get 0 throw $e)
        (func (export "f") (param i32) (result i32)
            block $caught (result i32)
                try_table (catch $e $caught) local.get 0 call $g end
                i32.const 7
            end))"#;
    let metered = metered(wat);
    let run = run_with(&metered, &[Val::I32(5)], BUDGET);
    assert_eq!(run.result, Ok(vec![5]));
    assert_eq!(run.reading.stack_left, STACK);
    let units = run.spent.instructions - metered.declared.units;
    let simple = 2 * w(Class::Simple);
    assert_eq!(units, simple + w(Class::Call) + w(Class::Throw));
    // Nobody catches: billed all the same.
    let wat = r#"(module (tag $e) (func (export "f") i32.const 1 drop throw $e))"#;
    assert_eq!(
        units_at_trap(wat, &[]),
        2 * w(Class::Simple) + w(Class::Throw)
    );
}

#[test]
fn every_nan_that_arithmetic_makes_is_canonical_where_it_is_seen() {
    let nan = 0x7ff8_0000_0000_0000_u64.cast_signed();
    let odd = 0x7ff4_0000_0000_1234_u64.cast_signed();
    let bits = |body: &str| {
        let wat = format!(
            r#"(module (memory 1) (func (export "f") (param f64) (result i64) (local f64 f64) {body}))"#
        );
        let metered = metered(&wat);
        let run = run_with(&metered, &[Val::F64(odd.cast_unsigned())], BUDGET);
        run.result.unwrap()[0]
    };
    let reinterpret = "i64.reinterpret_f64";
    // What only moves keeps its bits.
    assert_eq!(bits(&format!("local.get 0 {reinterpret}")), odd);
    assert_eq!(
        bits("i32.const 0 local.get 0 f64.store i32.const 0 i64.load"),
        odd
    );
    // What is computed does not, through locals, branches and loops.
    assert_eq!(
        bits(&format!("local.get 0 local.get 0 f64.add {reinterpret}")),
        nan
    );
    assert_eq!(
        bits("i32.const 0 local.get 0 f64.sqrt f64.store i32.const 0 i64.load"),
        nan
    );
    for sign in ["0", "1"] {
        // One arm computes, and the other one does not.
        let merged = format!(
            "local.get 0 local.set 1 i32.const {sign} if local.get 0 local.get 0 f64.mul local.set 1 end
             local.get 1 {reinterpret}"
        );
        assert_eq!(bits(&merged), if sign == "1" { nan } else { odd });
    }
    let looped = format!(
        "local.get 0 local.set 1 loop local.get 1 f64.const 1 f64.add local.set 1
         local.get 1 local.set 2 i32.const 0 br_if 0 end local.get 2 {reinterpret}"
    );
    assert_eq!(bits(&looped), nan);
    // The sign of a computed NaN is clear before `neg` sets it.
    let zero = "f64.const 0 f64.const 0 f64.div";
    assert_eq!(
        bits(&format!("{zero} f64.neg {reinterpret}")),
        nan | i64::MIN
    );
    assert_eq!(bits(&format!("{zero} f64.abs {reinterpret}")), nan);
    assert_eq!(
        bits(&format!("{zero} f64x2.splat i64x2.extract_lane 1")),
        nan
    );
}

#[test]
fn operators_after_a_branch_out_are_not_charged() {
    let wat = r#"(module (func (export "f") (result i32)
        block (result i32) i32.const 7 br 0 i32.const 8 drop i32.const 9 drop end))"#;
    assert_eq!(units(wat, &[]), w(Class::Simple) + w(Class::Branch));
}

#[test]
fn return_and_branches_to_the_function_end_give_back_the_frame() {
    for body in [
        "i32.const 1 return",
        "i32.const 1 br 0",
        "i32.const 1 i32.const 0 br_table 0",
        "block i32.const 1 return end unreachable",
    ] {
        let wat = format!(r#"(module (func (export "f") (result i32) {body}))"#);
        assert_eq!(
            run_with(&metered(&wat), &[], BUDGET).result,
            Ok(vec![1]),
            "{body}"
        );
        units(&wat, &[]);
    }
}

#[test]
fn several_results_and_parameters_pass_through() {
    let wat = r#"(module (func (export "f") (param i32 i64) (result i64 i32)
        local.get 0 if local.get 1 local.get 0 return end local.get 1 local.get 0))"#;
    assert_eq!(
        run_with(&metered(wat), &[Val::I32(1), Val::I64(2)], BUDGET).result,
        Ok(vec![2, 1])
    );
    assert_eq!(
        run_with(&metered(wat), &[Val::I32(0), Val::I64(2)], BUDGET).result,
        Ok(vec![2, 0])
    );
}

#[test]
fn a_call_charges_the_callee_and_its_own_globals_keep_their_values() {
    let wat = r#"(module
        (global $g (mut i32) (i32.const 40))
        (func $callee (result i32) global.get $g i32.const 1 i32.add global.set $g global.get $g)
        (func (export "f") (result i32) call $callee drop call $callee))"#;
    let callee = 3 * w(Class::Global) + 2 * w(Class::Simple);
    assert_eq!(
        units(wat, &[]),
        2 * w(Class::Call) + w(Class::Simple) + 2 * callee
    );
    assert_eq!(run_with(&metered(wat), &[], BUDGET).result, Ok(vec![42]));
}

#[test]
fn a_trap_after_a_loop_bills_the_loop() {
    let wat = r#"(module (memory 1) (func (export "f") (param i32)
        loop local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end
        i32.const 1 i32.const 0 i32.div_u drop))"#;
    let metered = metered(wat);
    let run = run_with(&metered, &[Val::I32(1_000_000)], BUDGET);
    assert!(run.result.unwrap_err().contains("divide by zero"));
    let lap = 4 * w(Class::Simple) + w(Class::Branch);
    // Recorded last at the loop's last header: what follows was charged in the local only.
    assert_eq!(
        run.spent.instructions - metered.declared.units,
        w(Class::Branch) + 1_000_000 * lap
    );
}

#[test]
fn every_budget_ends_at_the_budget() {
    // A counted loop; and one that is not, for the block in it.
    for block in ["", "block end"] {
        ends_at_the_budget(&format!(
            r#"(module (func (export "f") (param i32)
                loop {block} local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end))"#
        ));
    }
}

fn ends_at_the_budget(wat: &str) {
    let metered = metered(wat);
    let lap = 4 * w(Class::Simple) + w(Class::Branch);
    let whole = w(Class::Branch) + 20 * lap + metered.declared.units;
    for budget in metered.declared.units..=whole + 2 {
        let run = run_with(&metered, &[Val::I32(20)], budget);
        if budget < whole {
            // What is spent after the last check ends the run all the same, as its host sees.
            assert_eq!(
                run.spent.exhausted,
                Some(meterbox_meter::Exhausted::Instructions),
                "{budget}"
            );
            assert_eq!(run.spent.instructions, budget);
        } else {
            assert!(run.result.is_ok(), "{budget}");
            assert_eq!((run.spent.exhausted, run.spent.instructions), (None, whole));
        }
    }
    assert_eq!(left_at_start(&metered, metered.declared.units - 1), None);
}

#[test]
fn recursion_ends_at_the_same_depth_whatever_the_frame_holds() {
    let wat = r#"(module (global $depth (mut i32) (i32.const 0))
        (func $f (export "f") (result i32)
            global.get $depth i32.const 1 i32.add global.set $depth call $f i32.const 1 i32.add))"#;
    let metered = metered(wat);
    let run = run_with(&metered, &[], BUDGET);
    assert_eq!(run.spent.exhausted, Some(meterbox_meter::Exhausted::Stack));
    // A frame: 64, 16 for each of one result and two operands at the highest, and 1 for each of the
    // eight operators, `end` among them.
    let frame = 64 + 16 * 3 + 8;
    let frames = u64::try_from(STACK / frame).unwrap();
    let body = 2 * w(Class::Global) + 4 * w(Class::Simple) + w(Class::Call);
    // The frame that does not fit is charged, too: the charge comes first.
    assert_eq!(
        run.spent.instructions - metered.declared.units,
        (frames + 1) * body
    );
}

#[test]
fn tail_calls_give_back_the_frame_and_are_charged() {
    let wat = r#"(module (func $f (export "f") (param i32) (result i32)
        local.get 0 i32.eqz if i32.const 7 return end
        local.get 0 i32.const 1 i32.sub return_call $f))"#;
    assert_eq!(
        run_with(&metered(wat), &[Val::I32(100_000)], BUDGET).result,
        Ok(vec![7])
    );
    let lap = 5 * w(Class::Simple) + w(Class::Branch) + w(Class::Call);
    let last = 2 * w(Class::Simple) + w(Class::Branch) + w(Class::Simple) + w(Class::Branch);
    assert_eq!(units(wat, &[Val::I32(100)]), 100 * lap + last);
}

#[test]
fn bulk_operators_are_charged_by_length_before_they_act() {
    let wat = r#"(module (memory 2) (func (export "f") (param i32 i32)
        local.get 0 i32.const 1 local.get 1 memory.fill))"#;
    let base = 3 * w(Class::Simple) + w(Class::MemoryFill);
    for length in [0, 63, 64, 65, 100_000] {
        let by_length = length * w(Class::MemoryBulk64Bytes) / 64;
        assert_eq!(
            units(
                wat,
                &[Val::I32(0), Val::I32(i32::try_from(length).unwrap())]
            ),
            base + by_length
        );
    }
    // Out of bounds traps, and is billed all the same.
    let metered = metered(wat);
    let run = run_with(&metered, &[Val::I32(0), Val::I32(-1)], BUDGET);
    assert!(run.result.unwrap_err().contains("out of bounds"));
    let by_length = u64::from(u32::MAX) * w(Class::MemoryBulk64Bytes) / 64;
    assert_eq!(
        run.spent.instructions - metered.declared.units,
        base + by_length
    );
    // Under a budget that does not cover it, it never acts.
    let run = run_with(
        &metered,
        &[Val::I32(0), Val::I32(100_000)],
        metered.declared.units + base + 100,
    );
    assert_eq!(
        run.spent.exhausted,
        Some(meterbox_meter::Exhausted::Instructions)
    );
}

#[test]
fn memory_growth_is_charged_and_integrated() {
    let wat = r#"(module (memory 1 10) (func (export "f") (param i32) (result i32)
        local.get 0 memory.grow
        loop local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end))"#;
    let metered = metered(wat);
    let grow = w(Class::Simple) + w(Class::MemoryGrow);
    let head = grow + w(Class::Branch);
    let lap = 4 * w(Class::Simple) + w(Class::Branch);
    let run = run_with(&metered, &[Val::I32(3)], BUDGET);
    assert_eq!(run.result, Ok(vec![1]));
    let total = metered.declared.units + head + 3 * w(Class::MemoryPage) + 3 * lap;
    assert_eq!(run.spent.instructions, total);
    assert_eq!(run.spent.memory_pages_peak, 4);
    // One page all the time, and three from the growth on.
    assert_eq!(
        run.spent.memory_page_instructions,
        u128::from(total) + 3 * 3 * u128::from(lap)
    );
    // Growth that fails is charged, and counts no page.
    let run = run_with(&metered, &[Val::I32(10)], BUDGET);
    assert_eq!(run.result, Ok(vec![-1]));
    assert_eq!(
        run.spent.instructions,
        metered.declared.units + head + 10 * w(Class::MemoryPage) + 10 * lap
    );
    assert_eq!(run.spent.memory_pages_peak, 1);
    // Asking for more than any memory holds is charged as the most that one holds.
    let wat = r#"(module (memory 1) (func (export "f") (result i32) i32.const -1 memory.grow))"#;
    assert_eq!(units(wat, &[]), grow + 65_536 * w(Class::MemoryPage));
}

#[test]
fn the_memory_integral_is_exact_for_large_budgets() {
    let wat = r#"(module (memory 1) (func (export "f") (result i32) i32.const 100 memory.grow))"#;
    let metered = metered(wat);
    let run = run_with(&metered, &[], meterbox_meter::BUDGET_MAX);
    assert_eq!(run.result, Ok(vec![1]));
    assert_eq!(
        run.spent.memory_page_instructions,
        u128::from(run.spent.instructions)
    );
}

#[test]
fn declarations_are_charged_before_anything_runs() {
    let wat = format!(
        r#"(module (memory 3) (table 10 funcref) (global i32 (i32.const 1)) (global i32 (i32.const 1))
            (elem (i32.const 0) func $f $f) (data (i32.const 0) "{}") (func $f (export "f")))"#,
        "x".repeat(130)
    );
    let declared = metered(&wat).declared;
    let expected = w(Class::Instance)
        + 3 * w(Class::MemoryPage)
        + w(Class::TableBulk)
        + 10 * w(Class::TableElement)
        + 2 * w(Class::GlobalDeclared)
        + w(Class::TableBulk)
        + 2 * w(Class::TableElement)
        + w(Class::MemoryBulk)
        + 130 * w(Class::MemoryBulk64Bytes) / 64;
    assert_eq!(
        (
            declared.units,
            declared.memory_pages,
            declared.table_elements
        ),
        (expected, 3, 10)
    );
}

fn refusal(wat: &str) -> String {
    meter(&wat::parse_str(wat).unwrap())
        .unwrap_err()
        .to_string()
}

#[test]
fn what_is_not_handled_is_refused_by_name() {
    for (wat, says) in [
        ("(module (memory 1 1 shared))", "threads"),
        ("(module (table 1 exnref))", "a table of exceptions"),
        (
            "(module (global exnref (ref.null exn)))",
            "a global that holds an exception",
        ),
        (
            "(module (tag (param exnref)))",
            "an exception that carries one",
        ),
        ("(module (func try catch_all end))", "legacy_exceptions"),
        ("(module (type (struct)))", "gc"),
        (
            "(module (func (param v128 v128 v128) (result v128) local.get 0 local.get 1 local.get 2 f32x4.relaxed_madd))",
            "relaxed",
        ),
        (
            "(module (func (param i64 i64) (result i64 i64) local.get 0 local.get 1 i64.mul_wide_u))",
            "wide_arithmetic",
        ),
        (
            r#"(module (import "meterbox:meter" "left" (global (mut i64))))"#,
            "meterbox:meter",
        ),
        (
            r#"(module (func (export "meterbox:meter/read")))"#,
            "meterbox:meter/read",
        ),
        (
            r#"(component (import "meterbox-meter-budget" (func)))"#,
            "meterbox-meter-budget",
        ),
        (
            "(component (component (core module)))",
            "nested component with core code",
        ),
        (
            r#"(component (import "m" (core module)))"#,
            "imported core module",
        ),
    ] {
        let said = refusal(wat);
        assert!(said.contains(says), "{wat}: {said}");
    }
}

#[test]
fn what_is_no_program_is_refused_without_a_panic() {
    assert!(matches!(meter(b""), Err(MeterError::NotWasm)));
    assert!(matches!(meter(b"#!/bin/sh"), Err(MeterError::NotWasm)));
    let whole = wat::parse_str(
        r#"(module (memory 1) (data (i32.const 0) "hello") (func (export "f") loop br 0 end))"#,
    )
    .unwrap();
    for length in 0..whole.len() {
        // Some prefixes end between two sections, and are modules; none of the others may panic.
        let _ = meter(&whole[..length]);
    }
    assert!(matches!(
        meter(&whole[..whole.len() - 3]),
        Err(MeterError::Truncated { .. })
    ));
}

#[test]
fn components_cut_short_and_nested_deep_are_refused_without_a_panic() {
    // The section of the core module says 127 bytes, and 8 are there.
    let cut = b"\0asm\x0d\0\x01\0\x01\x7f\0asm\x01\0\0\0";
    assert!(matches!(meter(cut), Err(MeterError::Truncated { .. })));
    let nested = |depth: usize| {
        let innermost = wasm_encoder::Component::new();
        let whole = (0..depth).fold(innermost, |inner, _| {
            let mut outer = wasm_encoder::Component::new();
            outer.section(&wasm_encoder::NestedComponentSection(&inner));
            outer
        });
        meter(&whole.finish()).map(|_| ())
    };
    assert!(nested(100).is_ok());
    let error = nested(200).unwrap_err().to_string();
    assert!(error.contains("components within components"), "{error}");
}

#[test]
fn types_of_components_nested_deep_are_refused_without_a_panic() {
    // Written by hand: writers of text and of bytes would follow them by recursion.
    let nested = |depth: usize, kind: u8, last: &[u8]| {
        let mut section = vec![1];
        section.extend([kind, 2, 0x01, 0x7d, 0x01].repeat(depth));
        section.extend(last);
        let mut whole = wasm_encoder::Component::new();
        whole.section(&wasm_encoder::RawSection {
            id: 7,
            data: &section,
        });
        meter(&whole.finish()).map(|_| ())
    };
    let too_deep = |result: Result<(), MeterError>| {
        result.is_err_and(|error| error.to_string().contains("types within types"))
    };
    // Component and instance types of two types, `u8` and the next one; the last is `u8`, or a byte that
    // says nothing.
    for kind in [0x41, 0x42] {
        assert!(nested(100, kind, &[0x7d]).is_ok());
        assert!(too_deep(nested(101, kind, &[0x7d])));
        assert!(too_deep(nested(500_000, kind, &[0xff])));
        assert!(!too_deep(nested(3, kind, &[0xff])));
    }
}

#[test]
fn large_functions_are_refused() {
    let locals = "i32 ".repeat(5_000);
    assert!(refusal(&format!("(module (func (local {locals})))")).contains("locals"));
    let nested = format!("{}{}", "block ".repeat(2_000), "end ".repeat(2_000));
    assert!(refusal(&format!("(module (func {nested}))")).contains("nested blocks"));
    // Many locals, each set within many blocks: small to write down, and slow to compile.
    let locals = "i32 ".repeat(4_000);
    let sets: String = (0..4_000)
        .map(|at| format!("local.get 0 local.set {at} "))
        .collect();
    for block in ["loop ", "block ", "i32.const 1 if "] {
        let carried = |times| format!("{}{sets}{}", block.repeat(times), "end ".repeat(times));
        let module = |times| format!("(module (func (local {locals}) {}))", carried(times));
        assert!(refusal(&module(26)).contains("104000 carried locals"));
        metered(&module(25));
    }
    let branches = |times| "local.get 0 br_if 0 ".repeat(times);
    let module = |times| format!("(module (func (local i32) {}))", branches(times));
    assert!(refusal(&module(20_001)).contains("br and br_if"));
    metered(&module(20_000));
    let targets = "0 ".repeat(70_000);
    assert!(
        refusal(&format!("(module (func i32.const 0 br_table {targets} 0))")).contains("br_table")
    );
}

#[test]
fn admission_units_are_the_sum_of_what_a_program_holds() {
    let wat = r#"(module
        (type $t (func (param i32)))
        (type (func (param f64 f64) (result i64)))
        (import "host" "f" (func $f (type $t)))
        (import "host" "g" (func (type $t)))
        (table 3 funcref)
        (elem (i32.const 0) $f $h $h)
        (func $h (export "h") (export "again") (type $t) (local i64)
            loop block local.get 0 local.tee 0 br_table 0 0 1 end end))"#;
    let wasm = wat::parse_str(wat).unwrap();
    let admission = meter(&wasm).unwrap().admission;
    let bytes = u64::try_from(wasm.len()).unwrap();
    let expected = bytes * w(Class::AdmitByte)
        + 8 * w(Class::AdmitOperator)
        + 3 * w(Class::AdmitBlock)
        + 2 * w(Class::AdmitLocal)
        + 2 * w(Class::AdmitCarriedLocal)
        + 2 * w(Class::AdmitBranchTarget)
        // Two types, one function that is exported, and two that are in a table.
        + (2 + 1 + 2) * w(Class::AdmitTrampoline)
        + (1 + 3 + 1 + 2) * w(Class::AdmitTrampolineValue);
    assert_eq!(admission.units(), expected);
}

#[test]
fn floats_that_a_branch_table_brings_together_are_mended_in_the_same_order_each_time() {
    let function = "(func (param $n i32) (param $a f32) (param $b f32) (result i32)
        (block $B
          (block $A
            (br_if $A (local.get $n)) (br_if $B (local.get $n))
            (local.set $a (f32.add (local.get $a) (f32.const 1)))
            (local.set $b (f32.add (local.get $b) (f32.const 1)))
            (br_table $A $B (local.get $n)))
          (return (i32.reinterpret_f32 (local.get $a))))
        (i32.reinterpret_f32 (local.get $b)))";
    let wasm = wat::parse_str(format!("(module {})", function.repeat(8))).unwrap();
    let first = meter(&wasm).unwrap().bytes;
    for _ in 0..20 {
        assert!(meter(&wasm).unwrap().bytes == first);
    }
}

#[test]
fn custom_sections_stay_but_for_those_with_offsets_of_code() {
    let wat = r#"(module
        (@custom "mine" "\00\ff of my own")
        (@custom "producers" "\00")
        (@custom ".debug_info" "\01") (@custom ".debug_line" "\02")
        (@custom "sourceMappingURL" "\01a") (@custom "external_debug_info" "\01b")
        (func $named (export "f") (param i32) (result i32) (local.get 0)))"#;
    let metered = meter(&wat::parse_str(wat).unwrap()).unwrap().bytes;
    let mut kept = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(&metered) {
        if let wasmparser::Payload::CustomSection(section) = payload.unwrap() {
            kept.push((section.name().to_owned(), section.data().to_vec()));
        }
    }
    kept.retain(|(name, _)| name != "metadata.code.branch_hint");
    let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["mine", "producers", "name"]);
    assert_eq!(kept[0].1, b"\x00\xff of my own");
    assert_eq!(kept[1].1, b"\x00");
    let text = function_names(&kept[2].1);
    assert_eq!(text, [(0, "named".to_owned())]);
}

/// The names of functions in a `name` section.
fn function_names(section: &[u8]) -> Vec<(u32, String)> {
    let reader = wasmparser::BinaryReader::new(section, 0);
    let mut names = Vec::new();
    for subsection in wasmparser::NameSectionReader::new(reader) {
        if let wasmparser::Name::Function(functions) = subsection.unwrap() {
            let named = functions.into_iter().map(|name| name.unwrap());
            names.extend(named.map(|name| (name.index, name.name.to_owned())));
        }
    }
    names
}

#[test]
fn the_memory_tier_is_by_all_instances() {
    let component = |instances: usize| {
        let more = "(core instance (instantiate $m))".repeat(instances);
        let wat = format!("(component (core module $m (memory 16 16)) {more})");
        meter(&wat::parse_str(wat).unwrap()).unwrap().tier
    };
    assert_eq!(component(0), Tier::Small);
    assert_eq!(component(1), Tier::Small);
    assert_eq!(component(2), Tier::Medium);
    assert_eq!(component(32), Tier::Medium);
    assert_eq!(component(33), Tier::Large);
}

#[test]
fn an_instrumented_program_is_the_same_on_a_second_run_of_the_pass() {
    let wasm =
        wat::parse_str(r#"(module (func (export "f") (param i32) (result i32) local.get 0))"#)
            .unwrap();
    assert_eq!(meter(&wasm).unwrap().bytes, meter(&wasm).unwrap().bytes);
    // And a metered program cannot be metered again, since it names the meter.
    assert!(matches!(
        meter(&meter(&wasm).unwrap().bytes),
        Err(MeterError::ReservedName { .. })
    ));
}
