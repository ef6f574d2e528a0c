//! A connection on which no statement takes for ever, and a transaction on one.
//!
//! A server that was unplugged answers nothing and ends nothing: whoever waits for it would do so until the system
//! gives the connection up, a quarter of an hour later. So on PostgreSQL each answer has a time, longer than the
//! server's own limits for what it works on. SQLite is a file and has limits of its own.

use std::{fmt, io, time::Duration};

use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use sqlx::{
    Any, AnyConnection, Either, Execute, Executor, SqlStr,
    any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo},
    pool::PoolConnection,
};

use crate::Backend;

/// How long PostgreSQL may take for each part of an answer.
const ANSWER_PATIENCE: Duration = Duration::from_secs(15);

/// A connection to either database.
pub struct Connection {
    held: Held,
    backend: Backend,
}

enum Held {
    /// It goes back to its pool.
    Lent(PoolConnection<Any>),
    /// It ends with its owner.
    Own(Box<AnyConnection>),
    /// It is undone unless committed, and goes back to its pool.
    Begun(sqlx::Transaction<'static, Any>),
}

/// A transaction; dropped, it leaves nothing.
pub struct Transaction(Connection);

impl Connection {
    pub(crate) fn lent(conn: PoolConnection<Any>, backend: Backend) -> Self {
        Self { held: Held::Lent(conn), backend }
    }

    /// What is at the other end.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// The same for its owner alone: it does not go back to the pool, but ends when it is dropped.
    #[must_use]
    pub fn detached(self) -> Self {
        let held = match self.held {
            Held::Lent(conn) => Held::Own(Box::new(conn.detach())),
            held => held,
        };
        Self { held, ..self }
    }

    fn raw(&mut self) -> &mut AnyConnection {
        match &mut self.held {
            Held::Lent(conn) => conn,
            Held::Own(conn) => conn,
            Held::Begun(begun) => begun,
        }
    }

    fn patience(&self) -> Option<Duration> {
        (self.backend == Backend::Postgres).then_some(ANSWER_PATIENCE)
    }
}

impl Transaction {
    pub(crate) fn begun(begun: sqlx::Transaction<'static, Any>, backend: Backend) -> Self {
        Self(Connection { held: Held::Begun(begun), backend })
    }

    /// Makes it last.
    ///
    /// # Errors
    /// When the database fails, or does not answer: then it may have been committed all the same.
    pub async fn commit(self) -> sqlx::Result<()> {
        let patience = self.0.patience();
        match self.0.held {
            Held::Begun(begun) => in_time(patience, begun.commit()).await,
            Held::Lent(_) | Held::Own(_) => Ok(()),
        }
    }

    /// Undoes it at once; dropping it does so in its own time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rollback(self) -> sqlx::Result<()> {
        let patience = self.0.patience();
        match self.0.held {
            Held::Begun(begun) => in_time(patience, begun.rollback()).await,
            Held::Lent(_) | Held::Own(_) => Ok(()),
        }
    }
}

impl std::ops::Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl std::ops::DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("backend", &self.backend).finish_non_exhaustive()
    }
}

impl<'c> Executor<'c> for &'c mut Connection {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Either<AnyQueryResult, AnyRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let patience = self.patience();
        each_in_time(patience, self.raw().fetch_many(query))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<AnyRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let patience = self.patience();
        in_time(patience, self.raw().fetch_optional(query)).boxed()
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [AnyTypeInfo]) -> BoxFuture<'e, sqlx::Result<AnyStatement>>
    where
        'c: 'e,
    {
        let patience = self.patience();
        in_time(patience, self.raw().prepare_with(sql, parameters)).boxed()
    }
}

/// What `work` comes to, if that is within `patience`.
pub(crate) async fn in_time<T>(
    patience: Option<Duration>,
    work: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    match patience {
        Some(patience) => tokio::time::timeout(patience, work).await.unwrap_or_else(|_| Err(no_answer())),
        None => work.await,
    }
}

/// `items`, each within `patience` of the one before; nothing follows one that is late.
fn each_in_time<'e, T: Send + 'e>(
    patience: Option<Duration>,
    items: BoxStream<'e, sqlx::Result<T>>,
) -> BoxStream<'e, sqlx::Result<T>> {
    if patience.is_none() {
        return items;
    }
    let in_turn = stream::unfold(Some(items), move |items| async move {
        let mut items = items?;
        match in_time(patience, items.next().map(Ok)).await {
            Ok(next) => next.map(|item| (item, Some(items))),
            Err(late) => Some((Err(late), None)),
        }
    });
    in_turn.boxed()
}

fn no_answer() -> sqlx::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the database server does not answer").into()
}

#[cfg(test)]
mod tests {
    use std::future;

    use super::*;

    #[tokio::test]
    async fn nothing_is_waited_for_longer_than_its_time() {
        let late =
            |error: sqlx::Error| matches!(error, sqlx::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut);
        let patience = Some(Duration::from_millis(50));
        assert!(late(in_time::<()>(patience, future::pending()).await.unwrap_err()));
        let rows = stream::iter([1, 2]).map(sqlx::Result::Ok).chain(stream::pending());
        let rows: Vec<_> = each_in_time(patience, rows.boxed()).collect().await;
        let [Ok(1), Ok(2), Err(error)] = <[_; 3]>::try_from(rows).unwrap() else { panic!("other rows") };
        assert!(late(error));
    }
}
