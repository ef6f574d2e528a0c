//! The part of a tile's walk that makes it: admission, stretch, plan, fetch, then paint, style and encode on a render
//! thread. It runs inside the flight of [`crate::tiles`], so it is dropped when nobody waits any more.

mod cutline;
mod paint;
mod seen;
mod sheet;
mod stages;
mod statistics;
mod stretch;
mod strips;
mod surveys;

use std::sync::Arc;

use aurora_daemon::problem::Problem;
use aurora_raster::{
    GeoTiff,
    crs::{Crs, WGS84},
    encode::{self, Format, Payload, Placement},
    header::Header,
    pixels::Pixels,
    process::{Process, Setting},
    render::{self, ReadOptions, Sizing, View, carried_bounds},
    style::{self, Style},
};
use aurora_tile::{Bounds, TileId, TileMatrixSet};

use crate::{
    admission::Permit,
    app::App,
    failure::Failure,
    query::{MAX_SIDE_PX, RasterQuery, SharedQuery},
    rasters::Pinned,
    source::Locator,
    target::Target,
    tiles::Tile,
};

use cutline::Cutline;
pub(crate) use cutline::Outline;
use paint::{IsWanted, Room};
use seen::Seen;
pub(crate) use stages::Stages;
pub(crate) use statistics::{Asked, Survey, of_feature, statistics, value_names};
pub(crate) use stretch::Stretches;
pub(crate) use surveys::Surveys;

/// Everything that determines a picture.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) target: Target,
    pub(crate) pinned: Pinned,
    pub(crate) query: SharedQuery,
    pub(crate) shown: Shown,
    /// PNG or JPEG, by what the picture shows, when absent.
    pub(crate) format: Option<Format>,
}

/// What part of a raster is shown, and how large.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shown {
    /// A map tile; the query's buffer makes it larger.
    Tile { set: &'static TileMatrixSet, tile: TileId, size_px: u32 },
    /// All of it, in its own rows and columns.
    Whole(Sizing),
    /// A box in the query's `coord_crs` (else degrees), shown in its `dst_crs` (else that of the box).
    Box(Bounds, Sizing),
    /// What lies under a feature, in the box round it and as that.
    Feature(Arc<Outline>, Sizing),
}

/// What a render is to yield.
struct Wanted {
    seen: Seen,
    /// Where the picture lies, once the process has cut off what it needed to see.
    placement: Option<Placement>,
    setting: Setting,
    /// What is masked beyond its outline, once the process is done.
    cutline: Option<Cutline>,
}

/// Makes a picture, or a file of values.
pub(crate) async fn picture(app: Arc<App>, order: Order) -> Result<Tile, Failure> {
    let mut stages = Stages::begin();
    let _place = app.admission.enter()?;
    let tiff = Arc::clone(&app.rasters.open(&order.target, &order.pinned).await?.tiff);
    stages.end("open");
    let permit = Arc::new(app.admission.admit(&tiff).await?);
    stages.end("queue");
    // Apart, so that the many who wait hold nothing of what only a render under way needs.
    Box::pin(admitted(app, order, tiff, permit, stages)).await
}

async fn admitted(
    app: Arc<App>,
    order: Order,
    tiff: Arc<GeoTiff>,
    permit: Arc<Permit>,
    mut stages: Stages,
) -> Result<Tile, Failure> {
    let style = match order.format.map(Format::payload) {
        Some(Payload::Values) => Style::default(),
        _ => {
            let ahead = read_ahead(&app, &order, &tiff);
            tokio::join!(stretch::style(&app, &order, &tiff, &permit), ahead).0?
        }
    };
    stages.end("stretch");
    if strips::may_be_needed(&app, &order, &tiff)
        && let Some(made) = Box::pin(strips::picture(&app, &order, &tiff, &style, &mut stages)).await?
    {
        return Ok(made);
    }
    let room = Room::ToTake { process_bytes_per_px: order.query.process.bytes_per_px() };
    let plan = move |tiff: &GeoTiff| {
        let options = order.query.read_options(order.target.nodata);
        let Wanted { seen, placement, setting, cutline } = order.shown.wanted(tiff, &order.query, &options)?;
        let (plan, padding) = (seen.plan(tiff, &options)?, seen.padding());
        let finish = move |pixels: Pixels, stages: &mut Stages, _: IsWanted<'_>| {
            let mut pixels = processed(pixels.with_margins(padding), &order.query.process, &setting, stages)?;
            cutline.iter().for_each(|cutline| cutline.cut(&mut pixels));
            encoded(pixels, &order, &style, placement.as_ref(), stages)
        };
        Ok((plan, finish))
    };
    let (bytes, media_type) = paint::planned(&app, tiff, room, &mut stages, plan).await?;
    Ok(Tile::new(bytes, media_type, stages))
}

