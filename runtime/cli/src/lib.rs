//! The meterbox command.
