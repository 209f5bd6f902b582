//! Random steps: what people and ops may do, before it is known what it is about.

use domain::Phase;
use proptest::prelude::*;

/// How many people and codes take part: few, so that they meet often.
pub(super) const PEOPLE: u64 = 7;
pub(super) const CODES: u8 = 12;

/// A step before it is known what it is about.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Put {
        title: u8,
        stock: u64,
        keep: bool,
        rate: f64,
        phase: Phase,
        times: [Option<u16>; 3],
        stale: bool,
    },
    Admission(Option<f64>, Option<u64>, Option<u64>),
    Phase(Phase),
    Stock(u64),
    Enter(Vec<u64>),
    Leave(u64),
    Present(Vec<u64>),
    Admit(usize),
    /// People whose ticket was minted, and whether it is one of an earlier admission.
    Store(Vec<(u64, bool)>),
    Redeem(Vec<Ask>),
    /// Time passes, or the clock steps back.
    Pass(i64),
}

#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) person: u64,
    pub(super) ticket: Ticket,
    pub(super) code: u8,
    /// The coupon is for a user with a name of their own.
    pub(super) named: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Ticket {
    Present,
    Earlier,
    Spent,
    TooEarly,
    TooLate,
}

fn rates() -> impl Strategy<Value = f64> + Clone {
    prop_oneof![
        1 => Just(0.0), 1 => Just(0.5), 4 => Just(1_000.0), 8 => Just(1_000_000.0),
        4 => (0..50_000_u32).prop_map(|thousandths| f64::from(thousandths) / 1_000.0),
    ]
}

fn phases() -> impl Strategy<Value = Phase> {
    prop_oneof![
        2 => Just(Phase::Draft), 2 => Just(Phase::Lobby), 20 => Just(Phase::Open), 3 => Just(Phase::Paused),
        3 => Just(Phase::Draining), 1 => Just(Phase::Closed),
    ]
}

fn puts() -> impl Strategy<Value = Step> {
    let times = prop::array::uniform3(prop::option::weighted(0.1, 0..4_000_u16));
    (
        0..3_u8,
        0..8_u64,
        any::<bool>(),
        rates(),
        phases(),
        times,
        prop::bool::weighted(0.1),
    )
        .prop_map(
            |(title, stock, keep, rate, phase, times, stale)| Step::Put {
                title,
                stock,
                keep,
                rate,
                phase,
                times,
                stale,
            },
        )
}

fn asks() -> impl Strategy<Value = Ask> {
    let tickets = prop_oneof![
        6 => Just(Ticket::Present), 1 => Just(Ticket::Earlier), 2 => Just(Ticket::Spent),
        1 => Just(Ticket::TooEarly), 1 => Just(Ticket::TooLate),
    ];
    (0..PEOPLE, tickets, 0..CODES, prop::bool::weighted(0.1)).prop_map(
        |(person, ticket, code, named)| Ask {
            person,
            ticket,
            code,
            named,
        },
    )
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => puts(),
        2 => (prop::option::of(rates()), prop::option::of(1..4_u64), prop::option::of(prop_oneof![Just(1_u64), Just(600)]))
            .prop_map(|(rate, capacity, ttl)| Step::Admission(rate, capacity, ttl)),
        2 => phases().prop_map(Step::Phase),
        1 => (1..4_u64).prop_map(Step::Stock),
        8 => prop::collection::vec(0..PEOPLE, 1..5).prop_map(Step::Enter),
        2 => (0..PEOPLE).prop_map(Step::Leave),
        4 => prop::collection::vec(0..PEOPLE, 1..6).prop_map(Step::Present),
        10 => prop_oneof![1 => Just(0_usize), 9 => 1..6_usize].prop_map(Step::Admit),
        5 => prop::collection::vec((0..PEOPLE, prop::bool::weighted(0.1)), 1..5).prop_map(Step::Store),
        9 => prop::collection::vec(asks(), 1..5).prop_map(Step::Redeem),
        5 => prop_oneof![3 => 1..50_i64, 3 => 500..1_500_i64, 3 => Just(5_000_i64), 1 => -3_000..0_i64].prop_map(Step::Pass),
    ];
    let first = puts().prop_map(|put| match put {
        Step::Put {
            title,
            stock,
            keep,
            rate,
            phase,
            times,
            ..
        } => Step::Put {
            title,
            stock,
            keep,
            rate,
            phase,
            times,
            stale: false,
        },
        other => other,
    });
    (first, prop::collection::vec(step, 1..60)).prop_map(|(first, mut rest)| {
        rest.insert(0, first);
        rest
    })
}