/// Brings the picture's blocks beside those that its stretch is taken of, if that must be read: a round to a file
/// server takes longer than all else here.
async fn read_ahead(app: &App, order: &Order, tiff: &Arc<GeoTiff>) {
    if matches!(order.target.locator, Locator::File(_)) || !stretch::is_to_be_read(app, order, tiff) {
        return;
    }
    let ordered = order.clone();
    let plan = move |tiff: &GeoTiff| {
        let options = ordered.query.read_options(ordered.target.nodata);
        ordered.shown.wanted(tiff, &ordered.query, &options)?.seen.plan(tiff, &options)
    };
    // What goes wrong is told by the picture itself.
    let _ = paint::ahead(app, Arc::clone(tiff), plan).await;
}

impl Shown {
    /// What to read, and where a GeoTIFF of it lies.
    fn wanted(&self, tiff: &GeoTiff, query: &RasterQuery, options: &ReadOptions) -> Result<Wanted, Failure> {
        let header = tiff.header();
        let view = match self {
            Self::Tile { set, tile, size_px } => View::tile(set, *tile, *size_px)?,
            Self::Box(bounds, sizing) => box_view(header, query, *bounds, *sizing)?,
            Self::Feature(outline, sizing) => box_view(header, query, outline.bounds()?, *sizing)?,
            Self::Whole(sizing) => match whole_view(header, query, sizing)? {
                Some(view) => view,
                None => return Ok(whole(tiff, sizing, query, options)),
            },
        };
        // What an algorithm looks at beyond the view comes on top, unless the requester's own buffer holds it already.
        let needed_half_px = 2 * query.process.buffer_px();
        let buffer_half_px = if matches!(self, Self::Tile { .. }) { query.buffer_half_px } else { 0 };
        let shown = view.grown(buffer_half_px.saturating_sub(needed_half_px));
        let seen = shown.clone().grown(needed_half_px);
        let placement = shown.placement();
        let pixel = placement.pixel().unwrap_or((1.0, 1.0));
        let setting = Setting::of(header, options.bands.as_deref(), pixel);
        let cutline = match self {
            Self::Feature(outline, _) => Some(cutline(outline, query, &shown)?),
            _ => None,
        };
        Ok(Wanted { seen: Seen::View(seen), placement: Some(placement), setting, cutline })
    }

    /// No more pixels than these across and down are read for it, which is known without a look at where it lies.
    fn most_px(&self, tiff: &GeoTiff, query: &RasterQuery) -> (u32, u32) {
        let more_px = 2 * query.process.buffer_px() + query.buffer_half_px;
        let side_px = |sizing: &Sizing| {
            let asked = sizing.width_px.max(sizing.height_px);
            asked.map_or_else(|| sizing.max_px.unwrap_or(MAX_SIDE_PX), |_| tiff.limits().max_view_side_px)
        };
        let (width_px, height_px) = match self {
            Self::Tile { size_px, .. } => (*size_px, *size_px),
            Self::Box(_, sizing) | Self::Feature(_, sizing) | Self::Whole(sizing) => {
                sizing.width_px.zip(sizing.height_px).unwrap_or((side_px(sizing), side_px(sizing)))
            }
        };
        (width_px.saturating_add(more_px), height_px.saturating_add(more_px))
    }

    /// One spelling for each meaning: part of cache keys.
    pub(crate) fn canonical(&self) -> String {
        match self {
            Self::Tile { set, tile, size_px } => format!("tile {} {tile} {size_px}", set.id),
            other => format!("{other:?}"),
        }
    }
}

/// The view of a box in the query's `coord_crs`, shown in its `dst_crs`.
fn box_view(header: &Header, query: &RasterQuery, bounds: Bounds, sizing: Sizing) -> Result<View, Failure> {
    let coord_crs = query.coord_crs.clone().map_or_else(degrees, Ok)?;
    let crs = query.dst_crs.clone().unwrap_or_else(|| coord_crs.clone());
    let nowhere = || Problem::parameter("dst_crs", "does not reach the box that is asked for");
    let bounds = carried_bounds(&coord_crs, &crs, bounds).ok_or_else(nowhere)?;
    Ok(View::of_box(header, crs, bounds, sizing)?)
}

