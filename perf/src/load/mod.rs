//! Many users at once: who comes when, on which threads and processes they run, and what they saw second by second.
//!
//! [`Plan`] says what to do; a [`Crew`] does it with as many threads and client processes as it takes and hands over
//! [`Frame`]s. What a load means, and how it is reported, is for [`crate::stress`], [`crate::capacity`] and
//! [`crate::compare`].

mod arrivals;
mod crew;
mod desk;
mod exposition;
mod interrupt;
mod measured;
mod plan;
mod scribe;
mod stages;
mod tile_set;
mod timeline;
mod visitor;
mod worker;

pub(crate) use interrupt::{asked as asked_to_stop, ends_with_us, has_ended};

pub use crew::{Crew, Size, run_worker, sources_for};
pub(crate) use measured::own_cores;
pub use measured::{Beside, Measured, measure};
pub use plan::{Map, Model, Plan, Target, Tiles};
pub use stages::{MAX_TARGET, Profile, Stage, Stages};
pub use timeline::{Frame, Timeline};
