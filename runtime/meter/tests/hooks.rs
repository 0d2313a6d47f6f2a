//! Hooks: a program that tells of its calls computes the same, and is charged the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use meterbox_meter::{METER_MODULE, NODES_MEMORY, Options, ProfileNode, meter_with, nodes};
use wasmtime::{Config, Engine, Func, Instance, Module, Store, Val};

const BUDGET: i64 = 1 << 40;

struct Run {
    result: Result<i32, ()>,
    spent: i64,
    nodes: Vec<ProfileNode>,
}

/// Runs `f(argument)`, with or without hooks, by the meter that listens.
fn run(wat: &str, argument: i32, hooks: bool) -> Run {
    let options = Options {
        hooks,
        ..Options::default()
    };
    let metered = meter_with(&wat::parse_str(wat).unwrap(), &options).unwrap();
    assert_eq!(metered.hooks, hooks);
    wasmparser::Validator::new_with_features(meterbox_meter::FEATURES)
        .validate_all(&metered.bytes)
        .unwrap();
    let mut config = Config::new();
    config.wasm_exceptions(true);
    let engine = Engine::new(&config).unwrap();
    let mut store = Store::new(&engine, ());
    let meter = Module::new(&engine, meterbox_meter::meter_with_hooks()).unwrap();
    let budget = Func::wrap(
        &mut store,
        |which: i32| {
            if which == 0 { BUDGET } else { 1 << 20 }
        },
    );
    let meter = Instance::new(&mut store, &meter, &[budget.into()]).unwrap();
    let module = Module::new(&engine, &metered.bytes).unwrap();
    let host = Func::wrap(&mut store, |n: i32| n ^ 1);
    let mut imports = Vec::new();
    for import in module.imports() {
        imports.push(match import.module() {
            METER_MODULE => meter.get_export(&mut store, import.name()).unwrap(),
            _ => host.into(),
        });
    }
    let instance = Instance::new(&mut store, &module, &imports).unwrap();
    let f = instance.get_func(&mut store, "f").unwrap();
    let mut results = [Val::I32(0)];
    let result = f.call(&mut store, &[Val::I32(argument)], &mut results);
    let left = meter.get_global(&mut store, "left").unwrap();
    let left = left.get(&mut store).i64().unwrap();
    let memory = meter.get_memory(&mut store, NODES_MEMORY).unwrap();
    let end = meter.get_global(&mut store, "nodes-end").unwrap();
    let end = usize::try_from(end.get(&mut store).i32().unwrap()).unwrap();
    Run {
        result: result.map(|()| results[0].i32().unwrap()).map_err(drop),
        spent: BUDGET - left,
        nodes: nodes(&memory.data(&store)[..end]),
    }
}

fn check(wat: &str, argument: i32) -> Vec<ProfileNode> {
    let (plain, hooked) = (run(wat, argument, false), run(wat, argument, true));
    assert_eq!(plain.result, hooked.result);
    assert!(plain.result.is_ok());
    assert_eq!(plain.spent, hooked.spent);
    assert_eq!(plain.nodes.len(), 1, "nobody told anything");
    let units: i64 = hooked.nodes.iter().map(|node| node.units).sum();
    assert_eq!(units, hooked.spent);
    assert_eq!(hooked.nodes[0].units, 0);
    hooked.nodes
}

#[test]
fn a_recursive_program_is_charged_the_same() {
    let nodes = check(
        r#"(module
            (func $fac (export "f") (param i32) (result i32)
                (if (result i32) (local.get 0)
                    (then (i32.mul (local.get 0)
                        (call $fac (i32.sub (local.get 0) (i32.const 1)))))
                    (else (i32.const 1)))))"#,
        5,
    );
    // The root, and a node for each depth.
    assert_eq!(nodes.len(), 7);
    assert!(
        nodes[1..]
            .iter()
            .all(|node| node.calls == 1 && node.function == 0)
    );
}

#[test]
fn calls_of_every_kind_are_charged_the_same() {
    let nodes = check(
        r#"(module
            (import "host" "g" (func $g (param i32) (result i32)))
            (type $t (func (param i32) (result i32)))
            (tag $e (param i32))
            (table 4 funcref)
            (elem (i32.const 0) $g $double $tail $catches)
            (global $r (mut funcref) (ref.func $double))
            (global $n (mut i32) (i32.const 0))
            (func $double (param i32) (result i32) (i32.shl (local.get 0) (i32.const 1)))
            (func $tail (param i32) (result i32) (return_call $double (local.get 0)))
            (func $throws (param i32) (result i32)
                (throw $e (call $double (local.get 0))))
            (func $catches (param i32) (result i32)
                (block $caught (result i32)
                    (try_table (result i32) (catch $e $caught) (call $throws (local.get 0)))))
            (func $out (param i32) (result i32) (return_call $g (local.get 0)))
            (func $start (global.set $n (i32.const 7)))
            (start $start)
            (export "g" (func $g))
            (func (export "f") (param i32) (result i32) (local $i i32)
                (table.set 0 (i32.const 1) (ref.func $double))
                (loop $again
                    (local.set 0 (call_indirect (type $t) (local.get 0) (local.get $i)))
                    (br_if $again (i32.lt_u
                        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4))))
                (if (i32.eqz (local.get 0)) (then (return (global.get $n))))
                (call $out (local.get 0))))"#,
        3,
    );
    // start; f, below it double once by itself and once for the tail call, tail, catches, out; throws and
    // double below catches.
    let calls = |function: u32| -> u64 {
        let nodes = nodes[1..].iter().filter(|node| node.function == function);
        nodes.map(|node| node.calls).sum()
    };
    assert_eq!((0..7).map(calls).collect::<Vec<_>>(), [3, 1, 1, 1, 1, 1, 1]);
    assert_eq!(nodes.len(), 1 + 8);
}
