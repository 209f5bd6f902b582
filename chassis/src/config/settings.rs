//! Every setting by name, with what it may hold: the one table that arguments, the environment and `--help` are read from.

use crate::throttle::limits::{NETWORKS as NETWORKS_OR_OFF, RATE, SOCKETS};

/// One setting: the flag `--<name>` and the variable `STANCHION_<NAME>`.
#[derive(Debug)]
pub(super) struct Setting {
    /// Its name, as in the flag.
    pub name: &'static str,
    /// What stands for its value in `--help`; empty for a setting that only the environment may hold, being a secret.
    pub shape: &'static str,
    /// What it is for.
    pub help: &'static str,
    /// What it may hold: goes on from "must be".
    pub allowed: &'static str,
}

impl Setting {
    /// The flag.
    pub fn flag(&self) -> String {
        format!("--{}", self.name)
    }

    /// The variable in the environment.
    pub fn variable(&self) -> String {
        format!("STANCHION_{}", self.name.to_uppercase().replace('-', "_"))
    }

    /// May it stand on the command line, where every user of the machine can read it?
    pub fn is_flag(&self) -> bool {
        !self.shape.is_empty()
    }
}

/// The shape of a setting that is on when it is given without a value.
pub(super) const SWITCH: &str = "[yes|no]";
const NETWORKS: &str = "networks such as 10.0.0.0/8 or addresses, joined by commas";
const ADDRESS: &str = "an IP address with a port, such as 127.0.0.1:8080 or [::]:8080";

