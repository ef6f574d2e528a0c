//! A raster opened at one version: its header and the source of its bytes.
//!
//! Opening reads headers only. Pixels are fetched by [`crate::render`].

use std::sync::Arc;

use crate::{Limits, Result, header::Header, source::SharedSource};

/// An opened raster. Cheap to clone through its `Arc`; keep it in a cache keyed by source name and version.
pub struct GeoTiff {
    header: Header,
    source: SharedSource,
    limits: Limits,
}

impl GeoTiff {
    /// Reads and checks the header (in as few dependent reads as the file's layout allows).
    ///
    /// # Errors
    /// `NotARaster`, `Unsupported`, `Broken`, `TooLarge`, or what the source says.
    pub async fn open(source: SharedSource, limits: Limits) -> Result<Arc<Self>> {
        let header = Header::read(source.as_ref(), &limits).await?;
        Ok(Arc::new(Self { header, source, limits }))
    }

    /// What the file holds.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Where its bytes come from.
    pub fn source(&self) -> &SharedSource {
        &self.source
    }

    /// The bounds it was opened with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}
