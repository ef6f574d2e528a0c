//! Starts and stops the server: listeners, the followers of the indexers, the snapshot.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use aurora_daemon::serve::{self, Bounds, Connections, Inherited, Listeners};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{app::App, catalogue, recall::Front, routes, settings::Settings};

/// Connections that the admin listener takes, beside those of clients.
pub(crate) const ADMIN_CONNECTIONS: usize = 16;

/// A server that accepts requests.
#[derive(Debug)]
pub struct Running {
    /// The address it listens on, with the port it was given.
    pub address: SocketAddr,
    /// The address of health and metrics alone, if asked for.
    pub admin_address: Option<SocketAddr>,
    done: JoinHandle<()>,
}

impl Running {
    /// Waits until it was stopped and everything under way has finished.
    pub async fn finished(self) {
        if let Err(error) = self.done.await {
            tracing::error!(%error, "the server did not end well");
        }
    }
}

/// Runs the server until `stop`.
///
/// # Errors
/// When the settings contradict each other or an address cannot be listened on.
pub async fn run(settings: Settings, metrics: Option<PrometheusHandle>, stop: CancellationToken) -> anyhow::Result<()> {
    start(settings, metrics, stop)?.finished().await;
    Ok(())
}

/// Starts the server inside the present runtime; it ends after `stop`. Without `metrics`, `/metrics` does not exist.
///
/// # Errors
/// As [`run`].
pub fn start(
    settings: Settings,
    metrics: Option<PrometheusHandle>,
    stop: CancellationToken,
) -> anyhow::Result<Running> {
    let app = Arc::new(App::new(settings, stop.clone())?);
    let (listeners, admin) = listeners(&app.settings)?;
    let (address, admin_address) = (listeners.local_addr()?, admin.as_ref().map(Listeners::local_addr).transpose()?);

    let tasks = TaskTracker::new();
    follow_indexers(&app, &tasks);
    let connections = app.connections.clone();
    let front = Front { app: Arc::clone(&app), router: routes::all(Arc::clone(&app), metrics.clone()) };
    tasks.spawn(serve::serve(listeners, front, connections, Bounds::default(), stop.clone()));
    if let Some(admin) = admin {
        let (router, connections) = (routes::admin(Arc::clone(&app), metrics), Connections::new(ADMIN_CONNECTIONS));
        tasks.spawn(serve::serve_apart("admin", admin, router, connections, Bounds::default(), stop)?);
    }
    tasks.close();
    tracing::info!(%address, memory = %app.settings.memory, threads = app.pool.threads(), "serving");
    let done = tokio::spawn(async move { tasks.wait().await });
    Ok(Running { address, admin_address, done })
}

/// The sockets of clients and of the admin listener: handed over, or our own.
fn listeners(settings: &Settings) -> anyhow::Result<(Listeners, Option<Listeners>)> {
    let tls = settings.tls.load()?;
    let mut inherited = Inherited::take().context("the sockets handed over cannot be used")?;
    let admin = settings
        .admin_listen
        .map(|address| inherited.at_or_listen(address).with_context(|| format!("cannot listen on {address}")));
    let address = settings.listen;
    let clients = inherited.rest_or_listen(address).with_context(|| format!("cannot listen on {address}"))?;
    Ok((clients.secured(tls), admin.transpose()?))
}

fn follow_indexers(app: &Arc<App>, tasks: &TaskTracker) {
    for index in 0..app.settings.indexers().len() {
        let following = catalogue::follow(Arc::clone(&app.catalogue), index, app.token.clone(), app.stop.clone());
        tasks.spawn(async move {
            if let Err(error) = following.await {
                tracing::error!(%error, "an indexer cannot be followed");
            }
        });
    }
    if let Some(folder) = app.settings.state.clone() {
        tasks.spawn(catalogue::save_regularly(Arc::clone(&app.catalogue), folder, app.stop.clone()));
    }
}
