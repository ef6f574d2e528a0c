//! What the handlers share: every part of the server, made once from the settings.

use std::{sync::Arc, time::Instant};

use anyhow::{Context, ensure};
use aurora_daemon::{descriptors::Descriptors, log::LogFormat, serve::Connections};
use aurora_raster::{Limits, cache::BlockCache};
use tokio_util::sync::CancellationToken;

use crate::{
    admission::Admission,
    budget::{Budget, InFlight, MIN_MEMORY_BYTES},
    catalogue::{self, Catalogue},
    pool::Pool,
    query::MAX_SIDE_PX,
    rasters::Rasters,
    render::Stretches,
    settings::Settings,
    source::{self, AllowList},
    tiles::Tiles,
};

/// Descriptors kept from clients: files, sources, the indexers, the admin listener.
const RESERVED_DESCRIPTORS: u64 = 512;

/// Share of the request timeout after which a render no longer waits for a permit.
const PATIENCE: f64 = 0.5;

/// Longest side of a render in pixels: a tile at `@4x` of its largest size is not more than this.
const MAX_VIEW_SIDE_PX: u32 = 2 * MAX_SIDE_PX;

/// The server's parts.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) allow: AllowList,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) rasters: Rasters,
    pub(crate) blocks: Arc<BlockCache>,
    pub(crate) tiles: Tiles,
    pub(crate) stretches: Stretches,
    pub(crate) admission: Admission,
    pub(crate) in_flight: InFlight,
    pub(crate) pool: Pool,
    pub(crate) budget: Budget,
    pub(crate) descriptors: Descriptors,
    pub(crate) connections: Connections,
    pub(crate) access_log: bool,
    pub(crate) started: Instant,
    pub(crate) stop: CancellationToken,
}

impl App {
    /// Makes every part. Reads the snapshot, starts the render threads, talks to nobody.
    pub(crate) fn new(settings: Settings, stop: CancellationToken) -> anyhow::Result<Self> {
        let memory_bytes = settings.memory.0;
        ensure!(memory_bytes >= MIN_MEMORY_BYTES, "--memory must be at least {} MiB", MIN_MEMORY_BYTES >> 20);
        let budget = Budget::split(memory_bytes);
        let threads = settings.render_threads();
        let timeout = settings.request_timeout.0;
        let client = source::client(timeout)?;
        let descriptors = aurora_daemon::descriptors::raise(RESERVED_DESCRIPTORS);
        let indexers = settings.indexers();
        let mirrors = catalogue::load(settings.state.as_deref(), &indexers);
        Ok(Self {
            allow: AllowList::new(&settings.allow, &indexers)?,
            catalogue: Arc::new(Catalogue::new(mirrors)),
            rasters: Rasters::new(client, limits(&budget), budget.headers_bytes, settings.revalidate.0),
            blocks: Arc::new(BlockCache::new(budget.blocks_bytes)),
            tiles: Tiles::new(budget.tiles_bytes),
            stretches: Stretches::new(),
            admission: Admission::new(threads, settings.queue_limit, timeout.mul_f64(PATIENCE)),
            in_flight: InFlight::new(budget.in_flight_bytes),
            pool: Pool::new(threads).context("the render threads cannot be started")?,
            budget,
            descriptors,
            connections: Connections::new(descriptors.connections),
            access_log: settings.log.log == LogFormat::Json,
            started: Instant::now(),
            stop,
            settings,
        })
    }
}

/// What one file and one render may take, so that none of them can take it all.
fn limits(budget: &Budget) -> Limits {
    let defaults = Limits::default();
    Limits {
        max_header_bytes: defaults.max_header_bytes.min(budget.headers_bytes),
        max_tag_bytes: defaults.max_tag_bytes.min(budget.headers_bytes),
        max_block_bytes: defaults.max_block_bytes.min(budget.in_flight_bytes),
        max_compressed_bytes: defaults.max_compressed_bytes.min(budget.in_flight_bytes),
        max_render_bytes: budget.in_flight_bytes,
        max_view_side_px: MAX_VIEW_SIDE_PX,
        ..defaults
    }
}
