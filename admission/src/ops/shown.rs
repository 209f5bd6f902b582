//! An event as ops see it: what is set, where it stands, and its live figures.

use domain::event::{Admission, Definition};
use domain::{EventId, Millis, Phase};
use futures_util::future::try_join_all;
use lua::{Brake, Figures, LiveEvent, Store, StoreError};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::schema::{PhaseSchema, SettingsSchema};

/// Most events that are read at once.
const AT_ONCE: usize = 64;

/// An event with its live figures.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = LiveEvent)]
pub struct ShownEvent {
    /// Its id.
    #[schema(value_type = String, example = "demo")]
    event: EventId,
    #[serde(flatten)]
    #[schema(value_type = SettingsSchema)]
    definition: Definition,
    /// Where it stands in its life.
    #[schema(value_type = PhaseSchema)]
    phase: Phase,
    /// Its coupons.
    stock: ShownStock,
    /// Its pace.
    admission: ShownAdmission,
    /// People in the line, those passed over included; 0 once the line has ended.
    waiting: u64,
    /// All ever let in.
    admitted: u64,
    /// Those with a live ticket not yet redeemed.
    outstanding: u64,
    /// Coupons issued.
    redeemed: u64,
    /// People let go because their ticket ended unused, or because they were absent for too long.
    no_shows: u64,
    /// Visitors who left.
    left: u64,
    /// Records in the outbox that the log has not acknowledged.
    outbox_lag: u64,
    /// Records that the ledger has not committed.
    ledger_lag: u64,
    /// Whether the time left that people were shown first came true.
    waits: ShownWaits,
    /// Visitors let in per second at present, while a ramp or the brake makes it another than the rate that is set.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "whole_or_none"
    )]
    #[schema(required = false)]
    rate_in_force_per_s: Option<f64>,
    /// The brake, while it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    brake: Option<ShownBrake>,
    /// Raised by every change of what is set.
    version: u64,
    /// When this was so, by the store's clock.
    #[schema(value_type = String, format = DateTime)]
    at: Millis,
}

/// The coupons of an event.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Stock)]
pub struct ShownStock {
    /// All it ever had.
    pub total: u64,
    /// Those not yet issued.
    pub remaining: u64,
}

/// People who got their ticket and had been shown a time left before, as all gateways have counted them, each connection for
/// itself; told every five seconds.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Waits)]
pub struct ShownWaits {
    /// All of them.
    all: u64,
    /// Those whose wait lay in the range that they were shown first.
    in_range: u64,
}

/// The pace of an event as it holds.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Admission)]
pub struct ShownAdmission {
    /// Visitors let in per second.
    #[serde(serialize_with = "whole_when_whole")]
    rate_per_s: f64,
    /// Most admitted visitors that may be outstanding at once.
    capacity: u64,
    /// How long a ticket lasts, in seconds.
    ticket_ttl_s: u64,
    /// On the way to `rate_per_s`; there only while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    ramp: Option<ShownRamp>,
}

/// A rate that goes to the one that was set in a straight line.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Ramp)]
pub struct ShownRamp {
    /// Visitors let in per second at its beginning.
    #[serde(serialize_with = "whole_when_whole")]
    from_per_s: f64,
    /// When it began, by the store's clock.
    #[schema(value_type = String, format = DateTime)]
    since: Millis,
    /// When the rate that was set is reached.
    #[schema(value_type = String, format = DateTime)]
    until: Millis,
}

/// The brake of an event: redeeming goes badly, so fewer people are let in.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Brake)]
pub struct ShownBrake {
    /// What the rate is divided by: 2, 4, 8 or 16.
    divided_by: u64,
    /// Since when it is on.
    #[schema(value_type = String, format = DateTime)]
    since: Millis,
    /// Why its last step was made: redeems `failed`, were `late`, or all was `calm` and it lets go.
    #[schema(example = "failed")]
    why: &'static str,
    /// The share of the redeems of ten seconds that went so, 0 to 1; 0 when all was calm.
    share: f64,
}

