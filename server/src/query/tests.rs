//! Queries as clients spell them.

use aurora_raster::style::Colormap;
use axum::http::StatusCode;

use super::*;

fn parse(pairs: &[(&str, &str)]) -> Result<RasterQuery, Problem> {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (query, refused) = RasterQuery::parse(&pairs);
    refused.into_iter().next().map_or(Ok(query), |refused| Err(refused.problem))
}

#[test]
fn titilers_names_are_understood() {
    let query = parse(&[
        ("bidx", "2"),
        ("bidx", "1"),
        ("nodata", "nan"),
        ("reproject", "bilinear"),
        ("rescale", "0,1000"),
        ("rescale", "-5.5,3e2"),
        ("colormap_name", "Viridis"),
        ("tilesize", "512"),
        ("v", "7"),
        ("somebody_elses", "x"),
        ("algorithm", ""),
        ("unscale", "false"),
    ])
    .unwrap();
    assert_eq!(query.bands, Some(vec![2, 1]));
    assert!(query.nodata.unwrap().is_nan());
    assert_eq!(query.resampling, Resampling::Bilinear);
    let ranges = vec![Rescale { min: 0.0, max: 1000.0 }, Rescale { min: -5.5, max: 300.0 }];
    assert_eq!(query.stretch, Stretch::Ranges(ranges));
    assert_eq!(
        (query.coloring, query.tile_size_px, query.revision),
        (Colormap::named("viridis").map(Coloring::Map), Some(512), Some(7))
    );
}

#[test]
fn stretches_by_percentile_are_understood() {
    assert_eq!(parse(&[]).unwrap().stretch, Stretch::ByType);
    assert_eq!(parse(&[("rescale", "auto")]).unwrap().stretch, Stretch::Percentiles(2.0, 98.0));
    assert_eq!(parse(&[("rescale", "p0.5,p99")]).unwrap().stretch, Stretch::Percentiles(0.5, 99.0));
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    for (name, value) in [
        ("bidx", "0"),
        ("bidx", "x"),
        ("nodata", "none"),
        ("resampling", "sharp"),
        ("rescale", "1"),
        ("rescale", "1,1"),
        ("rescale", "p98,p2"),
        ("rescale", "0,inf"),
        ("colormap_name", "no_such"),
        ("tilesize", "0"),
        ("tilesize", "100000"),
        ("expression", "b1/"),
        ("algorithm", "sharpen"),
        ("unscale", "perhaps"),
        ("return_mask", "perhaps"),
        ("color_formula", "brighten rgb 2"),
        ("colormap", "{"),
        ("quality", "0"),
        ("buffer", "0.3"),
        ("padding", "-1"),
        ("width", "-1"),
        ("max_size", "-1"),
        ("dst_crs", "epsg:99999"),
        ("coord_crs", "here"),
        ("p", "101"),
        ("histogram_bins", "5,4"),
        ("histogram_bins", "100000"),
        ("histogram_range", "1"),
        ("c", "x"),
    ] {
        let problem = parse(&[(name, value)]).unwrap_err();
        assert_eq!(problem.status(), StatusCode::BAD_REQUEST);
        assert!(format!("{problem:?}").contains(&format!("parameter `{name}`")), "{problem:?}");
    }
    assert!(parse(&[("rescale", "auto"), ("rescale", "0,1")]).is_err());
}

#[test]
fn the_last_of_several_counts_and_sides_of_0_follow_from_the_rest() {
    let query = parse(&[("nodata", "1"), ("nodata", "2"), ("width", "0"), ("height", "9"), ("max_size", "0")]).unwrap();
    assert_eq!((query.nodata, query.width_px, query.height_px), (Some(2.0), None, Some(9)));
    assert_eq!((query.picture_max_px().unwrap(), query.counted_max_px()), (Some(MAX_SIDE_PX), None));
    let usual = parse(&[]).unwrap();
    assert_eq!((usual.picture_max_px().unwrap(), usual.counted_max_px()), (None, Some(STATISTICS_SIDE_PX)));
}

#[test]
fn format_and_crs_mean_something_only_where_they_are_asked_for() {
    let query = parse(&[("format", "gif"), ("crs", "epsg:99999")]).unwrap();
    assert_eq!(query.format_or(Some(Format::Png)).unwrap(), Some(Format::Png));
    assert!(query.format_or(None).is_err() && query.bounds_crs().is_err());
    let query = parse(&[("format", "webp"), ("crs", "epsg:3857")]).unwrap();
    assert_eq!(query.format_or(None).unwrap(), Some(Format::Webp));
    assert_eq!(query.bounds_crs().unwrap().and_then(|crs| crs.epsg()), Some(3857));
    assert_eq!(query.canonical(), parse(&[]).unwrap().canonical());
}

#[test]
fn sizes_places_and_colours_are_understood() {
    let query = parse(&[
        ("return_mask", "False"),
        ("quality", "lossless"),
        ("buffer", "1.5"),
        ("padding", "2"),
        ("width", "300"),
        ("dst_crs", "http://www.opengis.net/def/crs/EPSG/0/32633"),
        ("coord_crs", "OGC:CRS84"),
        ("color_formula", "gamma r 1.2"),
        ("colormap", "{\"1\": \"#ff0000\"}"),
    ])
    .unwrap();
    assert_eq!((query.opaque, query.quality, query.buffer_half_px), (true, Quality::Lossless, 3));
    assert_eq!(query.dst_crs.and_then(|crs| crs.epsg()), Some(32_633));
    assert_eq!(query.coord_crs.and_then(|crs| crs.epsg()), Some(4326));
    assert!(query.formula.is_some() && matches!(query.coloring, Some(Coloring::Classes(_))));
    assert_eq!((query.width_px, query.height_px), (Some(300), None));
}

#[test]
fn processes_are_understood() {
    let query = parse(&[
        ("algorithm_params", "{\"window\": 5}"),
        ("algorithm", "lee"),
        ("expression", "b2/b1"),
        ("bidx", "3"),
        ("unscale", "true"),
    ])
    .unwrap();
    assert_eq!((query.process.buffer_px(), query.process.unscale), (2, true));
    assert_eq!(query.read_options(None).bands, Some(vec![1, 2]));
    let refused = parse(&[("algorithm", "lee"), ("algorithm_params", "{\"window\": 4}")]).unwrap_err();
    assert!(format!("{refused:?}").contains("`algorithm_params`"), "{refused:?}");
}

#[test]
fn one_meaning_has_one_spelling() {
    let canonical = |pairs: &[(&str, &str)]| parse(pairs).unwrap().canonical();
    assert_eq!(canonical(&[("rescale", "auto")]), canonical(&[("x", "1"), ("rescale", "p2,p98"), ("v", "3")]));
    assert_ne!(canonical(&[("rescale", "auto")]), canonical(&[]));
    assert_ne!(canonical(&[("nodata", "0")]), canonical(&[]));
}
