//! `tiles/{tms}/{z}/{x}/{y}[@{scale}x][.{ext}]`: the walk of one tile.

use std::sync::Arc;

use aurora_daemon::problem::Problem;
use aurora_raster::encode::Format;
use aurora_tile::{TileId, TileMatrixSet};
use axum::{extract::State, response::Response};
use serde::Deserialize;

use super::{conditions::Conditions, parameters::Parts, walk::Walk};
use crate::{
    app::App,
    failure::Failure,
    query::{MAX_SIDE_PX, SharedQuery, read},
    render::{self, Order, Shown},
    target::Target,
};

/// Side of a tile in pixels unless asked otherwise.
pub(super) const TILE_SIZE_PX: u32 = 256;

/// Largest `@{scale}x`.
const MAX_SCALE: u32 = 4;

/// The path of a tile, as it was asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct TilePath {
    tms: String,
    z: u8,
    x: u32,
    /// Row, scale and extension in one segment.
    y: String,
}

/// A tile that exists, and in which size and format it is wanted.
#[derive(Debug, Clone, PartialEq)]
struct Address {
    set: &'static TileMatrixSet,
    tile: TileId,
    size_px: u32,
    /// By what the tile shows when absent.
    format: Option<Format>,
}

/// One tile: what is asked for, then the walk, on a miss of which [`render::picture`] makes it.
pub(crate) async fn tile(
    State(app): State<Arc<App>>,
    target: Target,
    Parts(path): Parts<TilePath>,
    query: SharedQuery,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let mut address = path.resolve(query.tile_size_px)?;
    address.format = query.format_or(address.format)?;
    let walk = Walk { app: &app, target: &target, revision: query.revision, conditions: &conditions };
    let make = |app, pinned| {
        let (shown, format) = (address.shown(), address.format);
        render::picture(app, Order { target: target.clone(), pinned, query: query.clone(), shown, format })
    };
    walk.kept(&[&address.canonical(), query.canonical()], make).await
}

impl TilePath {
    fn resolve(&self, tile_size_px: Option<u32>) -> Result<Address, Problem> {
        let set = matrix_set(&self.tms)?;
        let (name, extension) = self.y.split_once('.').map_or((self.y.as_str(), None), |(y, ext)| (y, Some(ext)));
        let (row, scale) = name.split_once('@').map_or((name, None), |(row, scale)| (row, Some(scale)));
        let y = row.parse().map_err(|_| Problem::parameter("y", format!("`{row}` is not the row of a tile")))?;
        let tile = TileId::new(self.z, self.x, y);
        set.matrix_of(tile)
            .map_err(|error| Problem::not_found(format!("tile {tile}")).with("reason", error.to_string()))?;
        let scale = scale.map_or(Ok(1), |text| parse_scale("scale", text))?;
        let size_px = tile_size_px.unwrap_or(TILE_SIZE_PX) * scale;
        if size_px > 2 * MAX_SIDE_PX {
            return Err(Problem::parameter("tilesize", format!("makes a tile of {size_px} pixels with this scale")));
        }
        Ok(Address { set, tile, size_px, format: format(extension)? })
    }
}

impl Address {
    fn shown(&self) -> Shown {
        Shown::Tile { set: self.set, tile: self.tile, size_px: self.size_px }
    }

    fn canonical(&self) -> String {
        format!("{} {:?}", self.shown().canonical(), self.format)
    }
}

/// The tile matrix set of that name.
pub(super) fn matrix_set(id: &str) -> Result<&'static TileMatrixSet, Problem> {
    TileMatrixSet::named(id).ok_or_else(|| Problem::not_found(format!("tile matrix set {id}")))
}

/// `2x` and the like, as the parameter of that name says it.
pub(super) fn parse_scale(name: &str, text: &str) -> Result<u32, Problem> {
    let scale = text.strip_suffix('x').and_then(|digits| digits.parse().ok());
    let scale = scale.filter(|scale| (1..=MAX_SCALE).contains(scale));
    scale.ok_or_else(|| Problem::parameter(name, format!("`@{text}` is none of @1x to @{MAX_SCALE}x")))
}

/// The format of an extension; without one the picture itself decides.
pub(super) fn format(extension: Option<&str>) -> Result<Option<Format>, Problem> {
    extension.map(read::format).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(y: &str, tile_size_px: Option<u32>) -> Result<Address, Problem> {
        TilePath { tms: "WebMercatorQuad".to_owned(), z: 3, x: 4, y: y.to_owned() }.resolve(tile_size_px)
    }

    #[test]
    fn row_scale_and_extension_share_a_segment() {
        let parts =
            |y, size| resolve(y, size).map(|address| (address.tile.y, address.size_px, address.format)).unwrap();
        assert_eq!(parts("5", None), (5, 256, None));
        assert_eq!(parts("5.npy", Some(100)), (5, 100, Some(Format::Npy)));
        assert_eq!(parts("5@2x", None), (5, 512, None));
        assert_eq!(parts("5@4x.png", Some(512)), (5, 2048, Some(Format::Png)));
    }

    #[test]
    fn what_is_no_tile_is_refused() {
        for (y, status) in
            [("x", 400), ("5@9x", 400), ("5@x", 400), ("5.jp2", 400), ("5.", 400), ("8", 404), ("-1", 400)]
        {
            assert_eq!(resolve(y, None).unwrap_err().status().as_u16(), status, "{y}");
        }
        assert!(resolve("5@4x", Some(MAX_SIDE_PX)).is_err());
    }
}
