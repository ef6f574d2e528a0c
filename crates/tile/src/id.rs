//! The address of a tile: zoom, column from the left, row from the top (XYZ, not TMS's upward rows).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Tile `z/x/y`. Any numbers are an id; whether such a tile exists is for a matrix set to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TileId {
    /// Zoom: the index of the tile matrix.
    pub z: u8,
    /// Column, eastwards.
    pub x: u32,
    /// Row, southwards.
    pub y: u32,
}

impl TileId {
    /// Tile `z/x/y`.
    pub fn new(z: u8, x: u32, y: u32) -> Self {
        Self { z, x, y }
    }

    /// The tile of a quadtree that this one is a quarter of; `None` at zoom 0.
    pub fn parent(self) -> Option<Self> {
        Some(Self { z: self.z.checked_sub(1)?, x: self.x / 2, y: self.y / 2 })
    }

    /// The four quarters in a quadtree, row by row; `None` where the numbers end.
    pub fn children(self) -> Option<[Self; 4]> {
        let (z, x, y) = (self.z.checked_add(1)?, self.x.checked_mul(2)?, self.y.checked_mul(2)?);
        Some([(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)].map(|(x, y)| Self { z, x, y }))
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.z, self.x, self.y)
    }
}
