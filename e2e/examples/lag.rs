//! How long it takes from the last byte of a scene to a tile of it on the map, beyond the settle time.
//!
//! Opens a house of its own (indexer, server, reference detector), drops scenes together and asks the server for the
//! tile over each one's middle at the raw file's lowest zoom until it is answered 200. Nothing of a scene is known to
//! the server before: the addresses are worked out from copies of the files that lie elsewhere.
//!
//! `cargo run --release -p aurora-e2e --example lag -- --scenes 10 --size 4000 --rounds 3`; the programs must be built.
//! What follows `--` goes to the indexer.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use aurora_e2e::{House, Web, house, journey};
use clap::Parser;
use serde_json::json;
use tokio::task::JoinSet;

/// Time between two asks for one tile.
const ASK: Duration = Duration::from_millis(20);

/// A scene that is not seen after this is not coming.
const PATIENCE: Duration = Duration::from_secs(120);

/// Measures the lag from the last byte written to a visible tile
#[derive(Parser)]
struct Asked {
    /// Scenes dropped together
    #[arg(long, default_value_t = 10)]
    scenes: u16,
    /// Pixels of a scene's side
    #[arg(long, default_value = "4000")]
    size: String,
    /// Times it is done, each in a house of its own
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// The indexer's settle time in seconds
    #[arg(long, default_value_t = 1.0)]
    settle_s: f64,
    /// Folder to work in, with the programs' logs; kept. A temporary one otherwise
    #[arg(long)]
    folder: Option<PathBuf>,
    /// More arguments for the indexer, such as `--watch poll`
    #[arg(last = true)]
    indexer: Vec<String>,
}

/// A scene that waits beside the root.
struct Waiting {
    file: PathBuf,
    name: String,
    /// Its tile's address on the map.
    tile: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let asked = Asked::parse();
    let temporary = tempfile::tempdir()?;
    let folder = asked.folder.as_deref().unwrap_or(temporary.path());
    let made = folder.join("made");
    fs::create_dir_all(&made)?;
    let arguments =
        ["scene", "--out", &made.to_string_lossy(), "--size", &asked.size, "--seed", "4000"].map(str::to_owned);
    let count = ["--count".to_owned(), asked.scenes.to_string()];
    let status = aurora_e2e::Program::run("aurora-fixtures", arguments.iter().chain(&count), &folder.join("log"))?;
    ensure!(status.success(), "no scenes were made");
    let mut all = Vec::new();
    for round in 0..asked.rounds {
        let lags = round_of(&asked, &made, &folder.join(format!("house-{round}"))).await?;
        println!("{}", json!({"round": round, "lag_beyond_settle_s": lags, "median_s": median(&lags)}));
        all.extend(lags);
    }
    all.sort_by(f64::total_cmp);
    let (median, worst) = (median(&all), all.last().copied().unwrap_or_default());
    println!("{}", json!({"scenes": all.len(), "median_s": median, "worst_s": worst, "settle_s": asked.settle_s}));
    Ok(())
}

async fn round_of(asked: &Asked, made: &Path, folder: &Path) -> Result<Vec<f64>> {
    let settings = house::Settings {
        settle: format!("{}ms", (asked.settle_s * 1000.0) as u64),
        indexer: asked.indexer.clone(),
        server: vec!["--allow".to_owned(), made.display().to_string()],
        ..house::Settings::default()
    };
    let house = House::open(folder, settings).await?;
    let mut waiting = Vec::new();
    for scene_id in house::scene_ids(made)? {
        waiting.push(put_beside(&house, made, &scene_id).await?);
    }
    // Renamed one after the other: the last byte of all of them is there within a moment.
    let mut asking = JoinSet::new();
    for scene in waiting {
        fs::rename(&scene.file, house.nas().join(&scene.name))?;
        asking.spawn(seen(house.web(), scene.tile, Instant::now()));
    }
    let mut lags = Vec::new();
    while let Some(seen) = asking.join_next().await {
        lags.push(seen??.as_secs_f64() - asked.settle_s);
    }
    lags.sort_by(f64::total_cmp);
    Ok(lags)
}

async fn put_beside(house: &House, made: &Path, scene_id: &str) -> Result<Waiting> {
    let name = format!("{scene_id}.MBI.tif");
    let from = made.join(&name);
    let file = house.folder().join(&name);
    fs::copy(&from, &file)?;
    let url = format!("/cog/WebMercatorQuad/tilejson.json?url={}", from.display());
    let path = journey::middle_tile(&house.web().json(&url).await?)?;
    let path = path.split('?').next().and_then(|path| path.strip_prefix("/cog")).context("a tile below /cog")?;
    Ok(Waiting { file, name, tile: format!("/scenes/{scene_id}{path}") })
}

/// Asks for `tile` until it is there; how long that was after `landed`.
async fn seen(web: Web, tile: String, landed: Instant) -> Result<Duration> {
    loop {
        let status = web.status(&tile).await?;
        if status == 200 {
            return Ok(landed.elapsed());
        }
        ensure!(status == 404 || status == 503, "{tile}: {status}");
        ensure!(landed.elapsed() < PATIENCE, "{tile} is not there after {} s", PATIENCE.as_secs());
        tokio::time::sleep(ASK).await;
    }
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
