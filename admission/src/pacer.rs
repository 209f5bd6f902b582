//! The pacemaker: one loop per event asks the store who is next, as often as the store says, mints their tickets and puts
//! them where their holders find them. A loop that has nobody to serve sleeps until the store wakes it. It decides nothing
//! itself, so several replicas may run.

mod paced;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chassis::{Lifecycle, Outage};
use domain::place::AdmittedPlace;
use domain::{EventId, Random};
use lua::{Settings, Store, StoreError, Wakes};
use metrics::counter;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use self::paced::{Paced, heard};
use crate::draw::{DrawFailed, Drawer};
use crate::holdups::HoldUps;
use crate::mint::mint;
use crate::signer::{CannotSign, KeepError, Signer};

/// How often it is asked how many events there are, in case a new one was not heard of.
const LOOK: Duration = Duration::from_secs(1);
/// The least time between two rounds of an event that is woken again and again.
const BREATH: Duration = Duration::from_millis(20);
/// From here on a pause is a sleep, in milliseconds.
const SLEEP_MS: u64 = 60_000;
/// How often the signing keys are looked after: how late a replica may be with a new one, and how long a store that forgot
/// them stays without.
const KEEP: Duration = Duration::from_secs(1);
/// Most people that one round lets in: about ten milliseconds of minting.
const MOST: usize = 500;
/// Most rounds at once. Waiting ones are served in turn, so a loud event gets no more than its share.
const ROUNDS: usize = 64;

