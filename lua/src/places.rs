//! Places as the scripts tell of them: the other end of their part "places".

use domain::coupon::{Coupon, Issue};
use domain::place::PlaceState;
use domain::{EventId, Holder, Millis, RecordId, Seq, Serial};

use crate::connect::StoreError;
use crate::line::Look;
use crate::script::{Reply, parsed, tags};

/// What a state means to somebody who looks.
pub(crate) fn known(state: Option<PlaceState>) -> Look {
    state.map_or(Look::NoPlace, Look::Known)
}

/// Reads a state as part "places" of the scripts tells it; `None` for a place that nobody has.
pub(crate) fn state(event: &EventId, mut reply: Reply) -> Result<Option<PlaceState>, StoreError> {
    tags!(State {
        None = "none",
        Waiting = "waiting",
        Admitted = "admitted",
        Redeemed = "redeemed",
        Gone = "gone",
    });
    Ok(match reply.tag()? {
        State::None => None,
        State::Waiting => Some(PlaceState::Waiting {
            seq: Seq(reply.take()?),
        }),
        State::Admitted => Some(PlaceState::Admitted {
            seq: Seq(reply.take()?),
            expires_at: Millis(reply.take()?),
            ticket: Some(reply.take::<String>()?).filter(|ticket| !ticket.is_empty()),
        }),
        State::Redeemed => {
            let stored: String = reply.take()?;
            Some(PlaceState::Redeemed(issue(event, reply.parse()?, &stored)?))
        }
        State::Gone => Some(PlaceState::Gone {
            reason: reply.parse()?,
        }),
    })
}

/// Reads an issue as the store keeps it: `serial issued_ms ordinal epoch jti code`.
pub(crate) fn issue(event: &EventId, holder: Holder, stored: &str) -> Result<Issue, StoreError> {
    let mut parts = stored.splitn(6, ' ');
    let mut next = || {
        parts
            .next()
            .ok_or_else(|| StoreError::Unexpected("an issue with parts missing".to_owned()))
    };
    let serial = Serial(parsed(next()?)?);
    let issued_at = Millis(parsed(next()?)?);
    let ordinal = parsed(next()?)?;
    let epoch = parsed(next()?)?;
    let jti = next()?.to_owned();
    let code = next()?.to_owned();
    Ok(Issue {
        coupon: Coupon { code, serial },
        holder,
        issued_at,
        record_id: RecordId::new(event, epoch, ordinal),
        ordinal,
        jti,
    })
}
