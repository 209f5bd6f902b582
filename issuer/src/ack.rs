//! Waiting for the ack level: a pass is told once its record is kept as far as the event wants. One task hears how far each
//! event has come; those who wait are a map from ordinals to wake-ups, with no task and no read of their own.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chassis::{Lifecycle, Outage};
use domain::event::AckLevel;
use domain::{EventId, Random};
use lua::{AckFeed, Acked, Settings, Store, StoreError, Watermarks};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How long a redemption waits for its level before it is answered as pending.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long somebody who looks waits for a mark that was told, and is not noted yet.
const MOMENT: Duration = Duration::from_millis(500);
/// How often the store is asked for those who wait although no news came: news can be lost without anybody noticing.
const DOUBT: Duration = Duration::from_secs(1);
/// Most events whose marks are kept while nobody waits: with `--direct-api open` anybody may make some.
const MOST_KNOWN: usize = 100_000;

/// How far each event has come, and who waits for more.
pub struct Acks {
    store: Store,
    events: Mutex<HashMap<EventId, Progress>>,
    /// Wakes the task to read the marks of an event whose marks nobody knows.
    unknown: Notify,
    next_waiter: AtomicU64,
}

/// One event.
#[derive(Default)]
struct Progress {
    /// `None` until read; again after the news may have been missed.
    marks: Option<Watermarks>,
    log: Waiters,
    ledger: Waiters,
}

/// Wake-ups by ordinal, then by the waiter's own number.
type Waiters = BTreeMap<(u64, u64), oneshot::Sender<()>>;

impl Acks {
    /// Nobody waits yet.
    pub fn new(store: Store) -> Arc<Self> {
        Arc::new(Self {
            store,
            events: Mutex::default(),
            unknown: Notify::new(),
            next_waiter: AtomicU64::new(0),
        })
    }

    /// Waits until the record with this ordinal has reached `level`; false when it has not in five seconds, or is known to
    /// lie among the dead letters.
    pub async fn reached(&self, event: &EventId, level: AckLevel, ordinal: u64) -> bool {
        self.reached_within(PATIENCE, event, level, ordinal).await
    }

    async fn reached_within(
        &self,
        patience: Duration,
        event: &EventId,
        level: AckLevel,
        ordinal: u64,
    ) -> bool {
        if let Some((number, woken)) = self.enlist(event, level, ordinal) {
            let _waiter = Waiter {
                acks: self,
                event,
                level,
                key: (ordinal, number),
            };
            if !matches!(timeout(patience, woken).await, Ok(Ok(()))) {
                return false;
            }
        }
        self.was_not_passed_by(event, level, ordinal)
            .await
            .unwrap_or(false)
    }

    /// Has the record with this ordinal reached `level` by now? Whoever was told so elsewhere hears the same here.
    pub async fn has_reached(
        &self,
        event: &EventId,
        level: AckLevel,
        ordinal: u64,
    ) -> Result<bool, StoreError> {
        let known = self.events.lock().get(event).and_then(|e| e.marks);
        let by_now = level == AckLevel::Redis
            || known.is_some_and(|marks| marks.reached(level, ordinal))
            || self.store.watermarks(event).await?.reached(level, ordinal);
        if by_now {
            return self.was_not_passed_by(event, level, ordinal).await;
        }
        Ok(self.reached_within(MOMENT, event, level, ordinal).await)
    }

    /// The ledger's mark passes a record by that is among the dead letters. The store is asked only where there is one.
    async fn was_not_passed_by(
        &self,
        event: &EventId,
        level: AckLevel,
        ordinal: u64,
    ) -> Result<bool, StoreError> {
        let known = self.events.lock().get(event).and_then(|e| e.marks);
        let none_buried = known.is_some_and(|marks| marks.buried == 0);
        if level != AckLevel::Ledger || none_buried {
            return Ok(true);
        }
        Ok(!self.store.is_buried(event, ordinal).await?)
    }

