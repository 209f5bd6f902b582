//! The draw: those who came before the opening get their seqs anew, in an order that one seed and their ids alone decide.
//! Every step may be made again by anybody, so a draw that was begun is finished with the same result.

use domain::draw::{List, Seed};
use domain::{EventId, Millis, PlaceId, Seq};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use redis::Value;

use crate::connect::{Store, StoreError};
use crate::keys::Keys;
use crate::script::{parsed, script, tags};

script!(SEED_DRAW = "seed_draw", "clock", "records");
script!(DRAW_PLACES = "draw_places");
script!(
    END_DRAW = "end_draw",
    "clock",
    "bulk",
    "moves",
    "records",
    "pace"
);

/// Ordinals per read of the lobby: a few milliseconds.
const PAGE: u64 = 10_000;
/// People per call that gives out their seqs: about ten milliseconds, and one write to the disk.
const PIECE: usize = 4_000;
/// Calls on their way at a time, so that Redis does not wait for us between them.
const AT_ONCE: usize = 2;

/// A draw that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Those with an ordinal up to this one are drawn; their new ordinals follow it.
    pub after: Seq,
    /// How many came before the opening.
    pub people: u64,
    /// What decides the order.
    pub seed: Seed,
    /// Where the seed comes from.
    pub origin: String,
}

/// A draw that is in force, as anybody may check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawRecord {
    /// What was drawn.
    pub draw: Draw,
    /// The fingerprint of the list: [`List::digest`].
    pub digest: String,
    /// When it came into force, by the store's clock.
    pub drawn_at: Millis,
}

/// How far a draw has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// Everybody has their place.
    Ended,
    /// Somebody has not been drawn yet: go on.
    Unfinished,
    /// Nothing is to be drawn (any more).
    Nothing,
}

impl Store {
    /// Is the order of this line drawn? Until it is, an ordinal says nothing of a place's turn. Only of a line whose event
    /// has it drawn.
    pub async fn is_drawn(&self, event: &EventId) -> Result<bool, StoreError> {
        let state: Option<String> = redis::cmd("HGET")
            .arg(Keys::of(event).draw())
            .arg("state")
            .query_async(&mut self.connection())
            .await?;
        Ok(state.as_deref() == Some("done"))
    }

    /// The draw that this line was drawn by; `None` before it is in force, and where nothing was drawn.
    pub async fn draw_record(&self, event: &EventId) -> Result<Option<DrawRecord>, StoreError> {
        type Held = (
            Option<String>,
            Option<u64>,
            Option<u64>,
            Option<String>,
            Option<String>,
            Option<String>,
            Option<i64>,
        );
        let (state, after, people, seed, origin, digest, drawn_ms): Held = redis::cmd("HMGET")
            .arg(Keys::of(event).draw())
            .arg(&[
                "state", "after", "people", "seed", "origin", "digest", "drawn_ms",
            ])
            .query_async(&mut self.connection())
            .await?;
        let (Some("done"), Some(after), Some(people), Some(seed), Some(origin)) =
            (state.as_deref(), after, people, seed, origin)
        else {
            return Ok(None);
        };
        let (Some(digest), Some(drawn_ms)) = (digest, drawn_ms) else {
            return Ok(None);
        };
        Ok(Some(DrawRecord {
            draw: Draw {
                after: Seq(after),
                people,
                seed: parsed(&seed)?,
                origin,
            },
            digest,
            drawn_at: Millis(drawn_ms),
        }))
    }

    /// The list of a draw as [`List`] writes it: all who were drawn. `None` when it is not there whole.
    pub async fn draw_list(
        &self,
        event: &EventId,
        draw: &Draw,
    ) -> Result<Option<String>, StoreError> {
        let key = Keys::of(event).draw_list();
        let (mut next, end) = (draw.after.0 + 1, draw.after.0 + draw.people);
        let mut list = String::new();
        while next <= end {
            let piece: Option<String> = redis::cmd("HGET")
                .arg(&key)
                .arg(next)
                .query_async(&mut self.connection())
                .await?;
            let Some(piece) = piece.filter(|piece| !piece.is_empty()) else {
                return Ok(None);
            };
            list.push_str(&piece);
            next += List::people(&piece);
        }
        Ok(Some(list))
    }

    /// The draw that is to be made, if there is one. `seed` decides it unless one was given before; `origin` says where
    /// it comes from.
    pub async fn seed_draw(
        &self,
        event: &EventId,
        seed: &Seed,
        origin: &str,
    ) -> Result<Option<Draw>, StoreError> {
        tags!(Outcome { Draw = "draw", None = "none" });
        let keys = Keys::of(event);
        let mut reply = SEED_DRAW
            .keys([keys.draw(), keys.event(), keys.counts(), keys.outbox()])
            .arg(seed.to_string())
            .arg(origin)
            .run(&self.door)
            .await?;
        Ok(match reply.tag()? {
            Outcome::None => None,
            Outcome::Draw => Some(Draw {
                after: Seq(reply.parse()?),
                people: reply.parse()?,
                seed: reply.parse()?,
                origin: reply.take()?,
            }),
        })
    }

