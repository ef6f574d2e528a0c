//! Whole renders of mutants: read, warped, worked on, coloured and encoded as a request might ask.

use aurora_raster::{
    GeoTiff, RasterError, Result,
    cache::BlockCache,
    crs::{self, Crs},
    encode::{self, Format, Payload, Quality},
    facts,
    pixels::Pixels,
    process::{self, Algorithm, Expression, Process, Setting},
    render::{self, Plan, ReadOptions, Resampling, View},
    statistics,
    style::{self, ColorFormula, Coloring, Colormap, Depth, Style, colormap_names},
};
use aurora_tile::{Bounds, lon_lat_to_mercator};
use futures_util::FutureExt;

use super::{BLOCK_BYTES, RENDER_BYTES, Random, blocks, counting::peak_bytes, header_reach, mutant, open, run};

/// Side of a view.
const SIDE_PX: u32 = 64;

/// Systems that views lie in: the web map most often.
const SYSTEMS: [u32; 5] = [crs::WEB_MERCATOR, crs::WEB_MERCATOR, 4326, 32_633, 3031];

/// Arithmetic that meets bands which are not there, division by nothing, and more than one output.
const EXPRESSIONS: [&str; 6] =
    ["b1*2", "b1/b2", "(b1-b2)/(b1+b2);b1", "where(b1>10,sqrt(b1),0)", "log10(b1)*b1**3", "b4-b1%7"];

/// What is asked for of a raster.
struct Wish {
    process: Process,
    resampling: Resampling,
    format: Format,
    coloring: Option<Coloring>,
    formula: Option<ColorFormula>,
    depth: Depth,
    opaque: bool,
}

fn any<'a>(of: &[&'a str], random: &mut Random) -> &'a str {
    of[random.below(of.len())]
}

fn one_in(times: usize, random: &mut Random) -> bool {
    random.below(times) == 0
}

impl Wish {
    fn any(random: &mut Random) -> Self {
        let (kernels, formats): (Vec<&str>, Vec<&str>) =
            (Resampling::names().collect(), Format::extensions().collect());
        let algorithms: Vec<&str> = process::algorithms().map(|(name, _)| name).collect();
        let usual = any(&["nearest", "bilinear"], random);
        let kernel = if one_in(2, random) { usual } else { any(&kernels, random) };
        let algorithm =
            one_in(4, random).then(|| Algorithm::named(any(&algorithms, random), None).expect("its defaults fit"));
        let expression = one_in(4, random).then(|| Expression::parse(any(&EXPRESSIONS, random)).expect("understood"));
        let names = colormap_names();
        let map = |random: &mut Random| Colormap::named(&names[random.below(names.len())]).map(Coloring::Map);
        Self {
            process: Process { unscale: one_in(8, random), expression, algorithm },
            resampling: Resampling::named(kernel).expect("a listed name"),
            format: Format::from_extension(any(&formats, random)).expect("its own name"),
            coloring: if one_in(4, random) { map(random) } else { None },
            formula: one_in(8, random).then(|| ColorFormula::parse("gamma rgb 1.7, sigmoidal rgb 5 0.4").expect("one")),
            depth: if one_in(4, random) { Depth::AsStored } else { Depth::Eight },
            opaque: one_in(4, random),
        }
    }

    fn plain() -> Self {
        Self {
            process: Process::default(),
            resampling: Resampling::Nearest,
            format: Format::Png,
            coloring: None,
            formula: None,
            depth: Depth::Eight,
            opaque: false,
        }
    }

    /// Pictures of the raster as it lies, and of a view of it in a system.
    fn of(&self, tiff: &GeoTiff, epsg: u32) -> Result<()> {
        let options = self.options();
        self.file(tiff, &render::plan_whole(tiff, 48, &options)?, (1.0, 1.0))?;
        let Some(view) = view(tiff, epsg) else { return Ok(()) };
        let pixel = (view.bounds().width() / f64::from(SIDE_PX), view.bounds().height() / f64::from(SIDE_PX));
        match render::plan(tiff, &view.grown(self.process.buffer_px()), &options) {
            Err(RasterError::OutsideBounds) => Ok(()),
            plan => self.file(tiff, &plan?, pixel),
        }
    }

