//! Pictures that are too large to be made in one piece beside others: in strips of rows, each read, worked on and kept
//! as what is needed of it, so that what lies beside the picture itself goes by the budget and not by the picture.
//!
//! A strip sees so many rows above and below as its process looks at; its pixels are those of a picture made in one
//! piece.

use std::sync::Arc;

use aurora_raster::{
    GeoTiff, RasterError,
    encode::tif_rows_per_strip,
    pixels::{Gathered, Pixels},
    process::{Process, Setting},
    render::ReadOptions,
    style::Style,
};

use super::{
    Order, Stages, Wanted,
    paint::{self, IsWanted, Room},
    processed,
    seen::{Seen, Strip},
    sheet::{Purpose, Sheet},
};
use crate::{
    app::App,
    budget::{Place, Reserved},
    failure::Failure,
    pool::Piece,
    tiles::Tile,
};

/// Part of the bytes that renders may have that the buffers of one strip aim at.
const SHARE_OF_RENDERS: u64 = 4;

/// Fewest rows of a strip, and times the rows that a process looks at beyond it: else most of the work would be done
/// twice.
const LEAST_ROWS: u32 = 16;

/// Bytes that a strip holds for each pixel beside its values and what its process needs: the mask, and what is kept of
/// it.
const STRIP_BYTES_PER_PX: u64 = 16;

/// What is to be made of a raster.
pub(super) struct Making {
    pub(super) seen: Seen,
    pub(super) options: ReadOptions,
    pub(super) process: Process,
    pub(super) setting: Setting,
}

/// What is kept of each pixel that is made, before the first one shows it.
struct Guess {
    bytes_per_px: u64,
    /// Whether it becomes an answer.
    is_sent: bool,
}

/// Whether something of so many pixels, with what it is made of and all that comes after, has room beside others.
pub(super) fn fits(app: &App, size_px: (u32, u32), bands: usize, process: &Process) -> bool {
    paint::buffer_bytes(size_px, bands, process.bytes_per_px()) <= app.budget.in_flight_bytes
}

/// Whether a picture may be too large to be made in one piece, as far as can be told without a look at where it lies.
pub(super) fn may_be_needed(app: &App, order: &Order, tiff: &GeoTiff) -> bool {
    let options = order.query.read_options(order.target.nodata);
    !fits(app, order.shown.most_px(tiff, &order.query), band_count(tiff, &options), &order.query.process)
}

/// The picture in strips, unless it can be made in one piece.
pub(super) async fn picture(
    app: &Arc<App>,
    order: &Order,
    tiff: &Arc<GeoTiff>,
    style: &Style,
    stages: &mut Stages,
) -> Result<Option<Tile>, Failure> {
    let (options, process) = (order.query.read_options(order.target.nodata), order.query.process.clone());
    let (order, planning) = (Arc::new(order.clone()), Arc::clone(tiff));
    let (wanting, reading) = (Arc::clone(&order), options.clone());
    let want = move |_: &mut Stages, _: &dyn Fn() -> bool| wanting.shown.wanted(&planning, &wanting.query, &reading);
    let Wanted { seen, placement, setting, cutline } = paint::on_thread(app, Piece::First, stages, want).await?;
    if fits(app, seen.size_px(), band_count(tiff, &options), &process) {
        return Ok(None);
    }
    let making = Making { seen, options, process, setting };
    let (purpose, limit) = (Purpose::of(&order, style), limit_bytes(app));
    let height_px = making.seen.made_px(&making.process).1;
    let guess = Guess { bytes_per_px: making.kept_bytes_per_px(tiff, &purpose), is_sent: true };
    let put =
        move |sheet: Option<Sheet>, made: Pixels, first_row| purpose.put(sheet, made, first_row, (height_px, limit));
    let (sheet, (reserved, place)) = made(app, tiff, making, guess, stages, put).await?;
    let rest = style.of_narrowed();
    let finish = move |stages: &mut Stages, _: &dyn Fn() -> bool| {
        let _reserved = reserved;
        Ok((sheet.finish(&order, &rest, cutline.as_ref(), placement.as_ref(), stages)?, place))
    };
    let ((bytes, media_type), place) = paint::on_thread(app, Piece::Further, stages, finish).await?;
    Ok(Some(Tile::new(bytes, media_type, stages.clone()).at(place)))
}

