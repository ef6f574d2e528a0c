//! An axis-aligned box in some coordinate reference system. It does not know which one.

use serde::{Deserialize, Serialize};

/// `minx ≤ maxx`, `miny ≤ maxy` in the units of the caller's coordinate reference system.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// Smallest x (west).
    pub minx: f64,
    /// Smallest y (south).
    pub miny: f64,
    /// Largest x (east).
    pub maxx: f64,
    /// Largest y (north).
    pub maxy: f64,
}

impl Bounds {
    /// A box from its corners, in TiTiler's order: minx, miny, maxx, maxy.
    pub fn new(minx: f64, miny: f64, maxx: f64, maxy: f64) -> Self {
        Self { minx, miny, maxx, maxy }
    }

    /// The smallest box around `points`; `None` when none of them is finite.
    pub fn around(points: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let finite = points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite());
        finite.map(|(x, y)| Self::new(x, y, x, y)).reduce(|a, b| a.union(&b))
    }

    /// Extent in x.
    pub fn width(&self) -> f64 {
        self.maxx - self.minx
    }

    /// Extent in y.
    pub fn height(&self) -> f64 {
        self.maxy - self.miny
    }

    /// The middle.
    pub fn centre(&self) -> (f64, f64) {
        (f64::midpoint(self.minx, self.maxx), f64::midpoint(self.miny, self.maxy))
    }

    /// Whether the interiors meet; touching edges do not count.
    pub fn intersects(&self, other: &Self) -> bool {
        self.minx < other.maxx && other.minx < self.maxx && self.miny < other.maxy && other.miny < self.maxy
    }

    /// What both cover, or `None` when they do not meet.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        self.intersects(other).then(|| Self {
            minx: self.minx.max(other.minx),
            miny: self.miny.max(other.miny),
            maxx: self.maxx.min(other.maxx),
            maxy: self.maxy.min(other.maxy),
        })
    }

    /// The smallest box around both.
    pub fn union(&self, other: &Self) -> Self {
        Self {
            minx: self.minx.min(other.minx),
            miny: self.miny.min(other.miny),
            maxx: self.maxx.max(other.maxx),
            maxy: self.maxy.max(other.maxy),
        }
    }

    /// Whether `(x, y)` lies inside or on the edge.
    pub fn contains(&self, x: f64, y: f64) -> bool {
        (self.minx..=self.maxx).contains(&x) && (self.miny..=self.maxy).contains(&y)
    }

    /// `[minx, miny, maxx, maxy]`, as GeoJSON's `bbox` has it.
    pub fn to_array(&self) -> [f64; 4] {
        [self.minx, self.miny, self.maxx, self.maxy]
    }
}

#[cfg(test)]
mod tests {
    use super::Bounds;

    #[test]
    fn touching_boxes_do_not_intersect() {
        let left = Bounds::new(0.0, 0.0, 1.0, 1.0);
        assert!(!left.intersects(&Bounds::new(1.0, 0.0, 2.0, 1.0)));
        assert_eq!(left.intersection(&Bounds::new(0.5, 0.5, 2.0, 2.0)), Some(Bounds::new(0.5, 0.5, 1.0, 1.0)));
    }

    #[test]
    fn around_skips_points_that_are_nowhere() {
        let points = [(1.0, 5.0), (f64::NAN, 0.0), (-2.0, 3.0), (0.0, f64::INFINITY)];
        assert_eq!(Bounds::around(points), Some(Bounds::new(-2.0, 3.0, 1.0, 5.0)));
        assert_eq!(Bounds::around([(f64::NAN, 0.0)]), None);
    }
}
