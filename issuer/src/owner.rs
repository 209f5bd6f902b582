//! Whose a place token is: the place that it opens, and who will hold the place's coupon.

use chassis::Problem;
use domain::event::Identity;
use domain::{EventId, Holder, PlaceId, PlaceToken, Refusal};

use crate::Desk;
use crate::terms::Terms;

/// A place and its holder.
pub struct Owner {
    /// The place.
    pub place: PlaceId,
    /// Who holds what it gets: the place itself, or the user whom an entry token named.
    pub holder: Holder,
}

impl Owner {
    /// Whose the token is; `no-place` for one that no user came with, where users are known by entry tokens.
    pub async fn of(
        desk: &Desk,
        event: &EventId,
        terms: &Terms,
        token: &PlaceToken,
    ) -> Result<Self, Problem> {
        let place = token.place_id();
        if terms.identity == Identity::Place {
            let holder = Holder::from(&place);
            return Ok(Self { place, holder });
        }
        let user = desk.store.whose(event, place).await;
        let holder = user.map_err(Problem::try_again)?.ok_or(Refusal::NoPlace)?;
        Ok(Self {
            place: PlaceId::of_user(event, &holder),
            holder,
        })
    }
}
