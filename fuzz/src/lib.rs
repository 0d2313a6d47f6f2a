//! What fuzz targets begin with. What they do with it is in `meterbox-differential` and `meterbox-scripts`.

pub mod programs;
