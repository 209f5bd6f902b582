//! How the moves of a line are heard: one after the other, or not, until the line is loaded again.

use parking_lot::Mutex;

/// The state of one line's hearing, shared by those who notice and the one who loads.
#[derive(Debug, Default)]
pub struct Hearing(Mutex<State>);

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
        *self.0.lock() == State::Followed
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

    fn step(&self, from: State, to: State) -> bool {
        let mut state = self.0.lock();
        let steps = *state == from;
        if steps {
            *state = to;
        }
        steps
    }
}
