//! What one connection is owed. The wheel and the moves put news in, the connection takes them out when it can: a newer
//! position replaces an older one, so a slow reader gets the newest. Pure: time is a tick, randomness a number.

use domain::eta::Eta;
use domain::place::{GoneReason, PlaceState};
use domain::{EventId, Millis, Phase, pace};
use lua::Look;

use super::frame::{Frame, Position};
use super::peer::Peer;
use super::wheel::together;
use crate::mirror::document::Document;
use crate::mirror::watching::Seen;

/// Milliseconds in a tick of the wheel.
pub const TICK_MS: u64 = 100;
/// How long a position is held back at most until the moves are heard that others may have heard before, in ticks: a second.
pub const CATCHING_UP_TICKS: u64 = 1_000 / TICK_MS;
/// Between two looks at a place that was let in and has no ticket yet, in ticks.
const NO_TICKET_TICKS: usize = 10;
/// Between two looks at a place that has its ticket: was it redeemed elsewhere, did it end?
const TICKET_TICKS: u64 = 50;
/// Such looks wait for a tick that this divides, so that those of a second share one call of the store.
const TOGETHER_TICKS: u64 = 10;

/// How a connection ends. The codes are those of a WebSocket; a stream just ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// Nothing more will come: the place is gone, or holds its coupon.
    Done,
    /// The server is stopping.
    Restart,
    /// A frame that is not understood; the reason says what is.
    NotUnderstood(&'static str),
    /// Nobody said hello in time.
    NoHello,
    /// The token has no place in this line.
    NoPlace,
}

/// What a connection does next.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// Send this.
    Send(Frame),
    /// Ask the store what became of the place, and tell [`Slot::learn`].
    Look,
    /// Ask the peer whether it is still there.
    Ping,
    /// Say goodbye.
    Close(Close),
    /// The peer is dead: let go without goodbye.
    Drop,
}

/// Where the place is, as far as the connection was told or is about to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Admitted { told: bool },
}

/// One connection's news.
#[derive(Debug)]
pub struct Slot {
    /// Readings of the event that began earlier say nothing about this place: the store was asked later.
    born: u64,
    /// The line's last move when the store was asked: another gateway may have heard it, and shown a position after it.
    moves: u64,
    stage: Stage,
    told: Option<Position>,
    /// The tick at which it was seen what is told.
    told_tick: u64,
    /// The time left that was shown first, and when.
    promised: Option<(Eta, Millis)>,
    told_event: (Phase, bool),
    position: Option<(Position, u64)>,
    event: bool,
    ticket: Option<Box<Frame>>,
    gone: Option<GoneReason>,
    look: bool,
    bye_ms: Option<u32>,
    peer: Peer,
    closing: Option<Close>,
}

impl Slot {
    /// The slot of a place that waits, or was let in when `admitted`, as of the line's move `moves`; `born` is the number of the next
    /// reading of its event.
    pub fn new(born: u64, admitted: bool, moves: u64, document: &Document, tick: u64) -> Self {
        let stage = if admitted {
            Stage::Admitted { told: false }
        } else {
            Stage::Waiting
        };
        Self {
            born,
            moves,
            stage,
            told: None,
            told_tick: tick,
            promised: None,
            told_event: (document.phase(), document.sold_out()),
            position: None,
            event: false,
            ticket: None,
            gone: None,
            look: admitted,
            bye_ms: None,
            peer: Peer::new(tick),
            closing: None,
        }
    }

    /// Looks at the line on this place's behalf; the number of ticks until the next visit.
    pub fn visit(&mut self, seen: &Seen<'_>) -> usize {
        let event = (seen.document.phase(), seen.document.sold_out());
        if self.told_event != event {
            self.told_event = event;
            self.event = true;
        }
        self.peer.visit(seen.tick);
        match self.stage {
            Stage::Waiting => self.visit_waiting(seen),
            Stage::Admitted { told } => {
                self.look = true;
                if told {
                    together(seen.tick, TICKET_TICKS, TOGETHER_TICKS)
                } else {
                    NO_TICKET_TICKS
                }
            }
        }
    }

