//! Whether the peer of a connection is still there, as far as pings tell.

/// Between two pings, in ticks.
pub const PING_TICKS: u64 = 250;

/// The peer of one connection.
#[derive(Debug)]
pub struct Peer {
    state: State,
    /// The tick of the last ping, or of the beginning.
    pinged: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It was heard since the last ping.
    Alive,
    /// A ping is to be sent.
    ToPing,
    /// It was pinged and has not been heard since.
    Pinged,
    /// It left a ping unanswered, or did not even take it.
    Dead,
}

impl Peer {
    /// A peer that was heard at this tick.
    pub fn new(tick: u64) -> Self {
        Self {
            state: State::Alive,
            pinged: tick,
        }
    }

    /// Pings now and then; a peer that left the last ping unanswered is dead.
    pub fn visit(&mut self, tick: u64) {
        if tick < self.pinged + PING_TICKS {
            return;
        }
        self.pinged = tick;
        self.state = match self.state {
            State::Alive => State::ToPing,
            State::ToPing | State::Pinged | State::Dead => State::Dead,
        };
    }

    /// Something was heard from it.
    pub fn answered(&mut self) {
        if self.state != State::Dead {
            self.state = State::Alive;
        }
    }

    /// Is a ping to be sent? Whoever gets a yes sends it.
    pub fn take_ping(&mut self) -> bool {
        let due = self.state == State::ToPing;
        if due {
            self.state = State::Pinged;
        }
        due
    }

    /// Is it dead?
    pub fn is_dead(&self) -> bool {
        self.state == State::Dead
    }

    /// Is there anything to do about it?
    pub fn is_due(&self) -> bool {
        matches!(self.state, State::Dead | State::ToPing)
    }
}
