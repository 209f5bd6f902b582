//! The line: entering, looking, leaving.

mod asked;

use domain::{EventId, Holder, PlaceId, Seq};

use crate::batch::Batch;
use crate::connect::{Store, StoreError};
use crate::door::Door;
use crate::keys::Keys;
use crate::places::{known, state};
use crate::script::{parsed, script, tags};
pub(crate) use asked::Entrant;
pub use asked::{Entered, Look, Looked};

script!(
    ENTER = "enter",
    "clock",
    "bulk",
    "records",
    "places",
    "presence"
);
script!(LOOK = "look", "places");
script!(WHOSE = "whose");
script!(
    LEAVE = "leave",
    "clock",
    "records",
    "bulk",
    "moves",
    "places",
    "presence"
);

/// Enters under way.
pub(crate) type EnterBatch = Batch<Entrant, Entered>;
/// Looks under way.
pub(crate) type LookBatch = Batch<PlaceId, Looked>;
/// Questions whose a token is, under way.
pub(crate) type WhoseBatch = Batch<PlaceId, Option<Holder>>;

/// The places as the script wants them.
fn texts(places: &[PlaceId]) -> Vec<&str> {
    places.iter().map(PlaceId::as_str).collect()
}

/// One call that enters many.
pub(crate) async fn enter(
    door: Door,
    event: EventId,
    entrants: Vec<Entrant>,
) -> Result<Vec<Entered>, StoreError> {
    tags!(Outcome { Answers = "answers", NoSuchEvent = "no-such-event" });
    tags!(Answer {
        New = "new",
        Held = "held",
        NoLine = "no-line",
        NotOpenYet = "not-open-yet",
        SoldOut = "sold-out",
        LineClosed = "line-closed",
        EventClosed = "event-closed",
    });
    let keys = Keys::of(&event);
    let mut call = ENTER.keys(enter_keys(&keys)).arg(door.outbox_max());
    for Entrant { place, user } in &entrants {
        let user = user.as_ref();
        call = call
            .arg(place.as_str())
            .arg(user.map_or("", |(token, _)| token.as_str()))
            .arg(user.map_or("", |(_, user)| user.as_str()));
    }
    let mut reply = call.run(&door).await?;
    mishaps::cross("enter.answered")?;
    match reply.tag()? {
        Outcome::NoSuchEvent => Ok(vec![Entered::NoSuchEvent; entrants.len()]),
        Outcome::Answers => reply.each_with(&entrants, |_, mut answer| {
            Ok(match answer.tag()? {
                Answer::New => Entered::New(Seq(answer.take()?)),
                Answer::Held => match state(&event, answer)? {
                    Some(state) => Entered::Held(state),
                    None => return Err(StoreError::Unexpected("held by nobody".to_owned())),
                },
                Answer::NoLine => Entered::NoLine,
                Answer::NotOpenYet => Entered::NotOpenYet,
                Answer::SoldOut => Entered::SoldOut,
                Answer::LineClosed => Entered::LineClosed,
                Answer::EventClosed => Entered::EventClosed,
            })
        }),
    }
}

/// The keys in the order of enter.lua's contract.
fn enter_keys(keys: &Keys<'_>) -> [String; 13] {
    [
        keys.event(),
        keys.stock(),
        keys.places(),
        keys.seq(),
        keys.admitted(),
        keys.tickets(),
        keys.gone(),
        keys.issued(),
        keys.passed(),
        keys.seen(),
        keys.counts(),
        keys.outbox(),
        keys.users(),
    ]
}

/// One call that looks at many.
pub(crate) async fn look(
    door: Door,
    event: EventId,
    places: Vec<PlaceId>,
) -> Result<Vec<Looked>, StoreError> {
    tags!(Outcome { Answers = "answers", NoSuchEvent = "no-such-event" });
    let keys = Keys::of(&event);
    let mut reply = LOOK
        .keys([
            keys.event(),
            keys.places(),
            keys.admitted(),
            keys.tickets(),
            keys.gone(),
            keys.issued(),
            keys.passed(),
            keys.users(),
            keys.counts(),
        ])
        .arg(texts(&places))
        .run(&door)
        .await?;
    match reply.tag()? {
        Outcome::NoSuchEvent => {
            let look = Look::NoSuchEvent;
            Ok(vec![Looked { look, moves: 0 }; places.len()])
        }
        Outcome::Answers => {
            let moves = reply.take()?;
            reply.each_with(&places, |_, answer| {
                let look = known(state(&event, answer)?);
                Ok(Looked { look, moves })
            })
        }
    }
}

