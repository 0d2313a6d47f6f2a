//! Runs one metered job under limits, in a world that is the same everywhere.
