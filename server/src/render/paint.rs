//! Where a render's work is done: planned and, when all its blocks are at hand, painted in one go on a render thread.
//! Else its blocks are fetched in between, which holds no thread.

use std::sync::Arc;

use aurora_raster::{
    GeoTiff, RasterError,
    pixels::Pixels,
    render::{self, Plan},
};

use super::Stages;
use crate::{app::App, budget::Reserved, failure::Failure, pool::Piece};

/// How far a render came before it would have had to wait.
enum Step<T, F> {
    Finished(T),
    Planned(Box<Plan>, F),
}

/// Makes a plan on a render thread (projecting takes too long for an async one), paints it, and lets what came with the
/// plan make something of the pixels.
pub(super) async fn planned<T, F>(
    app: &App,
    tiff: Arc<GeoTiff>,
    process_bytes_per_px: u64,
    stages: &mut Stages,
    plan: impl FnOnce(&GeoTiff) -> Result<(Plan, F), Failure> + Send + 'static,
) -> Result<T, Failure>
where
    T: Send + 'static,
    F: FnOnce(Pixels, &mut Stages) -> Result<T, Failure> + Send + 'static,
{
    let (planning, blocks, room) = (Arc::clone(&tiff), Arc::clone(&app.blocks), Arc::clone(&app.in_flight));
    let step = on_thread(app, Piece::First, stages, move |stages, is_wanted| {
        let (plan, finish) = plan(&planning)?;
        check_process(&plan, process_bytes_per_px)?;
        stages.end("plan");
        let in_one_go = plan.part_count() == 1;
        let reserved = in_one_go.then(|| room.try_reserve(cost_bytes(&plan, process_bytes_per_px))).flatten();
        let at_hand = reserved.and_then(|reserved| Some((reserved, render::at_hand(&planning, &plan, &blocks)?)));
        let Some((_reserved, fetched)) = at_hand else { return Ok(Step::Planned(Box::new(plan), finish)) };
        go_on(is_wanted)?;
        let painted = render::paint(&planning, &plan, fetched, &blocks)?;
        stages.end("paint");
        go_on(is_wanted)?;
        finish(painted, stages).map(Step::Finished)
    });
    match step.await? {
        Step::Finished(result) => Ok(result),
        Step::Planned(plan, finish) => paint(app, tiff, *plan, process_bytes_per_px, stages, finish).await,
    }
}

/// Fetches what a plan needs, paints it, and lets `finish` make something of the pixels, on a render thread.
pub(super) async fn paint<T: Send + 'static>(
    app: &App,
    tiff: Arc<GeoTiff>,
    plan: Plan,
    process_bytes_per_px: u64,
    stages: &mut Stages,
    finish: impl FnOnce(Pixels, &mut Stages) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let reserved = Arc::new(app.in_flight.reserve(cost_bytes(&plan, process_bytes_per_px)).await?);
    stages.end("room");
    let plan = Arc::new(plan);
    let before = paint_before_last(app, &tiff, &plan, &reserved).await?;
    let last = plan.part_count() - 1;
    let fetched = render::fetch(&tiff, &plan.part(&tiff, last), &app.blocks).await?;
    stages.end("read");
    let blocks = Arc::clone(&app.blocks);
    let work = move |stages: &mut Stages, is_wanted: &dyn Fn() -> bool| {
        // Given back by the thread that used it: a caller who leaves does not free it early.
        let _reserved = reserved;
        let painted = render::paint_onto(&tiff, &plan.part(&tiff, last), fetched, &blocks, before)?;
        stages.end("paint");
        go_on(is_wanted)?;
        finish(painted, stages)
    };
    on_thread(app, Piece::Further, stages, work).await
}

