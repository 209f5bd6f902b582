//! Times left in lines of many kinds: of how many people did the wait lie in the range that they were shown first?

mod line;

use proptest::prelude::*;

use self::line::{Case, Outcome, STEADY, Set, at, ramp};
use super::*;

/// Fifty a second could come, but only a hundred may be out, and people think it over for half a minute.
const SLOW: Case = Case {
    come_per_s: 3.0,
    take: 1.0,
    after_s: (5.0, 55.0),
    capacity: 100,
    pace: |_| at(50.0),
    ..STEADY
};

/// A hundred a second for a thousand coupons, and more people than that.
const DROP: Case = Case {
    crowd: 5_000,
    come_per_s: 0.0,
    take: 0.8,
    after_s: (0.2, 4.0),
    ticket_s: 30,
    stock: 1_000,
    pace: |_| at(100.0),
    lasts_s: 120,
    ..STEADY
};

/// Each is right for four of five people.
const CASES: [(&str, Case); 22] = [
    ("steady", STEADY),
    (
        "the first second, with no history",
        Case {
            come_per_s: 0.0,
            ..STEADY
        },
    ),
    (
        "less than a person per second",
        Case {
            crowd: 50,
            come_per_s: 0.2,
            pace: |_| at(0.4),
            ..STEADY
        },
    ),
    (
        "half of the heads absent",
        Case {
            absent: 0.5,
            come_per_s: 20.0,
            judged: (5.0, 300.0),
            ..STEADY
        },
    ),
    (
        "half of the heads absent, in the first second",
        Case {
            absent: 0.5,
            come_per_s: 0.0,
            ..STEADY
        },
    ),
    (
        "a hundredth of all leaves in each second",
        Case {
            leave: 0.01,
            come_per_s: 20.0,
            judged: (2.0, 300.0),
            ..STEADY
        },
    ),
    (
        "a ramp up",
        Case {
            pace: |_| ramp(2.0, 40.0, 120),
            ..STEADY
        },
    ),
    (
        "a ramp up from nothing",
        Case {
            pace: |_| ramp(0.0, 20.0, 60),
            ..STEADY
        },
    ),
    (
        "a ramp down",
        Case {
            pace: |_| ramp(40.0, 5.0, 60),
            ..STEADY
        },
    ),
    (
        "told after the rate was doubled",
        Case {
            pace: |now| at(if now < 60.0 { 10.0 } else { 20.0 }),
            come_per_s: 15.0,
            judged: (60.0, 300.0),
            ..STEADY
        },
    ),
    (
        "shown to everybody two seconds after the rate was doubled",
        Case {
            pace: |now| at(if now < 30.0 { 10.0 } else { 20.0 }),
            judged: (32.0, 32.0),
            ..STEADY
        },
    ),
    (
        "shown to everybody two seconds after it was halved, half of the heads absent",
        Case {
            absent: 0.5,
            pace: |now| at(if now < 30.0 { 10.0 } else { 5.0 }),
            judged: (32.0, 32.0),
            ..STEADY
        },
    ),
    (
        "told after a pause",
        Case {
            pace: |now| Set {
                paused: (60.0..90.0).contains(&now),
                ..at(10.0)
            },
            judged: (60.0, 300.0),
            ..STEADY
        },
    ),
    (
        "braked to a quarter, and let go after half a minute",
        Case {
            pace: |now| Set {
                divisor: match now {
                    30.0..40.0 | 70.0..80.0 => 2.0,
                    40.0..70.0 => 4.0,
                    _ => 1.0,
                },
                ..at(10.0)
            },
            judged: (40.0, 300.0),
            ..STEADY
        },
    ),
    (
        "braked to a half for good",
        Case {
            pace: |now| Set {
                divisor: if now < 30.0 { 1.0 } else { 2.0 },
                ..at(10.0)
            },
            come_per_s: 5.0,
            judged: (30.0, 300.0),
            ..STEADY
        },
    ),
    (
        "held up by the capacity",
        Case {
            judged: (5.0, 300.0),
            ..SLOW
        },
    ),
    (
        "shown to everybody ten seconds after the capacity was used up",
        Case {
            judged: (12.0, 12.0),
            ..SLOW
        },
    ),
    (
        "held up by a capacity of five",
        Case {
            capacity: 5,
            after_s: (2.0, 10.0),
            crowd: 200,
            come_per_s: 0.5,
            judged: (10.0, 300.0),
            ..SLOW
        },
    ),
    ("a drop, those included who wait for tickets to lapse", DROP),
    (
        "shown to everybody when each coupon left has a ticket",
        Case {
            crowd: 1_500,
            judged: (15.0, 15.0),
            ..DROP
        },
    ),
    (
        "a drawn lobby of which a half goes away within seconds",
        Case {
            crowd: 5_000,
            absent: 0.05,
            leave: 0.02,
            take: 0.87,
            after_s: (0.05, 0.3),
            ticket_s: 10,
            capacity: 600,
            stock: 1_200,
            pace: |_| at(150.0),
            lasts_s: 60,
            ..DROP
        },
    ),
    (
        "a drawn lobby of which a half goes away",
        Case {
            crowd: 18_600,
            leave: 0.007,
            take: 0.92,
            after_s: (0.05, 0.3),
            ticket_s: 10,
            capacity: 2_000,
            stock: 4_000,
            pace: |_| at(500.0),
            lasts_s: 60,
            ..DROP
        },
    ),
];

