//! What the server itself says of its routes: requests and seconds by route, from `/metrics`, if it has that.
//!
//! This is what shows the frontend's share: files and lists beside tiles. In the Python system the frontend was a
//! container of its own; here its work is the [`RouteGroup::Page`] and [`RouteGroup::Lists`] of one program.

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
    /// Seconds that threads computed for them.
    pub cpu_s: f64,
}

/// What routes are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteGroup {
    /// The map's own files.
    Page,
    /// What the map lists: scenes, detections, jobs, events.
    Lists,
    /// Pictures, and what is told about rasters.
    Tiles,
    /// Health, metrics, documentation.
    Operation,
}

impl RouteGroup {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Page, Self::Lists, Self::Tiles, Self::Operation];

    /// Of a route's pattern.
    pub fn of(route: &str) -> Self {
        let begins = |names: &[&str]| names.iter().any(|name| route.starts_with(name));
        if begins(&["/livez", "/readyz", "/health", "/metrics", "/openapi", "/docs"]) {
            Self::Operation
        } else if begins(&["/cog", "/scenes/{scene_id}/", "/tileMatrixSets", "/colorMaps", "/algorithms"]) {
            Self::Tiles
        } else if begins(&["/scenes", "/detections", "/jobs", "/stac", "/events", "/mem", "/recall", "/tenants"]) {
            Self::Lists
        } else {
            Self::Page
        }
    }
}

/// Requests and seconds of each group.
pub fn by_group(routes: &Routes) -> Vec<(RouteGroup, Route)> {
    let sum = |group: RouteGroup| {
        let of_group = routes.iter().filter(|(name, _)| RouteGroup::of(name) == group);
        of_group.fold(Route::default(), |sum, (_, route)| sum.plus(route))
    };
    RouteGroup::ALL.map(|group| (group, sum(group))).into()
}

impl Route {
    /// Both together.
    pub(super) fn plus(&self, other: &Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            busy_s: self.busy_s + other.busy_s,
            cpu_s: self.cpu_s + other.cpu_s,
        }
    }

    /// What is left of it without the other.
    pub(super) fn minus(&self, other: &Self) -> Self {
        self.plus(&Self { requests: -other.requests, busy_s: -other.busy_s, cpu_s: -other.cpu_s })
    }
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
        let Some((metric, rest)) = line.split_once('{') else { continue };
        let Some((labels, value)) = rest.rsplit_once("} ") else { continue };
        let route = labels.split("route=\"").nth(1).and_then(|rest| rest.split('"').next());
        let (Some(route), Ok(value)) = (route, value.trim().parse::<f64>()) else { continue };
        let added = match metric {
            "aurora_request_seconds_count" => Route { requests: value, ..Route::default() },
            "aurora_request_seconds_sum" => Route { busy_s: value, ..Route::default() },
            "aurora_busy_nanoseconds_total" => Route { cpu_s: value / 1e9, ..Route::default() },
            _ => continue,
        };
        let entry = routes.entry(route.to_owned()).or_default();
        *entry = entry.plus(&added);
    }
    routes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_read() {
        let text = "# HELP x\naurora_request_seconds_bucket{route=\"/a\",le=\"1\"} 4\naurora_request_seconds_sum{route=\"/a\"} 0.5\n\
                    aurora_request_seconds_count{route=\"/a\"} 4\naurora_request_seconds_count{route=\"/b/{id}\"} 1\naurora_busy_nanoseconds_total{route=\"/a\"} 2.5e8\nother 1\n";
        let routes = parse(text);
        assert_eq!(routes["/a"], Route { requests: 4.0, busy_s: 0.5, cpu_s: 0.25 });
        assert_eq!(routes["/b/{id}"].requests, 1.0);
    }

    #[test]
    fn routes_are_summed_by_what_they_are_for() {
        let route = |cpu_s| Route { requests: 1.0, busy_s: 1.0, cpu_s };
        let names = ["/", "/assets/{*file}", "/scenes", "/scenes/{scene_id}/tiles/{tms}/{z}/{x}/{y}", "/health"];
        let routes = names.iter().map(|name| ((*name).to_owned(), route(1.0))).collect();
        let groups: Vec<_> = by_group(&routes).into_iter().map(|(group, sum)| (group, sum.cpu_s)).collect();
        let expected = [2.0, 1.0, 1.0, 1.0];
        assert_eq!(groups, RouteGroup::ALL.into_iter().zip(expected).collect::<Vec<_>>());
    }
}
