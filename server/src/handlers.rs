//! One module a resource; each handler reads as the steps it takes. The addresses stand in [`crate::routes`].

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod colormap;
pub(crate) mod conditions;
pub(crate) mod detections;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod info;
pub(crate) mod item;
pub(crate) mod jobs;
pub(crate) mod lists;
pub(crate) mod map;
pub(crate) mod pages;
pub(crate) mod parameters;
pub(crate) mod pictures;
pub(crate) mod point;
pub(crate) mod resources;
pub(crate) mod scenes;
pub(crate) mod stac;
pub(crate) mod statistics;
pub(crate) mod tile;
pub(crate) mod tilejson;
pub(crate) mod tilesets;
pub(crate) mod validate;
pub(crate) mod walk;
pub(crate) mod wmts;
