//! Measures Meterbox.
