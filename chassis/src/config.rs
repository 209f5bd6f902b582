//! The configuration: parsed whole, checked whole, before anything is bound. It comes from arguments and the environment,
//! arguments first; nothing here reads the process's own.

mod cleartext;
mod given;
mod limits;
mod settings;
mod value;
mod written;

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::admin::AdminToken;
use crate::client_address::TrustedProxies;
use crate::telemetry::{LogFilter, LogFormat};
use crate::throttle::Limits;
use given::Given;
pub use given::{Environment, WrongSetting};
pub use written::Written;

/// A part of the service that a process can take on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleName {
    /// The line's front door.
    Gateway,
    /// The pacemaker, with the ops API.
    Admission,
    /// Exchanges tickets for coupons.
    Issuer,
    /// Makes the ledger equal the log.
    Persister,
}

impl RoleName {
    /// Every role.
    pub const ALL: [Self; 4] = [
        Self::Gateway,
        Self::Admission,
        Self::Issuer,
        Self::Persister,
    ];

    /// The role's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Admission => "admission",
            Self::Issuer => "issuer",
            Self::Persister => "persister",
        }
    }
}

/// How much of the API for coupons without a line is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DirectApi {
    /// None of it.
    Off,
    /// Claiming and looking.
    #[default]
    Claims,
    /// Creating as well, for anybody.
    Open,
}

/// When admission is braked: `None` is never.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brake {
    /// While such a share of the redeems fails, 0–1; admission judges it.
    pub error_share: Option<f64>,
    /// While more than half of the redeems take longer, in milliseconds; issuers tell which do.
    pub latency_ms: Option<u64>,
}

/// A URL of a store, which may hold a password: shown without it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(String);

impl StoreUrl {
    /// The whole URL, for the library that connects.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&given::masked(&self.0))
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Everything that a process is told from outside.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// The roles of this process.
    pub roles: BTreeSet<RoleName>,
    /// What is kept on this machine.
    pub data: PathBuf,
    /// The public door's address.
    pub listen: SocketAddr,
    /// The ops door's address.
    pub ops_listen: SocketAddr,
    /// How browsers reach the public door: scheme and authority, without a slash at the end.
    pub public_url: Option<String>,
    /// The store; none is the private one in the data folder.
    pub redis_url: Option<StoreUrl>,
    /// Is a store good enough that may lose its last second when it is killed?
    pub accept_loss_window: bool,
    /// Most records of one event that may wait for the log before redeeming waits, too.
    pub outbox_max: u64,
    /// The log; none means that the ledger reads the outbox directly.
    pub kafka_brokers: Option<String>,
    /// On how many brokers a record must be before the log acknowledges it.
    pub kafka_min_isr: u16,
    /// The ledger; none is SQLite in the data folder.
    pub database_url: Option<StoreUrl>,
    /// The signing keys' folder.
    pub keys: PathBuf,
    /// How much of the direct API is open.
    pub direct_api: DirectApi,
    /// Limits per client address.
    pub limits: Limits,
    /// When admission is braked.
    pub brake: Brake,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// The credential of the ops door; none is the one in the data folder.
    pub admin_token: Option<AdminToken>,
    /// What is logged.
    pub log: LogFilter,
    /// How it looks.
    pub log_format: LogFormat,
    /// What can work and yet should be looked at: to be logged.
    pub warnings: Vec<String>,
    /// How the settings that may prove wrong later were written.
    pub written: Written,
}

