//! Comparing what was found of an event.

use std::collections::BTreeSet;

use domain::{EventId, RecordId, Serial};

use super::digest::Digest;
use super::found::{Found, Seen};
use super::report::{Balance, Cause, Difference, EventReport, Issued, Kind, Standing};

/// The buckets that the stations do not hold alike, by their hashes: they are looked at again, coupon by coupon. What they do
/// hold alike is settled.
pub(super) fn suspects(found: &Found, log: Option<&Digest>) -> BTreeSet<u64> {
    let log = log.filter(|_| found.has_log).unwrap_or(&found.ledger);
    let mut buckets: BTreeSet<u64> = found.redis.buckets(&found.ledger).collect();
    buckets.extend(log.buckets(&found.ledger));
    buckets.retain(|&bucket| {
        !found.redis.agrees(&found.ledger, bucket) || !log.agrees(&found.ledger, bucket)
    });
    buckets
}

/// Compares an event's coupons; `closer` is what a second look found of the buckets that were suspected.
pub(super) fn compare(event: EventId, found: &mut Found, closer: Option<Found>) -> EventReport {
    let mut report = EventReport {
        event,
        issued: Issued::default(),
        balance: None,
        unexplained: 0,
        differences: Vec::new(),
        book: None,
    };
    let looked_at: BTreeSet<u64> = closer.iter().flat_map(Found::suspected).collect();
    for bucket in found.ledger.buckets(&found.redis) {
        if !looked_at.contains(&bucket) {
            let coupons = found.ledger.coupons(bucket);
            report.issued.redis += coupons;
            report.issued.log += coupons;
            report.issued.ledger += coupons;
        }
    }
    one_by_one(&mut report, found);
    if let Some(mut closer) = closer {
        one_by_one(&mut report, &mut closer);
    }
    report
        .differences
        .sort_by_key(|difference| difference.serial);
    let explained = |difference: &&Difference| difference.cause == Cause::OnItsWay;
    let explained = report.differences.iter().filter(explained).count();
    report.unexplained = (report.differences.len() - explained) as u64;
    report.balance = balance(&report, found);
    report.unexplained += u64::from(report.balance.is_some_and(|balance| !balance.holds));
    report
}

fn one_by_one(report: &mut EventReport, found: &mut Found) {
    for (serial, mut seen) in std::mem::take(&mut found.coupons) {
        if !found.has_log && seen.log.is_empty() {
            seen.log.clone_from(&seen.ledger);
        }
        report.issued.redis += seen.redis.len() as u64;
        report.issued.log += u64::from(!seen.log.is_empty());
        report.issued.ledger += seen.ledger.len() as u64;
        if let Some(kind) = kind(&seen) {
            let cause = cause(serial, &seen, found);
            report
                .differences
                .push(difference(serial, kind, cause, seen));
        }
    }
}

/// Does the sum come out? What Redis counted moved on while its coupons were read, so their number lies between.
fn balance(report: &EventReport, found: &Found) -> Option<Balance> {
    let (before, after) = found.figures?;
    let counted = before.redeemed..=after.redeemed;
    let named = report.unexplained > 0;
    Some(Balance {
        total: after.total,
        remaining: after.remaining,
        issued: after.redeemed,
        rows: found.rows.rows,
        holders: found.rows.holders,
        holds: after.total.checked_sub(after.remaining) == Some(after.redeemed)
            && found.rows.rows == found.rows.holders
            && (named || counted.contains(&report.issued.redis)),
    })
}

/// What differs, if anything does.
fn kind(seen: &Seen) -> Option<Kind> {
    let (Some(redis), Some(log), Some(ledger)) =
        (seen.redis.first(), seen.log.first(), seen.ledger.first())
    else {
        return Some(if seen.ledger.is_empty() {
            Kind::MissingInLedger
        } else if seen.redis.is_empty() {
            Kind::MissingInRedis
        } else {
            Kind::MissingInLog
        });
    };
    let differs =
        |part: fn(&Standing) -> &str| part(redis) != part(log) || part(log) != part(ledger);
    if seen.ledger.len() > 1 {
        Some(Kind::TwiceInLedger)
    } else if seen.redis.len() > 1 {
        Some(Kind::TwiceInRedis)
    } else if seen.log.len() > 1 {
        Some(Kind::TwiceInLog)
    } else if differs(|standing| &standing.code) {
        Some(Kind::CodeDiffers)
    } else if differs(|standing| &standing.holder) {
        Some(Kind::HolderDiffers)
    } else if differs(|standing| &standing.record_id) {
        Some(Kind::RecordDiffers)
    } else if redis.issued_at != log.issued_at || log.issued_at != ledger.issued_at {
        Some(Kind::TimeDiffers)
    } else {
        None
    }
}

