//! Encoded tiles: kept within a number of bytes, and made once however many ask.
//!
//! Tiles give way to blocks ([`crate::lending`]) while hardly any is asked for again.
//!
//! The key is a hash of everything that determines the bytes, the version among it, and is the ETag too; so nothing is
//! ever invalidated, and an unchanged tile is recognised without being made. Failures are not kept.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use aurora_raster::cache::allocated_bytes;
use bytes::Bytes;
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

use crate::{
    budget::{Place, Room, held},
    failure::Failure,
    flights::Flights,
    render::Stages,
    share::Share,
};

/// What an entry costs beside its bytes: key, counters and the cache's own node.
const ENTRY_OVERHEAD_BYTES: usize = 320;

/// About what a tile takes.
const USUAL_TILE_BYTES: u64 = 32 << 10;

/// Bytes in a key: enough that no two tiles ever share one.
const KEY_BYTES: usize = 16;

/// Names one answer, whatever it is asked from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; KEY_BYTES]);

/// Which pixels and documents the same question is answered with. Raised whenever these change, so that nobody keeps
/// what an older program made of it.
const ANSWERS: &str = "7";

impl Key {
    /// The key of an answer that is determined by `parts`, in order, and by what this program makes of them.
    pub(crate) fn of(parts: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [env!("CARGO_PKG_VERSION"), ANSWERS].iter().chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        Self::short(hasher.finalize())
    }

    /// The key of an answer that is these bytes.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self::short(blake3::hash(bytes))
    }

    fn short(hash: blake3::Hash) -> Self {
        let mut key = [0; KEY_BYTES];
        key.copy_from_slice(&hash.as_bytes()[..KEY_BYTES]);
        Self(key)
    }

    /// The ETag, quotes included.
    pub(crate) fn etag(&self) -> String {
        let mut etag = String::with_capacity(2 * KEY_BYTES + 2);
        for part in ["\"", hex(&self.0, &mut [0; 2 * KEY_BYTES]), "\""] {
            etag.push_str(part);
        }
        etag
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(hex(&self.0, &mut [0; 2 * KEY_BYTES]))
    }
}

/// Bytes in hexadecimal digits, two each, written into `digits`.
fn hex<'a>(bytes: &[u8; KEY_BYTES], digits: &'a mut [u8; 2 * KEY_BYTES]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(digits.as_chunks_mut().0) {
        *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    }
    str::from_utf8(digits).unwrap_or_default()
}

/// An encoded tile and how long it took to make.
#[derive(Debug)]
pub(crate) struct Tile {
    pub(crate) bytes: Bytes,
    pub(crate) media_type: &'static str,
    pub(crate) stages: Stages,
    /// What was taken for it before it was made, as it may be large.
    place: Option<Place>,
}

impl Tile {
    pub(crate) fn new(bytes: impl Into<Bytes>, media_type: &'static str, stages: Stages) -> Self {
        Self { bytes: bytes.into(), media_type, stages, place: None }
    }

    /// The same with the place that was taken for it.
    pub(crate) fn at(self, place: Option<Place>) -> Self {
        Self { place, ..self }
    }

    /// A document that is kept among the tiles.
    pub(crate) fn document(media_type: &'static str, document: &serde_json::Value) -> Self {
        // What it was written into may be twice as large.
        Self::new(document.to_string().into_boxed_str().into_boxed_bytes(), media_type, Stages::begin())
    }
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provenance {
    /// It was kept.
    Hit,
    /// It was made for this request.
    Miss,
    /// It was being made for another request.
    Joined,
}

impl Provenance {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Joined => "joined",
        }
    }
}

/// Weighs tiles.
#[derive(Debug, Clone, Copy)]
struct ByBytes;

impl Weighter<Key, Arc<Tile>> for ByBytes {
    fn weight(&self, _: &Key, tile: &Arc<Tile>) -> u64 {
        weight_bytes(&tile.bytes)
    }
}

/// All tiles at hand.
pub(crate) struct Tiles {
    kept: Arc<Cache<Key, Arc<Tile>, ByBytes>>,
    share: Arc<Mutex<Share>>,
    room: Arc<Room>,
    flights: Flights<Key, Result<Arc<Tile>, Failure>>,
    hits: Arc<AtomicU64>,
    misses: AtomicU64,
    joined: AtomicU64,
}

/// How the cache has done.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct TileCounts {
    pub(crate) tiles: u64,
    pub(crate) size_bytes: u64,
    pub(crate) capacity_bytes: u64,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) joined: u64,
    pub(crate) in_flight: usize,
}

impl Tiles {
    /// Keeps at most `capacity_bytes`; what lives beyond that, in answers that clients take slowly, counts in `room`.
    pub(crate) fn new(capacity_bytes: u64, room: Arc<Room>) -> Self {
        let options = OptionsBuilder::new()
            .weight_capacity(capacity_bytes)
            .estimated_items_capacity(usize::try_from(capacity_bytes / USUAL_TILE_BYTES).unwrap_or(usize::MAX))
            // As for blocks: what it remembers of tiles that have gone would fade with each move of the bound.
            .ghost_allocation(0.0)
            // Shards would each have their share of the bytes, and a large tile would fit into none.
            .shards(1)
            .build()
            .expect("capacity and number of items are all that must be given");
        let kept = Cache::with_options(options, ByBytes, DefaultHashBuilder::default(), DefaultLifecycle::default());
        let (kept, share) = (Arc::new(kept), Arc::new(Mutex::new(Share::new(capacity_bytes))));
        let zero = AtomicU64::default;
        Self { kept, share, room, flights: Flights::new(), hits: Arc::default(), misses: zero(), joined: zero() }
    }

