//! The catalogue's words: scenes, detections, jobs as others see them, and the change feed that carries them from the
//! indexer to the server.
//!
//! Server and indexer never depend on each other; they meet here. With the feature `store` come the tables the
//! indexer keeps. It reads no pixels and runs no jobs.

pub mod detection;
pub mod feed;
pub mod footprint;
pub mod job;
pub mod name;
pub mod outline;
pub mod scene;
#[cfg(feature = "store")]
pub mod store;

pub use detection::Detection;
pub use feed::{Change, ChangeBody, ChangePage};
pub use footprint::Footprint;
pub use job::{JobState, JobView};
pub use name::SceneName;
pub use outline::Outline;
pub use scene::{Asset, Scene, SceneStatus};
