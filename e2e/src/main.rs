//! `make demo`: scenes land, are looked at by inference, and appear on the map.
//!
//! It starts the real programs on a folder of the project, drops synthetic scenes into it and stays until Ctrl-C with
//! a new scene every minute. With `--once` it follows one scene all the way, prints what it saw and ends.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use aurora_e2e::{
    House, Journey,
    house::{Settings, scene_ids},
    journey,
};
use clap::Parser;
use tokio_util::sync::CancellationToken;

/// Time a scene gets from landing to its published result.
const PATIENCE: Duration = Duration::from_secs(180);

/// Scenes the demo starts with.
const FIRST_SCENES: usize = 2;

/// Shows Aurora at work on synthetic scenes
#[derive(Parser, Debug)]
#[command(name = "aurora-demo", version, after_help = "Examples:\n  aurora-demo\n  aurora-demo --once --size 4000")]
struct Demo {
    /// Follow one new scene all the way, print a summary and end
    #[arg(long)]
    once: bool,
    /// Folder for the demo's files
    #[arg(long, default_value = "demo-data")]
    folder: PathBuf,
    /// Width and height of its scenes in pixels
    #[arg(long, default_value_t = 4000)]
    size: u32,
    /// Time between two scenes
    #[arg(long, default_value = "60s")]
    every: aurora_daemon::size::Span,
    /// Scenes kept in the folder; the oldest leave
    #[arg(long, default_value_t = 24)]
    keep: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    let demo: Demo = aurora_daemon::config::parse();
    match show(demo).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\n  The demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn show(demo: Demo) -> Result<()> {
    let stop = aurora_daemon::stop::on_signal()?;
    say("starting indexer and server");
    let settings = Settings { ports: (8080, 8081), memory: "256MiB".to_owned(), ..Settings::default() };
    let mut house = House::open(&demo.folder, settings).await?;
    tokio::select! {
        result = run(&demo, &house, &stop) => result?,
        () = stop.cancelled() => {}
    }
    say("stopping");
    house.server.stop()?;
    house.indexer.stop()?;
    Ok(())
}

async fn run(demo: &Demo, house: &House, stop: &CancellationToken) -> Result<()> {
    if demo.once {
        let journey = land(demo, house).await?;
        return summary(house, &journey).await;
    }
    println!("\n  The map: {}/\n  Drop scenes into {}\n", house.web().base(), house.nas().display());
    while scene_ids(&house.nas())?.len() < FIRST_SCENES {
        land(demo, house).await?;
    }
    println!("\n  A new scene lands every {} s; Ctrl-C ends the demo.\n", demo.every.0.as_secs());
    while !stop.is_cancelled() {
        tokio::time::sleep(demo.every.0).await;
        land(demo, house).await?;
        thin_out(&house.nas(), demo.keep)?;
    }
    Ok(())
}

/// Makes one scene and follows it to the map.
async fn land(demo: &Demo, house: &House) -> Result<Journey> {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    say(&format!("making a scene of {0} × {0} pixels", demo.size));
    let scene_id = tokio::task::block_in_place(|| house.drop_scene(seed, demo.size))?;
    say(&format!("landed: {scene_id}; waiting for it on the map"));
    let journey = journey::follow(&house.web(), &scene_id, PATIENCE).await?;
    say(&format!(
        "on the map after {:.1} s, its result with {} detections after {:.1} s",
        journey.visible.as_secs_f64(),
        journey.detections,
        journey.published.as_secs_f64()
    ));
    Ok(journey)
}

async fn summary(house: &House, journey: &Journey) -> Result<()> {
    let health = house.web().json("/health").await?;
    let rss = health["memory"]["rss"].as_u64().context("the server tells its memory")?;
    println!("\n  scene       {}", journey.scene_id);
    println!("  tile        {}{}", house.web().base(), journey.tile);
    println!("  detections  {}", journey.detections);
    println!("  visible     {:.1} s after it landed, settling included", journey.visible.as_secs_f64());
    println!("  published   {:.1} s after it landed", journey.published.as_secs_f64());
    println!("  server RSS  {:.0} MiB\n", rss as f64 / f64::from(1 << 20));
    Ok(())
}

/// Lets the oldest scenes leave the folder, so that a demo left alone does not fill the disk.
fn thin_out(nas: &Path, keep: usize) -> Result<()> {
    let mut scenes = Vec::new();
    for scene_id in scene_ids(nas)? {
        let path = nas.join(format!("{scene_id}.MBI.tif"));
        scenes.push((fs::metadata(&path)?.modified()?, path));
    }
    scenes.sort();
    let surplus = scenes.len().saturating_sub(keep);
    for (_, path) in &scenes[..surplus] {
        fs::remove_file(path)?;
    }
    Ok(())
}

fn say(text: &str) {
    println!("· {text}");
}