    /// The tile of `key`, made by `render` if nobody has it or makes it. The render is dropped when all who wait for
    /// it have gone.
    pub(crate) async fn get_or_render<F>(
        &self,
        key: Key,
        render: impl FnOnce() -> F,
    ) -> Result<(Arc<Tile>, Provenance), Failure>
    where
        F: Future<Output = Result<Tile, Failure>> + Send + 'static,
    {
        if let Some(tile) = self.at_hand(key) {
            return Ok((tile, Provenance::Hit));
        }
        let (kept, share, room) = (Arc::clone(&self.kept), Arc::clone(&self.share), Arc::clone(&self.room));
        let hits = Arc::clone(&self.hits);
        let (flight, joined) = self.flights.join(key, || {
            let render = render();
            async move {
                let Tile { bytes, media_type, stages, place } = render.await?;
                let taken = room.answer(weight_bytes(&bytes), place)?;
                let is_beyond = taken.is_beyond();
                let tile = Arc::new(Tile::new(held(bytes, taken), media_type, stages));
                (!is_beyond).then(|| kept.insert(key, Arc::clone(&tile)));
                let share = share.lock().unwrap_or_else(PoisonError::into_inner).made(key, hits.load(Relaxed));
                share.into_iter().for_each(|capacity_bytes| kept.set_capacity(capacity_bytes));
                Ok(tile)
            }
        });
        let (counter, provenance) =
            if joined { (&self.joined, Provenance::Joined) } else { (&self.misses, Provenance::Miss) };
        counter.fetch_add(1, Relaxed);
        flight.await.map(|tile| (tile, provenance))
    }

    /// An answer that is not kept, accounted for like those that are until its client has taken it.
    ///
    /// # Errors
    /// What clients are still taking leaves no room for it.
    pub(crate) fn accounted(&self, bytes: Bytes) -> Result<Bytes, Failure> {
        let taken = self.room.answer_within(weight_bytes(&bytes)).ok_or(Failure::Overloaded)?;
        Ok(held(bytes, taken))
    }

    /// The tile of `key`, if it is kept.
    pub(crate) fn at_hand(&self, key: Key) -> Option<Arc<Tile>> {
        let tile = self.kept.get(&key);
        self.hits.fetch_add(u64::from(tile.is_some()), Relaxed);
        tile
    }

    pub(crate) fn counts(&self) -> TileCounts {
        TileCounts {
            tiles: self.kept.len() as u64,
            size_bytes: self.kept.weight(),
            capacity_bytes: self.kept.capacity(),
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            joined: self.joined.load(Relaxed),
            in_flight: self.flights.len(),
        }
    }
}

fn weight_bytes(bytes: &Bytes) -> u64 {
    (allocated_bytes(bytes.len()) + ENTRY_OVERHEAD_BYTES) as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aurora_raster::cache::BlockCache;

    use super::*;
    use crate::budget::Budget;

    fn tiles() -> (Tiles, Arc<Room>) {
        let room =
            Arc::new(Room::new(&Budget::split(64 << 20), 0, Arc::new(BlockCache::new(0)), Duration::from_secs(60)));
        (Tiles::new(100_000, Arc::clone(&room)), room)
    }

    fn tile(size_bytes: usize) -> Tile {
        Tile::new(vec![1; size_bytes], "image/png", Stages::default())
    }

    #[test]
    fn keys_tell_parts_apart() {
        assert_eq!(Key::of(&["a", "b"]), Key::of(&["a", "b"]));
        assert_ne!(Key::of(&["ab", ""]), Key::of(&["a", "b"]));
        assert_eq!(Key::of(&["a"]).etag().len(), 2 + 2 * KEY_BYTES);
    }

    #[tokio::test]
    async fn two_hundred_tiles_stay_within_the_bytes() {
        let (tiles, room) = tiles();
        let mut answers = Vec::new();
        for number in 0..200 {
            let key = Key::of(&[&number.to_string()]);
            let (tile, _) = tiles.get_or_render(key, || async { Ok(tile(10_000)) }).await.unwrap();
            answers.push(tile.bytes.clone());
        }
        let counts = tiles.counts();
        assert!(counts.size_bytes <= 100_000 && counts.tiles >= 5, "{counts:?}");
        assert_eq!((counts.misses, counts.in_flight), (200, 0));
        // Slow clients still hold them all; once they have gone, only the kept ones count.
        assert!(room.used_bytes() >= 200 * 10_000);
        answers.clear();
        assert_eq!(room.used_bytes(), counts.size_bytes);
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let (tiles, _) = tiles();
        let key = Key::of(&["a"]);
        assert!(tiles.get_or_render(key, || async { Err(Failure::Overloaded) }).await.is_err());
        let (_, provenance) = tiles.get_or_render(key, || async { Ok(tile(1)) }).await.unwrap();
        assert_eq!(provenance, Provenance::Miss);
        let (_, provenance) = tiles.get_or_render(key, || async { Err(Failure::Overloaded) }).await.unwrap();
        assert_eq!(provenance, Provenance::Hit);
    }
}
