//! What is to be expected of a line from a reading on, as a range for each position. The formula is in `docs/architecture.md`.

use super::course::Course;
use super::flow::as_float;
use super::{Eta, step};

/// Who would have to wait for more rounds of lapsing tickets than this has a turn sooner or none at all.
const MOST_ROUNDS: u32 = 2;

/// How it may come, at best or at worst.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Side {
    /// The tickets.
    pub(super) course: Course,
    /// When each coupon that is left has a ticket, in seconds from now; `None` when the rate ends before.
    pub(super) used_up_s: Option<f64>,
    /// The share of them that lapse.
    pub(super) lapse: f64,
    /// How many of those that are out lapse.
    pub(super) out_lapse: f64,
}

/// What is to be expected of a line from a reading on.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// How long it may take until the first of a drawn line is let in, at worst.
    pub(super) starts_s: f64,
    pub(super) soon: Side,
    pub(super) late: Side,
    /// How many people's turn a ticket that could be given is.
    pub(super) turns: f64,
    /// How many people's turn a ticket that was given is: more than one where people are absent.
    pub(super) per_ticket: f64,
    /// The share of those in line who leave per second.
    pub(super) leaving: f64,
    /// Tickets for which there are coupons.
    pub(super) free: f64,
    /// How long a ticket lasts, in seconds.
    pub(super) ticket_s: f64,
    /// How little is known, from 1 towards 0.
    pub(super) unknown: f64,
}

impl Outlook {
    /// How long a person at `position` (from 1) may still wait; `None` when the rate ends before.
    #[must_use]
    pub fn range(&self, position: u64) -> Option<Eta> {
        let people = as_float(position);
        // At best many of those before them leave, or are not there: more than are known.
        let (soon_s, _) = self.until(
            &self.soon,
            people * (0.8 - 0.35 * self.unknown),
            MOST_ROUNDS,
        )?;
        let (_, rounds) = self.until(&self.soon, people, MOST_ROUNDS)?;
        let (late_s, _) = self.until(&self.late, people, rounds)?;
        let low = whole_seconds(soon_s);
        let high =
            whole_seconds((late_s * (1.25 + 0.25 * self.unknown) + self.starts_s).ceil()) + 1;
        Some(Eta {
            low: low - low % step(low),
            high: high.next_multiple_of(step(high)),
        })
    }

    /// After how many seconds so many people had their turn, and how many rounds of tickets have to lapse for it; at most so many are
    /// waited for.
    fn until(&self, side: &Side, people: f64, most_rounds: u32) -> Option<(f64, u32)> {
        let served = self.free * self.per_ticket;
        let plain_s = side.course.until(people, self.turns, self.leaving);
        let reached_s = side
            .used_up_s
            .filter(|used_up_s| plain_s.is_none_or(|plain_s| plain_s > *used_up_s));
        let Some(used_up_s) = reached_s else {
            return plain_s.map(|plain_s| (plain_s, 0));
        };
        // There is no coupon for them unless people before them let their tickets lapse.
        let staying = people * (-self.leaving * used_up_s).exp();
        let mut wanted = (staying - served).max(0.0) / self.per_ticket;
        for round in 1..=most_rounds {
            let before_s = f64::from(round - 1) * self.ticket_s;
            if wanted <= side.out_lapse {
                let lapsed_s = self.ticket_s * wanted / side.out_lapse.max(1.0);
                return Some((before_s + lapsed_s.max(used_up_s), round));
            }
            // Those that are out do not suffice: so many of those to come have to be given until enough of them lapse.
            let given = (wanted - side.out_lapse) / side.lapse;
            if given <= self.free {
                let given_s = side
                    .course
                    .until(given * self.per_ticket, self.turns, 0.0)?;
                return Some((before_s + (self.ticket_s + given_s).max(used_up_s), round));
            }
            wanted = given - self.free;
        }
        Some((
            f64::from(most_rounds) * self.ticket_s + used_up_s,
            most_rounds,
        ))
    }
}

/// A non-negative float as whole seconds, saturating.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturating is what is wanted"
)]
pub(super) fn whole_seconds(seconds: f64) -> u64 {
    seconds.min(1e15) as u64
}
