//! People who come to an event: each enters, watches the place, redeems the ticket and tells the story.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use client::{
    ApiError, Frame, GoneReason, Live, Moment, Pass, PlaceToken, Problem, Redemption, Visitor,
};
use futures_util::StreamExt as _;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::PATIENCE;
use crate::forge::Parts;

/// What one person lived through.
#[derive(Debug)]
pub struct Story {
    /// Their secret.
    pub token: PlaceToken,
    /// Every position they were shown, in order.
    pub positions: Vec<u64>,
    /// Their ticket, if their turn came.
    pub ticket: Option<String>,
    /// When it ends: a fixed time after the admission.
    pub expires_at: Option<Moment>,
    /// How it ended.
    pub end: End,
}

/// How a visit ends.
#[derive(Debug)]
pub enum End {
    /// With a coupon.
    Pass(Pass),
    /// With a ticket that gave none.
    Fail(Problem),
    /// Told that there is nothing to wait for.
    Gone(GoneReason),
    /// Not let into the line.
    TurnedAway(Problem),
}

impl Story {
    /// The pass, if there is one.
    #[must_use]
    pub fn pass(&self) -> Option<&Pass> {
        match &self.end {
            End::Pass(pass) => Some(pass),
            _ => None,
        }
    }
}

/// A token nobody else has.
pub fn new_token() -> Result<PlaceToken> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).context("no random numbers")?;
    let text = URL_SAFE_NO_PAD.encode(bytes);
    Ok(PlaceToken::new(text))
}

/// The public id of the place that a token proves: base64url of the first 16 bytes of its SHA-256.
#[must_use]
pub fn place_id(token: &PlaceToken) -> String {
    let digest = digest(&SHA256, token.reveal().as_bytes());
    URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
}

/// How somebody takes a server that is not there for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temper {
    /// Asks again only when the server says so (503): how busy the machine is proves nothing. Any other failure is an error.
    Strict,
    /// Comes back until it works, also when nobody answers.
    Steadfast,
}

/// A whole visit, from entering to knowing one's fate.
pub async fn visit(visitor: &Visitor, event: &str, temper: Temper) -> Result<Story> {
    let token = new_token()?;
    let mut story = Story {
        token: token.clone(),
        positions: Vec::new(),
        ticket: None,
        expires_at: None,
        end: End::Gone(GoneReason::Left),
    };
    let entered = loop {
        match visitor.enter(event, Some(&token)).await {
            Err(error) if temper.bears(&error).await => {}
            entered => break entered,
        }
    };
    if let Err(error) = entered {
        let refused = error.problem().filter(|p| matches!(p.status, 409 | 410));
        story.end = End::TurnedAway(refused.cloned().ok_or(error).context("enter")?);
        return Ok(story);
    }
    let turn = loop {
        match watch(visitor, event, &token, &mut story.positions).await {
            Err(error) if temper.bears(&error).await => {}
            turn => break turn.context("watch")?,
        }
    };
    let (ticket, expires_at) = match turn {
        Turn::Ticket { ticket, expires_at } => (ticket, expires_at),
        Turn::Gone(reason) => {
            story.end = End::Gone(reason);
            return Ok(story);
        }
    };
    let redeemed = loop {
        match visitor.redeem(event, &ticket, &token).await {
            Err(error) if temper.bears(&error).await => {}
            redeemed => break redeemed.context("redeem")?,
        }
    };
    story.end = match redeemed {
        Redemption::Pass(pass) => End::Pass(pass),
        Redemption::Fail(problem) => End::Fail(problem),
        Redemption::Pending { record_id } => bail!("{record_id} is still pending"),
    };
    story.ticket = Some(ticket);
    story.expires_at = Some(expires_at);
    Ok(story)
}

impl Temper {
    /// Waits a moment if this is something to come back after.
    async fn bears(self, error: &ApiError) -> bool {
        let bears = match error {
            ApiError::Unreachable(_) | ApiError::Closed { code: 1012, .. } => {
                self == Self::Steadfast
            }
            ApiError::Problem(problem) => problem.status == 503,
            _ => false,
        };
        if bears {
            sleep(Duration::from_millis(50)).await;
        }
        bears
    }
}

/// What watching ends in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The person's turn came.
    Ticket {
        /// What to redeem.
        ticket: String,
        /// When it ends.
        expires_at: Moment,
    },
    /// There is nothing to wait for.
    Gone(GoneReason),
}

