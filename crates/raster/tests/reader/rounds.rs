//! How often a header must go back to the source before it knows everything.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use aurora_raster::{
    GeoTiff, Limits, RasterError,
    source::{ByteSource, FileSource, SourceError, SourceFuture},
};
use bytes::Bytes;
use futures_util::FutureExt;

use crate::sample;

/// A source that counts the rounds of reads made to it.
struct Counted {
    file: Arc<FileSource>,
    rounds: AtomicUsize,
}

impl ByteSource for Counted {
    fn name(&self) -> &str {
        self.file.name()
    }

    fn size_bytes(&self) -> u64 {
        self.file.size_bytes()
    }

    fn version(&self) -> &str {
        self.file.version()
    }

    fn read<'a>(&'a self, ranges: &'a [Range<u64>]) -> SourceFuture<'a, Vec<Bytes>> {
        self.rounds.fetch_add(1, Relaxed);
        self.file.read(ranges)
    }
}

#[test]
fn a_header_takes_three_rounds_at_most() {
    let Some(folder) = sample::folder() else { return };
    let mut worst = 0;
    for entry in std::fs::read_dir(folder.join("cog")).expect("folder") {
        let path = entry.expect("entry").path();
        let source = Arc::new(Counted { file: FileSource::open(&path).expect("opens"), rounds: AtomicUsize::new(0) });
        let opened = GeoTiff::open(source.clone(), Limits::default()).now_or_never().expect("ready at once");
        let rounds = source.rounds.load(Relaxed);
        if opened.is_ok() {
            assert!(rounds <= 3, "{} takes {rounds} rounds", path.display());
            worst = worst.max(rounds);
        }
    }
    println!("at most {worst} rounds");
    assert!(worst >= 1);
}

/// A source that cuts every answer short.
struct Short(Counted);

impl ByteSource for Short {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn size_bytes(&self) -> u64 {
        self.0.size_bytes()
    }

    fn version(&self) -> &str {
        self.0.version()
    }

    fn read<'a>(&'a self, ranges: &'a [Range<u64>]) -> SourceFuture<'a, Vec<Bytes>> {
        let answers = self.0.read(ranges);
        Box::pin(async move { Ok(answers.await?.into_iter().map(|bytes| bytes.slice(..bytes.len() / 2)).collect()) })
    }
}

#[test]
fn short_answers_are_an_error_and_not_asked_for_again() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("short.tif");
    std::fs::write(&path, b"II*\0\x08\0\0\0\0\0\0\0\0\0\0\0").expect("written");
    let file = FileSource::open(&path).expect("opens");
    let source = Arc::new(Short(Counted { file, rounds: AtomicUsize::new(0) }));
    let opened = GeoTiff::open(source.clone(), Limits::default()).now_or_never().expect("ready at once");
    assert!(matches!(opened.err(), Some(RasterError::Source(SourceError::BadAnswer { .. }))));
    assert_eq!(source.0.rounds.load(Relaxed), 1);
}
