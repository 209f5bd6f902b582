//! Rows per second into PostgreSQL: coupons are issued while no persister runs, then one starts and catches up. The floor is
//! COPY of the same rows into a table with the same keys.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::load::{FULL, drive};
use crate::redeem;
use crate::redis::Redis;
use crate::report::{Figure, median, per_second};
use crate::server::{Server, scratch};

const COUPONS: usize = 50_000;

/// Measures, on the empty database that `DATABASE_URL` names.
pub async fn measure(binary: &Path, rounds: usize) -> Result<Vec<Figure>> {
    let database = std::env::var("DATABASE_URL")
        .context("set DATABASE_URL to an empty PostgreSQL database")?;
    let (mut rows, mut floor) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let event = format!("rows{round}");
        rows.push(catch_up(binary, &database, &event).await?);
        floor.push(copy(&database, &event)?);
    }
    let (rows, floor) = (median(&mut rows), median(&mut floor));
    Ok(vec![Figure::ratio(
        "persister: rows per second into PostgreSQL",
        rows,
        "1/s",
        "COPY, same keys",
        floor,
    )])
}

async fn catch_up(binary: &Path, database: &str, event: &str) -> Result<f64> {
    let redis = Redis::start()?;
    let others = [
        "--roles",
        "gateway,admission,issuer",
        "--redis-url",
        &redis.url,
    ];
    let server = Server::start(binary, &others)?;
    let requests = redeem::tickets(&server, event, COUPONS, "redis").await?;
    drive(server.public, Arc::new(requests), FULL).await?;
    let began = Instant::now();
    let persister = Server::start(
        binary,
        &[
            "--roles",
            "persister",
            "--redis-url",
            &redis.url,
            "--database-url",
            database,
        ],
    )?;
    while server.ops.event(event).await?.ledger_lag > 0 {
        ensure!(
            began.elapsed() < Duration::from_mins(2),
            "the persister did not catch up in two minutes"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = began.elapsed();
    drop(persister);
    Ok(per_second(COUPONS, took))
}

/// Copies the rows of `event` out, and times copying them into a twin of the table.
fn copy(database: &str, event: &str) -> Result<f64> {
    psql(
        database,
        "drop table if exists floor; create table floor (like coupon_issuances including all)",
        Stdio::null(),
    )?;
    let rows = psql(
        database,
        &format!("copy (select * from coupon_issuances where event = '{event}') to stdout"),
        Stdio::null(),
    )?;
    let file = scratch("copy")?.join("rows");
    std::fs::write(&file, rows)?;
    let began = Instant::now();
    psql(
        database,
        "copy floor from stdin",
        std::fs::File::open(&file)?.into(),
    )?;
    let took = began.elapsed();
    psql(database, "drop table floor", Stdio::null())?;
    if let Some(folder) = file.parent() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(per_second(COUPONS, took))
}

fn psql(database: &str, sql: &str, input: Stdio) -> Result<Vec<u8>> {
    let output = Command::new("psql")
        .args(["-qXAt", database, "-c", sql])
        .stdin(input)
        .output()?;
    ensure!(
        output.status.success(),
        "psql: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output.stdout)
}
