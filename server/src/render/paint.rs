//! Where a render's work is done: planned and, when all its blocks are at hand, painted in one go on a render thread.
//! Else its blocks are fetched in between, which holds no thread.

use std::sync::Arc;

use aurora_raster::{
    GeoTiff,
    pixels::Pixels,
    render::{self, Plan},
};

use super::Stages;
use crate::{
    app::App,
    budget::{self, Reserved},
    failure::Failure,
    pool::Piece,
};

/// How far a render came before it would have had to wait.
enum Step<T, F> {
    Finished(T),
    Planned(Box<Plan>, F),
}

/// Whether anybody still waits for what is made.
pub(super) type IsWanted<'a> = &'a dyn Fn() -> bool;

/// Where the room for a render's work comes from.
#[derive(Clone)]
pub(super) enum Room {
    /// It is taken for this render, which works on its pixels with so many bytes each.
    ToTake { process_bytes_per_px: u64 },
    /// Whoever makes it in strips has taken it.
    Taken(Arc<Reserved>),
}

/// Makes a plan on a render thread (projecting takes too long for an async one), paints it, and lets what came with the
/// plan make something of the pixels.
pub(super) async fn planned<T, F>(
    app: &App,
    tiff: Arc<GeoTiff>,
    room: Room,
    stages: &mut Stages,
    plan: impl FnOnce(&GeoTiff) -> Result<(Plan, F), Failure> + Send + 'static,
) -> Result<T, Failure>
where
    T: Send + 'static,
    F: FnOnce(Pixels, &mut Stages, IsWanted<'_>) -> Result<T, Failure> + Send + 'static,
{
    let (planning, blocks, in_flight) = (Arc::clone(&tiff), Arc::clone(&app.blocks), Arc::clone(&app.in_flight));
    let asked = room.clone();
    let step = on_thread(app, Piece::First, stages, move |stages, is_wanted| {
        let (plan, finish) = plan(&planning)?;
        stages.end("plan");
        let in_one_go = plan.part_count() == 1;
        let reserved = in_one_go.then(|| asked.try_take(&plan, &in_flight)).flatten();
        let at_hand = reserved.and_then(|reserved| Some((reserved, render::at_hand(&planning, &plan, &blocks)?)));
        let Some((_reserved, fetched)) = at_hand else { return Ok(Step::Planned(Box::new(plan), finish)) };
        go_on(is_wanted)?;
        let painted = render::paint(&planning, &plan, fetched, &blocks)?;
        stages.end("paint");
        go_on(is_wanted)?;
        finish(painted, stages, is_wanted).map(Step::Finished)
    });
    match step.await? {
        Step::Finished(result) => Ok(result),
        Step::Planned(plan, finish) => paint(app, tiff, *plan, room, stages, finish).await,
    }
}

/// Fetches what a plan needs, paints it, and lets `finish` make something of the pixels, on a render thread.
pub(super) async fn paint<T: Send + 'static>(
    app: &App,
    tiff: Arc<GeoTiff>,
    plan: Plan,
    room: Room,
    stages: &mut Stages,
    finish: impl FnOnce(Pixels, &mut Stages, IsWanted<'_>) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let reserved = room.take(&plan, app).await?;
    stages.end("room");
    let plan = Arc::new(plan);
    let before = paint_before_last(app, &tiff, &plan, &reserved).await?;
    let last = plan.part_count() - 1;
    let fetched = render::fetch(&tiff, &plan.part(&tiff, last), &app.blocks).await?;
    stages.end("read");
    let blocks = Arc::clone(&app.blocks);
    let work = move |stages: &mut Stages, is_wanted: IsWanted<'_>| {
        // Given back by the thread that used it: a caller who leaves does not free it early.
        let _reserved = reserved;
        let painted = render::paint_onto(&tiff, &plan.part(&tiff, last), fetched, &blocks, before)?;
        stages.end("paint");
        go_on(is_wanted)?;
        finish(painted, stages, is_wanted)
    };
    on_thread(app, Piece::Further, stages, work).await
}

/// Brings the blocks of a plan into the cache, if there is room for them just now: nobody waits for it, and it waits
/// for nobody.
pub(super) async fn ahead(
    app: &App,
    tiff: Arc<GeoTiff>,
    plan: impl FnOnce(&GeoTiff) -> Result<Plan, Failure> + Send + 'static,
) -> Result<(), Failure> {
    let (planning, mut stages) = (Arc::clone(&tiff), Stages::begin());
    let plan = on_thread(app, Piece::First, &mut stages, move |_, _| plan(&planning)).await?;
    let reserved = app.in_flight.try_reserve(plan.cost_bytes()).filter(|_| plan.part_count() == 1);
    let Some(reserved) = reserved else { return Ok(()) };
    let fetched = render::fetch(&tiff, &plan, &app.blocks).await?;
    if fetched.missing_blocks() == 0 {
        return Ok(());
    }
    let blocks = Arc::clone(&app.blocks);
    let work = move |_: &mut Stages, _: &dyn Fn() -> bool| {
        let _reserved = reserved;
        Ok(render::decode(&tiff, &plan, fetched, &blocks)?)
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
fn go_on(is_wanted: IsWanted<'_>) -> Result<(), Failure> {
    if is_wanted() { Ok(()) } else { Err(Failure::Unwanted) }
}

/// Runs `work` on a render thread, and takes the stages along.
pub(super) async fn on_thread<T: Send + 'static>(
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
pub(super) const BUFFER_BYTES_PER_VALUE: u64 = 16;

/// What is held beside source blocks while so many pixels of so many bands are made in one piece.
pub(super) fn buffer_bytes((width_px, height_px): (u32, u32), bands: usize, process_bytes_per_px: u64) -> u64 {
    let each = BUFFER_BYTES_PER_PX + process_bytes_per_px + BUFFER_BYTES_PER_VALUE * bands as u64;
    (u64::from(width_px) * u64::from(height_px)).saturating_mul(each)
}

/// What a render holds.
fn cost_bytes(plan: &Plan, process_bytes_per_px: u64) -> u64 {
    let bands = usize::from(plan.band_count());
    plan.cost_bytes().saturating_add(buffer_bytes(plan.size_px(), bands, process_bytes_per_px))
}

impl Room {
    async fn take(self, plan: &Plan, app: &App) -> Result<Arc<Reserved>, Failure> {
        match self {
            Self::Taken(reserved) => Ok(reserved),
            Self::ToTake { process_bytes_per_px } => {
                Ok(Arc::new(app.in_flight.reserve(cost_bytes(plan, process_bytes_per_px)).await?))
            }
        }
    }

    fn try_take(self, plan: &Plan, in_flight: &budget::Room) -> Option<Arc<Reserved>> {
        match self {
            Self::Taken(reserved) => Some(reserved),
            Self::ToTake { process_bytes_per_px } => {
                in_flight.try_reserve(cost_bytes(plan, process_bytes_per_px)).map(Arc::new)
            }
        }
    }
}
