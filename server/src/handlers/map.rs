//! `map`: all or a part of a raster as one picture, asked for in the words of OGC API – Maps (20-058): `bbox` and
//! `bbox-crs`, `crs`, `width` and `height`, `f`.
//!
//! It differs from `bbox` and `preview` in its words, in the system of the picture, which is the raster's own unless
//! asked otherwise, and in that the answer says where it lies (`Content-Bbox`, `Content-Crs`).

use std::sync::Arc;

use aurora_daemon::problem::Problem;
use aurora_raster::{
    GeoTiff,
    crs::{Crs, WGS84},
    encode::Format,
    header::Georef,
    render::{Sizing, View, carried_bounds},
};
use aurora_tile::Bounds;
use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode},
    response::Response,
};

use super::{
    conditions::Conditions,
    info::crs_uri,
    parameters::Pairs,
    pictures::{across, picture},
    walk::Walk,
};
use crate::{
    app::App,
    failure::Failure,
    query::{SharedQuery, read},
    render::Shown,
    target::Target,
};

/// Longest side in pixels where neither is named, as TiTiler has it.
const USUAL_SIDE_PX: u32 = 1024;

const CONTENT_BBOX: HeaderName = HeaderName::from_static("content-bbox");
const CONTENT_CRS: HeaderName = HeaderName::from_static("content-crs");

/// The picture.
pub(crate) async fn map(
    State(app): State<Arc<App>>,
    target: Target,
    query: SharedQuery,
    pairs: Pairs,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let asked = Asked::of(&pairs, &query)?;
    let place = match asked.placed(&app, &target).await {
        // The file was replaced a moment ago.
        Err(failure) if failure.is_changed() => {
            app.rasters.forget(&target);
            asked.placed(&app, &target).await?
        }
        place => place?,
    };
    // In the words of `bbox`: a box in the picture's own system.
    let query = query.with(|query| (query.coord_crs, query.dst_crs) = (Some(place.crs.clone()), None));
    let walk = Walk { app: &app, target: &target, revision: query.revision, conditions: &conditions };
    let mut answer = picture(walk, &query, Shown::Box(place.bounds, asked.sizing), Some(asked.format)).await?;
    if answer.status() == StatusCode::OK {
        place.tell(&mut answer);
    }
    Ok(answer)
}

/// What is asked for.
struct Asked {
    /// A box and its system; all of the raster without one.
    bbox: Option<(Bounds, Crs)>,
    crs: Option<Crs>,
    sizing: Sizing,
    format: Format,
}

impl Asked {
    fn of(pairs: &Pairs, query: &SharedQuery) -> Result<Self, Failure> {
        let system = |name: &str| pairs.get::<String>(name)?.map(|crs| read::crs(name, &crs)).transpose();
        let bbox_crs = system("bbox-crs")?.map_or_else(|| Crs::from_epsg(WGS84), Ok)?;
        let bounds = pairs.get::<String>("bbox")?.map(|text| bounds(&text, bbox_crs.turn())).transpose()?;
        let bbox = bounds.map(|bounds| (bounds, bbox_crs));
        let (width_px, height_px) = (query.width_px, query.height_px);
        let max_px = (width_px.is_none() && height_px.is_none()).then_some(USUAL_SIDE_PX);
        let format = pairs.get::<String>("f")?.map_or(Ok(Format::Png), |format| read::format_of("f", &format))?;
        let sizing = Sizing { max_px, width_px, height_px, ..Sizing::default() };
        Ok(Self { bbox, crs: system("crs")?, sizing, format })
    }

    async fn placed(&self, app: &App, target: &Target) -> Result<Place, Failure> {
        let pinned = app.rasters.pin(target).await?;
        self.place(&app.rasters.open(target, &pinned).await?.tiff)
    }

    /// Where the picture lies: in the system asked for, else in the raster's own.
    fn place(&self, tiff: &GeoTiff) -> Result<Place, Failure> {
        let header = tiff.header();
        let own = header.georef.as_ref().map(|Georef { crs, .. }| crs);
        let crs = self.crs.as_ref().or(own).cloned();
        let crs = crs.ok_or_else(|| Problem::parameter("crs", "is missing, and the raster has none of its own"))?;
        let bounds = match &self.bbox {
            Some((bounds, bbox_crs)) => carried_bounds(bbox_crs, &crs, *bounds)
                .ok_or_else(|| Problem::parameter("crs", "does not reach the box that is asked for"))?,
            None => View::of_whole(header, crs.clone(), self.sizing)?.bounds(),
        };
        Ok(Place { bounds, crs })
    }
}

/// A box of four numbers, or of six, whose heights do not matter.
fn bounds(text: &str, turn: Option<f64>) -> Result<Bounds, Problem> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    let edges = match numbers.as_deref() {
        Some(&[minx, miny, maxx, maxy] | &[minx, miny, _, maxx, maxy, _]) => Some([minx, miny, maxx, maxy]),
        _ => None,
    };
    let bad = || Problem::parameter("bbox", format!("`{text}` is not minx,miny,maxx,maxy"));
    edges.and_then(|edges| across(edges, turn)).ok_or_else(bad)
}

/// Where a picture lies.
struct Place {
    bounds: Bounds,
    crs: Crs,
}

impl Place {
    fn tell(&self, answer: &mut Response) {
        let [minx, miny, maxx, maxy] = self.bounds.to_array();
        let told = [
            (CONTENT_BBOX, Some(format!("{minx},{miny},{maxx},{maxy}"))),
            (CONTENT_CRS, self.crs.epsg().map(|code| format!("<{}>", crs_uri(code)))),
        ];
        for (name, value) in told {
            let value = value.and_then(|value| HeaderValue::from_str(&value).ok());
            value.into_iter().for_each(|value| drop(answer.headers_mut().insert(name.clone(), value)));
        }
    }
}
