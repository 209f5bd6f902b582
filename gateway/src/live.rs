//! Live connections: sockets and streams that watch a place, with one slot each and one wheel for all.

#[cfg(test)]
mod crowd;
pub mod frame;
pub mod meters;
mod peer;
pub mod slot;
pub mod socket;
pub mod stream;
#[cfg(test)]
mod tests;
pub mod watchers;
mod wheel;

use std::sync::Arc;
use std::time::Duration;

use chassis::Problem;
use chassis::lifecycle::Hold;
use chassis::throttle::SocketPermit;
use domain::place::{GoneReason, PlaceState};
use domain::{PlaceToken, Refusal};
use lua::{Look, Looked};
use metrics::Gauge;

use crate::Gateway;
use crate::entry;
use crate::mirror::COMING_BACK_MS;
use crate::mirror::line::Line;
use crate::mirror::watching::Watching;
use frame::Frame;
use slot::{Close, Next};

/// How a connection begins.
enum Beginning {
    /// There is something to watch.
    Watch(Watching),
    /// The place is gone: say so, and end.
    Gone(GoneReason),
    /// There is nothing to say.
    End(Close),
    /// The store does not answer: come back later.
    ComeBack,
}

/// What an open connection holds besides its place: its address's share, the stop that waits for it, and its count.
struct Open {
    _permit: SocketPermit,
    _hold: Hold,
    among: Gauge,
}

impl Open {
    /// Counts a connection among those of its kind, and keeps the stop waiting for its goodbye.
    fn new(gateway: &Gateway, permit: SocketPermit, among: &Gauge) -> Self {
        among.increment(1);
        Self {
            _permit: permit,
            _hold: gateway.lifecycle.hold(),
            among: among.clone(),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.among.decrement(1);
    }
}

/// No new connection while the server stops.
fn not_stopping(gateway: &Gateway) -> Result<(), Problem> {
    if gateway.lifecycle.is_stopping() {
        let detail = "The server is stopping; connect again in a moment.";
        return Err(Problem::new(Refusal::TryAgain, detail).retry_after(1));
    }
    Ok(())
}

/// Begins to watch the place of a token, as the store knows it now.
async fn begin(gateway: &Gateway, line: &Arc<Line>, token: &PlaceToken) -> Beginning {
    let place = match entry::place_to_watch(gateway, line, token).await {
        Ok(place) => place,
        Err(problem) if problem.refusal() == Refusal::NoPlace => {
            return Beginning::End(Close::NoPlace);
        }
        Err(_) => return Beginning::ComeBack,
    };
    let Looked { look, moves } = match gateway.store.look_to_watch(&line.event, &place).await {
        Ok(looked) => looked,
        Err(failure) => {
            tracing::debug!(%failure, "a place could not be looked at for a new connection");
            return Beginning::ComeBack;
        }
    };
    let (seq, admitted) = match look {
        Look::Known(PlaceState::Waiting { seq }) => (seq, false),
        Look::Known(PlaceState::Admitted { seq, .. }) => (seq, true),
        Look::Known(PlaceState::Redeemed(_)) => return Beginning::End(Close::Done),
        Look::Known(PlaceState::Gone { reason }) => return Beginning::Gone(reason),
        Look::NoPlace | Look::NoSuchEvent => return Beginning::End(Close::NoPlace),
    };
    let watching = line.watch(place, seq, admitted, moves, gateway.mirror.tick());
    // Whoever begins to watch after the others were told to come back is told too.
    if gateway.lifecycle.is_stopping() {
        watching.watcher.bye(coming_back_ms(gateway));
    }
    Beginning::Watch(watching)
}

/// The next thing to do for a connection.
async fn next(gateway: &Gateway, watching: &Watching) -> Next {
    let Watching { line, watcher, .. } = watching;
    let next = watcher
        .next(|| line.document(), || gateway.clock.now())
        .await;
    if let Next::Send(Frame::Ticket { .. }) = next
        && let Some((promised, since)) = watcher.promised()
    {
        let waited_ms = gateway.clock.now().0.saturating_sub(since.0);
        let waited = Duration::from_millis(u64::try_from(waited_ms).unwrap_or(0));
        line.accuracy.tell(promised, waited);
    }
    next
}

/// Asks the store what became of the place. When it does not answer, the next visit asks again.
async fn look(gateway: &Gateway, watching: &Watching) {
    let Watching { line, watcher, .. } = watching;
    let looked = gateway
        .store
        .look_to_watch(&line.event, &watcher.place)
        .await;
    match looked {
        Ok(Looked { look, .. }) => {
            if let Look::Known(PlaceState::Waiting { seq }) = look {
                watching.stands_at(seq, gateway.mirror.tick());
            }
            watcher.learn(&line.event, look);
        }
        Err(failure) => tracing::debug!(%failure, "a place could not be looked at"),
    }
}

/// The goodbye of a server that stops or cannot look.
fn bye(gateway: &Gateway) -> Frame {
    Frame::Bye {
        retry_after_ms: coming_back_ms(gateway),
    }
}

fn coming_back_ms(gateway: &Gateway) -> u32 {
    gateway.random.below(COMING_BACK_MS)
}