/// Brings the blocks of a plan into the cache, if there is room for them just now: nobody waits for it, and it waits for
/// nobody.
pub(super) async fn ahead(
    app: &App,
    tiff: Arc<GeoTiff>,
    plan: impl FnOnce(&GeoTiff) -> Result<Plan, Failure> + Send + 'static,
) -> Result<(), Failure> {
    let (planning, mut stages) = (Arc::clone(&tiff), Stages::begin());
    let plan = on_thread(app, Piece::First, &mut stages, move |_, _| plan(&planning)).await?;
    let reserved = app.in_flight.try_reserve(cost_bytes(&plan, 0)).filter(|_| plan.part_count() == 1);
    let Some(reserved) = reserved else { return Ok(()) };
    let fetched = render::fetch(&tiff, &plan, &app.blocks).await?;
    let blocks = Arc::clone(&app.blocks);
    let work = move |_: &mut Stages, _: &dyn Fn() -> bool| {
        let _reserved = reserved;
        // Painting decodes, and keeps what it decoded.
        render::paint(&tiff, &plan, fetched, &blocks)?;
        Ok(())
    };
    on_thread(app, Piece::Further, &mut stages, work).await
}

/// Reads and paints all parts of a plan but the last. A caller who leaves stops it between two of them.
async fn paint_before_last(
    app: &App,
    tiff: &Arc<GeoTiff>,
    plan: &Arc<Plan>,
    reserved: &Arc<Reserved>,
) -> Result<Option<Pixels>, Failure> {
    let mut painted = None;
    for index in 0..plan.part_count() - 1 {
        let fetched = render::fetch(tiff, &plan.part(tiff, index), &app.blocks).await?;
        let (tiff, plan, blocks) = (Arc::clone(tiff), Arc::clone(plan), Arc::clone(&app.blocks));
        let (before, held) = (painted.take(), Arc::clone(reserved));
        let part = move || {
            let pixels = render::paint_onto(&tiff, &plan.part(&tiff, index), fetched, &blocks, before);
            drop(held);
            pixels
        };
        painted = Some(app.pool.run(Piece::Further, part).await??);
    }
    Ok(painted)
}

/// Map users pan away: between two steps a look whether anybody still waits.
fn go_on(is_wanted: &dyn Fn() -> bool) -> Result<(), Failure> {
    if is_wanted() { Ok(()) } else { Err(Failure::Unwanted) }
}

/// Runs `work` on a render thread, and takes the stages along.
async fn on_thread<T: Send + 'static>(
    app: &App,
    piece: Piece,
    stages: &mut Stages,
    work: impl FnOnce(&mut Stages, &dyn Fn() -> bool) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let mut inner = std::mem::take(stages);
    let on_thread = move |is_wanted: &dyn Fn() -> bool| {
        inner.end("thread");
        let result = work(&mut inner, is_wanted);
        (result, inner)
    };
    let (result, inner) = app.pool.run_while_wanted(piece, on_thread).await?;
    *stages = inner;
    result
}

/// Bytes of a render's own buffers for each pixel beside its values: mask, picture, filtered lines, the file, and what
/// encoders hold.
const BUFFER_BYTES_PER_PX: u64 = 24;

/// Bytes of each value: itself, and once more in the file or on its way to a picture.
const BUFFER_BYTES_PER_VALUE: u64 = 16;

/// Most bytes that the buffers of a processed picture may have: with more outputs of an expression than a picture has bands
/// they would outgrow what is read by far. One so large runs alone.
const MAX_PROCESSED_BYTES: u64 = 512 << 20;

/// # Errors
/// `TooLarge` for a picture of too many pixels for what is to be done to them.
fn check_process(plan: &Plan, process_bytes_per_px: u64) -> Result<(), RasterError> {
    let (value, limit) = (buffer_bytes(plan, process_bytes_per_px), MAX_PROCESSED_BYTES);
    if process_bytes_per_px == 0 || value <= limit {
        return Ok(());
    }
    Err(RasterError::TooLarge { what: "bytes of a processed picture", value, limit })
}

/// What a render needs beside its source blocks.
fn buffer_bytes(plan: &Plan, process_bytes_per_px: u64) -> u64 {
    let (width_px, height_px) = plan.size_px();
    let each = BUFFER_BYTES_PER_PX + process_bytes_per_px + BUFFER_BYTES_PER_VALUE * u64::from(plan.band_count());
    u64::from(width_px) * u64::from(height_px) * each
}

/// What a render holds.
fn cost_bytes(plan: &Plan, process_bytes_per_px: u64) -> u64 {
    plan.cost_bytes().saturating_add(buffer_bytes(plan, process_bytes_per_px))
}