impl ShownEvent {
    /// The event `live` with its `figures`.
    pub fn new(live: LiveEvent, figures: Figures) -> Self {
        let (set, in_force) = (live.event.admission.rate_per_s, live.rate_in_force_per_s);
        Self {
            event: live.event.event,
            definition: live.event.definition,
            phase: live.event.phase,
            stock: ShownStock {
                total: figures.total,
                remaining: figures.remaining,
            },
            admission: live.event.admission.into(),
            waiting: figures.waiting,
            admitted: figures.admitted,
            outstanding: figures.outstanding,
            redeemed: figures.redeemed,
            no_shows: figures.no_shows,
            left: figures.left,
            outbox_lag: figures.outbox_lag,
            ledger_lag: figures.ledger_lag,
            waits: ShownWaits {
                all: figures.waits.all,
                in_range: figures.waits.in_range,
            },
            rate_in_force_per_s: Some(in_force).filter(|rate| rate.to_bits() != set.to_bits()),
            brake: live.brake.map(ShownBrake::from),
            version: live.version,
            at: live.at,
        }
    }

    /// Reads an event, if there is one.
    pub async fn read(store: &Store, event: &EventId) -> Result<Option<Self>, StoreError> {
        let (live, figures) = tokio::try_join!(store.event(event), store.figures(event))?;
        Ok(live
            .zip(figures)
            .map(|(live, figures)| Self::new(live, figures)))
    }

    /// Reads many events, keeping their order; one that is gone by now is left out.
    pub async fn read_all(store: &Store, events: &[EventId]) -> Result<Vec<Self>, StoreError> {
        let mut shown = Vec::with_capacity(events.len());
        for some in events.chunks(AT_ONCE) {
            let read = try_join_all(some.iter().map(|event| Self::read(store, event))).await?;
            shown.extend(read.into_iter().flatten());
        }
        Ok(shown)
    }
}

impl From<Admission> for ShownAdmission {
    fn from(admission: Admission) -> Self {
        Self {
            rate_per_s: admission.rate_per_s,
            capacity: admission.capacity,
            ticket_ttl_s: admission.ticket_ttl_s,
            ramp: admission.ramp.map(|ramp| ShownRamp {
                from_per_s: ramp.from_per_s,
                since: Millis(ramp.since_ms),
                until: Millis(ramp.until_ms),
            }),
        }
    }
}

impl From<Brake> for ShownBrake {
    fn from(brake: Brake) -> Self {
        Self {
            divided_by: brake.divisor,
            since: brake.since,
            why: brake.why.as_str(),
            share: brake.share,
        }
    }
}

/// As [`whole_when_whole`], of a rate that is left out when there is none.
#[expect(clippy::ref_option, reason = "serde hands over a reference")]
fn whole_or_none<S: Serializer>(rate: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match rate {
        Some(rate) => whole_when_whole(rate, serializer),
        None => serializer.serialize_none(),
    }
}

/// Shows 5, not 5.0.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn whole_when_whole<S: Serializer>(rate: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if rate.fract() == 0.0 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is 0 to a million"
        )]
        serializer.serialize_u64(*rate as u64)
    } else {
        serializer.serialize_f64(*rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_rate_is_shown_whole() {
        for (rate_per_s, shown) in [
            (5.0, "5"),
            (0.0, "0"),
            (0.5, "0.5"),
            (1_000_000.0, "1000000"),
        ] {
            let admission = Admission {
                rate_per_s,
                capacity: 2,
                ticket_ttl_s: 3,
                ramp: None,
            };
            assert_eq!(
                serde_json::to_string(&ShownAdmission::from(admission)).unwrap(),
                format!(r#"{{"rate_per_s":{shown},"capacity":2,"ticket_ttl_s":3}}"#)
            );
        }
    }
}
