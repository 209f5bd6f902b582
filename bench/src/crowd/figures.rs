//! What a crowd cost, as figures.

use super::{COUNTED, Work, as_float};
use crate::naive;
use crate::report::Figure;

/// What the line cost the store.
pub fn store(people: usize, work: &Work, gateways: usize) -> [Figure; 2] {
    let each = |count: u64| as_float(count) / COUNTED.as_secs_f64() / as_float(gateways);
    [
        Figure::plain(
            &format!("{people} watching: store round trips per gateway"),
            each(work.round_trips),
            "1/s",
        ),
        Figure::plain(
            &format!("{people} watching: store commands per gateway, those in scripts included"),
            each(work.commands),
            "1/s",
        ),
    ]
}

/// Ours beside the rival.
pub fn beside(sockets: usize, memory: f64, work: &Work, rival: &naive::Cost) -> [Figure; 4] {
    let push_us = work.gateways.as_secs_f64() * 1e6 / as_float(work.pushed);
    let all = (work.gateways + work.store).as_secs_f64() * 1e6;
    let second_us = all / COUNTED.as_secs_f64() / as_float(sockets);
    let name = |what: &str| format!("{sockets} watching: {what}");
    let naive = "ZRANK and JSON per socket and second";
    [
        Figure::plain(
            &name("positions pushed"),
            as_float(work.pushed) / COUNTED.as_secs_f64(),
            "1/s",
        ),
        Figure::ratio(
            &name("server memory each"),
            memory,
            "B",
            naive,
            rival.memory,
        ),
        Figure::ratio(
            &name("gateway CPU per push"),
            push_us,
            "us",
            naive,
            rival.push_us,
        ),
        Figure::ratio(
            &name("CPU per person and second, Redis included"),
            second_us,
            "us",
            naive,
            rival.second_us,
        ),
    ]
}
