//! The benchmarks: what the server does per second of its own processor time, each beside a floor measured in the same run.
//! Load generator and server share the machine, so throughput alone would mislead; ratios and processor time do not.

mod ages;
mod away;
mod claims;
mod crowd;
mod draw;
mod drop;
mod enter;
mod floor;
mod idle;
mod latency;
mod load;
mod naive;
mod persister;
mod process;
mod recover;
mod redeem;
mod redis;
mod report;
mod server;
mod sockets;
mod stack;
mod watchers;

use std::net::SocketAddr;
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
    /// The figures of the table: enter, redeem, latency, sockets, and persister where DATABASE_URL is set; writes
    /// bench/results.json and the table in bench/README.md.
    All,
    /// Entering the line over HTTP.
    Enter,
    /// Redeeming tickets over HTTP.
    Redeem,
    /// Coupons without a line: claims, codes handed out, a million codes loaded and made.
    Claims,
    /// Of these the codes alone, on the embedded default.
    Books,
    /// The ack levels beside each other: throughput, and latency at half load.
    Latency,
    /// Memory per idle socket, and pushed positions.
    Sockets {
        /// How many sockets.
        #[arg(long, default_value_t = 19_000)]
        sockets: usize,
    },
    /// Rows per second into PostgreSQL (needs a DATABASE_URL of an empty database).
    Persister,
    /// How long it takes until a Redis that forgot is put back.
    Recover,
    /// What is heard while Kafka or PostgreSQL is away, and how fast it is caught up.
    Away {
        /// Which is away; without it each in its turn.
        #[arg(long)]
        store: Option<away::Store>,
        /// How long it is away, in seconds.
        #[arg(long, default_value_t = 60)]
        lasts_s: usize,
        /// Redeems per second.
        #[arg(long, default_value_t = 2_000)]
        per_s: usize,
    },
    /// A crowd over several processes: its cost, how old positions are, the loss of Redis, a storm; beside a naive rival.
    Crowd {
        /// How many people, each with a socket.
        #[arg(long, default_value_t = 200_000)]
        sockets: usize,
    },
    /// A crowd that loses its connections and comes back at once, alone.
    Storm {
        /// How many people, each with a socket.
        #[arg(long, default_value_t = 20_000)]
        sockets: usize,
    },
    /// The draw of a large lobby.
    Draw {
        /// How many people.
        #[arg(long, default_value_t = 1_000_000)]
        people: usize,
    },
    /// A whole drop: a lobby, a draw, a thousand coupons, and everybody told.
    Drop {
        /// How many people.
        #[arg(long, default_value_t = 1_000_000)]
        people: usize,
    },
    /// A thousand events at which nobody looks.
    Idle,
    /// Holds a part of a crowd, started by `crowd`.
    #[command(hide = true)]
    Watch {
        /// The door.
        address: SocketAddr,
        /// The socket's path.
        path: String,
    },
    /// Serves the naive rival, started by `crowd`.
    #[command(hide = true)]
    Naive {
        /// The socket of its Redis.
        redis: PathBuf,
    },
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
        What::Watch { address, path } => return watchers::serve(address, &path).await,
        What::Naive { redis } => return naive::serve(redis).await,
        What::Crowd { sockets } => figures.extend(crowd::measure(binary, sockets).await?),
        What::Storm { sockets } => figures.extend(crowd::storm(binary, sockets).await?),
        What::Draw { people } => figures.extend(draw::measure(binary, people).await?),
        What::Drop { people } => figures.extend(drop::measure(binary, people).await?),
        What::Idle => figures.extend(idle::measure(binary).await?),
        What::Enter => figures.extend(enter::measure(binary, rounds).await?),
        What::Redeem => figures.extend(redeem::measure(binary, rounds).await?),
        What::Claims => figures.extend(claims::measure(binary).await?),
        What::Books => figures.extend(claims::books(binary).await?),
        What::Latency => figures.extend(latency::measure(binary).await?),
        What::Sockets { sockets } => figures.extend(sockets::measure(binary, sockets).await?),
        What::Persister => figures.extend(persister::measure(binary, rounds).await?),
        What::Recover => figures.extend(recover::measure(binary, rounds).await?),
        What::Away {
            store,
            lasts_s,
            per_s,
        } => {
            let away = away::Away {
                store,
                lasts_s,
                per_s,
            };
            figures.extend(away::measure(binary, away).await?);
        }
        What::All => return report::everything(binary, rounds).await,
    }
    report::print(&figures);
    Ok(())
}
