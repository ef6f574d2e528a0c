//! Local files without blocking an async thread: each read runs on tokio's blocking threads.

use std::{ops::Range, path::PathBuf, sync::Arc};

use aurora_raster::source::{ByteSource, FileSource, SourceError, SourceFuture};
use bytes::Bytes;
use tokio::task::spawn_blocking;

/// A local file at one version.
pub(crate) struct LocalSource(Arc<FileSource>);

impl LocalSource {
    pub(crate) async fn open(path: PathBuf) -> Result<Arc<Self>, SourceError> {
        let name = path.display().to_string();
        let opened = spawn_blocking(move || FileSource::open(path)).await;
        opened.map_err(|error| lost(&name, &error))?.map(|file| Arc::new(Self(file)))
    }
}

impl ByteSource for LocalSource {
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
        let (file, wanted) = (Arc::clone(&self.0), ranges.to_vec());
        Box::pin(async move {
            let read = spawn_blocking(move || futures_util::FutureExt::now_or_never(file.read(&wanted))).await;
            let read = read.map_err(|error| lost(self.name(), &error))?;
            read.unwrap_or_else(|| Err(lost(self.name(), &"a local read did not finish at once")))
        })
    }
}

fn lost(name: &str, reason: &dyn std::fmt::Display) -> SourceError {
    SourceError::Unavailable { name: name.to_owned(), reason: reason.to_string() }
}