/// One call that asks for many tokens whose they are.
pub(crate) async fn whose(
    door: Door,
    event: EventId,
    tokens: Vec<PlaceId>,
) -> Result<Vec<Option<Holder>>, StoreError> {
    tags!(Outcome { Answers = "answers", NoSuchEvent = "no-such-event" });
    let keys = Keys::of(&event);
    let mut reply = WHOSE
        .keys([keys.event(), keys.users()])
        .arg(texts(&tokens))
        .run(&door)
        .await?;
    match reply.tag()? {
        Outcome::NoSuchEvent => Ok(vec![None; tokens.len()]),
        Outcome::Answers => reply.each_with(&tokens, |_, mut answer| {
            let user: String = answer.take()?;
            (!user.is_empty()).then(|| parsed(&user)).transpose()
        }),
    }
}

impl Store {
    /// Enters the line; gathered with other enters of the event into one script call.
    pub async fn enter(&self, event: &EventId, place: &PlaceId) -> Result<Entered, StoreError> {
        self.batches.enter.ask(event, place.clone().into()).await
    }

    /// Enters the line as `user`, whose place is [`PlaceId::of_user`] whatever token they bring; `token` is the id of the place
    /// token that is theirs from then on. Gathered like [`Self::enter`].
    pub async fn enter_as(
        &self,
        event: &EventId,
        user: Holder,
        token: PlaceId,
    ) -> Result<Entered, StoreError> {
        let entrant = Entrant {
            place: PlaceId::of_user(event, &user),
            user: Some((token, user)),
        };
        self.batches.enter.ask(event, entrant).await
    }

    /// The user who came with the place token of this id, by an entry token; gathered like [`Self::enter`].
    pub async fn whose(
        &self,
        event: &EventId,
        token: PlaceId,
    ) -> Result<Option<Holder>, StoreError> {
        self.batches.whose.ask(event, token).await
    }

    /// The same for a connection; gathered like [`Self::look_to_watch`].
    pub async fn whose_to_watch(
        &self,
        event: &EventId,
        token: PlaceId,
    ) -> Result<Option<Holder>, StoreError> {
        self.batches.watchers.ask(event, token).await
    }

    /// Looks at a place; gathered like [`Self::enter`]. A redeemed place gives its issue, an admitted one its ticket.
    pub async fn look(&self, event: &EventId, place: &PlaceId) -> Result<Look, StoreError> {
        self.look_to_show(event, place)
            .await
            .map(|looked| looked.look)
    }

    /// The same, with how far the line's moves had come: for somebody who is shown a position.
    pub async fn look_to_show(
        &self,
        event: &EventId,
        place: &PlaceId,
    ) -> Result<Looked, StoreError> {
        self.batches.look.ask(event, place.clone()).await
    }

    /// The same for a connection that watches a place: a crowd that comes back is gathered into few calls, for which each may wait
    /// a moment.
    pub async fn look_to_watch(
        &self,
        event: &EventId,
        place: &PlaceId,
    ) -> Result<Looked, StoreError> {
        self.batches.watch.ask(event, place.clone()).await
    }

    /// Leaves the line: gives up a waiting place or a ticket not yet redeemed. Leaving twice, or after the coupon, changes nothing.
    /// Returns what is known of the place afterwards.
    pub async fn leave(&self, event: &EventId, place: &PlaceId) -> Result<Look, StoreError> {
        tags!(Outcome { Answer = "answer", NoSuchEvent = "no-such-event" });
        let keys = Keys::of(event);
        let mut reply = LEAVE
            .keys([
                keys.event(),
                keys.counts(),
                keys.places(),
                keys.seq(),
                keys.admitted(),
                keys.tickets(),
                keys.gone(),
                keys.issued(),
                keys.outstanding(),
                keys.unminted(),
                keys.moves(),
                keys.passed(),
                keys.grace(),
                keys.seen(),
                keys.draw(),
                keys.withdrawn(),
                keys.outbox(),
                keys.users(),
            ])
            .arg(place.as_str())
            .arg(self.door.outbox_max())
            .run(&self.door)
            .await?;
        match reply.tag()? {
            Outcome::NoSuchEvent => Ok(Look::NoSuchEvent),
            Outcome::Answer => Ok(known(state(event, reply.list()?)?)),
        }
    }
}
