//! One person: enters, watches the place move, redeems when the turn comes, and comes back when told to or when a
//! connection is lost, as a page in a browser would.

mod watch;

use std::sync::Arc;
use std::time::Duration;

use chassis::system::SystemRandom;
use client::{ApiError, PlaceToken, Redemption, Visitor};
use domain::Random as _;
use domain::eta::Eta;
use tokio::time::{Instant, sleep};

use super::crowd::Crowd;
use super::street::House;
use super::tally::now_ms;

/// Lost connections in a row after which a person goes home.
const MOST_LOST: u32 = 10;

/// What somebody means to do.
#[derive(Clone, Copy, Debug)]
pub enum Intent {
    /// Wait and redeem.
    Redeem,
    /// Wait, and give the ticket back after thinking it over.
    GiveBack(Duration),
    /// Leave the line after a while, unless the turn comes first.
    Leave(Duration),
    /// Go away without a word after a while, unless the turn comes first, and come back after another, or never.
    Away(Duration, Option<Duration>),
}

/// Somebody.
#[derive(Debug)]
pub struct Person {
    crowd: Arc<Crowd>,
    house: House,
    token: PlaceToken,
    intent: Intent,
    /// Since when the connection is open, in milliseconds since 1970.
    since_ms: i64,
    /// When the ticket was heard of.
    heard_ms: i64,
    position: Option<u64>,
    /// The time left that was shown first, and when.
    promised: Option<(Eta, Instant)>,
    arrived: Instant,
    handed_in_ms: Option<i64>,
    /// Were they away for a while? Then a ticket may have come meanwhile, and ended.
    was_away: bool,
    lost: u32,
}

/// What somebody does next.
#[derive(Debug)]
enum Step {
    Enter,
    Watch,
    Redeem(String),
    GoHome,
}

impl Person {
    /// Somebody new who lives in `house`.
    pub fn new(crowd: &Arc<Crowd>, house: &House, intent: Intent) -> Self {
        let token = domain::PlaceToken::generate(&SystemRandom);
        Self {
            crowd: crowd.clone(),
            house: house.clone(),
            token: PlaceToken::new(token.reveal()),
            intent,
            since_ms: 0,
            heard_ms: 0,
            position: None,
            promised: None,
            arrived: Instant::now(),
            handed_in_ms: None,
            was_away: false,
            lost: 0,
        }
    }

    /// The whole visit, from entering to knowing one's fate.
    pub async fn visit(mut self) {
        self.arrived = Instant::now();
        let mut step = Step::Enter;
        loop {
            // Boxed, because most people spend most of their time watching and should not hold the room of a call.
            let tried = match &step {
                Step::Enter => Box::pin(self.enter()).await,
                Step::Watch => self.watch().await,
                Step::Redeem(ticket) => Box::pin(self.redeem(ticket.clone())).await,
                Step::GoHome => return,
            };
            step = match tried {
                Ok(next) => {
                    self.lost = 0;
                    next
                }
                Err(error) => Box::pin(self.after(error, step)).await,
            };
        }
    }

    /// Gives the place up, whatever has become of it.
    pub async fn give_up(visitor: &Visitor, event: &str, token: &PlaceToken) {
        // Best effort: somebody who cannot be heard any more is absent and will be passed over.
        let _ = visitor.leave(event, token).await;
    }

    /// The visitor and the token, to give the place up from elsewhere.
    pub fn credentials(&self) -> (Visitor, PlaceToken) {
        (self.house.line.clone(), self.token.clone())
    }

    async fn enter(&mut self) -> Result<Step, ApiError> {
        let _turn = self.crowd.calls.acquire().await;
        match self
            .house
            .line
            .enter(&self.crowd.event, Some(&self.token))
            .await
        {
            Ok(_) => {
                self.crowd.tally.entered();
                Ok(Step::Watch)
            }
            Err(ApiError::Problem(problem)) if problem.status == 409 || problem.status == 410 => {
                self.crowd.tally.turned_away(&problem.name);
                Ok(Step::GoHome)
            }
            Err(error) => Err(error),
        }
    }

    async fn redeem(&mut self, ticket: String) -> Result<Step, ApiError> {
        if let Intent::GiveBack(after) = self.intent {
            sleep(after).await;
            let _turn = self.crowd.calls.acquire().await;
            Self::give_up(&self.house.line, &self.crowd.event, &self.token).await;
            return Ok(Step::GoHome);
        }
        let _turn = self.crowd.calls.acquire().await;
        let handed_in_ms = *self.handed_in_ms.get_or_insert_with(now_ms);
        let tally = &self.crowd.tally;
        match self
            .house
            .tickets
            .redeem(&self.crowd.event, &ticket, &self.token)
            .await
        {
            Ok(Redemption::Pass(pass)) => tally.pass(pass.coupon.code, handed_in_ms),
            Ok(Redemption::Fail(problem)) => tally.fail(&problem.name),
            Ok(Redemption::Pending { .. }) => {
                tally.come_back("pending");
                return Ok(Step::Redeem(ticket));
            }
            Err(error) if error.is("event-closed") => tally.fail("event-closed"),
            // They hear over the line that they missed their turn.
            Err(error) if error.is("ticket-expired") && self.was_away => return Ok(Step::Watch),
            Err(error) => return Err(error),
        }
        tally.answered(self.heard_ms);
        Ok(Step::GoHome)
    }

    /// What to do after something went wrong in `step`: wait and do it again, or go home.
    async fn after(&mut self, error: ApiError, step: Step) -> Step {
        let tally = &self.crowd.tally;
        let doing = step.name();
        let wait = match error {
            ApiError::Problem(problem) if matches!(problem.status, 429 | 503) => {
                tally.come_back(&problem.name);
                problem.retry_after.unwrap_or(Duration::from_secs(1))
            }
            ApiError::Problem(problem) => {
                tally.error(&format!("{doing}: {}", problem.name));
                return Step::GoHome;
            }
            ApiError::Closed { code: 1012, .. } => {
                tally.come_back("restart");
                Duration::from_millis(500)
            }
            ApiError::Closed { code, reason } if code >= 4_000 => {
                tally.error(&format!("{doing}: closed with {code} {reason}"));
                return Step::GoHome;
            }
            ApiError::Unreachable(_) | ApiError::Closed { .. } => {
                tally.error(&format!("{doing}: connection lost"));
                self.lost += 1;
                if self.lost > MOST_LOST {
                    return Step::GoHome;
                }
                Duration::from_millis(100) * 2_u32.pow(self.lost.min(6))
            }
            ApiError::NotUnderstood(what) | ApiError::BadUrl(what) => {
                tally.error(&format!("{doing}: {what}"));
                return Step::GoHome;
            }
        };
        sleep(wait + wait * SystemRandom.below(256) / 1_024).await;
        step
    }
}

impl Step {
    fn name(&self) -> &'static str {
        match self {
            Self::Enter => "enter",
            Self::Watch => "watch",
            Self::Redeem(_) => "redeem",
            Self::GoHome => "go home",
        }
    }
}
