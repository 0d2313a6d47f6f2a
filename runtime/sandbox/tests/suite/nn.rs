//! Inference through both ABIs: what each call comes to, and that nothing a guest says is more than a code.

use std::fs;

use meterbox_sandbox::host_calls::TENSOR_UNITS;
use meterbox_sandbox::{Device, Outcome};
use meterbox_scripts::onnx::{self, Type};
use meterbox_scripts::{Abi, Arg, Left, Script};
use meterbox_tests as guests;

use crate::calls::{
    ANY, CPU, Calls, END, F32, GPU, INVALID_ARGUMENT, INVALID_ENCODING, NOT_FOUND, ONNX, TOO_LARGE,
    UNSUPPORTED_OPERATION, floats, job, left,
};
use crate::job::Job;

#[test]
fn a_module_computes_and_its_inputs_stay_for_the_next_call() {
    let mut calls = Calls::new();
    let graph = calls.by_name("sum");
    let context = calls.context(graph);
    let x = calls.tensor(&[3], F32, &floats(&[1.0, 2.0, 3.0]));
    let y = calls.tensor(&[3], F32, &floats(&[10.0, 20.0, 30.0]));
    let other = calls.tensor(&[3], F32, &floats(&[0.5, 0.25, 0.125]));
    let (first, second, length) = (
        calls.script.data(&[0xaa; 16]),
        calls.script.data(&[0xaa; 16]),
        calls.place(),
    );
    calls.gives(0, "set_input", [context, 0.into(), x.into()]);
    calls.gives(0, "set_input", [context, 1.into(), y.into()]);
    calls.gives(0, "compute", [context]);
    let output = |to: u32, max: u32| [context, 0.into(), to.into(), max.into(), length.into()];
    calls.gives(0, "get_output", output(first, 16));
    calls.becomes("the length", length, 12);
    // A buffer too small for the whole gets nothing.
    calls.gives(TOO_LARGE, "get_output", output(second, 11));
    calls.gives(TOO_LARGE, "get_output", output(second, 0));
    // Setting an input leaves the outputs; the other input stays.
    calls.gives(0, "set_input", [context, 0.into(), other.into()]);
    calls.gives(0, "get_output", output(first, 12));
    calls.script.grow(3);
    calls.gives(0, "compute", [context]);
    calls.gives(0, "get_output", output(second, 12));
    let done = calls.run(&[("sum", onnx::sum(Type::F32))]);
    let bytes = left(&done, Abi::Module);
    let left = Left(&bytes);
    assert_eq!(left.bytes(first, 12), floats(&[11.0, 22.0, 33.0]));
    assert_eq!(left.bytes(first + 12, 4), [0xaa; 4]);
    assert_eq!(left.bytes(second, 12), floats(&[10.5, 20.25, 30.125]));
    assert_eq!(done.transcript.len(), 2);
    assert_eq!(done.transcript[0].inputs[1], done.transcript[1].inputs[1]);
    assert_ne!(done.transcript[0].inputs[0], done.transcript[1].inputs[0]);
}

