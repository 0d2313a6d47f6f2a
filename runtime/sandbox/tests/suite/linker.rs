//! Everything that a guest can reach has a price, and everything that has a price is linked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use meterbox_sandbox::host_calls::{INTERFACES, MODULES, WASI_0_1, WASI_NN};
use meterbox_tests::{commands, inference_commands, repository};
use wasmparser::{FuncType, Parser, Payload, TypeRef, ValType};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, TypeDefKind, WorldId, WorldItem};

use crate::job::{Job, sandboxes};

fn world_job() -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(repository().join("wit")).unwrap();
    let world = resolve.select_world(&[package], Some("job")).unwrap();
    (resolve, world)
}

/// Functions, ends of resources among them, by the interface with its version.
type Functions = BTreeMap<String, BTreeSet<String>>;

fn imported() -> Functions {
    let (resolve, world) = world_job();
    let mut functions = Functions::new();
    for (name, item) in &resolve.worlds[world].imports {
        let name = resolve.name_world_key(name);
        let WorldItem::Interface { id, .. } = item else {
            panic!("world `job` imports {name}, which is no interface");
        };
        let interface = &resolve.interfaces[*id];
        let resources = interface
            .types
            .iter()
            .filter(|(_, id)| matches!(resolve.types[**id].kind, TypeDefKind::Resource));
        let names: BTreeSet<String> = interface
            .functions
            .keys()
            .cloned()
            .chain(resources.map(|(name, _)| format!("[resource-drop]{name}")))
            .collect();
        // An interface of types alone gives nothing that could be called.
        if !names.is_empty() {
            functions.insert(name, names);
        }
    }
    functions
}

fn priced() -> Functions {
    let interfaces = INTERFACES
        .iter()
        .filter(|interface| !MODULES.contains(&interface.name));
    interfaces
        .map(|interface| {
            let name = format!("{}@{}", interface.name, interface.version.unwrap());
            let functions = interface.functions.iter().map(|(name, _)| name.to_string());
            (name, functions.collect())
        })
        .collect()
}

#[test]
fn every_function_of_the_world_has_a_price_and_every_price_a_function() {
    assert_eq!(priced(), imported());
}

#[test]
fn no_price_is_free_or_listed_twice() {
    let mut seen = BTreeSet::new();
    for interface in INTERFACES {
        for (function, weight) in interface.functions {
            assert!(*weight > 0, "{}#{function} is free", interface.name);
            assert!(
                seen.insert((interface.name, *function)),
                "{}#{function} is listed twice",
                interface.name
            );
        }
    }
}

/// The component of world `job` that this core module is the code of.
pub fn component_of(mut module: Vec<u8>) -> Vec<u8> {
    let (resolve, world) = world_job();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default().module(&module).unwrap();
    encoder.encode().unwrap()
}

#[test]
fn a_component_that_imports_all_of_the_world_is_accepted() {
    let (resolve, world) = world_job();
    let abi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let module = dummy_module(&resolve, world, abi);
    let functions: usize = imported().values().map(BTreeSet::len).sum();
    assert_eq!(
        core_imports(&module).len(),
        functions,
        "the generated component reaches all functions"
    );
    // Its `run` does nothing but trap.
    Job::program(component_of(module))
        .run()
        .is_trapped("unreachable");
}

/// All that world `job` imports: interface with its version, function, and type as core modules see it.
pub fn imports_of_the_world() -> Vec<(String, String, FuncType)> {
    let (resolve, world) = world_job();
    let module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    core_imports(&module)
}

