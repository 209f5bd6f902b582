//! When everything was compared last, and whether anything can have changed since.

use std::time::Duration;

use ledger::{Ledger, Stamps};
use tokio::time::Instant;

use crate::reconcile::Report;

/// For how long a comparison holds while nothing changes: whatever no stamp and no record tells is that late at most.
const HOLDS: Duration = Duration::from_mins(1);

/// The last comparison that found everything alike: none at first.
#[derive(Default)]
pub(crate) struct Compared {
    stamps: Option<Stamps>,
    /// When it began, and the ledger's stamp then.
    last: Option<(Instant, String)>,
}

impl Compared {
    /// The ledger's stamp now; none where it cannot tell one.
    pub(crate) async fn stamp(&mut self, ledger: &Ledger) -> Option<String> {
        if self.stamps.is_none() {
            self.last = None;
            self.stamps = ledger.stamps().await.ok();
        }
        let stamped = self.stamps.as_mut()?.stamp().await;
        if stamped.is_err() {
            self.stamps = None;
        }
        stamped.ok()
    }

    /// Does what was found hold still, by this stamp?
    pub(crate) fn holds(&self, stamp: Option<&str>) -> bool {
        let last = self.last.as_ref();
        last.is_some_and(|(began, at)| Some(at.as_str()) == stamp && began.elapsed() < HOLDS)
    }

    /// Takes a comparison in that began when the ledger had this stamp.
    pub(crate) fn compared(&mut self, report: &Report, stamp: Option<String>, began: Instant) {
        let mut events = report.events.iter();
        let stood_alike = report.unexplained == 0
            && events
                .all(|e| e.differences.is_empty() && e.book.as_ref().is_none_or(|b| b.moving == 0));
        self.last = stamp.filter(|_| stood_alike).map(|stamp| (began, stamp));
    }
}