#[test]
fn every_wrong_argument_of_a_load_gets_a_code() {
    let model = onnx::sum(Type::F32);
    let length = u32::try_from(model.len()).unwrap();
    let mut calls = Calls::new();
    let (bytes, garbage) = (
        calls.script.data(&model),
        calls.script.data(b"no model at all"),
    );
    let parts = calls.script.words(&[bytes, length]);
    let to = calls.place();
    let load = |parts: u32, count: u32, encoding: u32, target: u32, to: u32| {
        [parts, count, encoding, target, to].map(Arg::Is)
    };
    calls.gives(0, "load", load(parts, 1, ONNX, CPU, to));
    // An encoding that is to be found out, and a target that is the order's to choose.
    calls.gives(0, "load", load(parts, 1, 5, 3, to));
    for at in [END, END - 7, END - 1, u32::MAX, u32::MAX - 3, 1 << 31] {
        calls.gives(INVALID_ARGUMENT, "load", load(at, 1, ONNX, CPU, to));
    }
    for at in [END, END - 3, u32::MAX, u32::MAX - 3] {
        calls.gives(INVALID_ARGUMENT, "load", load(parts, 1, ONNX, CPU, at));
    }
    for (at, length) in [
        (bytes, END),
        (bytes, u32::MAX),
        (u32::MAX, u32::MAX),
        (END, 1),
        (END + 1, 0),
        (u32::MAX, 1),
    ] {
        let parts = calls.script.words(&[at, length]);
        calls.gives(INVALID_ARGUMENT, "load", load(parts, 1, ONNX, CPU, to));
    }
    for count in [0, 2, 1 << 29, u32::MAX] {
        calls.gives(INVALID_ARGUMENT, "load", load(parts, count, ONNX, CPU, to));
    }
    for encoding in [0, 2, 3, 4, 6, 7, 255, 256 + ONNX, u32::MAX] {
        calls.gives(INVALID_ENCODING, "load", load(parts, 1, encoding, CPU, to));
    }
    // A GPU that the order does not name, and a kind of device that nobody has.
    calls.gives(UNSUPPORTED_OPERATION, "load", load(parts, 1, ONNX, GPU, to));
    calls.gives(UNSUPPORTED_OPERATION, "load", load(parts, 1, ONNX, 2, to));
    for target in [4, 255, 256, u32::MAX] {
        calls.gives(INVALID_ARGUMENT, "load", load(parts, 1, ONNX, target, to));
    }
    for (at, length) in [(garbage, 15), (garbage, 0), (END, 0), (bytes, length - 1)] {
        let parts = calls.script.words(&[at, length]);
        calls.gives(INVALID_ENCODING, "load", load(parts, 1, ONNX, CPU, to));
    }
    // What was refused has taken no handle.
    calls.gives(0, "load", load(parts, 1, ONNX, CPU, to));
    calls.becomes("the third graph", to, 2);
    calls.run(&[]);
}

#[test]
fn every_wrong_name_gets_a_code() {
    let mut calls = Calls::new();
    let (name, to) = (calls.script.data(b"sum\xff"), calls.place());
    let load = |name: u32, length: u32, to: u32| [name, length, to].map(Arg::Is);
    calls.gives(0, "load_by_name", load(name, 3, to));
    calls.gives(NOT_FOUND, "load_by_name", load(name, 2, to));
    calls.gives(NOT_FOUND, "load_by_name", load(name, 0, to));
    calls.gives(NOT_FOUND, "load_by_name", load(END, 0, to));
    calls.gives(INVALID_ARGUMENT, "load_by_name", load(name, 4, to));
    for (name, length) in [
        (END, 1),
        (END + 1, 0),
        (name, END),
        (name, u32::MAX),
        (u32::MAX, 2),
    ] {
        calls.gives(INVALID_ARGUMENT, "load_by_name", load(name, length, to));
    }
    for to in [END, END - 3, u32::MAX] {
        calls.gives(INVALID_ARGUMENT, "load_by_name", load(name, 3, to));
    }
    calls.run(&[("sum", onnx::sum(Type::F32))]);
}

