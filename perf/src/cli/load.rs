//! Flags that describe a load: shared by `stress`, `capacity` and `compare`.

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use aurora_perf::{
    client::{Ask, CONNECTIONS, Client, Dialer, Protocol, Scene, TileTemplate, open_scenes},
    load::{Map, Model, Plan, Size, Stages, Target, Tiles, sources_for},
    measure::{Probe, Watch, local_port},
    protocol::SERVER,
    report::Note,
    stress::{Spec, Template},
    user::Viewport,
};
use aurora_tile::{Bounds, TileId, lon_lat_to_mercator};
use clap::{Args, ValueEnum};
use http::{HeaderName, HeaderValue};

use super::{at_least_one, find_processes, parse_time};

/// Scenes looked at unless named.
const SCENES: usize = 16;

/// What users of a load do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TargetKind {
    /// One tile a round, most from a hot set.
    Tiles,
    /// Map users, who open the page, pan and zoom.
    Map,
    /// The templated requests of --plan.
    Requests,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct LoadArgs {
    /// Address of the server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) server: String,
    /// Address of its health and metrics, if they have a listener of their own.
    #[arg(long, value_name = "URL")]
    admin: Option<String>,
    /// Address of the indexer, to watch its process too.
    #[arg(long, value_name = "URL")]
    pub(crate) indexer: Option<String>,
    /// Scenes to look at; by default the first sixteen the server lists.
    #[arg(long = "scene", value_name = "ID")]
    scenes: Vec<String>,
    /// Tiles of any XYZ server instead of a server that lists scenes; {z}, {x} and {y} are filled in.
    #[arg(long, value_name = "URL", requires = "bounds", value_parser = parse_template)]
    tiles_at: Option<String>,
    /// West, south, east and north of --tiles-at in degrees.
    #[arg(long, value_name = "W,S,E,N", value_parser = parse_bounds, allow_hyphen_values = true)]
    bounds: Option<Bounds>,
    /// Lowest and highest zoom of --tiles-at.
    #[arg(long, value_name = "LOW,HIGH", default_value = "7,14", value_parser = parse_zooms)]
    zooms: (u8, u8),
    /// TOML file with stages and templated requests.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// Seconds a user pauses between rounds (map users pause by looking).
    #[arg(long, value_name = "S", default_value = "0.05", value_parser = parse_time)]
    pause: Duration,
    /// Seconds until a request has failed.
    #[arg(long, value_name = "S", default_value = "15", value_parser = parse_time)]
    timeout: Duration,
    /// How often a 503 with Retry-After is waited out and repeated.
    #[arg(long, value_name = "N", default_value_t = 2)]
    retries: u32,
    /// Tiles all users share.
    #[arg(long, value_name = "N", default_value = "256", value_parser = at_least_one())]
    hot: usize,
    /// Part of the tile requests that ask for one of those; the others are for tiles nobody asked for.
    #[arg(long, value_name = "0..1", default_value_t = 0.98, value_parser = parse_share)]
    hot_share: f64,
    // clap takes an `n` in braces for the end of a line.
    /// Query that makes tiles distinct anew when all have been asked for; an n in braces, as in the default, is the
    /// pass. Empty: begin anew.
    #[arg(long, value_name = "QUERY", default_value = "rescale=0,255.{n}")]
    distinct_query: String,
    /// Size of a map pane in pixels.
    #[arg(long, value_name = "WxH", default_value = "1280x800")]
    pub(crate) viewport: Viewport,
    /// Seconds a map user looks at a view, give or take a half.
    #[arg(long, value_name = "S", default_value = "3", value_parser = parse_time)]
    pub(crate) dwell: Duration,
    /// Views of a map session in an open model.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    session_views: u32,
    /// File to write the map sessions to.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// File of map sessions to walk again instead of roaming.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// How users talk to the server.
    #[arg(long, value_enum, default_value = "http1")]
    http: Protocol,
    /// Connections of a user to a host over HTTP/1.1.
    #[arg(long, value_name = "N", default_value_t = CONNECTIONS, value_parser = at_least_one())]
    connections: usize,
    /// Addresses users come from in turn; on loopback as many as ports require by default.
    #[arg(long = "source", value_name = "ADDRESS", value_parser = parse_source)]
    sources: Vec<IpAddr>,
    /// Client processes; by default as many as descriptors require.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    processes: Option<u16>,
    /// Threads of each; by default a core each.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Decides everything random.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Processes to watch; by default those that listen on the addresses given, if they are on this machine.
    #[arg(long = "watch", value_name = "NAME=PID")]
    watches: Vec<Watch>,
    /// More addresses to ask once a second; the health of the server is asked in any case.
    #[arg(long = "probe", value_name = "NAME=URL", value_parser = parse_probe)]
    probes: Vec<Probe>,
    /// Header sent to those, such as a tenant's key.
    #[arg(long, value_name = "NAME: VALUE", value_parser = parse_header)]
    probe_header: Option<(HeaderName, HeaderValue)>,
}

impl LoadArgs {
    pub(crate) fn base(&self) -> String {
        self.server.trim_end_matches('/').to_owned()
    }

    /// Where the load goes, for the report.
    pub(crate) fn target_address(&self) -> String {
        self.tiles_at.clone().unwrap_or_else(|| self.base())
    }

    pub(crate) fn spec(&self) -> anyhow::Result<Spec> {
        Ok(self.plan.as_deref().map(Spec::open).transpose()?.unwrap_or_default())
    }

