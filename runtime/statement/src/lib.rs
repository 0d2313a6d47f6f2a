//! Writes what was charged for people: a report of a period, and an invoice for a requestor.
//!
//! Pure: records in, text out. The time of issue and the parties' names arrive as arguments; nothing here
//! opens a file or reads a clock, so the same records give the same bytes.
//!
//! The way of an invoice: [`settings`] and records → [`invoice`] → [`ubl`] for machines, [`invoice_page`] for
//! people. The way of a report: records → [`report`] → [`report_page`].
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod anomaly;
pub mod by_model;
mod codes;
pub mod invoice;
pub mod invoice_page;
pub mod minor;
mod page;
pub mod period;
mod plot;
pub mod report;
pub mod report_page;
pub mod settings;
pub mod signed;
mod tally;
pub mod timeline;
pub mod ubl;

#[cfg(test)]
mod fixture;