#[test]
fn every_wrong_handle_index_and_tensor_gets_a_code() {
    let mut calls = Calls::new();
    let graph = calls.by_name("sum");
    let context = calls.context(graph);
    let good = calls.tensor(&[2], F32, &[0; 8]);
    let (buffer, to) = (calls.script.data(&[0; 8]), calls.place());
    // Handles that nobody gave, and of the other kind.
    for wrong in [Arg::Is(2), Arg::Is(1 << 31), Arg::Is(u32::MAX), context] {
        calls.gives(
            INVALID_ARGUMENT,
            "init_execution_context",
            [wrong, to.into()],
        );
    }
    for wrong in [Arg::Is(2), Arg::Is(u32::MAX), graph] {
        calls.gives(
            INVALID_ARGUMENT,
            "set_input",
            [wrong, 0.into(), good.into()],
        );
        calls.gives(INVALID_ARGUMENT, "compute", [wrong]);
        let output = [wrong, 0.into(), buffer.into(), 8.into(), to.into()];
        calls.gives(INVALID_ARGUMENT, "get_output", output);
    }
    for to in [END, END - 3, u32::MAX] {
        calls.gives(
            INVALID_ARGUMENT,
            "init_execution_context",
            [graph, to.into()],
        );
    }
    for index in [2, 3, 1 << 31, u32::MAX] {
        calls.gives(
            INVALID_ARGUMENT,
            "set_input",
            [context, index.into(), good.into()],
        );
    }
    let dimensions = calls.script.words(&[2, 1, 1, 1, 1, 1, 1, 1, 1]);
    let huge = calls.script.words(&[u32::MAX; 8]);
    let wraps = calls.script.words(&[1 << 31, 2, 1 << 31, 2]);
    for record in [
        // More dimensions than a tensor has, and more than there is memory.
        [dimensions, 9, F32, buffer, 8],
        [dimensions, u32::MAX, F32, buffer, 8],
        [dimensions, 1 << 30, F32, buffer, 8],
        // Types that the ABI does not have: `bf16` among them.
        [dimensions, 1, 6, buffer, 8],
        [dimensions, 1, 255, buffer, 8],
        // Bytes that are no multiple, too few, too many, none.
        [dimensions, 1, F32, buffer, 7],
        [dimensions, 1, F32, buffer, 4],
        [dimensions, 1, F32, buffer, 12],
        [dimensions, 1, F32, buffer, 0],
        [dimensions, 0, F32, buffer, 8],
        // Products that overflow, or wrap to what was given.
        [huge, 8, 5, buffer, 8],
        [wraps, 4, 3, buffer, 0],
        // Out of the memory.
        [END, 1, F32, buffer, 8],
        [u32::MAX, 8, F32, buffer, 8],
        [dimensions, 1, F32, END - 7, 8],
        [dimensions, 1, F32, u32::MAX - 7, 8],
        [dimensions, 1, F32, buffer, u32::MAX],
    ] {
        let record = calls.script.words(&record);
        calls.gives(
            INVALID_ARGUMENT,
            "set_input",
            [context, 0.into(), record.into()],
        );
    }
    for record in [END, END - 19, u32::MAX, u32::MAX - 19] {
        calls.gives(
            INVALID_ARGUMENT,
            "set_input",
            [context, 0.into(), record.into()],
        );
    }
    // What follows the type's byte is nobody's.
    let padded = calls
        .script
        .words(&[dimensions, 1, 0xffff_ff00 | F32, buffer, 8]);
    calls.gives(0, "set_input", [context, 0.into(), padded.into()]);

    // Without all inputs, or with ones that do not fit each other, nothing is computed, and there are no outputs.
    let output = |index: u32, at: u32, max: u32, to: u32| {
        [context, index.into(), at.into(), max.into(), to.into()]
    };
    calls.gives(INVALID_ARGUMENT, "get_output", output(0, buffer, 8, to));
    calls.gives(INVALID_ARGUMENT, "compute", [context]);
    calls.gives(INVALID_ARGUMENT, "get_output", output(0, buffer, 8, to));
    let long = calls.tensor(&[3], F32, &[0; 12]);
    let wide = calls.tensor(&[1], 2, &[0; 8]);
    for wrong in [long, wide] {
        calls.gives(0, "set_input", [context, 1.into(), wrong.into()]);
        calls.gives(INVALID_ARGUMENT, "compute", [context]);
    }
    // A context is as good as before.
    calls.gives(0, "set_input", [context, 1.into(), good.into()]);
    calls.gives(0, "compute", [context]);
    for index in [1, u32::MAX] {
        calls.gives(INVALID_ARGUMENT, "get_output", output(index, buffer, 8, to));
    }
    for (at, max) in [(END, 1), (END - 7, 8), (buffer, u32::MAX), (u32::MAX, 8)] {
        calls.gives(INVALID_ARGUMENT, "get_output", output(0, at, max, to));
    }
    for to in [END, END - 3, u32::MAX] {
        calls.gives(INVALID_ARGUMENT, "get_output", output(0, buffer, 8, to));
    }
    // A call that fails takes away what the one before it gave.
    calls.gives(0, "get_output", output(0, buffer, 8, to));
    calls.gives(0, "set_input", [context, 1.into(), long.into()]);
    calls.gives(0, "get_output", output(0, buffer, 8, to));
    calls.gives(INVALID_ARGUMENT, "compute", [context]);
    calls.gives(INVALID_ARGUMENT, "get_output", output(0, buffer, 8, to));
    let done = calls.run(&[("sum", onnx::sum(Type::F32))]);
    assert_eq!(
        done.transcript.len(),
        1,
        "only what was computed is recorded"
    );
}

