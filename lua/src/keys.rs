//! Every key of the store, from one type: an event's keys share the hash tag `{event}`, so that one script may touch them all.

use std::borrow::Cow;

use domain::EventId;

/// The ids of all events (set).
pub(crate) const EVENTS: &str = "events";
/// The public halves of the signing keys (hash: kid → `x issuer…`); in one slot with what else is known of them.
pub(crate) const PUBLIC_KEYS: &str = "{keys}:public";
/// When each of them was first published (hash: kid → ms).
pub(crate) const KEYS_SHOWN: &str = "{keys}:shown";
/// When the last ticket of each that signs no more ends (hash: kid → ms).
pub(crate) const KEY_ENDS: &str = "{keys}:ends";
/// Those whose last ticket has ended (hash: kid → `x issuer…`).
pub(crate) const RETIRED_KEYS: &str = "{keys}:retired";
/// The public halves of the session keys (hash: kid → `until_ms x`); in one slot with the ended sessions.
pub(crate) const SESSION_KEYS: &str = "{sessions}:keys";
/// The sessions that were ended lately (sorted set: session → when, in ms).
pub(crate) const SESSIONS_ENDED: &str = "{sessions}:ended";
/// The limits per client address that ops set live (hash: name → text); in one slot with who changed them.
pub(crate) const LIMITS: &str = "{limits}:set";
/// Who changed them (stream).
pub(crate) const LIMITS_AUDIT: &str = "{limits}:audit";
/// The channel on which watermarks are told.
pub(crate) const ACKS: &str = "acks";
/// The channel on which sleeping admission is woken; the scripts hold the same name.
pub(crate) const WAKES: &str = "wakes";
/// The channel on which a record is told that came into an empty outbox; the scripts hold the same name.
pub(crate) const RECORDS: &str = "records";

/// What a call with an idempotency key was answered outside the scripts (string, for 24 hours).
pub(crate) fn answered(once: &str) -> String {
    format!("answered:{once}")
}

/// The key of a lease (string: its owner, with a time to live).
pub(crate) fn lease(name: &str) -> String {
    format!("lease:{name}")
}

/// Who a Redis was when it was last recognised (hash: `incarnation`, `run_id`, `lineage`). `tag` is a hash tag that lies with it, where
/// it is one of several.
pub(crate) fn installation(tag: &str) -> String {
    format!("installation{tag}")
}

/// The lease of a Redis' recovery.
pub(crate) fn recovery(tag: &str) -> String {
    format!("lease:recovery{tag}")
}

/// The event or book whose own key this is.
pub(crate) fn named_by(key: &str) -> Option<EventId> {
    let tagged = key
        .strip_prefix("event:{")
        .or_else(|| key.strip_prefix("book:{"))?;
    EventId::from_encoded(tagged.strip_suffix('}')?).ok()
}

/// Makes the keys of one event, and of the book of the same id. Its id is percent-encoded in them, so that no name, whatever it holds, ends the hash tag early.
pub(crate) struct Keys<'a>(Cow<'a, str>);

