//! Looking at the codes of a book: at all of them bit by bit, or at some of them at one moment.

use domain::EventId;
use domain::book::{Coupon, Rules};

use super::LOOK_AT_CODES;
use super::stored::coupon;
use crate::connect::{Store, StoreError};
use crate::door::Door;
use crate::keys::Keys;
use crate::script::{Reply, tags};

/// How many codes one step of a walk looks at.
const SCANNED_AT_ONCE: usize = 1_000;

/// A book and some of its codes at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookLook {
    /// Its rules; none when there is no such book.
    pub rules: Option<Rules>,
    /// The ordinal of the last record of the event of this id.
    pub ordinal: u64,
    /// How many codes it has.
    pub count: u64,
    /// The codes that were asked for, in that order.
    pub codes: Vec<LookedCode>,
}

/// How a code stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedCode {
    /// Is it among those that nobody has?
    pub is_free: bool,
    /// The coupon, when it is among the others. No step leaves a code among both.
    pub coupon: Option<Coupon>,
}

/// Walks over all codes of a book.
pub struct BookScan {
    connection: Door,
    book: EventId,
    at: At,
}

/// Where a walk goes on.
#[derive(Clone, Copy)]
enum At {
    Free(u64),
    Assigned(u64),
    End,
}

impl Store {
    /// How some codes of a book stand, at most a thousand or so, all of them at one moment.
    pub async fn look_at_codes(
        &self,
        book: &EventId,
        codes: &[String],
    ) -> Result<BookLook, StoreError> {
        tags!(Outcome { Looked = "looked", NoSuchBook = "no-such-book" });
        let keys = Keys::of(book);
        let mut reply = LOOK_AT_CODES
            .keys([keys.counts(), keys.book(), keys.free(), keys.assigned()])
            .arg(codes)
            .run(&self.door)
            .await?;
        let outcome = reply.tag()?;
        let (ordinal, count) = (reply.take()?, reply.take()?);
        let rules: String = reply.take()?;
        let rules = match outcome {
            Outcome::NoSuchBook => None,
            Outcome::Looked => Some(
                serde_json::from_str(&rules)
                    .map_err(|error| StoreError::Unexpected(error.to_string()))?,
            ),
        };
        Ok(BookLook {
            rules,
            ordinal,
            count,
            codes: codes
                .iter()
                .map(|_| looked(&mut reply))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Begins a walk over all codes of a book: those that nobody has, then the others.
    #[must_use]
    pub fn book_codes(&self, book: &EventId) -> BookScan {
        BookScan {
            connection: self.connection(),
            book: book.clone(),
            at: At::Free(0),
        }
    }
}

fn looked(reply: &mut Reply) -> Result<LookedCode, StoreError> {
    let is_free = reply.take()?;
    let stored: String = reply.take()?;
    let coupon = (!stored.is_empty()).then(|| coupon(&stored)).transpose()?;
    Ok(LookedCode { is_free, coupon })
}

impl BookScan {
    /// The next codes, each with its coupon unless nobody has it; `None` at the end. Some may come twice; of those that made a
    /// step meanwhile, some may come both ways or not at all.
    pub async fn next(&mut self) -> Result<Option<Vec<(String, Option<Coupon>)>>, StoreError> {
        let keys = Keys::of(&self.book);
        match self.at {
            At::End => Ok(None),
            At::Free(cursor) => {
                let (cursor, codes): (u64, Vec<String>) = scan("SSCAN", &keys.free(), cursor)
                    .query_async(&mut self.connection)
                    .await?;
                self.at = match cursor {
                    0 => At::Assigned(0),
                    more => At::Free(more),
                };
                Ok(Some(codes.into_iter().map(|code| (code, None)).collect()))
            }
            At::Assigned(cursor) => {
                let (cursor, held): (u64, Vec<(String, String)>) =
                    scan("HSCAN", &keys.assigned(), cursor)
                        .query_async(&mut self.connection)
                        .await?;
                self.at = match cursor {
                    0 => At::End,
                    more => At::Assigned(more),
                };
                let held = held.into_iter();
                held.map(|(code, stored)| Ok((code, Some(coupon(&stored)?))))
                    .collect::<Result<_, _>>()
                    .map(Some)
            }
        }
    }
}

fn scan(command: &str, key: &str, cursor: u64) -> redis::Cmd {
    let mut command = redis::cmd(command);
    command
        .arg(key)
        .arg(cursor)
        .arg("COUNT")
        .arg(SCANNED_AT_ONCE);
    command
}
