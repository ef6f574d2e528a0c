//! The Range file server: bytes of files below a folder, by RFC 9110.
//!
//! [`open`] finds a file and nothing outside its folder; [`validator`] decides the preconditions; [`range`] reads
//! `Range`; [`body`] brings the bytes, off the async threads; [`answer`] puts it together; [`listing`] lists folders.
//! It knows nothing of scenes or jobs.

pub mod answer;
pub mod body;
pub mod listing;
pub mod open;
pub mod range;
pub mod tree;
pub mod validator;

pub use tree::Tree;
