//! Range reads in, map tiles out, within one memory budget.
//!
//! A request comes in by `routes`, unless `recall` knows its answer, and is answered by one of the `handlers`. What is
//! known of scenes stands in the `catalogue`, which follows the indexers' change feeds; pixels come from `rasters`
//! (opened files) through `render` (admission, plan, fetch, paint) into `tiles` (encoded tiles, each made once). The
//! program's `main` and the tests start it here. It writes no catalogue, runs no jobs and links no GDAL.

mod admission;
mod antimeridian;
mod app;
mod assets;
mod bill;
mod budget;
mod catalogue;
mod descriptors;
mod encodings;
mod failure;
mod features;
mod flights;
mod gpus;
mod handlers;
mod lending;
mod listed;
mod meters;
mod observe;
mod openapi;
mod pool;
mod query;
mod rasters;
mod recall;
mod render;
mod routes;
mod server;
mod settings;
mod share;
mod shelf;
mod source;
mod target;
mod tiles;

pub use server::{Running, run, start};
pub use settings::Settings;
