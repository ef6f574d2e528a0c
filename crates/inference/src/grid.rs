//! A rectangle of cells in memory, row by row from the north-west, and the few filters the detector needs.
//!
//! It knows neither CRS nor units. Cells without data are NaN in grids of floats. The survey makes grids, the detector
//! and the footprint read them.

use rayon::prelude::*;

/// `width × height` cells, row-major, north-west first.
#[derive(Debug, Clone)]
pub(crate) struct Grid<T> {
    /// Columns.
    pub(crate) width: usize,
    /// Rows.
    pub(crate) height: usize,
    /// `width * height` values.
    pub(crate) cells: Vec<T>,
}

impl<T: Copy + Send + Sync> Grid<T> {
    /// A grid full of one value.
    pub(crate) fn filled(width: usize, height: usize, value: T) -> Self {
        Self { width, height, cells: vec![value; width * height] }
    }

    /// The cell at a column and row inside the grid.
    pub(crate) fn at(&self, x: usize, y: usize) -> T {
        self.cells[y * self.width + x]
    }

    /// One row.
    pub(crate) fn row(&self, y: usize) -> &[T] {
        &self.cells[y * self.width..][..self.width]
    }

    /// A grid of the same shape whose cells come from `make(x, y)`, in parallel by row.
    pub(crate) fn derive<U: Copy + Send + Sync + Default>(&self, make: impl Fn(usize, usize) -> U + Sync) -> Grid<U> {
        build(self.width, self.height, make)
    }

    /// Each cell through `change`, in parallel.
    pub(crate) fn map<U: Send>(&self, change: impl Fn(T) -> U + Sync) -> Grid<U> {
        let cells = self.cells.par_iter().map(|cell| change(*cell)).collect();
        Grid { width: self.width, height: self.height, cells }
    }
}

/// A grid whose cells come from `make(x, y)`, in parallel by row.
pub(crate) fn build<U: Copy + Send + Sync + Default>(
    width: usize,
    height: usize,
    make: impl Fn(usize, usize) -> U + Sync,
) -> Grid<U> {
    let mut out = Grid::filled(width, height, U::default());
    out.cells.par_chunks_mut(width.max(1)).enumerate().for_each(|(y, row)| {
        for (x, cell) in row.iter_mut().enumerate() {
            *cell = make(x, y);
        }
    });
    out
}

/// The range `centre ± radius` inside `0..length`.
pub(crate) fn around(centre: usize, radius: usize, length: usize) -> std::ops::Range<usize> {
    centre.saturating_sub(radius)..(centre + radius + 1).min(length)
}

impl Grid<f32> {
    /// Mean over `(2·radius+1)²` cells, those without data left out; NaN stays NaN.
    pub(crate) fn box_mean(&self, radius: usize) -> Self {
        self.derive(|x, y| {
            if self.at(x, y).is_nan() {
                return f32::NAN;
            }
            let columns = around(x, radius, self.width);
            let cells = around(y, radius, self.height).flat_map(|row| &self.row(row)[columns.clone()]);
            let (sum, count) = cells
                .filter(|value| !value.is_nan())
                .fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
            sum / count
        })
    }

    /// Sums over windows of `2·radius+1` cells a side, by running sums: the cost does not grow with the radius.
    pub(crate) fn box_sum(&self, radius: usize) -> Self {
        self.row_sums(radius).transposed().row_sums(radius).transposed()
    }

    fn row_sums(&self, radius: usize) -> Self {
        let mut out = self.clone();
        out.cells.par_chunks_mut(self.width.max(1)).for_each(|row| {
            let prefix: Vec<f64> = std::iter::once(0.0)
                .chain(row.iter().scan(0.0, |sum, value| {
                    *sum += f64::from(*value);
                    Some(*sum)
                }))
                .collect();
            for (x, cell) in row.iter_mut().enumerate() {
                let range = around(x, radius, prefix.len() - 1);
                *cell = (prefix[range.end] - prefix[range.start]) as f32;
            }
        });
        out
    }

    fn transposed(&self) -> Self {
        build(self.height, self.width, |x, y| self.at(y, x))
    }
}