    fn options(&self) -> ReadOptions {
        ReadOptions { bands: self.process.bands(), resampling: self.resampling, ..ReadOptions::default() }
    }

    /// A file of the pixels that `plan` reads, each so large in the units of its system.
    fn file(&self, tiff: &GeoTiff, plan: &Plan, pixel: (f64, f64)) -> Result<()> {
        let mut pixels = paint(tiff, plan)?;
        if !self.process.is_nothing() {
            let setting = Setting::of(tiff.header(), self.process.bands().as_deref(), pixel);
            pixels = self.process.apply(pixels, &setting)?;
        }
        let file = match self.format.payload() {
            Payload::Values => encode::values(&pixels, self.format, None, !self.opaque)?,
            Payload::Picture => {
                let rescale = statistics::auto_stretch(&pixels);
                let (coloring, formula) = (self.coloring.clone(), self.formula.clone());
                let style = Style { rescale, coloring, formula, depth: self.depth, opaque: self.opaque };
                encode::picture(&style::apply(pixels, &style)?, self.format, Quality::Usual)?
            }
        };
        assert!(!file.is_empty());
        Ok(())
    }
}

fn paint(tiff: &GeoTiff, plan: &Plan) -> Result<Pixels> {
    let cache = BlockCache::new(0);
    let mut painted = None;
    for index in 0..plan.part_count() {
        let part = plan.part(tiff, index);
        let fetched = render::fetch(tiff, &part, &cache).now_or_never().expect("ready at once")?;
        painted = Some(render::paint_onto(tiff, &part, fetched, &cache, painted)?);
    }
    let pixels = painted.expect("a part");
    assert_eq!(pixels.mask.len(), pixels.pixels_per_band());
    Ok(pixels)
}

/// The raster's bounds in a system, or those of the web map's numbers where they are no numbers there.
fn view(tiff: &GeoTiff, epsg: u32) -> Option<View> {
    let [west, south, east, north] = facts::of(tiff).bounds_wgs84?;
    let ((minx, miny), (maxx, maxy)) = (lon_lat_to_mercator(west, south), lon_lat_to_mercator(east, north));
    let bounds = if epsg == 4326 { Bounds::new(west, south, east, north) } else { Bounds::new(minx, miny, maxx, maxy) };
    View::of_bounds(Crs::from_epsg(epsg).ok()?, bounds, SIDE_PX, SIDE_PX).ok()
}

#[test]
fn mutants_are_rendered_or_refused() {
    run(2_500, RENDER_BYTES, |seeds, random| {
        let seed = &seeds[random.below(seeds.len())];
        let reach = if one_in(2, random) { header_reach(seed, random) } else { 0..seed.len() };
        let tiff = open(&mutant(seed, &reach, random))?;
        let wish = Wish::any(random);
        wish.of(&tiff, SYSTEMS[random.below(SYSTEMS.len())])
    });
}

/// Mutants that once held too much or panicked: a WebP whose partitions claim 16 MiB each, a raster of which a view
/// pixel spans more pixels than numbers reach, one whose blocks are together longer than numbers reach, and one of
/// which a kernel looks beyond the blocks that were read.
#[test]
fn what_was_found_once_stays_bounded() {
    let found: [&'static [u8]; 4] = [
        include_bytes!("found/webp-partitions.tif"),
        include_bytes!("found/flat-pixels.tif"),
        include_bytes!("found/endless-blocks.tif"),
        include_bytes!("found/taps-beyond-blocks.tif"),
    ];
    for bytes in found {
        let tiff = open(&bytes.into()).expect("its header is valid");
        let (_, held) = peak_bytes(|| drop(blocks(&tiff)));
        assert!(held <= BLOCK_BYTES, "{held} bytes for blocks");
        for resampling in Resampling::names().filter_map(Resampling::named) {
            let wish = Wish { resampling, ..Wish::plain() };
            for epsg in SYSTEMS {
                let (_, held) = peak_bytes(|| drop(wish.of(&tiff, epsg)));
                assert!(held <= RENDER_BYTES, "{held} bytes by {resampling:?} in EPSG:{epsg}");
            }
        }
    }
}