/// Watches a place until its turn comes or it is gone; notes the positions shown.
pub async fn watch(
    visitor: &Visitor,
    event: &str,
    token: &PlaceToken,
    positions: &mut Vec<u64>,
) -> Result<Turn, ApiError> {
    let mut live = visitor.live(event, token).await?;
    let turn = listen(&mut live, positions).await?;
    live.close().await;
    Ok(turn)
}

/// Listens to an open socket until the place's turn comes or it is gone.
pub async fn listen(live: &mut Live, positions: &mut Vec<u64>) -> Result<Turn, ApiError> {
    let silence = || ApiError::NotUnderstood("nothing is heard".to_owned());
    loop {
        let heard = timeout(2 * PATIENCE, live.next()).await;
        let frame = heard.map_err(|_| silence())?.ok_or_else(silence)??;
        match frame {
            Frame::Position { position, .. } => positions.extend(position),
            Frame::Ticket {
                ticket, expires_at, ..
            } => return Ok(Turn::Ticket { ticket, expires_at }),
            Frame::Gone { reason } => return Ok(Turn::Gone(reason)),
            Frame::Event { .. } | Frame::Bye { .. } => {}
        }
    }
}

/// The next frame that is as wanted.
pub async fn heard(live: &mut Live, wanted: impl Fn(&Frame) -> bool) -> Result<Frame> {
    let listening = async {
        loop {
            let frame = live.next().await.context("the socket ended")??;
            if wanted(&frame) {
                return Ok(frame);
            }
        }
    };
    let heard = timeout(PATIENCE, listening).await;
    heard.context("it is never heard")?
}

/// Enters with a new token and waits for the ticket.
pub async fn admitted(visitor: &Visitor, event: &str) -> Result<(PlaceToken, String)> {
    let token = new_token()?;
    visitor.enter(event, Some(&token)).await.context("enter")?;
    match watch(visitor, event, &token, &mut Vec::new()).await? {
        Turn::Ticket { ticket, .. } => Ok((token, ticket)),
        Turn::Gone(reason) => bail!("gone: {reason}"),
    }
}

/// `count` people who come within `over`, each on their own; their stories in the order of their ends.
pub async fn crowd(
    visitor: &Visitor,
    event: &str,
    count: u32,
    over: Duration,
    temper: Temper,
) -> Result<Vec<Story>> {
    let mut people = JoinSet::new();
    for nth in 0..count {
        let (visitor, event) = (visitor.clone(), event.to_owned());
        people.spawn(async move {
            sleep(over * nth / count).await;
            let visited = timeout(5 * PATIENCE, visit(&visitor, &event, temper));
            visited.await.context("a visit has no end")?
        });
    }
    let mut stories = Vec::new();
    while let Some(story) = people.join_next().await {
        stories.push(story??);
    }
    Ok(stories)
}

/// Checks what holds for every drop: nobody has somebody else's coupon, shown positions never rise, and whoever stood
/// further in front was let in no later.
pub fn check(stories: &[Story]) -> Result<()> {
    let passes: Vec<_> = stories.iter().filter_map(Story::pass).collect();
    let holders: HashSet<_> = passes.iter().map(|pass| &pass.holder).collect();
    let serials: HashSet<_> = passes.iter().map(|pass| pass.coupon.serial).collect();
    ensure!(
        codes(stories).len() == passes.len(),
        "a code was given twice"
    );
    ensure!(serials.len() == passes.len(), "a serial was given twice");
    ensure!(holders.len() == passes.len(), "somebody has two coupons");
    for story in stories {
        let rises = story.positions.windows(2).any(|two| two[0] < two[1]);
        ensure!(!rises, "a position rose: {:?}", story.positions);
    }
    let mut admitted = Vec::new();
    for story in stories {
        if let Some((ticket, expires_at)) = story.ticket.as_ref().zip(story.expires_at) {
            let seq = Parts::of(ticket)?.claims["seq"].as_u64();
            admitted.push((seq.context("a ticket without seq")?, expires_at));
        }
    }
    admitted.sort_unstable();
    let overtaken = admitted.windows(2).find(|two| two[0].1 > two[1].1);
    ensure!(overtaken.is_none(), "the order was not kept: {overtaken:?}");
    Ok(())
}

/// The distinct codes among the stories.
#[must_use]
pub fn codes(stories: &[Story]) -> HashSet<&str> {
    let passes = stories.iter().filter_map(Story::pass);
    passes.map(|pass| pass.coupon.code.as_str()).collect()
}
