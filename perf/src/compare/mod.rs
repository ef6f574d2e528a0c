//! Two tile servers side by side: the same users walk the same sessions on both, round by round in turn, so that a slow
//! spell of the machine hits both alike. What counts is the ratio within a round, and how it spreads over rounds.
//!
//! Also two recorded runs, of two hosts or two versions, metric by metric.

mod pixels;
mod ratios;
mod recorded;
mod report;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use aurora_tile::TileId;
use futures_util::future::join_all;
use serde::Serialize;

use crate::{
    Error,
    client::{Answer, Ask, Client, Dialer, Outcome, Protocol, Scene, judge_tile},
    load::{asked_to_stop, own_cores},
    measure::{Count, Meter, Sampler, Tally, Trend, Watch},
    user::{Browser, Pane, Recording, Roam, Stay, Viewport},
};

pub use pixels::PixelDifference;
pub use recorded::{Recorded, recorded_document, recorded_json, recorded_metrics};
pub use report::{document, json, metrics};

use pixels::Comparison;
use ratios::ratios;

/// Fewer rounds say nothing about spread.
pub const LEAST_ROUNDS: usize = 5;

/// Whom to compare, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The two servers.
    pub sides: [Side; 2],
    /// How users talk to them.
    pub protocol: Protocol,
    /// Rounds, at least [`LEAST_ROUNDS`].
    pub rounds: usize,
    /// Users at once.
    pub users: usize,
    /// Views of each user in a round.
    pub views: usize,
    /// Size of a map pane.
    pub viewport: Viewport,
    /// How long a request may take.
    pub timeout: Duration,
    /// Decides the sessions.
    pub seed: u64,
    /// Sessions to walk instead of roaming.
    pub recording: Option<Recording>,
    /// Tiles whose pixels are compared.
    pub pixels: usize,
}

/// One server.
#[derive(Clone, Debug)]
pub struct Side {
    /// Its name in reports.
    pub name: String,
    /// The scenes as it addresses them; both sides have the same in the same order.
    pub scenes: Vec<Arc<Scene>>,
    /// Its process, if it is on this machine.
    pub watch: Option<Watch>,
}

/// One side in one round.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    /// Figures by name: `tiles_per_s`, `tile_p50_ms`, `tile_p95_ms`, `viewport_p95_ms`, `kb_per_tile`, `failed`, and of
    /// its process `cpu_ms_per_tile` and `rss_mb`.
    pub figures: BTreeMap<&'static str, f64>,
}

/// A figure of both sides over all rounds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// Its name.
    pub figure: &'static str,
    /// Median of each side.
    pub medians: [f64; 2],
    /// Median of the rounds' ratios, first by second; `None` where the second is nothing.
    pub ratio: Option<f64>,
    /// Lowest and highest of them.
    pub spread: Option<(f64, f64)>,
}

/// Everything found.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// Names of the sides.
    pub names: [String; 2],
    /// Rounds, both sides of each.
    pub rounds: Vec<[Round; 2]>,
    /// Figures over all rounds.
    pub ratios: Vec<Ratio>,
    /// How the pictures differ.
    pub pixels: PixelDifference,
    /// Everything counted on each side.
    #[serde(skip)]
    pub totals: [Tally; 2],
    /// Cores this tool used in its busiest round.
    pub own_cores: f64,
    /// Whether it was stopped before its end; whole rounds stand.
    pub interrupted: bool,
    /// Rounds in which a side gave not one tile.
    pub empty_rounds: [usize; 2],
    /// Sides whose process ended meanwhile.
    pub gone: Vec<String>,
}

impl Compared {
    /// Whether both gave images, and tiles in every round: who gives nothing is quick at it.
    pub fn is_whole(&self) -> bool {
        let has_images = self.totals.iter().all(|tally| tally.count(Count::Images) > 0);
        has_images && self.empty_rounds == [0, 0] && self.gone.is_empty()
    }
}

/// Walks all rounds on both, or until Ctrl-C or SIGTERM: then the round under way is left out.
///
/// # Errors
/// [`Error::Plan`] for fewer than [`LEAST_ROUNDS`] rounds or no scenes.
pub async fn run(settings: &Settings) -> Result<Compared, Error> {
    check(settings)?;
    let dialer = Arc::new(Dialer::new(settings.protocol));
    let mut rounds = Vec::new();
    let mut totals = [Tally::default(), Tally::default()];
    let (stop, mut own_cores, mut empty_rounds) = (asked_to_stop(), 0.0_f64, [0, 0]);
    for number in 0..settings.rounds {
        // Who goes first changes from round to round.
        let order = if number.is_multiple_of(2) { [0, 1] } else { [1, 0] };
        let mut round = [None, None];
        for side in order {
            let walked = walk(settings, &settings.sides[side], &dialer, number, &stop).await;
            if stop.load(Relaxed) {
                break;
            }
            totals[side].absorb(&walked.tally);
            empty_rounds[side] += usize::from(tiles(&walked.tally) == 0);
            own_cores = own_cores.max(walked.own_cores);
            let figures = walked.figures;
            tracing::info!(round = number + 1, side = settings.sides[side].name, ?figures, "walked");
            round[side] = Some(Round { figures });
        }
        match round {
            [Some(a), Some(b)] => rounds.push([a, b]),
            _ => break,
        }
    }
    let interrupted = stop.load(Relaxed);
    let wanted = if interrupted { 0 } else { settings.pixels };
    let pixels = compare_pixels(settings, &dialer, wanted).await;
    let names = settings.sides.each_ref().map(|side| side.name.clone());
    let has_ended = |side: &&Side| side.watch.as_ref().is_some_and(|watch| watch.read().is_none());
    let gone = settings.sides.iter().filter(has_ended).map(|side| side.name.clone()).collect();
    Ok(Compared { names, ratios: ratios(&rounds), rounds, pixels, totals, own_cores, interrupted, empty_rounds, gone })
}

