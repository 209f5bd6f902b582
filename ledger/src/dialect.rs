//! What PostgreSQL and SQLite say differently: how a JSON parameter becomes rows, how a time is shown, how a transaction that
//! writes begins, and what a new connection is told.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// The SQL that the database speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    Sqlite,
}

/// SQLite: readers beside one writer, a commit is on the disk, what a savepoint may take back stays in memory (it is never needed
/// after a crash), and a page that changes often is moved to the database once in 4,000 pages.
macro_rules! sqlite_opening {
    () => {
        "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 4000"
    };
}

impl Dialect {
    /// The dialect of a URL, by its scheme.
    pub(crate) fn of(url: &str) -> Option<Self> {
        match url.split_once(':')?.0 {
            "postgres" | "postgresql" => Some(Self::Postgres),
            "sqlite" => Some(Self::Sqlite),
            _ => None,
        }
    }

    /// Begins a transaction that writes. In SQLite the write lock is taken at once, so that two writers wait for each other
    /// instead of failing half-way.
    pub(crate) fn begin(self) -> &'static str {
        match self {
            Self::Postgres => "BEGIN",
            Self::Sqlite => "BEGIN IMMEDIATE",
        }
    }

    /// What a new connection is told.
    pub(crate) fn on_connect(self) -> &'static str {
        match self {
            Self::Postgres => "SET application_name = 'stanchion'",
            Self::Sqlite => sqlite_opening!(),
        }
    }

    /// What the connection is told by which records become rows. SQLite: codes and holders are random, so each row changes pages
    /// of its own; up to 32 MiB of them are kept in memory.
    pub(crate) fn on_connect_for_records(self) -> &'static str {
        match self {
            Self::Postgres => self.on_connect(),
            Self::Sqlite => concat!(sqlite_opening!(), "; PRAGMA cache_size = -32768"),
        }
    }

    /// Parameter 1, a JSON array of issuances, as rows.
    pub(crate) fn issuances(self) -> &'static str {
        match self {
            Self::Postgres => {
                "json_to_recordset(CAST($1 AS json)) AS given(event text, serial bigint, code text, holder text, \
                 record_id text, issued_at timestamptz)"
            }
            Self::Sqlite => {
                "(SELECT value->>'event' AS event, value->>'serial' AS serial, value->>'code' AS code, \
                 value->>'holder' AS holder, value->>'record_id' AS record_id, value->>'issued_at' AS issued_at \
                 FROM json_each($1)) AS given"
            }
        }
    }

    /// Parameter 1, a JSON array of events, as rows.
    pub(crate) fn events(self) -> &'static str {
        match self {
            Self::Postgres => {
                "json_to_recordset(CAST($1 AS json)) AS given(id text, title text, phase text, stock bigint, \
                 definition json, updated_ordinal bigint, updated_at timestamptz)"
            }
            Self::Sqlite => {
                "(SELECT value->>'id' AS id, value->>'title' AS title, value->>'phase' AS phase, \
                 value->>'stock' AS stock, value->'definition' AS definition, \
                 value->>'updated_ordinal' AS updated_ordinal, value->>'updated_at' AS updated_at \
                 FROM json_each($1)) AS given"
            }
        }
    }

    /// Parameter 1, a JSON array of books, as rows.
    pub(crate) fn books(self) -> &'static str {
        match self {
            Self::Postgres => {
                "json_to_recordset(CAST($1 AS json)) AS given(book text, title text, rules json, updated_ordinal bigint, \
                 updated_at timestamptz)"
            }
            Self::Sqlite => {
                "(SELECT value->>'book' AS book, value->>'title' AS title, value->'rules' AS rules, \
                 value->>'updated_ordinal' AS updated_ordinal, value->>'updated_at' AS updated_at \
                 FROM json_each($1)) AS given"
            }
        }
    }

    /// Parameter 1, a JSON array of coupons of books, as rows.
    pub(crate) fn book_coupons(self) -> &'static str {
        match self {
            Self::Postgres => {
                "json_to_recordset(CAST($1 AS json)) AS given(event text, code text, state text, holder text, \
                 assigned_at timestamptz, redemptions bigint, locked_until timestamptz, updated_ordinal bigint)"
            }
            Self::Sqlite => {
                "(SELECT value->>'event' AS event, value->>'code' AS code, value->>'state' AS state, \
                 value->>'holder' AS holder, value->>'assigned_at' AS assigned_at, value->>'redemptions' AS redemptions, \
                 value->>'locked_until' AS locked_until, value->>'updated_ordinal' AS updated_ordinal \
                 FROM json_each($1)) AS given"
            }
        }
    }

    /// Parameter 1, a JSON object of codes, each with the ordinal of the record that told of it, as rows.
    pub(crate) fn codes(self) -> &'static str {
        match self {
            Self::Postgres => {
                "(SELECT key AS code, CAST(value AS bigint) AS ordinal FROM json_each_text(CAST($1 AS json))) AS given"
            }
            Self::Sqlite => "(SELECT key AS code, value AS ordinal FROM json_each($1)) AS given",
        }
    }

    /// Parameter 1, a JSON array of steps that coupons made, as rows.
    pub(crate) fn coupon_steps(self) -> &'static str {
        match self {
            Self::Postgres => {
                "json_to_recordset(CAST($1 AS json)) AS given(record_id text, book text, ordinal bigint, at timestamptz, \
                 code text, holder text, step text, \"from\" text, \"to\" text, \"by\" text, metadata json)"
            }
            Self::Sqlite => {
                "(SELECT value->>'record_id' AS record_id, value->>'book' AS book, value->>'ordinal' AS ordinal, \
                 value->>'at' AS at, value->>'code' AS code, value->>'holder' AS holder, value->>'step' AS step, \
                 value->>'from' AS \"from\", value->>'to' AS \"to\", value->>'by' AS \"by\", \
                 nullif(value->'metadata', 'null') AS metadata FROM json_each($1)) AS given"
            }
        }
    }

    /// Parameter 1, a JSON array of the journal's entries, as rows.
    pub(crate) fn journal(self) -> &'static str {
        match self {
            Self::Postgres => {
                "json_to_recordset(CAST($1 AS json)) AS given(event text, ordinal bigint, record text)"
            }
            Self::Sqlite => {
                "(SELECT value->>'event' AS event, value->>'ordinal' AS ordinal, value->>'record' AS record \
                 FROM json_each($1)) AS given"
            }
        }
    }

    /// Parameter 1, a JSON array of texts, as a list for `IN`.
    pub(crate) fn texts(self) -> &'static str {
        match self {
            Self::Postgres => "(SELECT json_array_elements_text(CAST($1 AS json)))",
            Self::Sqlite => "(SELECT value FROM json_each($1))",
        }
    }

    /// Parameter 1, a JSON array of users, as rows.
    pub(crate) fn users(self) -> &'static str {
        match self {
            Self::Postgres => "json_array_elements_text(CAST($1 AS json)) AS given(user_id)",
            Self::Sqlite => "(SELECT value AS user_id FROM json_each($1)) AS given",
        }
    }

    /// A column of times as RFC 3339 text.
    pub(crate) fn shown(self, column: &str) -> String {
        match self {
            Self::Postgres => {
                format!(r#"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"#)
            }
            Self::Sqlite => column.to_owned(),
        }
    }

    /// A parameter that holds a time as RFC 3339 text, as the tables keep it.
    pub(crate) fn moment(self, parameter: &str) -> String {
        match self {
            Self::Postgres => format!("CAST({parameter} AS timestamptz)"),
            Self::Sqlite => parameter.to_owned(),
        }
    }

    /// Ends a query whose rows nobody else may change before the transaction ends. In SQLite one transaction writes at a time.
    pub(crate) fn for_update(self) -> &'static str {
        match self {
            Self::Postgres => " FOR UPDATE",
            Self::Sqlite => "",
        }
    }

    /// Ends a query whose rows must stay as they are until the transaction ends, while others may read them so, too.
    pub(crate) fn for_share(self) -> &'static str {
        match self {
            Self::Postgres => " FOR SHARE",
            Self::Sqlite => "",
        }
    }

    /// The tables' story, in order.
    pub(crate) fn migrations(self) -> Migrator {
        macro_rules! story {
            ($folder:literal: $($name:literal = $file:literal),+ $(,)?) => {
                [$(($name, include_str!(concat!("../migrations/", $folder, "/", $file, ".sql")))),+]
            };
            ($folder:literal) => {
                story!($folder:
                    "record" = "0001_record",
                    "dead letters" = "0002_dead_letters",
                    "line" = "0003_line",
                    "accounts" = "0004_accounts",
                    "books" = "0005_books",
                    "fences" = "0006_fences",
                    "jobs" = "0007_jobs",
                    "event stats" = "0008_event_stats",
                )
            };
        }
        let scripts = match self {
            Self::Postgres => story!("postgres"),
            Self::Sqlite => story!("sqlite"),
        };
        let migrations = (1..).zip(scripts).map(|(version, (name, sql))| {
            let kind = MigrationType::Simple;
            Migration::new(version, name.into(), kind, sql.into_sql_str(), false)
        });
        Migrator::with_migrations(migrations.collect())
    }
}