pub(super) const ROLES: Setting = Setting {
    name: "roles",
    shape: "NAMES",
    help: "the roles of this process (default: all)",
    allowed: "some of gateway, admission, issuer, persister, joined by commas",
};
pub(super) const DATA: Setting = Setting {
    name: "data",
    shape: "DIR",
    help: "what is kept on this machine (default: data)",
    allowed: "a folder that this user may write to",
};
pub(super) const LISTEN: Setting = Setting {
    name: "listen",
    shape: "ADDRESS",
    help: "the public door (default: 127.0.0.1:8080)",
    allowed: ADDRESS,
};
pub(super) const OPS_LISTEN: Setting = Setting {
    name: "ops-listen",
    shape: "ADDRESS",
    help: "the ops door (default: 127.0.0.1:8081)",
    allowed: ADDRESS,
};
pub(super) const PUBLIC_URL: Setting = Setting {
    name: "public-url",
    shape: "URL",
    help: "how browsers reach the public door (default: its address, http)",
    allowed: "http://HOST or https://HOST, with a port where needed and without a path",
};
pub(super) const REDIS_URL: Setting = Setting {
    name: "redis-url",
    shape: "URL",
    help: "the store (default: a private redis-server in the data folder); of a Redis Cluster some nodes: redis://HOST:PORT,HOST:PORT",
    allowed: "redis://HOST:PORT, rediss://HOST:PORT (several nodes of a Redis Cluster: HOST:PORT,HOST:PORT) or redis+unix:///PATH",
};
pub(super) const ACCEPT_LOSS_WINDOW: Setting = Setting {
    name: "accept-loss-window",
    shape: SWITCH,
    help: "start on a store that may lose the last second when it is killed (default: refuse)",
    allowed: "yes or no",
};
pub(super) const OUTBOX_MAX: Setting = Setting {
    name: "outbox-max",
    shape: "RECORDS",
    help: "records of one event or book that may wait for the log, about 300 bytes each; then calls that make one are refused (default: 1000000)",
    allowed: "a whole number from 1000 to 100000000",
};
pub(super) const KAFKA_BROKERS: Setting = Setting {
    name: "kafka-brokers",
    shape: "LIST",
    help: "the log (default: none, the ledger reads the outbox directly)",
    allowed: "HOST:PORT, several joined by commas",
};
pub(super) const KAFKA_MIN_ISR: Setting = Setting {
    name: "kafka-min-isr",
    shape: "BROKERS",
    help: "brokers that must have a record before it is acknowledged; refuses topics that promise less (default: 1)",
    allowed: "a whole number from 1 to 9",
};
pub(super) const DATABASE_URL: Setting = Setting {
    name: "database-url",
    shape: "URL",
    help: "the ledger (default: SQLite in the data folder)",
    allowed: "postgres://USER@HOST/NAME or sqlite://PATH",
};
pub(super) const KEYS: Setting = Setting {
    name: "keys",
    shape: "DIR",
    help: "the signing keys of admission, shared by its replicas (default: keys in the data folder)",
    allowed: "a folder that this user may write to",
};
pub(super) const LIMIT_ENTERS: Setting = Setting {
    name: "limit-enters",
    shape: "RATE",
    help: "entering a line, per client address (default: 20/40)",
    allowed: RATE,
};
pub(super) const LIMIT_REQUESTS: Setting = Setting {
    name: "limit-requests",
    shape: "RATE",
    help: "other visitor and redeem calls, per client address (default: 100/200)",
    allowed: RATE,
};
pub(super) const LIMIT_SOCKETS: Setting = Setting {
    name: "limit-sockets",
    shape: "COUNT",
    help: "open sockets per client address (default: 50)",
    allowed: SOCKETS,
};
pub(super) const LIMIT_DIRECT: Setting = Setting {
    name: "limit-direct",
    shape: "RATE",
    help: "calls without a line, per client address (default: off)",
    allowed: RATE,
};
pub(super) const DIRECT_API: Setting = Setting {
    name: "direct-api",
    shape: "MODE",
    help: "coupons without a line: off, claims, or open, which lets anybody create them too (default: claims)",
    allowed: "off, claims or open",
};
pub(super) const LIMIT_EXEMPT: Setting = Setting {
    name: "limit-exempt",
    shape: "NETWORKS",
    help: "client networks without limits (default: off)",
    allowed: NETWORKS_OR_OFF,
};
pub(super) const BRAKE_ERROR_SHARE: Setting = Setting {
    name: "brake-error-share",
    shape: "SHARE",
    help: "admission is halved while so many redeems fail (default: 0.05)",
    allowed: "a number above 0 and up to 1, such as 0.05, or off",
};
pub(super) const BRAKE_LATENCY_MS: Setting = Setting {
    name: "brake-latency-ms",
    shape: "MS",
    help: "admission is halved while more than half of the redeems take longer (default: 2000)",
    allowed: "a whole number from 1 to 60000, or off",
};
pub(super) const TRUSTED_PROXIES: Setting = Setting {
    name: "trusted-proxies",
    shape: "NETWORKS",
    help: "proxies whose X-Forwarded-For is believed (default: none)",
    allowed: NETWORKS,
};
pub(super) const LOG: Setting = Setting {
    name: "log",
    shape: "LEVEL",
    help: "what is logged (default: info)",
    allowed: "off, error, warn, info, debug or trace, or pieces such as info,gateway=debug",
};
pub(super) const LOG_FORMAT: Setting = Setting {
    name: "log-format",
    shape: "FORMAT",
    help: "human or json (default: human)",
    allowed: "human or json",
};
pub(super) const ADMIN_TOKEN: Setting = Setting {
    name: "admin-token",
    shape: "",
    help: "the credential of the ops door (default: made at the first start and kept in the data folder)",
    allowed: "12 to 256 visible ASCII characters without spaces",
};

/// Every setting, in the order of `--help`.
pub(super) const ALL: [&Setting; 24] = [
    &ROLES,
    &DATA,
    &LISTEN,
    &OPS_LISTEN,
    &PUBLIC_URL,
    &REDIS_URL,
    &ACCEPT_LOSS_WINDOW,
    &OUTBOX_MAX,
    &KAFKA_BROKERS,
    &KAFKA_MIN_ISR,
    &DATABASE_URL,
    &KEYS,
    &DIRECT_API,
    &LIMIT_ENTERS,
    &LIMIT_REQUESTS,
    &LIMIT_SOCKETS,
    &LIMIT_DIRECT,
    &LIMIT_EXEMPT,
    &BRAKE_ERROR_SHARE,
    &BRAKE_LATENCY_MS,
    &TRUSTED_PROXIES,
    &LOG,
    &LOG_FORMAT,
    &ADMIN_TOKEN,
];
