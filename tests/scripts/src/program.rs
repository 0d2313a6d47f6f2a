//! The guest: an interpreter of scripts, in WebAssembly's text form, with the functions of one ABI. Its own state is
//! in locals, so that no call can overwrite it. Never decides what to call.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Where a script lies in the guest's memory.
pub const BASE: u32 = 1_024;

/// Pages of memory that the guest begins with: a script has at most half of them.
pub const PAGES: u32 = 32;

/// The input that holds the script of a component.
pub const SCRIPT: &str = "script";

/// How a guest reaches the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abi {
    /// Imports of a core module, a command of WASI 0.1.
    Module,
    /// Imports of a component, a job.
    Component,
}

/// A function of the host, as core WebAssembly calls it. All parameters and results are i32.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function {
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    pub(crate) parameters: usize,
    pub(crate) has_result: bool,
}

const fn function(
    module: &'static str,
    name: &'static str,
    parameters: usize,
    has_result: bool,
) -> Function {
    Function {
        module,
        name,
        parameters,
        has_result,
    }
}

const WASI_NN: &str = "wasi_ephemeral_nn";
const TENSOR: &str = "wasi:nn/tensor@0.2.0-rc-2024-10-28";
const GRAPH: &str = "wasi:nn/graph@0.2.0-rc-2024-10-28";
const INFERENCE: &str = "wasi:nn/inference@0.2.0-rc-2024-10-28";
const ERRORS: &str = "wasi:nn/errors@0.2.0-rc-2024-10-28";
const OUTPUTS: &str = "meterbox:job/outputs@0.1.0";

const OF_MODULES: &[Function] = &[
    function(WASI_NN, "load", 5, true),
    function(WASI_NN, "load_by_name", 3, true),
    function(WASI_NN, "init_execution_context", 2, true),
    function(WASI_NN, "set_input", 3, true),
    function(WASI_NN, "compute", 1, true),
    function(WASI_NN, "get_output", 5, true),
    function("wasi_snapshot_preview1", "fd_write", 4, true),
];

const OF_COMPONENTS: &[Function] = &[
    function(TENSOR, "[constructor]tensor", 5, true),
    function(TENSOR, "[method]tensor.dimensions", 2, false),
    function(TENSOR, "[method]tensor.ty", 1, true),
    function(TENSOR, "[method]tensor.data", 2, false),
    function(TENSOR, "[resource-drop]tensor", 1, false),
    function(GRAPH, "load", 5, false),
    function(GRAPH, "load-by-name", 3, false),
    function(GRAPH, "[method]graph.init-execution-context", 2, false),
    function(GRAPH, "[resource-drop]graph", 1, false),
    function(
        INFERENCE,
        "[method]graph-execution-context.compute",
        4,
        false,
    ),
    function(
        INFERENCE,
        "[resource-drop]graph-execution-context",
        1,
        false,
    ),
    function(ERRORS, "[method]error.code", 1, true),
    function(ERRORS, "[method]error.data", 2, false),
    function(ERRORS, "[resource-drop]error", 1, false),
    function(OUTPUTS, "create", 3, false),
    function(OUTPUTS, "[method]output.write", 3, false),
];

impl Abi {
    pub(crate) fn functions(self) -> &'static [Function] {
        match self {
            Abi::Module => OF_MODULES,
            Abi::Component => OF_COMPONENTS,
        }
    }

    /// The function of this name, and its number in scripts.
    pub(crate) fn function(self, name: &str) -> Option<(u32, Function)> {
        (FIRST_CALL..)
            .zip(self.functions())
            .find(|(_, function)| function.name == name)
            .map(|(number, function)| (number, *function))
    }
}

/// Numbers of what a script does: `END`, `STORE` a value at an address, `GROW` the memory by as many pages;
/// from `FIRST_CALL` on, calls.
pub(crate) const END: u32 = 0;
pub(crate) const STORE: u32 = 1;
pub(crate) const GROW: u32 = 2;
pub(crate) const FIRST_CALL: u32 = 3;

/// The guest that does what a script says: its standard input for a module, the input [`SCRIPT`] for a component.
///
/// # Panics
/// If its text is not WebAssembly, which no script can change.
#[must_use]
pub fn program(abi: Abi) -> Vec<u8> {
    let module = wat::parse_str(text(abi)).expect("the text is WebAssembly");
    match abi {
        Abi::Module => module,
        Abi::Component => component(module),
    }
}

fn component(mut module: Vec<u8>) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let (package, _) = resolve.push_dir(wit).expect("the project's own WIT");
    let world = resolve.select_world(&[package], Some("job"));
    let world = world.expect("the project's own WIT");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .and_then(|()| ComponentEncoder::default().module(&module)?.encode())
        .expect("the module has the types of world `job`")
}

