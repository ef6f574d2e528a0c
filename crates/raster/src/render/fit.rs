//! Views of boxes and of whole rasters, in the sizes that rio-tiler would give them.

use aurora_tile::Bounds;

use crate::{
    Feature, RasterError, Result,
    crs::Crs,
    encode::{Ground, Placement, System},
    facts::place,
    header::{self, Affine, Header},
    render::{View, carry::carried_bounds, zooms::size_within},
};

/// How near to an edge between pixels something lies on it.
const ON_EDGE_PX: f64 = 1e-6;

/// The size that was asked for, as far as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizing {
    /// Longest side in pixels; counts only without a width and height.
    pub max_px: Option<u32>,
    /// Width in pixels.
    pub width_px: Option<u32>,
    /// Height in pixels.
    pub height_px: Option<u32>,
    /// Whether a box is widened to the edges of the raster's pixels.
    pub on_pixel_edges: bool,
}

impl Sizing {
    /// Width and height in pixels of what has `native` pixels by itself: rio-tiler's `output_size`.
    pub fn resolve(&self, (native_width, native_height): (u32, u32)) -> (u32, u32) {
        self.resolve_extent((f64::from(native_width), f64::from(native_height)))
    }

    /// The same of what is so many pixels wide and high, and not whole ones: a box has its own ratio of sides.
    fn resolve_extent(&self, (native_width, native_height): (f64, f64)) -> (u32, u32) {
        let ratio = native_height / native_width;
        // Half of what numbers reach leaves room for what is put round it, until it is refused.
        let whole = |side: f64| (side as u32).clamp(1, u32::MAX / 2);
        // A side that is whole but for rounding is not one more.
        let up = |side: f64| whole(if (side - side.round()).abs() < ON_EDGE_PX { side.round() } else { side.ceil() });
        let longest = native_width.max(native_height);
        match (self.width_px, self.height_px) {
            (Some(width), Some(height)) => (width, height),
            (Some(width), None) => (width, up(f64::from(width) * ratio)),
            (None, Some(height)) => (up(f64::from(height) / ratio), height),
            (None, None) => match self.max_px {
                Some(max) if longest >= f64::from(max) && ratio > 1.0 => (up(f64::from(max) / ratio), max),
                Some(max) if longest >= f64::from(max) => (max, up(f64::from(max) * ratio)),
                _ => (whole(native_width.round()), whole(native_height.round())),
            },
        }
    }
}

impl View {
    /// The view of a box in its own system, in the raster's own resolution within it unless a size is asked for.
    ///
    /// # Errors
    /// `Unsupported` without georeferencing, `BadParameter` for a box that is empty or not finite.
    pub fn of_box(header: &Header, crs: Crs, bounds: Bounds, sizing: Sizing) -> Result<Self> {
        let native = size_within(header, &crs, bounds).ok_or_else(|| RasterError::Unsupported {
            feature: Feature::Georeferencing,
            detail: header.georef_note.clone().unwrap_or_else(|| format!("the raster has no place in {crs}")),
        })?;
        let bounds = if sizing.on_pixel_edges { to_pixel_edges(bounds, native.corner, native.pixel) } else { bounds };
        let is_warped = header
            .georef
            .as_ref()
            .is_none_or(|georef| georef.crs != crs || matches!(georef.placement, header::Placement::ControlPoints(_)));
        // A warp has a grid of whole pixels of its own, whose ratio rio-tiler then keeps.
        let pixels =
            |extent: f64, pixel: f64| if is_warped { (extent / pixel).round().max(1.0) } else { extent / pixel };
        let native_px = (pixels(bounds.width(), native.pixel.0), pixels(bounds.height(), native.pixel.1));
        let (width_px, height_px) = sizing.resolve_extent(native_px);
        Self::of_bounds(crs, bounds, width_px, height_px)
    }
}

/// The box of whole pixels round a box, in a grid of pixels from `corner` on: rio-tiler's `align_bounds_with_dataset`.
/// An edge that lies on pixels' edges but for rounding stays there.
fn to_pixel_edges(bounds: Bounds, corner: (f64, f64), pixel: (f64, f64)) -> Bounds {
    let low = |px: f64| if (px - px.round()).abs() < ON_EDGE_PX { px.round() } else { px.floor() };
    let high = |px: f64| -low(-px);
    let (west, east) = (low((bounds.minx - corner.0) / pixel.0), high((bounds.maxx - corner.0) / pixel.0));
    let (north, south) = (low((corner.1 - bounds.maxy) / pixel.1), high((corner.1 - bounds.miny) / pixel.1));
    let (x, y) = (|px: f64| corner.0 + px * pixel.0, |px: f64| corner.1 - px * pixel.1);
    Bounds::new(x(west), y(south), x(east), y(north))
}

