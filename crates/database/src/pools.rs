//! The open database: connections that write, and connections that only read.

use std::{path::Path, time::Duration};

use sqlx::{
    AnyPool,
    any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers},
};
use url::Url;

use crate::{Address, Backend, Connection, OpenError, Spelled, Transaction, connection::in_time};

/// Connections for reading.
const READERS: u32 = 4;

/// Connections for writing; SQLite has one writer.
const POSTGRES_WRITERS: u32 = 4;

/// How long a caller waits for a connection: to a server that is away as long as it is likely to be back, to a file as
/// long as others may hold it.
const POSTGRES_PATIENCE: Duration = Duration::from_secs(3);
const SQLITE_PATIENCE: Duration = Duration::from_secs(30);

/// How long a server may take to say that a connection which was used is well, or to begin a transaction.
const END_PATIENCE: Duration = Duration::from_secs(3);

/// What every writing connection begins with.
///
/// SQLite: a commit that returned is on disk; only backups and people with a shell hold locks that are waited for.
/// PostgreSQL: nothing waits for ever, and a transaction whose process is gone or hangs holds nobody up for long. The
/// server's limits are shorter than ours ([`crate::connection`]), so that it says itself what takes too long.
const WRITER: Spelled = Spelled {
    sqlite: "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
    postgres: "SET lock_timeout = '10s'; SET statement_timeout = '12s';
               SET idle_in_transaction_session_timeout = '20s'; SET synchronous_commit = on;
               SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3",
};

/// What every reading connection begins with.
const READER: Spelled = Spelled {
    sqlite: "PRAGMA busy_timeout = 10000; PRAGMA query_only = TRUE",
    postgres: "SET default_transaction_read_only = on; SET statement_timeout = '12s'",
};

/// How a transaction that writes begins: on SQLite as the one that may, on PostgreSQL beside others.
const BEGIN: Spelled = Spelled { sqlite: "BEGIN IMMEDIATE", postgres: "BEGIN" };

/// The open database.
#[derive(Debug, Clone)]
pub struct Pools {
    backend: Backend,
    writers: AnyPool,
    readers: AnyPool,
}

impl Pools {
    /// Opens the database at `address`; an SQLite file is made where there is none.
    ///
    /// # Errors
    /// When it cannot be reached, or says no.
    pub async fn open(address: &Address) -> Result<Self, OpenError> {
        install_default_drivers();
        let unusable = |source| OpenError::Unusable { address: address.to_string(), source };
        let (backend, writing, reading) = match address {
            Address::Sqlite(path) => (Backend::Sqlite, file(path, "rwc"), file(path, "ro")),
            Address::Postgres(url) => (Backend::Postgres, Ok(url.clone()), Ok(url.clone())),
        };
        let (count, patience) = match backend {
            Backend::Sqlite => (1, SQLITE_PATIENCE),
            Backend::Postgres => (POSTGRES_WRITERS, POSTGRES_PATIENCE),
        };
        let pool = |url, count, greeting| pool(url, backend, count, patience, greeting);
        let writers = pool(writing, count, WRITER.by(backend)).await.map_err(unusable)?;
        let readers = pool(reading, READERS, READER.by(backend)).await.map_err(unusable)?;
        Ok(Self { backend, writers, readers })
    }

    /// Which of the two it is.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    pub(crate) fn writers(&self) -> &AnyPool {
        &self.writers
    }

    /// A connection that only reads.
    ///
    /// # Errors
    /// When there is none within the pool's time.
    pub async fn read(&self) -> sqlx::Result<Connection> {
        Ok(Connection::lent(self.readers.acquire().await?, self.backend))
    }

    /// A connection that may write.
    ///
    /// # Errors
    /// When there is none within the pool's time.
    pub async fn write(&self) -> sqlx::Result<Connection> {
        Ok(Connection::lent(self.writers.acquire().await?, self.backend))
    }

    /// Begins a transaction that writes; keep it short.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin(&self) -> sqlx::Result<Transaction> {
        let mut begun = self.try_begin().await;
        if matches!(begun, Err(sqlx::Error::InvalidSavePointStatement)) {
            // SQLite has rolled a transaction back itself, for want of room or because the disk failed, and the
            // connection does not know: it would never begin another.
            self.writers.acquire().await?.close().await?;
            begun = self.try_begin().await;
        }
        begun
    }

    async fn try_begin(&self) -> sqlx::Result<Transaction> {
        let begin = self.writers.begin_with(BEGIN.by(self.backend));
        let patience = (self.backend == Backend::Postgres).then_some(POSTGRES_PATIENCE + END_PATIENCE);
        Ok(Transaction::begun(in_time(patience, begin).await?, self.backend))
    }

    /// Closes all connections; SQLite then folds its log into the database.
    pub async fn close(&self) {
        let closing = async {
            self.readers.close().await;
            self.writers.close().await;
        };
        match self.backend {
            Backend::Sqlite => closing.await,
            // A server that does not answer need not be told.
            Backend::Postgres => drop(tokio::time::timeout(END_PATIENCE, closing).await),
        }
    }
}

async fn pool(
    url: sqlx::Result<Url>,
    backend: Backend,
    connections: u32,
    patience: Duration,
    greeting: &'static str,
) -> sqlx::Result<AnyPool> {
    use sqlx::ConnectOptions;
    let options = AnyConnectOptions::from_url(&url?)?;
    let mut pool = AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(patience)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |conn, _| Box::pin(async move { sqlx::raw_sql(greeting).execute(conn).await.map(drop) }));
    if backend == Backend::Postgres {
        // The pool itself would wait for ever for a server that was unplugged, and count the connection as taken.
        pool = pool.after_release(|conn, _| {
            Box::pin(async move { in_time(Some(END_PATIENCE), sqlx::Connection::ping(conn)).await.map(|()| true) })
        });
    }
    match pool.connect_with(options.clone()).await {
        // It has tried again and again, and does not say of what.
        Err(sqlx::Error::PoolTimedOut) => Err(reason(&options, patience).await.unwrap_or(sqlx::Error::PoolTimedOut)),
        connected => connected,
    }
}

/// Why there is no connection, if that can be told within `patience`.
async fn reason(options: &AnyConnectOptions, patience: Duration) -> Option<sqlx::Error> {
    use sqlx::ConnectOptions;
    tokio::time::timeout(patience, options.connect()).await.ok()?.err()
}

/// The driver's address of the file at `path`.
fn file(path: &Path, mode: &str) -> sqlx::Result<Url> {
    let unusable = || sqlx::Error::Configuration(format!("{}: not an absolute path", path.display()).into());
    let absolute = Url::from_file_path(path).map_err(|()| unusable())?;
    Url::parse(&format!("sqlite://{}?mode={mode}", absolute.path()))
        .map_err(|error| sqlx::Error::Configuration(error.into()))
}
