//! Does the record agree? Asked of the figures and of `stanchion verify`.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::server::Server;
use crate::until;

/// Waits until the ledger holds all that was issued, and asks `stanchion verify` whether everything agrees.
pub async fn agrees(server: &Server, event: &str, issued: u64) -> Result<()> {
    let ops = server.organiser()?;
    until(async || {
        let figures = ops.event(event).await.ok()?;
        (figures.ledger_lag == 0).then_some(())
    })
    .await?;
    let verify = ["verify", "--event", event, "--json"];
    let (verdict, agrees) = server.run(&verify).await?;
    let verdict: Value = serde_json::from_str(&verdict)?;
    let found = &verdict["events"][0];
    let right = agrees
        && verdict["unexplained"] == 0
        && found["event"] == event
        && found["issued"]["redis"] == issued
        && found["issued"]["ledger"] == issued
        && found["differences"] == json!([]);
    ensure!(right, "{issued} were issued, and verify says {verdict:#}");
    Ok(())
}
