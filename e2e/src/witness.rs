//! People who come to an event whose servers fail under them: they ask until they know, through any door, and note every
//! question and answer in a history.

use std::time::Duration;

use anyhow::{Context as _, Result};
use client::{ApiError, Frame, GoneReason, PlaceToken, Redemption, Visitor};
use futures_util::StreamExt as _;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::chance::Chance;
use crate::forge::Parts;
use crate::history::{Answer, Asked, Book, Ms, Said, now};
use crate::people::{new_token, place_id};
use crate::trial::Moment;

/// Between two attempts after a failure.
const PAUSE: Duration = Duration::from_millis(100);
/// The place is not there: the name of the problem, and what a socket's close with 4404 says.
const NO_PLACE: &str = "no-place";
/// A ticket that ended, or whose admission is not the one in force.
const OVER: &str = "ticket-expired";
/// How long a silent socket is listened to before it is opened anew.
const SILENCE: Duration = Duration::from_secs(15);

/// Somebody who comes.
pub struct Witness {
    doors: Vec<Visitor>,
    event: String,
    book: Book,
    chance: Chance,
    /// How far the trial is.
    over: watch::Receiver<Moment>,
    token: PlaceToken,
    who: String,
}

/// One process's public door.
struct Door {
    nth: usize,
    visitor: Visitor,
}

/// What waiting ended in.
enum Turn {
    Ticket(String),
    /// There is nothing to wait for, or the trial is over.
    Nothing,
}

impl Witness {
    /// Somebody new, who asks at `doors` and notes in `book`.
    pub fn new(
        doors: Vec<Visitor>,
        event: &str,
        book: Book,
        chance: Chance,
        over: watch::Receiver<Moment>,
    ) -> Result<Self> {
        let token = new_token()?;
        Ok(Self {
            doors,
            event: event.to_owned(),
            book,
            chance,
            over,
            who: place_id(&token),
            token,
        })
    }

    /// Enters, waits, redeems. Whose ticket is refused as over looks at their place again: a store that was put back may have
    /// forgotten the admission and given another.
    pub async fn visit(mut self) -> Result<()> {
        if !self.enter().await {
            return Ok(());
        }
        let mut refused = None;
        while let Turn::Ticket(ticket) = self.wait().await? {
            if refused.as_ref() == Some(&ticket) || !self.redeem(&ticket).await {
                break;
            }
            refused = Some(ticket);
        }
        Ok(())
    }

    fn door(&mut self) -> Door {
        let nth = self.chance.below(self.doors.len() as u64);
        let nth = usize::try_from(nth).unwrap_or_default();
        Door {
            nth,
            visitor: self.doors[nth].clone(),
        }
    }

    fn is_over(&self) -> bool {
        *self.over.borrow() == Moment::Over
    }

    /// True once in line.
    async fn enter(&mut self) -> bool {
        loop {
            let (asked_at, door) = (now(), self.door());
            let entered = door.visitor.enter(&self.event, Some(&self.token)).await;
            let answer = match &entered {
                Ok(entered) => Answer::Stands {
                    position: entered.place.position,
                    waiting: entered.place.waiting,
                },
                Err(error) => refusal(error),
            };
            let (known, in_line) = (answer != Answer::Unknown, entered.is_ok());
            self.note(&door, Asked::Enter, asked_at, answer);
            if known || self.is_over() {
                return in_line;
            }
            sleep(PAUSE).await;
        }
    }

