//! What lies below the root and is left alone for a reason that its owner may not expect: counted, and named once.

use serde::Serialize;

/// Why something is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its name is not UTF-8, so that the catalogue cannot hold it.
    Name,
    /// It is a folder below more others than are looked into.
    Depth,
    /// It is a link that leads out of the root, or to a folder.
    Link,
}

/// How much is left alone, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Unseen {
    /// Names that are not UTF-8.
    pub names: u64,
    /// Folders that lie too deep.
    pub too_deep: u64,
    /// Links that lead out of the root, or to folders.
    pub links: u64,
    /// One of all these.
    pub example: Option<String>,
}

impl Unseen {
    /// Counts what lies at `path`.
    pub fn note(&mut self, why: Why, path: String) {
        *match why {
            Why::Name => &mut self.names,
            Why::Depth => &mut self.too_deep,
            Why::Link => &mut self.links,
        } += 1;
        self.example.get_or_insert(path);
    }

    /// Counts what another has counted.
    pub fn add(&mut self, other: &Self) {
        self.names += other.names;
        self.too_deep += other.too_deep;
        self.links += other.links;
        if self.example.is_none() {
            self.example.clone_from(&other.example);
        }
    }

    /// Tells of it, where it is another than `before`.
    pub(super) fn tell(&self, before: &Self) {
        let Self { names, too_deep, links, example } = self;
        for (why, count) in [("name", names), ("depth", too_deep), ("link", links)] {
            metrics::gauge!("aurora_indexer_unseen", "why" => why).set(*count as f64);
        }
        let counts = |unseen: &Self| (unseen.names, unseen.too_deep, unseen.links);
        if counts(self) != counts(before)
            && let Some(example) = example
        {
            tracing::warn!(names, too_deep, links, example, "some of what lies below the root is left alone");
        }
    }
}
