//! Lists of scenes: filtered, newest first, page by page.

use std::{cmp::Reverse, str::FromStr, sync::Arc};

use aurora_catalog::Scene;
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{Catalogue, Found};

/// Which scenes are wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct SceneFilter {
    /// West, south, east, north in degrees; west > east crosses the dateline. What lies nobody knows where lies in
    /// none.
    pub(crate) bbox: Option<[f64; 4]>,
    pub(crate) interval: Interval,
}

/// Times from `start` to `end`, both included; open where absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) start: Option<Timestamp>,
    pub(crate) end: Option<Timestamp>,
}

/// Where a page ended: time and id of its last scene.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    at: Timestamp,
    scene_id: String,
}

impl Token {
    /// After this scene.
    pub(crate) fn of(scene: &Scene) -> Self {
        Self { at: time(scene), scene_id: scene.scene_id.clone() }
    }
}

/// One page.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) scenes: Vec<Arc<Scene>>,
    /// Scenes that match, on all pages.
    pub(crate) matched: usize,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<Token>,
}

impl Catalogue {
    /// At most `limit` scenes after `token`, newest first.
    pub(crate) fn list(&self, filter: &SceneFilter, token: Option<&Token>, limit: usize) -> Page {
        let mut scenes = self.matching(filter);
        let matched = scenes.len();
        scenes.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
        if let Some(token) = token {
            scenes.retain(|scene| key(scene) > (Reverse(token.at), token.scene_id.as_str()));
        }
        let more = scenes.len() > limit;
        scenes.truncate(limit);
        let next = scenes.last().filter(|_| more).map(|last| Token::of(last));
        Page { scenes, matched, next }
    }

    /// Every scene, in no order.
    pub(crate) fn everything(&self) -> Vec<Found> {
        self.filtered(&SceneFilter::default())
    }

    fn matching(&self, filter: &SceneFilter) -> Vec<Arc<Scene>> {
        self.filtered(filter).into_iter().map(|found| found.scene).collect()
    }

    fn filtered(&self, filter: &SceneFilter) -> Vec<Found> {
        let mirrors = self.mirrors();
        let mut scenes = Vec::new();
        for (index, mirror) in mirrors.iter().enumerate() {
            // An id that two indexers have belongs to the first, here as in a look-up.
            let hidden =
                |scene: &Scene| mirrors[..index].iter().any(|other| other.scenes().contains_key(&scene.scene_id));
            let wanted = mirror.scenes().values().filter(|scene| filter.takes(scene) && !hidden(scene));
            scenes.extend(wanted.map(|scene| mirror.found(scene)));
        }
        scenes
    }
}

impl SceneFilter {
    fn takes(&self, scene: &Scene) -> bool {
        let lies_in = |bbox| scene.bounds_wgs84.is_some_and(|bounds| overlaps(bbox, bounds));
        self.interval.contains(time(scene)) && self.bbox.is_none_or(lies_in)
    }
}

/// When the satellite saw it, else when it arrived.
fn time(scene: &Scene) -> Timestamp {
    scene.observed_at.unwrap_or(scene.arrived_at)
}

fn key(scene: &Scene) -> (Reverse<Timestamp>, &str) {
    (Reverse(time(scene)), &scene.scene_id)
}

/// Whether two boxes meet, either of which may cross the dateline: with west > east, or with degrees beyond 180.
pub(crate) fn overlaps(a: [f64; 4], b: [f64; 4]) -> bool {
    let unrolled = |[west, _, east, _]: [f64; 4]| (west, if west <= east { east } else { east + 360.0 });
    let ((west, east), (other_west, other_east)) = (unrolled(a), unrolled(b));
    let meet = |turn: f64| west <= other_east + turn && other_west + turn <= east;
    [-360.0, 0.0, 360.0].into_iter().any(meet) && a[1] <= b[3] && b[1] <= a[3]
}

impl Interval {
    pub(crate) fn contains(&self, at: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= at) && self.end.is_none_or(|end| at <= end)
    }

    /// From a text as below, where a date at the end is all of its day or its midnight alone.
    pub(crate) fn between(text: &str, whole_days: bool) -> Result<Self, &'static str> {
        let (start, end) = text.split_once('/').unwrap_or((text, text));
        let interval = Self { start: instant(start, false)?, end: instant(end, whole_days)? };
        match (interval.start, interval.end) {
            (None, None) => Err("has neither start nor end"),
            (Some(start), Some(end)) if start > end => Err("ends before it starts"),
            _ => Ok(interval),
        }
    }
}

impl FromStr for Interval {
    type Err = &'static str;

    /// `2024-01-01T00:00:00Z`, `…/…`, open ends as `..` or nothing; a bare date is its whole day in UTC.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::between(text, true)
    }
}

fn instant(text: &str, last: bool) -> Result<Option<Timestamp>, &'static str> {
    const EXPECTED: &str = "is not an RFC 3339 time or interval of two";
    if matches!(text, "" | "..") {
        return Ok(None);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Some(at));
    }
    let date: Date = text.parse().map_err(|_| EXPECTED)?;
    let time = if last { date.at(23, 59, 59, 999_999_999) } else { date.at(0, 0, 0, 0) };
    time.to_zoned(TimeZone::UTC).map(|zoned| Some(zoned.timestamp())).map_err(|_| EXPECTED)
}

impl Token {
    pub(crate) fn to_text(&self) -> String {
        format!("{}~{}", self.at, self.scene_id)
    }
}

impl FromStr for Token {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (at, scene_id) = text.split_once('~').ok_or("is not one this server has given")?;
        let at = at.parse().map_err(|_| "is not one this server has given")?;
        Ok(Self { at, scene_id: scene_id.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_meet_across_the_dateline() {
        let fiji = [177.0, -20.0, -178.0, -15.0];
        assert!(overlaps(fiji, [-179.0, -18.0, -178.5, -17.0]));
        assert!(overlaps([170.0, -30.0, 178.0, 0.0], fiji));
        assert!(!overlaps(fiji, [-170.0, -18.0, 170.0, -17.0]));
        assert!(!overlaps(fiji, [177.5, 0.0, 178.0, 1.0]));
        let run_on = [177.0, -20.0, 182.0, -15.0];
        assert!(overlaps(run_on, [-179.0, -18.0, -178.5, -17.0]) && overlaps(fiji, run_on));
        assert!(!overlaps(run_on, [-170.0, -18.0, 170.0, -17.0]));
    }

    #[test]
    fn intervals_are_read_as_in_ogc_api() {
        let interval = |text: &str| text.parse::<Interval>();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let march = interval("2023-03-01/2023-03-31").unwrap();
        assert!(march.contains(at("2023-03-31T23:59:59Z")) && !march.contains(at("2023-04-01T00:00:00Z")));
        assert!(interval("../2023-03-01T00:00:00Z").unwrap().contains(at("1999-01-01T00:00:00Z")));
        assert!(interval("2023-03-01/").unwrap().contains(at("2030-01-01T00:00:00Z")));
        for bad in ["", "../..", "yesterday", "2023-03-02/2023-03-01"] {
            assert!(interval(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_survives_its_text() {
        let token = Token { at: "2023-03-01T00:00:00.5Z".parse().unwrap(), scene_id: "a~b".to_owned() };
        assert_eq!(token.to_text().parse(), Ok(token));
        assert!("x".parse::<Token>().is_err());
    }
}
