//! How the settings were written that may prove wrong only when they are used.

use super::given::Given;
use super::settings;

/// The flag or variable by which a setting was given, for complaints that come up when it is used.
#[derive(Clone, Debug)]
pub struct Written {
    /// `--data`.
    pub data: String,
    /// `--listen`.
    pub listen: String,
    /// `--ops-listen`.
    pub ops_listen: String,
    /// `--keys`.
    pub keys: String,
    /// `--redis-url`.
    pub redis_url: String,
    /// `--database-url`.
    pub database_url: String,
    /// `--kafka-brokers`.
    pub kafka_brokers: String,
    /// `--kafka-min-isr`.
    pub kafka_min_isr: String,
}

impl Written {
    pub(super) fn of(given: &Given) -> Self {
        Self {
            data: given.written(&settings::DATA),
            listen: given.written(&settings::LISTEN),
            ops_listen: given.written(&settings::OPS_LISTEN),
            keys: given.written(&settings::KEYS),
            redis_url: given.written(&settings::REDIS_URL),
            database_url: given.written(&settings::DATABASE_URL),
            kafka_brokers: given.written(&settings::KAFKA_BROKERS),
            kafka_min_isr: given.written(&settings::KAFKA_MIN_ISR),
        }
    }
}
