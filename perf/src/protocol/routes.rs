//! What the server itself says of its routes: requests and seconds by route, from `/metrics`, if it has that.
//!
//! This is what shows the frontend's share: files and lists beside tiles.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::client::{Ask, Client};

/// One route's share.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Route {
    /// Requests answered.
    pub requests: f64,
    /// Seconds spent on them, waits included; those of parallel requests add up.
    pub busy_s: f64,
}

/// Routes by their pattern.
pub type Routes = BTreeMap<String, Route>;

/// Reads them; nothing when the server has no such metrics.
pub(super) async fn read(client: &Client, server: &str) -> Routes {
    let Ok(ask) = Ask::get(&format!("{server}/metrics")) else { return Routes::new() };
    match client.ask(&ask.keeping_body()).await {
        Ok(answer) if answer.status == 200 => parse(&String::from_utf8_lossy(&answer.body)),
        _ => Routes::new(),
    }
}

fn parse(text: &str) -> Routes {
    let mut routes = Routes::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("aurora_request_seconds_") else { continue };
        let Some((kind, rest)) = rest.split_once('{') else { continue };
        let Some((labels, value)) = rest.rsplit_once("} ") else { continue };
        let route = labels.split("route=\"").nth(1).and_then(|rest| rest.split('"').next());
        let (Some(route), Ok(value)) = (route, value.trim().parse::<f64>()) else { continue };
        let entry = routes.entry(route.to_owned()).or_default();
        match kind {
            "count" => entry.requests += value,
            "sum" => entry.busy_s += value,
            _ => {}
        }
    }
    routes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_read() {
        let text = "# HELP x\naurora_request_seconds_bucket{route=\"/a\",le=\"1\"} 4\naurora_request_seconds_sum{route=\"/a\"} 0.5\n\
                    aurora_request_seconds_count{route=\"/a\"} 4\naurora_request_seconds_count{route=\"/b/{id}\"} 1\nother 1\n";
        let routes = parse(text);
        assert_eq!(routes["/a"], Route { requests: 4.0, busy_s: 0.5 });
        assert_eq!(routes["/b/{id}"].requests, 1.0);
    }
}