    /// Watches the place through one socket after the other. A place that is not there any more is taken anew, at the back.
    async fn wait(&mut self) -> Result<Turn> {
        loop {
            let (asked_at, door) = (now(), self.door());
            match self.watch(&door, asked_at).await {
                Ok(turn) => return Ok(turn),
                Err(error) => {
                    let answer = refusal(&error);
                    let known = answer != Answer::Unknown;
                    let no_place = answer == Answer::Refused(NO_PLACE.to_owned());
                    self.note(&door, Asked::Watch, asked_at, answer);
                    let again = no_place && self.enter().await;
                    if self.is_over() || known && !again {
                        return Ok(Turn::Nothing);
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn watch(&mut self, door: &Door, asked_at: Ms) -> Result<Turn, ApiError> {
        let mut live = door.visitor.live(&self.event, &self.token).await?;
        let mut over = self.over.clone();
        let silence = || ApiError::Unreachable("nothing is heard".to_owned());
        loop {
            let frame = tokio::select! {
                heard = timeout(SILENCE, live.next()) => {
                    heard.map_err(|_| silence())?.ok_or_else(silence)??
                }
                _ = over.wait_for(|over| *over == Moment::Over) => return Ok(Turn::Nothing),
            };
            match frame {
                Frame::Position {
                    position, waiting, ..
                } => self.note(
                    door,
                    Asked::Watch,
                    asked_at,
                    Answer::Stands { position, waiting },
                ),
                Frame::Ticket {
                    ticket, expires_at, ..
                } => {
                    let seq =
                        seq(&ticket).map_err(|wrong| ApiError::NotUnderstood(wrong.to_string()))?;
                    let expires_at = expires_at.unix_ms();
                    self.note(
                        door,
                        Asked::Watch,
                        asked_at,
                        Answer::Ticket { seq, expires_at },
                    );
                    live.close().await;
                    return Ok(Turn::Ticket(ticket));
                }
                Frame::Gone { reason } => {
                    let answer = match reason {
                        GoneReason::SoldOut => Answer::SoldOut,
                        other => Answer::Refused(other.to_string()),
                    };
                    self.note(door, Asked::Watch, asked_at, answer);
                    return Ok(Turn::Nothing);
                }
                Frame::Event { .. } | Frame::Bye { .. } => {}
            }
        }
    }

    /// Asks until the fate of the ticket is known, now and then in two tabs at once, and sometimes once more. True when the
    /// ticket is over.
    async fn redeem(&mut self, ticket: &str) -> bool {
        let is_over = loop {
            let (one, other) = (self.door(), self.door());
            let answers = if self.chance.once_in(4) {
                let asked =
                    tokio::join!(self.redeem_at(&one, ticket), self.redeem_at(&other, ticket));
                vec![asked.0, asked.1]
            } else {
                vec![self.redeem_at(&one, ticket).await]
            };
            if answers.iter().all(is_fate) {
                break answers.contains(&Answer::Refused(OVER.to_owned()));
            }
            sleep(PAUSE).await;
        };
        while self.chance.once_in(3) {
            sleep(10 * PAUSE).await;
            let door = self.door();
            self.redeem_at(&door, ticket).await;
            let asked_at = now();
            let result = door.visitor.redemption(&self.event, &self.token).await;
            // Nothing found is nothing learnt: the redeem itself tells.
            if let Some(result) = result.transpose() {
                self.note(&door, Asked::Result, asked_at, fate(&result));
            }
        }
        is_over
    }

    async fn redeem_at(&self, door: &Door, ticket: &str) -> Answer {
        let asked_at = now();
        let answer = fate(&door.visitor.redeem(&self.event, ticket, &self.token).await);
        self.note(door, Asked::Redeem, asked_at, answer.clone());
        answer
    }

    fn note(&self, door: &Door, asked: Asked, asked_at: Ms, answer: Answer) {
        self.book.note(Said {
            who: self.who.clone(),
            door: door.nth,
            asked,
            asked_at,
            heard_at: now(),
            answer,
        });
    }
}

fn seq(ticket: &str) -> Result<u64> {
    Parts::of(ticket)?.claims["seq"]
        .as_u64()
        .context("a ticket without seq")
}

/// Is it a pass or a refusal, and not a question still open?
fn is_fate(answer: &Answer) -> bool {
    !matches!(answer, Answer::Unknown | Answer::Pending)
}

fn fate(redeemed: &Result<Redemption, ApiError>) -> Answer {
    match redeemed {
        Ok(Redemption::Pass(pass)) => Answer::Pass {
            code: pass.coupon.code.clone(),
            serial: pass.coupon.serial,
            record_id: pass.record_id.clone(),
        },
        Ok(Redemption::Pending { .. }) => Answer::Pending,
        Ok(Redemption::Fail(problem)) if problem.name == "sold-out" => Answer::SoldOut,
        Ok(Redemption::Fail(problem)) if problem.name == "already-issued" => Answer::AlreadyIssued,
        Ok(Redemption::Fail(problem)) => Answer::Refused(problem.name.clone()),
        Err(error) => refusal(error),
    }
}

/// What a failed call tells: a definite refusal, or nothing.
fn refusal(error: &ApiError) -> Answer {
    if let ApiError::Closed { code: 4404, .. } = error {
        return Answer::Refused(NO_PLACE.to_owned());
    }
    match error.problem() {
        Some(problem) if problem.status >= 500 || problem.status == 429 => Answer::Unknown,
        Some(problem) if problem.name == "sold-out" => Answer::SoldOut,
        Some(problem) => Answer::Refused(problem.name.clone()),
        None => Answer::Unknown,
    }
}
