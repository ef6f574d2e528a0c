//! The host's GPUs for `/health`, by NVIDIA's management library (NVML) where there is one.
//!
//! Nothing here computes on them: the server renders on CPUs, inference uses what its executor gives it.

use std::sync::LazyLock;

use nvml_wrapper::{Nvml, error::NvmlError};
use serde::Serialize;

/// One GPU, by the names the health document has.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Gpu {
    index: u32,
    name: String,
    total_memory_mb: u64,
    used_memory_mb: u64,
    free_memory_mb: u64,
    /// Share of the last sampling period in which it was busy, 0 to 100.
    load: u32,
    /// Whether it is cut into instances (MIG).
    mig_enabled: bool,
    /// Work waiting for it in this program, which sends it none.
    queue_size: u32,
}

const BYTES_PER_MB: u64 = 1 << 20;

/// All GPUs; none where there is no driver.
pub(crate) async fn all() -> Vec<Gpu> {
    static LIBRARY: LazyLock<Option<Nvml>> = LazyLock::new(|| Nvml::init().ok());
    // A driver that hangs must not hang the async threads.
    tokio::task::spawn_blocking(|| LIBRARY.as_ref().map(read).unwrap_or_default()).await.unwrap_or_default()
}

fn read(library: &Nvml) -> Vec<Gpu> {
    let count = library.device_count().unwrap_or(0);
    let gpus = (0..count).map(|index| gpu(library, index));
    gpus.filter_map(|gpu| gpu.inspect_err(|error| tracing::debug!(%error, "a GPU does not say how it is")).ok())
        .collect()
}

fn gpu(library: &Nvml, index: u32) -> Result<Gpu, NvmlError> {
    let device = library.device_by_index(index)?;
    let memory = device.memory_info()?;
    Ok(Gpu {
        index,
        name: device.name()?,
        total_memory_mb: memory.total / BYTES_PER_MB,
        used_memory_mb: memory.used / BYTES_PER_MB,
        free_memory_mb: memory.free / BYTES_PER_MB,
        // One cut into instances has no figure for the whole.
        load: device.utilization_rates().map_or(0, |rates| rates.gpu),
        mig_enabled: device.mig_mode().is_ok_and(|mode| mode.current != 0),
        queue_size: 0,
    })
}
