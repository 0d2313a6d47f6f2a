//! The bindings of world `guest`, as generated. The rest of this crate is built on them; they are
//! public for what it leaves out, and give no promise of their own.
#![allow(missing_docs)] // the documentation is in the WIT files
#![allow(clippy::undocumented_unsafe_blocks)] // generated
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // generated

wit_bindgen::generate!({
    path: "../wit",
    world: "guest",
    generate_all,
    pub_export_macro: true,
    default_bindings_module: "::meterbox_guest::bindings",
});
