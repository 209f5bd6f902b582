//! The promises, over every order of steps; and what is lost where the design has a gap.
#![cfg(test)]

use model::{Design, Level};
use stateright::{Checker as _, Model as _};

const LOST: &str = "no heard pass is lost";

/// The design as it is, at a level, with one crash and one fail-over to a replica that may lack the last writes.
fn design_at(level: Level) -> Design {
    Design {
        level,
        stock: 1,
        people: 2,
        crashes: 1,
        fail_over: true,
        fenced_marks: true,
        fenced_log: true,
    }
}

/// Visits every state: each promise holds, and the model can do what it is there for.
fn holds(design: Design) {
    let checker = design.checker().threads(2).spawn_bfs().join();
    eprintln!("{design:?}: {} states", checker.unique_state_count());
    checker.assert_properties();
}

#[test]
fn without_a_fail_over_no_level_loses_a_heard_pass() {
    for level in [Level::Redis, Level::Log, Level::Ledger] {
        holds(Design {
            stock: 2,
            people: 3,
            fail_over: false,
            ..design_at(level)
        });
    }
}

#[test]
fn level_log_loses_no_heard_pass_when_a_stale_replica_is_promoted() {
    holds(design_at(Level::Log));
}

#[test]
fn level_ledger_loses_no_heard_pass_when_a_stale_replica_is_promoted() {
    holds(design_at(Level::Ledger));
}

#[test]
fn level_redis_loses_a_heard_pass_when_a_replica_without_the_write_is_promoted() {
    loses(design_at(Level::Redis));
}

#[test]
fn a_wait_that_outlives_the_epoch_would_be_answered_by_another_coupons_mark() {
    loses(Design {
        fenced_marks: false,
        ..design_at(Level::Log)
    });
}

#[test]
fn a_relay_that_slept_through_the_recovery_would_take_a_serial_from_its_heard_holder() {
    loses(Design {
        fenced_log: false,
        ..design_at(Level::Log)
    });
}

/// The checker finds a way to lose a heard pass.
fn loses(design: Design) {
    let checker = design
        .checker()
        .threads(2)
        .finish_when(stateright::HasDiscoveries::AnyOf([LOST].into()))
        .spawn_bfs()
        .join();
    let Some(path) = checker.discovery(LOST) else {
        panic!("{design:?} loses nothing");
    };
    let state = path.last_state();
    assert!(state.lost().is_some());
    eprintln!("{design:?} loses a heard pass: {:?}", path.into_actions());
}
