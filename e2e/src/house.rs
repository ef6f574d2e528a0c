//! Indexer and server together on one folder, as the demo and the tests run them.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{Program, Web, programs};

/// Time a program gets to answer for the first time.
const START: Duration = Duration::from_secs(30);

/// A folder with a NAS root, state and logs, and the programs that work on it.
pub struct House {
    folder: PathBuf,
    settings: Settings,
    indexer_address: SocketAddr,
    server_address: SocketAddr,
    /// The indexer; public so that faults can be done to it.
    pub indexer: Program,
    /// The server.
    pub server: Program,
}

/// How a house is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server's memory budget.
    pub memory: String,
    /// How long a file must lie still.
    pub settle: String,
    /// Preferred ports of server and indexer; 0 for any.
    pub ports: (u16, u16),
    /// Arguments added for the indexer.
    pub indexer: Vec<String>,
    /// Arguments added for the server.
    pub server: Vec<String>,
    /// Descriptors that the server may hold, if not as many as this process.
    pub server_descriptors: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            memory: "128MiB".to_owned(),
            settle: "1s".to_owned(),
            ports: (0, 0),
            indexer: Vec::new(),
            server: Vec::new(),
            server_descriptors: None,
        }
    }
}

impl House {
    /// Opens the house in `folder` (made if missing) and waits until both programs are ready.
    ///
    /// # Errors
    /// When a program does not start; the error carries its log.
    pub async fn open(folder: &Path, settings: Settings) -> Result<Self> {
        fs::create_dir_all(folder.join("nas"))?;
        let folder = folder.canonicalize()?;
        let server_address = programs::free_address(settings.ports.0)?;
        let indexer_address = programs::free_address(settings.ports.1)?;
        let indexer = start_indexer(&folder, indexer_address, &settings)?;
        let server = start_server(&folder, server_address, indexer_address, &settings)?;
        let house = Self { folder, settings, indexer_address, server_address, indexer, server };
        ready(&house.indexer_web(), &house.indexer).await?;
        ready(&house.web(), &house.server).await?;
        Ok(house)
    }

    /// The watched root.
    pub fn nas(&self) -> PathBuf {
        self.folder.join("nas")
    }

    /// The folder it all lies in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The server as a client sees it.
    pub fn web(&self) -> Web {
        Web::new(self.server_address)
    }

    /// The indexer as a client sees it.
    pub fn indexer_web(&self) -> Web {
        Web::new(self.indexer_address)
    }

    /// Starts the indexer again, stopped first if it still runs.
    ///
    /// # Errors
    /// When it does not stop, or does not start.
    pub async fn restart_indexer(&mut self) -> Result<()> {
        self.indexer.stop()?;
        self.indexer = start_indexer(&self.folder, self.indexer_address, &self.settings)?;
        ready(&self.indexer_web(), &self.indexer).await
    }

    /// Starts the server again, stopped first if it still runs.
    ///
    /// # Errors
    /// When it does not stop, or does not start.
    pub async fn restart_server(&mut self) -> Result<()> {
        self.server.stop()?;
        self.server = start_server(&self.folder, self.server_address, self.indexer_address, &self.settings)?;
        ready(&self.web(), &self.server).await
    }

    /// Copies a file into the root the way a careful sender does: under another name first.
    ///
    /// # Errors
    /// When the copy fails.
    pub fn drop_file(&self, from: &Path, name: &str) -> Result<PathBuf> {
        let to = self.nas().join(name);
        fs::create_dir_all(to.parent().context("a name has a folder")?)?;
        let part = to.with_extension("part");
        fs::copy(from, &part).with_context(|| format!("copying {}", from.display()))?;
        fs::rename(&part, &to)?;
        Ok(to)
    }

    /// Has `aurora-fixtures` write one scene into the root; answers its id.
    ///
    /// # Errors
    /// When the maker fails.
    pub fn drop_scene(&self, seed: u64, size_px: u32) -> Result<String> {
        self.make_scene(seed, size_px, &[])
    }

    /// The same, of another acquisition: the place is still the seed's.
    ///
    /// # Errors
    /// When the maker fails.
    pub fn drop_scene_of(&self, seed: u64, size_px: u32, observed_at: &str) -> Result<String> {
        self.make_scene(seed, size_px, &["--observed-at", observed_at])
    }

    fn make_scene(&self, seed: u64, size_px: u32, more: &[&str]) -> Result<String> {
        let nas = self.nas();
        let before = scene_ids(&nas)?;
        let (seed, size) = (seed.to_string(), size_px.to_string());
        let nas_text = nas.to_str().context("a path in UTF-8")?;
        let arguments = [&["scene", "--out", nas_text, "--seed", &seed, "--size", &size], more].concat();
        let status = Program::run("aurora-fixtures", arguments, &self.folder.join("fixtures.log"))?;
        ensure!(status.success(), "aurora-fixtures failed: see {}", self.folder.join("fixtures.log").display());
        let after = scene_ids(&nas)?;
        after.into_iter().find(|id| !before.contains(id)).context("aurora-fixtures made no new scene")
    }
}

async fn ready(web: &Web, program: &Program) -> Result<()> {
    let answered = web.until(START, "readiness", async |web| Ok(web.status("/readyz").await? == 200)).await;
    answered.with_context(|| format!("the program's log:\n{}", program.log()))
}

/// Ids of the MBI scenes lying in `folder` itself.
///
/// # Errors
/// When the folder cannot be read.
pub fn scene_ids(folder: &Path) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        ids.extend(name.strip_suffix(".MBI.tif").map(str::to_owned));
    }
    ids.sort();
    Ok(ids)
}

fn start_indexer(folder: &Path, address: SocketAddr, settings: &Settings) -> Result<Program> {
    let (root, state) = (folder.join("nas"), folder.join("state"));
    let mut arguments = vec![
        "--root".to_owned(),
        root.display().to_string(),
        "--state".to_owned(),
        state.display().to_string(),
        "--listen".to_owned(),
        address.to_string(),
        "--settle".to_owned(),
        settings.settle.clone(),
    ];
    arguments.extend(settings.indexer.iter().cloned());
    Program::start("aurora-indexer", arguments, &folder.join("indexer.log"))
}

fn start_server(folder: &Path, address: SocketAddr, indexer: SocketAddr, settings: &Settings) -> Result<Program> {
    let mut arguments = vec![
        "--listen".to_owned(),
        address.to_string(),
        "--indexer".to_owned(),
        format!("http://{indexer}"),
        "--memory".to_owned(),
        settings.memory.clone(),
        "--state".to_owned(),
        folder.join("server-state").display().to_string(),
    ];
    arguments.extend(settings.server.iter().cloned());
    let log = folder.join("server.log");
    match settings.server_descriptors {
        Some(descriptors) => Program::start_within(descriptors, "aurora-server", arguments, &log),
        None => Program::start("aurora-server", arguments, &log),
    }
}