#[test]
fn memory_may_overlap_in_every_way() {
    let mut calls = Calls::new();
    let graph = calls.by_name("same");
    let context = calls.context(graph);
    // The record is its own data, and its own dimensions.
    let record = calls.script.words(&[0, 1, F32, 0, 20, 0]);
    calls.script.store(record, record + 20);
    calls.script.store(record + 12, record);
    calls.script.store(record + 20, 5);
    calls.gives(0, "set_input", [context, 0.into(), record.into()]);
    calls.gives(0, "compute", [context]);
    // The length lies in the buffer, and is written after the data.
    let buffer = calls.script.words(&[0; 5]);
    let output = [
        context,
        0.into(),
        buffer.into(),
        20.into(),
        (buffer + 4).into(),
    ];
    calls.gives(0, "get_output", output);
    calls.becomes("the first word", buffer, record + 20);
    calls.becomes("the length", buffer + 4, 20);
    calls.becomes("the last word", buffer + 16, 20);
    // A name that its handle overwrites.
    let name = calls.script.data(b"same");
    calls.gives(0, "load_by_name", [name.into(), 4.into(), name.into()]);
    calls.becomes("the third handle", name, 2);
    calls.run(&[("same", onnx::same(Type::F32))]);
}

#[test]
fn a_module_without_a_memory_is_told_so() {
    let text = r#"(module
        (import "wasi_ephemeral_nn" "load" (func $load (param i32 i32 i32 i32 i32) (result i32)))
        (import "wasi_ephemeral_nn" "load_by_name" (func $name (param i32 i32 i32) (result i32)))
        (import "wasi_ephemeral_nn" "init_execution_context" (func $init (param i32 i32) (result i32)))
        (import "wasi_ephemeral_nn" "set_input" (func $set (param i32 i32 i32) (result i32)))
        (import "wasi_ephemeral_nn" "get_output" (func $get (param i32 i32 i32 i32 i32) (result i32)))
        (import "wasi_ephemeral_nn" "compute" (func $compute (param i32) (result i32)))
        EXPORT
        (func $is (param i32 i32) (if (i32.ne (local.get 0) (local.get 1)) (then unreachable)))
        (func (export "_start") (local i32)
            (call $is (i32.const 3) (call $load
                (local.get 0) (i32.const 1) (i32.const 1) (local.get 0) (local.get 0)))
            (call $is (i32.const 3) (call $name (local.get 0) (local.get 0) (local.get 0)))
            (call $is (i32.const 3) (call $init (local.get 0) (local.get 0)))
            (call $is (i32.const 3) (call $set (local.get 0) (local.get 0) (local.get 0)))
            (call $is (i32.const 3) (call $get
                (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0)))
            (call $is (i32.const 1) (call $compute (local.get 0)))))"#;
    for export in [
        "",
        r#"(memory 1)"#,
        r#"(global (export "memory") i32 (i32.const 0))"#,
    ] {
        Job::text(&text.replace("EXPORT", export)).run().is_ok();
    }
}

