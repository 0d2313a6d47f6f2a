//! Rewrites WebAssembly so that it counts its own work.
