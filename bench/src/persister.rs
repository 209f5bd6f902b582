//! Rows per second into PostgreSQL: coupons are issued while no persister runs, then one starts and catches up. The floor is
//! COPY of the same rows into a table with the same keys. Then the same with a thousand records among them that PostgreSQL
//! refuses: each must be a dead letter with its reason, each other one a row, and sent again after a mend all must land.

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

const COUPONS: usize = 100_000;
const POISON: usize = COUPONS / 100;
/// What refuses one record in a hundred, and no check of ours can foresee.
const ONE_IN_A_HUNDRED: &str =
    "alter table coupon_issuances add constraint refused check (serial % 100 <> 0)";
const MEND: &str = "alter table coupon_issuances drop constraint refused";

/// Measures, on the database that `DATABASE_URL` names, whose tables it drops.
pub async fn measure(binary: &Path, rounds: usize) -> Result<Vec<Figure>> {
    let database = std::env::var("DATABASE_URL")
        .context("set DATABASE_URL to a PostgreSQL database without anything of value")?;
    let (mut rows, mut floor, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    let mut again = Vec::new();
    for round in 0..rounds {
        let event = format!("rows{round}");
        let (rate, _) = catch_up(binary, &database, &event, None).await?;
        rows.push(rate);
        floor.push(copy(&database, &event)?);
        let (rate, running) = catch_up(binary, &database, &event, Some(ONE_IN_A_HUNDRED)).await?;
        refused.push(rate);
        again.push(redrive(&running, &database, &event).await?);
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
        Figure::plain(
            "persister: dead letters of 1,000 refused records, each with its reason; all sent again, landed, per second",
            median(&mut again),
            "1/s",
        ),
    ])
}

/// What still runs after catching up.
struct Running {
    server: Server,
    persister: Server,
    _redis: Redis,
}

/// Issues coupons that nobody persists, forbids some, and lets a persister catch up; its records per second.
async fn catch_up(
    binary: &Path,
    database: &str,
    event: &str,
    forbid: Option<&str>,
) -> Result<(f64, Running)> {
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
    let rate = per_second(COUPONS, began.elapsed());
    let running = Running {
        server,
        persister,
        _redis: redis,
    };
    Ok((rate, running))
}

/// Looks at the dead letters, mends what refused them, and sends all again; letters per second.
async fn redrive(running: &Running, database: &str, event: &str) -> Result<f64> {
    let ops = &running.persister.ops;
    let (mut letters, mut after) = (Vec::new(), None);
    loop {
        let page = ops.dead_letters(after.as_deref()).await?;
        letters.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let right = letters
        .iter()
        .all(|letter| letter.event.as_deref() == Some(event) && letter.reason.contains("refused"));
    ensure!(
        right && letters.len() == POISON,
        "{} dead letters, the first of them {:?}",
        letters.len(),
        letters.first()
    );
    ensure!(
        rows(database, event)? == COUPONS - POISON,
        "a good record is missing"
    );
    psql(database, MEND, Stdio::null())?;
    let began = Instant::now();
    for letter in &letters {
        let settled = ops.redrive(letter.id).await?;
        ensure!(settled.outcome.as_deref() == Some("landed"), "{settled:?}");
    }
    let rate = per_second(POISON, began.elapsed());
    ensure!(rows(database, event)? == COUPONS, "a letter did not land");
    ensure!(
        running.server.ops.event(event).await?.ledger_lag == 0,
        "a letter is still owed"
    );
    Ok(rate)
}

/// How many rows an event has.
fn rows(database: &str, event: &str) -> Result<usize> {
    let count = format!("select count(*) from coupon_issuances where event = '{event}'");
    let count = psql(database, &count, Stdio::null())?;
    Ok(String::from_utf8(count)?.trim().parse()?)
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
