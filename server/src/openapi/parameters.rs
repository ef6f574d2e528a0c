//! Query parameters and the variable parts of paths, as the OpenAPI document describes them.

use serde_json::{Value, json};

/// A query parameter.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    name: &'static str,
    /// Its schema as JSON text.
    schema: &'static str,
    meaning: &'static str,
    is_required: bool,
}

const fn optional(name: &'static str, schema: &'static str, meaning: &'static str) -> Parameter {
    Parameter { name, schema, meaning, is_required: false }
}

const STRING: &str = r#"{"type":"string"}"#;
const STRINGS: &str = r#"{"type":"array","items":{"type":"string"}}"#;
const NUMBERS: &str = r#"{"type":"array","items":{"type":"number"}}"#;
const BOOLEAN: &str = r#"{"type":"boolean"}"#;
const SIDE: &str = r#"{"type":"integer","minimum":1,"maximum":2048}"#;
const SIDE_OR_0: &str = r#"{"type":"integer","minimum":0,"maximum":2048}"#;
const ZOOM: &str = r#"{"type":"integer","minimum":0,"maximum":30}"#;
const RESAMPLING: &str = r#"{"type":"string","enum":["nearest","bilinear","cubic","cubic_spline","lanczos","average","mode"],"default":"nearest"}"#;
const FORMATS: &str = r#"{"type":"string","enum":["png","pngraw","jpg","jpeg","webp","tif","tiff","npy"]}"#;

/// The raster that is asked about, where the path does not name it.
pub(crate) const URL: &[Parameter] = &[Parameter {
    name: "url",
    schema: r#"{"type":"string","minLength":1}"#,
    meaning: "Address or absolute path of the raster, among those the server is allowed to read.",
    is_required: true,
}];

/// The version of a scene.
pub(crate) const REVISION: &[Parameter] = &[optional(
    "v",
    r#"{"type":"integer","minimum":0}"#,
    "The scene's revision; the answer is immutable if it is the one shown.",
)];