    /// Puts a waiter on the list, unless there is nothing to wait for.
    fn enlist(
        &self,
        event: &EventId,
        level: AckLevel,
        ordinal: u64,
    ) -> Option<(u64, oneshot::Receiver<()>)> {
        if level == AckLevel::Redis {
            return None;
        }
        let mut events = self.events.lock();
        if !events.contains_key(event) {
            if events.len() >= MOST_KNOWN {
                events.retain(|_, progress| progress.somebody_waits());
            }
            events.insert(event.clone(), Progress::default());
        }
        let progress = events.get_mut(event)?;
        match progress.marks {
            Some(marks) if marks.reached(level, ordinal) => return None,
            Some(_) => {}
            None => self.unknown.notify_one(),
        }
        let (wake, woken) = oneshot::channel();
        let number = self.next_waiter.fetch_add(1, Ordering::Relaxed);
        progress.waiters(level).insert((ordinal, number), wake);
        Some((number, woken))
    }

    /// Hears the news until the last request was answered.
    pub async fn follow(
        &self,
        settings: &Settings,
        random: Arc<dyn Random>,
        lifecycle: &Lifecycle,
    ) {
        tokio::select! {
            () = self.listen(settings, random) => {}
            () = lifecycle.drained() => {}
        }
    }

    /// Subscribes, again and again.
    async fn listen(&self, settings: &Settings, random: Arc<dyn Random>) {
        let mut outage = Outage::of("acknowledgements", random);
        loop {
            let ended = match AckFeed::connect(settings).await {
                Ok(mut feed) => self.hear(&mut feed, &mut outage).await,
                Err(error) => error,
            };
            outage.failed(ended).await;
        }
    }

    /// Hears the news of one connection; returns why it ended.
    async fn hear(&self, feed: &mut AckFeed, outage: &mut Outage) -> StoreError {
        // The subscription stands, so a mark that rises from here on is heard: what is read now misses nothing.
        self.doubt_all();
        let mut doubt = interval(DOUBT);
        doubt.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Err(error) = self.read_unknown().await {
                return error;
            }
            outage.over();
            tokio::select! {
                news = feed.next() => match news {
                    Some(news) => self.raise(&news),
                    None => return StoreError::Unavailable("the subscription ended".to_owned()),
                },
                () = self.unknown.notified() => {}
                _ = doubt.tick() => self.doubt_waiting(),
            }
        }
    }

    /// Reads the marks that are not known of the events that somebody waits for.
    async fn read_unknown(&self) -> Result<(), StoreError> {
        let unknown: Vec<EventId> = self.events_where(|e| e.marks.is_none() && e.somebody_waits());
        for event in unknown {
            let marks = self.store.watermarks(&event).await?;
            if let Some(progress) = self.events.lock().get_mut(&event) {
                progress.marks = Some(marks);
                progress.wake(marks);
            }
        }
        Ok(())
    }

    fn events_where(&self, wanted: impl Fn(&Progress) -> bool) -> Vec<EventId> {
        let events = self.events.lock();
        let wanted = events.iter().filter(|(_, progress)| wanted(progress));
        wanted.map(|(event, _)| event.clone()).collect()
    }

    /// Takes in one piece of news. Marks that were never read stay unknown: news may come in any order.
    fn raise(&self, news: &Acked) {
        if let Some(progress) = self.events.lock().get_mut(&news.event) {
            progress.wake(news.marks);
            if let Some(marks) = &mut progress.marks {
                marks.log = marks.log.max(news.marks.log);
                marks.ledger = marks.ledger.max(news.marks.ledger);
                marks.buried = marks.buried.max(news.marks.buried);
                marks.lost = news.marks.lost;
            }
        }
    }

    /// News may have been missed.
    fn doubt_all(&self) {
        for progress in self.events.lock().values_mut() {
            progress.marks = None;
        }
    }

    /// The same, for those who wait and hear nothing.
    fn doubt_waiting(&self) {
        let mut events = self.events.lock();
        for progress in events.values_mut().filter(|e| e.somebody_waits()) {
            progress.marks = None;
        }
    }
}

impl Progress {
    fn waiters(&mut self, level: AckLevel) -> &mut Waiters {
        match level {
            AckLevel::Redis | AckLevel::Log => &mut self.log,
            AckLevel::Ledger => &mut self.ledger,
        }
    }

    fn somebody_waits(&self) -> bool {
        !(self.log.is_empty() && self.ledger.is_empty())
    }