/// One method per key.
macro_rules! keys {
    ($($(#[$meta:meta])* $name:ident = $room:literal $part:literal;)+) => {
        impl<'a> Keys<'a> {
            /// The keys of `event`.
            pub(crate) fn of(event: &'a EventId) -> Self {
                Self(event.encoded())
            }

            $($(#[$meta])*
            pub(crate) fn $name(&self) -> String {
                format!(concat!($room, ":{{{}}}", $part), self.0)
            })+

            /// The codes of an upload that is not whole yet (set), and its pieces (list).
            pub(crate) fn upload(&self, name: &str) -> [String; 2] {
                ["staged", "pieces"].map(|part| format!("book:{{{}}}:{part}:{name}", self.0))
            }

            /// The reply to a call with an idempotency key (string, for 24 hours).
            pub(crate) fn once(&self, name: &str) -> String {
                format!("once:{{{}}}:{name}", self.0)
            }

            /// Every key that an event may have.
            #[cfg(test)]
            pub(crate) fn all(&self) -> Vec<String> {
                vec![$(self.$name()),+]
            }
        }
    };
}

keys! {
    /// Hash: the definition as JSON, and beside it what the scripts decide by: phase, pace, stock, times, version, epoch.
    event = "event" "";
    /// String: the secrets of the event's entry keys as JSON, which nothing shows.
    secrets = "event" ":secrets";
    /// Hash of counters: `admitted`, `no_shows`, `left`, `issued`, `waits`, `waits_in_range`, and the last ordinals of `records`
    /// and `moves`.
    counts = "event" ":counts";
    /// Stream: who changed what.
    audit = "event" ":audit";
    /// Sorted set of those waiting: place → seq.
    places = "line" ":places";
    /// String: the last seq given.
    seq = "line" ":seq";
    /// Hash of those let in and not yet redeemed: place → `seq admitted_ms expires_ms kid`.
    admitted = "line" ":admitted";
    /// Sorted set of the same places: place → when the ticket ends, in ms.
    outstanding = "line" ":outstanding";
    /// Hash of their tickets, once minted: place → JWT.
    tickets = "line" ":tickets";
    /// Sorted set of those without a ticket yet: place → when they were last handed to a minter, in ms.
    unminted = "line" ":unminted";
    /// Hash of those who gave their place up: place → `left` or `no-show`.
    gone = "line" ":gone";
    /// Stream with dense ids: what changed, for the gateways.
    moves = "line" ":moves";
    /// Hash: the token bucket, and how far the absent can be told from those who are there.
    pace = "line" ":pace";
    /// Hash, with entry tokens: the id of a place, or of the token that a user came with → the user.
    users = "line" ":users";
    /// Sorted set of those who were passed over and are neither let in nor gone: place → seq.
    passed = "line" ":passed";
    /// Sorted set of those among them who were not seen again yet: place → until when they may come back, in ms.
    grace = "line" ":grace";
    /// Hash: how the redeems of the last seconds went: a slot → `second all failed late`.
    strain = "line" ":strain";
    /// Hash of people near the head: place → when they were last seen, in ms.
    seen = "line" ":seen";
    /// Hash: the draw of the lobby, `going` or `done`, with its seed.
    draw = "line" ":draw";
    /// Hash, kept for whoever checks the draw: the first ordinal of a piece → its place ids in drawn order, each with a line feed.
    draw_list = "line" ":draw-list";
    /// Sorted set of those in line as it will be when the draw is done: place → seq.
    drawn = "line" ":drawn";
    /// Sorted set of those who left while the draw goes on: place → the seq they had first.
    withdrawn = "line" ":withdrawn";
    /// String: coupons not yet issued.
    stock = "coupon" ":stock";
    /// Set of all holders.
    participants = "coupon" ":participants";
    /// Hash: holder → `serial issued_ms ordinal epoch jti code`; the jti of a direct claim is `-`.
    issued = "coupon" ":issued";
    /// Hash: code → holder.
    coupons = "coupon" ":coupons";
    /// List of those who claimed a coupon of a direct event, in order of serial.
    claims = "coupon" ":claims";
    /// Hash: the rules of the book of this id as JSON, and beside them what the scripts decide by.
    book = "book" "";
    /// Set of the book's codes that nobody has.
    free = "book" ":free";
    /// Set: the codes of the upload that is carried into the book just now.
    coming = "book" ":coming";
    /// List of those of them that are not there yet, as JSON lists.
    coming_pieces = "book" ":coming-pieces";
    /// Hash of its other coupons: code → `uses assigned_ms until_ms token cancelled holder`.
    assigned = "book" ":assigned";
    /// Hash: holder → how many coupons of the book they have.
    holders = "book" ":holders";
    /// Hash: holder → how often they redeemed coupons of the book.
    redeemers = "book" ":redeemers";
    /// Hash: what each user got of the job that has the book's turn: user → codes, or why none.
    dealt = "book" ":dealt";
    /// Stream with dense ids: the records on their way to the log and the ledger.
    outbox = "coupon" ":outbox";
    /// Hash: how far `log` and `ledger` have come with the outbox.
    acked = "coupon" ":acked";
    /// Set: the ordinals of records that the ledger passed by, since they are among the dead letters.
    buried = "coupon" ":buried";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_of_an_event_lie_in_one_slot_and_differ() {
        let event: EventId = "demo".parse().unwrap();
        let keys = Keys::of(&event).all();
        for key in &keys {
            let tag = key.split_once('{').unwrap().1.split_once('}').unwrap().0;
            assert_eq!(tag, "demo", "{key}");
        }
        let distinct: std::collections::HashSet<&String> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }

    #[test]
    fn no_name_leaves_its_hash_tag_or_meets_another_ones_keys() {
        let names = ["}", "{a}", "a}:stock", "a:stock", "a b", "%7D", "A", "a"];
        let mut all = std::collections::HashSet::new();
        for name in names {
            let event: EventId = name.parse().unwrap();
            let keys = Keys::of(&event).all();
            for key in &keys {
                let tag = key.split_once('{').unwrap().1.split_once('}').unwrap().0;
                assert_eq!(tag, event.encoded(), "{key}");
            }
            all.extend(keys);
        }
        let each = Keys::of(&"a".parse().unwrap()).all().len();
        assert_eq!(all.len(), names.len() * each);
    }

    #[test]
    fn names_from_an_earlier_system_are_kept() {
        let event: EventId = "demo".parse().unwrap();
        let keys = Keys::of(&event);
        assert_eq!(keys.stock(), "coupon:{demo}:stock");
        assert_eq!(keys.participants(), "coupon:{demo}:participants");
    }
}
