//! The benchmarks: what the server does per second of its own processor time, each beside a floor measured in the same run.
//! Load generator and server share the machine, so throughput alone would mislead; ratios and processor time do not.

mod enter;
mod floor;
mod latency;
mod load;
mod persister;
mod process;
mod redeem;
mod redis;
mod report;
mod server;
mod sockets;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Benchmarks of Stanchion against floors measured in the same run.
#[derive(Parser)]
struct Bench {
    #[command(subcommand)]
    what: What,
    /// The binary to measure.
    #[arg(long, global = true, default_value = "target/release/stanchion")]
    binary: PathBuf,
    /// Rounds of each measurement; the median counts.
    #[arg(long, global = true, default_value_t = 3)]
    rounds: usize,
}

/// What to measure.
#[derive(Subcommand)]
enum What {
    /// Everything; writes bench/results.json and the table in bench/README.md.
    All,
    /// Entering the line over HTTP.
    Enter,
    /// Redeeming tickets over HTTP.
    Redeem,
    /// Latency of redeeming at half load.
    Latency,
    /// Memory per idle socket, and pushed positions.
    Sockets {
        /// How many sockets.
        #[arg(long, default_value_t = 19_000)]
        sockets: usize,
    },
    /// Rows per second into PostgreSQL (needs a DATABASE_URL of an empty database).
    Persister,
    /// Serves a bare axum route and socket: the floor, started by the other commands.
    #[command(hide = true)]
    Floor,
}

#[tokio::main]
async fn main() -> Result<()> {
    let bench = Bench::parse();
    let (binary, rounds) = (bench.binary.as_path(), bench.rounds);
    let mut figures = Vec::new();
    match bench.what {
        What::Floor => return floor::serve().await,
        What::Enter => figures.extend(enter::measure(binary, rounds).await?),
        What::Redeem => figures.extend(redeem::measure(binary, rounds).await?),
        What::Latency => figures.extend(latency::measure(binary).await?),
        What::Sockets { sockets } => figures.extend(sockets::measure(binary, sockets).await?),
        What::Persister => figures.extend(persister::measure(binary, rounds).await?),
        What::All => return report::everything(binary, rounds).await,
    }
    report::print(&figures);
    Ok(())
}