    fn visit_waiting(&mut self, seen: &Seen<'_>) -> usize {
        let ended = seen.document.ended();
        if let Some(reason) = ended.filter(|_| seen.document.number >= self.born) {
            self.let_go(reason);
            return NO_TICKET_TICKS;
        }
        if seen.gone || ended.is_some() {
            self.look = true;
            return NO_TICKET_TICKS;
        }
        if self.told.is_none() && self.catches_up(seen) {
            return 1;
        }
        let told = self
            .told
            .map(|told| told.counted_down(self.passed_s(seen.tick)));
        let before = told.and_then(|told| told.position);
        let position = before.map_or(seen.position, |before| before.min(seen.position));
        let drawn = (!seen.undrawn).then_some(position);
        let newest = drawn.and_then(|position| seen.document.eta(position));
        let shown = Position {
            position: drawn,
            waiting: seen.waiting,
            eta_s: match (newest, told.and_then(|told| told.eta_s)) {
                (Some(newest), Some(shown)) => Some(newest.after(shown)),
                (newest, _) => newest,
            },
            rate_per_s: seen.document.rate_per_s(),
            stock_remaining: seen.document.remaining(),
            chance: drawn.map(|position| {
                let shown = told.and_then(|told| told.chance);
                seen.document.chance(position, shown)
            }),
        };
        let news = told.is_none_or(|told| shown.is_news_after(&told));
        self.position = news.then_some((shown, seen.tick));
        ticks(pace::jittered_ms(position, seen.draw))
    }

    /// May another gateway have shown a lower position than would be shown now, and is it worth waiting for?
    fn catches_up(&self, seen: &Seen<'_>) -> bool {
        seen.heard < self.moves && seen.tick < self.told_tick + CATCHING_UP_TICKS
    }

    /// Whole seconds since what is told was seen.
    fn passed_s(&self, tick: u64) -> u64 {
        tick.saturating_sub(self.told_tick) * TICK_MS / 1_000
    }

    /// The time left that was shown first, and when; once.
    pub fn promised(&mut self) -> Option<(Eta, Millis)> {
        self.promised.take()
    }

    /// Something was heard from the peer.
    pub fn answer(&mut self) {
        self.peer.answered();
    }

    /// The store has news of the place.
    pub fn news(&mut self) {
        self.look = true;
    }

    /// The place is gone for this reason.
    pub fn let_go(&mut self, reason: GoneReason) {
        if self.closing.is_none() {
            self.gone = Some(reason);
        }
    }

    /// The server is stopping: come back after `retry_after_ms`.
    pub fn bye(&mut self, retry_after_ms: u32) {
        self.bye_ms = Some(retry_after_ms);
    }

    /// What the store says of the place.
    pub fn learn(&mut self, event: &EventId, look: Look) {
        match look {
            Look::Known(PlaceState::Waiting { .. }) => {}
            Look::Known(PlaceState::Admitted {
                ticket, expires_at, ..
            }) => {
                let told = self.stage == Stage::Admitted { told: true };
                if let Some(ticket) = ticket.filter(|_| !told) {
                    self.ticket = Some(Box::new(Frame::ticket(event, ticket, expires_at)));
                    self.stage = Stage::Admitted { told: true };
                } else if !told {
                    self.stage = Stage::Admitted { told: false };
                }
                self.position = None;
            }
            Look::Known(PlaceState::Gone { reason }) => self.let_go(reason),
            Look::Known(PlaceState::Redeemed(_)) => self.closing = Some(Close::Done),
            Look::NoPlace | Look::NoSuchEvent => self.closing = Some(Close::NoPlace),
        }
    }

