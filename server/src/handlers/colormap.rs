//! `/colorMaps/{name}`: one colormap as numbers, or as a bar of its colours (`f=png`), as TiTiler has it.

use std::sync::Arc;

use aurora_daemon::problem::Problem;
use aurora_raster::{
    encode::{self, Format, Payload, Quality},
    style::{Colormap, Colors, Picture},
};
use axum::{
    Json,
    extract::State,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::parameters::{Pairs, Parts};
use crate::{
    app::App,
    failure::Failure,
    pool::Piece,
    query::{MAX_SIDE_PX, read},
};

/// Colours of a colormap, which are as many pixels of a bar unless asked otherwise.
const COLORS: u32 = 256;

/// Pixels across a bar.
const BREADTH_PX: u32 = 20;

/// A bar never changes but with the program.
const KEPT: &str = "public, max-age=86400";

/// One colormap: `[red, green, blue, alpha]` by value, or a bar.
pub(crate) async fn colormap(
    State(app): State<Arc<App>>,
    Parts(name): Parts<String>,
    pairs: Pairs,
) -> Result<Response, Failure> {
    let colormap = Colormap::named(&name).ok_or_else(|| Problem::not_found(format!("colormap {name}")))?;
    match pairs.get::<String>("f")?.as_deref() {
        None | Some("json") => Ok(Json(numbers(&colormap)).into_response()),
        Some(format) => {
            let (bar, format) = (Bar::of(&pairs)?, picture_format(format)?);
            let _place = app.admission.enter()?;
            let _room = app.in_flight.reserve(bar.cost_bytes()).await?;
            let bytes = app.pool.run(Piece::First, move || bar.encoded(&colormap, format)).await??;
            Ok(([(CONTENT_TYPE, format.media_type()), (CACHE_CONTROL, KEPT)], bytes).into_response())
        }
    }
}

fn numbers(colormap: &Colormap) -> Value {
    let entries = colormap.entries().iter().enumerate().map(|(value, color)| (value.to_string(), json!(color)));
    Value::Object(entries.collect())
}

fn picture_format(name: &str) -> Result<Format, Problem> {
    let format = Format::from_extension(name).filter(|format| format.payload() == Payload::Picture);
    format.ok_or_else(|| Problem::parameter("f", format!("`{name}` is none of json, png, pngraw, jpg, jpeg, webp")))
}

/// The colours side by side, those of the least values on the left or at the top.
struct Bar {
    is_upright: bool,
    width_px: u32,
    height_px: u32,
}

impl Bar {
    fn of(pairs: &Pairs) -> Result<Self, Problem> {
        let is_upright = match pairs.get::<String>("orientation")?.as_deref() {
            None | Some("horizontal") => false,
            Some("vertical") => true,
            Some(other) => {
                let reason = format!("`{other}` is neither horizontal nor vertical");
                return Err(Problem::parameter("orientation", reason));
            }
        };
        let side = |name: &str| pairs.get::<String>(name)?.map(|text| read::side_px(name, &text)).transpose();
        let (usual_width, usual_height) = if is_upright { (BREADTH_PX, COLORS) } else { (COLORS, BREADTH_PX) };
        let (width, height) = (side("width")?, side("height")?);
        Ok(Self { is_upright, width_px: width.unwrap_or(usual_width), height_px: height.unwrap_or(usual_height) })
    }

    /// Its indices, its colours, and at most as much again encoded.
    fn cost_bytes(&self) -> u64 {
        u64::from(self.width_px) * u64::from(self.height_px) * 9
    }

    fn encoded(&self, colormap: &Colormap, format: Format) -> Result<Vec<u8>, Failure> {
        let &Self { is_upright, width_px, height_px } = self;
        let color = |at: u32, of: u32| ((2 * at + 1) * COLORS / (2 * of)) as u8;
        let row =
            |y: u32| (0..width_px).map(move |x| if is_upright { color(y, height_px) } else { color(x, width_px) });
        let indices = (0..height_px).flat_map(row).collect();
        let colors = Colors::Indexed8 { indices, palette: colormap.entries().to_vec() };
        Ok(encode::picture(&Picture { width_px, height_px, colors }, format, Quality::Usual)?)
    }
}

// A place in a bar, doubled, times its colours stays within 32 bits.
const _: () = assert!((2 * MAX_SIDE_PX as u64 + 1) * (COLORS as u64) < u32::MAX as u64);