/// Which values are read.
pub(crate) const VALUES: &[Parameter] = &[
    optional("bidx", r#"{"type":"array","items":{"type":"integer","minimum":1}}"#, "Bands from 1, in order."),
    optional("expression", STRING, "Bands computed from bands, such as `b1/b2`; several by `;`."),
    optional(
        "nodata",
        r#"{"oneOf":[{"type":"number"},{"type":"string","enum":["nan","inf","-inf"]}]}"#,
        "Value that means \"no data\".",
    ),
    optional("unscale", BOOLEAN, "Apply the file's scale and offset."),
    optional("resampling", RESAMPLING, "Kernel."),
    optional("reproject", RESAMPLING, "The same as `resampling`, which wins."),
];

/// How values become a picture.
pub(crate) const STYLE: &[Parameter] = &[
    optional(
        "rescale",
        STRINGS,
        "`min,max` for all bands or one each; `auto` or percentiles such as `p2,p98` of the whole raster.",
    ),
    optional("color_formula", STRING, "Operations such as `gamma r 1.2, sigmoidal rgb 6 0.5`."),
    optional("colormap_name", STRING, "One of `/colorMaps`."),
    optional("colormap", STRING, "A colormap as JSON."),
    optional("return_mask", BOOLEAN, "Whether masked pixels are transparent, and values carry a mask."),
    optional("quality", STRING, "1 to 100 for `jpg` and `webp`, or `lossless`."),
];

/// What is done to values before they are coloured, sent or counted.
pub(crate) const ALGORITHM: &[Parameter] = &[
    optional("algorithm", STRING, "One of `/algorithms`."),
    optional("algorithm_params", STRING, "Parameters of the algorithm as JSON."),
];

/// The format of a picture whose path has no extension.
pub(crate) const FORMAT: &[Parameter] =
    &[optional("format", FORMATS, "Format, where the path has no extension; by the picture itself unless given.")];

/// What concerns a tile's edges and size.
pub(crate) const TILE: &[Parameter] = &[
    optional("tilesize", SIDE, "Side in pixels before the scale; 256 unless given."),
    optional("buffer", r#"{"type":"number","minimum":0}"#, "Pixels more on every side, in steps of a half."),
    optional("padding", r#"{"type":"integer","minimum":0}"#, "Without effect: tiles have no seams."),
];

/// How large a picture is to be.
pub(crate) const SIZE: &[Parameter] = &[
    optional(
        "max_size",
        r#"{"type":"integer","minimum":0}"#,
        "Longest side in pixels; of pictures 2048 at most; 0 for as large as may be.",
    ),
    optional("width", SIDE_OR_0, "Width in pixels; 0 to follow from the height."),
    optional("height", SIDE_OR_0, "Height in pixels; 0 to follow from the width."),
];

/// Coordinate reference system of a picture.
pub(crate) const DST_CRS: &[Parameter] =
    &[optional("dst_crs", STRING, "Coordinate reference system of the picture, such as `epsg:3857`.")];

/// Coordinate reference system of bounds.
pub(crate) const BOUNDS_CRS: &[Parameter] =
    &[optional("crs", STRING, "Coordinate reference system of the bounds; WGS 84 unless given.")];

/// Coordinate reference system of what the request names.
pub(crate) const COORD_CRS: &[Parameter] =
    &[optional("coord_crs", STRING, "Coordinate reference system of the coordinates given; WGS 84 unless given.")];

/// How exactly it is looked at what a feature covers.
pub(crate) const COVER: &[Parameter] = &[optional(
    "cover_scale",
    r#"{"type":"integer","minimum":1,"maximum":20}"#,
    "How many times finer than the pixels; 10 unless given.",
)];

/// What is counted.
pub(crate) const COUNTS: &[Parameter] = &[
    optional("categorical", BOOLEAN, "Count each value."),
    optional("c", NUMBERS, "Values counted."),
    optional(
        "p",
        r#"{"type":"array","items":{"type":"number","minimum":0,"maximum":100}}"#,
        "Percentiles; 2 and 98 unless given.",
    ),
    optional("histogram_bins", STRING, "Number of bins, or their edges by `,`; 10 unless given."),
    optional("histogram_range", STRING, "`min,max` of the histogram."),
];

/// What concerns documents about tiles.
pub(crate) const TILE_FORMAT: &[Parameter] = &[
    optional("tile_format", FORMATS, "Format of the tiles."),
    optional("tile_scale", r#"{"type":"integer","minimum":1,"maximum":4}"#, "Scale of the tiles."),
    optional("minzoom", ZOOM, "First zoom, in place of the raster's."),
    optional("maxzoom", ZOOM, "Last zoom, in place of the raster's."),
];

/// What concerns capabilities of a WMTS.
pub(crate) const WMTS: &[Parameter] = &[
    optional("use_epsg", BOOLEAN, "Name systems as `EPSG:code` (for ArcMap)."),
    optional(
        "zooms",
        r#"{"type":"array","items":{"type":"string","pattern":"^(\\*|\\w+)::\\d+,\\d+$"}}"#,
        "First and last zoom by tile matrix set, such as `WebMercatorQuad::0,5`; of all others by `*`.",
    ),
];

/// What concerns `map`.
pub(crate) const MAP: &[Parameter] = &[
    optional("bbox", STRING, "A box as `minx,miny,maxx,maxy`; all of the raster unless given."),
    optional("bbox-crs", STRING, "Coordinate reference system of the box; WGS 84 unless given."),
    optional("crs", STRING, "Coordinate reference system of the picture; the raster's own unless given."),
    optional("width", SIDE, "Width in pixels."),
    optional("height", SIDE, "Height in pixels."),
    optional("f", FORMATS, "Format; PNG unless given."),
];

/// What concerns a colormap.
pub(crate) const BAR: &[Parameter] = &[
    optional(
        "f",
        r#"{"type":"string","enum":["json","png","pngraw","jpg","jpeg","webp"],"default":"json"}"#,
        "Numbers, or the format of a bar.",
    ),
    optional(
        "orientation",
        r#"{"type":"string","enum":["horizontal","vertical"],"default":"horizontal"}"#,
        "Of a bar.",
    ),
    optional("width", SIDE, "Width of a bar in pixels; 256, or 20 of a vertical one."),
    optional("height", SIDE, "Height of a bar in pixels; 20, or 256 of a vertical one."),
];

/// What concerns `validate`.
pub(crate) const STRICT: &[Parameter] = &[optional("strict", BOOLEAN, "Whether warnings are errors.")];

/// What concerns a raster as a STAC item.
pub(crate) const ITEM: &[Parameter] = &[
    optional("datetime", STRING, "Time of the raster, or an interval."),
    optional("extensions", STRINGS, "Addresses of further extensions that it claims."),
    optional("max_size", SIDE, "Longest side that its statistics are counted in, in pixels; 1024 unless given."),
    optional("collection", STRING, "The collection it belongs to."),
    optional("collection_url", STRING, "That collection's address."),
    optional("id", STRING, "The item's id; the file's name unless given."),
    optional("asset_name", STRING, "Name of the asset; `data` unless given."),
    optional("asset_roles", STRINGS, "Roles of the asset."),
    optional("asset_media_type", STRING, "Media type of the asset."),
    optional("asset_href", STRING, "Address of the asset; the raster's own unless given."),
    optional("with_proj", BOOLEAN, "Add the projection extension."),
    optional("with_raster", BOOLEAN, "Add the raster extension, with statistics."),
    optional("with_eo", BOOLEAN, "Add the eo extension."),
];

/// Place and time.
pub(crate) const PLACE_AND_TIME: &[Parameter] = &[
    optional("bbox", STRING, "West,south,east,north in degrees; west > east crosses the antimeridian."),
    optional("datetime", STRING, "An RFC 3339 time or date, or an interval `a/b` with `..` for an open end."),
];

/// Which page.
pub(crate) const PAGE: &[Parameter] = &[
    optional("limit", r#"{"type":"integer","minimum":1,"maximum":1000}"#, "Entries in a page."),
    optional("token", STRING, "Where the page begins: from a `next` link."),
];

/// How many.
pub(crate) const LIMIT: &[Parameter] =
    &[optional("limit", r#"{"type":"integer","minimum":1,"maximum":1000}"#, "Entries at most; 100 unless given.")];

/// Which detections.
pub(crate) const DETECTIONS: &[Parameter] = &[
    optional("scene", STRING, "Those of one scene."),
    optional(
        "verdict",
        r#"{"type":"string","enum":["slick","look_alike","ship","unsure","none"]}"#,
        "Those that were judged so.",
    ),
];

/// Which jobs.
pub(crate) const JOBS: &[Parameter] =
    &[optional("state", STRING, "Those in one state."), optional("scene", STRING, "Those of one scene.")];

/// Which items.
pub(crate) const SEARCH: &[Parameter] = &[
    optional("ids", STRING, "Items of these ids, by `,`."),
    optional("collections", STRING, "Items of these collections, by `,`."),
    optional("intersects", STRING, "Items that meet a GeoJSON geometry."),
];

impl Parameter {
    pub(super) fn document(&self) -> Value {
        let schema: Value = serde_json::from_str(self.schema).expect("schemas compiled in are checked by a test");
        json!({
            "name": self.name,
            "in": "query",
            "required": self.is_required,
            "description": self.meaning,
            "schema": schema,
        })
    }
}

/// The variable part of a path with that name.
pub(super) fn in_path(name: &str) -> Value {
    let format = || serde_json::from_str(FORMATS).unwrap_or_default();
    let schema = match name {
        "z" => json!({ "type": "integer", "minimum": 0, "maximum": 64 }),
        "x" | "y" => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
        "scale" => json!({ "type": "integer", "minimum": 1, "maximum": 4 }),
        "width" | "height" => json!({ "type": "integer", "minimum": 1, "maximum": 2048 }),
        "lon" | "lat" | "minx" | "miny" | "maxx" | "maxy" => json!({ "type": "number" }),
        "format" => format(),
        "tms" => json!({ "type": "string", "example": "WebMercatorQuad" }),
        _ => json!({ "type": "string", "minLength": 1 }),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}