impl View {
    /// The view of all of a raster in another system than its own.
    ///
    /// # Errors
    /// As [`View::of_box`], and `BadParameter` where the system does not reach the raster.
    pub fn of_whole(header: &Header, crs: Crs, sizing: Sizing) -> Result<Self> {
        let nowhere = || RasterError::BadParameter { name: "dst_crs", reason: "does not reach the raster".into() };
        let georef = header.georef.as_ref().ok_or_else(nowhere)?;
        let full = &header.levels[0];
        let [minx, miny, maxx, maxy] = place::bounds_native(&georef.placement, (full.width_px, full.height_px));
        let bounds = carried_bounds(&georef.crs, &crs, Bounds::new(minx, miny, maxx, maxy)).ok_or_else(nowhere)?;
        Self::of_box(header, crs, bounds, sizing)
    }
}

/// Where a GeoTIFF of all of a raster lies in its own rows and columns, `size_px` of them.
pub fn placement_of_whole(header: &Header, size_px: (u32, u32)) -> Option<Placement> {
    let georef = header.georef.as_ref()?;
    let full = &header.levels[0];
    let stretch = |full_px: u32, size_px: u32| f64::from(full_px) / f64::from(size_px);
    let (across, down) = (stretch(full.width_px, size_px.0), stretch(full.height_px, size_px.1));
    let ground = match &georef.placement {
        &header::Placement::Affine(Affine { a, b, c, d, e, f }) => {
            Ground::Affine(Affine { a: a * across, b: b * down, c, d: d * across, e: e * down, f })
        }
        header::Placement::ControlPoints(points) => Ground::ControlPoints(points.ties(size_px)),
    };
    let is_geographic = georef.crs.is_geographic();
    let by_code = georef.crs.epsg().map(|code| System::Epsg { code, is_geographic });
    Some(Placement { system: by_code.or_else(|| georef.keys.clone().map(System::Keys)), ground })
}

#[cfg(test)]
mod tests {
    use aurora_tile::Bounds;

    use super::{Sizing, to_pixel_edges};

    /// What rio-tiler 9.4.12's `output_size` answers.
    #[test]
    fn sizes_are_rio_tilers() {
        let size = |max_px, width_px, height_px, native| {
            Sizing { max_px, width_px, height_px, ..Sizing::default() }.resolve(native)
        };
        assert_eq!(size(Some(1024), None, None, (8000, 6001)), (1024, 769));
        assert_eq!(size(Some(1024), None, None, (6001, 8000)), (769, 1024));
        assert_eq!(size(Some(1024), None, None, (500, 100)), (500, 100));
        assert_eq!(size(Some(1024), Some(30), None, (100, 50)), (30, 15));
        assert_eq!(size(None, None, Some(30), (100, 51)), (59, 30));
        assert_eq!(size(Some(7), Some(30), Some(40), (100, 51)), (30, 40));
        assert_eq!(size(None, None, None, (100, 51)), (100, 51));
        // A box of 4 by 7/3 pixels.
        let of_box = |width_px, height_px, max_px| {
            Sizing { width_px, height_px, max_px, ..Sizing::default() }.resolve_extent((4.0, 7.0 / 3.0))
        };
        assert_eq!([of_box(Some(600), None, None), of_box(None, Some(600), None)], [(600, 350), (1029, 600)]);
        assert_eq!([of_box(None, None, Some(1024)), of_box(None, None, Some(3))], [(4, 2), (3, 2)]);
        let slit = Sizing { width_px: Some(2048), ..Sizing::default() }.resolve_extent((1e-9, 1.0));
        assert_eq!(slit, (2048, u32::MAX / 2));
    }

    #[test]
    fn a_box_is_widened_to_whole_pixels() {
        let widened = |bounds| to_pixel_edges(bounds, (100.0, 50.0), (10.0, 5.0));
        let box_of = Bounds::new(113.0, 21.0, 127.0, 39.9);
        assert_eq!(widened(box_of), Bounds::new(110.0, 20.0, 130.0, 40.0));
        assert_eq!(widened(Bounds::new(110.0 - 1e-8, 20.0, 130.0 + 1e-8, 40.0)), widened(box_of));
        assert_eq!(widened(Bounds::new(91.0, 51.0, 92.0, 52.0)), Bounds::new(90.0, 50.0, 100.0, 55.0));
    }
}
