//! Every person holds a socket open, so the descriptor limit decides how many may come.

use anyhow::bail;

/// Most HTTP calls of the whole crowd at once.
pub const CALLS_AT_ONCE: u32 = 256;
/// Connections kept idle per source address; see [`crate::rehearse::street`].
pub const IDLE_PER_SOURCE: u32 = 1;
/// What the process itself needs.
const OWN: u32 = 64;

/// Raises the limit as far as it may be raised, and refuses a crowd that does not fit.
pub fn make_room_for(visitors: u32) -> anyhow::Result<()> {
    let needed = needed(visitors);
    let limit = rlimit::increase_nofile_limit(u64::MAX)?;
    if limit < needed {
        bail!(
            "{visitors} people need {needed} open files and this process may have {limit}: raise the limit (`ulimit -n`) \
             or let at most {} come",
            most(limit)
        );
    }
    Ok(())
}

fn needed(visitors: u32) -> u64 {
    let sources = visitors.div_ceil(super::street::PEOPLE_PER_SOURCE);
    [visitors, sources * IDLE_PER_SOURCE, CALLS_AT_ONCE, OWN]
        .into_iter()
        .map(u64::from)
        .sum()
}

/// How many people fit below `limit`, rounded down to hundreds.
fn most(limit: u64) -> u64 {
    let per_source = u64::from(super::street::PEOPLE_PER_SOURCE);
    let left = limit.saturating_sub(u64::from(CALLS_AT_ONCE + OWN));
    left * per_source / (per_source + u64::from(IDLE_PER_SOURCE)) / 100 * 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_that_is_advised_fits() {
        for limit in [1_024, 4_096, 20_000] {
            let most = u32::try_from(most(limit)).unwrap();
            assert!(most >= 600 && needed(most) <= limit, "{limit}: {most}");
        }
        let refused = make_room_for(u32::MAX / 2).unwrap_err().to_string();
        assert!(refused.contains("ulimit -n"), "{refused}");
    }
}