fn check(settings: &Settings) -> Result<(), Error> {
    let wrong = |reason: String| Err(Error::Plan { what: "compare".to_owned(), reason });
    if settings.rounds < LEAST_ROUNDS {
        return wrong(format!("{LEAST_ROUNDS} rounds at least, to tell a difference from noise"));
    }
    if settings.sides.iter().any(|side| side.scenes.is_empty()) {
        return wrong("no scenes to walk on".to_owned());
    }
    Ok(())
}

/// Tiles that were given, those without data too.
fn tiles(tally: &Tally) -> u64 {
    tally.count(Count::Images) + tally.count(Count::Outside)
}

/// One side walked once.
struct Walked {
    figures: BTreeMap<&'static str, f64>,
    tally: Tally,
    own_cores: f64,
}

/// All users walk one round's sessions on one side and wait for every view.
async fn walk(settings: &Settings, side: &Side, dialer: &Arc<Dialer>, number: usize, stop: &AtomicBool) -> Walked {
    let sampler = Sampler::start(side.watch.clone().into_iter().chain([Watch::own()]).collect());
    let (before, from_s) = (sampler.read(), sampler.time_s());
    let meter = Arc::new(Meter::new(Instant::now()));
    let user = |user: usize| {
        let client = Client::new(Arc::clone(dialer), None, settings.timeout);
        let browser = Arc::new(Browser::new(client, 0));
        let mut pane = Pane::new(browser, settings.viewport, Arc::clone(&meter));
        let glances = session(settings, side, number, user);
        async move {
            for glance in glances.into_iter().take_while(|_| !stop.load(Relaxed)) {
                pane.look(&glance.scene, glance.view, Stay::UntilComplete, Duration::ZERO).await;
            }
        }
    };
    join_all((0..settings.users).map(user)).await;
    let (after, to_s) = (sampler.read(), sampler.time_s());
    let usage = sampler.usage(&before, &after, from_s, to_s);
    let tally = meter.take();
    let given = tiles(&tally) as f64;
    let mut figures = BTreeMap::from([("tiles_per_s", given / (to_s - from_s)), ("failed", tally.failed_share())]);
    let used = usage.iter().find(|usage| usage.process == side.name);
    figures.extend(used.map(|usage| ("rss_mb", usage.rss_max_mb)));
    // Of a tile there is nothing to say where none was given.
    if given > 0.0 {
        let quantile = |trend, quantile| crate::stress::quantile_ms(&tally, trend, quantile).unwrap_or(0.0);
        figures.extend([
            ("tile_p50_ms", quantile(Trend::HttpReqDuration, 0.5)),
            ("tile_p95_ms", quantile(Trend::HttpReqDuration, 0.95)),
            ("viewport_p95_ms", quantile(Trend::ViewportComplete, 0.95)),
            ("kb_per_tile", tally.count(Count::DataReceived) as f64 / 1000.0 / given),
        ]);
        figures.extend(used.map(|usage| ("cpu_ms_per_tile", 1000.0 * usage.cpu_cores * (to_s - from_s) / given)));
    }
    sampler.finish();
    Walked { figures, tally, own_cores: own_cores(&usage) }
}

/// Where a user goes in a round: the same on both sides.
fn session(settings: &Settings, side: &Side, round: usize, user: usize) -> Vec<crate::user::Glance> {
    if let Some(recording) = &settings.recording {
        return recording.session(round * settings.users + user, &side.scenes);
    }
    let seed = settings.seed.wrapping_add((1000 * round + user) as u64);
    let mut roam = Roam::new(side.scenes.clone(), Duration::ZERO, seed);
    (0..settings.views).map(|_| roam.move_on()).collect()
}

/// Some of the tiles walked over, asked of both once more and compared.
async fn compare_pixels(settings: &Settings, dialer: &Arc<Dialer>, count: usize) -> PixelDifference {
    let mut wanted: BTreeSet<(usize, TileId)> = BTreeSet::new();
    for glance in (0..settings.users).flat_map(|user| session(settings, &settings.sides[0], 0, user)) {
        let scenes = &settings.sides[0].scenes;
        let Some(scene) = scenes.iter().position(|scene| scene.id == glance.scene.id) else { continue };
        let tiles = settings.viewport.tiles(glance.view, glance.scene.bounds_m);
        wanted.extend(tiles.into_iter().map(|tile| (scene, tile)));
    }
    let step = wanted.len().div_ceil(count.max(1)).max(1);
    let client = Client::new(Arc::clone(dialer), None, settings.timeout);
    let mut comparison = Comparison::default();
    for (scene, tile) in wanted.into_iter().step_by(step).take(count) {
        let urls = settings.sides.each_ref().map(|side| side.scenes[scene].tiles.url(tile));
        let [a, b] = [picture(&client, &urls[0]).await, picture(&client, &urls[1]).await];
        comparison.add(a.as_deref(), b.as_deref());
    }
    comparison.finish()
}

/// The picture; nothing where there is no data, and what is no picture as it came.
async fn picture(client: &Client, url: &str) -> Option<bytes::Bytes> {
    let failed = || Some(bytes::Bytes::from_static(b"failed"));
    let Ok(ask) = Ask::get(url) else { return failed() };
    let answer: Result<Answer, _> = client.ask(&ask.keeping_body()).await;
    match answer {
        Ok(answer) => match judge_tile(&answer) {
            Outcome::Image => Some(answer.body),
            Outcome::Outside => None,
            _ => failed(),
        },
        Err(_) => failed(),
    }
}