fn difference(serial: Serial, kind: Kind, cause: Cause, seen: Seen) -> Difference {
    // Where a station holds several, the one that another holds too comes first.
    let known = |at: &[Standing], others: [&[Standing]; 2]| {
        let shared = |one: &&Standing| others.iter().any(|other| other.contains(one));
        at.iter().find(shared).or(at.first()).cloned()
    };
    let redis = known(&seen.redis, [&seen.log, &seen.ledger]);
    let log = known(&seen.log, [&seen.redis, &seen.ledger]);
    let ledger = known(&seen.ledger, [&seen.redis, &seen.log]);
    let mut beside: Vec<Standing> = Vec::new();
    for (held, first) in [
        (seen.redis, &redis),
        (seen.log, &log),
        (seen.ledger, &ledger),
    ] {
        let others = held
            .into_iter()
            .filter(|standing| Some(standing) != first.as_ref());
        for other in others {
            if !beside.contains(&other) {
                beside.push(other);
            }
        }
    }
    Difference {
        serial,
        kind,
        redis,
        log,
        ledger,
        beside,
        cause,
    }
}

fn cause(serial: Serial, seen: &Seen, found: &Found) -> Cause {
    let mut told = seen.redis.iter().chain(&seen.log);
    let refused = told.find_map(|standing| {
        let id = RecordId(standing.record_id.clone());
        found.refused.get(&id).copied()
    });
    match refused {
        Some(cause) => cause,
        None if on_its_way(seen, found) => Cause::OnItsWay,
        None => likely(serial, seen, found),
    }
}

/// A coupon is on its way when Redis has it and the ledger does not, the stations without it had not acknowledged it when
/// they were read, and it either waits in the outbox or has left it for the log.
fn on_its_way(seen: &Seen, found: &Found) -> bool {
    let [redis] = seen.redis.as_slice() else {
        return false;
    };
    let log_is_right = match seen.log.as_slice() {
        [] => seen.ordinal > found.before.log,
        [log] => log == redis,
        _ => false,
    };
    let moving = found.waiting.contains(&seen.ordinal) || seen.ordinal <= found.after.log;
    seen.ledger.is_empty() && seen.ordinal > found.before.ledger && log_is_right && moving
}

/// What most likely happened. Two stations that agree are believed against the third; without Kafka there are only two, and
/// the log's copy of a row is no second witness for it.
fn likely(serial: Serial, seen: &Seen, found: &Found) -> Cause {
    let counted = found.figures.map(|(_, after)| after.redeemed);
    let never_issued = counted.is_some_and(|counted| serial.0 > counted);
    let (redis, ledger) = (seen.redis.as_slice(), seen.ledger.as_slice());
    let log = if found.has_log {
        seen.log.as_slice()
    } else {
        &[]
    };
    match (redis, log, ledger) {
        ([], [], [_, ..]) if found.has_log || never_issued => Cause::ForeignRow,
        ([redis], [log], [_, _, ..]) if redis == log => Cause::DuplicateRow,
        ([redis], [], [one, other, ..]) if one == redis || other == redis => Cause::DuplicateRow,
        ([_], _, []) if seen.ordinal > found.before.ledger => Cause::LostOnItsWay,
        ([_, ..], _, []) | ([], [_], []) => Cause::RowDeleted,
        ([redis], [log], [_]) if redis == log => Cause::RowAltered,
        ([], [log], [ledger]) if log == ledger => Cause::LostInRedis,
        ([_, ..], [log], [ledger]) if log == ledger => Cause::AlteredInRedis,
        ([redis], [], [ledger]) if found.has_log && redis == ledger => Cause::LostInLog,
        ([redis], [_, _, ..], [ledger]) if redis == ledger => Cause::ForgedInLog,
        _ => Cause::Unknown,
    }
}
