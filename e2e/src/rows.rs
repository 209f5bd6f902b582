//! The ledger's rows, read with the databases' own programs: what is judged is not read by the code that is judged.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use client::Moment;
use serde_json::Value;

use crate::checker::Row;

/// Which database holds the ledger.
#[derive(Clone, Copy, Debug)]
pub enum Database<'a> {
    /// The file of the embedded default.
    Sqlite(&'a Path),
    /// A PostgreSQL, by its URL.
    Postgres(&'a str),
}

/// All rows of an event, by serial.
pub fn of(database: Database<'_>, event: &str) -> Result<Vec<Row>> {
    ensure!(
        event
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-'),
        "`{event}` does not belong into SQL"
    );
    let mut command;
    match database {
        Database::Sqlite(file) => {
            command = Command::new("sqlite3");
            command.arg(format!("file:{}?mode=ro", file.display()));
            command.arg(format!(
                "SELECT json_group_array(json_object('serial', serial, 'code', code, 'holder', holder, \
                 'record_id', record_id, 'issued_at', issued_at)) FROM \
                 (SELECT * FROM coupon_issuances WHERE event = '{event}' ORDER BY serial)"
            ));
        }
        Database::Postgres(url) => {
            command = Command::new("psql");
            command.args([
                "--no-psqlrc",
                "--tuples-only",
                "--no-align",
                "--dbname",
                url,
            ]);
            command.arg("--command").arg(format!(
                "SELECT coalesce(json_agg(json_build_object('serial', serial, 'code', code, 'holder', holder, \
                 'record_id', record_id, 'issued_at', \
                 to_char(issued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')) ORDER BY serial), '[]') \
                 FROM coupon_issuances WHERE event = '{event}'"
            ));
        }
    }
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    rows.iter().map(row).collect()
}

fn row(row: &Value) -> Result<Row> {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let issued_at: Moment = text("issued_at").parse().context("issued_at")?;
    Ok(Row {
        serial: row["serial"].as_u64().context("serial")?,
        code: text("code"),
        holder: text("holder"),
        record_id: text("record_id"),
        issued_at: issued_at.unix_ms(),
    })
}
