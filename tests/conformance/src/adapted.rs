//! Makes a component of a module that speaks WASI 0.1, as a language does whose compiler knows no other: the
//! adapter within it speaks WASI 0.2 to the host.

use anyhow::Result;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wit_component::ComponentEncoder;

/// The module and the adapter, as one component.
pub fn component_of(module: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = ComponentEncoder::default()
        .module(module)?
        .adapter(
            WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
            WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
        )?
        .validate(true);
    encoder.encode()
}
