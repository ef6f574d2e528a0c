//! Opened rasters: the header of each version is read once and kept, within a number of bytes.
//!
//! A scene's raster is known by the catalogue's revision and its file's validator, so that a file that is overwritten
//! before the catalogue knows of it is never mixed with its old self. One named by `url=` is known by its validator
//! alone: a local file is looked at for every request, a remote one when the last look is older than `--revalidate`; if
//! the source cannot be reached then or answers nothing of use, the version known goes on, so that cached tiles outlive
//! their origin.
//!
//! Headers are read within the room for renders and parsed on their threads. Callers: the handlers and
//! [`crate::render`].

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use aurora_raster::{
    GeoTiff, Limits, RasterError,
    geotiff::Longitudes,
    header::Header,
    source::{FileVersion, SharedSource, SourceError},
};
use moka::sync::Cache;

use crate::{
    budget::Room,
    failure::Failure,
    flights::Flights,
    pool::Pool,
    source::{Clients, HttpSource, LocalFiles, Locator, Origins},
    target::{Origin, Target},
};

/// Header bytes that there is room for at first, unless the file is known to need more: all but the largest block
/// tables.
const COMMON_HEADER_BYTES: u64 = 256 << 10;

/// What reading a header takes for each of its bytes: the bytes, the entries decoded from them, and the table made of
/// these.
const ROOM_PER_HEADER_BYTE: u64 = 6;

/// What an opened raster costs beside its block tables: measured at 2 to 4 KiB, and up to 1.5 for its scale by zoom.
const OPENED_OVERHEAD_BYTES: usize = 6144;

/// Scenes whose files' versions are remembered beyond their headers; each is a few hundred bytes.
const KNOWN_VERSIONS: u64 = 4096;

/// A raster at one version.
pub(crate) struct Opened {
    pub(crate) tiff: Arc<GeoTiff>,
    /// Bytes its source keeps.
    kept_bytes: usize,
    looked_at: Mutex<Instant>,
}

/// The version of a target that one request is answered from.
#[derive(Clone)]
pub(crate) struct Pinned {
    /// Names the version, for keys and ETags.
    pub(crate) version: Arc<str>,
    /// The version of the file.
    of_file: FileVersion,
    opened: Option<Arc<Opened>>,
}

type Opening = Result<Arc<Opened>, Failure>;

/// All opened rasters.
pub(crate) struct Rasters {
    opened: Cache<String, Arc<Opened>>,
    /// Versions of files, so that kept tiles of a scene are found without its header.
    versions: Cache<String, FileVersion>,
    flights: Flights<String, Opening>,
    reader: Arc<Reader>,
    revalidate: Duration,
}

/// What headers are read with.
pub(crate) struct Reader {
    pub(crate) clients: Clients,
    pub(crate) files: Arc<LocalFiles>,
    pub(crate) origins: Arc<Origins>,
    pub(crate) limits: Limits,
    pub(crate) room: Arc<Room>,
    pub(crate) pool: Arc<Pool>,
}

impl Rasters {
    /// Keeps headers of at most `capacity_bytes`.
    pub(crate) fn new(reader: Reader, capacity_bytes: u64, revalidate: Duration) -> Self {
        let opened = Cache::builder()
            .max_capacity(capacity_bytes)
            .weigher(|name: &String, opened: &Arc<Opened>| weight_bytes(name, opened))
            .build();
        let versions = Cache::new(KNOWN_VERSIONS);
        Self { opened, versions, flights: Flights::new(), reader: Arc::new(reader), revalidate }
    }

    /// Decides which version of `target` answers. Reads nothing for a scene that is known.
    pub(crate) async fn pin(&self, target: &Target) -> Result<Pinned, Failure> {
        if let Locator::File(file) = &target.locator {
            let of_file = self.reader.files.version(file).await?;
            return Ok(Pinned { version: Arc::clone(&of_file.validator), of_file, opened: None });
        }
        let Origin::Scene { version, .. } = &target.origin else {
            let opened = self.current(target).await?;
            let of_file = opened.version();
            return Ok(Pinned { version: Arc::clone(&of_file.validator), of_file, opened: Some(opened) });
        };
        let name = name(target);
        let (of_file, opened) = match self.versions.get(&name) {
            Some(of_file) => (of_file, None),
            None => {
                let opened = self.known_or_read(name, target).await?;
                (opened.version(), Some(opened))
            }
        };
        Ok(Pinned { version: format!("{version} {}", of_file.validator).into(), of_file, opened })
    }

    /// Whether [`Self::pin`] would say so at once: that this version of a file that is not local answers.
    pub(crate) fn is_current(&self, target: &Target, of_file: &FileVersion) -> bool {
        let name = name(target);
        let known = match &target.origin {
            Origin::Scene { .. } => self.versions.get(&name),
            Origin::Url(_) => {
                let opened = self.opened.get(&name).filter(|opened| opened.age() <= self.revalidate);
                opened.map(|opened| opened.version())
            }
        };
        known.is_some_and(|known| known.validator == of_file.validator)
    }

    /// The raster at the pinned version; `Changed` when that is no more.
    pub(crate) async fn open(&self, target: &Target, pinned: &Pinned) -> Opening {
        if let Some(opened) = &pinned.opened {
            return Ok(Arc::clone(opened));
        }
        let name = name(target);
        let is_pinned = |opened: &Arc<Opened>| opened.tiff.source().version() == &*pinned.of_file.validator;
        let opened = match self.opened.get(&name).filter(is_pinned) {
            Some(opened) => opened,
            None => self.read(name, target).await?,
        };
        if !is_pinned(&opened) {
            return Err(SourceError::Changed { name: target.locator.to_string() }.into());
        }
        Ok(opened)
    }