/// An outline in the query's `coord_crs` on the pixels of `view`.
fn cutline(outline: &Outline, query: &RasterQuery, view: &View) -> Result<Cutline, Failure> {
    let coord_crs = query.coord_crs.clone().map_or_else(degrees, Ok)?;
    let nowhere = || Problem::parameter("geometry", "lies where the coordinate reference system does not reach");
    let cutline = outline.on(view, &coord_crs).ok_or_else(nowhere)?;
    cutline.check(1)?;
    Ok(cutline)
}

pub(crate) fn degrees() -> Result<Crs, Failure> {
    Ok(Crs::from_epsg(WGS84)?)
}

/// The view of all of a raster in a system that is not its own, if one is asked for.
fn whole_view(header: &Header, query: &RasterQuery, sizing: &Sizing) -> Result<Option<View>, Failure> {
    let own = header.georef.as_ref().map(|georef| &georef.crs);
    let asked = query.dst_crs.as_ref().filter(|asked| Some(*asked) != own);
    Ok(asked.map(|crs| View::of_whole(header, crs.clone(), *sizing)).transpose()?)
}

/// All of a raster in its own rows and columns. There is nothing beyond it to look at, so an algorithm that wants a
/// buffer gets one of masked pixels.
fn whole(tiff: &GeoTiff, sizing: &Sizing, query: &RasterQuery, options: &ReadOptions) -> Wanted {
    let header = tiff.header();
    let size_px = sizing.resolve((header.levels[0].width_px, header.levels[0].height_px));
    let seen = Seen::Whole { size_px, margin_px: query.process.buffer_px() };
    let placement = render::placement_of_whole(header, size_px);
    Wanted { seen, placement, setting: overview_setting(tiff, options, size_px), cutline: None }
}

/// The setting of the whole raster stretched to a size.
fn overview_setting(tiff: &GeoTiff, options: &ReadOptions, size_px: (u32, u32)) -> Setting {
    let pixel = render::placement_of_whole(tiff.header(), size_px).and_then(|placement| placement.pixel());
    Setting::of(tiff.header(), options.bands.as_deref(), pixel.unwrap_or((1.0, 1.0)))
}

/// What the process makes of the values.
fn processed(pixels: Pixels, process: &Process, setting: &Setting, stages: &mut Stages) -> Result<Pixels, Failure> {
    if process.is_nothing() {
        return Ok(pixels);
    }
    let pixels = process.apply(pixels, setting)?;
    stages.end("process");
    Ok(pixels)
}

/// The file, and its media type.
fn encoded(
    pixels: Pixels,
    order: &Order,
    style: &Style,
    placement: Option<&Placement>,
    stages: &mut Stages,
) -> Result<(Vec<u8>, &'static str), Failure> {
    if let Some(format) = order.format.filter(|format| format.payload() == Payload::Values) {
        let bytes = encode::values(&pixels, format, placement, !order.query.opaque)?;
        stages.end("encode");
        return Ok((bytes, format.media_type()));
    }
    let picture = style::apply(pixels, style)?;
    stages.end("style");
    let format = order.format.unwrap_or_else(|| Format::fitting(&picture));
    let bytes = encode::picture(&picture, format, order.query.quality)?;
    stages.end("encode");
    Ok((bytes, format.media_type()))
}

/// The values of every band at a place in a system after the process, and which bands they are; masked ones are `None`.
/// An algorithm that looks round a pixel has nothing to look at here and is left out.
pub(crate) async fn point(
    app: &App,
    tiff: Arc<GeoTiff>,
    (crs, place): (Crs, (f64, f64)),
    options: &ReadOptions,
    process: &Process,
) -> Result<Vec<Option<f64>>, Failure> {
    let _place = app.admission.enter()?;
    let _permit = app.admission.admit(&tiff).await?;
    let mut process = process.clone();
    process.algorithm = process.algorithm.filter(|algorithm| algorithm.buffer_px() == 0);
    let setting = Setting::of(tiff.header(), options.bands.as_deref(), (1.0, 1.0));
    let options = options.clone();
    let plan = move |tiff: &GeoTiff| {
        let finish = move |pixels: Pixels, stages: &mut Stages, _: IsWanted<'_>| {
            let pixels = processed(pixels, &process, &setting, stages)?;
            Ok((0..pixels.bands).map(|band| pixels.value(band, 0, 0)).collect())
        };
        Ok((render::plan_point(tiff, &crs, place, &options)?, finish))
    };
    paint::planned(app, tiff, Room::ToTake { process_bytes_per_px: 0 }, &mut Stages::begin(), plan).await
}
