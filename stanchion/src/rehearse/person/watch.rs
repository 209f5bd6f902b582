//! Standing in line: what is heard over the socket, and going away from it.

use std::time::Duration;

use client::{ApiError, Frame, Live, Phase};
use domain::eta::Eta;
use domain::ticket::Claims;
use futures_util::StreamExt as _;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Intent, Person, Step};
use crate::rehearse::tally::now_ms;

impl Person {
    pub(super) async fn watch(&mut self) -> Result<Step, ApiError> {
        let mut live = Box::pin(self.open()).await?;
        self.since_ms = now_ms();
        let until = match self.intent {
            Intent::Redeem | Intent::GiveBack(_) => None,
            Intent::Leave(after) | Intent::Away(after, _) => Some(self.arrived + after),
        };
        let Some(until) = until else {
            let step = self.listen(&mut live).await;
            live.close().await;
            return step;
        };
        let step = tokio::select! {
            step = self.listen(&mut live) => Some(step),
            () = sleep_until(until) => None,
        };
        match step {
            Some(step) => {
                live.close().await;
                step
            }
            None => self.go_away(live).await,
        }
    }

    async fn open(&self) -> Result<Live, ApiError> {
        let _turn = self.crowd.calls.acquire().await;
        let live = self.house.line.live(&self.crowd.event, &self.token);
        live.await
    }

    /// The moment came to leave, or to be away.
    async fn go_away(&mut self, mut live: Live) -> Result<Step, ApiError> {
        let intent = std::mem::replace(&mut self.intent, Intent::Redeem);
        let Intent::Away(_, away) = intent else {
            let left = live.leave().await;
            live.close().await;
            self.crowd.tally.left();
            return left.map(|()| Step::GoHome);
        };
        drop(live);
        let Some(away) = away else {
            self.crowd.tally.stayed_away();
            return Ok(Step::GoHome);
        };
        // Whoever was away has made the wait longer than was promised.
        self.promised = None;
        self.was_away = true;
        sleep(away).await;
        self.crowd.tally.moved();
        Ok(Step::Watch)
    }

    /// Listens until something has to be done.
    async fn listen(&mut self, live: &mut Live) -> Result<Step, ApiError> {
        while let Some(frame) = live.next().await {
            let frame = frame?;
            self.crowd.tally.push();
            match frame {
                Frame::Position {
                    position,
                    rate_per_s,
                    eta_s,
                    ..
                } => {
                    self.crowd.tally.rate(rate_per_s);
                    if let (None, Some(client::Eta { low, high })) = (self.promised, eta_s) {
                        self.promised = Some((Eta { low, high }, Instant::now()));
                    }
                    self.moved_to(position);
                }
                Frame::Ticket {
                    ticket, expires_at, ..
                } => return self.let_in(ticket, expires_at.unix_ms()),
                Frame::Event {
                    sold_out, phase, ..
                } => {
                    if phase != Phase::Lobby {
                        self.crowd.tally.opens();
                    }
                    if sold_out && self.crowd.line_stays {
                        self.crowd.tally.told("sold-out", self.since_ms);
                        return live.leave().await.map(|()| Step::GoHome);
                    }
                }
                Frame::Gone { reason } => {
                    self.crowd.tally.told(&reason.to_string(), self.since_ms);
                    return Ok(Step::GoHome);
                }
                Frame::Bye { retry_after_ms } => {
                    self.crowd.tally.come_back("bye");
                    sleep(Duration::from_millis(retry_after_ms)).await;
                    return Ok(Step::Watch);
                }
            }
        }
        Err(ApiError::Closed {
            code: 1000,
            reason: String::new(),
        })
    }

    /// The turn came.
    fn let_in(&mut self, ticket: String, ends_ms: i64) -> Result<Step, ApiError> {
        let claims = Claims::unproven(&ticket)
            .map_err(|malformed| ApiError::NotUnderstood(malformed.to_string()))?;
        let tally = &self.crowd.tally;
        self.heard_ms = tally.ticket(self.arrived.elapsed(), &claims, ends_ms, self.since_ms);
        if let Some((promised, since)) = self.promised.take() {
            tally.promised(promised, since.elapsed());
        }
        Ok(Step::Redeem(ticket))
    }

    /// Notes a shown position; it must never rise.
    fn moved_to(&mut self, position: Option<u64>) {
        let Some(position) = position else { return };
        match self.position {
            Some(before) if before < position => self.crowd.tally.error("a position rose"),
            Some(before) if before == position => return,
            _ => self.crowd.tally.moved(),
        }
        self.position = Some(position);
    }
}