    /// Wakes everyone whose record `marks` have reached; whoever waits for one that was lost waits no longer.
    fn wake(&mut self, marks: Watermarks) {
        for (waiters, mark) in [
            (&mut self.log, marks.log.max(marks.ledger)),
            (&mut self.ledger, marks.ledger),
        ] {
            let waiting = waiters.split_off(&(mark.saturating_add(1), 0));
            for ((ordinal, _), wake) in std::mem::replace(waiters, waiting) {
                if !marks.is_lost(ordinal) {
                    // The one who waited may have gone away this very moment.
                    let _ = wake.send(());
                }
            }
        }
    }
}

/// A place on the list; taken off it when dropped, whether woken, out of patience, or hung up.
struct Waiter<'a> {
    acks: &'a Acks,
    event: &'a EventId,
    level: AckLevel,
    key: (u64, u64),
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let Some(progress) = self.acks.events.lock().get_mut(self.event) {
            progress.waiters(self.level).remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::header::{AUTHORIZATION, LOCATION};
    use axum::http::{Request, StatusCode};
    use lua::Marks;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::tests::rig::{
        Reply, Rig, Visitor, eventually, issuer, open, parts, redeem_at, send,
    };

    /// Redeems in the background, and waits until the store has issued `issued` coupons.
    async fn redeeming(
        rig: &Rig,
        event: &EventId,
        who: &Visitor,
        issued: u64,
    ) -> JoinHandle<Reply> {
        let (router, id, who) = (rig.router.clone(), event.to_string(), who.clone());
        let reply = tokio::spawn(async move { redeem_at(&router, &id, &who).await });
        eventually("the issue", async || {
            let figures = rig.store.figures(event).await.unwrap().unwrap();
            (figures.redeemed == issued).then_some(())
        })
        .await;
        reply
    }

    /// The ordinal of the last record: nothing else is written meanwhile.
    async fn last_ordinal(rig: &Rig, event: &EventId) -> u64 {
        rig.store.outbox_length(event).await.unwrap()
    }

    #[tokio::test]
    async fn a_pass_waits_for_its_level_and_the_ledger_counts_for_the_log() {
        let rig = Rig::start().await;
        for (name, level, raised) in [
            ("log", AckLevel::Log, AckLevel::Log),
            ("ledger", AckLevel::Ledger, AckLevel::Ledger),
            ("log", AckLevel::Log, AckLevel::Ledger),
        ] {
            let event = rig
                .event(&format!("{name}-{raised:?}").to_lowercase(), open(5, name))
                .await;
            let visitor = rig.visitor(&event).await;
            let reply = redeeming(&rig, &event, &visitor, 1).await;
            let ordinal = last_ordinal(&rig, &event).await;
            rig.store
                .raise_watermark(&event, raised, ordinal - 1)
                .await
                .unwrap();
            assert!(!reply.is_finished(), "the mark is one short");
            rig.store
                .raise_watermark(&event, raised, ordinal)
                .await
                .unwrap();
            let reply = reply.await.unwrap();
            reply.passed(false);
            assert_eq!(reply.body["ack"], level.as_str());
        }
    }

    #[tokio::test]
    async fn the_log_alone_is_not_enough_for_the_ledger() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "ledger")).await;
        let visitor = rig.visitor(&demo).await;
        let reply = redeeming(&rig, &demo, &visitor, 1).await;
        let ordinal = last_ordinal(&rig, &demo).await;
        rig.store
            .raise_watermark(&demo, AckLevel::Log, ordinal)
            .await
            .unwrap();
        let reply = reply.await.unwrap();
        assert_eq!(reply.status, StatusCode::ACCEPTED);
    }

    #[tokio::test]
    async fn a_record_among_the_dead_letters_is_pending_although_the_ledger_is_past_it() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "ledger")).await;
        let visitor = rig.visitor(&demo).await;
        let reply = redeeming(&rig, &demo, &visitor, 1).await;
        let ordinal = last_ordinal(&rig, &demo).await;
        rig.store.bury(&demo, &[ordinal]).await.unwrap();
        rig.store
            .raise_watermark(&demo, AckLevel::Ledger, ordinal + 1)
            .await
            .unwrap();
        assert_eq!(reply.await.unwrap().status, StatusCode::ACCEPTED);
        let looked = rig.look(&demo, &visitor).await;
        assert_eq!(looked.status, StatusCode::ACCEPTED);
        rig.store.unbury(&demo, &[ordinal]).await.unwrap();
        rig.look(&demo, &visitor).await.passed(true);
    }

    #[tokio::test]
    async fn a_level_not_reached_is_pending_and_passes_later() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "log")).await;
        let visitor = rig.visitor(&demo).await;
        let pending = rig.redeem(&demo, &visitor).await;
        let looked = rig.look(&demo, &visitor).await;
        for reply in [&pending, &looked] {
            assert_eq!(reply.status, StatusCode::ACCEPTED, "{reply:?}");
            assert_eq!(
                reply.headers[LOCATION],
                "/api/v1/events/demo/redemptions/me"
            );
            assert_eq!(reply.body["result"], "pending");
        }
        assert_eq!(pending.body, looked.body);
        let ordinal = last_ordinal(&rig, &demo).await;
        rig.store
            .raise_watermark(&demo, AckLevel::Log, ordinal)
            .await
            .unwrap();
        let looked = rig.look(&demo, &visitor).await;
        let passed = rig.redeem(&demo, &visitor).await;
        assert_eq!(looked.passed(true), passed.passed(true));
        assert_eq!(passed.body["record_id"], pending.body["record_id"]);
    }

    #[tokio::test]
    async fn what_one_process_was_told_another_says_too_before_it_is_noted() {
        let rig = Rig::start().await;
        let other = issuer(parts(&rig.settings, &rig.ledger, &rig.lifecycle).await).await;
        // The note comes while the other one looks, unless the machine stands still: one look of many suffices.
        for trial in 0..20 {
            let event = rig.event(&format!("told-{trial}"), open(1, "log")).await;
            let visitor = rig.visitor(&event).await;
            redeeming(&rig, &event, &visitor, 1).await.abort();
            let ordinal = last_ordinal(&rig, &event).await;
            let mut marks = Marks::forgetting(&rig.store, &[AckLevel::Log]);
            marks.tell(&event, ordinal).await.unwrap();
            let look = Request::get(format!("/api/v1/events/{event}/redemptions/me"))
                .header(AUTHORIZATION, format!("Bearer {}", visitor.token.reveal()))
                .body(Body::empty())
                .unwrap();
            let noted = async {
                marks.due().await;
                marks.note().await.unwrap();
            };
            let (looked, ()) = tokio::join!(send(&other, look), noted);
            if looked.status == StatusCode::OK {
                return;
            }
        }
        panic!("told as pending every time");
    }

    #[tokio::test]
    async fn one_mark_wakes_everyone_below_it_and_nobody_above() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(100, "log")).await;
        let visitors = rig.visitors(&demo, 40).await;
        let mut replies = Vec::new();
        for (issued, visitor) in visitors[..39].iter().enumerate() {
            replies.push(redeeming(&rig, &demo, visitor, issued as u64 + 1).await);
        }
        let below = last_ordinal(&rig, &demo).await;
        let above = redeeming(&rig, &demo, &visitors[39], 40).await;
        rig.store
            .raise_watermark(&demo, AckLevel::Log, below)
            .await
            .unwrap();
        for reply in replies {
            reply.await.unwrap().passed(false);
        }
        assert!(!above.is_finished());
        rig.store
            .raise_watermark(&demo, AckLevel::Log, below + 1)
            .await
            .unwrap();
        above.await.unwrap().passed(false);
    }

    #[tokio::test]
    async fn marks_are_heard_again_after_the_store_was_away() {
        let mut rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "log")).await;
        let visitors = rig.visitors(&demo, 2).await;
        for (issued, visitor) in visitors.iter().enumerate() {
            let reply = redeeming(&rig, &demo, visitor, issued as u64 + 1).await;
            let ordinal = last_ordinal(&rig, &demo).await;
            rig.store
                .raise_watermark(&demo, AckLevel::Log, ordinal)
                .await
                .unwrap();
            reply.await.unwrap().passed(false);
            rig = rig.redis_restarted().await;
        }
    }

    #[tokio::test]
    async fn whoever_hangs_up_is_taken_off_the_list() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "log")).await;
        let acks = Acks::new(rig.store.clone());
        let waiting = async |ordinal| acks.reached(&demo, AckLevel::Log, ordinal).await;
        let on_the_list = || acks.events.lock()[&demo].log.len();
        tokio::select! {
            biased;
            _ = waiting(1) => unreachable!(),
            _ = waiting(2) => unreachable!(),
            () = std::future::ready(()) => {}
        }
        assert_eq!(on_the_list(), 0);
    }
}
