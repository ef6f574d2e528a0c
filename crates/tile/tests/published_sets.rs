//! Every tile matrix set against what morecantile 7.1.0 answers for it.

use aurora_tile::{TileId, TileMatrixSet};

/// Set, zoom, column, row, and the bounds `xy_bounds` gives: two or three tiles a set, none of them symmetric.
#[rustfmt::skip]
const TILES: [(&str, u8, u32, u32, [f64; 4]); 39] = [
    ("CDB1GlobalGrid", 0, 144, 25, [-36.0, 64.0, -34.0, 65.0]),
    ("CDB1GlobalGrid", 11, 294912, 52662, [-35.999987377766416, 64.28564227727361, -35.99901081518081, 64.2861305585664]),
    ("CDB1GlobalGrid", 21, 301989888, 53926765, [-35.98802857820161, 64.2835763955712, -35.98802762444802, 64.28357687244801]),
    ("CanadianNAD83_LCC", 0, 2, 0, [-15013094.04792146, 29488647.023960732, -5191741.071882188, 39310000.0]),
    ("CanadianNAD83_LCC", 13, 1702, 646, [-17939857.23478116, 32955584.62450259, -17930035.881805122, 32965405.97747863]),
    ("CanadianNAD83_LCC", 25, 987507, 375115, [-17933981.356362738, 32958023.0293794, -17933964.422995538, 32958039.9627466]),
    ("EuropeanETRS89_LAEAQuad", 0, 0, 0, [2000000.0, 1000000.0, 6500000.0, 5500000.0]),
    ("EuropeanETRS89_LAEAQuad", 8, 102, 36, [3792968.7499986943, 4849609.375000473, 3810546.8749986817, 4867187.500000461]),
    ("EuropeanETRS89_LAEAQuad", 15, 13107, 4681, [3799972.534251776, 4857025.146458624, 3800109.8633533437, 4857162.475560192]),
    ("GNOSISGlobalGrid", 0, 1, 0, [-90.0, 0.0, 0.0, 90.0]),
    ("GNOSISGlobalGrid", 14, 26214, 4681, [-36.00219739407359, 64.2810058823168, -35.991211065958396, 64.2864990463744]),
    ("GNOSISGlobalGrid", 28, 429496729, 76695844, [-35.99696264663041, 64.285171661696, -35.996961976064, 64.2851719969792]),
    ("LINZAntarticaMapTilegrid", 0, 0, 0, [-918457.73, -22441670.269999996, 28441670.269999996, 6918457.73]),
    ("LINZAntarticaMapTilegrid", 7, 20, 7, [3669062.269999999, 5083449.73, 3898438.269999999, 5312825.73]),
    ("LINZAntarticaMapTilegrid", 13, 1321, 471, [3816006.269999999, 5226809.73, 3819590.269999999, 5230393.73]),
    ("NZTM2000Quad", 0, 0, 0, [-3260586.7284, 419435.9938054122, 6758167.442994589, 10438190.1652]),
    ("NZTM2000Quad", 11, 819, 292, [745936.546195785, 9004843.01079638, 750828.5160060367, 9009734.980606632]),
    ("NZTM2000Quad", 21, 838860, 299593, [746911.1183064212, 9006935.474445688, 746915.8956206893, 9006940.251759954]),
    ("UPSAntarcticWGS84Quad", 0, 0, 0, [-14440759.350252, -14440759.344148003, 18440759.344148003, 18440759.350252]),
    ("UPSAntarcticWGS84Quad", 12, 1638, 585, [-1291362.9554846399, 13736518.637594078, -1283335.2409579195, 13744546.352120798]),
    ("UPSAntarcticWGS84Quad", 24, 6710886, 2396745, [-1288152.9346488006, 13743397.9562168, -1288150.9747576006, 13743399.916108]),
    ("UPSArcticWGS84Quad", 0, 0, 0, [-14440759.350252, -14440759.344148003, 18440759.344148003, 18440759.350252]),
    ("UPSArcticWGS84Quad", 12, 1638, 585, [-1291362.9554846399, 13736518.637594078, -1283335.2409579195, 13744546.352120798]),
    ("UPSArcticWGS84Quad", 24, 6710886, 2396745, [-1288152.9346488006, 13743397.9562168, -1288150.9747576006, 13743399.916108]),
    ("UTM31WGS84Quad", 1, 0, 0, [-9501965.72931276, -1.1175870895385742e-08, 10501965.72931275, 20003931.4586255]),
    ("UTM31WGS84Quad", 13, 1638, 1170, [-1502346.6547940485, 14285034.061640508, -1497462.8824652825, 14289917.833969276]),
    ("UTM31WGS84Quad", 24, 3355443, 2396745, [-1500393.6227934463, 14288520.426457245, -1500391.2381389895, 14288522.811111704]),
    ("WGS1984Quad", 0, 0, 0, [-180.0, -90.0, 0.0, 90.0]),
    ("WGS1984Quad", 12, 3276, 585, [-36.03515625, 64.248046875, -35.9912109375, 64.2919921875]),
    ("WGS1984Quad", 23, 6710886, 1198372, [-36.000008583074134, 64.28570508957003, -35.999987125402015, 64.28572654724215]),
    ("WebMercatorQuad", 0, 0, 0, [-20037508.342789244, -20037508.342789244, 20037508.342789244, 20037508.342789244]),
    ("WebMercatorQuad", 12, 1638, 585, [-4011415.24440605, 14304119.725174744, -4001631.304785548, 14313903.664795246]),
    ("WebMercatorQuad", 24, 6710886, 2396745, [-4007502.624020703, 14312503.911714774, -4007500.235363569, 14312506.300371908]),
    ("WorldCRS84Quad", 0, 0, 0, [-180.0, -90.0, 0.0, 90.0]),
    ("WorldCRS84Quad", 12, 3276, 585, [-36.03515625, 64.248046875, -35.9912109375, 64.2919921875]),
    ("WorldCRS84Quad", 23, 6710886, 1198372, [-36.000008583074134, 64.28570508957003, -35.999987125402015, 64.28572654724215]),
    ("WorldMercatorWGS84Quad", 0, 0, 0, [-20037508.3427892, -20037508.342789296, 20037508.342789296, 20037508.3427892]),
    ("WorldMercatorWGS84Quad", 12, 1638, 585, [-4011415.2444060165, 14304119.725174703, -4001631.3047855143, 14313903.664795205]),
    ("WorldMercatorWGS84Quad", 24, 6710886, 2396745, [-4007502.624020666, 14312503.911714733, -4007500.235363532, 14312506.300371867]),
];

