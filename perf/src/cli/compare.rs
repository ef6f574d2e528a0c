//! `aurora-perf compare`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use aurora_perf::{
    client::{Client, Dialer, Protocol, Scene, TileTemplate, open_scenes},
    compare::{self, Recorded, Settings, Side},
    measure::{Watch, listener_of, local_port},
    report::Note,
    user::{Recording, Viewport},
};
use clap::Args;

use super::{OutputArgs, at_least_one, load::parse_template, parse_time, some_users};

/// Scenes walked on unless named.
const SCENES: usize = 4;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompareArgs {
    /// First: NAME=ADDRESS of a server that lists scenes, or the JSON report of a run.
    #[arg(value_name = "A")]
    a: String,
    /// Second: the same, or NAME=TEMPLATE of any tile server with {z}, {x}, {y} and {scene_id}.
    #[arg(value_name = "B")]
    b: String,
    /// Scenes to walk on; by default the first four that A lists.
    #[arg(long = "scene", value_name = "ID")]
    scenes: Vec<String>,
    /// Query added to the tiles of a side that lists scenes, so that both sides draw alike: rescale=0,1400.
    #[arg(long, value_name = "QUERY")]
    query: Option<String>,
    /// Rounds; five at least.
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Users at once.
    #[arg(long, value_name = "N", default_value = "3", value_parser = some_users())]
    users: usize,
    /// Views of each in a round.
    #[arg(long, value_name = "N", default_value = "40", value_parser = at_least_one())]
    views: usize,
    /// Tiles whose pixels are compared.
    #[arg(long, value_name = "N", default_value_t = 24)]
    pixels: usize,
    /// Size of a map pane in pixels.
    #[arg(long, value_name = "WxH", default_value = "1280x800")]
    viewport: Viewport,
    /// Seconds until a request has failed.
    #[arg(long, value_name = "S", default_value = "60", value_parser = parse_time)]
    timeout: Duration,
    /// How users talk to both.
    #[arg(long, value_enum, default_value = "http1")]
    http: Protocol,
    /// File of map sessions to walk instead of roaming.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Decides the sessions.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Process of a side, by its name; by default the one that listens on its address.
    #[arg(long = "watch", value_name = "NAME=PID")]
    watches: Vec<Watch>,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "Examples:
  aurora-perf compare aurora=http://127.0.0.1:8080 --query rescale=0,1400 \\
      'titiler=http://127.0.0.1:8000/cog/tiles/WebMercatorQuad/{z}/{x}/{y}.png?tilesize=256&rescale=0,1400&url=/data/{scene_id}.MBI_light.tif'
  aurora-perf compare new=http://127.0.0.1:8080 old=http://127.0.0.1:8090 --threshold 'ratio.tiles_per_s>0.95'
  aurora-perf compare after/protocol.json before/protocol.json --threshold 'ratio.rss_mb.server<=1'

Ratios are A's figures by B's: give first what is to be judged.";

impl CompareArgs {
    /// Whether every threshold holds.
    pub(crate) fn run(&self) -> anyhow::Result<bool> {
        self.output.prepare()?;
        let circumstances = self.output.circumstances();
        let lang = self.output.lang;
        if [&self.a, &self.b].iter().all(|side| side.ends_with(".json") && !side.contains("://")) {
            let runs = [Recorded::open(self.a.as_ref())?, Recorded::open(self.b.as_ref())?];
            let document = compare::recorded_document(&circumstances, &runs, &self.output.thresholds, lang);
            self.output.deliver("compare", &document, &compare::recorded_json(&circumstances, &runs, &document))?;
            return Ok(document.is_good());
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (sides, notes) = runtime.block_on(self.sides())?;
        let settings = Settings {
            sides,
            protocol: self.http,
            rounds: self.rounds,
            users: self.users,
            views: self.views,
            viewport: self.viewport,
            timeout: self.timeout,
            seed: self.seed,
            recording: self.replay.as_deref().map(Recording::open).transpose()?,
            pixels: self.pixels,
        };
        let compared = runtime.block_on(compare::run(&settings))?;
        let document = compare::document(&circumstances, &settings, &compared, &self.output.thresholds, notes, lang);
        let json = compare::json(&circumstances, &compared, &document);
        self.output.deliver("compare", &document, &json)?;
        Ok(document.is_good() && compared.is_whole() && !compared.interrupted)
    }

    /// A's scenes, and the same as B addresses them.
    async fn sides(&self) -> anyhow::Result<([Side; 2], Vec<Note>)> {
        let is_report = |side: &&String| side.ends_with(".json") && !side.contains("://");
        if let Some(report) = [&self.a, &self.b].into_iter().find(is_report) {
            return Err(wrong(report, "a report stands beside another report only, not beside a running server"));
        }
        let (name_a, address_a) = named(&self.a)?;
        let (name_b, address_b) = named(&self.b)?;
        if TileTemplate::is_meant(address_a) {
            return Err(wrong(&self.a, "the first side must list scenes; give the template second"));
        }
        if name_a == name_b {
            return Err(wrong(&self.b, "the sides need a name of their own each"));
        }
        let is_template = TileTemplate::is_meant(address_b);
        if is_template {
            parse_template(address_b).map_err(|reason| wrong(&self.b, &reason))?;
        }
        let client = Client::new(Arc::new(Dialer::new(self.http)), None, self.timeout);
        let scenes = self.open(&client, address_a, &self.scenes).await?;
        let others: Vec<Scene> = if is_template {
            let elsewhere = |scene: &Scene| {
                let tiles = TileTemplate::of_peer(address_b, &scene.id);
                Scene { tiles, ..scene.clone() }
            };
            scenes.iter().map(elsewhere).collect()
        } else {
            let ids: Vec<String> = scenes.iter().map(|scene| scene.id.clone()).collect();
            self.open(&client, address_b, &ids).await.context("the scenes of A on B")?
        };
        let mut notes = Vec::new();
        let mut side = |name: &str, address: &str, scenes: Vec<Scene>| {
            let watch = self.watches.iter().find(|watch| watch.name == name).cloned();
            let found = || local_port(address).and_then(listener_of).map(|pid| Watch { name: name.to_owned(), pid });
            let watch = watch.or_else(found);
            if watch.is_none() {
                notes.push(Note::NotWatched { process: name.to_owned() });
            }
            Side { name: name.to_owned(), scenes: scenes.into_iter().map(Arc::new).collect(), watch }
        };
        let sides = [side(name_a, address_a, scenes), side(name_b, address_b, others)];
        Ok((sides, notes))
    }

    /// The scenes of a server, drawn as wanted.
    async fn open(&self, client: &Client, address: &str, ids: &[String]) -> anyhow::Result<Vec<Scene>> {
        let mut scenes = open_scenes(client, address.trim_end_matches('/'), ids, SCENES).await?;
        if let Some(query) = &self.query {
            scenes.iter_mut().for_each(|scene| scene.tiles = scene.tiles.with_query(query));
        }
        Ok(scenes)
    }
}

fn named(side: &str) -> anyhow::Result<(&str, &str)> {
    let named = side.split_once('=').filter(|(name, address)| !name.is_empty() && address.contains("://"));
    named.ok_or_else(|| wrong(side, "it is neither NAME=ADDRESS nor a JSON report"))
}

fn wrong(side: &str, reason: &str) -> anyhow::Error {
    aurora_perf::Error::Plan { what: format!("`{side}`"), reason: reason.to_owned() }.into()
}