/// What `count` finds in what is made: in one piece, or gathered in strips.
pub(super) async fn counted<T: Send + 'static>(
    app: &App,
    tiff: Arc<GeoTiff>,
    making: Making,
    stages: &mut Stages,
    count: impl FnOnce(Pixels, IsWanted<'_>) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    if fits(app, making.seen.size_px(), band_count(&tiff, &making.options), &making.process) {
        let Making { seen, options, process, setting } = making;
        let room = Room::ToTake { process_bytes_per_px: process.bytes_per_px() };
        let plan = move |tiff: &GeoTiff| {
            let (plan, padding) = (seen.plan(tiff, &options)?, seen.padding());
            let finish = move |pixels: Pixels, stages: &mut Stages, is_wanted: IsWanted<'_>| {
                count(processed(pixels.with_margins(padding), &process, &setting, stages)?, is_wanted)
            };
            Ok((plan, finish))
        };
        return paint::planned(app, tiff, room, stages, plan).await;
    }
    let (height_px, limit) = (making.seen.made_px(&making.process).1, limit_bytes(app));
    let guess = Guess { bytes_per_px: making.kept_bytes_per_px(&tiff, &Purpose::Values), is_sent: false };
    let put = move |gathered: Option<Gathered>, made: Pixels, first_row| {
        if gathered.is_none() {
            Purpose::Values.check(&made, height_px, limit)?;
        }
        let mut gathered = gathered.unwrap_or_else(|| Gathered::new(&made, height_px));
        gathered.put(&made, first_row);
        Ok(gathered)
    };
    let (gathered, room) = made(app, &tiff, making, guess, stages, put).await?;
    let finish = move |_: &mut Stages, is_wanted: IsWanted<'_>| {
        let _room = room;
        count(gathered.finish(), is_wanted)
    };
    paint::on_thread(app, Piece::Further, stages, finish).await
}

/// Makes all strips, one after the other, within room taken once: whoever held what is made and waited for more would
/// keep others who do the same waiting.
async fn made<S: Send + 'static>(
    app: &App,
    tiff: &Arc<GeoTiff>,
    making: Making,
    kept: Guess,
    stages: &mut Stages,
    put: impl Fn(Option<S>, Pixels, u32) -> Result<S, Failure> + Send + Sync + 'static,
) -> Result<(S, (Arc<Reserved>, Option<Place>)), Failure> {
    let (whole, reading) = (making.seen.clone(), making.options.clone());
    // What goes wrong is told by the strips, which would read their blocks one after the other.
    let _ = paint::ahead(app, Arc::clone(tiff), move |tiff| whole.plan(tiff, &reading)).await;
    stages.end("ahead");
    let (planning, share_bytes) = (Arc::clone(tiff), app.budget.in_flight_bytes / SHARE_OF_RENDERS);
    let cut = move |_: &mut Stages, _: &dyn Fn() -> bool| {
        let (strips, cost_bytes) = making.strips(&planning, share_bytes)?;
        Ok((Arc::new(making), strips, cost_bytes))
    };
    let (making, strips, strip_bytes) = paint::on_thread(app, Piece::First, stages, cut).await?;
    let (width_px, height_px) = making.seen.made_px(&making.process);
    let kept_bytes = u64::from(width_px) * u64::from(height_px) * kept.bytes_per_px;
    let (cost_bytes, sent_bytes) = (strip_bytes.saturating_add(kept_bytes), if kept.is_sent { kept_bytes } else { 0 });
    let (reserved, place) = app.in_flight.reserve_large(cost_bytes, sent_bytes).await?;
    let reserved = Arc::new(reserved);
    stages.end("room");
    let (put, mut sheet) = (Arc::new(put), None);
    for strip in strips {
        let (making, put, before) = (Arc::clone(&making), Arc::clone(&put), sheet.take());
        let plan = move |tiff: &GeoTiff| {
            let plan = making.seen.plan_strip(tiff, &strip, &making.options)?;
            let finish = move |pixels: Pixels, stages: &mut Stages, _: IsWanted<'_>| {
                let made =
                    making.process.apply_within(pixels.with_margins(strip.padding), &making.setting, strip.cut)?;
                stages.end("process");
                let put = put(before, made, strip.rows.start);
                stages.end("style");
                put
            };
            Ok((plan, finish))
        };
        let room = Room::Taken(Arc::clone(&reserved));
        sheet = Some(paint::planned(app, Arc::clone(tiff), room, stages, plan).await?);
    }
    let sheet = sheet.ok_or_else(|| RasterError::BadParameter { name: "size", reason: "is nothing".into() })?;
    Ok((sheet, (reserved, place)))
}

