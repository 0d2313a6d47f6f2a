//! Programs that anybody could have written, from bytes. Runs nothing.

use arbitrary::{Result, Unstructured};
use wasm_smith::{Component, Config, Module};

/// Pages of one memory at the most: few enough for the room that every engine has.
const MEMORY_PAGES_MAX: u64 = 16;
/// Elements of one table at the most.
const TABLE_ELEMENTS_MAX: u64 = 1_000;

/// A module that runs anywhere without being given anything: it imports nothing, declares little memory,
/// and exports all that it has.
pub(super) fn alone(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
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
    Ok(Module::new(config, u)?.to_bytes())
}

/// A module that may import anything and export anything, with sections of its own.
pub(super) fn module(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let config = Config {
        generate_custom_sections: true,
        min_funcs: 1,
        ..features()
    };
    Ok(Module::new(config, u)?.to_bytes())
}

/// A component, much of which the meter accepts.
pub(super) fn component(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(Component::new(features(), u)?.to_bytes())
}

/// The features that the meter accepts, and no others.
fn features() -> Config {
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
