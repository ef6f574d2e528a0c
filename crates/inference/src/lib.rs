//! From any raster GDAL reads to what Aurora serves: a Cloud Optimized GeoTIFF and detections of dark spots.
//!
//! The only crate that links GDAL; nothing on the path of a tile depends on it. It works on one scene and ends:
//! queueing, retries and publishing across machines are its callers'. The program `aurora-infer` is [`run()`] with a
//! command line.
//!
//! # The contract with callers of `aurora-infer`
//! `aurora-infer INPUT --out DIR` writes into `DIR`, for a `NAME` that is INPUT's file name up to `.MBI`, or up to its
//! extension (INPUT may be a delivery, `.tgz` or `.h5`: its mosaic is taken):
//!
//! - `NAME.MBI_light.tif`: a COG (512 px blocks, ZSTD with predictor, averaged overviews that honour nodata), north-up,
//!   under one EPSG code;
//! - `NAME.detections.geojson`: an RFC 7946 feature collection, empty when nothing was found, each feature with `index`
//!   (from 1, by confidence), `area_km2`, `perimeter_km`, `contrast_db`, `elongation`, `edge_db_per_km`, `confidence`
//!   (0–1) and `model`;
//! - `NAME.summary.json`: [`Summary`].
//!
//! They appear by rename, the summary last, so a reader never sees half of one. Meanwhile work goes on in
//! `DIR/.NAME.tmp`; what a killed run leaves there the next one removes.
//!
//! | exit | meaning |
//! |---|---|
//! | 0 | all three files are written and on disk |
//! | 2 | wrong usage |
//! | 78 | the model cannot be used (no ONNX, an operator unknown, outputs of another shape) |
//! | 65 | the input cannot be used (no raster, no georeferencing, broken, too large …); trying again will not help |
//! | other | something else failed (disk, memory, a signal); may be tried again |
//!
//! Whenever it fails, the last line on stderr begins `aurora-infer: ` and gives the reason.
//!
//! # Memory
//! Pixels stream through buffers of fixed size. The detector's cells follow from the scene: about 60 m, coarser where
//! that would be more than 15.6 million. Where those do not fit `--memory` (510 MiB for the most) they are coarser
//! still, which the summary's `detection_note` says.

mod cog;
mod crs;
mod delivery;
mod detect;
mod error;
mod footprint;
mod frame;
mod gdal_env;
mod geojson;
mod georef;
mod grid;
mod gzip;
mod input;
mod network;
mod nodata;
mod outline;
mod prepare;
mod programs;
mod radiometry;
mod report;
mod run;
mod staging;
mod survey;

pub use detect::MODEL;
pub use error::{Error, Result};
pub use nodata::NodataChoice;
pub use report::{Percentiles, Summary};
pub use run::{Job, Model, output_name, run};
