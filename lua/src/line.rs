//! The line: entering, looking, leaving, and reading the whole of it.

use domain::place::PlaceState;
use domain::{EventId, PlaceId, Seq};
use redis::aio::ConnectionManager;

use crate::batch::Batch;
use crate::connect::{Settings, Store, StoreError};
use crate::keys::Keys;
use crate::places::{known, state};
use crate::script::{script, tags};

script!(ENTER = "enter", "bulk", "places");
script!(LOOK = "look", "places");
script!(WAITING = "waiting");
script!(LEAVE = "leave", "clock", "moves", "places");

/// What became of entering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    /// A new place at the back (also for a token whose earlier place is gone).
    New(Seq),
    /// The token has a place already.
    Held(PlaceState),
    /// There is no such event.
    NoSuchEvent,
    /// The event is a direct one: its coupons are claimed without a line.
    NoLine,
    /// The event is a draft.
    NotOpenYet,
    /// No coupon is left and the line does not wait for returns.
    SoldOut,
    /// The event is draining.
    LineClosed,
    /// The event is over.
    EventClosed,
}

/// What the store knows of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// It is known.
    Known(PlaceState),
    /// Nobody ever entered with this token.
    NoPlace,
    /// There is no such event.
    NoSuchEvent,
}

/// A piece of the line, for loading a mirror of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The ordinals of people waiting, ascending.
    pub seqs: Vec<Seq>,
    /// Where to read on; `None` at the end.
    pub next: Option<Seq>,
}

/// Enters under way.
pub(crate) type EnterBatch = Batch<PlaceId, Entered>;
/// Looks under way.
pub(crate) type LookBatch = Batch<PlaceId, Look>;

/// Gathers enters.
pub(crate) fn enter_batch(connection: &ConnectionManager, settings: &Settings) -> EnterBatch {
    let connection = connection.clone();
    let run = move |event, places| {
        let connection = connection.clone();
        Box::pin(async move { enter(&connection, &event, places).await }) as _
    };
    Batch::new(settings.patience(), Box::new(run))
}

/// Gathers looks.
pub(crate) fn look_batch(connection: &ConnectionManager, settings: &Settings) -> LookBatch {
    let connection = connection.clone();
    let run = move |event, places| {
        let connection = connection.clone();
        Box::pin(async move { look(&connection, &event, places).await }) as _
    };
    Batch::new(settings.patience(), Box::new(run))
}

/// The places as the script wants them.
fn texts(places: &[PlaceId]) -> Vec<&str> {
    places.iter().map(PlaceId::as_str).collect()
}

/// One call that enters many.
pub(crate) async fn enter(
    connection: &ConnectionManager,
    event: &EventId,
    places: Vec<PlaceId>,
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
    let keys = Keys::of(event);
    let mut reply = ENTER
        .keys([
            keys.event(),
            keys.stock(),
            keys.places(),
            keys.seq(),
            keys.admitted(),
            keys.tickets(),
            keys.gone(),
            keys.issued(),
        ])
        .arg(texts(&places))
        .run(connection)
        .await?;
    mishaps::cross("enter.answered")?;
    match reply.tag()? {
        Outcome::NoSuchEvent => Ok(vec![Entered::NoSuchEvent; places.len()]),
        Outcome::Answers => reply.each_with(&places, |place, mut answer| {
            Ok(match answer.tag()? {
                Answer::New => Entered::New(Seq(answer.take()?)),
                Answer::Held => match state(event, place, answer)? {
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

/// One call that looks at many.
pub(crate) async fn look(
    connection: &ConnectionManager,
    event: &EventId,
    places: Vec<PlaceId>,
) -> Result<Vec<Look>, StoreError> {
    tags!(Outcome { Answers = "answers", NoSuchEvent = "no-such-event" });
    let keys = Keys::of(event);
    let mut reply = LOOK
        .keys([
            keys.event(),
            keys.places(),
            keys.admitted(),
            keys.tickets(),
            keys.gone(),
            keys.issued(),
        ])
        .arg(texts(&places))
        .run(connection)
        .await?;
    match reply.tag()? {
        Outcome::NoSuchEvent => Ok(vec![Look::NoSuchEvent; places.len()]),
        Outcome::Answers => reply.each_with(&places, |place, answer| {
            Ok(known(state(event, place, answer)?))
        }),
    }
}

impl Store {
    /// Enters the line; gathered with other enters of the event into one script call.
    pub async fn enter(&self, event: &EventId, place: &PlaceId) -> Result<Entered, StoreError> {
        self.batches.enter.ask(event, place.clone()).await
    }

    /// Looks at a place; gathered like [`Self::enter`]. A redeemed place gives its issue, an admitted one its ticket.
    pub async fn look(&self, event: &EventId, place: &PlaceId) -> Result<Look, StoreError> {
        self.batches.look.ask(event, place.clone()).await
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
            ])
            .arg(place.as_str())
            .run(&self.connection)
            .await?;
        match reply.tag()? {
            Outcome::NoSuchEvent => Ok(Look::NoSuchEvent),
            Outcome::Answer => Ok(known(state(event, place, reply.list()?)?)),
        }
    }

    /// The people waiting with an ordinal above `after`, at most `limit` of them; nobody once the line has ended.
    pub async fn waiting(
        &self,
        event: &EventId,
        after: Seq,
        limit: usize,
    ) -> Result<Waiting, StoreError> {
        tags!(Outcome {
            Waiting = "waiting"
        });
        let keys = Keys::of(event);
        let mut reply = WAITING
            .keys([keys.event(), keys.places()])
            .arg(after.0)
            .arg(limit)
            .run(&self.connection)
            .await?;
        match reply.tag()? {
            Outcome::Waiting => {
                let seqs: Vec<Seq> = reply.rest()?.into_iter().map(Seq).collect();
                let next = seqs.last().copied().filter(|_| seqs.len() == limit);
                Ok(Waiting { seqs, next })
            }
        }
    }

    /// The tickets of these places, in their order; `None` where there is none (any more).
    pub async fn tickets(
        &self,
        event: &EventId,
        places: &[PlaceId],
    ) -> Result<Vec<Option<String>>, StoreError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        Ok(redis::cmd("HMGET")
            .arg(Keys::of(event).tickets())
            .arg(texts(places))
            .query_async(&mut self.connection.clone())
            .await?)
    }
}
