//! What a trial runs on, with everything that can go wrong with it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use testbed::{Kafka, Postgres};
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::checker::Row;
use crate::nemesis::{Stack, Strike, Target, Way};
use crate::proxy::{Link, Proxy};
use crate::redis::Redis;
use crate::rows::{self, Database};
use crate::{Server, Setup, process};

/// Running servers and their stores.
pub struct Stand {
    servers: Vec<Option<Server>>,
    stores: Option<Stores>,
}

struct Stores {
    redis: Redis,
    kafka: Kafka,
    postgres: Postgres,
    /// The database itself, past every link.
    database: String,
    redis_ways: Vec<Proxy>,
    kafka_way: Proxy,
    postgres_ways: Vec<Proxy>,
    keys: tempfile::TempDir,
}

/// How many processes the full stack has.
const PROCESSES: usize = 2;

impl Stand {
    /// Starts a stack; `settings` are further environment variables of every process, such as `MISHAPS`.
    pub async fn start(stack: Stack, settings: &[(&str, &str)]) -> Result<Self> {
        match stack {
            Stack::Embedded => Ok(Self::of(with(Setup::new()?, settings).start().await?)),
            Stack::Full => Self::full(Redis::start()?, PROCESSES, settings).await,
        }
    }

    /// The embedded default, started by the test itself.
    #[must_use]
    pub fn of(server: Server) -> Self {
        Self {
            servers: vec![Some(server)],
            stores: None,
        }
    }

    /// Starts so many processes on a Redis and on a Kafka and a PostgreSQL of their own.
    pub async fn full(redis: Redis, processes: usize, settings: &[(&str, &str)]) -> Result<Self> {
        let kafka_door = testbed::free_port()?;
        let (kafka, postgres) =
            block_in_place(|| anyhow::Ok((Kafka::start_behind(kafka_door)?, Postgres::start()?)))?;
        let kafka_way = Proxy::between(kafka_door, kafka.port()).await?;
        let mut stores = Stores {
            kafka_way,
            database: postgres.database()?,
            redis,
            kafka,
            postgres,
            redis_ways: Vec::new(),
            postgres_ways: Vec::new(),
            keys: tempfile::Builder::new()
                .prefix("stanchion-e2e-keys-")
                .tempdir()?,
        };
        let mut servers = Vec::new();
        for _ in 0..processes {
            let redis_way = Proxy::to(stores.redis.port()).await?;
            let postgres_way = Proxy::to(stores.postgres.port()).await?;
            let past = format!(":{}/", stores.postgres.port());
            let through = format!(":{}/", postgres_way.port);
            let setup = Setup::new()?
                .env(
                    "STANCHION_REDIS_URL",
                    &format!("redis://127.0.0.1:{}", redis_way.port),
                )
                .env(
                    "STANCHION_KAFKA_BROKERS",
                    &format!("127.0.0.1:{kafka_door}"),
                )
                .env(
                    "STANCHION_DATABASE_URL",
                    &stores.database.replace(&past, &through),
                )
                .env("STANCHION_ADMIN_TOKEN", "the-token-of-every-role")
                .env("STANCHION_KEYS", &stores.keys.path().to_string_lossy())
                .env("STANCHION_PUBLIC_URL", "http://drop.example");
            servers.push(Some(with(setup, settings).start().await?));
            stores.redis_ways.push(redis_way);
            stores.postgres_ways.push(postgres_way);
        }
        Ok(Self {
            servers,
            stores: Some(stores),
        })
    }

    /// A running process.
    pub fn server(&self, nth: usize) -> Result<&Server> {
        let server = self.servers.get(nth).and_then(Option::as_ref);
        server.context("the process is not running")
    }

