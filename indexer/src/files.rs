//! The Range file server: bytes of files below a folder, by RFC 9110.
//!
//! [`open`] finds a file and nothing outside its folder; [`shelf`] keeps open what is asked for; [`validator`] decides
//! the preconditions; [`range`] reads `Range`; [`body`] brings the bytes, never waiting for a disk on the async
//! threads; [`answer`] puts it together; [`listing`] lists folders. It knows nothing of scenes or jobs.

pub mod answer;
pub mod body;
pub mod listing;
pub mod open;
pub mod range;
pub mod shelf;
pub mod tree;
pub mod validator;

pub use shelf::Shelf;
pub use tree::Tree;
