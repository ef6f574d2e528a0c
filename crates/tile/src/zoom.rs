//! Which zoom suits a pixel size. The rule is GDAL's COG driver's, as morecantile and rio-tiler apply it, so that a
//! client switching from TiTiler sees the same minimum and maximum zoom.

use std::ops::RangeInclusive;

use crate::TileMatrixSet;

/// Relative difference below which two resolutions are one.
const SAME_RESOLUTION: f64 = 1e-8;

impl TileMatrixSet {
    /// The zoom whose pixels are nearest to `resolution` (units of the set's coordinate reference system a pixel), by
    /// ratio: halfway means the geometric mean.
    pub fn zoom_for_resolution(&self, resolution: f64) -> u8 {
        let differs = |cell: f64| (resolution - cell).abs() / cell > SAME_RESOLUTION;
        let fine_enough = |cell: f64| resolution > cell || !differs(cell);
        let matrices = self.matrices();
        let last = matrices.len() - 1;
        let finer = matrices.iter().position(|matrix| fine_enough(matrix.cell_size)).unwrap_or(last);
        let coarser = finer.saturating_sub(1);
        let (finer_cell, coarser_cell) = (matrices[finer].cell_size, matrices[coarser].cell_size);
        let coarser_is_nearer = differs(finer_cell) && coarser_cell / resolution < resolution / finer_cell;
        let zoom = if coarser_is_nearer { coarser } else { finer };
        self.first_zoom().saturating_add(u8::try_from(zoom).unwrap_or(u8::MAX))
    }

    /// Zooms at which a raster of `width_px` × `height_px` pixels of `resolution` (in the set's coordinate reference
    /// system) is worth showing: from where it fits about one tile to where its pixels are a tile's.
    pub fn zooms_for_raster(&self, resolution: f64, width_px: u32, height_px: u32) -> RangeInclusive<u8> {
        let tile_px = self.tile_matrices[0].tile_width;
        let mut halvings = 0;
        while halvings < 31 && (width_px >> halvings).min(height_px >> halvings) > tile_px {
            halvings += 1;
        }
        let coarsest = resolution * f64::from(1_u32 << halvings);
        self.zoom_for_resolution(coarsest)..=self.zoom_for_resolution(resolution)
    }
}

#[cfg(test)]
mod tests {
    use crate::TileMatrixSet;

    #[test]
    fn a_zooms_own_resolution_is_that_zoom() {
        let set = TileMatrixSet::web_mercator_quad();
        for z in set.zooms() {
            assert_eq!(set.zoom_for_resolution(set.resolution(z).unwrap()), z);
        }
    }

    #[test]
    fn between_zooms_the_nearer_by_ratio_wins() {
        let set = TileMatrixSet::web_mercator_quad();
        let cell = set.resolution(10).unwrap();
        assert_eq!(set.zoom_for_resolution(cell * 1.41), 10);
        assert_eq!(set.zoom_for_resolution(cell * 1.42), 9);
        assert_eq!(set.zoom_for_resolution(1e9), 0);
        assert_eq!(set.zoom_for_resolution(1e-9), 24);
    }

    /// What morecantile 7.1.0 answers.
    #[test]
    fn zooms_agree_with_morecantile() {
        let set = TileMatrixSet::web_mercator_quad();
        for (resolution, zoom) in [(430.021, 9), (433.0, 8), (200_000.0, 0), (20.0, 13), (0.001, 24)] {
            assert_eq!(set.zoom_for_resolution(resolution), zoom, "{resolution}");
        }
    }
}
