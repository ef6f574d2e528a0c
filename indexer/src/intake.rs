//! From a settled file to a catalogued scene and its job.
//!
//! [`examine`] reads what the file is, on a lane; [`archive`] whether a packed one is whole; [`describe`] puts it in
//! the catalogue's words; `plan` decides whether the scene is new, changed, moved or the same, [`register`] writes
//! scene, job and changes in one transaction (`writes` has its parts). It runs no job and watches nothing;
//! [`crate::watch::patrol`] calls it.

pub mod archive;
pub mod describe;
pub mod examine;
pub mod identity;
pub mod register;

mod plan;
mod writes;

pub use examine::{Content, Examined};
pub use register::{Believed, Intake};
pub(crate) use writes::make_again;
