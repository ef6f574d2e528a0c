//! The reader against files that others made: the shared sample data, GDAL, and every way to break a header.
//!
//! Tests that use the sample data look for `../shared/data` beside the workspace and say so when it is absent.

mod counting;
mod crs;
mod georeferencing;
mod handmade;
mod little;
mod malformed;
mod mutations;
mod pixels;
mod refusals;
mod rounds;
mod sample;
mod tiny_pixels;
mod user_defined;
mod variants;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;
