//! `stanchion serve`: parse everything, bind, build, open, and stop cleanly.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use chassis::admin::AdminToken;
use chassis::config::{RoleName, ServeConfig, WrongSetting};
use chassis::doors::{DoorParts, Doors, Listener};
use chassis::lifecycle::{Ending, STOP_DEADLINE};
use chassis::system::SystemRandom;
use chassis::telemetry::{self, Metrics};
use chassis::{Health, Lifecycle};

use crate::data_folder::{DataFolder, KeptToken, prepare_keys};
use crate::outside::{asks_for_help, environment};
use crate::roles::{self, Building};
use crate::stores::Stores;

/// Below this many descriptors a crowd's sockets soon run out.
const FEW_DESCRIPTORS: u64 = 10_000;

const USAGE: &str = "\
Runs every role in one process, or some of them.

Usage: stanchion serve [SETTINGS]

Every setting is a flag, `--name value`, and a variable of the environment, `STANCHION_NAME`; flags win.
Without any URL everything is embedded: a private redis-server and an SQLite ledger in the data folder.
";

/// Serves until it is told to stop.
pub async fn run(settings: &[String]) -> anyhow::Result<ExitCode> {
    if asks_for_help(settings) {
        print!("{USAGE}\n{}", ServeConfig::help());
        return Ok(ExitCode::SUCCESS);
    }
    let config = ServeConfig::parse(settings, &environment())?;
    let doors = bind(&config)?;
    let folder = DataFolder::open(&config)?;
    let stores = Stores::for_serving(&config, &folder).await?;
    let admin_token = admin_token(&config, &folder)?;
    telemetry::start_logs(&config.log, config.log_format)?;
    serve(&config, doors, stores, admin_token).await
}

/// Binds both doors; they do not listen yet.
fn bind(config: &ServeConfig) -> Result<Doors, WrongSetting> {
    let bound = |setting: &str, address: SocketAddr| {
        Listener::bind(address).map_err(|failure| {
            let allowed = format!("an address that is free on this machine ({failure})");
            WrongSetting::new(setting, &address.to_string(), &allowed)
        })
    };
    let public = config
        .has_public_door()
        .then(|| bound(&config.written.listen, config.listen));
    Ok(Doors {
        public: public.transpose()?,
        ops: bound(&config.written.ops_listen, config.ops_listen)?,
    })
}

/// The token that was set, or the one of admission's data folder, which is shown when it is new. A process of other roles
/// that was told none opens its ops door to accounts alone.
fn admin_token(
    config: &ServeConfig,
    folder: &DataFolder,
) -> Result<Option<AdminToken>, WrongSetting> {
    if config.has(RoleName::Admission) {
        prepare_keys(config)?;
    }
    if config.admin_token.is_some() || !config.has(RoleName::Admission) {
        return Ok(config.admin_token.clone());
    }
    let KeptToken { token, is_new } = folder.admin_token(&SystemRandom)?;
    if is_new {
        let file = config.data.join("admin-token");
        eprintln!(
            "admin token, shown this once and kept in {}: {}",
            file.display(),
            token.reveal()
        );
    }
    Ok(Some(token))
}

/// Builds the roles, opens the doors, says so, and stops when told to.
async fn serve(
    config: &ServeConfig,
    doors: Doors,
    stores: Stores,
    admin_token: Option<AdminToken>,
) -> anyhow::Result<ExitCode> {
    let lifecycle = Lifecycle::new();
    lifecycle.listen_for_signals()?;
    let metrics = Metrics::start(&lifecycle)?;
    log_start(config, &stores).await;
    let health = Health::default();
    stores.watch(&health, &lifecycle);
    let public = doors.public.as_ref().map(Listener::address);
    let building = Building {
        config,
        stores: &stores,
        lifecycle: &lifecycle,
        public_url: config.public_url.clone().or(public.map(own_url)),
        admin_token,
    };
    let roles = building.build().await?;
    if config.has(RoleName::Persister) {
        stores.recognised().await;
    }
    let parts = DoorParts {
        random: Arc::new(SystemRandom),
        proxies: config.trusted_proxies.clone(),
        health,
        metrics,
        described: roles::described(config),
    };
    let ops = doors.ops.address();
    doors.open(roles, &parts, &lifecycle)?;
    announce(public, ops);
    let ending = lifecycle.finish(STOP_DEADLINE).await;
    if ending != Ending::Clean {
        return Ok(ExitCode::FAILURE);
    }
    stores.close().await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// The public URL of a process that was not told one. A door open to every network is reached as this machine.
fn own_url(door: SocketAddr) -> String {
    if door.ip().is_unspecified() {
        format!("http://localhost:{}", door.port())
    } else {
        format!("http://{door}")
    }
}

/// What whoever reads the log should know first.
async fn log_start(config: &ServeConfig, stores: &Stores) {
    let roles: Vec<_> = config.roles.iter().map(|role| role.as_str()).collect();
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(version, roles = roles.join(","), "starting");
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(descriptors) if descriptors < FEW_DESCRIPTORS => tracing::warn!(
            descriptors,
            "few descriptors: every socket takes one; raise the limit (`ulimit -Hn`, LimitNOFILE)"
        ),
        Ok(descriptors) => tracing::info!(descriptors, "the descriptor limit is at its hard value"),
        Err(failure) => tracing::warn!(%failure, "the descriptor limit could not be raised"),
    }
    stores.log_faults().await;
}

/// The one line on stdout; whoever closed it does not want it.
fn announce(public: Option<SocketAddr>, ops: SocketAddr) {
    let public = public.map_or(String::new(), |address| format!("public=http://{address} "));
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "listening {public}ops=http://{ops}").and_then(|()| stdout.flush());
}
