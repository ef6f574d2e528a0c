//! Opening the page around a map, as a browser does before the first tile: the document, what it links to, the lists.

use http::header;

use crate::{
    client::{Answer, Ask, Client, Failure},
    measure::Meter,
    serve,
};

/// Files a page may make a browser load; more are not followed.
const MAX_ASSETS: usize = 64;
/// What Aurora's map asks for once it runs.
const LISTS: [&str; 3] = ["/scenes?limit=100", "/detections?limit=100", "/jobs?limit=100"];

/// Opens the page at a server's root with everything it loads, each counted by its kind.
pub async fn open_page(client: &Client, server: &str, meter: &Meter) {
    let Some(page) = get(client, &format!("{server}/"), "page", meter).await else { return };
    for asset in assets(&String::from_utf8_lossy(&page.body)) {
        get(client, &format!("{server}/{asset}"), "asset", meter).await;
    }
    for list in LISTS {
        get(client, &format!("{server}{list}"), "list", meter).await;
    }
}

async fn get(client: &Client, url: &str, group: &str, meter: &Meter) -> Option<Answer> {
    let ask = Ask::get(url).ok()?.with(header::ACCEPT_ENCODING, "gzip, br");
    // The page itself is read; compressed it could not be.
    let ask = if group == "page" { Ask::get(url).ok()?.keeping_body() } else { ask };
    let judge = |answer: &Answer| if answer.status < 400 { Ok(()) } else { Err(Failure::of_status(answer.status)) };
    serve::ask(client, &ask, group, 0, meter, judge).await.ok()
}

/// Addresses on the same server in `src` and `href` of scripts, styles and pictures, without the leading slash.
fn assets(page: &str) -> Vec<String> {
    let attributes = page.split(['<', '>']).filter(|tag| !tag.starts_with('/') && !tag.starts_with("a "));
    let values = attributes.flat_map(|tag| ["src=\"", "href=\""].map(|name| tag.split_once(name))).flatten();
    let addresses = values.filter_map(|(_, rest)| rest.split_once('"')).map(|(address, _)| address);
    let own =
        addresses.filter(|address| !address.contains(':') && !address.starts_with("//") && !address.starts_with('#'));
    own.map(|address| address.trim_start_matches("./").trim_start_matches('/').to_owned()).take(MAX_ASSETS).collect()
}

#[cfg(test)]
mod tests {
    use super::assets;

    #[test]
    fn a_page_names_what_it_loads() {
        let page = r#"<html><link rel="stylesheet" href="/assets/a.css"><script type="module" src="./assets/b.js"></script>
            <a href="/docs">x</a><img src="data:image/png;base64,xx"><script src="https://other/c.js"></script></html>"#;
        assert_eq!(assets(page), ["assets/a.css", "assets/b.js"]);
    }
}
