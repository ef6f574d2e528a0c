//! What the handlers share: every part of the server, made once from the settings.

use std::{sync::Arc, time::Instant};

use anyhow::{Context, ensure};
use aurora_daemon::{log::LogFormat, serve::Connections, token::Token};
use aurora_raster::{Limits, cache::BlockCache};
use tokio_util::sync::CancellationToken;

use crate::{
    admission::Admission,
    budget::{Budget, MIN_MEMORY_BYTES, Room},
    catalogue::{self, Catalogue},
    descriptors::Descriptors,
    features::Lists,
    handlers::body::Bodies,
    listed::Listed,
    pool::Pool,
    query::{MAX_SIDE_PX, Queries},
    rasters::{Rasters, Reader},
    recall::Recall,
    render::{Stretches, Surveys},
    settings::Settings,
    source::{self, AllowList, LocalFiles, Locator, Origins},
    tiles::Tiles,
};

/// Share of the request timeout after which a render no longer waits for a permit or for room.
const PATIENCE: f64 = 0.5;

/// Looks at and reads of local files at once, half of them in one allowed folder: those of a mount that hangs hold a
/// thread each.
pub(crate) const FILE_THREADS: usize = 24;

/// Longest side of a render in pixels: a tile at `@4x` of its largest size is not more than this.
const MAX_VIEW_SIDE_PX: u32 = 2 * MAX_SIDE_PX;

/// The server's parts.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) allow: Arc<AllowList>,
    pub(crate) files: Arc<LocalFiles>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) queries: Queries,
    pub(crate) rasters: Rasters,
    pub(crate) blocks: Arc<BlockCache>,
    pub(crate) tiles: Tiles,
    pub(crate) recall: Recall,
    pub(crate) stretches: Stretches,
    pub(crate) surveys: Surveys,
    pub(crate) bodies: Bodies,
    pub(crate) admission: Admission,
    pub(crate) in_flight: Arc<Room>,
    pub(crate) lists: Lists,
    pub(crate) listed: Listed,
    pub(crate) pool: Arc<Pool>,
    pub(crate) budget: Budget,
    pub(crate) token: Option<Token>,
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
        let descriptors = Descriptors::raise();
        let indexers = settings.indexers();
        if let Some(folder) = &settings.state {
            let refused = || format!("--state {}: not a folder that can be made", folder.display());
            std::fs::create_dir_all(folder).with_context(refused)?;
        }
        let mirrors = catalogue::load(settings.state.as_deref(), &indexers);
        let (patience, stall) = (timeout.mul_f64(PATIENCE), source::stall_timeout(timeout));
        let clients = source::Clients::new(stall)?;
        let token = settings.token_file.as_deref().map(Token::read).transpose()?;
        let shown_to = indexers.iter().map(|indexer| Locator::Url(indexer.clone()).origin()).collect();
        let allow = Arc::new(AllowList::new(&settings.allow, &indexers)?);
        let folders = Arc::new(Origins::new(FILE_THREADS, stall));
        let files = Arc::new(LocalFiles::new(Arc::clone(&allow), folders, descriptors.files, stall));
        let blocks = Arc::new(BlockCache::new(budget.blocks_bytes));
        let room = Arc::new(Room::new(&budget, settings.picture_limit.0, Arc::clone(&blocks), patience));
        let origins = Origins::new(descriptors.requests, stall).charging(Arc::clone(&room));
        let origins = Arc::new(origins.showing(token.clone(), shown_to));
        let lists = Lists::new(budget.lists_bytes, patience);
        let pool = Arc::new(Pool::new(threads).context("the render threads cannot be started")?);
        let reader = Reader {
            clients,
            files: Arc::clone(&files),
            origins,
            limits: limits(&budget),
            room: Arc::clone(&room),
            pool: Arc::clone(&pool),
        };
        Ok(Self {
            allow,
            files,
            catalogue: Arc::new(Catalogue::new(mirrors, settings.expects_indexers())),
            queries: Queries::new(),
            rasters: Rasters::new(reader, budget.headers_bytes, settings.revalidate.0),
            blocks,
            tiles: Tiles::new(budget.tiles_bytes, Arc::clone(&room)),
            recall: Recall::new(budget.recall_bytes),
            stretches: Stretches::new(threads),
            surveys: Surveys::new(budget.surveys_bytes, patience),
            bodies: Bodies::new(patience),
            admission: Admission::new(threads, settings.queue_limit, patience),
            in_flight: room,
            listed: Listed::new(lists.kept_bytes()),
            lists,
            pool,
            budget,
            token,
            descriptors,
            connections: Connections::new(descriptors.clients),
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
        max_header_bytes: defaults.max_header_bytes.min(budget.headers_bytes / 2),
        max_tag_bytes: defaults.max_tag_bytes.min(budget.headers_bytes / 2),
        max_block_bytes: defaults.max_block_bytes.min(budget.in_flight_bytes),
        max_compressed_bytes: defaults.max_compressed_bytes.min(budget.in_flight_bytes),
        max_render_bytes: budget.in_flight_bytes,
        max_view_side_px: MAX_VIEW_SIDE_PX,
        ..defaults
    }
}
