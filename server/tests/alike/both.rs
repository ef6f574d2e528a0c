//! A file known both ways, as a scene and by its address, and what is the same in answers about it.

use aurora_catalog::ChangeBody;
use reqwest::{Method, Response, header::HeaderMap};
use serde_json::Value;

use crate::support::{
    Server, encoded,
    feed::{Feed, scene},
    raster::tiff,
};

pub(crate) const BY_URL: &str = "/cog";

/// The status, headers and body of an answer; links as those of the scene.
pub(crate) struct Answer {
    status: u16,
    kept: Option<String>,
    headers: Vec<(&'static str, Option<String>)>,
    body: Body,
}

/// Its body, as what it is.
#[derive(PartialEq)]
enum Body {
    Json(Value),
    Text(String),
    Bytes(Vec<u8>),
}

/// What either is called: the file by its name or address, the scene by its id.
const NAMES: [(&str, &str); 4] = [
    ("\"a.MBI.tif\"", "\"a\""),
    (">a.MBI.tif<", ">a<"),
    (">a.MBI.tif_", ">a_"),
    ("\"Path\":\"{file}\"", "\"Path\":\"a\""),
];

/// How long an answer about either may be kept: of a scene the catalogue knows at any time whether it changed; a file
/// elsewhere is looked at again every `--revalidate`.
const KEPT: [(&str, &str); 3] =
    [("public, max-age=5", "public, no-cache"), ("no-cache", "no-cache"), ("no-store", "no-store")];

impl Answer {
    /// Where it differs from that about the scene, with what lies round it.
    pub(crate) fn difference(&self, by_scene: &Self) -> Option<String> {
        let may_be_kept = (self.kept.as_deref().unwrap_or_default(), by_scene.kept.as_deref().unwrap_or_default());
        if !KEPT.contains(&may_be_kept) {
            return Some(format!(" {may_be_kept:?}"));
        }
        if self.status == by_scene.status && self.headers == by_scene.headers && self.body == by_scene.body {
            return None;
        }
        let (by_url, by_scene) = (self.told(), by_scene.told());
        let same = by_url.bytes().zip(by_scene.bytes()).take_while(|(a, b)| a == b).count().saturating_sub(60);
        let excerpt =
            |text: &str| String::from_utf8_lossy(&text.as_bytes()[same..text.len().min(same + 200)]).into_owned();
        Some(format!("\n  {}\n  {}", excerpt(&by_url), excerpt(&by_scene)))
    }

    fn told(&self) -> String {
        let body = match &self.body {
            Body::Json(document) => document.to_string(),
            Body::Text(text) => text.clone(),
            Body::Bytes(bytes) => format!("{bytes:?}"),
        };
        format!("{} {:?} {body}", self.status, self.headers)
    }
}

/// Headers that are the same for both. `ETag` is not, since a scene's names its revision; that there is one is looked
/// at.
const SAME_HEADERS: [&str; 8] = [
    "content-type",
    "last-modified",
    "vary",
    "content-bbox",
    "content-crs",
    "content-encoding",
    "access-control-allow-origin",
    "retry-after",
];

/// One operation of the document: its method, its path below either, and whether it says that it has an ETag.
/// A server of one file, which it has as the scene `a` and by its address.
pub(crate) struct Both {
    _feed: Feed,
    pub(crate) server: Server,
    /// What a scene's addresses begin with, and those by url, with the query that names it.
    pub(crate) below_scene: String,
    pub(crate) url_query: String,
    file: String,
}

impl Both {
    /// The catalogue says of the scene's nodata what `nodata` says.
    pub(crate) async fn start(nodata: Option<f64>) -> Self {
        let feed = Feed::start("e1").await;
        // A scene says when it began to be shown, a file when it was written: here that is the same moment.
        let mut scene = scene("a", 1);
        scene.arrived_at = "2024-01-01T00:01:00Z".parse().unwrap();
        scene.raw.as_mut().unwrap().nodata = nodata;
        let file = feed.origin.put("a.MBI.tif", tiff(10));
        feed.tell(ChangeBody::Scene { scene });
        let server = Server::start(&["--indexer", &feed.origin.address]);
        server.until("/scenes", |list| list["numberMatched"] == 1).await;
        Self {
            _feed: feed,
            server,
            below_scene: "/scenes/a".to_owned(),
            url_query: format!("url={}", encoded(&file)),
            file,
        }
    }

    pub(crate) async fn ask(
        &self,
        method: &Method,
        below: &str,
        path: &str,
        query: &str,
        body: Option<&Value>,
    ) -> Answer {
        let joined = if query.is_empty() { "" } else { "?" };
        let address = format!("{}{below}/{path}{joined}{query}", self.server.address);
        let mut request = self.server.client.request(method.clone(), address);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.told(request.send().await.unwrap()).await
    }

    async fn told(&self, response: Response) -> Answer {
        let status = response.status().as_u16();
        let (headers, kept) = (same(response.headers()), told(response.headers(), "cache-control"));
        let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        let bytes = response.bytes().await.unwrap();
        let is_text = media_type.starts_with("text/") || media_type.ends_with("xml");
        let body = match (media_type.contains("json"), is_text) {
            (true, _) => Body::Json(serde_json::from_str(&self.as_of_scene(&bytes)).unwrap()),
            (_, true) => Body::Text(self.as_of_scene(&bytes)),
            _ => Body::Bytes(bytes.to_vec()),
        };
        Answer { status, kept, headers, body }
    }

    /// The text with links below `url` as they are below the scene, without its revision.
    fn as_of_scene(&self, bytes: &[u8]) -> String {
        let text = std::str::from_utf8(bytes).unwrap();
        let by_url = format!("{}{BY_URL}/", self.server.address);
        let by_scene = format!("{}{}/", self.server.address, self.below_scene);
        let named = |text: String, (by_url, by_scene): &(&str, &str)| {
            text.replace(&by_url.replace("{file}", &self.file), by_scene)
        };
        let text = NAMES.iter().fold(text.replace(&by_url, &by_scene), named);
        // Written as in an address, and as in one that stands in XML.
        ["&#38;", "&"]
            .iter()
            .fold(text, |text, and| {
                let (named, shown) = (format!("?{}", self.url_query), format!("{and}v=1"));
                let text = text.replace(&format!("{named}{and}"), "?").replace(&format!("?v=1{and}"), "?");
                text.replace(&shown, "")
            })
            .replace(&format!("?{}", self.url_query), "")
            .replace("?v=1", "")
    }
}

fn told(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

fn same(headers: &HeaderMap) -> Vec<(&'static str, Option<String>)> {
    let mut same: Vec<_> = SAME_HEADERS.iter().map(|&name| (name, told(headers, name))).collect();
    same.push(("etag", told(headers, "etag").map(|_| "any".to_owned())));
    same
}
