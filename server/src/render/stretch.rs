//! The ranges that `rescale=auto` and percentiles stand for: of the whole raster, so that neighbouring tiles match.
//!
//! Worked out once for each version, bands and nodata from an overview, and kept. Runs under the permit of the tile
//! that needs it first, and to its end, whether or not somebody still waits for that tile.

use std::sync::Arc;

use aurora_daemon::fair::Client;
use aurora_raster::{
    GeoTiff,
    encode::Format,
    header::{ColorInterpretation, SampleType},
    process::Process,
    render::ReadOptions,
    statistics,
    style::{Coloring, Colormap, Depth, Rescale, Style},
};
use moka::sync::Cache;

use super::{
    Order, Stages, overview_setting,
    seen::Seen,
    strips::{self, Making},
};
use crate::{
    admission::Permit,
    app::App,
    failure::Failure,
    flights::Flights,
    pool::Panicked,
    query::{RasterQuery, Stretch},
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

/// How to colour what is ordered.
pub(super) async fn style(
    app: &Arc<App>,
    order: &Order,
    tiff: &Arc<GeoTiff>,
    permit: &Arc<Permit>,
) -> Result<Style, Failure> {
    let query = &order.query;
    let rescale = match asked(order, tiff) {
        Asked::Nothing => Vec::new(),
        Asked::Ranges(ranges) => ranges.to_vec(),
        Asked::Percentiles(low, high) => between(app, order, tiff, permit, of(order, (low, high))).await?.to_vec(),
    };
    let depth = if order.format == Some(Format::PngRaw) { Depth::AsStored } else { Depth::Eight };
    let coloring = query.coloring.clone().or_else(|| own_palette(tiff, query));
    Ok(Style { rescale, depth, formula: query.formula.clone(), coloring, opaque: query.opaque })
}

/// Whether the style has to wait for pixels of its own.
pub(super) fn is_to_be_read(app: &App, order: &Order, tiff: &GeoTiff) -> bool {
    match asked(order, tiff) {
        Asked::Nothing | Asked::Ranges(_) => false,
        Asked::Percentiles(low, high) => !app.stretches.kept.contains_key(&key(order, &of(order, (low, high)))),
    }
}

enum Asked<'a> {
    Nothing,
    Ranges(&'a [Rescale]),
    Percentiles(f64, f64),
}

/// Which values a stretch is of.
struct Of {
    options: ReadOptions,
    process: Process,
    percentiles: (f64, f64),
}

fn of(order: &Order, percentiles: (f64, f64)) -> Of {
    // The kernel of the tile must not change the stretch.
    let options = ReadOptions { resampling: Default::default(), ..order.query.read_options(order.target.nodata) };
    Of { options, process: order.query.process.clone(), percentiles }
}

fn key(order: &Order, Of { options, process, percentiles }: &Of) -> Key {
    let name = order.target.locator.to_string();
    Key::of(&["stretch", &name, &order.pinned.version, &format!("{options:?} {process:?} {percentiles:?}")])
}

/// What the query wants, or the data's type: 8-bit values, palettes and classes are shown as they are.
fn asked<'a>(order: &'a Order, tiff: &GeoTiff) -> Asked<'a> {
    let header = tiff.header();
    let of_classes = matches!(order.query.coloring, Some(Coloring::Classes(_)));
    let is_palette = header.color == ColorInterpretation::Palette && order.query.process.is_nothing();
    let is_eight_bit = header.sample_type == SampleType::U8;
    let as_stored = is_palette || order.query.process.makes_bytes(is_eight_bit);
    match &order.query.stretch {
        Stretch::Ranges(ranges) => Asked::Ranges(ranges),
        Stretch::Percentiles(low, high) => Asked::Percentiles(*low, *high),
        Stretch::ByType if as_stored || of_classes || order.format == Some(Format::PngRaw) => Asked::Nothing,
        Stretch::ByType => Asked::Percentiles(statistics::AUTO_PERCENTILES.0, statistics::AUTO_PERCENTILES.1),
    }
}

/// The colours that a file of palette indices brings along, when its one band is shown as it is.
fn own_palette(tiff: &GeoTiff, query: &RasterQuery) -> Option<Coloring> {
    let header = tiff.header();
    let is_plain = query.stretch == Stretch::ByType && query.process.is_nothing();
    let is_shown = header.color == ColorInterpretation::Palette && is_plain;
    (is_shown && !header.palette.is_empty()).then(|| Coloring::Map(Colormap::from_entries(&header.palette)))
}

async fn between(
    app: &Arc<App>,
    order: &Order,
    tiff: &Arc<GeoTiff>,
    permit: &Arc<Permit>,
    of: Of,
) -> Result<Ranges, Failure> {
    let key = key(order, &of);
    if let Some(ranges) = app.stretches.kept.get(&key) {
        return Ok(ranges);
    }
    let (working, tiff, permit) = (Arc::clone(app), Arc::clone(tiff), Arc::clone(permit));
    let work = async move {
        let _permit = permit;
        let ranges = compute(&working, tiff, of).await?;
        working.stretches.kept.insert(key, Arc::clone(&ranges));
        Ok(ranges)
    };
    // Whoever pans away will ask for other tiles of the same raster, which need the same: what is begun is done to its end.
    let (flight, _) = app.stretches.flights.join(key, || {
        let task = tokio::spawn(Client::current().scope(work));
        async move { task.await.unwrap_or(Err(Panicked.into())) }
    });
    flight.await
}

async fn compute(app: &App, tiff: Arc<GeoTiff>, of: Of) -> Result<Ranges, Failure> {
    let Of { options, process, percentiles: (low, high) } = of;
    let size_px = statistics::size_px(&tiff);
    let setting = overview_setting(&tiff, &options, size_px);
    let making = Making { seen: Seen::Whole { size_px, margin_px: 0 }, options, process, setting };
    strips::counted(app, tiff, making, &mut Stages::begin(), move |pixels| {
        Ok(statistics::stretch(&pixels, low, high).into())
    })
    .await
}