#[test]
fn tiles_lie_where_morecantile_puts_them() {
    for (id, z, x, y, expected) in TILES {
        let set = TileMatrixSet::named(id).unwrap_or_else(|| panic!("{id} is compiled in"));
        let bounds = set.tile_bounds(TileId::new(z, x, y)).unwrap_or_else(|error| panic!("{error}"));
        let extent = bounds.width().max(bounds.height());
        for (ours, theirs) in bounds.to_array().into_iter().zip(expected) {
            assert!((ours - theirs).abs() <= extent * 1e-6 + theirs.abs() * 1e-14, "{id} {z}/{x}/{y}: {bounds:?}");
        }
    }
    assert_eq!(TileMatrixSet::all().count(), 13);
}

#[test]
fn a_place_is_found_in_the_tile_that_holds_it() {
    for (id, z, x, y, _) in TILES {
        let set = TileMatrixSet::named(id).expect("compiled in");
        let (centre_x, centre_y) = set.tile_bounds(TileId::new(z, x, y)).expect("it exists").centre();
        let joined = set.matrix(z).expect("it exists").joined(y);
        assert_eq!(set.tile_at(z, centre_x, centre_y), Some(TileId::new(z, x / joined * joined, y)), "{id}");
    }
}

#[test]
fn sets_know_their_projection_and_zooms() {
    let facts = |id: &str| TileMatrixSet::named(id).map(|set| (set.epsg(), set.zooms()));
    assert_eq!(facts("WorldCRS84Quad"), Some((Some(4326), 0..=23)));
    assert_eq!(facts("LINZAntarticaMapTilegrid"), Some((Some(5482), 0..=13)));
    assert_eq!(facts("UTM31WGS84Quad"), Some((Some(32_631), 1..=24)));
    assert_eq!(facts("CDB1GlobalGrid"), Some((Some(4326), 0..=21)));
}

/// What morecantile answers, zooms below 0 left out.
#[test]
fn zooms_by_resolution_agree_with_morecantile() {
    let zoom = |id: &str, resolution: f64| TileMatrixSet::named(id).map(|set| set.zoom_for_resolution(resolution));
    assert_eq!(zoom("UTM31WGS84Quad", 3.0), Some(16));
    assert_eq!(zoom("UTM31WGS84Quad", 700.0), Some(8));
    assert_eq!(zoom("GNOSISGlobalGrid", 0.001), Some(8));
    assert_eq!(zoom("CDB1GlobalGrid", 0.001), Some(0));
    assert_eq!(zoom("NZTM2000Quad", 3.0), Some(14));
}

#[test]
fn joined_tiles_near_a_pole_are_one() {
    let set = TileMatrixSet::named("GNOSISGlobalGrid").expect("compiled in");
    let area = |x| set.tile_bounds(TileId::new(1, x, 0)).expect("it exists");
    assert_eq!(area(0), area(1));
    assert_eq!(area(0).to_array(), [-180.0, 45.0, -90.0, 90.0]);
    let polar = aurora_tile::Bounds::new(-100.0, 46.0, 100.0, 89.0);
    let tiles: Vec<_> = set.tiles_covering(1, polar).map(|tile| tile.x).collect();
    assert_eq!(tiles, [0, 2, 4, 6]);
}

/// A set is handed out again as it was read.
#[test]
fn sets_survive_their_own_encoding() {
    for set in TileMatrixSet::all() {
        let text = serde_json::to_string(set).expect("it can be written");
        assert_eq!(TileMatrixSet::from_json(&text).as_ref(), Ok(set));
    }
}
