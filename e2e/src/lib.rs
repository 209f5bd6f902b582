//! What the end-to-end tests share: the real binary as a child process, people who come to it, raw calls, and forged
//! tickets. The tests know the API alone.

pub mod call;
pub mod chance;
pub mod checker;
pub mod forge;
pub mod history;
pub mod ledger;
pub mod nemesis;
pub mod outcome;
pub mod people;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod rows;
pub mod server;
pub mod setup;
pub mod shape;
pub mod socket;
pub mod stand;
pub mod trial;
pub mod waits;
pub mod witness;

pub use call::{Answer, Call};
pub use people::{End, Story};
pub use server::Server;
pub use setup::Setup;
pub use socket::{Heard, Socket};

use std::time::Duration;

use anyhow::{Context as _, Result};

/// How long something may take that has to happen: generous, since tests share few cores.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Asks until there is an answer.
pub async fn until<T>(ask: impl AsyncFn() -> Option<T>) -> Result<T> {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .context("it never happens")
}
