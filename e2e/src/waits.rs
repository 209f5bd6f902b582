//! What a process with the role gateway measured of the waits that people were told.

use anyhow::Result;

use crate::Server;

/// People who were shown a time left and got their ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// All of them.
    pub all: u64,
    /// Those who waited as long as they were told at first.
    pub right: u64,
}

impl Waits {
    /// Reads them from the metrics, those of all events together.
    pub async fn of(server: &Server) -> Result<Self> {
        let metrics = reqwest::get(format!("{}/metrics", server.ops)).await?;
        let mut waits = Self::default();
        for line in metrics.text().await?.lines() {
            if let Some(count) = line.strip_prefix("stanchion_gateway_waits_total{") {
                let people: u64 = count.rsplit(' ').next().unwrap_or_default().parse()?;
                waits.all += people;
                if count.contains(r#"in_range="yes""#) {
                    waits.right += people;
                }
            }
        }
        Ok(waits)
    }
}