impl ServeConfig {
    /// Reads and checks everything.
    pub fn parse(args: &[String], environment: &Environment) -> Result<Self, WrongSetting> {
        let given = Given::read(args, environment)?;
        let data = given.value(&settings::DATA, value::folder)?;
        let data = data.unwrap_or_else(|| PathBuf::from("data"));
        let keys = given.value(&settings::KEYS, value::folder)?;
        let url = |url: Option<String>| url.map(StoreUrl);
        let proxies = given.value(&settings::TRUSTED_PROXIES, value::networks)?;
        let token = given.value(&settings::ADMIN_TOKEN, value::secret)?;
        let config = Self {
            roles: given
                .value(&settings::ROLES, value::roles)?
                .unwrap_or_else(|| RoleName::ALL.into()),
            keys: keys.unwrap_or_else(|| data.join("keys")),
            data,
            listen: door(&given, &settings::LISTEN, 8080)?,
            ops_listen: door(&given, &settings::OPS_LISTEN, 8081)?,
            public_url: given.value(&settings::PUBLIC_URL, value::public_url)?,
            redis_url: url(given.value(&settings::REDIS_URL, value::redis_url)?),
            accept_loss_window: given
                .value(&settings::ACCEPT_LOSS_WINDOW, value::switch)?
                .unwrap_or(false),
            outbox_max: given
                .value(&settings::OUTBOX_MAX, value::records)?
                .unwrap_or(1_000_000),
            kafka_brokers: given.value(&settings::KAFKA_BROKERS, value::brokers)?,
            kafka_min_isr: given
                .value(&settings::KAFKA_MIN_ISR, value::copies)?
                .unwrap_or(1),
            database_url: url(given.value(&settings::DATABASE_URL, value::database_url)?),
            direct_api: given
                .value(&settings::DIRECT_API, direct_api)?
                .unwrap_or_default(),
            limits: limits::limits(&given)?,
            brake: limits::brake(&given)?,
            trusted_proxies: TrustedProxies(proxies.unwrap_or_default()),
            admin_token: token.map(|token| AdminToken::new(&token)),
            log: given
                .value(&settings::LOG, |text| text.parse().ok())?
                .unwrap_or_default(),
            log_format: given
                .value(&settings::LOG_FORMAT, log_format)?
                .unwrap_or_default(),
            written: Written::of(&given),
            warnings: given.warnings,
        };
        config.checked().map(Self::warned)
    }

    /// The settings as `--help` lists them.
    #[must_use]
    pub fn help() -> String {
        given::listed()
    }

    /// Does this process take on `role`?
    #[must_use]
    pub fn has(&self, role: RoleName) -> bool {
        self.roles.contains(&role)
    }

    /// Does this process have a public door? Admission and persister bring no public routes.
    #[must_use]
    pub fn has_public_door(&self) -> bool {
        self.has(RoleName::Gateway) || self.has(RoleName::Issuer)
    }

    /// Adds what can work and yet should not stay so.
    fn warned(mut self) -> Self {
        let redis = self.redis_url.as_ref();
        let database = self.database_url.as_ref();
        let open = [
            redis.and_then(|url| cleartext::redis(url.reveal())),
            database.and_then(|url| cleartext::database(url.reveal())),
        ];
        self.warnings.extend(open.into_iter().flatten());
        self
    }

    /// What the settings must be to each other.
    fn checked(self) -> Result<Self, WrongSetting> {
        let (public, ops) = (self.listen, self.ops_listen);
        let same_host =
            public.ip() == ops.ip() || public.ip().is_unspecified() || ops.ip().is_unspecified();
        if self.has_public_door() && same_host && public.port() == ops.port() && ops.port() != 0 {
            let allowed = format!("another address than the public door's, {public}");
            return Err(WrongSetting::new(
                &self.written.ops_listen,
                &ops.to_string(),
                &allowed,
            ));
        }
        let is_split = self.roles.len() < RoleName::ALL.len();
        if is_split && self.redis_url.is_none() {
            return Err(WrongSetting::missing(
                &self.written.redis_url,
                "a process with only some of the roles shares its store with the others, so it must be told which",
            ));
        }
        let uses_ledger = self.has(RoleName::Persister) || self.has(RoleName::Issuer);
        if is_split && uses_ledger && self.database_url.is_none() {
            return Err(WrongSetting::missing(
                &self.written.database_url,
                "persisters and issuers in processes of their own share one ledger, so they must be told which",
            ));
        }
        if self.has(RoleName::Admission) && !self.has_public_door() && self.public_url.is_none() {
            return Err(WrongSetting::missing(
                "--public-url",
                "tickets name it as their issuer, and a process without a public door cannot guess it",
            ));
        }
        Ok(self)
    }
}

/// A door's address: without one, a port of this machine alone.
fn door(given: &Given, setting: &settings::Setting, port: u16) -> Result<SocketAddr, WrongSetting> {
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Ok(given.value(setting, value::address)?.unwrap_or(local))
}

fn direct_api(text: &str) -> Option<DirectApi> {
    match text {
        "off" => Some(DirectApi::Off),
        "claims" => Some(DirectApi::Claims),
        "open" => Some(DirectApi::Open),
        _ => None,
    }
}

fn log_format(text: &str) -> Option<LogFormat> {
    match text {
        "human" => Some(LogFormat::Human),
        "json" => Some(LogFormat::Json),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