/// Why a round did not get through.
#[derive(Debug, thiserror::Error)]
enum RoundFailed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Sign(#[from] CannotSign),
    #[error(transparent)]
    Draw(#[from] DrawFailed),
    #[error(transparent)]
    Lost(#[from] mishaps::Lost),
}

/// Lets people in, event by event.
pub struct Pacer {
    store: Store,
    redis: Settings,
    signer: Arc<Signer>,
    drawer: Drawer,
    random: Arc<dyn Random>,
    lifecycle: Lifecycle,
    rounds: Semaphore,
    /// Sent whenever the list of events could be read: what a failed loop waits for, so that an outage is told and
    /// tried once, not once per event.
    looked: watch::Sender<()>,
    /// Keys that we do not hold and have told of.
    foreign: Mutex<HashSet<String>>,
    /// The share of failed redeems from which on admission is braked.
    brake_error_share: Option<f64>,
    hold_ups: HoldUps,
}

impl Pacer {
    /// A pacer that signs with `signer`'s key.
    pub fn new(
        store: Store,
        redis: Settings,
        signer: Arc<Signer>,
        random: Arc<dyn Random>,
        lifecycle: Lifecycle,
        brake_error_share: Option<f64>,
    ) -> Self {
        Self {
            drawer: Drawer::new(store.clone(), Arc::clone(&random)),
            store,
            redis,
            signer,
            random,
            lifecycle,
            rounds: Semaphore::new(ROUNDS),
            looked: watch::Sender::new(()),
            foreign: Mutex::default(),
            brake_error_share,
            hold_ups: HoldUps::default(),
        }
    }

    /// Runs until stopping is asked for; rounds that have begun are finished.
    pub async fn run(self: Arc<Self>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut keeps = interval(KEEP);
        let mut outage = Outage::of("store of admission", Arc::clone(&self.random));
        let mut paced = Paced::default();
        let mut feed = None;
        loop {
            let outcome = tokio::select! {
                () = self.lifecycle.stopping() => break,
                Some(ended) = paced.running.join_next() => {
                    paced.end(ended?);
                    continue;
                }
                event = heard(&mut feed) => {
                    if !event.is_some_and(|event| paced.wake(&event)) {
                        looks.reset_immediately();
                    }
                    continue;
                }
                _ = looks.tick() => self.look(&mut paced, &mut feed).await.map_err(KeepError::from),
                _ = keeps.tick() => self.signer.keep(&self.store).await,
            };
            match outcome {
                Ok(()) => {
                    outage.over();
                    self.looked.send_replace(());
                }
                Err(error) => {
                    counter!("stanchion_admission_errors_total").increment(1);
                    self.unless_stopping(outage.failed(error)).await;
                }
            }
        }
        while let Some(ended) = paced.running.join_next().await {
            ended?;
        }
        Ok(())
    }

    /// Begins a loop for every event that has none. When what wakes them could not be heard for a while, all are woken, and every id
    /// is tried.
    async fn look(
        self: &Arc<Self>,
        paced: &mut Paced,
        feed: &mut Option<Wakes>,
    ) -> Result<(), StoreError> {
        if feed.is_none() {
            *feed = Some(Wakes::of_lines(&self.redis).await?);
            paced.wakers.values().for_each(|waker| waker.notify_one());
            paced.without.clear();
        }
        // None is ever taken away: as many as are known are those that are known.
        if self.store.count_events().await? == paced.known() {
            return Ok(());
        }
        for event in self.store.events().await? {
            if !paced.wakers.contains_key(&event) && !paced.without.contains(&event) {
                let waker = Arc::new(Notify::new());
                paced.wakers.insert(event.clone(), Arc::clone(&waker));
                paced.running.spawn(Arc::clone(self).pace(event, waker));
            }
        }
        Ok(())
    }

    /// Round after round, until the event is gone or stopping is asked for.
    async fn pace(self: Arc<Self>, event: EventId, waker: Arc<Notify>) -> EventId {
        let mut outage = Outage::of("admission of an event", Arc::clone(&self.random));
        let mut looked = self.looked.subscribe();
        let mut failed_before = false;
        while !self.lifecycle.is_stopping() {
            match self.round(&event).await {
                Ok(None) => break,
                Ok(Some(next_in_ms)) => {
                    failed_before = false;
                    outage.over();
                    self.unless_stopping(self.pause(next_in_ms, &waker)).await;
                }
                Err(error) => {
                    counter!("stanchion_admission_errors_total").increment(1);
                    // The first failure may be the whole store's, which the look tells of. A second one after a good look
                    // is this event's own.
                    if failed_before {
                        self.unless_stopping(outage.failed(format!("{event}: {error}")))
                            .await;
                    }
                    failed_before = true;
                    looked.mark_unchanged();
                    self.unless_stopping(looked.changed()).await;
                }
            }
        }
        event
    }

    /// Waits as long as the store's hint asks for, or until the event is woken.
    async fn pause(&self, next_in_ms: u64, waker: &Notify) {
        let breath = Instant::now() + BREATH;
        tokio::select! {
            () = sleep(self.spread(next_in_ms)) => {}
            () = waker.notified() => sleep_until(breath).await,
        }
    }

    /// One round: who is next, their tickets, and the tickets of those whom an earlier round let in and never served.
    /// Returns the store's hint for the next round in milliseconds, `None` when there is no such event.
    async fn round(&self, event: &EventId) -> Result<Option<u64>, RoundFailed> {
        // The semaphore is never closed; without a permit the round would be as right.
        let _turn = self.rounds.acquire().await;
        let round = self
            .store
            .admit_braked(event, &self.signer.kid(), MOST, self.brake_error_share)
            .await?;
        if round.unknown {
            return Ok(None);
        }
        self.hold_ups.hear(event, &round);
        counter!("stanchion_admission_rounds_total").increment(1);
        let admitted = round.admitted.len() as u64;
        for (name, count) in [
            ("stanchion_admission_admitted_total", admitted),
            ("stanchion_admission_no_shows_total", round.no_shows),
        ] {
            if count > 0 {
                counter!(name, "event" => event.to_string()).increment(count);
            }
        }
        if round.drawing {
            self.drawer.draw(event).await?;
        }
        let places = [round.admitted, round.unminted].concat();
        let ours = self.signed_by_us(event, places);
        if !ours.is_empty() {
            mishaps::cross("admit.answered")?;
            let minted = mint(&self.signer, event, ours).await?;
            mishaps::cross("admit.minted")?;
            self.store.store_tickets(event, &minted).await?;
        }
        Ok(Some(round.next_in_ms))
    }

    /// Leaves out the places whose ticket another replica's key signs; tells of each such key once.
    fn signed_by_us(&self, event: &EventId, mut places: Vec<AdmittedPlace>) -> Vec<AdmittedPlace> {
        places.retain(|place| {
            let ours = self.signer.holds(&place.kid);
            if !ours && self.foreign.lock().insert(place.kid.clone()) {
                tracing::warn!(
                    %event,
                    kid = place.kid,
                    "people were let in for a signing key that this process does not hold; the process that holds it mints their tickets",
                );
            }
            ours
        });
        places
    }

    /// The pause that a hint asks for, up to an eighth shorter, and a sleep up to a half: a thousand idle events do not ask in step, and
    /// none asks late.
    fn spread(&self, next_in_ms: u64) -> Duration {
        let shorter = next_in_ms / if next_in_ms < SLEEP_MS { 8 } else { 2 };
        let shorter = u32::try_from(shorter).unwrap_or(u32::MAX - 1);
        Duration::from_millis(next_in_ms - u64::from(self.random.below(shorter + 1)))
    }

    /// Waits for `wait`, but not longer than until stopping is asked for.
    async fn unless_stopping(&self, wait: impl Future) {
        tokio::select! {
            () = self.lifecycle.stopping() => {}
            _ = wait => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::book::Book;
    use domain::coupon::Issue;
    use domain::place::PlaceState;
    use domain::ticket::Claims;
    use domain::{Holder, Millis, PlaceId};
    use lua::{Redeem, Redeemed};
    use serde_json::json;

    use super::*;
    use crate::stage::{ISSUER, Stage, id, until};

    /// When each was admitted by the store's clock, ascending: the ticket's id ends in it.
    fn admitted_ms(tickets: &BTreeMap<PlaceId, Claims>) -> Vec<i64> {
        let ms = |claims: &Claims| claims.jti.rsplit('.').next().unwrap().parse().unwrap();
        let mut times: Vec<i64> = tickets.values().map(ms).collect();
        times.sort_unstable();
        times
    }

    /// Asserts that in no stretch of time more were let in than the rate allows, plus one second of it.
    fn assert_paced(times: &[i64], rate_per_s: f64) {
        let burst = rate_per_s.max(1.0);
        for (first, from) in times.iter().enumerate() {
            for (last, to) in times.iter().enumerate().skip(first) {
                let let_in = f64::from(u32::try_from(last - first + 1).unwrap());
                // A time is rounded down to its millisecond at both ends.
                let lasted_s = f64::from(i32::try_from(to - from + 1).unwrap()) / 1_000.0;
                assert!(
                    let_in <= burst + rate_per_s * lasted_s + 1e-6,
                    "{let_in} in {lasted_s} s at {rate_per_s} per second"
                );
            }
        }
    }

    /// Lets `count` people in at `demo` and mints nothing: what a process does that dies in between.
    async fn let_in(stage: &Stage, kid: &str, count: usize) -> Vec<AdmittedPlace> {
        let mut admitted = Vec::new();
        until("admissions", async || {
            let most = count - admitted.len();
            let round = stage.store.admit(&id("demo"), kid, most).await.unwrap();
            admitted.extend(round.admitted);
            (admitted.len() == count).then_some(())
        })
        .await;
        admitted
    }

    async fn redeem(stage: &Stage, event: &str, claims: &Claims) -> Issue {
        let redeem = Redeem {
            place: claims.sub.clone(),
            holder: Holder::from(&claims.sub),
            jti: claims.jti.clone(),
            begins_at: Millis(claims.nbf * 1_000),
            ends_at: Millis(claims.exp * 1_000),
            code: format!("CODE-{}", claims.sub),
        };
        match stage.store.redeem(&id(event), redeem).await.unwrap() {
            Redeemed::Pass(issue) => issue,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn those_in_line_are_let_in_in_order_with_a_ticket_that_verifies() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        replica
            .make(
                "demo",
                json!({ "stock": 50, "phase": "open", "admission": { "rate_per_s": 100 } }),
            )
            .await;
        let places = stage.enter("demo", 30).await;
        let tickets = stage.ticketed("demo", &places, 30).await;
        let in_order: Vec<_> = places.iter().map(|place| &tickets[place]).collect();
        assert!(in_order.windows(2).all(|pair| pair[0].seq < pair[1].seq));
        assert!(
            in_order.windows(2).all(|pair| pair[0].iat <= pair[1].iat),
            "first come, first served"
        );
        for claims in in_order {
            assert_eq!(claims.iss, ISSUER);
            assert!((claims.iat + 120..=claims.iat + 121).contains(&claims.exp));
        }
        redeem(&stage, "demo", &tickets[&places[7]]).await;
    }

    #[tokio::test]
    async fn a_crash_between_admission_and_minting_loses_nobody_and_gives_the_same_ticket() {
        let stage = Stage::set().await;
        let first = stage.replica().await;
        first
            .make("demo", json!({ "stock": 50, "phase": "open" }))
            .await;
        first.stop().await;
        let places = stage.enter("demo", 5).await;
        let signer = Signer::open(
            &stage.folder.path().join("keys"),
            ISSUER,
            &chassis::system::SystemRandom,
        );
        let signer = signer.unwrap();
        let admitted = let_in(&stage, &signer.kid(), 5).await;
        assert!(stage.tickets("demo", &places).await.is_empty());

        let second = stage.replica().await;
        stage.ticketed("demo", &places, 5).await;
        let held = stage.held("demo", &places).await;
        for (admitted, held) in admitted.iter().zip(held) {
            let minted = signer.ticket(&id("demo"), admitted).unwrap();
            assert_eq!(held.as_deref(), Some(minted.as_str()));
        }
        let figures = second.get("/api/v1/admin/events/demo").await.body;
        assert_eq!(figures["admitted"], 5, "minting late lets nobody in twice");
    }

    #[tokio::test]
    async fn a_place_that_another_key_signs_is_left_to_its_holder() {
        let stage = Stage::set().await;
        let ours = stage.replica().await;
        ours.make("demo", json!({ "stock": 50, "phase": "open" }))
            .await;
        ours.stop().await;
        let theirs = stage
            .replica_with("their-keys", Arc::new(chassis::system::SystemClock))
            .await;
        let kid = theirs.get("/api/v1/admin/keys").await.body["items"][0]["kid"].clone();
        theirs.stop().await;
        let places = stage.enter("demo", 2).await;
        let admitted = let_in(&stage, kid.as_str().unwrap(), 1).await;
        assert_eq!(admitted[0].place, places[0]);

        let ours = stage.replica().await;
        let tickets = stage.ticketed("demo", &places, 1).await;
        assert!(
            tickets.contains_key(&places[1]),
            "the foreign place holds nobody up"
        );
        // Long enough for the store to hand the foreign place out for minting again.
        let handed_out = admitted[0].admitted_at.plus(1_500);
        until("a later round", async || {
            (stage.store.now().await.unwrap() > handed_out).then_some(())
        })
        .await;
        assert_eq!(stage.tickets("demo", &places).await.len(), 1);
        ours.stop().await;

        let _theirs = stage
            .replica_with("their-keys", Arc::new(chassis::system::SystemClock))
            .await;
        let tickets = stage.ticketed("demo", &places, 2).await;
        assert_eq!(tickets[&places[0]].sub, places[0]);
    }

    #[tokio::test]
    async fn two_replicas_never_let_in_more_than_rate_capacity_and_stock_allow() {
        let stage = Stage::set().await;
        let one = stage.replica().await;
        let two = stage.replica().await;
        // rate, capacity, stock, people, and how many can be let in while nobody redeems.
        let table = [
            ("slow", 4.0, 1_000, 1_000, 10, 10),
            ("half", 0.5, 1_000, 1_000, 5, 2),
            ("brisk", 50.0, 1_000, 1_000, 150, 150),
            ("fast", 1_000.0, 1_000, 1_000, 800, 800),
            ("full", 1_000.0, 7, 1_000, 60, 7),
            ("scarce", 1_000.0, 1_000, 5, 60, 5),
        ];
        let mut people = BTreeMap::new();
        for (event, rate_per_s, capacity, stock, crowd, _) in table {
            let admission = json!({ "rate_per_s": rate_per_s, "capacity": capacity });
            let body = json!({ "stock": stock, "phase": "open", "admission": admission });
            one.make(event, body).await;
            people.insert(event, stage.enter(event, crowd).await);
        }
        for (event, rate_per_s, _, _, _, let_in) in table {
            let tickets = stage.ticketed(event, &people[event], let_in).await;
            assert_paced(&admitted_ms(&tickets), rate_per_s);
        }
        for event in ["full", "scarce"] {
            let (_, _, _, _, _, let_in) = table.into_iter().find(|row| row.0 == event).unwrap();
            let figures = two.get(&format!("/api/v1/admin/events/{event}")).await.body;
            assert_eq!(
                figures["outstanding"], let_in,
                "{event}: rounds enough have passed for more"
            );
        }
        // Room for one more, and exactly one comes.
        let first = stage
            .tickets("full", &people["full"])
            .await
            .into_values()
            .next()
            .unwrap();
        redeem(&stage, "full", &first).await;
        until("the next one", async || {
            let figures = one.get("/api/v1/admin/events/full").await.body;
            (figures["admitted"] == 8).then_some(())
        })
        .await;
    }

    #[tokio::test]
    async fn a_changed_rate_is_in_force_for_the_next_admission() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        replica
            .make(
                "demo",
                json!({ "stock": 1_000, "phase": "open", "admission": { "rate_per_s": 0 } }),
            )
            .await;
        let places = stage.enter("demo", 300).await;
        let asked_at = stage.store.now().await.unwrap();
        replica.patch("demo", json!({ "rate_per_s": 20 })).await;
        let some = stage.ticketed("demo", &places, 10).await;
        assert!(
            admitted_ms(&some).iter().all(|&ms| ms >= asked_at.0),
            "nobody at a rate of 0"
        );
        replica.patch("demo", json!({ "rate_per_s": 0 })).await;
        let stopped_at = stage.store.now().await.unwrap();
        replica
            .post("demo", "phase", json!({ "phase": "paused" }))
            .await;
        replica.patch("demo", json!({ "rate_per_s": 1_000 })).await;
        let resumed_at = stage.store.now().await.unwrap();
        replica
            .post("demo", "phase", json!({ "phase": "open" }))
            .await;
        let all = stage.ticketed("demo", &places, 300).await;
        let between = admitted_ms(&all)
            .into_iter()
            .filter(|&ms| stopped_at.0 < ms && ms < resumed_at.0)
            .count();
        assert_eq!(between, 0, "a pause lets nobody in");
    }

    #[tokio::test]
    async fn a_loud_event_does_not_hold_a_quiet_one_up_and_a_thousand_idle_ones_hold_up_neither() {
        let stage = Stage::set().await;
        let setter = stage.replica().await;
        let open =
            json!({ "stock": 5_000, "phase": "open", "admission": { "rate_per_s": 1_000_000 } });
        for event in ["loud", "quiet"] {
            setter.make(event, open.clone()).await;
        }
        setter.stop().await;
        for n in 0..1_000 {
            setter
                .make(&format!("idle-{n}"), json!({ "stock": 1, "phase": "open" }))
                .await;
        }
        let loud = stage.enter("loud", 5_000).await;
        let quiet = stage.enter("quiet", 1).await;
        let _replica = stage.replica().await;
        let quiet = admitted_ms(&stage.ticketed("quiet", &quiet, 1).await);
        let loud = admitted_ms(&stage.ticketed("loud", &loud, 5_000).await);
        assert!(quiet[0] < *loud.last().unwrap(), "{quiet:?}");
    }

    #[tokio::test]
    async fn a_thousand_events_with_nobody_to_serve_ask_the_store_next_to_nothing_and_wake_at_once()
    {
        const SECONDS: u64 = 3;
        const MOST_PER_S: u64 = 10;
        let stage = Stage::set().await;
        let setter = stage.replica().await;
        for n in 0..1_000 {
            let phase = ["draft", "lobby", "open", "closed"][n % 4];
            setter
                .make(&format!("idle-{n}"), json!({ "stock": 1, "phase": phase }))
                .await;
        }
        for n in 0..100 {
            let book = serde_json::from_value(json!({ "title": "A book and no event" })).unwrap();
            let book = Book::create(id(&format!("book-{n}")), book).unwrap();
            stage.store.put_book(&book, 0).await.unwrap();
        }
        // A newcomer's loop is there before what is counted.
        let first = stage.enter("idle-2", 1).await;
        let held = stage.ticketed("idle-2", &first, 1).await;
        redeem(&stage, "idle-2", &held[&first[0]]).await;
        let rounds = async || {
            let commands = stage.commands().await;
            commands.get("evalsha").copied().unwrap_or_default()
        };
        until("everything to fall asleep", async || {
            let before = rounds().await;
            sleep(Duration::from_secs(1)).await;
            (rounds().await - before < MOST_PER_S).then_some(())
        })
        .await;
        let before = rounds().await;
        sleep(Duration::from_secs(SECONDS)).await;
        let asked = rounds().await - before;
        assert!(
            asked < MOST_PER_S * SECONDS,
            "{asked} rounds in {SECONDS} s"
        );

        setter
            .post("idle-0", "phase", json!({ "phase": "open" }))
            .await;
        // What was no event becomes one.
        setter
            .make("book-7", json!({ "stock": 1, "phase": "open" }))
            .await;
        for event in ["idle-0", "idle-6", "book-7"] {
            let places = stage.enter(event, 1).await;
            stage.ticketed(event, &places, 1).await;
        }
    }

    #[tokio::test]
    async fn an_event_moves_at_its_times_by_itself_once_whatever_the_number_of_replicas() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        let _others = [stage.replica().await, stage.replica().await];
        let now = stage.store.now().await.unwrap();
        let times = json!({
            "stock": 5, "lobby_at": now.plus(300), "opens_at": now.plus(900), "closes_at": now.plus(1_500),
        });
        replica.make("demo", times).await;
        until("the end", async || {
            let event = replica.get("/api/v1/admin/events/demo").await.body;
            (event["phase"] == "closed").then_some(())
        })
        .await;
        let audit = replica.get("/api/v1/admin/events/demo/audit").await.body;
        let told = audit["items"].as_array().unwrap();
        assert_eq!(told.len(), 4, "{audit}");
        assert!(
            told[..3]
                .iter()
                .all(|entry| entry["by"] == "schedule" && entry["action"] == "phase")
        );
        for (entry, due) in told.iter().zip([1_500, 900, 300]) {
            let at = Millis::parse(entry["at"].as_str().unwrap()).unwrap();
            assert!(at >= now.plus(due), "never before its time");
        }
    }

    #[tokio::test]
    async fn a_ticket_that_is_not_used_makes_room_for_the_next() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        let admission = json!({ "rate_per_s": 100, "capacity": 1, "ticket_ttl_s": 1 });
        replica
            .make(
                "demo",
                json!({ "stock": 9, "phase": "open", "admission": admission }),
            )
            .await;
        let places = stage.enter("demo", 2).await;
        stage.ticketed("demo", &places[..1], 1).await;
        stage.ticketed("demo", &places[1..], 1).await;
        let missed = stage.state("demo", &places[0]).await;
        assert!(matches!(missed, PlaceState::Gone { .. }), "{missed:?}");
        let figures = replica.get("/api/v1/admin/events/demo").await.body;
        assert_eq!(
            (&figures["no_shows"], &figures["outstanding"]),
            (&json!(1), &json!(1))
        );
    }

    #[tokio::test]
    async fn it_waits_an_outage_of_the_store_out_and_goes_on() {
        let mut stage = Stage::set().await;
        let replica = stage.replica().await;
        replica
            .make("demo", json!({ "stock": 50, "phase": "open" }))
            .await;
        let before = stage.enter("demo", 1).await;
        stage.ticketed("demo", &before, 1).await;
        stage.stop_redis().await;
        replica
            .get("/api/v1/admin/events")
            .await
            .refused(503, "try-again");
        stage.start_redis().await;
        until("an answer", async || stage.store.ping().await.ok()).await;
        let after = stage.enter("demo", 1).await;
        stage.ticketed("demo", &after, 1).await;
        replica.stop().await;
    }
}