/// A job that computes on one tensor of this type, one of its bytes left out.
fn of_type(abi: Abi, ty: u32, bytes: u32, missing: u32) -> Job {
    let mut script = Script::new(abi);
    let name = script.data(b"same");
    let (dimensions, data) = (script.words(&[4]), script.data(&[7; 32]));
    let length = 4 * bytes - missing;
    match abi {
        Abi::Module => {
            let (graph, context) = (script.words(&[0]), script.words(&[0]));
            let record = script.words(&[dimensions, 1, ty, data, length]);
            script.call("load_by_name", &[name.into(), 4.into(), graph.into()]);
            script.call("init_execution_context", &[Arg::At(graph), context.into()]);
            let context = Arg::At(context);
            script.call("set_input", &[context, 0.into(), record.into()]);
            script.call("compute", &[context]);
        }
        Abi::Component => {
            let (graph, context) = (script.words(&[0, 0]), script.words(&[0, 0]));
            let input = script.data(b"x");
            script.call("load-by-name", &[name.into(), 4.into(), graph.into()]);
            let init = "[method]graph.init-execution-context";
            script.call(init, &[Arg::At(graph + 4), context.into()]);
            let given = [dimensions, 1, ty, data, length].map(Arg::Is);
            let tensor = script.call("[constructor]tensor", &given);
            let named = script.words(&[input, 1, 0]);
            script.store(named + 8, Arg::At(tensor));
            let to = script.words(&[0, 0, 0]);
            let arguments = [Arg::At(context + 4), named.into(), 1.into(), to.into()];
            script.call("[method]graph-execution-context.compute", &arguments);
        }
    }
    job(abi, script)
}

#[test]
fn tensors_of_every_type_are_computed_on_or_refused_and_cost_the_same_in_both_abis() {
    // Numbers in the ABI of modules, in that of components, and bytes of an element.
    for (of, in_module, in_component, bytes) in [
        (Type::F16, 0, 0, 2),
        (Type::F32, 1, 1, 4),
        (Type::F64, 2, 2, 8),
        (Type::U8, 3, 4, 1),
        (Type::I32, 4, 5, 4),
        (Type::I64, 5, 6, 8),
    ] {
        let run = |job: Job| job.input("same", onnx::same(of)).run();
        let module = run(of_type(Abi::Module, in_module, bytes, 0));
        let component = run(of_type(Abi::Component, in_component, bytes, 0));
        for done in [&module, &component] {
            assert_eq!(done.is_ok().transcript.len(), 1, "{of:?}: {:?}", done.heard);
        }
        assert_eq!(module.transcript, component.transcript, "{of:?}");
        assert_eq!(module.measured.inference, component.measured.inference);
        assert_eq!(module.measured.model_bytes, component.measured.model_bytes);
        // A byte less: no multiple of an element, or no element.
        for (abi, ty) in [(Abi::Module, in_module), (Abi::Component, in_component)] {
            let done = run(of_type(abi, ty, bytes, 1));
            assert!(done.is_ok().transcript.is_empty(), "{of:?}");
        }
    }
}

#[test]
fn a_gpu_is_for_jobs_whose_order_names_it_and_refuses_them_where_it_is_not_there() {
    let bytes = onnx::same(Type::F32);
    let load = |abi: Abi, target: u32| {
        let mut script = Script::new(abi);
        let at = script.data(&bytes);
        let parts = script.words(&[at, u32::try_from(bytes.len()).unwrap()]);
        let to = script.words(&[0, 0]);
        script.call("load", &[parts, 1, ONNX, target, to].map(Arg::Is));
        job(abi, script)
    };
    let is_refused = |job: Job| {
        let said = job.refusal();
        assert!(said.contains("GPU"), "{said}");
    };
    for abi in [Abi::Module, Abi::Component] {
        load(abi, CPU).run().is_ok();
        // Nobody is refused in mid-run for what the order does not say.
        let denied = load(abi, GPU).run();
        denied.is_ok();
        let heard = denied.heard.join("; ");
        assert!(heard.contains("which the order does not name"), "{heard}");
        // A replay computes on what there is, and what is denied stays denied.
        let mut replayed = load(abi, GPU).on(Device::Gpu);
        replayed.job.replay_device = Some(Device::Cpu);
        replayed.run().is_ok();
        let mut replayed = load(abi, GPU);
        replayed.job.replay_device = Some(Device::Cpu);
        assert_eq!(replayed.run().heard, denied.heard);
        is_refused(load(abi, GPU).on(Device::Gpu));
        // The guest's own choice comes before the order's.
        load(abi, CPU).on(Device::Gpu).run().is_ok();
    }
    load(Abi::Module, ANY).run().is_ok();
    is_refused(load(Abi::Module, ANY).on(Device::Gpu));
    for (abi, ty) in [(Abi::Module, 3), (Abi::Component, 4)] {
        let by_name = of_type(abi, ty, 1, 0).input("same", onnx::same(Type::U8));
        by_name.run().is_ok();
        is_refused(by_name.on(Device::Gpu));
    }
}

