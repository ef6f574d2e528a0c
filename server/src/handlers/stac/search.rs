//! `/stac/search` (GET and POST), `/stac/collections/{collection_id}/items` and `…/items/{item_id}`: items filtered,
//! newest first, page by page.

use std::{cmp::Reverse, str::FromStr, sync::Arc};

use aurora_daemon::problem::Problem;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use geo::Intersects;
use geojson::Geometry;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    collection::{Collection, collection},
    item::Entry,
    link,
};
use crate::{
    app::App,
    catalogue::{Catalogue, Interval, overlaps},
    failure::Failure,
    features::Lists,
    handlers::{
        body::JsonBody,
        parameters::{Begun, Pairs, Parts, PublicAddress, bbox_of, query_text},
        scenes::geojson,
    },
};

/// Items in a page unless asked otherwise, and at most; who asks for more gets as many.
const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 1000;

/// What is searched for, from whichever kind of request.
#[derive(Debug, Default)]
struct Search {
    /// Those wanted; all when absent.
    collections: Option<Vec<String>>,
    ids: Option<Vec<String>>,
    bbox: Option<[f64; 4]>,
    interval: Interval,
    intersects: Option<geo::Geometry>,
    limit: usize,
    token: Option<Token>,
}

/// The body of a search.
#[derive(Debug, Deserialize)]
pub(crate) struct SearchBody {
    collections: Option<Vec<String>>,
    ids: Option<Vec<String>>,
    bbox: Option<Vec<f64>>,
    datetime: Option<String>,
    intersects: Option<Geometry>,
    limit: Option<u64>,
    token: Option<String>,
    /// The rest, so that the next page is asked for in the same way.
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Token {
    at: Reverse<Timestamp>,
    collection: Collection,
    id: String,
}

/// One page.
struct Page {
    entries: Vec<Entry>,
    matched: usize,
    next: Option<Token>,
}

/// `GET /stac/search`.
pub(crate) async fn search(
    State(app): State<Arc<App>>,
    Begun(catalogue): Begun,
    pairs: Pairs,
    PublicAddress(base): PublicAddress,
) -> Result<impl IntoResponse, Failure> {
    let page = Search::of_pairs(&pairs)?.page(&catalogue);
    let address = format!("{base}/stac/search");
    page.answer(&app.lists, &base, &address, |next| next_by_get(&address, &pairs, next)).await
}

/// `POST /stac/search`.
pub(crate) async fn search_by_post(
    State(app): State<Arc<App>>,
    Begun(catalogue): Begun,
    PublicAddress(base): PublicAddress,
    JsonBody(body): JsonBody<SearchBody>,
) -> Result<impl IntoResponse, Failure> {
    let page = Search::of_body(&body)?.page(&catalogue);
    let address = format!("{base}/stac/search");
    page.answer(&app.lists, &base, &address, |next| next_by_post(&address, &body, next)).await
}

/// `GET /stac/collections/{collection_id}/items`.
pub(crate) async fn items(
    State(app): State<Arc<App>>,
    Begun(catalogue): Begun,
    Parts(id): Parts<String>,
    pairs: Pairs,
    PublicAddress(base): PublicAddress,
) -> Result<impl IntoResponse, Failure> {
    let collection = collection(&id)?;
    let search = Search { collections: Some(vec![id]), ..Search::of_pairs(&pairs)? };
    let page = search.page(&catalogue);
    let address = format!("{}/items", collection.address(&base));
    page.answer(&app.lists, &base, &address, |next| next_by_get(&address, &pairs, next)).await
}

/// `GET /stac/collections/{collection_id}/items/{item_id}`.
pub(crate) async fn one_item(
    Begun(catalogue): Begun,
    Parts((collection_id, item_id)): Parts<(String, String)>,
    PublicAddress(base): PublicAddress,
) -> Result<impl IntoResponse, Failure> {
    let collection = collection(&collection_id)?;
    let mut entries = Entry::all(&catalogue).into_iter();
    let found = entries.find(|entry| entry.collection == collection && entry.id == item_id);
    let found = found.ok_or_else(|| catalogue.absent(format!("item {item_id} of collection {collection_id}")))?;
    Ok(geojson(&found.document(&base)))
}

impl Search {
    fn of_pairs(pairs: &Pairs) -> Result<Self, Problem> {
        let list = |name: &str| {
            let text: Option<String> = pairs.get(name)?;
            Ok::<_, Problem>(text.map(|text| text.split(',').map(|id| id.trim().to_owned()).collect()))
        };
        let intersects: Option<Geometry> = pairs.get("intersects")?;
        let limit: Option<u64> = pairs.get("limit")?;
        Self {
            collections: list("collections")?,
            ids: list("ids")?,
            bbox: pairs.bbox()?,
            interval: pairs.get("datetime")?.unwrap_or_default(),
            intersects: intersects.map(|geometry| shape(&geometry)).transpose()?,
            limit: limit_of(limit)?,
            token: pairs.get("token")?,
        }
        .checked()
    }