impl Grid<bool> {
    /// True wherever a true cell lies within `radius` cells along both axes.
    pub(crate) fn dilated(&self, radius: usize) -> Self {
        let across = self.derive(|x, y| self.row(y)[around(x, radius, self.width)].contains(&true));
        self.derive(|x, y| around(y, radius, self.height).any(|row| across.at(x, row)))
    }

    /// True where no false cell lies within `radius` cells along both axes; the outside counts as true.
    pub(crate) fn eroded(&self, radius: usize) -> Self {
        self.map(|cell| !cell).dilated(radius).map(|cell| !cell)
    }
}

/// Connected groups of cells.
pub(crate) struct Components {
    /// 0 where there is none, else the component's number from 1.
    pub(crate) labels: Grid<u32>,
    /// Cells of each component as indices into the grid, by number less one.
    pub(crate) members: Vec<Vec<u32>>,
}

impl Components {
    /// Only those whose cells `is_kept` takes, numbered anew.
    pub(crate) fn only(self, is_kept: impl Fn(&[u32]) -> bool) -> Self {
        let Self { mut labels, mut members } = self;
        members.retain(|cells| is_kept(cells));
        labels.cells.fill(0);
        for (index, cells) in members.iter().enumerate() {
            cells.iter().for_each(|cell| labels.cells[*cell as usize] = index as u32 + 1);
        }
        Self { labels, members }
    }
}

/// Groups the true cells that share an edge.
pub(crate) fn components(mask: &Grid<bool>) -> Components {
    let mut labels = Grid::filled(mask.width, mask.height, 0_u32);
    let mut members: Vec<Vec<u32>> = Vec::new();
    for start in 0..mask.cells.len() {
        if !mask.cells[start] || labels.cells[start] != 0 {
            continue;
        }
        let label = members.len() as u32 + 1;
        labels.cells[start] = label;
        let mut group = vec![start as u32];
        let mut next = 0;
        while let Some(&cell) = group.get(next) {
            next += 1;
            for neighbour in neighbours(cell as usize, mask.width, mask.height).into_iter().flatten() {
                if mask.cells[neighbour] && labels.cells[neighbour] == 0 {
                    labels.cells[neighbour] = label;
                    group.push(neighbour as u32);
                }
            }
        }
        members.push(group);
    }
    Components { labels, members }
}

/// The cells that share an edge with `cell`: west, east, north, south.
pub(crate) fn neighbours(cell: usize, width: usize, height: usize) -> [Option<usize>; 4] {
    let (x, y) = (cell % width, cell / width);
    [
        (x > 0).then(|| cell - 1),
        (x + 1 < width).then(|| cell + 1),
        (y > 0).then(|| cell - width),
        (y + 1 < height).then(|| cell + width),
    ]
}

/// The value below which `fraction` of `values` lies; `None` of nothing. Reorders `values`.
pub(crate) fn quantile(values: &mut [f32], fraction: f64) -> Option<f32> {
    let index = ((values.len().checked_sub(1)?) as f64 * fraction.clamp(0.0, 1.0)).round() as usize;
    Some(*values.select_nth_unstable_by(index, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn box_sums_agree_with_counting() {
        let grid = build(13, 7, |x, y| (x * 3 + y * y) as f32);
        let sums = grid.box_sum(2);
        for y in 0..7 {
            for x in 0..13 {
                let expected: f32 =
                    around(y, 2, 7).flat_map(|r| around(x, 2, 13).map(move |c| (c * 3 + r * r) as f32)).sum();
                assert!((sums.at(x, y) - expected).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn means_leave_out_cells_without_data() {
        let mut grid = Grid::filled(3, 3, 2.0_f32);
        grid.cells[0] = f32::NAN;
        let mean = grid.box_mean(1);
        assert!(mean.at(0, 0).is_nan() && mean.at(1, 1) == 2.0);
    }

    #[test]
    fn diagonal_cells_are_two_components() {
        let mask = build(4, 4, |x, y| x == y);
        assert_eq!(components(&mask).members.len(), 4);
    }

    #[test]
    fn opening_removes_what_is_thin() {
        let mask = build(9, 9, |x, y| y == 4 || (x < 3 && y < 3));
        let opened = mask.eroded(1).dilated(1);
        assert!(opened.at(1, 1) && !opened.at(6, 4));
    }
}
