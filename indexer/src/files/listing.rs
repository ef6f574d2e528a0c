//! What a folder holds, as JSON or as a page for people. Hidden names, special files, links that lead out and the
//! indexer's own folders are left out. Blocking.

use std::{fmt::Write, fs, fs::File, os::fd::AsRawFd, path::Path};

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, header};
use jiff::Timestamp;
use serde::Serialize;

use super::{Tree, open::NotFound};
use crate::paths;

/// Entries of one listing; a folder with more says so.
const MAX_ENTRIES: usize = 20_000;

#[derive(Serialize)]
struct Listing {
    entries: Vec<Entry>,
    /// Whether there are more.
    truncated: bool,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    kind: &'static str,
    size_bytes: u64,
    modified: Option<Timestamp>,
}

/// Lists an open folder in the form that `headers` ask for.
pub(super) fn answer(tree: &Tree, folder: &File, path: &str, headers: &HeaderMap) -> Result<Response, NotFound> {
    let listing = list(tree, folder).map_err(|_| NotFound)?;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Ok(if accept.contains("text/html") {
        Html(page(path, &listing)).into_response()
    } else {
        axum::Json(listing).into_response()
    })
}

fn list(tree: &Tree, folder: &File) -> std::io::Result<Listing> {
    let real = fs::read_link(format!("/proc/self/fd/{}", folder.as_raw_fd()))?;
    let (mut entries, mut truncated) = (Vec::new(), false);
    for entry in fs::read_dir(&real)? {
        if entries.len() == MAX_ENTRIES {
            truncated = true;
            break;
        }
        entries.extend(described(tree, &real, &entry?.file_name()));
    }
    entries.sort_by(|one: &Entry, other| (other.kind, &one.name).cmp(&(one.kind, &other.name)));
    Ok(Listing { entries, truncated })
}

fn described(tree: &Tree, folder: &Path, name: &std::ffi::OsStr) -> Option<Entry> {
    let name = name.to_str().filter(|name| !name.starts_with('.'))?;
    let real = folder.join(name).canonicalize().ok()?;
    if !tree.contains(&real) {
        return None;
    }
    let metadata = fs::metadata(&real).ok()?;
    let kind = match metadata.file_type() {
        kind if kind.is_file() => "file",
        kind if kind.is_dir() => "folder",
        _ => return None,
    };
    let modified = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    Some(Entry { name: name.to_owned(), kind, size_bytes: metadata.len(), modified })
}

fn page(path: &str, listing: &Listing) -> String {
    let title = escaped(&String::from_utf8_lossy(&paths::percent_decoded(path).unwrap_or_default()));
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>/{title}</title>\
         <style>body{{font:14px sans-serif;margin:2em}}td{{padding:.1em 1em}}td+td{{text-align:right}}</style>\
         <h1>/{title}</h1><table>"
    );
    if !path.is_empty() {
        page.push_str("<tr><td><a href=\"../\">..</a></td></tr>");
    }
    for entry in &listing.entries {
        let slash = if entry.kind == "folder" { "/" } else { "" };
        let (href, name) = (paths::href("./", &entry.name), escaped(&entry.name));
        let modified = entry.modified.map(|time| time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            "<tr><td><a href=\"{href}{slash}\">{name}{slash}</a></td><td>{}</td><td>{modified}</td></tr>",
            entry.size_bytes
        );
    }
    page.push_str(if listing.truncated { "</table><p>…and more</p></html>" } else { "</table></html>" });
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup() {
        let entry = Entry { name: "<b>&\".tif".to_owned(), kind: "file", size_bytes: 1, modified: None };
        let page = page("%3Cx%3E/", &Listing { entries: vec![entry], truncated: true });
        assert!(page.contains("/&lt;x&gt;/"), "{page}");
        assert!(page.contains(r#"href="./%3Cb%3E%26%22.tif">&lt;b&gt;&amp;&quot;.tif<"#), "{page}");
    }
}
