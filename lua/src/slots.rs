//! Slots: a Redis Cluster deals its keys to 16,384 of them by the hash tag, and the slots to its primaries. One Redis that stands
//! alone has them all.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use redis::{Arg, Cmd, Pipeline};

/// How many there are.
const COUNT: u16 = 16_384;

/// For each slot a number whose text lies in it.
static TAGS: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let mut tags = vec![None; usize::from(COUNT)];
    let mut missing = tags.len();
    for number in 0_u32.. {
        let tag = &mut tags[usize::from(slot_of(number.to_string().as_bytes()))];
        if tag.is_none() {
            *tag = Some(number);
            missing -= 1;
        }
        if missing == 0 {
            break;
        }
    }
    tags.into_iter().map(Option::unwrap_or_default).collect()
});

/// The slots of one primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slots(Vec<RangeInclusive<u16>>);

impl Slots {
    /// All of them.
    pub(crate) fn all() -> Self {
        Self(vec![0..=COUNT - 1])
    }

    /// Those in these ranges, lowest first.
    pub(crate) fn of(mut ranges: Vec<RangeInclusive<u16>>) -> Self {
        ranges.sort_unstable_by_key(|range| *range.start());
        Self(ranges)
    }

    /// Those that a node says it serves, in `CLUSTER NODES`: in the line about itself, behind eight other fields.
    pub(crate) fn told(nodes: &str) -> Self {
        let own = nodes.lines().find(|line| line.contains("myself"));
        let fields = own
            .into_iter()
            .flat_map(|line| line.split_whitespace().skip(8));
        let range = |field: &str| {
            let (first, last) = field.split_once('-').unwrap_or((field, field));
            // A slot on its way from or to another node is named in brackets; it is served where it was.
            Some(first.parse().ok()?..=last.parse().ok()?)
        };
        Self::of(fields.filter_map(range).collect())
    }

    /// Does a key lie in one of these? Where there are no others its slot need not be told.
    pub(crate) fn hold(&self, key: &str) -> bool {
        *self == Self::all() || self.contains(slot_of(key.as_bytes()))
    }

    pub(crate) fn contains(&self, slot: u16) -> bool {
        self.0.iter().any(|range| range.contains(&slot))
    }

    /// A hash tag whose keys lie in the lowest of these slots; `None` where there are none.
    pub(crate) fn tag(&self) -> Option<String> {
        let lowest = usize::from(*self.0.first()?.start());
        Some(format!("{{{}}}", TAGS.get(lowest)?))
    }
}

/// The slot of a key: the CRC of its hash tag, or of all of it where it has none.
pub(crate) fn slot_of(key: &[u8]) -> u16 {
    crc16(tag_of(key).unwrap_or(key)) % COUNT
}

/// Do all of these keys lie in one slot? Only then a cluster takes a script.
pub(crate) fn is_one_slot(keys: &[String]) -> bool {
    let mut slots = keys.iter().map(|key| slot_of(key.as_bytes()));
    let first = slots.next();
    slots.all(|slot| Some(slot) == first)
}

/// The slot of keys that all lie in one.
pub(crate) fn slot_of_first(keys: &[String]) -> u16 {
    let first = keys.first();
    first.map_or_else(home, |key| slot_of(key.as_bytes()))
}

/// What stands between the first `{` and the `}` after it, if that is anything.
fn tag_of(key: &[u8]) -> Option<&[u8]> {
    let (_, tagged) = key.split_at_checked(key.iter().position(|&byte| byte == b'{')? + 1)?;
    let tag = &tagged[..tagged.iter().position(|&byte| byte == b'}')?];
    (!tag.is_empty()).then_some(tag)
}

/// CRC-16/XMODEM, as Redis takes it.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, &byte| {
        (0..8).fold(sum ^ (u16::from(byte) << 8), |sum, _| {
            (sum << 1) ^ if sum & 0x8000 == 0 { 0 } else { 0x1021 }
        })
    })
}

/// The slot of a command's first key. One without a key goes where the list of events is.
pub(crate) fn slot_of_command(command: &Cmd) -> u16 {
    let mut args = command.args_iter();
    let before_key = match args.next() {
        Some(Arg::Simple(b"EVAL" | b"EVALSHA")) => 2,
        _ => 0,
    };
    match args.nth(before_key) {
        Some(Arg::Simple(key)) => slot_of(key),
        _ => home(),
    }
}

/// Do all keys of a pipeline lie in one slot?
pub(crate) fn lies_in_one_slot(pipeline: &Pipeline) -> bool {
    let mut slots = pipeline.cmd_iter().map(slot_of_command);
    let first = slots.next();
    slots.all(|slot| Some(slot) == first)
}

/// The slot of the list of events.
pub(crate) fn home() -> u16 {
    slot_of(crate::keys::EVENTS.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lies_where_redis_says() {
        // By `CLUSTER KEYSLOT` of a real one.
        for (key, slot) in [
            ("foo", 12_182),
            ("123456789", 12_739),
            ("{foo}:bar", 12_182),
            ("a{foo}b{c}", 12_182),
        ] {
            assert_eq!(slot_of(key.as_bytes()), slot, "{key}");
        }
        assert_eq!(slot_of(b"{}foo"), crc16(b"{}foo") % COUNT);
    }

    #[test]
    fn every_slot_has_a_tag_that_lies_in_it() {
        for slot in 0..COUNT {
            let tag = Slots::of(vec![slot..=slot]).tag().unwrap();
            assert_eq!(slot_of(tag.as_bytes()), slot);
        }
    }

    #[test]
    fn a_node_tells_its_slots_in_its_own_line() {
        let told = "a 127.0.0.1:1@11 master - 0 1 2 connected 5461-10922\n\
                    b 127.0.0.1:2@12 myself,master - 0 0 1 connected 7 0-5 9-10 [6-<-a]\n";
        let slots = Slots::told(told);
        assert_eq!(slots, Slots(vec![0..=5, 7..=7, 9..=10]));
        assert!(slots.contains(10) && !slots.contains(6));
        assert!(Slots::all().hold("foo") && !slots.hold("foo"));
        let none = "b 127.0.0.1:2@12 myself,slave a 0 0 1 connected\n";
        assert_eq!(Slots::told(none).tag(), None);
    }

    #[test]
    fn a_call_goes_to_the_slot_of_its_first_key() {
        let mut script = redis::cmd("EVALSHA");
        script.arg("hash").arg(2).arg("event:{foo}").arg("other");
        assert_eq!(slot_of_command(&script), slot_of(b"foo"));
        assert_eq!(
            slot_of_command(redis::cmd("GET").arg("a:{foo}")),
            slot_of(b"foo")
        );
        assert_eq!(slot_of_command(&redis::cmd("TIME")), home());
    }
}
