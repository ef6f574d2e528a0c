//! The tile matrix sets compiled in: those of TiTiler, from their published definitions in `data/`.

use std::sync::LazyLock;

use crate::TileMatrixSet;

/// The texts, in alphabetical order of the identifiers.
const TEXTS: [&str; 13] = [
    include_str!("../data/CDB1GlobalGrid.json"),
    include_str!("../data/CanadianNAD83_LCC.json"),
    include_str!("../data/EuropeanETRS89_LAEAQuad.json"),
    include_str!("../data/GNOSISGlobalGrid.json"),
    include_str!("../data/LINZAntarticaMapTilegrid.json"),
    include_str!("../data/NZTM2000Quad.json"),
    include_str!("../data/UPSAntarcticWGS84Quad.json"),
    include_str!("../data/UPSArcticWGS84Quad.json"),
    include_str!("../data/UTM31WGS84Quad.json"),
    include_str!("../data/WGS1984Quad.json"),
    include_str!("../data/WebMercatorQuad.json"),
    include_str!("../data/WorldCRS84Quad.json"),
    include_str!("../data/WorldMercatorWGS84Quad.json"),
];

static SETS: LazyLock<Vec<TileMatrixSet>> = LazyLock::new(|| {
    TEXTS
        .iter()
        .map(|text| TileMatrixSet::from_json(text).expect("every set compiled in is checked by a test"))
        .collect()
});

static WEB_MERCATOR_QUAD: LazyLock<&TileMatrixSet> =
    LazyLock::new(|| TileMatrixSet::named("WebMercatorQuad").expect("it is compiled in"));

impl TileMatrixSet {
    /// The grid of web maps: EPSG:3857, zooms 0 to 24.
    pub fn web_mercator_quad() -> &'static Self {
        &WEB_MERCATOR_QUAD
    }

    /// The set of that identifier, case-sensitive as in OGC's registry.
    pub fn named(id: &str) -> Option<&'static Self> {
        Self::all().find(|set| set.id == id)
    }

    /// Every set compiled in, by identifier.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        SETS.iter()
    }
}
