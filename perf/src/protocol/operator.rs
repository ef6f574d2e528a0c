//! What the operator measured on the Python system, step by step.
//!
//! Containers of one core and 2 GB; memory of the TiTiler backend; the frontend was Streamlit.

use serde::Serialize;

use super::Group;
use crate::user::WalkKind;

/// The Python system's figures for one step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Backend memory in MB.
    pub backend_rss_mb: f64,
    /// Backend cores in use, where noted.
    pub backend_cores: Option<f64>,
    /// Frontend cores in use, where noted.
    pub frontend_cores: Option<f64>,
}

/// The operator's figures for a step; `None` where none was noted. `ordinal` counts sessions of a group from 1.
pub fn operator_figure(group: Group, ordinal: usize, walk: WalkKind) -> Option<Figure> {
    use WalkKind::{Free, Initial, Move, Zoom};
    let memory = |backend_rss_mb| Figure { backend_rss_mb, backend_cores: None, frontend_cores: None };
    Some(match (group, ordinal, walk) {
        (Group::Individual, 1, Initial) => memory(141.0),
        (Group::Individual, 1, Zoom) => memory(180.0),
        (Group::Individual, 1, Move) => memory(181.0),
        (Group::Individual, 1, Free) => memory(196.0),
        (Group::Individual, 2, Initial) => memory(150.0),
        (Group::Individual, 2, Zoom) => memory(191.0),
        (Group::Individual, 2, Move) => memory(197.0),
        (Group::Individual, 2, Free) => memory(208.0),
        (Group::SameScene, _, Initial) => memory(190.0),
        (Group::SameScene, _, Free) => memory(252.0),
        (Group::OtherScenes, _, Free) => {
            Figure { backend_rss_mb: 310.0, backend_cores: Some(0.30), frontend_cores: Some(0.82) }
        }
        (Group::TwoScenes, _, Free) => {
            Figure { backend_rss_mb: 352.0, backend_cores: Some(0.40), frontend_cores: Some(0.94) }
        }
        _ => return None,
    })
}
