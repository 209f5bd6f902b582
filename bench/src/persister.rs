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
/// What refuses one record in a hundred, and no check of ours can foresee.
const ONE_IN_A_HUNDRED: &str =
    "alter table coupon_issuances add constraint refused check (serial % 100 <> 0)";

/// Measures, on the database that `DATABASE_URL` names, whose tables it drops.
pub async fn measure(binary: &Path, rounds: usize) -> Result<Vec<Figure>> {
    let database = std::env::var("DATABASE_URL")
        .context("set DATABASE_URL to a PostgreSQL database without anything of value")?;
    let (mut rows, mut floor, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let event = format!("rows{round}");
        rows.push(catch_up(binary, &database, &event, None).await?);
        floor.push(copy(&database, &event)?);
        refused.push(catch_up(binary, &database, &event, Some(ONE_IN_A_HUNDRED)).await?);
    }
    let (rows, floor) = (median(&mut rows), median(&mut floor));
    let refused = median(&mut refused);
    Ok(vec![
        Figure::ratio(
            "persister: rows per second into PostgreSQL",
            rows,
            "1/s",
            "COPY, same keys",
            floor,
        ),
        Figure::ratio(
            "persister: records per second, one in a hundred refused by PostgreSQL",
            refused,
            "1/s",
            "none refused",
            rows,
        ),
    ])
}

async fn catch_up(binary: &Path, database: &str, event: &str, forbid: Option<&str>) -> Result<f64> {
    psql(
        database,
        "drop schema public cascade; create schema public",
        Stdio::null(),
    )?;
    let redis = Redis::start()?;
    let stores = ["--redis-url", &redis.url, "--database-url", database];
    let start = |roles| Server::start(binary, &[&["--roles", roles][..], &stores].concat());
    // It makes the tables and recognises Redis, which the others wait for; then it goes, so that nothing is persisted.
    let first = start("gateway,persister")?;
    let server = start("gateway,admission,issuer")?;
    server.event("warm", 1, 0.0, "redis").await?;
    drop(first);
    let requests = redeem::tickets(&server, event, COUPONS, "redis").await?;
    drive(server.public, Arc::new(requests), FULL).await?;
    if let Some(sql) = forbid {
        psql(database, sql, Stdio::null())?;
    }
    let began = Instant::now();
    let persister = start("gateway,persister")?;
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
