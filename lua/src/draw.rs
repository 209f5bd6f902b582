//! The draw: those who came before the opening get their seqs anew, in an order that one seed and their ids alone decide.
//! Every step may be made again by anybody, so a draw that was begun is finished with the same result.

use domain::draw::Seed;
use domain::{EventId, Millis, PlaceId, Seq};

use crate::connect::{Store, StoreError};
use crate::keys::Keys;
use crate::script::{parsed, script, tags};

script!(SEED_DRAW = "seed_draw");
script!(DRAW_PLACES = "draw_places", "clock", "records");
script!(END_DRAW = "end_draw", "clock", "bulk", "moves", "pace");

/// People per read of the lobby: a few milliseconds.
const PAGE: usize = 5_000;
/// People per call that gives out their seqs: a few milliseconds, and one write to the disk.
const PIECE: usize = 2_000;

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
    /// The fingerprint of the drawn order: [`domain::draw::digest`].
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

    /// The list of a draw: the place ids of all who were drawn, in drawn order, each followed by a line feed. `None` when it is not
    /// there whole.
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
            let Some(piece) = piece else {
                return Ok(None);
            };
            for place in piece.split(',') {
                list.push_str(place);
                list.push('\n');
                next += 1;
            }
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
        let mut reply = SEED_DRAW
            .keys([Keys::of(event).draw()])
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

    /// Everyone who takes part in a draw, in no particular order and each once: whoever was in line when it began, also if
    /// they have left since.
    pub async fn lobby(&self, event: &EventId, draw: &Draw) -> Result<Vec<PlaceId>, StoreError> {
        let keys = Keys::of(event);
        let mut lobby = Vec::new();
        // Places only move from the line to those who withdrew: read in this order, nobody is missed.
        for key in [keys.places(), keys.withdrawn()] {
            let mut after = 0;
            loop {
                let page: Vec<(String, u64)> = redis::cmd("ZRANGE")
                    .arg(&key)
                    .arg(format!("({after}"))
                    .arg(draw.after.0)
                    .arg(&["BYSCORE", "LIMIT"])
                    .arg(0)
                    .arg(PAGE)
                    .arg("WITHSCORES")
                    .query_async(&mut self.connection())
                    .await?;
                let Some(&(_, last)) = page.last() else {
                    break;
                };
                after = last;
                for (place, _) in page {
                    lobby.push(parsed(&place)?);
                }
            }
        }
        lobby.sort_unstable();
        lobby.dedup();
        Ok(lobby)
    }

    /// Gives the drawn their ordinals, piece by piece, beside the line as it stands; false when there is nothing to draw any
    /// more.
    pub async fn draw(
        &self,
        event: &EventId,
        draw: &Draw,
        in_order: &[PlaceId],
    ) -> Result<bool, StoreError> {
        tags!(Outcome { Drawn = "drawn", None = "none" });
        let keys = Keys::of(event);
        let mut first = draw.after.0 + 1;
        for piece in in_order.chunks(PIECE) {
            let names: Vec<&str> = piece.iter().map(PlaceId::as_str).collect();
            let mut call = DRAW_PLACES
                .keys([
                    keys.draw(),
                    keys.drawn(),
                    keys.event(),
                    keys.counts(),
                    keys.outbox(),
                    keys.withdrawn(),
                    keys.draw_list(),
                ])
                .arg(names.join(","));
            for (seq, name) in (first..).zip(names) {
                call = call.arg(seq).arg(name);
            }
            match call.run(&self.door).await?.tag()? {
                Outcome::Drawn => first += piece.len() as u64,
                Outcome::None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Puts the drawn order in force, when everybody has their place; `digest` is that of the order.
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
