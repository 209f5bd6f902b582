//! How the moves of a line are heard: one after the other, or not, until the line is loaded again.

use parking_lot::Mutex;
use tokio::sync::watch;

/// The state of one line's hearing, shared by those who notice and the one who loads.
#[derive(Debug, Default)]
pub struct Hearing {
    state: Mutex<State>,
    /// The last move that was heard.
    heard: watch::Sender<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// One after the other.
    #[default]
    Followed,
    /// Some were missed.
    Lost,
    /// The line is being loaded again.
    Loading,
}

impl Hearing {
    /// Are moves heard one after the other?
    pub fn is_followed(&self) -> bool {
        *self.state.lock() == State::Followed
    }

    /// Some moves were missed.
    pub fn lose(&self) {
        self.step(State::Followed, State::Lost);
    }

    /// Is the line to be loaded again? Whoever gets a yes loads it.
    pub fn begins_loading(&self) -> bool {
        self.step(State::Lost, State::Loading)
    }

    /// The line is loaded: its moves are heard again.
    pub fn found(&self) {
        self.step(State::Loading, State::Followed);
    }

    /// The moves were heard up to this one.
    pub fn heard(&self, n: u64) {
        self.heard.send_replace(n);
    }

    /// Waits until the moves were heard up to this one.
    pub async fn caught_up(&self, moves: u64) {
        // It cannot fail: the sender is here.
        let _ = self.heard.subscribe().wait_for(|&n| n >= moves).await;
    }

    fn step(&self, from: State, to: State) -> bool {
        let mut state = self.state.lock();
        let steps = *state == from;
        if steps {
            *state = to;
        }
        steps
    }
}
