//! Every person holds a socket open, so the descriptor limit decides how many one process may send.

/// Most HTTP calls of the whole crowd at once.
pub const CALLS_AT_ONCE: u32 = 256;
/// Connections kept idle per source address; see [`crate::rehearse::street`].
pub const IDLE_PER_SOURCE: u32 = 1;
/// What the process itself needs.
const OWN: u32 = 64;

/// Raises the limit as far as it may be raised; how many people this process then has room for.
pub fn room() -> anyhow::Result<u32> {
    let limit = rlimit::increase_nofile_limit(u64::MAX)?;
    Ok(u32::try_from(most(limit)).unwrap_or(u32::MAX))
}

/// How many people fit below `limit`, rounded down to hundreds. Whoever hands tickets in elsewhere keeps a second connection.
fn most(limit: u64) -> u64 {
    let per_source = u64::from(super::street::PEOPLE_PER_SOURCE);
    let left = limit.saturating_sub(u64::from(CALLS_AT_ONCE + OWN));
    left * per_source / (per_source + 2 * u64::from(IDLE_PER_SOURCE)) / 100 * 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_s_socket_and_the_calls_fit() {
        for limit in [1_024_u64, 4_096, 20_000] {
            let most = most(limit);
            let sources = most.div_ceil(super::super::street::PEOPLE_PER_SOURCE.into());
            let needed =
                most + 2 * sources * u64::from(IDLE_PER_SOURCE) + u64::from(CALLS_AT_ONCE + OWN);
            assert!(most >= 600 && needed <= limit, "{limit}: {most}");
        }
    }
}
