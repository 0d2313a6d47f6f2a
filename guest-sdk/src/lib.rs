//! Write a Meterbox job.
