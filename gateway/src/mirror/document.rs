//! An event as one reading of it shows it: the same for every visitor until the next reading.

use domain::chance::{Chance, Prospect};
use domain::entry::EntryKey;
use domain::eta::{Eta, Outlook, Pace, Reading};
use domain::event::{Identity, Order};
use domain::place::GoneReason;
use domain::{Millis, Phase, presence};
use lua::{Figures, LiveEvent};

use crate::status::Rendered;

/// One reading of an event.
#[derive(Debug)]
pub struct Document {
    /// Readings are numbered in the order in which they began.
    pub number: u64,
    /// The tick at which it was read.
    pub tick: u64,
    /// The status document, ready to be sent.
    pub status: Rendered,
    live: LiveEvent,
    /// How the line may go on; `None` while nobody is let in.
    outlook: Option<Outlook>,
    /// The coupons, and what became of those whose turn came.
    prospect: Prospect,
}

impl Document {
    /// What was read, with how many waited then, how the line may go on, and what becomes of its people.
    pub fn new(
        number: u64,
        tick: u64,
        live: LiveEvent,
        waiting: u64,
        outlook: Option<Outlook>,
        prospect: Prospect,
    ) -> Self {
        Self {
            number,
            tick,
            status: Rendered::new(&live, waiting),
            live,
            outlook,
            prospect,
        }
    }

    /// Where the event stands in its life.
    pub fn phase(&self) -> Phase {
        self.live.event.phase
    }

    /// What the organiser calls it.
    pub fn title(&self) -> &str {
        &self.live.event.definition.title
    }

    /// When a lobby opens, if the organiser set a time.
    pub fn opens_at(&self) -> Option<Millis> {
        self.live.event.definition.opens_at
    }

    /// Why everyone in the line was let go, if they were.
    pub fn ended(&self) -> Option<GoneReason> {
        self.live.ended
    }

    /// Is every coupon gone?
    pub fn sold_out(&self) -> bool {
        self.live.remaining == 0
    }

    /// Coupons not yet issued.
    pub fn remaining(&self) -> u64 {
        self.live.remaining
    }

    /// Is the order of those who came before the opening drawn?
    pub fn has_draw(&self) -> bool {
        self.live.event.definition.order == Order::Draw
    }

    /// With entry tokens: the version of the event, and the keys that sign them.
    pub fn entry(&self) -> Option<(u64, &[EntryKey])> {
        let held = &self.live.event.definition;
        (held.identity == Identity::EntryToken).then_some((self.live.version, &held.entry_keys))
    }

    /// How long somebody counts as there who gave a sign, in seconds.
    pub fn presence_s(&self) -> u64 {
        self.live.event.definition.presence_s
    }

    /// Visitors let in per second, as is in force.
    pub fn rate_per_s(&self) -> f64 {
        self.live.rate_in_force_per_s
    }

    /// How many people at the head are near it.
    pub fn reach(&self) -> u64 {
        presence::reach(self.live.event.admission.fastest_per_s())
    }

    /// The time left for somebody at `position`; `None` when nobody is let in, or no coupon is left.
    pub fn eta(&self, position: u64) -> Option<Eta> {
        self.outlook.as_ref()?.range(position)
    }

    /// Whether somebody at `position` will get a coupon, when `shown` is what they were shown last.
    pub fn chance(&self, position: u64, shown: Option<Chance>) -> Chance {
        self.prospect.chance(position.saturating_sub(1), shown)
    }
}

/// What chances are told from.
pub fn prospect(figures: &Figures) -> Prospect {
    let ticketed = figures.admitted.saturating_sub(figures.outstanding);
    Prospect {
        // Whoever was absent for too long never had a ticket, whoever left with one is no no-show: the greater count is the better.
        turned: ticketed.max(figures.redeemed + figures.no_shows),
        redeemed: figures.redeemed,
        outstanding: figures.outstanding,
        remaining: figures.remaining,
    }
}

/// What times left are told from; `drawing` while the lobby is still to be drawn.
pub fn reading(live: &LiveEvent, figures: &Figures, waiting: u64, drawing: bool) -> Reading {
    let moves = live.event.phase.admits() && live.ended.is_none();
    let divisor = live.brake.map_or(1, |brake| brake.divisor);
    Reading {
        at: live.at,
        pace: moves.then(|| Pace {
            set: live.event.admission,
            divisor: u32::try_from(divisor).map_or(1.0, f64::from),
        }),
        drawing,
        waiting,
        admitted: figures.admitted,
        outstanding: figures.outstanding,
        redeemed: figures.redeemed,
        remaining: figures.remaining,
    }
}

#[cfg(test)]
pub mod tests {
    use domain::eta::Flow;
    use domain::event::{AckLevel, Event};
    use serde_json::json;

    use super::*;

    /// A reading of an event that lets ten people in per second.
    pub fn document(
        number: u64,
        phase: &str,
        remaining: u64,
        ended: Option<GoneReason>,
    ) -> Document {
        let put = serde_json::from_value(json!({
            "title": "Demo", "stock": 100, "phase": phase, "admission": {"rate_per_s": 10.0},
        }));
        let event = Event::create("demo".parse().unwrap(), put.unwrap(), AckLevel::Redis).unwrap();
        let live = LiveEvent {
            event,
            version: 1,
            epoch: 1,
            ended,
            remaining,
            at: Millis(1_000),
            rate_in_force_per_s: 10.0,
            brake: None,
        };
        let figures = Figures {
            waiting: 7,
            remaining,
            ..Figures::default()
        };
        let mut flow = Flow::default();
        flow.read(reading(&live, &figures, 7, false));
        let prospect = Prospect {
            remaining,
            ..Prospect::default()
        };
        Document::new(number, 0, live, 7, flow.outlook(), prospect)
    }

    #[test]
    fn there_is_a_time_left_only_while_people_are_let_in() {
        for (phase, ended, some) in [
            ("lobby", None, false),
            ("open", None, true),
            ("paused", None, false),
            ("draining", None, true),
            ("draining", Some(GoneReason::SoldOut), false),
            ("closed", Some(GoneReason::Closed), false),
        ] {
            let eta = document(0, phase, 100, ended).eta(100);
            assert_eq!(eta.is_some(), some, "{phase}");
        }
        let eta = document(0, "open", 100, None).eta(100);
        assert_eq!(eta, Some(Eta { low: 4, high: 16 }));
        assert_eq!(document(0, "open", 0, None).eta(100), None, "sold out");
    }

    #[test]
    fn those_whose_turn_is_over_took_one_or_went_without() {
        let figures = |admitted, outstanding, redeemed, no_shows| Figures {
            admitted,
            outstanding,
            redeemed,
            no_shows,
            ..Figures::default()
        };
        let turned = |figures| prospect(&figures).turned;
        assert_eq!(turned(figures(10, 3, 5, 2)), 7, "two let tickets lapse");
        assert_eq!(turned(figures(10, 3, 5, 12)), 17, "ten were never there");
        assert_eq!(turned(figures(10, 3, 5, 0)), 7, "two left with a ticket");
    }
}
