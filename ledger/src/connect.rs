//! Reaching the database, making its tables, and checking that it keeps what it commits.

use std::path::Path;
use std::time::Duration;

use domain::Fault;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::MigrateError;
use sqlx::{AnyPool, Executor as _};

use crate::dialect::Dialect;
use crate::error::LedgerError;

/// Most connections of one process, beside those of the records.
const CONNECTIONS: u32 = 8;
/// Most connections for records: one batch is written while the connection of the last is given back.
const RECORDS: u32 = 2;
/// How long a call waits for a connection before it counts as unavailable.
const PATIENCE: Duration = Duration::from_secs(5);

/// The door to the ledger. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(crate) pool: AnyPool,
    /// Where records become rows, on connections of their own that are not tried out before each use: whoever writes records tries
    /// again after every failure. SQLite has one writer at a time, so there it is one connection: the pages that it holds in
    /// memory stay good from one batch to the next, and no other connection needs as many.
    pub(crate) records: AnyPool,
    pub(crate) dialect: Dialect,
}

/// The URL of an SQLite ledger in the file `path`.
#[must_use]
pub fn sqlite_url(path: &Path) -> String {
    let mut url = "sqlite://".to_owned();
    for character in path.to_string_lossy().chars() {
        match character {
            '%' => url.push_str("%25"),
            '?' => url.push_str("%3F"),
            '#' => url.push_str("%23"),
            plain => url.push(plain),
        }
    }
    url
}

impl Ledger {
    /// Connects to `postgres://…` or `sqlite:///path/to/file` (made if missing) and waits until it answers.
    pub async fn connect(url: &str) -> Result<Self, LedgerError> {
        let Some(dialect) = Dialect::of(url) else {
            return Err(LedgerError::Unavailable(
                "the URL must begin with postgres:// or sqlite://".to_owned(),
            ));
        };
        sqlx::any::install_default_drivers();
        let (url, writers) = match dialect {
            Dialect::Postgres => (url.to_owned(), RECORDS),
            Dialect::Sqlite => (made_if_missing(url), 1),
        };
        let pool = connections(CONNECTIONS, dialect.on_connect());
        let records = connections(writers, dialect.on_connect_for_records());
        let records = records.test_before_acquire(false);
        let (pool, records) = (pool.connect(&url).await?, records.connect(&url).await?);
        Ok(Self {
            pool,
            records,
            dialect,
        })
    }

    /// Brings the tables up to this version. Any number of processes may call it at once.
    pub async fn migrate(&self) -> Result<(), LedgerError> {
        let migrations = self.dialect.migrations();
        // PostgreSQL lets one process at a time in. On SQLite, whoever finds that another just made a table looks again at what is
        // left to do, at most once for each step there is.
        if self.dialect == Dialect::Sqlite {
            for _ in migrations.iter() {
                match migrations.run(&self.pool).await {
                    Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)) => {}
                    done => return Ok(done?),
                }
            }
        }
        Ok(migrations.run(&self.pool).await?)
    }

    /// The database answers.
    pub async fn ping(&self) -> Result<(), LedgerError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// The settings that must not be: with `fsync` or `synchronous_commit` off PostgreSQL may forget what it committed.
    /// SQLite is told per connection and has none.
    pub async fn faults(&self) -> Result<Vec<Fault>, LedgerError> {
        if self.dialect == Dialect::Sqlite {
            return Ok(Vec::new());
        }
        let mut faults = Vec::new();
        for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
            let held: String = sqlx::query_scalar("SELECT current_setting($1)")
                .bind(setting)
                .fetch_one(&self.pool)
                .await?;
            if held == "off" {
                faults.push(Fault {
                    setting: setting.to_owned(),
                    held,
                    mend: format!("set `{setting} = on` in PostgreSQL and reload it"),
                });
            }
        }
        Ok(faults)
    }

    /// Closes the connections; calls that still run are finished.
    pub async fn close(&self) {
        self.pool.close().await;
        self.records.close().await;
    }
}

/// At most so many connections, each told `opening` first.
fn connections(most: u32, opening: &'static str) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(PATIENCE)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(opening).await?;
                Ok(())
            })
        })
}

/// SQLite makes a missing file only when told so.
fn made_if_missing(url: &str) -> String {
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}mode=rwc")
}