    /// The next thing to do, most urgent first; `None` for now.
    pub fn take(&mut self, document: &Document, now: Millis) -> Option<Next> {
        if self.peer.is_dead() {
            return Some(Next::Drop);
        }
        if let Some(close) = self.closing {
            return Some(Next::Close(close));
        }
        if std::mem::take(&mut self.event) {
            let (phase, sold_out) = self.told_event;
            return Some(Next::Send(Frame::Event {
                phase,
                sold_out,
                stock_remaining: document.remaining(),
            }));
        }
        if let Some(reason) = self.gone.take() {
            self.closing = Some(Close::Done);
            return Some(Next::Send(Frame::Gone { reason }));
        }
        if let Some(ticket) = self.ticket.take() {
            return Some(Next::Send(*ticket));
        }
        if let Some(retry_after_ms) = self.bye_ms.take() {
            self.closing = Some(Close::Restart);
            return Some(Next::Send(Frame::Bye { retry_after_ms }));
        }
        if std::mem::take(&mut self.look) {
            return Some(Next::Look);
        }
        if let Some((shown, tick)) = self.position.take() {
            self.told = Some(shown);
            self.told_tick = tick;
            if let (None, Some(eta)) = (self.promised, shown.eta_s) {
                self.promised = Some((eta, now));
            }
            return Some(Next::Send(Frame::Position { shown, at: now }));
        }
        self.peer.take_ping().then_some(Next::Ping)
    }

    /// Is the peer dead?
    pub fn is_dead(&self) -> bool {
        self.peer.is_dead()
    }

    /// Is there anything to do?
    pub fn is_due(&self) -> bool {
        self.peer.is_due()
            || self.event
            || self.gone.is_some()
            || self.ticket.is_some()
            || self.closing.is_some()
            || self.bye_ms.is_some()
            || self.look
            || self.position.is_some()
    }
}