    /// Everyone who takes part in a draw, in no particular order and some twice: whoever was in line when it began, also if
    /// they have left since.
    pub async fn lobby(&self, event: &EventId, draw: &Draw) -> Result<Vec<PlaceId>, StoreError> {
        let keys = Keys::of(event);
        let mut lobby = Vec::with_capacity(usize::try_from(draw.people).unwrap_or_default());
        // Places only move from the line to those who withdrew: read in this order, nobody is missed.
        for key in [keys.places(), keys.withdrawn()] {
            let first: Vec<(String, u64)> = redis::cmd("ZRANGE")
                .arg(&key)
                .arg(&["0", "0", "WITHSCORES"])
                .query_async(&mut self.connection())
                .await?;
            let Some(&(_, first)) = first.first() else {
                continue;
            };
            let froms = (first..=draw.after.0).step_by(usize::try_from(PAGE).unwrap_or(1));
            let mut pages = stream::iter(froms)
                .map(|from| self.page(&key, from, draw.after.0.min(from + PAGE - 1)))
                .buffered(AT_ONCE);
            while let Some(page) = pages.try_next().await? {
                for place in page {
                    lobby.push(place_id(&place)?);
                }
            }
        }
        Ok(lobby)
    }

    /// The members of a sorted set with scores from `from` to `to`. Their scores are not asked for: to write a number costs
    /// Redis more than to find it.
    async fn page(&self, key: &str, from: u64, to: u64) -> Result<Vec<Value>, StoreError> {
        Ok(redis::cmd("ZRANGE")
            .arg(key)
            .arg(&[from, to])
            .arg("BYSCORE")
            .query_async(&mut self.connection())
            .await?)
    }

    /// Gives the drawn their ordinals, piece by piece, beside the line as it stands; false when there is nothing to draw any
    /// more.
    pub async fn draw(
        &self,
        event: &EventId,
        draw: &Draw,
        list: &List,
    ) -> Result<bool, StoreError> {
        let firsts = (draw.after.0 + 1..).step_by(PIECE);
        let pieces = list.pieces(PIECE).map(str::to_owned);
        let mut pieces = stream::iter(firsts.zip(pieces))
            .map(|(first, piece)| self.draw_piece(event, first, piece))
            .buffered(AT_ONCE);
        while let Some(drawn) = pieces.try_next().await? {
            if !drawn {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives the drawn of one piece of the list the ordinals from `first` on.
    pub(crate) async fn draw_piece(
        &self,
        event: &EventId,
        first: u64,
        piece: String,
    ) -> Result<bool, StoreError> {
        tags!(Outcome { Drawn = "drawn", None = "none" });
        let keys = Keys::of(event);
        let mut reply = DRAW_PLACES
            .keys([keys.draw(), keys.drawn(), keys.draw_list()])
            .arg(first)
            .arg(piece)
            .run(&self.door)
            .await?;
        Ok(match reply.tag()? {
            Outcome::Drawn => true,
            Outcome::None => false,
        })
    }

    /// Puts the drawn order in force, when everybody has their place; `digest` is that of its list.
    pub async fn end_draw(&self, event: &EventId, digest: &str) -> Result<Drawn, StoreError> {
        tags!(Outcome { Ended = "ended", More = "more", Unfinished = "unfinished", None = "none" });
        let keys = Keys::of(event);
        loop {
            let mut reply = END_DRAW
                .keys([
                    keys.counts(),
                    keys.places(),
                    keys.seq(),
                    keys.moves(),
                    keys.pace(),
                    keys.audit(),
                    keys.draw(),
                    keys.withdrawn(),
                    keys.drawn(),
                    keys.event(),
                    keys.outbox(),
                ])
                .arg(digest)
                .run(&self.door)
                .await?;
            return Ok(match reply.tag()? {
                Outcome::More => continue,
                Outcome::Ended => Drawn::Ended,
                Outcome::Unfinished => Drawn::Unfinished,
                Outcome::None => Drawn::Nothing,
            });
        }
    }
}

/// Reads a member of a sorted set.
fn place_id(member: &Value) -> Result<PlaceId, StoreError> {
    let text = match member {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    };
    let text = text.ok_or_else(|| StoreError::Unexpected("a member that is no text".to_owned()))?;
    parsed(text)
}