/// All functions of WASI 0.1 with parameters and results, `i` for i32 and `I` for i64.
pub const WASI_0_1_TYPES: [(&str, &str); 46] = [
    ("args_get", "ii:i"),
    ("args_sizes_get", "ii:i"),
    ("environ_get", "ii:i"),
    ("environ_sizes_get", "ii:i"),
    ("clock_res_get", "ii:i"),
    ("clock_time_get", "iIi:i"),
    ("fd_advise", "iIIi:i"),
    ("fd_allocate", "iII:i"),
    ("fd_close", "i:i"),
    ("fd_datasync", "i:i"),
    ("fd_fdstat_get", "ii:i"),
    ("fd_fdstat_set_flags", "ii:i"),
    ("fd_fdstat_set_rights", "iII:i"),
    ("fd_filestat_get", "ii:i"),
    ("fd_filestat_set_size", "iI:i"),
    ("fd_filestat_set_times", "iIIi:i"),
    ("fd_pread", "iiiIi:i"),
    ("fd_prestat_get", "ii:i"),
    ("fd_prestat_dir_name", "iii:i"),
    ("fd_pwrite", "iiiIi:i"),
    ("fd_read", "iiii:i"),
    ("fd_readdir", "iiiIi:i"),
    ("fd_renumber", "ii:i"),
    ("fd_seek", "iIii:i"),
    ("fd_sync", "i:i"),
    ("fd_tell", "ii:i"),
    ("fd_write", "iiii:i"),
    ("path_create_directory", "iii:i"),
    ("path_filestat_get", "iiiii:i"),
    ("path_filestat_set_times", "iiiiIIi:i"),
    ("path_link", "iiiiiii:i"),
    ("path_open", "iiiiiIIii:i"),
    ("path_readlink", "iiiiii:i"),
    ("path_remove_directory", "iii:i"),
    ("path_rename", "iiiiii:i"),
    ("path_symlink", "iiiii:i"),
    ("path_unlink_file", "iii:i"),
    ("poll_oneoff", "iiii:i"),
    ("proc_exit", "i:"),
    ("proc_raise", "i:i"),
    ("sched_yield", ":i"),
    ("random_get", "ii:i"),
    ("sock_accept", "iii:i"),
    ("sock_recv", "iiiiii:i"),
    ("sock_send", "iiiii:i"),
    ("sock_shutdown", "ii:i"),
];

/// All functions of `wasi_ephemeral_nn`, in the same way.
const WASI_NN_TYPES: [(&str, &str); 6] = [
    ("load", "iiiii:i"),
    ("load_by_name", "iii:i"),
    ("init_execution_context", "ii:i"),
    ("set_input", "iii:i"),
    ("compute", "i:i"),
    ("get_output", "iiiii:i"),
];

/// The import of a function of WASI 0.1, under its own name.
pub fn import_of(name: &str, ty: &str) -> String {
    import_from(WASI_0_1, name, ty)
}

fn import_from(module: &str, name: &str, ty: &str) -> String {
    let (parameters, results) = ty.split_once(':').unwrap();
    let types = |letters: &str| {
        letters
            .chars()
            .map(|one| if one == 'I' { "i64 " } else { "i32 " })
            .collect::<String>()
    };
    format!(
        "(import \"{module}\" \"{name}\" (func ${name} (param {}) (result {})))\n",
        types(parameters),
        types(results)
    )
}

fn assert_priced(module: &str, types: &[(&str, &str)]) {
    let interface = INTERFACES.iter().find(|one| one.name == module).unwrap();
    let priced: BTreeSet<&str> = interface.functions.iter().map(|(name, _)| *name).collect();
    let all: BTreeSet<&str> = types.iter().map(|(name, _)| *name).collect();
    assert_eq!(priced, all);
}

#[test]
fn all_of_wasi_0_1_has_a_price() {
    assert_priced(WASI_0_1, &WASI_0_1_TYPES);
}

#[test]
fn all_of_inference_for_core_modules_has_a_price() {
    assert_priced(WASI_NN, &WASI_NN_TYPES);
}

#[test]
fn a_module_that_imports_all_of_wasi_0_1_and_of_inference_runs() {
    let mut text = String::from("(module\n");
    for (name, ty) in WASI_0_1_TYPES {
        text += &import_of(name, ty);
    }
    for (name, ty) in WASI_NN_TYPES {
        text += &import_from(WASI_NN, name, ty);
    }
    text.push_str("(memory (export \"memory\") 1) (func (export \"_start\")))");
    Job::text(&text).run().is_ok();
}

#[test]
fn a_module_that_gives_a_function_another_type_is_refused() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i64) (result i32)))
        (memory (export "memory") 1) (func (export "_start")))"#;
    let said = Job::text(text).refusal();
    assert!(said.contains("wasi_snapshot_preview1.fd_write"), "{said}");
}