    /// Forgets a target whose file turned out to be another version.
    pub(crate) fn forget(&self, target: &Target) {
        let name = name(target);
        self.opened.invalidate(&name);
        self.versions.invalidate(&name);
    }

    /// Number of rasters and their bytes.
    pub(crate) fn counts(&self) -> (u64, u64) {
        self.opened.run_pending_tasks();
        (self.opened.entry_count(), self.opened.weighted_size())
    }

    async fn known_or_read(&self, name: String, target: &Target) -> Opening {
        match self.opened.get(&name) {
            Some(opened) => Ok(opened),
            None => self.read(name, target).await,
        }
    }

    /// The newest version of a raster named by its address, as of at most `revalidate` ago.
    async fn current(&self, target: &Target) -> Opening {
        let name = name(target);
        let Some(known) = self.opened.get(&name) else {
            return self.read(name, target).await;
        };
        if known.age() <= self.revalidate {
            return Ok(known);
        }
        match self.read(name, target).await {
            Err(Failure::Raster(RasterError::Source(
                SourceError::Unavailable { name, reason } | SourceError::BadAnswer { name, reason },
            ))) => {
                tracing::warn!(name, reason, "a raster cannot be looked at again: its known version goes on");
                known.look();
                Ok(known)
            }
            other => other,
        }
    }

    /// Opens the file, together with whoever else wants that, and keeps the older one if it is the same version.
    async fn read(&self, name: String, target: &Target) -> Opening {
        let (locator, longitudes) = (target.locator.clone(), target.longitudes());
        let (opened, versions) = (self.opened.clone(), self.versions.clone());
        let (reader, key) = (Arc::clone(&self.reader), name.clone());
        let (flight, _) = self.flights.join(name, || async move {
            let source = reader.source(&locator).await?;
            if let Some(known) = opened.get(&key).filter(|known| known.is(&source.shared)) {
                known.look();
                return Ok(known);
            }
            let fresh = Arc::new(reader.open(source, longitudes).await?);
            versions.insert(key.clone(), fresh.version());
            opened.insert(key, Arc::clone(&fresh));
            Ok(fresh)
        });
        flight.await
    }
}

/// A source just opened, and how to make it forget what only the header's reading needs.
struct FreshSource {
    shared: SharedSource,
    http: Option<Arc<HttpSource>>,
}

impl Reader {
    async fn source(&self, locator: &Locator) -> Result<FreshSource, SourceError> {
        Ok(match locator {
            Locator::Url(url) => {
                let origin = self.origins.named(&locator.origin());
                let http = HttpSource::open(&self.clients, origin, url.clone()).await?;
                FreshSource { shared: Arc::clone(&http) as SharedSource, http: Some(http) }
            }
            Locator::File(file) => FreshSource { shared: self.files.open(file).await?, http: None },
        })
    }

    async fn open(&self, source: FreshSource, longitudes: Longitudes) -> Result<Opened, Failure> {
        let likely_bytes = Header::likely_bytes(source.shared.as_ref(), &self.limits).await.unwrap_or_default();
        let first_bytes = likely_bytes.max(COMMON_HEADER_BYTES).min(self.limits.max_header_bytes);
        let tiff = match self.header(&source.shared, first_bytes, longitudes).await {
            Err(Failure::Raster(RasterError::TooLarge { limit, .. }))
                if limit == first_bytes && limit < self.limits.max_header_bytes =>
            {
                self.header(&source.shared, self.limits.max_header_bytes, longitudes).await?
            }
            read => read?,
        };
        let kept_bytes = source.http.map_or(0, |http| {
            http.release_head();
            http.kept_bytes()
        });
        Ok(Opened { tiff, kept_bytes, looked_at: Mutex::new(Instant::now()) })
    }
}

impl Reader {
    /// Reads a header of at most `max_bytes`, within the room that takes.
    async fn header(
        &self,
        source: &SharedSource,
        max_bytes: u64,
        longitudes: Longitudes,
    ) -> Result<Arc<GeoTiff>, Failure> {
        let _reserved = self.room.reserve(max_bytes.saturating_mul(ROOM_PER_HEADER_BYTE)).await?;
        let max_tag_bytes = self.limits.max_tag_bytes.min(max_bytes);
        let limits = Limits { max_header_bytes: max_bytes, max_tag_bytes, ..self.limits };
        Ok(self.pool.drive(GeoTiff::open_counting(Arc::clone(source), limits, longitudes)).await??)
    }
}

impl Pinned {
    /// The version of the file.
    pub(crate) fn of_file(&self) -> &FileVersion {
        &self.of_file
    }

    /// When the file was written, if that is known.
    pub(crate) fn written_at(&self) -> Option<SystemTime> {
        self.of_file.written_at
    }
}

impl Opened {
    fn version(&self) -> FileVersion {
        FileVersion::of_source(self.tiff.source().as_ref())
    }

    fn age(&self) -> Duration {
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    fn look(&self) {
        *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is(&self, source: &SharedSource) -> bool {
        self.tiff.source().version() == source.version() && self.tiff.source().size_bytes() == source.size_bytes()
    }
}

/// The key of a target: an address alone, or with the revision it had in the catalogue.
fn name(target: &Target) -> String {
    match &target.origin {
        Origin::Scene { version, .. } => format!("{} {version}", target.locator),
        Origin::Url(_) => target.locator.to_string(),
    }
}

fn weight_bytes(name: &str, opened: &Opened) -> u32 {
    let header = opened.tiff.header();
    let sum = name.len() + header.memory_bytes() + opened.kept_bytes + OPENED_OVERHEAD_BYTES;
    u32::try_from(sum).unwrap_or(u32::MAX)
}
