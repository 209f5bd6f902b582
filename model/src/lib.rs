//! A model of the way a coupon takes: issue, relay, persist, and recover after a fail-over. Two issuers and two relays, a few
//! people and coupons; a model checker visits every order in which their steps can fall, crashes and the promotion of
//! a stale replica included. What stands in Lua, SQL and Kafka as one atomic step is one step here.

mod state;

use stateright::{Model, Property};

pub use state::{Desk, Entry, Ledger, Record, Redis, Relay, State};

/// What a pass waits for before it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// The script replied.
    Redis,
    /// The log has the record.
    Log,
    /// The ledger has the row.
    Ledger,
}

/// Which design is looked at, and what may happen to it.
#[derive(Clone, Copy, Debug)]
pub struct Design {
    /// The event's level.
    pub level: Level,
    /// Coupons.
    pub stock: usize,
    /// People who want one.
    pub people: u8,
    /// How many crashes of issuers and relays there may be.
    pub crashes: u8,
    /// May a replica be promoted, with or without the last writes?
    pub fail_over: bool,
    /// Are marks and waiters of an earlier epoch turned away?
    pub fenced_marks: bool,
    /// Does recovery end the earlier epoch in the log, so that a relay that slept sends in vain?
    pub fenced_log: bool,
}

/// A step that somebody can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A person asks at a desk: the script runs.
    Ask(usize, u8),
    /// The level is reached and the person hears the pass.
    Tell(usize),
    /// The desk gives up or dies: the person heard nothing and may ask again.
    Forget(usize),
    /// A relay reads the outbox.
    Read(usize),
    /// The log acknowledges.
    Send(usize),
    /// The relay raises the mark and trims.
    Mark(usize),
    /// The relay dies.
    Die(usize),
    /// The persister commits the next entry of the log, row and offset together.
    Persist,
    /// The persister raises its mark.
    Told,
    /// The replica gets all that the primary has.
    Replicate,
    /// The replica becomes the primary; from here on the fence turns everybody away.
    FailOver,
    /// Keys are made to hold what the log and the ledger hold, in a new epoch; then service goes on.
    Recover,
}

impl Design {
    /// Has the coupon with this number come as far as the level wants, by the marks in Redis?
    fn reached(&self, redis: &Redis, n: u8) -> bool {
        match self.level {
            Level::Redis => true,
            Level::Log => n <= redis.log_mark.max(redis.ledger_mark),
            Level::Ledger => n <= redis.ledger_mark,
        }
    }

    fn tells(&self, state: &State, desk: usize) -> bool {
        let Desk::Waits { record, epoch } = state.desks[desk] else {
            return false;
        };
        let fenced = self.fenced_marks && epoch != state.redis.epoch;
        // The reply of the script is all that level `redis` waits for; it may come while the primary dies.
        let readable = self.level == Level::Redis || !state.recovering;
        readable && !fenced && self.reached(&state.redis, record.n)
    }

    fn of_desks(&self, state: &State, steps: &mut Vec<Step>) {
        for (desk, does) in state.desks.iter().enumerate() {
            match does {
                Desk::Idle if !state.recovering => steps.extend(
                    (0..self.people)
                        .filter(|person| state.heard.iter().all(|heard| heard.holder != *person))
                        .map(|person| Step::Ask(desk, person)),
                ),
                Desk::Idle => {}
                Desk::Waits { epoch, .. } => {
                    if self.tells(state, desk) {
                        steps.push(Step::Tell(desk));
                    }
                    // Giving a stale wait up is no crash.
                    if state.crashes < self.crashes || *epoch != state.redis.epoch {
                        steps.push(Step::Forget(desk));
                    }
                }
            }
        }
    }