/// A script is words: first the address of its code. Each argument is two words: how, and what.
const INTERPRETER: &str = r#"
    (func $is_within (param $at i32) (result i32)
        (i32.le_u (local.get $at) (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4))))
    (func $word (param $at i32) (result i32)
        (if (result i32) (call $is_within (local.get $at))
            (then (i32.load (local.get $at)))
            (else (i32.const 0))))
    (func $put (param $at i32) (param $value i32)
        (if (call $is_within (local.get $at)) (then (i32.store (local.get $at) (local.get $value)))))
    ;; A number; the word at an address; or the third word of the record whose address is at an address.
    (func $argument (param $at i32) (result i32) (local $how i32) (local $what i32)
        (local.set $how (call $word (local.get $at)))
        (local.set $what (call $word (i32.add (local.get $at) (i32.const 4))))
        (if (result i32) (i32.eq (local.get $how) (i32.const 1))
            (then (call $word (local.get $what)))
            (else (if (result i32) (i32.eq (local.get $how) (i32.const 2))
                (then (call $word (i32.add (call $word (local.get $what)) (i32.const 8))))
                (else (local.get $what))))))
    (func $interpret (local $pc i32)
        (local.set $pc (call $word (i32.const 1024)))
        (loop $on
            (local.set $pc (call $step (local.get $pc)))
            (br_if $on (local.get $pc))))
"#;

fn text(abi: Abi) -> String {
    let mut imports = String::new();
    let mut steps = String::new();
    for (index, function) in abi.functions().iter().enumerate() {
        let Function {
            module,
            name,
            parameters,
            has_result,
        } = *function;
        let i32s = " i32".repeat(parameters);
        let result = if has_result { "(result i32)" } else { "" };
        imports +=
            &format!("(import \"{module}\" \"{name}\" (func $f{index} (param{i32s}) {result}))\n");
        let word = |n: usize| format!("(i32.add (local.get $pc) (i32.const {}))", 4 + 8 * n);
        let arguments: String = (0..parameters)
            .map(|n| format!("(call $argument {})", word(n)))
            .collect();
        let call = format!("(call $f{index} {arguments})");
        let act = match has_result {
            true => format!("(call $put (call $word {}) {call})", word(parameters)),
            false => call,
        };
        let bytes = 4 + 8 * parameters + if has_result { 4 } else { 0 };
        let number = index + 3;
        steps += &step(number, &act, bytes);
    }
    steps += &step(
        1,
        "(call $put (call $word (i32.add (local.get $pc) (i32.const 4)))
            (call $argument (i32.add (local.get $pc) (i32.const 8))))",
        16,
    );
    steps += &step(
        2,
        "(drop (memory.grow (call $argument (i32.add (local.get $pc) (i32.const 4)))))",
        12,
    );
    let (own_imports, entry) = match abi {
        Abi::Module => (MODULE_IMPORTS, MODULE_ENTRY),
        Abi::Component => (COMPONENT_IMPORTS, COMPONENT_ENTRY),
    };
    format!(
        "(module {own_imports} {imports} (memory (export \"memory\") {PAGES}) {INTERPRETER}
        (func $step (param $pc i32) (result i32) (local $op i32)
            (local.set $op (call $word (local.get $pc)))
            {steps}
            (i32.const 0))
        {entry})"
    )
}

/// What is done for one number; how many bytes of the script it takes.
fn step(number: usize, act: &str, bytes: usize) -> String {
    format!(
        "(if (i32.eq (local.get $op) (i32.const {number})) (then {act}
            (return (i32.add (local.get $pc) (i32.const {bytes})))))\n"
    )
}

const MODULE_IMPORTS: &str = r#"(import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))"#;

const MODULE_ENTRY: &str = r#"
    (func (export "_start") (local $at i32)
        (local.set $at (i32.const 1024))
        (loop $more
            (i32.store (i32.const 0) (local.get $at))
            (i32.store (i32.const 4) (i32.sub (i32.const 1048576) (local.get $at)))
            (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
            (local.set $at (i32.add (local.get $at) (i32.load (i32.const 8))))
            (br_if $more (i32.load (i32.const 8))))
        (call $interpret))"#;

const COMPONENT_IMPORTS: &str = r#"
    (import "meterbox:job/inputs@0.1.0" "open" (func $open (param i32 i32 i32)))
    (import "meterbox:job/inputs@0.1.0" "[method]input.read" (func $read (param i32 i64 i32 i32)))"#;

/// The host's first list is the script, so that it lies where the heap begins.
const COMPONENT_ENTRY: &str = r#"
    (data (i32.const 64) "script")
    (global $heap (mut i32) (i32.const 1024))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32) (local $bytes i32)
        (local.set $at (i32.and
            (i32.sub (i32.add (global.get $heap) (local.get 2)) (i32.const 1))
            (i32.sub (i32.const 0) (local.get 2))))
        (global.set $heap (i32.add (local.get $at) (local.get 3)))
        (local.set $bytes (i32.mul (memory.size) (i32.const 65536)))
        (if (i32.gt_u (global.get $heap) (local.get $bytes))
            (then (drop (memory.grow (i32.add (i32.const 1)
                (i32.shr_u (i32.sub (global.get $heap) (local.get $bytes)) (i32.const 16)))))))
        (local.get $at))
    (func (export "run") (result i32)
        (call $open (i32.const 64) (i32.const 6) (i32.const 0))
        (if (i32.load8_u (i32.const 0)) (then unreachable))
        (call $read (i32.load (i32.const 4)) (i64.const 0) (i32.const 1048576) (i32.const 0))
        (call $interpret)
        (i32.store (i32.const 512) (i32.const 0))
        (i32.const 512))"#;
