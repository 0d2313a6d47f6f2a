//! The guests are what the tests that run them take them for.
#![allow(clippy::unwrap_used)] // a test that unwraps in vain has failed

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use meterbox_tests::{
    c_program, command_components, commands, components, examples, inference_commands, repository,
    texts,
};
use wasmparser::{Encoding, ExternalKind, Parser, Payload};
use wit_parser::{Resolve, WorldId};

/// What the outside sees of a binary, and how its sections are called.
#[derive(Default)]
struct Surface {
    is_component: bool,
    imports: BTreeSet<String>,
    exports: BTreeSet<String>,
    has_names: bool,
    bytes: Vec<u8>,
}

fn surface(path: &Path) -> Surface {
    let bytes = fs::read(path).unwrap();
    let mut surface = Surface::default();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.unwrap() {
            Payload::Version { encoding, .. } => {
                surface.is_component |= depth == 0 && encoding == Encoding::Component;
                depth += 1;
            }
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(imports) if depth == 1 => {
                surface.imports.extend(
                    imports
                        .into_iter()
                        .map(|item| item.unwrap().name.name.to_string()),
                );
            }
            Payload::ComponentExportSection(exports) if depth == 1 => {
                surface.exports.extend(
                    exports
                        .into_iter()
                        .map(|item| item.unwrap().name.name.to_string()),
                );
            }
            Payload::ImportSection(imports) if depth == 1 => {
                surface.imports.extend(
                    imports
                        .into_imports()
                        .map(|item| item.unwrap().module.to_string()),
                );
            }
            Payload::ExportSection(exports) if depth == 1 => {
                let functions = exports.into_iter().map(Result::unwrap);
                let functions = functions.filter(|export| export.kind == ExternalKind::Func);
                surface
                    .exports
                    .extend(functions.map(|export| export.name.to_string()));
            }
            Payload::CustomSection(section) => surface.has_names |= section.name() == "name",
            _ => {}
        }
    }
    surface.bytes = bytes;
    surface
}

/// The imports of world `job`, with the part of each version that has to agree.
fn job_imports() -> BTreeSet<String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(repository().join("wit")).unwrap();
    let job: WorldId = resolve.select_world(&[package], Some("job")).unwrap();
    let imports = &resolve.worlds[job].imports;
    imports
        .keys()
        .map(|key| compatible(&resolve.name_world_key(key)))
        .collect()
}

/// `wasi:io/poll@0.2.6` and `wasi:io/poll@0.2.12` are compatible; a pre-release is only with itself.
fn compatible(import: &str) -> String {
    match import.split_once('@') {
        Some((name, version)) if !version.contains('-') => {
            let kept: Vec<&str> = version.split('.').take(2).collect();
            format!("{name}@{}", kept.join("."))
        }
        _ => import.to_string(),
    }
}

#[test]
fn components_import_what_a_job_has_and_export_run() {
    let allowed = job_imports();
    for path in components().into_iter().chain(examples()) {
        let found = surface(path);
        assert!(found.is_component, "{}", path.display());
        assert_eq!(
            found.exports,
            BTreeSet::from(["run".to_string()]),
            "{}",
            path.display()
        );
        for import in &found.imports {
            assert!(
                allowed.contains(&compatible(import)),
                "{} imports {import}",
                path.display()
            );
        }
    }
}

#[test]
fn commands_import_wasi_only_and_export_start() {
    for path in commands() {
        let found = surface(path);
        assert!(!found.is_component, "{}", path.display());
        assert!(found.exports.contains("_start"), "{}", path.display());
        let wasi = BTreeSet::from(["wasi_snapshot_preview1".to_string()]);
        assert_eq!(found.imports, wasi, "{}", path.display());
    }
}

#[test]
fn commands_with_models_import_what_core_modules_may() {
    for path in inference_commands() {
        let found = surface(path);
        assert!(!found.is_component, "{}", path.display());
        assert!(found.exports.contains("_start"), "{}", path.display());
        let modules = ["wasi_ephemeral_nn", "wasi_snapshot_preview1"].map(String::from);
        assert_eq!(found.imports, BTreeSet::from(modules), "{}", path.display());
    }
}

#[test]
fn commands_as_components_import_what_a_job_has_and_export_wasi_cli_run() {
    let allowed = job_imports();
    for path in command_components() {
        let found = surface(path);
        assert!(found.is_component, "{}", path.display());
        let exports: Vec<String> = found.exports.iter().map(|name| compatible(name)).collect();
        assert_eq!(exports, ["wasi:cli/run@0.2"], "{}", path.display());
        for import in &found.imports {
            assert!(
                allowed.contains(&compatible(import)),
                "{} imports {import}",
                path.display()
            );
        }
    }
}

#[test]
fn guests_keep_their_names_and_no_folder_of_this_machine() {
    let root = repository().canonicalize().unwrap();
    let mut folders = vec![root, env!("OUT_DIR").into()];
    folders.extend(std::env::home_dir().map(|home| home.join(".cargo")));
    for path in components().into_iter().chain(commands()).chain(examples()) {
        let found = surface(path);
        assert!(found.has_names, "{}", path.display());
        for folder in &folders {
            let folder = folder.to_str().unwrap().as_bytes();
            let leaks = found
                .bytes
                .windows(folder.len())
                .any(|window| window == folder);
            assert!(
                !leaks,
                "{} names {}",
                path.display(),
                String::from_utf8_lossy(folder)
            );
        }
    }
}

#[test]
fn texts_are_webassembly() {
    for path in texts() {
        let bytes = wat::parse_file(path).unwrap();
        let valid = wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all())
            .validate_all(&bytes);
        if let Err(error) = valid {
            panic!("{}: {error}", path.display());
        }
    }
}

#[test]
fn c_programs_are_commands() {
    for name in ["plain", "trap_after_loop", "exit3"] {
        match c_program(name) {
            Ok(path) => assert!(surface(&path).exports.contains("_start"), "{name}"),
            Err(reason) => println!("skipped {name}: {reason}"),
        }
    }
}
