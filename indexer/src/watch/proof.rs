//! Proofs that archives are whole, each read to its end beside everything else: one at a time, so that a heap of
//! deliveries does not take a slow disk from what is being watched. The [patrol](super::patrol) asks again until it is
//! told.

use std::{collections::HashMap, io, path::PathBuf};

use aurora_catalog::store::Stamp;
use tokio::task::JoinHandle;

use crate::intake::archive;

/// What an archive lacks, if anything, or that it could not be read.
type Missing = io::Result<Option<String>>;

/// What is known of an archive.
#[derive(Debug)]
pub(super) enum Proof {
    /// It, or another one, is being read.
    UnderWay,
    /// It was read to its end: what it lacks, if anything.
    Ended(Missing),
}

/// The proof under way, and those that ended.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    under_way: Option<(String, Stamp, JoinHandle<Missing>)>,
    ended: HashMap<String, (Stamp, Option<String>)>,
}

impl Proofs {
    /// What is known of the archive that is `absolute`, at `path` below the root, as it is under `stamp`. Where nothing
    /// is, its proof begins as soon as no other is under way.
    pub(super) async fn ask(&mut self, path: &str, absolute: PathBuf, stamp: Stamp) -> Proof {
        if let Some(error) = self.take_in(path, stamp).await {
            return Proof::Ended(Err(error));
        }
        if let Some(missing) = self.known(path, stamp) {
            return Proof::Ended(Ok(missing));
        }
        if self.under_way.is_none() {
            let reading = tokio::task::spawn_blocking(move || archive::missing(&absolute));
            self.under_way = Some((path.to_owned(), stamp, reading));
        }
        Proof::UnderWay
    }

    /// What an archive that was read lacks, if anything.
    pub(super) fn known(&self, path: &str, stamp: Stamp) -> Option<Option<String>> {
        self.ended.get(path).filter(|(of, _)| *of == stamp).map(|(_, missing)| missing.clone())
    }

    /// Forgets what nobody will ask for.
    pub(super) fn keep(&mut self, is_of_use: impl Fn(&str) -> bool) {
        self.ended.retain(|path, _| is_of_use(path));
    }

    /// Notes a proof that has ended; answers why the archive asked for could not be read, if it is that one.
    async fn take_in(&mut self, path: &str, stamp: Stamp) -> Option<io::Error> {
        let (of, at, reading) = self.under_way.take_if(|(_, _, reading)| reading.is_finished())?;
        match reading.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(missing) => {
                self.ended.insert(of, (at, missing));
                None
            }
            Err(error) => (of == path && at == stamp).then_some(error),
        }
    }
}