    /// Every process that runs.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().flatten()
    }

    /// The event's rows, read past every link.
    pub fn rows(&self, event: &str) -> Result<Vec<Row>> {
        let file: PathBuf;
        let database = if let Some(stores) = &self.stores {
            Database::Postgres(&stores.database)
        } else {
            file = self.server(0)?.data().join("ledger.sqlite");
            Database::Sqlite(&file)
        };
        rows::of(database, event)
    }

    /// Lets one thing go wrong, and mends it.
    pub async fn strike(&mut self, strike: Strike) -> Result<()> {
        match strike {
            Strike::Kill(target) => self.kill(target).await,
            Strike::Stop(target, ms) => {
                let pids = self.pids(target)?;
                process::signal("STOP", &pids)?;
                sleep(Duration::from_millis(ms)).await;
                process::signal("CONT", &pids)
            }
            Strike::Cut(way, ms) => self.harm(way, Link::Cut, ms).await,
            Strike::Hang(way, ms) => self.harm(way, Link::Hanging, ms).await,
            Strike::CutAndKill(way, ms, nth) => {
                self.way(way)?.set(Link::Cut);
                sleep(Duration::from_millis(ms)).await;
                self.down(nth).await?;
                self.way(way)?.set(Link::Whole);
                self.up(nth).await
            }
            Strike::Truncate(bytes) => {
                let redis = &mut self.stores()?.redis;
                redis.kill()?;
                redis.truncate(bytes)?;
                block_in_place(|| redis.start_again())
            }
        }
    }

    async fn kill(&mut self, target: Target) -> Result<()> {
        match target {
            Target::Process(nth) => {
                self.down(nth).await?;
                self.up(nth).await
            }
            Target::Redis if self.stores.is_none() => {
                process::signal("KILL", &self.pids(target)?)?;
                self.ended(0).await?;
                self.up(0).await
            }
            Target::Redis => {
                let redis = &mut self.stores()?.redis;
                redis.kill()?;
                block_in_place(|| redis.start_again())
            }
            Target::Kafka => {
                let kafka = &self.stores()?.kafka;
                block_in_place(|| kafka.stop().and_then(|()| kafka.start_again()))
            }
            Target::Postgres => {
                let postgres = &self.stores()?.postgres;
                block_in_place(|| postgres.stop().and_then(|()| postgres.start_again()))
            }
        }
    }

    /// Kills a process; it stays dead.
    pub async fn down(&mut self, nth: usize) -> Result<()> {
        let server = self.servers[nth].as_mut();
        server.context("the process is not running")?.kill().await
    }

    /// Starts a dead process on the same folder and ports.
    pub async fn up(&mut self, nth: usize) -> Result<()> {
        let dead = self.servers[nth].take().context("there is no process")?;
        self.servers[nth] = Some(dead.start_again().await?);
        Ok(())
    }

    /// Waits until a process ended by itself; it stays dead.
    pub async fn ended(&mut self, nth: usize) -> Result<()> {
        let server = self.servers[nth].as_mut().context("no process")?;
        server.ended().await?;
        Ok(())
    }

    /// Kills a process and starts it with these `MISHAPS`, of which it dies; what it logged meanwhile.
    pub async fn dies_of(&mut self, nth: usize, mishaps: &str) -> Result<String> {
        self.down(nth).await?;
        let server = self.servers[nth].as_mut().context("no process")?;
        let before = server.log().len();
        server.set_env("MISHAPS", mishaps);
        server.start_to_die().await?;
        server.set_env("MISHAPS", "");
        Ok(server.log().split_off(before))
    }

    /// The Redis of the full stack.
    pub fn redis(&mut self) -> Result<&mut Redis> {
        Ok(&mut self.stores()?.redis)
    }

    async fn harm(&mut self, way: Way, link: Link, ms: u64) -> Result<()> {
        self.way(way)?.set(link);
        sleep(Duration::from_millis(ms)).await;
        self.way(way)?.set(Link::Whole);
        Ok(())
    }

    /// The link of that name.
    pub fn way(&mut self, way: Way) -> Result<&Proxy> {
        let stores = self.stores()?;
        Ok(match way {
            Way::Redis(nth) => &stores.redis_ways[nth],
            Way::Kafka => &stores.kafka_way,
            Way::Postgres(nth) => &stores.postgres_ways[nth],
        })
    }

    fn stores(&mut self) -> Result<&mut Stores> {
        self.stores.as_mut().context("the stack is embedded")
    }

    fn pids(&self, target: Target) -> Result<Vec<u32>> {
        let of_guard = |guard: u32| process::family(guard).split_off(1);
        let stores = || self.stores.as_ref().context("the stack is embedded");
        Ok(match target {
            Target::Process(nth) => self.server(nth)?.family(),
            Target::Redis => match &self.stores {
                Some(stores) => vec![stores.redis.pid()],
                None => self.server(0)?.family().split_off(1),
            },
            Target::Kafka => of_guard(stores()?.kafka.guard_pid()),
            Target::Postgres => of_guard(stores()?.postgres.guard_pid()),
        })
    }

    /// Stops everything cleanly.
    pub async fn stop(self) -> Result<()> {
        for server in self.servers.into_iter().flatten() {
            server.stop().await?;
        }
        Ok(())
    }
}

fn with(setup: Setup, settings: &[(&str, &str)]) -> Setup {
    let add = |setup: Setup, (name, value): &(&str, &str)| setup.env(name, value);
    settings.iter().fold(setup, add)
}