/// Most bytes of what is put together.
fn limit_bytes(app: &App) -> u64 {
    app.settings.picture_limit.0.max(app.budget.in_flight_bytes)
}

/// Bands that are read.
pub(super) fn band_count(tiff: &GeoTiff, options: &ReadOptions) -> usize {
    options.bands.as_ref().map_or_else(|| tiff.header().value_bands().len(), Vec::len)
}

impl Making {
    /// The strips, and the most that one of them costs: its blocks and its own buffers.
    fn strips(&self, tiff: &GeoTiff, share_bytes: u64) -> Result<(Vec<Strip>, u64), Failure> {
        let (width_px, (_, height_px)) = (self.seen.size_px().0, self.seen.made_px(&self.process));
        let values = paint::BUFFER_BYTES_PER_VALUE * band_count(tiff, &self.options) as u64;
        let row_bytes = u64::from(width_px) * (STRIP_BYTES_PER_PX + values + self.process.bytes_per_px());
        let fitting = u32::try_from(share_bytes / row_bytes.max(1)).unwrap_or(u32::MAX);
        let beyond = 2 * self.process.reach_px();
        let step = tif_rows_per_strip(self.seen.made_px(&self.process).0);
        let rows = fitting.saturating_sub(beyond).max(LEAST_ROWS).max(beyond).max(step) / step * step;
        let mut cost_bytes = 0;
        let mut strips = Vec::new();
        for first in (0..height_px).step_by(rows as usize) {
            let strip = self.seen.strip(first..first.saturating_add(rows).min(height_px), &self.process);
            cost_bytes = cost_bytes.max(self.seen.plan_strip(tiff, &strip, &self.options)?.cost_bytes());
            strips.push(strip);
        }
        Ok((strips, cost_bytes.saturating_add(row_bytes * u64::from(rows.min(height_px) + beyond))))
    }

    /// What is kept for each pixel, as far as it is known before anything is made.
    fn kept_bytes_per_px(&self, tiff: &GeoTiff, purpose: &Purpose) -> u64 {
        let Process { unscale, expression, algorithm } = &self.process;
        let sample_bytes = match u64::from(tiff.header().sample_type.size_bytes()) {
            _ if expression.is_some() || algorithm.is_some() => 8,
            own if *unscale => own.max(4),
            own => own,
        };
        let made = expression.as_ref().map_or(0, |expression| expression.outputs());
        let bands = band_count(tiff, &self.options).max(made) as u64;
        match purpose {
            Purpose::Picture { .. } => purpose.bytes_per_px(if bands < 3 { 1 } else { 3 }, 1),
            _ => purpose.bytes_per_px(bands, sample_bytes),
        }
    }
}
