//! An event and the figures of its line, read again every second while somebody looks, and at once when it changed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use lua::{Store, StoreError};

use super::document::{Document, prospect, reading};
use super::line::{Line, drawing, waiting};
use crate::live::slot::TICK_MS;

/// Between two readings of an event that somebody looks at, in ticks: a second.
const READING_TICKS: u64 = 1_000 / TICK_MS;

impl Line {
    /// Is it time to read the event again? Whoever gets a yes reads it.
    pub fn begins_reading(&self, tick: u64) -> bool {
        tick >= self.document.load().tick + READING_TICKS
            && !self.reading.swap(true, Ordering::AcqRel)
    }

    /// Reads the event again for the clock.
    pub async fn finish_reading(&self, store: &Store, tick: u64) -> Result<(), StoreError> {
        let read = self.read_again(store, tick).await;
        self.reading.store(false, Ordering::Release);
        read
    }

    /// Reads the event, and how far its line has come. An event that is not there (any more) leaves the last reading to
    /// grow stale.
    pub async fn read_again(&self, store: &Store, tick: u64) -> Result<(), StoreError> {
        let number = self.readings.fetch_add(1, Ordering::SeqCst);
        let before = self.positions.read().heard();
        let (live, figures, (head, last)) = futures_util::future::try_join3(
            store.event(&self.event),
            store.figures(&self.event),
            store.moves_head(&self.event),
        )
        .await?;
        let Some((live, figures)) = live.zip(figures) else {
            return Ok(());
        };
        let (waiting, drawing) = {
            let mut positions = self.positions.write();
            positions.reached(last);
            (waiting(&live, &positions), drawing(&live, &positions))
        };
        if head < before {
            // The stream began anew: the store was restored.
            self.lose();
        }
        let outlook = {
            let mut flow = self.flow.lock();
            flow.read(reading(&live, &figures, waiting, drawing));
            flow.outlook()
        };
        let prospect = prospect(&figures);
        let document = Document::new(number, tick, live, waiting, outlook, prospect);
        self.show(document);
        Ok(())
    }

    /// Shows a reading, unless a later one is shown already. What matters at once is told to everybody.
    pub(super) fn show(&self, document: Document) {
        let mut watchers = self.watchers.lock();
        let before = self.document.load();
        if document.number <= before.number {
            return;
        }
        let news = document.phase() != before.phase()
            || document.sold_out() != before.sold_out()
            || document.ended() != before.ended();
        self.document.store(Arc::new(document));
        if news {
            watchers.tell_all();
        }
    }
}
