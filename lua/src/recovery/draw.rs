//! Laying the draw of a lobby: one that was under way is finished with the same seed, one that is over can be checked again.

use domain::draw::{List, Seed};
use domain::event::{Event, Order};
use domain::{Phase, PlaceId, Seq};

use super::Recovery;
use super::lay::PIECE;
use crate::connect::StoreError;
use crate::draw::DrawRecord;
use crate::keys::Keys;

/// A draw as its records tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaidDraw {
    /// It was begun and is to be finished.
    Going {
        /// Those with an ordinal up to this one take part.
        after: Seq,
        /// How many of them are known.
        people: u64,
        /// The seed and its origin, if they were fixed.
        seed: Option<(Seed, String)>,
        /// Those of them who left since, with the ordinal that they had.
        withdrawn: Vec<(PlaceId, Seq)>,
    },
    /// Its order is in force.
    Done {
        /// What everybody may check it by.
        record: DrawRecord,
        /// Its list, where all who took part are known.
        list: Option<List>,
    },
}

impl Recovery {
    /// Lays the draw of an event that has its lobby drawn and has opened. Where no record tells of one, nobody was in the lobby.
    pub(super) async fn lay_draw(
        &mut self,
        event: &Event,
        draw: Option<&LaidDraw>,
    ) -> Result<(), StoreError> {
        let opened = !matches!(event.phase, Phase::Draft | Phase::Lobby);
        if event.definition.order != Order::Draw || !opened {
            return Ok(());
        }
        let keys = Keys::of(&event.event);
        self.lay_pairs("HSET", &keys.draw(), fields(draw)).await?;
        match draw {
            Some(LaidDraw::Going { withdrawn, .. }) => {
                for piece in withdrawn.chunks(PIECE) {
                    let members: Vec<(u64, &str)> = piece
                        .iter()
                        .map(|(place, seq)| (seq.0, place.as_str()))
                        .collect();
                    self.lay_pairs("ZADD", &keys.withdrawn(), members).await?;
                }
            }
            Some(LaidDraw::Done {
                record,
                list: Some(list),
            }) => {
                let firsts = (record.draw.after.0 + 1..).step_by(PIECE);
                for (first, piece) in firsts.zip(list.pieces(PIECE)) {
                    self.lay_pairs("HSET", &keys.draw_list(), vec![(first, piece)])
                        .await?;
                }
            }
            Some(LaidDraw::Done { list: None, .. }) | None => {}
        }
        Ok(())
    }
}

/// The hash of a draw as the scripts write it.
fn fields(draw: Option<&LaidDraw>) -> Vec<(&'static str, String)> {
    let begun = |after: &Seq, people: &u64| {
        [("after", after.0), ("people", *people)].map(|(name, number)| (name, number.to_string()))
    };
    let seeded =
        |seed: &Seed, origin: &String| [("seed", seed.to_string()), ("origin", origin.clone())];
    let mut fields = Vec::new();
    let state = match draw {
        None => "done",
        Some(LaidDraw::Going {
            after,
            people,
            seed,
            ..
        }) => {
            fields.extend(begun(after, people));
            if let Some((seed, origin)) = seed {
                fields.extend(seeded(seed, origin));
            }
            "going"
        }
        Some(LaidDraw::Done { record, .. }) => {
            let draw = &record.draw;
            fields.extend(begun(&draw.after, &draw.people));
            fields.extend(seeded(&draw.seed, &draw.origin));
            fields.push(("digest", record.digest.clone()));
            fields.push(("drawn_ms", record.drawn_at.0.to_string()));
            "done"
        }
    };
    fields.push(("state", state.to_owned()));
    fields
}
