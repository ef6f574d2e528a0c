//! The ranges that `rescale=auto` and percentiles stand for: of the whole raster, so that neighbouring tiles match.
//!
//! Worked out once for each version, bands and nodata from an overview, and kept. Runs under the permit of the tile
//! that needs it first. When nobody waits for it any more a few run to their end, and the others stop: without
//! overviews it may read gigabytes, and those who ask and leave at once would take an origin's permits from all others.

use std::{future::Future, pin::pin, sync::Arc};

use aurora_daemon::fair::Client;
use aurora_raster::{
    GeoTiff,
    encode::Format,
    header::{ColorInterpretation, SampleType},
    process::Process,
    render::ReadOptions,
    statistics,
    style::{Coloring, Colormap, Depth, Palette, Rescale, Style},
};
use moka::sync::Cache;
use tokio::sync::{Semaphore, oneshot};

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

/// Stretches that run on when nobody waits for them any more: fewer than the permits of one origin, of which files at
/// hand have one more than there are threads.
const MAX_OUTLIVING: usize = 2;

type Ranges = Arc<[Rescale]>;

/// Stretches at hand.
pub(crate) struct Stretches {
    kept: Cache<Key, Ranges>,
    flights: Flights<Key, Result<Ranges, Failure>>,
    /// Those that run on without anybody who waits.
    outliving: Arc<Semaphore>,
}

impl Stretches {
    pub(crate) fn new(threads: usize) -> Self {
        let outliving = Arc::new(Semaphore::new(MAX_OUTLIVING.min(threads.div_ceil(2))));
        Self { kept: Cache::new(MAX_STRETCHES), flights: Flights::new(), outliving }
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

/// The colours that a file of palette indices brings along, when its one band is shown as it is. Only 8-bit indices can
/// be those of a palette image; others are looked up by their value.
fn own_palette(tiff: &GeoTiff, query: &RasterQuery) -> Option<Coloring> {
    let header = tiff.header();
    let is_plain = query.stretch == Stretch::ByType && query.process.is_nothing();
    let is_shown = header.color == ColorInterpretation::Palette && is_plain;
    (is_shown && !header.palette.is_empty()).then(|| match header.sample_type {
        SampleType::U8 => Coloring::Map(Colormap::from_entries(&header.palette)),
        _ => Coloring::Palette(Palette::new(Arc::clone(&header.palette))),
    })
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
    let (waits, left) = oneshot::channel();
    let work = outliving(work, left, Arc::clone(&app.stretches.outliving));
    let (flight, _) = app.stretches.flights.join(key, || {
        let task = tokio::spawn(Client::current().scope(work));
        async move {
            let _waits: oneshot::Sender<()> = waits;
            task.await.unwrap_or(Err(Panicked.into()))
        }
    });
    flight.await
}

/// `work`, which goes on when all who wait have `left` if it finds a place among those that do: whoever pans away will
/// ask for other tiles of the same raster, which need the same.
async fn outliving<T>(
    work: impl Future<Output = Result<T, Failure>>,
    left: oneshot::Receiver<()>,
    places: Arc<Semaphore>,
) -> Result<T, Failure> {
    let mut work = pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return done,
        _ = left => {}
    }
    let _place = places.try_acquire_owned().map_err(|_| Failure::Unwanted)?;
    work.await
}

async fn compute(app: &App, tiff: Arc<GeoTiff>, of: Of) -> Result<Ranges, Failure> {
    let Of { options, process, percentiles: (low, high) } = of;
    let size_px = statistics::size_px(&tiff);
    let setting = overview_setting(&tiff, &options, size_px);
    let making = Making { seen: Seen::Whole { size_px, margin_px: 0 }, options, process, setting };
    strips::counted(app, tiff, making, &mut Stages::begin(), move |pixels, _| {
        Ok(statistics::stretch(&pixels, low, high).into())
    })
    .await
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn of_those_that_nobody_waits_for_a_few_go_on_and_the_others_stop() {
        let places = Arc::new(Semaphore::new(1));
        let begin = || {
            let ((go, gate), (waits, left)) = (oneshot::channel::<u8>(), oneshot::channel::<()>());
            let work = async move { Ok(gate.await.unwrap_or_default()) };
            (go, waits, Box::pin(outliving(work, left, Arc::clone(&places))))
        };
        let [(go, waits, mut outlives), (stopped, left, mut stops), (still, _waits, mut wanted)] =
            [begin(), begin(), begin()];
        let all = [&mut outlives, &mut stops, &mut wanted];
        assert!(all.into_iter().all(|work| work.as_mut().now_or_never().is_none()));
        drop((waits, left));
        assert!(outlives.as_mut().now_or_never().is_none());
        assert!(matches!(stops.await, Err(Failure::Unwanted)) && stopped.is_closed());
        assert!(wanted.as_mut().now_or_never().is_none() && !still.is_closed());
        go.send(7).unwrap();
        assert_eq!(outlives.await.unwrap(), 7);
        assert_eq!(places.available_permits(), 1, "the place is for the next");
    }
}
