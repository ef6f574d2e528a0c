//! The Web Mercator grid against its own laws, over random tiles and places.

use aurora_tile::{
    Bounds, MAX_LATITUDE_DEG, ORIGIN_SHIFT_M, TileError, TileId, TileMatrixSet, lon_lat_to_mercator,
    mercator_to_lon_lat,
};
use proptest::prelude::*;

fn any_tile() -> impl Strategy<Value = TileId> {
    (0_u8..=24).prop_flat_map(|z| {
        let side = 1_u32 << z;
        (Just(z), 0..side, 0..side).prop_map(|(z, x, y)| TileId::new(z, x, y))
    })
}

proptest! {
    #[test]
    fn a_tile_holds_its_centre(tile in any_tile()) {
        let set = TileMatrixSet::web_mercator_quad();
        let (x, y) = set.tile_bounds(tile).unwrap().centre();
        prop_assert_eq!(set.tile_at(tile.z, x, y), Some(tile));
        let covering: Vec<_> = set.tiles_covering(tile.z, Bounds::new(x - 0.001, y - 0.001, x + 0.001, y + 0.001)).collect();
        prop_assert_eq!(covering, vec![tile]);
    }

    #[test]
    fn children_fill_their_parent(tile in any_tile().prop_filter("has children", |tile| tile.z < 24)) {
        let set = TileMatrixSet::web_mercator_quad();
        let children = tile.children().unwrap();
        let area = |tile| set.tile_bounds(tile).unwrap();
        let union = children.iter().map(|&child| area(child)).reduce(|a, b| a.union(&b)).unwrap();
        let parent = area(tile);
        for (a, b) in union.to_array().into_iter().zip(parent.to_array()) {
            prop_assert!((a - b).abs() < 1e-6, "{union:?} is not {parent:?}");
        }
        prop_assert!(children.iter().all(|child| child.parent() == Some(tile)));
    }

    #[test]
    fn neighbours_share_an_edge_exactly(tile in any_tile().prop_filter("has a neighbour", |tile| tile.x + 1 < 1 << tile.z)) {
        let set = TileMatrixSet::web_mercator_quad();
        let east = set.tile_bounds(TileId::new(tile.z, tile.x + 1, tile.y)).unwrap();
        prop_assert_eq!(set.tile_bounds(tile).unwrap().maxx, east.minx);
    }

    #[test]
    fn mercator_there_and_back(lon in -180.0..180.0, lat in -MAX_LATITUDE_DEG..MAX_LATITUDE_DEG) {
        let (x, y) = lon_lat_to_mercator(lon, lat);
        let (lon_back, lat_back) = mercator_to_lon_lat(x, y);
        prop_assert!((lon - lon_back).abs() < 1e-9 && (lat - lat_back).abs() < 1e-9);
        prop_assert!(x.abs() <= ORIGIN_SHIFT_M && y.abs() <= ORIGIN_SHIFT_M + 1e-6);
    }

    #[test]
    fn coverings_cover(west in -180.0..179.0, south in -84.0..83.0, width in 0.01..20.0_f64, height in 0.01..20.0_f64, z in 0_u8..9) {
        let set = TileMatrixSet::web_mercator_quad();
        let (minx, miny) = lon_lat_to_mercator(west, south);
        let (maxx, maxy) = lon_lat_to_mercator((west + width).min(180.0), (south + height).min(84.9));
        let wanted = Bounds::new(minx, miny, maxx, maxy);
        let areas: Vec<_> = set.tiles_covering(z, wanted).map(|tile| set.tile_bounds(tile).unwrap()).collect();
        prop_assert!(areas.iter().all(|area| area.intersects(&wanted)));
        let covered: f64 = areas.iter().filter_map(|area| area.intersection(&wanted)).map(|part| part.width() * part.height()).sum();
        let whole = wanted.width() * wanted.height();
        prop_assert!((covered / whole - 1.0).abs() < 1e-9, "{covered} of {whole}");
    }
}

/// EPSG guidance note 7-2's worked example for method 1024.
#[test]
fn mercator_agrees_with_epsgs_example() {
    let lon = -(100.0 + 20.0 / 60.0);
    let lat = 24.0 + 22.0 / 60.0 + 54.433 / 3600.0;
    let (x, y) = lon_lat_to_mercator(lon, lat);
    assert!((x - -11_169_055.58).abs() < 0.01 && (y - 2_800_000.00).abs() < 0.01, "{x} {y}");
}

#[test]
fn the_world_is_tile_zero() {
    let area = TileMatrixSet::web_mercator_quad().tile_bounds(TileId::new(0, 0, 0)).unwrap();
    let shift = ORIGIN_SHIFT_M;
    for (a, b) in area.to_array().into_iter().zip([-shift, -shift, shift, shift]) {
        assert!((a - b).abs() < 1e-6);
    }
}

#[test]
fn the_set_knows_its_name_and_projection() {
    let set = TileMatrixSet::named("WebMercatorQuad").expect("compiled in");
    assert_eq!((set.epsg(), set.zooms()), (Some(3857), 0..=24));
    assert_eq!(TileMatrixSet::named("webmercatorquad"), None);
}

#[test]
fn tiles_beyond_the_grid_are_refused() {
    let set = TileMatrixSet::web_mercator_quad();
    for tile in [TileId::new(3, 8, 0), TileId::new(3, 0, 8), TileId::new(25, 0, 0)] {
        assert_eq!(set.tile_bounds(tile), Err(TileError::NoSuchTile { tile, set: "WebMercatorQuad".into() }));
    }
}

#[test]
fn degenerate_sets_are_refused() {
    let good = serde_json::to_string(TileMatrixSet::web_mercator_quad()).unwrap();
    assert!(TileMatrixSet::from_json(&good).is_ok());
    for (from, to) in
        [("\"tileWidth\":256", "\"tileWidth\":0"), ("\"cellSize\":156543.03392804097", "\"cellSize\":-1.0")]
    {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from} is in the text");
        assert!(matches!(TileMatrixSet::from_json(&bad), Err(TileError::BadSet { .. })));
    }
}