    fn of_body(body: &SearchBody) -> Result<Self, Problem> {
        let read = |name: &str, text: &Option<String>| text.as_deref().map(|text| (name.to_owned(), text.to_owned()));
        let texts = Pairs(read("datetime", &body.datetime).into_iter().chain(read("token", &body.token)).collect());
        Self {
            collections: body.collections.clone(),
            ids: body.ids.clone(),
            bbox: body.bbox.as_deref().map(bbox_of).transpose()?,
            interval: texts.get("datetime")?.unwrap_or_default(),
            intersects: body.intersects.as_ref().map(shape).transpose()?,
            limit: limit_of(body.limit)?,
            token: texts.get("token")?,
        }
        .checked()
    }

    fn checked(self) -> Result<Self, Problem> {
        if self.bbox.is_some() && self.intersects.is_some() {
            return Err(Problem::parameter("intersects", "cannot be combined with `bbox`"));
        }
        Ok(self)
    }

    fn page(&self, catalogue: &Catalogue) -> Page {
        let mut entries = Entry::all(catalogue);
        entries.retain(|entry| self.takes(entry));
        let matched = entries.len();
        entries.sort_by_cached_key(Token::of);
        if let Some(token) = &self.token {
            entries.retain(|entry| Token::of(entry) > *token);
        }
        let more = entries.len() > self.limit;
        entries.truncate(self.limit);
        let next = entries.last().filter(|_| more).map(Token::of);
        Page { entries, matched, next }
    }

    fn takes(&self, entry: &Entry) -> bool {
        let is_in =
            |list: &Option<Vec<String>>, id: &str| list.as_ref().is_none_or(|list| list.iter().any(|one| one == id));
        is_in(&self.collections, entry.collection.id())
            && is_in(&self.ids, &entry.id)
            && self.interval.contains(entry.at)
            && self.bbox.is_none_or(|bbox| entry.bbox().is_some_and(|own| overlaps(bbox, own)))
            && self.intersects.as_ref().is_none_or(|shape| meets(shape, &entry.geometry()))
    }
}

fn limit_of(limit: Option<u64>) -> Result<usize, Problem> {
    match limit {
        Some(0) => Err(Problem::parameter("limit", "is not at least 1")),
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(MAX_LIMIT).min(MAX_LIMIT)),
        None => Ok(DEFAULT_LIMIT),
    }
}

fn shape(geometry: &Geometry) -> Result<geo::Geometry, Problem> {
    geometry.clone().try_into().map_err(|error: geojson::Error| Problem::parameter("intersects", error))
}

/// Whether a shape meets a GeoJSON geometry, which may run on past the antimeridian.
fn meets(shape: &geo::Geometry, geometry: &Value) -> bool {
    use geo::Translate;
    let Ok(Ok(own)) = serde_json::from_value::<Geometry>(geometry.clone()).map(geo::Geometry::try_from) else {
        return false;
    };
    [0.0, -360.0, 360.0].into_iter().any(|turn| shape.intersects(&own.translate(turn, 0.0)))
}

impl Page {
    async fn answer(
        self,
        lists: &Lists,
        base: &str,
        address: &str,
        next_link: impl Fn(&Token) -> Value,
    ) -> Result<Response, Failure> {
        let mut features = lists.begin().await?;
        let is_whole = self.entries.iter().all(|entry| features.push(&entry.document(base)));
        let next = if is_whole { self.next } else { self.entries[..features.count()].last().map(Token::of) };
        let mut links = vec![
            link("self", "application/geo+json", address.to_owned()),
            link("root", "application/json", format!("{base}/stac")),
        ];
        links.extend(next.iter().map(next_link));
        let rest = json!({ "links": links, "numberMatched": self.matched, "numberReturned": features.count() });
        Ok(features.answer(&rest))
    }
}

fn next_by_get(address: &str, pairs: &Pairs, token: &Token) -> Value {
    let token = token.to_string();
    let others =
        pairs.0.iter().filter(|(name, _)| name != "token").map(|(name, value)| (name.as_str(), value.as_str()));
    let query = query_text(others.chain([("token", token.as_str())]));
    let mut next = link("next", "application/geo+json", format!("{address}{query}"));
    next["method"] = "GET".into();
    next
}

fn next_by_post(address: &str, body: &SearchBody, token: &Token) -> Value {
    let token = token.to_string();
    let mut next_body = body.others.clone();
    let mut add = |name: &str, value: Value| {
        if !value.is_null() {
            next_body.insert(name.to_owned(), value);
        }
    };
    add("collections", json!(body.collections));
    add("ids", json!(body.ids));
    add("bbox", json!(body.bbox));
    add("datetime", json!(body.datetime));
    add("intersects", json!(body.intersects));
    add("limit", json!(body.limit));
    add("token", token.into());
    let mut next = link("next", "application/geo+json", address.to_owned());
    next["method"] = "POST".into();
    next["body"] = next_body.into();
    next
}

impl Token {
    fn of(entry: &Entry) -> Self {
        Self { at: Reverse(entry.at), collection: entry.collection, id: entry.id.clone() }
    }
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}~{}~{}", self.at.0, self.collection.id(), self.id)
    }
}

impl FromStr for Token {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let mut parts = text.splitn(3, '~');
            let at = Reverse(parts.next()?.parse().ok()?);
            Some(Self { at, collection: Collection::named(parts.next()?)?, id: parts.next()?.to_owned() })
        };
        parse().ok_or("is not one this server has given")
    }
}

#[cfg(test)]
mod tests;
