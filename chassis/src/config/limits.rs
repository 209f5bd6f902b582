//! The settings that can be turned off: limits per client address, and the brake on admission.

use super::given::{Given, WrongSetting};
use super::settings::{self, Setting};
use super::{Brake, value};
use crate::throttle::Limits;

/// The limits as they are set at the start.
pub(super) fn limits(given: &Given) -> Result<Limits, WrongSetting> {
    let rate = |setting, default| off_or(given, setting, value::rate, value::rate(default));
    Ok(Limits {
        enters: rate(&settings::LIMIT_ENTERS, "20/40")?,
        requests: rate(&settings::LIMIT_REQUESTS, "100/200")?,
        direct: rate(&settings::LIMIT_DIRECT, "off")?,
        sockets: off_or(given, &settings::LIMIT_SOCKETS, value::sockets, Some(50))?,
        exempt: off_or(given, &settings::LIMIT_EXEMPT, value::networks, None)?.unwrap_or_default(),
    })
}

/// When admission is braked.
pub(super) fn brake(given: &Given) -> Result<Brake, WrongSetting> {
    let share = &settings::BRAKE_ERROR_SHARE;
    let latency = &settings::BRAKE_LATENCY_MS;
    Ok(Brake {
        error_share: off_or(given, share, value::share, Some(0.05))?,
        latency_ms: off_or(given, latency, value::wait_ms, Some(2_000))?,
    })
}

/// A setting that can be turned off; `default` when it was not given.
fn off_or<T>(
    given: &Given,
    setting: &Setting,
    read: impl FnOnce(&str) -> Option<T>,
    default: Option<T>,
) -> Result<Option<T>, WrongSetting> {
    let held = given.value(setting, |text| value::Limit::read(text, read))?;
    Ok(held.map_or(default, value::Limit::at))
}
