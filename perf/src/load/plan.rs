//! A load as data: who comes when, what they ask for, how they behave. Handed to client processes as JSON.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::Stages;
use crate::{
    client::{Protocol, Scene},
    stress::Template,
    user::Viewport,
};

/// A load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Closed or open.
    pub model: Model,
    /// Users (closed) or arrivals a second (open) over time.
    pub stages: Stages,
    /// What each user does, again and again.
    pub target: Target,
    /// Pause of a user between rounds; map users pause by looking.
    pub pause: Duration,
    /// How long a request may take.
    pub timeout: Duration,
    /// How often a 503 with `Retry-After` is repeated.
    pub retries: u32,
    /// Connections of a user to a host over HTTP/1.1.
    pub connections: usize,
    /// How users talk to the server.
    pub protocol: Protocol,
    /// Addresses that users come from in turn; the kernel's choice when empty.
    pub sources: Vec<IpAddr>,
    /// Decides everything random.
    pub seed: u64,
}

/// Who decides when the next round begins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Each user, after the round before and a pause: a slow server is asked less.
    Closed,
    /// The clock: rounds begin at a rate whatever the server does, and latency counts from when a round should have
    /// begun (no coordinated omission).
    Open {
        /// Rounds under way at once; beyond it rounds wait, and are dropped after the timeout.
        max_users: usize,
        /// Whether arrivals are random (Poisson) or evenly spaced.
        random: bool,
    },
}

/// What users do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// One tile a round.
    Tiles(Tiles),
    /// Map users.
    Map(Map),
    /// One templated request a round.
    Requests(Vec<Template>),
}

/// Tiles of some scenes, most from a hot set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tiles {
    /// Scenes, at least one.
    pub scenes: Vec<Scene>,
    /// Tiles that all users share.
    pub hot: usize,
    /// Part of the requests that ask for one of them, 0 to 1; every other request asks for a tile nobody asked for.
    pub hot_share: f64,
    /// Query added when distinct tiles run out, so that they stay distinct; `{n}` is the number of the pass.
    pub distinct_query: Option<String>,
}

/// Map users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Map {
    /// Base address of the server, if its page and lists are to be opened too.
    pub server: Option<String>,
    /// Scenes, at least one.
    pub scenes: Vec<Scene>,
    /// Size of the map.
    pub viewport: Viewport,
    /// Usual time a view is looked at; a look lasts from half to one and a half of it.
    pub dwell: Duration,
    /// Views of one session; in the open model a user then leaves.
    pub views: u32,
    /// File to write the sessions to.
    pub record: Option<PathBuf>,
    /// File of sessions to walk instead of roaming.
    pub replay: Option<PathBuf>,
}

impl Plan {
    /// Users at once at the most.
    pub fn peak_users(&self) -> usize {
        match self.model {
            Model::Closed => self.stages.peak().ceil() as usize,
            Model::Open { max_users, .. } => max_users,
        }
    }

    /// Descriptors the users need at the most.
    pub fn peak_descriptors(&self) -> usize {
        let each = match (self.protocol, &self.target) {
            (Protocol::Http1, Target::Map(_)) => self.connections,
            // One request at a time needs one connection.
            _ => 1,
        };
        self.peak_users().saturating_mul(each)
    }
}
