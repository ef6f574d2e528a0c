//! The part of a tile's walk that makes it: admission, plan, stretch, fetch, then paint, style and encode on a render
//! thread. It runs inside the flight of [`crate::tiles`], so it is dropped when nobody waits any more.

mod stages;
mod statistics;
mod stretch;

use std::sync::Arc;

use aurora_raster::{
    GeoTiff,
    encode::{self, Format, Payload},
    pixels::Pixels,
    render::{self, Plan, ReadOptions, View},
    style,
};
use aurora_tile::{TileId, TileMatrixSet};

use crate::{app::App, failure::Failure, query::RasterQuery, rasters::Pinned, target::Target, tiles::Tile};

pub(crate) use stages::Stages;
pub(crate) use statistics::{band_names, statistics};
pub(crate) use stretch::Stretches;

/// Bytes of a render's own buffers for each pixel of the view: values of up to 8 bytes, mask, picture, encoded form.
const BUFFER_BYTES_PER_PX: u64 = 16;

/// Everything that determines a tile.
#[derive(Clone)]
pub(crate) struct TileOrder {
    pub(crate) target: Target,
    pub(crate) pinned: Pinned,
    pub(crate) query: RasterQuery,
    pub(crate) set: &'static TileMatrixSet,
    pub(crate) tile: TileId,
    /// Side in pixels.
    pub(crate) size_px: u32,
    pub(crate) format: Format,
}

/// Makes a tile.
pub(crate) async fn tile(app: Arc<App>, order: TileOrder) -> Result<Tile, Failure> {
    let mut stages = Stages::begin();
    let tiff = Arc::clone(&app.rasters.open(&order.target, &order.pinned).await?.tiff);
    stages.end("open");
    let _permit = app.admission.admit().await?;
    stages.end("queue");
    let options = order.query.read_options(order.target.nodata);
    let view = View::tile(order.set, order.tile, order.size_px)?;
    let plan = planned(&app, &tiff, move |tiff| render::plan(tiff, &view, &options)).await?;
    stages.end("plan");
    let style = match order.format.payload() {
        Payload::Picture => stretch::style(&app, &order.target, &order.pinned, &tiff, &order.query).await?,
        Payload::Values => style::Style::default(),
    };
    stages.end("stretch");
    let view_px = u64::from(order.size_px) * u64::from(order.size_px);
    paint(&app, tiff, plan, view_px, &mut stages, move |pixels, stages| encoded(pixels, order.format, &style, stages))
        .await
        .map(|bytes| Tile { bytes: bytes.into(), stages })
}

/// Plans on a render thread: projecting takes too long for an async one.
async fn planned(
    app: &App,
    tiff: &Arc<GeoTiff>,
    plan: impl FnOnce(&GeoTiff) -> aurora_raster::Result<Plan> + Send + 'static,
) -> Result<Plan, Failure> {
    let tiff = Arc::clone(tiff);
    Ok(app.pool.run(move || plan(&tiff)).await??)
}

/// Fetches what `plan` needs, paints it, and lets `finish` make something of it, on a render thread.
async fn paint<T: Send + 'static>(
    app: &App,
    tiff: Arc<GeoTiff>,
    plan: Plan,
    view_px: u64,
    stages: &mut Stages,
    finish: impl FnOnce(Pixels, &mut Stages) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let cost_bytes = plan.cost_bytes().saturating_add(view_px.saturating_mul(BUFFER_BYTES_PER_PX));
    let reserved = app.in_flight.reserve(cost_bytes).await;
    stages.end("room");
    let fetched = render::fetch(&tiff, &plan, &app.blocks).await?;
    stages.end("read");
    let blocks = Arc::clone(&app.blocks);
    let mut inner = std::mem::take(stages);
    let (result, outer) = app
        .pool
        .run(move || {
            inner.end("thread");
            let painted = render::paint(&tiff, &plan, fetched, &blocks);
            inner.end("paint");
            let result = painted.map_err(Failure::from).and_then(|pixels| finish(pixels, &mut inner));
            // Given back by the thread that used them: a caller who leaves does not free them early.
            drop(reserved);
            (result, inner)
        })
        .await?;
    *stages = outer;
    result
}

fn encoded(pixels: Pixels, format: Format, style: &style::Style, stages: &mut Stages) -> Result<Vec<u8>, Failure> {
    if format.payload() == Payload::Values {
        let bytes = encode::npy(&pixels);
        stages.end("encode");
        return Ok(bytes);
    }
    let picture = style::apply(pixels, style);
    stages.end("style");
    let bytes = encode::png(&picture)?;
    stages.end("encode");
    Ok(bytes)
}

/// The values of every band at a place, and which bands they are; masked ones are `None`.
pub(crate) async fn point(
    app: &App,
    tiff: Arc<GeoTiff>,
    (lon_deg, lat_deg): (f64, f64),
    options: &ReadOptions,
) -> Result<Vec<Option<f64>>, Failure> {
    let _permit = app.admission.admit().await?;
    let options = options.clone();
    let plan = planned(app, &tiff, move |tiff| render::plan_point(tiff, lon_deg, lat_deg, &options)).await?;
    let values = |pixels: Pixels| (0..pixels.bands).map(|band| pixels.value(band, 0, 0)).collect();
    paint(app, tiff, plan, 1, &mut Stages::begin(), move |pixels, _| Ok(values(pixels))).await
}
