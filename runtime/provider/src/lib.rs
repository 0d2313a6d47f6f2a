//! Takes an order through its life: admitted, metered, run, billed, recorded.

pub mod ledger;