    fn of_relays(&self, state: &State, steps: &mut Vec<Step>) {
        for (relay, does) in state.relays.iter().enumerate() {
            match does {
                Relay::Idle if !state.recovering && !state.redis.outbox.is_empty() => {
                    steps.push(Step::Read(relay));
                }
                Relay::Idle => {}
                Relay::Read(..) => steps.push(Step::Send(relay)),
                Relay::Sent(..) if state.recovering => {}
                Relay::Sent(..) => steps.push(Step::Mark(relay)),
            }
            if *does != Relay::Idle && state.crashes < self.crashes {
                steps.push(Step::Die(relay));
            }
        }
    }

    fn mark(&self, state: &mut State, relay: usize) {
        let Relay::Sent(sent, epoch) = std::mem::take(&mut state.relays[relay]) else {
            return;
        };
        if self.fenced_marks && epoch != state.redis.epoch {
            return;
        }
        let last = sent.last().map_or(0, |record| record.n);
        state.redis.log_mark = state.redis.log_mark.max(last);
        state.redis.outbox.retain(|record| record.n > last);
    }
}

impl Model for Design {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::default()]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.of_desks(state, steps);
        self.of_relays(state, steps);
        if state.ledger.next < state.log.len() {
            steps.push(Step::Persist);
        }
        let rows = state.ledger.rows.iter().map(|row| row.n).max();
        if !state.recovering && rows.unwrap_or(0) > state.redis.ledger_mark {
            steps.push(Step::Told);
        }
        if state.recovering {
            steps.push(Step::Recover);
        }
        if self.fail_over && !state.failed_over {
            steps.push(Step::FailOver);
            if state.replica != state.redis {
                steps.push(Step::Replicate);
            }
        }
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        match step {
            Step::Ask(desk, person) => state.ask(desk, person, self.stock),
            Step::Tell(desk) => {
                if let Desk::Waits { record, .. } = std::mem::take(&mut state.desks[desk])
                    && !state.heard.contains(&record)
                {
                    state.heard.push(record);
                    state.heard.sort_unstable_by_key(|heard| heard.holder);
                }
            }
            Step::Forget(desk) => {
                if let Desk::Waits { epoch, .. } = std::mem::take(&mut state.desks[desk]) {
                    state.crashes += u8::from(epoch == state.redis.epoch);
                }
            }
            Step::Read(relay) => {
                state.relays[relay] = Relay::Read(state.redis.outbox.clone(), state.redis.epoch);
            }
            Step::Send(relay) => {
                if let Relay::Read(read, epoch) = std::mem::take(&mut state.relays[relay]) {
                    state.log.extend(read.iter().copied().map(Entry::Record));
                    state.relays[relay] = Relay::Sent(read, epoch);
                }
            }
            Step::Mark(relay) => self.mark(&mut state, relay),
            Step::Die(relay) => {
                state.relays[relay] = Relay::Idle;
                state.crashes += 1;
            }
            Step::Persist => state.persist(),
            Step::Told => {
                let rows = state.ledger.rows.iter().map(|row| row.n).max();
                state.redis.ledger_mark = state.redis.ledger_mark.max(rows.unwrap_or(0));
            }
            Step::Replicate => state.replica = state.redis.clone(),
            Step::FailOver => {
                state.redis = state.replica.clone();
                state.failed_over = true;
                state.recovering = true;
            }
            Step::Recover => state.recover(self.fenced_log),
        }
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no heard pass is lost", |_, state: &State| {
                state.lost().is_none()
            }),
            Property::always("nothing is sold twice", |design: &Self, state: &State| {
                state.redis.issued.len() <= design.stock && state.ledger.rows.len() <= design.stock
            }),
            Property::always("one holder hears one coupon", |_, state: &State| {
                let pairs = state.heard.windows(2);
                pairs.into_iter().all(|two| two[0].holder != two[1].holder)
            }),
            Property::sometimes(
                "every coupon is heard and a row",
                |design: &Self, state: &State| {
                    state.heard.len() == design.stock && state.ledger.rows.len() == design.stock
                },
            ),
        ]
    }
}
