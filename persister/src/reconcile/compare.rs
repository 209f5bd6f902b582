//! Comparing what was found of an event.

use domain::{EventId, RecordId, Serial};

use super::gather::{Found, Seen};
use super::{Cause, Difference, EventReport, Issued, Kind, Standing};

/// Compares an event's coupons.
pub(super) fn compare(event: EventId, mut found: Found) -> EventReport {
    let mut issued = Issued::default();
    let mut differences = Vec::new();
    for (serial, seen) in std::mem::take(&mut found.coupons) {
        issued.redis += u64::from(seen.redis.is_some());
        issued.log += u64::from(seen.log.is_some());
        issued.ledger += u64::from(seen.ledger.is_some());
        if let Some(kind) = kind(&seen) {
            differences.push(difference(serial, kind, seen, &found));
        }
    }
    let unexplained = differences
        .iter()
        .filter(|difference| difference.cause != Cause::OnItsWay)
        .count() as u64;
    EventReport {
        event,
        issued,
        unexplained,
        differences,
    }
}

/// What differs, if anything does.
fn kind(seen: &Seen) -> Option<Kind> {
    let (Some(redis), Some(log), Some(ledger)) = (&seen.redis, &seen.log, &seen.ledger) else {
        return Some(if seen.ledger.is_none() {
            Kind::MissingInLedger
        } else if seen.redis.is_none() {
            Kind::MissingInRedis
        } else {
            Kind::MissingInLog
        });
    };
    let differs =
        |part: fn(&Standing) -> &str| part(redis) != part(log) || part(log) != part(ledger);
    if seen.twice_in_log {
        Some(Kind::TwiceInLog)
    } else if differs(|standing| &standing.code) {
        Some(Kind::CodeDiffers)
    } else if differs(|standing| &standing.holder) {
        Some(Kind::HolderDiffers)
    } else if differs(|standing| &standing.record_id) {
        Some(Kind::RecordDiffers)
    } else {
        None
    }
}

fn difference(serial: Serial, kind: Kind, seen: Seen, found: &Found) -> Difference {
    Difference {
        serial,
        kind,
        cause: cause(&seen, found),
        redis: seen.redis,
        log: seen.log,
        ledger: seen.ledger,
    }
}

fn cause(seen: &Seen, found: &Found) -> Cause {
    let refused = |standing: &Standing| found.refused.get(&RecordId(standing.record_id.clone()));
    let told_by = seen.redis.as_ref().or(seen.log.as_ref());
    match told_by.and_then(refused) {
        Some(&cause) => cause,
        None if on_its_way(seen, found) => Cause::OnItsWay,
        None => Cause::Unknown,
    }
}

/// A coupon is on its way when Redis has it and the ledger does not, the stations without it had not acknowledged it when
/// they were read, and it either waits in the outbox or has left it for the log.
fn on_its_way(seen: &Seen, found: &Found) -> bool {
    let Some(redis) = &seen.redis else {
        return false;
    };
    let log_is_right = match &seen.log {
        Some(log) => log == redis && !seen.twice_in_log,
        None => seen.ordinal > found.before.log,
    };
    let moving = found.waiting.contains(&seen.ordinal) || seen.ordinal <= found.after.log;
    seen.ledger.is_none() && seen.ordinal > found.before.ledger && log_is_right && moving
}