/// Who was told before what nobody could have told, and is judged by what came.
const TOLD_BEFORE: Case = Case {
    come_per_s: 0.0,
    judged: (0.0, 5.0),
    ..STEADY
};

/// Each is wrong for most people: a range that held all of this would say nothing.
const SURPRISES: [(&str, Case); 4] = [
    (
        "the rate is set to a third",
        Case {
            pace: |now| at(if now < 10.0 { 15.0 } else { 5.0 }),
            ..TOLD_BEFORE
        },
    ),
    (
        "a minute of pause",
        Case {
            pace: |now| Set {
                paused: (10.0..70.0).contains(&now),
                ..at(20.0)
            },
            ..TOLD_BEFORE
        },
    ),
    (
        "the brake",
        Case {
            pace: |now| Set {
                divisor: if now < 10.0 { 1.0 } else { 4.0 },
                ..at(20.0)
            },
            ..TOLD_BEFORE
        },
    ),
    (
        "how long people think it over, before the capacity is used up",
        Case {
            judged: (0.0, 1.0),
            come_per_s: 0.0,
            ..SLOW
        },
    ),
];

/// Plays a case and prints its row of the table (`cargo test -p domain eta -- --nocapture`).
fn played(name: &str, case: Case) -> Outcome {
    let outcome = case.run();
    let (right, width) = (outcome.percent(), outcome.width());
    println!(
        "{right:>5.1} % of {:>5}, {width:.1} waits wide: {name}",
        outcome.people
    );
    assert!(outcome.people > 90, "{name}: {outcome:?}");
    outcome
}

#[test]
fn the_range_shown_first_is_right_for_four_of_five_people_in_every_case() {
    for (name, case) in CASES {
        let outcome = played(name, case);
        assert!(outcome.percent() >= 80.0, "{name}: {outcome:?}");
        // A range that holds everything says nothing.
        assert!(outcome.width() < 3.0, "{name}: {outcome:?}");
    }
}

#[test]
fn whoever_was_told_before_a_surprise_was_told_wrong() {
    for (name, case) in SURPRISES {
        let outcome = played(name, case);
        assert!(outcome.percent() < 50.0, "{name} is none: {outcome:?}");
    }
}

proptest! {
    #[test]
    fn a_range_that_still_holds_only_counts_down(low in 0u64..500, width in 1u64..200, passed in 0u64..600, by in 0u64..20) {
        let shown = Eta { low, high: low + width }.counted_down(passed);
        let newest = Eta { low: shown.low + by.min(shown.high - shown.low), high: shown.high };
        let next = newest.after(shown);
        prop_assert!(next == shown || next == newest);
        if by == 0 {
            prop_assert_eq!(next, shown);
        }
        let belied = Eta { low: shown.high + 1, high: shown.high + 20 };
        prop_assert_eq!(belied.after(shown), belied);
    }
}
