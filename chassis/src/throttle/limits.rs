//! The limits, and how they are written: by flags, and live by ops.

use std::net::IpAddr;
use std::num::NonZeroU32;

use domain::event::InvalidField;
use ipnet::IpNet;

/// What a rate is written like.
pub(crate) const RATE: &str = "calls per second and calls at once, such as 20/40, or off";
/// What a number of sockets is written like.
pub(crate) const SOCKETS: &str = "a whole number from 1 to 1000000, or off";
/// What networks are written like.
pub(crate) const NETWORKS: &str =
    "networks such as 10.0.0.0/8 or addresses, joined by commas, or off";

/// A rate with its burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Calls per second.
    pub per_s: NonZeroU32,
    /// Calls at once.
    pub burst: NonZeroU32,
}

/// The limits; `None` is off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// For [`Action::Enter`](super::Action::Enter).
    pub enters: Option<Rate>,
    /// For [`Action::Request`](super::Action::Request).
    pub requests: Option<Rate>,
    /// For [`Action::Direct`](super::Action::Direct).
    pub direct: Option<Rate>,
    /// Open sockets and streams.
    pub sockets: Option<u32>,
    /// Networks without limits.
    pub exempt: Vec<IpNet>,
}

/// The name of one limit, as in the API and in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitName {
    /// [`Limits::enters`].
    Enters,
    /// [`Limits::requests`].
    Requests,
    /// [`Limits::sockets`].
    Sockets,
    /// [`Limits::direct`].
    Direct,
    /// [`Limits::exempt`].
    Exempt,
}

impl LimitName {
    /// Every limit.
    pub const ALL: [Self; 5] = [
        Self::Enters,
        Self::Requests,
        Self::Sockets,
        Self::Direct,
        Self::Exempt,
    ];

    /// The name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enters => "enters",
            Self::Requests => "requests",
            Self::Sockets => "sockets",
            Self::Direct => "direct",
            Self::Exempt => "exempt",
        }
    }

    fn allowed(self) -> &'static str {
        match self {
            Self::Enters | Self::Requests | Self::Direct => RATE,
            Self::Sockets => SOCKETS,
            Self::Exempt => NETWORKS,
        }
    }
}

impl Limits {
    /// Sets one limit from its text, as the flag of it is written; refuses another text by the limit's name.
    pub fn set(&mut self, name: LimitName, text: &str) -> Result<(), InvalidField> {
        let read = match name {
            LimitName::Enters => off_or(text, rate).map(|rate| self.enters = rate),
            LimitName::Requests => off_or(text, rate).map(|rate| self.requests = rate),
            LimitName::Direct => off_or(text, rate).map(|rate| self.direct = rate),
            LimitName::Sockets => off_or(text, sockets).map(|most| self.sockets = most),
            LimitName::Exempt => {
                off_or(text, networks).map(|exempt| self.exempt = exempt.unwrap_or_default())
            }
        };
        read.ok_or_else(|| InvalidField::new(name.as_str(), format!("must be {}", name.allowed())))
    }

    /// These limits with others laid over them, each by its name and text; what cannot be read is left as it is.
    #[must_use]
    pub fn with<'a>(&self, set: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut limits = self.clone();
        for (given, text) in set {
            let name = LimitName::ALL
                .into_iter()
                .find(|name| name.as_str() == given);
            if name.is_none_or(|name| limits.set(name, text).is_err()) {
                tracing::warn!(
                    limit = given,
                    "a limit that was set live cannot be read; it stays as it is"
                );
            }
        }
        limits
    }

    /// The text of one limit; [`Self::set`] reads it back.
    #[must_use]
    pub fn text(&self, name: LimitName) -> String {
        let rate = |rate: Option<Rate>| rate.map(|rate| format!("{}/{}", rate.per_s, rate.burst));
        let text = match name {
            LimitName::Enters => rate(self.enters),
            LimitName::Requests => rate(self.requests),
            LimitName::Direct => rate(self.direct),
            LimitName::Sockets => self.sockets.map(|most| most.to_string()),
            LimitName::Exempt => {
                let networks: Vec<String> = self.exempt.iter().map(IpNet::to_string).collect();
                Some(networks.join(",")).filter(|text| !text.is_empty())
            }
        };
        text.unwrap_or_else(|| "off".to_owned())
    }
}

/// What a text says that may be `off`; `None` when it says nothing.
#[expect(
    clippy::option_option,
    reason = "off and unreadable are two different things here"
)]
fn off_or<T>(text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if text == "off" {
        Some(None)
    } else {
        read(text).map(Some)
    }
}

pub(crate) fn rate(text: &str) -> Option<Rate> {
    let (per_s, burst) = text.split_once('/')?;
    Some(Rate {
        per_s: per_s.parse().ok()?,
        burst: burst.parse().ok()?,
    })
}

pub(crate) fn sockets(text: &str) -> Option<u32> {
    text.parse()
        .ok()
        .filter(|count| (1..=1_000_000).contains(count))
}

/// A bare address is the network of that address alone.
pub(crate) fn networks(text: &str) -> Option<Vec<IpNet>> {
    let network = |text: &str| match text.parse::<IpAddr>() {
        Ok(address) => Some(address.to_canonical().into()),
        Err(_) => text.parse::<IpNet>().ok(),
    };
    text.split(',').map(|entry| network(entry.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_anything_else_is_refused_by_name() {
        let mut limits = Limits::default();
        for (name, text) in [
            (LimitName::Enters, "20/40"),
            (LimitName::Requests, "off"),
            (LimitName::Direct, "1/1"),
            (LimitName::Sockets, "50"),
            (LimitName::Exempt, "10.0.0.0/8,2001:db8::/32"),
        ] {
            limits.set(name, text).unwrap();
            assert_eq!(limits.text(name), text);
            for wrong in ["", "20", "0/5", "-1", "20/40/60", "OFF", "10.0.0.0/99"] {
                let before = limits.clone();
                match limits.set(name, wrong) {
                    Ok(()) => assert_eq!((name, wrong), (LimitName::Sockets, "20")),
                    Err(refused) => {
                        assert_eq!(refused.field, name.as_str());
                        assert_eq!(limits, before);
                    }
                }
            }
        }
        limits.set(LimitName::Exempt, "off").unwrap();
        assert_eq!(limits.exempt, []);
        assert_eq!(limits.text(LimitName::Exempt), "off");
    }

    #[test]
    fn what_a_newer_version_wrote_changes_nothing() {
        let limits = Limits {
            sockets: Some(5),
            ..Limits::default()
        };
        let set = [("enters", "3/4"), ("sockets", "many"), ("teas", "1/1")];
        let with = limits.with(set);
        assert_eq!(with.enters, rate("3/4"));
        assert_eq!(with.sockets, Some(5));
    }
}
