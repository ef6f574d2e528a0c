//! Hearing of what other indexers commit to a database on a server, and of what happened to it.
//!
//! It is asked for, not announced: a question on one row costs the server next to nothing, misses nothing over a lost
//! connection, and holds up no commit, as announcements do.

use std::{pin::pin, sync::Arc, time::Duration};

use aurora_catalog::store::{changes, epoch};
use aurora_database::Backend;
use tokio_util::sync::CancellationToken;

use super::{Database, Feed, life, mark::Told};
use crate::error::Result;

/// Time between two questions; so much later than its own does an indexer tell others' changes.
const LOOK: Duration = Duration::from_millis(200);

/// How long the server may take to answer before that is told; a connection that was cut takes longer to fail.
const PATIENCE: Duration = Duration::from_secs(4);

/// Pause after the database failed.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// Questions after which it is also asked whether the database still is the one that it was.
const IDENTITY_ROUND: u32 = 25;

impl Database {
    /// Follows what others commit until `stop`, and tells while the server does not answer: nothing else may ask it for
    /// half a minute. A database file has no others, and is always there.
    pub async fn follow(&self, stop: CancellationToken) {
        if self.pools.backend() == Backend::Sqlite {
            return;
        }
        let (mut round, mut is_away) = (0_u32, false);
        while !stop.is_cancelled() {
            let mut looking = pin!(self.look(round.is_multiple_of(IDENTITY_ROUND)));
            let looked = if let Ok(looked) = tokio::time::timeout(PATIENCE, &mut looking).await {
                looked
            } else {
                is_away = true;
                // What it said itself before says more.
                if self.trouble.standing().is_none() {
                    self.trouble.is(format!("no answer within {} s", PATIENCE.as_secs()));
                }
                looking.await
            };
            let pause = match looked {
                Ok(()) => {
                    // Trouble of another kind, such as with writing, is for who met it to end.
                    if std::mem::take(&mut is_away) {
                        self.trouble.over();
                    }
                    round = round.wrapping_add(1);
                    LOOK
                }
                Err(error) => {
                    // It may come back as another one.
                    (round, is_away) = (0, true);
                    self.trouble.is(error.to_string());
                    FAILURE_PAUSE
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn look(&self, closely: bool) -> Result<()> {
        let known = self.feed.borrow().clone();
        let mut conn = self.read().await?;
        let head = changes::head(&mut conn).await?;
        let is_other = closely && epoch::file(&mut conn).await? != Some(life::identity(&mut conn, None).await?);
        let name = epoch::get(&mut conn).await?;
        drop(conn);
        if is_other || head < known.head || name.is_none() {
            return self.enter_anew(known).await;
        }
        match name {
            Some(name) if *name != *known.epoch => self.lives(Feed { epoch: name.into(), head }),
            _ => self.told(&known.epoch, head),
        }
        Ok(())
    }

    /// The database is not what it was; unless another indexer has noticed already, it begins a new epoch.
    async fn enter_anew(&self, known: Feed) -> Result<()> {
        let told = Told { epoch: known.epoch.to_string(), head: known.head };
        self.lives(life::enter(&self.pools, None, Some(told)).await?);
        Ok(())
    }

    fn lives(&self, feed: Feed) {
        if *feed.epoch != *self.epoch() {
            tracing::warn!(epoch = %feed.epoch, "the database lives under a new epoch");
        }
        self.mark.note(&feed.epoch, feed.head);
        self.feed.send_replace(Feed { epoch: Arc::clone(&feed.epoch), head: feed.head });
    }
}
