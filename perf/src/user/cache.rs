//! A browser's HTTP cache as far as it decides what is asked for (RFC 9111): what is fresh is not asked for, what is
//! stale is asked for with its validator. Bodies are only weighed, not kept.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Bytes of bodies a browser keeps of one map.
const CAPACITY_BYTES: u64 = 64 << 20;
/// Without a stated life, a part of its age is how long an answer stays fresh (RFC 9111, 4.2.2).
const HEURISTIC_SHARE: f64 = 0.1;

/// What one browser keeps.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: HashMap<u64, Entry>,
    /// Oldest first.
    order: VecDeque<u64>,
    kept_bytes: u64,
}

#[derive(Debug)]
struct Entry {
    fresh_until: Instant,
    validator: Option<(HeaderName, HeaderValue)>,
    body_bytes: u64,
}

/// What the cache says of an address.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Not kept, or of no use.
    Absent,
    /// Needs no request.
    Fresh,
    /// Ask with this header; 304 makes it fresh again.
    Stale(HeaderName, HeaderValue),
}

impl Cache {
    pub(super) fn look(&self, url: &str, now: Instant) -> Look {
        let Some(entry) = self.entries.get(&key(url)) else { return Look::Absent };
        match &entry.validator {
            _ if now < entry.fresh_until => Look::Fresh,
            Some((name, value)) => Look::Stale(name.clone(), value.clone()),
            None => Look::Absent,
        }
    }

    /// Keeps an answer if its headers allow that.
    pub(super) fn keep(&mut self, url: &str, headers: &HeaderMap, body_bytes: u64, now: Instant) {
        let key = key(url);
        self.forget(key);
        let control = Control::of(headers);
        if control.no_store {
            return;
        }
        let validator = validator(headers);
        let life = if control.no_cache { Duration::ZERO } else { control.life.unwrap_or_else(|| guess(headers)) };
        if life.is_zero() && validator.is_none() {
            return;
        }
        self.entries.insert(key, Entry { fresh_until: now + life, validator, body_bytes });
        self.order.push_back(key);
        self.kept_bytes += body_bytes;
        while self.kept_bytes > CAPACITY_BYTES
            && let Some(oldest) = self.order.front().copied()
        {
            self.forget(oldest);
        }
    }

    /// A 304: good again for as long as it says.
    pub(super) fn refresh(&mut self, url: &str, headers: &HeaderMap, now: Instant) {
        let control = Control::of(headers);
        if let Some(entry) = self.entries.get_mut(&key(url)) {
            let life = if control.no_cache { Duration::ZERO } else { control.life.unwrap_or_else(|| guess(headers)) };
            entry.fresh_until = now + life;
        }
    }

    fn forget(&mut self, key: u64) {
        if let Some(entry) = self.entries.remove(&key) {
            self.kept_bytes -= entry.body_bytes;
            self.order.retain(|other| *other != key);
        }
    }
}

/// Addresses are long and many users are simulated: a hash stands for each.
fn key(url: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(url)
}

#[derive(Default)]
struct Control {
    no_store: bool,
    no_cache: bool,
    life: Option<Duration>,
}

impl Control {
    fn of(headers: &HeaderMap) -> Self {
        let mut control = Self::default();
        let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
        for directive in values.flat_map(|value| value.split(',')) {
            let (name, argument) = directive.trim().split_once('=').unwrap_or((directive.trim(), ""));
            match name.to_ascii_lowercase().as_str() {
                "no-store" => control.no_store = true,
                "no-cache" => control.no_cache = true,
                "max-age" => control.life = argument.trim_matches('"').parse().ok().map(Duration::from_secs),
                _ => {}
            }
        }
        // A year and more is "for good"; longer would overflow clocks.
        control.life = control.life.map(|life| life.min(Duration::from_secs(366 * 86_400)));
        control
    }
}

fn validator(headers: &HeaderMap) -> Option<(HeaderName, HeaderValue)> {
    let etag = headers.get(header::ETAG).map(|value| (header::IF_NONE_MATCH, value.clone()));
    etag.or_else(|| headers.get(header::LAST_MODIFIED).map(|value| (header::IF_MODIFIED_SINCE, value.clone())))
}

fn guess(headers: &HeaderMap) -> Duration {
    let date = |name| jiff::fmt::rfc2822::parse(headers.get(name)?.to_str().ok()?).ok();
    let age = date(header::DATE).zip(date(header::LAST_MODIFIED)).map(|(now, then)| now.duration_since(&then));
    age.and_then(|age| Duration::try_from(age).ok()).map_or(Duration::ZERO, |age| age.mul_f64(HEURISTIC_SHARE))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://server/7/1/2.png";

    fn kept(headers: &[(HeaderName, &str)]) -> (Cache, Instant) {
        let (mut cache, now) = (Cache::default(), Instant::now());
        cache.keep(URL, &map(headers), 1000, now);
        (cache, now)
    }

    fn map(headers: &[(HeaderName, &str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn fresh_for_as_long_as_stated_then_asked_for_with_the_validator() {
        let (mut cache, now) = kept(&[(header::CACHE_CONTROL, "public, max-age=60"), (header::ETAG, "\"a\"")]);
        assert_eq!(cache.look(URL, now), Look::Fresh);
        let later = now + Duration::from_secs(61);
        assert_eq!(cache.look(URL, later), Look::Stale(header::IF_NONE_MATCH, "\"a\"".parse().unwrap()));
        cache.refresh(URL, &map(&[(header::CACHE_CONTROL, "max-age=60")]), later);
        assert_eq!(cache.look(URL, later + Duration::from_secs(59)), Look::Fresh);
        assert_eq!(cache.look("http://server/other", now), Look::Absent);
    }

    #[test]
    fn what_may_not_be_kept_is_not() {
        let (cache, now) = kept(&[(header::CACHE_CONTROL, "no-store"), (header::ETAG, "\"a\"")]);
        assert_eq!(cache.look(URL, now), Look::Absent);
        let (cache, now) = kept(&[(header::CACHE_CONTROL, "no-cache"), (header::ETAG, "\"a\"")]);
        assert!(matches!(cache.look(URL, now), Look::Stale(..)));
        let (cache, now) = kept(&[]);
        assert_eq!(cache.look(URL, now), Look::Absent, "no life and no validator");
    }

    #[test]
    fn without_a_stated_life_a_tenth_of_the_age_is_fresh() {
        let day =
            [(header::DATE, "Wed, 21 Oct 2026 07:28:00 GMT"), (header::LAST_MODIFIED, "Tue, 20 Oct 2026 07:28:00 GMT")];
        let (cache, now) = kept(&day);
        assert_eq!(cache.look(URL, now + Duration::from_secs(8000)), Look::Fresh);
        assert!(matches!(cache.look(URL, now + Duration::from_secs(9000)), Look::Stale(..)));
    }

    #[test]
    fn it_stays_within_its_capacity() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        let headers = map(&[(header::CACHE_CONTROL, "max-age=600")]);
        for tile in 0..100 {
            cache.keep(&format!("{URL}?{tile}"), &headers, CAPACITY_BYTES / 10, now);
        }
        assert!(cache.kept_bytes <= CAPACITY_BYTES && cache.entries.len() == 10 && cache.order.len() == 10);
        assert_eq!(cache.look(&format!("{URL}?99"), now), Look::Fresh);
    }
}
