//! Laying what an event held beside its keys, page by page: nobody reads it there, and one step puts it in their place.

use std::time::Instant;

use domain::EventId;
use domain::coupon::Issue;
use domain::event::Event;
use domain::place::{AdmittedPlace, GoneReason};
use domain::{PlaceId, Seq};
use redis::{Cmd, Pipeline, ToRedisArgs};

use super::{LaidDraw, Recovery};
use crate::connect::StoreError;
use crate::keys::Keys;

/// How long what was laid beside an event's keys outlives a recovery that was killed.
const BESIDE_S: i64 = 3_600;
/// Most places in one command. Few commands with much in each: with `appendfsync always`, Redis syncs its file for
/// whatever it has read whole by then.
pub(super) const PIECE: usize = 5_000;

/// A line as its records tell of it. Who holds a coupon is in none of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Those who wait.
    pub waiting: Vec<(PlaceId, Seq)>,
    /// Those who were let in.
    pub admitted: Vec<AdmittedPlace>,
    /// Those who gave their place up, and why.
    pub gone: Vec<(PlaceId, GoneReason)>,
    /// The last seq given.
    pub last_seq: Seq,
    /// How many were ever let in.
    pub ever_admitted: u64,
    /// How many tickets ended unused.
    pub no_shows: u64,
    /// How many left.
    pub left: u64,
    /// The draw of the lobby, if there was one.
    pub draw: Option<LaidDraw>,
}

impl Recovery {
    /// Lays issued coupons beside the event's keys, in order of serial.
    pub async fn lay_issues(&mut self, event: &Event, issues: &[Issue]) -> Result<(), StoreError> {
        if issues.is_empty() {
            return self.hold().await;
        }
        let keys = Keys::of(&event.event);
        let laid = [
            keys.issued(),
            keys.coupons(),
            keys.participants(),
            keys.claims(),
        ];
        let names = ["HSET", "HSET", "SADD", "RPUSH"];
        let mut commands: [Cmd; 4] = std::array::from_fn(|nth| {
            let mut command = redis::cmd(names[nth]);
            command.arg(self.beside(&laid[nth]));
            command
        });
        let [of_holders, of_codes, members, in_order] = &mut commands;
        for issue in issues {
            let (epoch, ordinal) = issue.record_id.epoch_and_ordinal().unwrap_or_default();
            let (serial, at, code) = (issue.coupon.serial.0, issue.issued_at.0, &issue.coupon.code);
            let stored = format!("{serial} {at} {ordinal} {epoch} {} {code}", issue.jti);
            let holder = issue.holder.as_str();
            of_holders.arg(holder).arg(stored);
            of_codes.arg(code).arg(holder);
            members.arg(holder);
            in_order.arg(holder);
        }
        let laid = if event.definition.line {
            &laid[..3]
        } else {
            &laid
        };
        let mut pipe = redis::pipe();
        for command in commands.into_iter().take(laid.len()) {
            pipe.add_command(command).ignore();
        }
        self.lay(pipe, laid).await
    }

    pub(super) async fn lay_line(
        &mut self,
        event: &EventId,
        line: &Line,
    ) -> Result<(), StoreError> {
        let keys = Keys::of(event);
        for piece in line.waiting.chunks(PIECE) {
            let members: Vec<(u64, &str)> = piece
                .iter()
                .map(|(place, seq)| (seq.0, place.as_str()))
                .collect();
            self.lay_pairs("ZADD", &keys.places(), members).await?;
        }
        for piece in line.admitted.chunks(PIECE) {
            let record = |one: &AdmittedPlace| {
                let (seq, from, to) = (one.seq.0, one.admitted_at.0, one.expires_at.0);
                format!("{seq} {from} {to} {}", one.kid)
            };
            let records: Vec<(&str, String)> = piece
                .iter()
                .map(|one| (one.place.as_str(), record(one)))
                .collect();
            let ends: Vec<(i64, &str)> = piece
                .iter()
                .map(|one| (one.expires_at.0, one.place.as_str()))
                .collect();
            // Handed to a minter long ago: their tickets, which are the same again, are minted at once.
            let handed: Vec<(i64, &str)> =
                piece.iter().map(|one| (0, one.place.as_str())).collect();
            self.lay_pairs("HSET", &keys.admitted(), records).await?;
            self.lay_pairs("ZADD", &keys.outstanding(), ends).await?;
            self.lay_pairs("ZADD", &keys.unminted(), handed).await?;
        }
        for piece in line.gone.chunks(PIECE) {
            let reasons: Vec<(&str, &str)> = piece
                .iter()
                .map(|(place, why)| (place.as_str(), why.as_str()))
                .collect();
            self.lay_pairs("HSET", &keys.gone(), reasons).await?;
        }
        Ok(())
    }

    /// One command `command key pair…` beside the key.
    pub(super) async fn lay_pairs(
        &mut self,
        command: &str,
        key: &str,
        pairs: Vec<(impl ToRedisArgs, impl ToRedisArgs)>,
    ) -> Result<(), StoreError> {
        let mut pipe = redis::pipe();
        pipe.cmd(command).arg(self.beside(key));
        for (one, other) in pairs {
            pipe.arg(one).arg(other);
        }
        pipe.ignore();
        self.lay(pipe, &[key.to_owned()]).await
    }

    /// Runs a pipeline that lays something beside `keys`, and keeps the lease.
    pub(super) async fn lay(
        &mut self,
        mut pipe: Pipeline,
        keys: &[String],
    ) -> Result<(), StoreError> {
        for key in keys {
            pipe.expire(self.beside(key), BESIDE_S).ignore();
        }
        pipe.add_command(self.holding());
        let asked_at = Instant::now();
        let (held,): (Option<String>,) = pipe.query_async(&mut self.connection).await?;
        self.is_ours(held.as_ref(), asked_at)
    }

    /// Where this recovery lays what is to take the place of a key.
    pub(super) fn beside(&self, key: &str) -> String {
        format!("{key}:{}", self.owner)
    }
}
