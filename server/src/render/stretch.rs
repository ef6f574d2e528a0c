//! The ranges that `rescale=auto` and percentiles stand for: of the whole raster, so that neighbouring tiles match.
//!
//! Worked out once for each version, bands and nodata from an overview, and kept. Runs under the permit of the tile
//! that needs it first.

use std::sync::Arc;

use aurora_raster::{
    GeoTiff,
    header::{ColorInterpretation, SampleType},
    render::ReadOptions,
    statistics,
    style::{Rescale, Style},
};
use moka::sync::Cache;

use super::{Stages, paint};
use crate::{
    app::App,
    failure::Failure,
    flights::Flights,
    query::{RasterQuery, Stretch},
    rasters::Pinned,
    target::Target,
    tiles::Key,
};

/// Stretches kept; each is a few numbers.
const MAX_STRETCHES: u64 = 10_000;

type Ranges = Arc<[Rescale]>;

/// Stretches at hand.
pub(crate) struct Stretches {
    kept: Cache<Key, Ranges>,
    flights: Flights<Key, Result<Ranges, Failure>>,
}

impl Stretches {
    pub(crate) fn new() -> Self {
        Self { kept: Cache::new(MAX_STRETCHES), flights: Flights::new() }
    }
}

/// How to colour a tile.
pub(super) async fn style(
    app: &Arc<App>,
    target: &Target,
    pinned: &Pinned,
    tiff: &Arc<GeoTiff>,
    query: &RasterQuery,
) -> Result<Style, Failure> {
    let rescale = match percentiles(tiff, &query.stretch) {
        Asked::Nothing => Vec::new(),
        Asked::Ranges(ranges) => ranges.to_vec(),
        Asked::Percentiles(low, high) => {
            // The kernel of the tile must not change the stretch.
            let options = ReadOptions { resampling: Default::default(), ..query.read_options(target.nodata) };
            between(app, target, pinned, tiff, options, (low, high)).await?.to_vec()
        }
    };
    Ok(Style { rescale, colormap: query.colormap() })
}

enum Asked<'a> {
    Nothing,
    Ranges(&'a [Rescale]),
    Percentiles(f64, f64),
}

fn percentiles<'a>(tiff: &GeoTiff, stretch: &'a Stretch) -> Asked<'a> {
    let header = tiff.header();
    let as_stored = header.sample_type == SampleType::U8 || header.color == ColorInterpretation::Palette;
    match stretch {
        Stretch::Ranges(ranges) => Asked::Ranges(ranges),
        Stretch::Percentiles(low, high) => Asked::Percentiles(*low, *high),
        Stretch::ByType if as_stored => Asked::Nothing,
        Stretch::ByType => Asked::Percentiles(statistics::AUTO_PERCENTILES.0, statistics::AUTO_PERCENTILES.1),
    }
}

async fn between(
    app: &Arc<App>,
    target: &Target,
    pinned: &Pinned,
    tiff: &Arc<GeoTiff>,
    options: ReadOptions,
    percentiles: (f64, f64),
) -> Result<Ranges, Failure> {
    let name = target.locator.to_string();
    let key = Key::of(&["stretch", &name, &pinned.version, &format!("{options:?} {percentiles:?}")]);
    if let Some(ranges) = app.stretches.kept.get(&key) {
        return Ok(ranges);
    }
    let (working, tiff) = (Arc::clone(app), Arc::clone(tiff));
    let (flight, _) = app.stretches.flights.join(key, || async move {
        let ranges = compute(&working, tiff, &options, percentiles).await?;
        working.stretches.kept.insert(key, Arc::clone(&ranges));
        Ok(ranges)
    });
    flight.await
}

async fn compute(
    app: &App,
    tiff: Arc<GeoTiff>,
    options: &ReadOptions,
    (low, high): (f64, f64),
) -> Result<Ranges, Failure> {
    let plan = statistics::plan(&tiff, options)?;
    let side_px = u64::from(statistics::STATISTICS_SIDE_PX);
    paint(app, tiff, plan, side_px * side_px, &mut Stages::begin(), move |pixels, _| {
        Ok(statistics::stretch(&pixels, low, high).into())
    })
    .await
}
