//! One simulated user of a load, and one round of what it does.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use http::header;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Map, Plan, Target, tile_set::TileSet};
use crate::{
    Error,
    client::{Ask, Client, Dialer, Outcome, Scene, judge_tile},
    measure::{Count, Meter},
    serve,
    stress::{Generator, Template},
    user::{Browser, Glance, Pane, Recorder, Recording, Roam, TILES, open_page},
};

/// Views from one look at the lists to the next.
const VIEWS_PER_LIST: u32 = 20;

/// What all users of a thread share.
pub(super) struct Crowd {
    plan: Arc<Plan>,
    dialer: Arc<Dialer>,
    meter: Arc<Meter>,
    tiles: Option<TileSet>,
    scenes: Vec<Arc<Scene>>,
    recorder: Option<Arc<Recorder>>,
    recording: Option<Recording>,
}

/// One user.
pub(super) enum Visitor {
    Tiles(Box<TileVisitor>),
    Map(Box<MapVisitor>),
    Requests(Box<RequestVisitor>),
}

pub(super) struct TileVisitor {
    crowd: Arc<Crowd>,
    client: Client,
    rng: ChaCha8Rng,
}

pub(super) struct MapVisitor {
    crowd: Arc<Crowd>,
    client: Client,
    index: usize,
    pane: Pane,
    path: Path,
    views: u32,
}

enum Path {
    Roam(Box<Roam>),
    Replay(Vec<Glance>, usize),
}

pub(super) struct RequestVisitor {
    crowd: Arc<Crowd>,
    client: Client,
    generator: Generator,
    rng: ChaCha8Rng,
}

impl Crowd {
    /// `recorder` is shared by the threads of a process.
    pub(super) fn new(
        plan: Arc<Plan>,
        meter: Arc<Meter>,
        part: (usize, usize),
        recorder: &OnceLock<Arc<Recorder>>,
    ) -> Result<Self, Error> {
        let dialer = Arc::new(Dialer::new(plan.protocol));
        let tiles = match &plan.target {
            Target::Tiles(tiles) => Some(TileSet::new(tiles, plan.seed, part)),
            _ => None,
        };
        let (mut scenes, mut recording, mut recorded) = (Vec::new(), None, None);
        if let Target::Map(map) = &plan.target {
            scenes = map.scenes.iter().cloned().map(Arc::new).collect();
            recording = map.replay.as_deref().map(Recording::open).transpose()?;
            if let Some(path) = &map.record {
                let new = if recorder.get().is_none() { Some(Arc::new(Recorder::append(path)?)) } else { None };
                recorded = new.map(|new| Arc::clone(recorder.get_or_init(|| new))).or_else(|| recorder.get().cloned());
            }
        }
        Ok(Self { plan, dialer, meter, tiles, scenes, recorder: recorded, recording })
    }

    fn client(&self, index: usize) -> Client {
        let sources = &self.plan.sources;
        let source = (!sources.is_empty()).then(|| sources[index % sources.len()]);
        Client::with_connections(Arc::clone(&self.dialer), source, self.plan.timeout, self.plan.connections)
    }

    /// User number `index` of all.
    pub(super) fn visitor(self: &Arc<Self>, index: usize) -> Visitor {
        let (crowd, client) = (Arc::clone(self), self.client(index));
        let seed = self.plan.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(index as u64);
        let rng = ChaCha8Rng::seed_from_u64(seed);
        match &self.plan.target {
            Target::Tiles(_) => Visitor::Tiles(Box::new(TileVisitor { crowd, client, rng })),
            Target::Map(map) => Visitor::Map(Box::new(MapVisitor::new(crowd, map, client, index, seed))),
            Target::Requests(_) => {
                let generator = Generator::new(index, seed);
                Visitor::Requests(Box::new(RequestVisitor { crowd, client, generator, rng }))
            }
        }
    }

    /// Where its users count.
    pub(super) fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    /// Whether distinct tiles began anew.
    pub(super) fn ran_out(&self) -> bool {
        self.tiles.as_ref().is_some_and(TileSet::ran_out)
    }
}