/// Milliseconds as ticks, rounded up.
fn ticks(ms: u64) -> usize {
    usize::try_from(ms.div_ceil(TICK_MS)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use domain::coupon::{Coupon, Issue};
    use domain::{Holder, RecordId, Seq, Serial};
    use proptest::prelude::*;

    use super::*;
    use crate::live::peer::PING_TICKS;
    use crate::mirror::document::tests::document;

    const NOW: Millis = Millis(0);

    /// A slot, the reading it sees, and where it stands.
    struct Stand {
        slot: Slot,
        document: Document,
        position: u64,
        heard: u64,
        gone: bool,
        tick: u64,
    }

    impl Stand {
        fn new(admitted: bool) -> Self {
            let document = document(0, "open", 100, None);
            Self {
                slot: Slot::new(1, admitted, 0, &document, 0),
                document,
                position: 5,
                heard: 0,
                gone: false,
                tick: 0,
            }
        }

        fn visit(&mut self) -> usize {
            self.slot.visit(&Seen {
                tick: self.tick,
                document: &self.document,
                heard: self.heard,
                gone: self.gone,
                undrawn: false,
                position: self.position,
                waiting: 10,
                draw: 0,
            })
        }

        fn take(&mut self) -> Option<Next> {
            let due = self.slot.is_due();
            let next = self.slot.take(&self.document, NOW);
            assert_eq!(due, next.is_some(), "{next:?}");
            next
        }

        /// The position of the frame that is next, and nothing else.
        fn shown(&mut self) -> Option<u64> {
            match self.take() {
                None => None,
                Some(Next::Send(Frame::Position { shown, .. })) => shown.position,
                other => panic!("{other:?}"),
            }
        }

        fn learn(&mut self, state: PlaceState) {
            let event = "demo".parse().unwrap();
            self.slot.learn(&event, Look::Known(state));
        }
    }

    fn admitted(ticket: Option<&str>) -> PlaceState {
        PlaceState::Admitted {
            seq: Seq(5),
            expires_at: NOW,
            ticket: ticket.map(str::to_owned),
        }
    }

    #[test]
    fn a_position_is_sent_only_when_something_changed_and_the_newest_wins() {
        let mut stand = Stand::new(false);
        stand.visit();
        assert_eq!(stand.shown(), Some(5));
        stand.visit();
        assert_eq!(stand.shown(), None);
        for position in [4, 3] {
            stand.position = position;
            stand.visit();
        }
        assert_eq!(stand.shown(), Some(3));
        assert_eq!(stand.shown(), None);
        // It changed and changed back before the reader was ready: there is nothing to say.
        stand.position = 2;
        stand.visit();
        stand.position = 3;
        stand.visit();
        assert_eq!(stand.shown(), None);
    }

    #[test]
    fn the_first_position_waits_for_what_others_have_heard_but_not_for_ever() {
        let behind = || {
            let mut stand = Stand::new(false);
            stand.slot = Slot::new(1, false, 7, &stand.document, 0);
            stand.heard = 6;
            assert_eq!(stand.visit(), 1, "asked again at the next tick");
            assert_eq!(stand.shown(), None);
            stand
        };
        let mut stand = behind();
        (stand.heard, stand.position) = (7, 4);
        stand.visit();
        assert_eq!(stand.shown(), Some(4));

        let mut stand = behind();
        stand.tick = CATCHING_UP_TICKS;
        stand.visit();
        assert_eq!(stand.shown(), Some(5), "nothing is heard any more");
    }

    #[test]
    fn a_position_never_rises() {
        let mut stand = Stand::new(false);
        let mut lowest = u64::MAX;
        for position in [5, 9, 4, 7, 7, 2, 100] {
            stand.position = position;
            stand.visit();
            if let Some(shown) = stand.shown() {
                assert!(shown <= lowest, "{shown} after {lowest}");
                lowest = shown;
            }
        }
        assert_eq!(lowest, 2);
    }

    proptest! {
        #[test]
        fn whatever_the_mirror_shows_positions_told_never_rise_and_every_frame_tells_something_new(
            steps in prop::collection::vec((1u64..40, 0u64..30), 1..80),
        ) {
            let mut stand = Stand::new(false);
            let mut told: Option<(Position, u64)> = None;
            for (position, ticks) in steps {
                (stand.position, stand.tick) = (position, stand.tick + ticks);
                stand.slot.answer();
                stand.visit();
                while let Some(next) = stand.take() {
                    let Next::Send(Frame::Position { shown, .. }) = next else {
                        continue;
                    };
                    if let Some((before, at)) = told {
                        prop_assert!(shown.position <= before.position);
                        let passed_s = (stand.tick - at) * TICK_MS / 1_000;
                        prop_assert!(shown.is_news_after(&before.counted_down(passed_s)));
                    }
                    told = Some((shown, stand.tick));
                }
            }
        }
    }

    #[test]
    fn the_time_left_counts_down_by_itself_and_is_told_anew_when_it_is_belied() {
        let mut stand = Stand::new(false);
        let mut eta_at = |tick, position| {
            (stand.tick, stand.position) = (tick, position);
            stand.slot.answer();
            stand.visit();
            match stand.take() {
                Some(Next::Send(Frame::Position { shown, .. })) => shown.eta_s,
                _ => None,
            }
        };
        assert_eq!(eta_at(0, 100), Some(Eta { low: 4, high: 16 }));
        assert_eq!(eta_at(20, 100), None, "two seconds went by: no news");
        assert_eq!(eta_at(30, 99), Some(Eta { low: 1, high: 13 }));
        let belied = eta_at(150, 98);
        assert_eq!(
            belied,
            Some(Eta { low: 4, high: 16 }),
            "it did not come true"
        );
        let promised = stand.slot.promised();
        assert_eq!(
            promised,
            Some((Eta { low: 4, high: 16 }, NOW)),
            "what was shown first"
        );
        assert_eq!(stand.slot.promised(), None);
    }

    #[test]
    fn the_visits_follow_the_pace() {
        let mut stand = Stand::new(false);
        assert_eq!(stand.visit(), 10);
        stand.position = 100_000;
        stand.slot.told = None;
        assert_eq!(stand.visit(), 100);
    }

    #[test]
    fn a_change_of_phase_is_told_once_and_before_the_position() {
        let mut stand = Stand::new(false);
        stand.document = document(1, "paused", 100, None);
        stand.visit();
        stand.visit();
        let event = Frame::Event {
            phase: Phase::Paused,
            sold_out: false,
            stock_remaining: 100,
        };
        assert_eq!(stand.take(), Some(Next::Send(event)));
        assert_eq!(stand.shown(), Some(5));
        assert_eq!(stand.take(), None);
    }

    #[test]
    fn the_end_of_the_line_lets_everyone_waiting_go_and_nobody_else() {
        for (is_admitted, gone) in [(false, true), (true, false)] {
            let mut stand = Stand::new(is_admitted);
            stand.document = document(1, "draining", 0, Some(GoneReason::SoldOut));
            stand.visit();
            let event = stand.take();
            assert!(matches!(
                event,
                Some(Next::Send(Frame::Event { sold_out: true, .. }))
            ));
            if gone {
                let frame = Frame::Gone {
                    reason: GoneReason::SoldOut,
                };
                assert_eq!(stand.take(), Some(Next::Send(frame)));
                assert_eq!(stand.take(), Some(Next::Close(Close::Done)));
            } else {
                assert_eq!(stand.take(), Some(Next::Look));
            }
        }
    }

    #[test]
    fn a_reading_from_before_the_place_was_looked_at_lets_nobody_go() {
        let mut stand = Stand::new(false);
        stand.document = document(0, "draining", 0, Some(GoneReason::SoldOut));
        stand.visit();
        stand.take();
        assert_eq!(stand.take(), Some(Next::Look));
        assert_eq!(stand.take(), None);
    }

    #[test]
    fn whoever_is_out_of_the_line_asks_why_and_hears_their_ticket_once() {
        let mut stand = Stand::new(false);
        stand.gone = true;
        stand.visit();
        assert_eq!(stand.take(), Some(Next::Look));
        stand.learn(admitted(None));
        assert_eq!(stand.take(), None);
        assert_eq!(stand.visit(), NO_TICKET_TICKS);
        assert_eq!(stand.take(), Some(Next::Look));
        for _ in 0..2 {
            stand.learn(admitted(Some("t")));
        }
        let ticket = Frame::ticket(&"demo".parse().unwrap(), "t".to_owned(), NOW);
        assert_eq!(stand.take(), Some(Next::Send(ticket)));
        assert_eq!(stand.take(), None);
        assert_eq!(stand.visit(), 50);
    }

    #[test]
    fn a_coupon_or_a_lost_place_ends_the_connection() {
        let issue = Issue {
            coupon: Coupon {
                code: "X".to_owned(),
                serial: Serial(1),
            },
            holder: "h".parse::<Holder>().unwrap(),
            issued_at: NOW,
            record_id: RecordId("demo:1:1".to_owned()),
            ordinal: 1,
            jti: "j".to_owned(),
        };
        let event = "demo".parse().unwrap();
        for (look, close) in [
            (Look::Known(PlaceState::Redeemed(issue)), Close::Done),
            (Look::NoPlace, Close::NoPlace),
            (Look::NoSuchEvent, Close::NoPlace),
        ] {
            let mut stand = Stand::new(true);
            stand.slot.learn(&event, look);
            assert_eq!(stand.take(), Some(Next::Close(close)));
        }
    }

    #[test]
    fn a_goodbye_comes_before_everything_but_the_truth_about_the_place() {
        let mut stand = Stand::new(false);
        stand.visit();
        stand.slot.bye(850);
        let bye = Frame::Bye {
            retry_after_ms: 850,
        };
        assert_eq!(stand.take(), Some(Next::Send(bye)));
        assert_eq!(stand.take(), Some(Next::Close(Close::Restart)));
    }

    #[test]
    fn a_peer_is_pinged_now_and_then_and_dropped_when_it_does_not_answer() {
        let mut stand = Stand::new(false);
        stand.visit();
        assert_eq!(stand.shown(), Some(5));
        for answers in [true, true, false] {
            stand.tick += PING_TICKS - 1;
            stand.visit();
            assert_eq!(stand.take(), None);
            stand.tick += 1;
            stand.visit();
            assert_eq!(stand.take(), Some(Next::Ping));
            if answers {
                stand.slot.answer();
            }
        }
        stand.tick += PING_TICKS;
        stand.visit();
        assert_eq!(stand.take(), Some(Next::Drop));
    }
}