#[test]
fn handles_of_modules_end_at_their_limit_and_files_take_some_of_them() {
    let run = |graphs: u32, handles: u64| {
        let mut calls = Calls::new();
        for _ in 0..graphs {
            let graph = calls.by_name("same");
            calls.context(graph);
        }
        let job = calls.job().input("same", onnx::same(Type::F32));
        job.limit(|limits| limits.handles = handles).run()
    };
    run(5, 10).is_ok();
    run(5, 9).is_limited("handles");
    run(1, 1).is_limited("handles");
    run(0, 0).is_ok();
    let open_and_load = |handles: u64| {
        let text = r#"(module
            (import "wasi_snapshot_preview1" "path_open" (func $open
                (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
            (import "wasi_ephemeral_nn" "load_by_name" (func $load (param i32 i32 i32) (result i32)))
            (memory (export "memory") 1) (data (i32.const 8) "same")
            (func $open_it (result i32) (call $open (i32.const 3) (i32.const 0) (i32.const 8) (i32.const 4)
                (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 0)))
            (func (export "_start")
                (if (call $load (i32.const 8) (i32.const 4) (i32.const 0)) (then unreachable))
                (if (call $open_it) (then unreachable))
                (if (call $load (i32.const 8) (i32.const 4) (i32.const 0)) (then unreachable))))"#;
        Job::text(text)
            .input("same", onnx::same(Type::F32))
            .limit(|limits| limits.handles = handles)
            .run()
    };
    open_and_load(3).is_ok();
    open_and_load(2).is_limited("handles");
    open_and_load(1).is_limited("handles");
}

/// Bytes that a tensor of one dimension and of these bytes counts while the host holds it.
fn held(bytes: u64) -> u64 {
    bytes + 4 + 128
}

#[test]
fn tensors_that_the_host_holds_end_at_the_limit_of_memory() {
    const DATA: u32 = 1 << 20;
    let begins = u64::from(END);
    // Three tensors of 1 MiB each, of which the first is held twice in vain: it is replaced, or dropped.
    let module = |script: &mut Script| {
        let name = script.data(b"sum");
        let dimensions = script.words(&[DATA]);
        let record = script.words(&[dimensions, 1, 3, 0, DATA]);
        let handles = script.words(&[0, 0, 0]);
        script.call("load_by_name", &[name.into(), 3.into(), handles.into()]);
        for at in [handles + 4, handles + 8] {
            script.call("init_execution_context", &[Arg::At(handles), at.into()]);
        }
        for (context, index) in [(4, 0), (4, 0), (4, 1), (8, 1)] {
            let context = Arg::At(handles + context);
            script.call("set_input", &[context, index.into(), record.into()]);
        }
    };
    let component = |script: &mut Script| {
        let dimensions = script.words(&[DATA]);
        let given = [dimensions, 1, 4, 0, DATA].map(Arg::Is);
        let first = script.call("[constructor]tensor", &given);
        script.call("[resource-drop]tensor", &[Arg::At(first)]);
        for _ in 0..3 {
            script.call("[constructor]tensor", &given);
        }
    };
    let run = |abi: Abi, limit: u64| {
        let mut script = Script::new(abi);
        match abi {
            Abi::Module => module(&mut script),
            Abi::Component => component(&mut script),
        }
        job(abi, script)
            .input("sum", onnx::sum(Type::U8))
            .limit(|limits| limits.memory_bytes = limit)
            .run()
    };
    let max = 3 * held(u64::from(DATA));
    assert!(max > begins);
    for abi in [Abi::Module, Abi::Component] {
        run(abi, max).is_ok();
        run(abi, max - 1).is_limited("memory_bytes");
    }
}

#[test]
fn outputs_are_held_before_they_are_computed() {
    const COUNT: u32 = 1_000_000;
    let output = held(4 * u64::from(COUNT));
    let module = |script: &mut Script, contexts: u32| {
        let name = script.data(b"repeated");
        let (dimensions, data) = (script.words(&[1]), script.words(&[0]));
        let record = script.words(&[dimensions, 1, F32, data, 4]);
        let graph = script.words(&[0]);
        script.call("load_by_name", &[name.into(), 8.into(), graph.into()]);
        for _ in 0..contexts {
            let context = script.words(&[0]);
            script.call("init_execution_context", &[Arg::At(graph), context.into()]);
            let context = Arg::At(context);
            script.call("set_input", &[context, 0.into(), record.into()]);
            // The second call gives back what the first took.
            script.call("compute", &[context]);
            script.call("compute", &[context]);
        }
    };
    let component = |script: &mut Script, contexts: u32| {
        let (name, input) = (script.data(b"repeated"), script.data(b"x"));
        let (dimensions, data) = (script.words(&[1]), script.words(&[0]));
        let (graph, context) = (script.words(&[0, 0]), script.words(&[0, 0]));
        script.call("load-by-name", &[name.into(), 8.into(), graph.into()]);
        let init = "[method]graph.init-execution-context";
        script.call(init, &[Arg::At(graph + 4), context.into()]);
        for _ in 0..contexts {
            let given = [dimensions, 1, F32, data, 4].map(Arg::Is);
            let tensor = script.call("[constructor]tensor", &given);
            let named = script.words(&[input, 1, 0]);
            script.store(named + 8, Arg::At(tensor));
            let to = script.words(&[0, 0, 0]);
            let arguments = [Arg::At(context + 4), named.into(), 1.into(), to.into()];
            script.call("[method]graph-execution-context.compute", &arguments);
        }
    };
    let run = |abi: Abi, limit: u64| {
        let mut script = Script::new(abi);
        match abi {
            Abi::Module => module(&mut script, 3),
            Abi::Component => component(&mut script, 3),
        }
        job(abi, script)
            .input("repeated", onnx::repeated(COUNT))
            .limit(|limits| limits.memory_bytes = limit)
            .run()
    };
    // A module's inputs stay; a component's go with the call.
    for (abi, inputs) in [(Abi::Module, 3), (Abi::Component, 1)] {
        let max = 3 * output + inputs * held(4);
        let done = run(abi, max);
        assert!(done.is_ok().transcript.len() >= 3);
        let below = run(abi, max - 1);
        below.is_limited("memory_bytes");
        let far_below = run(abi, output);
        assert!(far_below.transcript.is_empty(), "nothing is computed first");
        assert_eq!(
            far_below.measured.inference.tensor_bytes,
            4 + 4 * u64::from(COUNT)
        );
    }
}

#[test]
fn a_call_is_charged_for_each_tensor_and_its_name_in_both_abis() {
    let sum = |abi: Abi| {
        let run = |job: Job| job.input("same", onnx::same(Type::U8)).run();
        let ty = if abi == Abi::Module { 3 } else { 4 };
        let whole = run(of_type(abi, ty, 1, 0));
        let refused = run(of_type(abi, ty, 1, 1));
        (whole, refused)
    };
    for (abi, names) in [(Abi::Module, 2), (Abi::Component, 2)] {
        let (whole, refused) = sum(abi);
        // One tensor goes in and one comes out. The component has one in the refused call, too, and an error.
        let calls = whole.measured.host_calls - refused.measured.host_calls;
        let moved = (whole.measured.bytes_in - refused.measured.bytes_in)
            + (whole.measured.bytes_out - refused.measured.bytes_out);
        match abi {
            Abi::Module => {
                assert_eq!(calls, 2 * TENSOR_UNITS);
                // Of the tensor, and of both names.
                assert_eq!(moved, 4 + 4 + names);
            }
            Abi::Component => {
                assert_eq!(calls, TENSOR_UNITS);
                // The byte that the other lacks, and the output's name.
                assert_eq!(moved, 1 + 1);
            }
        }
    }
}

fn magika() -> Vec<u8> {
    fs::read(guests::repository().join("examples/models/magika.onnx")).unwrap()
}

/// A file that is plainly of one type.
const RUST: &str = include_str!("nn.rs");

fn classify(guest: &std::path::Path) -> Job {
    Job::guest(guest)
        .input("bytes.bin", RUST)
        .input("model", magika())
}

#[test]
fn a_command_with_crate_wasi_nn_comes_to_what_the_component_does() {
    let component = classify(guests::classify()).argument("2").run();
    for way in ["name", "bytes"] {
        let command = classify(guests::classify_by_index())
            .argument("2")
            .argument(way)
            .run();
        assert_eq!(
            command.is_ok().output("scores.bin"),
            component.is_ok().output("scores.bin"),
            "{way}"
        );
        assert_eq!(command.transcript, component.transcript, "{way}");
        assert_eq!(command.measured.inference, component.measured.inference);
        assert_eq!(command.measured.model_bytes, component.measured.model_bytes);
    }
}

#[test]
fn inference_of_a_command_ends_at_its_limits_and_never_as_a_code() {
    let whole = classify(guests::classify_by_index()).run();
    let used = &whole.is_ok().measured;
    let operations = used.inference.operations.total().unwrap();
    let run = |change: &dyn Fn(&mut meterbox_sandbox::Limits)| {
        classify(guests::classify_by_index()).limit(change).run()
    };
    assert_eq!(run(&|limits| limits.inference_ops = operations), whole);
    let done = run(&|limits| limits.inference_ops = operations - 1);
    done.is_limited("inference_ops");
    assert!(done.transcript.is_empty());
    run(&|limits| limits.model_bytes = used.model_bytes - 1).is_limited("model_bytes");
    run(&|limits| limits.inference_weight_bytes = used.inference.weight_bytes - 1)
        .is_limited("inference_weight_bytes");
    run(&|limits| limits.inference_tensor_bytes = used.inference.tensor_bytes - 1)
        .is_limited("inference_tensor_bytes");
    run(&|limits| limits.bytes_out = used.bytes_out - 1).is_limited("bytes_out");
    run(&|limits| limits.bytes_in = used.bytes_in - 1).is_limited("bytes_in");
    run(&|limits| limits.host_calls = used.host_calls - 1).is_limited("host_calls");
}

#[test]
fn what_a_backend_says_goes_to_the_provider_only() {
    let mut calls = Calls::new();
    let graph = calls.by_name("sum");
    let context = calls.context(graph);
    let (short, long) = (
        calls.tensor(&[2], F32, &[0; 8]),
        calls.tensor(&[3], F32, &[0; 12]),
    );
    calls.gives(0, "set_input", [context, 0.into(), short.into()]);
    calls.gives(0, "set_input", [context, 1.into(), long.into()]);
    calls.gives(INVALID_ARGUMENT, "compute", [context]);
    let done = calls.run(&[("sum", onnx::sum(Type::F32))]);
    assert_eq!(done.outcome, Outcome::Ok);
    assert!(
        done.heard
            .iter()
            .any(|line| line.starts_with("refused: an inference failed")),
        "{:?}",
        done.heard
    );
}