impl Visitor {
    /// One round: a tile, a view, a request. In the open model of maps, a session.
    pub(super) async fn round(&mut self, whole_session: bool) {
        match self {
            Self::Tiles(visitor) => visitor.round().await,
            Self::Map(visitor) if whole_session => visitor.session().await,
            Self::Map(visitor) => visitor.round().await,
            Self::Requests(visitor) => visitor.round().await,
        }
    }
}

impl TileVisitor {
    async fn round(&mut self) {
        let Some(tiles) = &self.crowd.tiles else { return };
        let url = tiles.pick(&mut self.rng);
        let Ok(ask) = Ask::get(&url) else { return };
        let ask = ask.with(header::ACCEPT, "image/*");
        let (meter, retries) = (&self.crowd.meter, self.crowd.plan.retries);
        let judge = |answer: &_| match judge_tile(answer) {
            Outcome::Failed(failure) => Err(failure),
            _ => Ok(()),
        };
        if let Ok(answer) = serve::ask(&self.client, &ask, TILES, retries, meter, judge).await {
            let count = if judge_tile(&answer) == Outcome::Outside { Count::Outside } else { Count::Images };
            meter.count(|tally| tally.add(count, 1));
        }
    }
}

impl MapVisitor {
    fn new(crowd: Arc<Crowd>, map: &Map, client: Client, index: usize, seed: u64) -> Self {
        let browser = Arc::new(Browser::new(client.clone(), crowd.plan.retries));
        let pane = Pane::new(browser, map.viewport, Arc::clone(&crowd.meter));
        let path = match &crowd.recording {
            Some(recording) => Path::Replay(recording.session(index, &crowd.scenes), 0),
            None => Path::Roam(Box::new(Roam::new(crowd.scenes.clone(), map.dwell, seed))),
        };
        Self { crowd, client, index, pane, path, views: 0 }
    }

    async fn session(&mut self) {
        let Target::Map(map) = &self.crowd.plan.target else { return };
        for _ in 0..map.views {
            self.round().await;
        }
        self.pane.leave();
    }

    async fn round(&mut self) {
        let Target::Map(map) = &self.crowd.plan.target else { return };
        let interval = map.dwell;
        if let Some(server) = &map.server
            && self.views.is_multiple_of(VIEWS_PER_LIST)
        {
            open_page(&self.client, server, &self.crowd.meter).await;
        }
        self.views = self.views.wrapping_add(1);
        let glance = match &mut self.path {
            Path::Roam(roam) => roam.move_on(),
            Path::Replay(glances, next) => {
                let glance = glances[*next % glances.len()].clone();
                *next += 1;
                glance
            }
        };
        if let Some(recorder) = &self.crowd.recorder {
            recorder.write(self.index, &glance);
        }
        let depth = glance.scene.zooms.1.saturating_sub(glance.view.zoom);
        self.crowd.meter.count(|tally| *tally.depths.entry(depth).or_default() += 1);
        self.pane.look(&glance.scene, glance.view, crate::user::Stay::For(glance.stay), interval).await;
    }
}

impl RequestVisitor {
    async fn round(&mut self) {
        let Target::Requests(templates) = &self.crowd.plan.target else { return };
        let Some(template) = choose(templates, &mut self.rng) else { return };
        let Ok(ask) = template.fill(&mut self.generator) else { return };
        let (meter, retries) = (&self.crowd.meter, self.crowd.plan.retries);
        let begun = Instant::now();
        let judge = |answer: &_| template.judge(answer);
        let answered = serve::ask(&self.client, &ask, &template.name, retries, meter, judge).await;
        let took: Duration = begun.elapsed();
        meter.count(|tally| template.count_checks(answered.as_ref().ok(), took, tally));
    }
}

/// One of the templates, by weight.
fn choose<'a>(templates: &'a [Template], rng: &mut ChaCha8Rng) -> Option<&'a Template> {
    let all: f64 = templates.iter().map(|template| template.weight).sum();
    if all <= 0.0 {
        return templates.first();
    }
    let mut left = rng.random_range(0.0..all);
    templates.iter().find(|template| {
        left -= template.weight;
        left < 0.0
    })
}
