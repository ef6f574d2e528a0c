//! The least that a tile server can do: `constant ADDR BYTES` answers everything with the same body of so many bytes,
//! behind the same listener, bounds and router as the server. `perf/bench.sh` compares a hot tile with it.

use aurora_daemon::serve::{self, Bounds, Connections};
use axum::{Router, http::header};
use bytes::Bytes;

/// Connections at once: more than any bench opens.
const CONNECTIONS: usize = 1024;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(size_bytes)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: constant ADDR BYTES");
    };
    // Not all the same, so that nothing on the way may find it easy.
    let body: Bytes = (0..size_bytes.parse::<u32>()?).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let router = Router::new().fallback(move || {
        let body = body.clone();
        async move { ([(header::CONTENT_TYPE, "image/png")], body) }
    });
    let stop = aurora_daemon::stop::on_signal()?;
    serve::serve(serve::listen(address.parse()?)?, router, Connections::new(CONNECTIONS), Bounds::default(), stop)
        .await;
    Ok(())
}