#[test]
fn a_module_reaches_only_the_functions_and_types_of_inference_that_there_are() {
    let refused = |module: &str, name: &str, ty: &str| {
        let import = import_from(module, name, ty);
        let text =
            format!(r#"(module {import} (memory (export "memory") 1) (func (export "_start")))"#);
        let said = Job::text(&text).refusal();
        assert!(said.contains(&format!("{module}.{name}")), "{said}");
    };
    refused(WASI_NN, "compute", "ii:i");
    refused(WASI_NN, "compute", "I:i");
    refused(WASI_NN, "compute", "i:");
    refused(WASI_NN, "set_input_by_name", "iiii:i");
    refused(WASI_NN, "fd_write", "iiii:i");
    refused(WASI_0_1, "load", "iiiii:i");
    // What is for components is not for modules, though it has a price.
    refused("wasi:nn/graph", "load", "iiiii:i");
}

#[test]
fn compiled_guests_agree_with_the_table_of_types() {
    for path in commands().into_iter().chain(inference_commands()) {
        for (_, name, ty) in core_imports(&fs::read(path).unwrap()) {
            let letters = |types: &[ValType]| {
                let letter = |ty: &ValType| match ty {
                    ValType::I32 => 'i',
                    ValType::I64 => 'I',
                    other => panic!("{name}: {other:?}"),
                };
                types.iter().map(letter).collect::<String>()
            };
            let found = format!("{}:{}", letters(ty.params()), letters(ty.results()));
            let mut types = WASI_0_1_TYPES.iter().chain(&WASI_NN_TYPES);
            let table = types.find(|(known, _)| *known == name);
            assert_eq!(table.unwrap().1, found, "{name}");
        }
    }
}

/// The imported functions of a core module: the module's name, theirs, and their types.
fn core_imports(bytes: &[u8]) -> Vec<(String, String, FuncType)> {
    let mut types = Vec::new();
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.unwrap() {
            Payload::TypeSection(section) => {
                types.extend(section.into_iter_err_on_gc_types().map(Result::unwrap));
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.unwrap();
                    if let TypeRef::Func(ty) = import.ty {
                        let ty = types[ty as usize].clone();
                        found.push((import.module.to_string(), import.name.to_string(), ty));
                    }
                }
            }
            _ => {}
        }
    }
    found
}

#[test]
fn versions_of_wasi_that_are_compatible_are_accepted_and_others_refused() {
    let text = |import: &str, body: &str| {
        format!(
            r#"(component
            (import "{import}" (instance $i (export "now" (func (result u64)))))
            (core func $now (canon lower (func $i "now")))
            (core module $m (import "" "now" (func (result i64)))
                (memory (export "memory") 1)
                (func (export "run") (result i32) {body} i32.const 0))
            (core instance $m (instantiate $m (with "" (instance (export "now" (func $now))))))
            (func (export "run") (result (result (error string)))
                (canon lift (core func $m "run") (memory $m "memory"))))"#
        )
    };
    let body = "call 0 drop";
    for version in ["0.2.0", "0.2.3", "0.2.12", "0.2.13"] {
        let import = format!("wasi:clocks/monotonic-clock@{version}");
        Job::text(&text(&import, body)).run().is_ok();
    }
    for import in [
        "wasi:clocks/monotonic-clock@0.3.0",
        "wasi:clocks/monotonic-clock",
        "wasi:clocks/sundial@0.2.0",
        "wasi:sockets/tcp@0.2.0",
    ] {
        let said = Job::text(&text(import, body)).refusal();
        assert!(said.contains(import), "{said}");
    }
}

#[test]
fn a_function_that_an_interface_does_not_have_is_refused_by_name() {
    let text = r#"(component
        (import "wasi:clocks/monotonic-clock@0.2.12" (instance (export "wind-up" (func)))))"#;
    let said = Job::text(text).refusal();
    assert!(said.contains("wind-up"), "{said}");
    assert!(
        sandboxes()
            .iter()
            .all(|sandbox| Job::text(text).compile_in(sandbox).is_err())
    );
}
