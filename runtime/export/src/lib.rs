//! Writes what was posted in the forms that other tools read: tables, journals, events, metrics.
//!
//! Pure: records in, bytes out, one pass, in bounded memory, and the same bytes every time. Only [`mod@file`] and
//! [`partitions`] touch a disk. Nothing here prices anything, converts a currency or knows how the books are
//! kept.
//!
//! The way of an export: [`selection`] keeps the records that were asked for, [`rows`] turns them into rows,
//! one for each hour or one for each receipt, and a [`mod@format`] writes the rows. [`export`] is the one door to
//! all of it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod calendar;
pub mod cloud_events;
pub mod csv_table;
pub mod digits;
pub mod error;
pub mod event;
pub mod export;
pub mod file;
pub mod focus;
pub mod format;
pub mod golem;
pub mod item;
pub mod journal;
pub mod json_lines;
pub mod lago;
pub mod linear_model;
pub mod metrics;
pub mod options;
pub mod parquet_table;
pub mod partitions;
pub mod raw;
pub mod row;
pub mod rows;
pub mod selection;
pub mod stripe;
pub mod table;

#[cfg(test)]
#[path = "../tests/sample/mod.rs"]
mod fixture;
