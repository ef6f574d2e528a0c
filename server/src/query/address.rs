//! Which parameters mean something at which address of a raster: what cannot be read elsewhere is ignored there, as
//! TiTiler does. A test of [`crate::routes`] holds this to what `/openapi.json` tells.

/// Parameters that belong together.
type Group = &'static [&'static str];

const VALUES: Group = &["bidx", "nodata", "resampling", "reproject", "unscale", "expression"];
const ALGORITHM: Group = &["algorithm", "algorithm_params"];
const STYLE: Group = &["rescale", "color_formula", "colormap_name", "colormap", "return_mask", "quality"];
const TILE: Group = &["tilesize", "buffer", "padding"];
const SIDES: Group = &["width", "height"];
const MAX_SIZE: Group = &["max_size"];
const PLACE: Group = &["coord_crs", "dst_crs"];
const COORDINATES: Group = &["coord_crs"];
const COUNTS: Group = &["p", "c", "categorical", "histogram_bins", "histogram_range"];

/// Whether the parameter means something at the address with this path.
pub(crate) fn has(path: &str, parameter: &str) -> bool {
    groups(path).iter().any(|group| group.contains(&parameter))
}

/// The parameters of `/cog/…` or `/scenes/{scene_id}/…`.
fn groups(path: &str) -> &'static [Group] {
    let mut segments = path.split('/').skip(1);
    let above = if segments.next() == Some("scenes") { 1 } else { 0 };
    let resource: Vec<&str> = segments.skip(above).collect();
    match resource[..] {
        ["tiles", _, _, _, _] => &[VALUES, ALGORITHM, STYLE, TILE],
        ["tiles", ..] => &[],
        [first, ..] => match first.split('.').next().unwrap_or_default() {
            "preview" | "bbox" | "feature" | "crop" | "part" => &[VALUES, ALGORITHM, STYLE, SIDES, MAX_SIZE, PLACE],
            "map" => &[VALUES, ALGORITHM, STYLE, SIDES],
            "statistics" => &[VALUES, ALGORITHM, SIDES, MAX_SIZE, PLACE, COUNTS],
            "point" => &[VALUES, ALGORITHM, COORDINATES],
            "stac" => &[MAX_SIZE],
            "info" | "bounds" | "validate" => &[],
            // Of a matrix set, or of all: what leads to tiles repeats their query.
            _ => &[VALUES, ALGORITHM, STYLE, TILE],
        },
        [] => &[],
    }
}

/// Every parameter that is read for all addresses alike.
#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    [VALUES, ALGORITHM, STYLE, TILE, SIDES, MAX_SIZE, PLACE, COUNTS].into_iter().flatten().copied()
}

#[cfg(test)]
mod tests {
    use super::has;

    #[test]
    fn an_address_has_its_own_parameters() {
        for (path, parameter) in [
            ("/cog/tiles/WebMercatorQuad/1/2/3.png", "tilesize"),
            ("/scenes/tiles/tiles/WebMercatorQuad/1/2/3@2x", "rescale"),
            ("/scenes/a/statistics", "histogram_bins"),
            ("/cog/crop/1,2,3,4.5.png", "max_size"),
            ("/cog/preview.png", "colormap"),
            ("/cog/WebMercatorQuad/tilejson.json", "bidx"),
            ("/cog/viewer", "algorithm"),
            ("/cog/point/1.5,2", "coord_crs"),
        ] {
            assert!(has(path, parameter), "{path} {parameter}");
        }
        for (path, parameter) in [
            ("/cog/tiles/WebMercatorQuad/1/2/3.png", "max_size"),
            ("/cog/tiles/WebMercatorQuad", "rescale"),
            ("/cog/info", "p"),
            ("/scenes/statistics/info.geojson", "p"),
            ("/scenes/a/point/1,2", "histogram_bins"),
            ("/cog/preview/64x64.png", "tilesize"),
            ("/cog/WMTSCapabilities.xml", "width"),
            ("/cog", "bidx"),
        ] {
            assert!(!has(path, parameter), "{path} {parameter}");
        }
    }
}
