//! Aurora as processes: starts the real programs on real files and follows a scene from the folder to the map.
//!
//! The demo and the end-to-end tests share it. It replaces no part of any program: everything goes through command
//! lines, files and HTTP, as an operator's would.

pub mod house;
pub mod journey;
pub mod programs;
pub mod web;

pub use house::House;
pub use journey::Journey;
pub use programs::Program;
pub use web::Web;
