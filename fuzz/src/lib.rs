//! What the fuzz targets share: modules that anybody could have written, and engines. Decides nothing.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use meterbox_differential::engine::{Wasmtime, Way};
use wasm_smith::Config;

/// The quick compiler.
pub static NONE: LazyLock<Wasmtime> = LazyLock::new(|| Wasmtime::new(Way::None));
/// The interpreter.
pub static PULLEY: LazyLock<Wasmtime> = LazyLock::new(|| Wasmtime::new(Way::Pulley));
/// For programs as they came.
pub static PLAIN: LazyLock<Wasmtime> = LazyLock::new(|| Wasmtime::new(Way::Plain));

/// Pages of one memory at the most: few enough for the room that every engine has.
const MEMORY_PAGES_MAX: u64 = 16;
/// Elements of one table at the most.
const TABLE_ELEMENTS_MAX: u64 = 1_000;

/// Modules with the features that the meter accepts, and no others.
#[must_use]
pub fn features() -> Config {
    Config {
        gc_enabled: false,
        threads_enabled: false,
        relaxed_simd_enabled: false,
        wide_arithmetic_enabled: false,
        custom_page_sizes_enabled: false,
        custom_descriptors_enabled: false,
        shared_everything_threads_enabled: false,
        max_memories: 3,
        max_tables: 3,
        ..Config::default()
    }
}

/// A module that runs anywhere without being given anything: it imports nothing, declares little memory,
/// and exports all that it has.
///
/// # Errors
/// If the bytes do not suffice.
pub fn module_alone(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let config = Config {
        max_imports: 0,
        min_funcs: 1,
        export_everything: true,
        memory_max_size_required: true,
        table_max_size_required: true,
        max_memory32_bytes: MEMORY_PAGES_MAX << 16,
        max_memory64_bytes: u128::from(MEMORY_PAGES_MAX << 16),
        max_table_elements: TABLE_ELEMENTS_MAX,
        ..features()
    };
    Ok(wasm_smith::Module::new(config, u)?.to_bytes())
}

/// A module that may import anything and export anything, with sections of its own.
///
/// # Errors
/// If the bytes do not suffice.
pub fn module(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let config = Config {
        generate_custom_sections: true,
        min_funcs: 1,
        ..features()
    };
    Ok(wasm_smith::Module::new(config, u)?.to_bytes())
}

/// A component, most of which the meter accepts.
///
/// # Errors
/// If the bytes do not suffice.
pub fn component(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(wasm_smith::Component::new(features(), u)?.to_bytes())
}

/// Checks bytes that the meter wrote.
///
/// # Panics
/// If they are not valid.
pub fn assert_valid(wasm: &[u8]) {
    let mut validator = wasmparser::Validator::new_with_features(meterbox_meter::FEATURES);
    if let Err(error) = validator.validate_all(wasm) {
        panic!("what the meter wrote is not valid: {error}");
    }
}
