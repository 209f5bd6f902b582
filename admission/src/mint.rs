//! Minting: from the admitted record to the ticket. Pure and repeatable, so a place whose ticket never reached the store
//! gets the same one in a later round.

use std::sync::Arc;

use domain::EventId;
use domain::place::AdmittedPlace;
use lua::Minted;

use crate::signer::{CannotSign, Signer};

/// Up to this many signatures (17 µs each) are made in place; more go to a thread where they keep nobody waiting.
const FEW: usize = 32;

/// Mints the tickets of `places`, all of which keys of ours sign.
pub async fn mint(
    signer: &Arc<Signer>,
    event: &EventId,
    places: Vec<AdmittedPlace>,
) -> Result<Vec<Minted>, CannotSign> {
    if places.len() <= FEW {
        return sign(signer, event, places);
    }
    let (signer, event) = (Arc::clone(signer), event.clone());
    tokio::task::spawn_blocking(move || sign(&signer, &event, places))
        .await
        .unwrap_or_else(|error| Err(CannotSign(error.to_string())))
}

fn sign(
    signer: &Signer,
    event: &EventId,
    places: Vec<AdmittedPlace>,
) -> Result<Vec<Minted>, CannotSign> {
    places
        .into_iter()
        .map(|admitted| {
            Ok(Minted {
                ticket: signer.ticket(event, &admitted)?,
                seq: admitted.seq,
                place: admitted.place,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use chassis::system::SystemRandom;
    use domain::ticket::KeySet;
    use domain::{Millis, PlaceToken, Seq};

    use super::*;

    #[tokio::test]
    async fn few_and_many_alike_get_the_ticket_of_their_own_place() {
        let folder = tempfile::tempdir().unwrap();
        let issuer = "https://line.example";
        let signer = Arc::new(Signer::open(folder.path(), issuer, &SystemRandom).unwrap());
        let event: EventId = "demo".parse().unwrap();
        let keys = KeySet::new(&signer.publics());
        for many in [1, FEW, FEW + 1] {
            let places: Vec<AdmittedPlace> = (1..=u32::try_from(many).unwrap())
                .map(|n| AdmittedPlace {
                    place: PlaceToken::generate(&SystemRandom).place_id(),
                    seq: Seq(u64::from(n)),
                    admitted_at: Millis(1_700_000_000_000).plus(i64::from(n)),
                    expires_at: Millis(1_700_000_120_000),
                    kid: signer.kid(),
                })
                .collect();
            let minted = mint(&signer, &event, places.clone()).await.unwrap();
            assert_eq!(minted.len(), many);
            for (minted, admitted) in minted.iter().zip(&places) {
                let claims = keys.read(&minted.ticket).unwrap();
                assert_eq!(
                    (claims.sub, claims.seq, claims.jti),
                    (admitted.place.clone(), admitted.seq, admitted.jti())
                );
                assert_eq!((&minted.place, minted.seq), (&admitted.place, admitted.seq));
            }
        }
    }
}