    /// The scenes, asked of the server if need be.
    pub(crate) fn open_scenes(&self) -> anyhow::Result<Vec<Scene>> {
        if let (Some(template), Some(bounds_m)) = (&self.tiles_at, self.bounds) {
            let tiles = TileTemplate::of_peer(template, "");
            return Ok(vec![Scene { id: "tiles".to_owned(), bounds_m, zooms: self.zooms, tiles }]);
        }
        let client = Client::new(Arc::new(Dialer::new(self.http)), None, self.timeout);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(open_scenes(&client, &self.base(), &self.scenes, SCENES))?)
    }

    /// What users do, of a kind; requests come from the spec.
    pub(crate) fn target(&self, kind: TargetKind, spec: &Spec, scenes: Vec<Scene>) -> anyhow::Result<Target> {
        for (flag, file) in [("--record", &self.record), ("--replay", &self.replay)] {
            if kind != TargetKind::Map && file.is_some() {
                let reason = "is for map users: it needs --target map".to_owned();
                return Err(aurora_perf::Error::Plan { what: flag.to_owned(), reason }.into());
            }
        }
        Ok(match kind {
            TargetKind::Tiles => Target::Tiles(Tiles {
                scenes,
                hot: self.hot,
                hot_share: self.hot_share,
                distinct_query: (!self.distinct_query.is_empty()).then(|| self.distinct_query.clone()),
            }),
            TargetKind::Map => Target::Map(Map {
                server: self.tiles_at.is_none().then(|| self.base()),
                scenes,
                viewport: self.viewport,
                dwell: self.dwell,
                views: self.session_views,
                record: self.record.clone(),
                replay: self.replay.clone(),
            }),
            TargetKind::Requests => {
                let requests = spec.requests(&self.base());
                if requests.is_empty() {
                    let reason = "needs a --plan file with a [[request]]".to_owned();
                    return Err(aurora_perf::Error::Plan { what: "--target requests".to_owned(), reason }.into());
                }
                for request in &requests {
                    Template::check(request)?;
                }
                Target::Requests(requests)
            }
        })
    }

    pub(crate) fn build(&self, model: Model, stages: Stages, target: Target) -> Plan {
        let map = matches!(target, Target::Map(_));
        let mut plan = Plan {
            model,
            stages,
            target,
            pause: if map { Duration::ZERO } else { self.pause },
            timeout: self.timeout,
            retries: self.retries,
            connections: self.connections,
            protocol: self.http,
            sources: Vec::new(),
            seed: self.seed,
        };
        let loopback = local_port(&self.target_address()).is_some();
        plan.sources = sources_for(&self.sources, loopback, plan.peak_descriptors());
        plan
    }

    pub(crate) fn processes(&self) -> Option<usize> {
        self.processes.map(usize::from)
    }

    pub(crate) fn threads(&self) -> Option<usize> {
        self.threads.map(usize::from)
    }

    pub(crate) fn size(&self, plan: &Plan) -> Size {
        Size::for_plan(plan, self.processes(), self.threads())
    }

    pub(crate) fn watches(&self) -> (Vec<Watch>, Vec<Note>) {
        let mut addresses = vec![(SERVER.to_owned(), self.target_address())];
        addresses.extend(self.indexer.clone().map(|url| ("indexer".to_owned(), url)));
        find_processes(&self.watches, &addresses)
    }

    /// Health, unless the server is known by its tiles only, and what else is to be asked.
    pub(crate) fn probes(&self) -> Vec<Probe> {
        let mut probes = self.probes.clone();
        probes.iter_mut().for_each(|probe| probe.header.clone_from(&self.probe_header));
        if self.tiles_at.is_none() || self.admin.is_some() {
            let base = self.admin.as_deref().unwrap_or(&self.server).trim_end_matches('/');
            probes.insert(0, Probe { name: "health".to_owned(), url: format!("{base}/health"), header: None });
        }
        probes
    }
}

/// An address of tiles: without all of its three parts it would be the same for many of them.
pub(crate) fn parse_template(text: &str) -> Result<String, String> {
    if !TileTemplate::is_whole(text) {
        return Err("it needs {z}, {x} and {y}".to_owned());
    }
    Ask::get(&TileTemplate::of_peer(text, "").url(TileId::new(0, 0, 0))).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

fn parse_bounds(text: &str) -> Result<Bounds, String> {
    let wrong = || format!("`{text}` is not WEST,SOUTH,EAST,NORTH in degrees");
    let degrees: Vec<f64> =
        text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>().map_err(|_| wrong())?;
    let [west, south, east, north] = degrees[..] else { return Err(wrong()) };
    let (minx, miny) = lon_lat_to_mercator(west, south);
    let (maxx, maxy) = lon_lat_to_mercator(east, north);
    if minx < maxx && miny < maxy { Ok(Bounds::new(minx, miny, maxx, maxy)) } else { Err(wrong()) }
}

/// An address that connections can come from.
fn parse_source(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text.parse().map_err(|_| "not an IP address".to_owned())?;
    match std::net::UdpSocket::bind((address, 0)) {
        Ok(_) => Ok(address),
        Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => {
            Err("not an address of this machine".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

fn parse_share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("`{text}` is not a number from 0 to 1"))
}

fn parse_zooms(text: &str) -> Result<(u8, u8), String> {
    let zooms = text.split_once(',').and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
    let zooms = zooms.filter(|(low, high)| low <= high && *high <= aurora_perf::user::MAX_ZOOM);
    zooms.ok_or_else(|| format!("`{text}` is not LOW,HIGH"))
}

fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or_else(|| "not NAME: VALUE".to_owned())?;
    let name = name.trim().parse().map_err(|_| "not the name of a header".to_owned())?;
    Ok((name, value.trim().parse().map_err(|_| "not the value of a header".to_owned())?))
}

fn parse_probe(text: &str) -> Result<Probe, String> {
    let (name, url) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=URL"))?;
    Ok(Probe { name: name.to_owned(), url: url.to_owned(), header: None })
}
