//! The mirror on a real Redis.

use domain::{EventId, PlaceToken, Seq};
use futures_util::future::join_all;
use lua::MoveEntry;

use super::following::PATIENCE;
use super::*;
use crate::live::slot::Next;
use crate::tests::rig::{Rig, eventually, open, token};

fn mirror(rig: &Rig) -> Arc<Mirror> {
    Mirror::new(rig.store.clone(), Arc::new(chassis::system::SystemRandom))
}

async fn line_of(rig: &Rig, event: &EventId) -> Arc<Line> {
    let loaded = Line::load(&rig.store, event, 0).await.unwrap();
    Arc::new(loaded.unwrap())
}

/// The ordinals of those who wait, as the store has them.
async fn waiting(rig: &Rig, event: &EventId) -> Vec<Seq> {
    rig.store.waiting(event, Seq(0), 1_000).await.unwrap().seqs
}

/// Every position is the plain rank among those who wait.
async fn is_true(rig: &Rig, line: &Line) -> bool {
    let waiting = waiting(rig, &line.event).await;
    line.waiting() == waiting.len() as u64
        && (1..)
            .zip(&waiting)
            .all(|(rank, &seq)| line.shown_position(seq).unwrap() == rank)
}

#[tokio::test]
async fn an_unknown_event_leaves_nothing_behind() {
    let rig = Rig::start().await;
    let mirror = mirror(&rig);
    for n in 0..50 {
        let event = format!("unknown-{n}").parse().unwrap();
        let refused = mirror
            .line(&event)
            .await
            .err()
            .map(|problem| problem.refusal());
        assert_eq!(refused, Some(Refusal::NoSuchEvent));
    }
    assert!(mirror.lines.read().is_empty());
    assert!(mirror.loads.lock().is_empty());
}

#[tokio::test]
async fn a_line_that_somebody_has_just_asked_for_is_not_forgotten() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(9)).await;
    let mirror = mirror(&rig);
    let line = mirror.line(&event).await.unwrap();
    assert!(line.is_idle(9_999));
    mirror.tick.store(9_999, Ordering::Relaxed);
    // Between the wheel's look and its taking the line away.
    let held = mirror.held(&event).unwrap();
    assert!(!mirror.forget_if_idle(&line, 9_999));
    assert!(Arc::ptr_eq(&held, &mirror.held(&event).unwrap()));
    assert!(mirror.forget_if_idle(&line, 99_999));
    assert!(mirror.held(&event).is_none());
}

#[tokio::test]
async fn all_who_ask_at_once_share_one_load() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(9)).await;
    let mirror = mirror(&rig);
    let lines = join_all((0..50).map(|_| mirror.line(&event))).await;
    let lines: Vec<Arc<Line>> = lines.into_iter().map(Result::unwrap).collect();
    assert!(lines.iter().all(|line| Arc::ptr_eq(line, &lines[0])));
    // One who saw no line just before the load ended loads again: the first line stays.
    let again = mirror.loaded(&event).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&again, &lines[0]));
}

#[tokio::test]
async fn what_was_read_too_long_ago_is_not_shown() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(9)).await;
    let mirror = mirror(&rig);
    assert!(mirror.line(&event).await.is_ok());
    mirror.tick.store(101, Ordering::Relaxed);
    let refused = mirror
        .line(&event)
        .await
        .err()
        .map(|problem| problem.refusal());
    assert_eq!(refused, Some(Refusal::TryAgain));
}

#[tokio::test]
async fn positions_stay_true_while_people_come_and_go() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(1_000)).await;
    let mirror = mirror(&rig);
    let moves = Moves::connect(rig.redis()).await.unwrap();
    mirror.start(moves, &rig.lifecycle);
    let line = mirror.line(&event).await.unwrap();
    let mut people: Vec<PlaceToken> = Vec::new();
    for round in 0..12_usize {
        for _ in 0..7 {
            people.push(rig.visitor(&event).await);
        }
        for step in 0..3 {
            let leaving = people.remove((round * 31 + step * 17) % people.len());
            rig.store.leave(&event, &leaving.place_id()).await.unwrap();
        }
        rig.admit(&event, 2).await;
        if round % 4 == 3 {
            eventually("the mirror", async || {
                is_true(&rig, &line).await.then_some(())
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_fast_a_line_moves_its_moves_are_read_ten_times_a_second() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(1_000)).await;
    let mut people: Vec<PlaceToken> = Vec::new();
    for _ in 0..400 {
        people.push(rig.visitor(&event).await);
    }
    let mirror = mirror(&rig);
    let moves = Moves::connect(rig.redis()).await.unwrap();
    mirror.start(moves, &rig.lifecycle);
    let line = mirror.line(&event).await.unwrap();
    let reads = async || rig.commands().await.get("xread").copied().unwrap_or(0);
    let (before, began) = (reads().await, Instant::now());
    for token in people {
        rig.store.leave(&event, &token.place_id()).await.unwrap();
    }
    let (head, _) = rig.store.moves_head(&event).await.unwrap();
    eventually("the last move", async || line.has_heard(head).then_some(())).await;
    let (read, ticks) = (reads().await - before, began.elapsed().as_millis() / 100);
    assert!(
        u128::from(read) <= ticks + 3,
        "{read} reads of 400 moves in {ticks} ticks"
    );
}

#[tokio::test]
async fn missed_moves_are_made_good_without_a_jump() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(100)).await;
    let mut people = Vec::new();
    for _ in 0..20 {
        people.push(rig.visitor(&event).await);
    }
    let line = line_of(&rig, &event).await;
    let watched = line.watch(people[1].place_id(), Seq(2), false, 0, 0);
    let due = || {
        Box::pin(
            watched
                .watcher
                .next(|| line.document(), || domain::Millis(0)),
        )
    };
    assert!(matches!(due().await, Next::Send(_)), "the position");

    // Nobody hears these moves.
    rig.admit(&event, 3).await;
    rig.store
        .leave(&event, &people[9].place_id())
        .await
        .unwrap();
    let before: Vec<u64> = (1..=20)
        .map(|seq| line.shown_position(Seq(seq)).unwrap())
        .collect();
    line.lose();
    assert_eq!(line.followed(), None, "a lost line is not followed");
    assert!(line.begins_loading());
    assert!(!line.begins_loading(), "one load is enough");
    let meanwhile: Vec<u64> = (1..=20)
        .map(|seq| line.shown_position(Seq(seq)).unwrap())
        .collect();
    assert_eq!(meanwhile, before, "nothing jumps while it is loaded");
    line.load_again(&rig.store).await.unwrap();
    assert!(is_true(&rig, &line).await);
    for (seq, before) in (1..).zip(before) {
        assert!(line.shown_position(Seq(seq)).unwrap() <= before, "{seq}");
    }
    let (head, _) = rig.store.moves_head(&event).await.unwrap();
    assert_eq!(line.followed(), Some(head));
    line.turn(1, 0);
    assert_eq!(
        due().await,
        Next::Look,
        "whoever went in the meantime finds out"
    );
}

#[tokio::test]
async fn what_is_shown_waits_for_the_moves_that_another_gateway_may_have_heard() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(100)).await;
    let (first, second) = (rig.visitor(&event).await, rig.visitor(&event).await);
    let line = line_of(&rig, &event).await;
    rig.store.leave(&event, &first.place_id()).await.unwrap();
    let looked = rig.store.look_to_show(&event, &second.place_id()).await;
    let moves = looked.unwrap().moves;
    assert_eq!(line.shown_position(Seq(2)), Some(2), "not heard yet");
    let mut waits = Box::pin(line.caught_up(moves));
    assert!(futures_util::poll!(&mut waits).is_pending());
    let mut feed = Moves::connect(rig.redis()).await.unwrap();
    let followed = [(event.clone(), line.followed().unwrap())];
    for entry in feed.next(&followed, PATIENCE).await.unwrap() {
        line.hear(&entry.unwrap());
    }
    assert!(futures_util::poll!(&mut waits).is_ready());
    assert_eq!(line.shown_position(Seq(2)), Some(1));
    // Of moves that are never heard, a second is waited for and no longer.
    line.caught_up(moves + 1).await;
}

#[tokio::test]
async fn a_move_that_is_not_the_next_is_ignored() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(100)).await;
    rig.visitor(&event).await;
    let line = line_of(&rig, &event).await;
    let heard = line.followed().unwrap();
    for n in [heard, heard + 2] {
        let entry = MoveEntry {
            event: event.clone(),
            n,
            last_seq: Seq(9),
            at: domain::Millis(0),
            change: lua::Move::Admitted(vec![Seq(1)]),
        };
        assert!(!line.hear(&entry));
        assert_eq!((line.followed(), line.waiting()), (Some(heard), 1));
    }
}

#[tokio::test]
async fn a_line_is_followed_for_as_long_as_somebody_asks_or_watches() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(100)).await;
    let line = line_of(&rig, &event).await;
    assert!(!line.is_idle(600));
    assert!(line.is_idle(601));
    line.ask(600);
    assert!(!line.is_idle(1_200));
    let watching = line.watch(token().place_id(), Seq(1), false, 0, 600);
    assert!(!line.is_idle(9_999));
    drop(watching);
    assert!(line.is_idle(9_999));
}

#[tokio::test]
async fn a_reading_is_shown_for_ten_seconds_and_an_older_one_never_replaces_it() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(100)).await;
    let line = line_of(&rig, &event).await;
    assert!(!line.begins_reading(9));
    assert!(line.begins_reading(10));
    assert!(!line.begins_reading(10), "one reading at a time");
    line.finish_reading(&rig.store, 10).await.unwrap();
    assert!(!line.is_stale(110));
    assert!(line.is_stale(111));
    rig.phase(&event, domain::Phase::Paused).await;
    line.read_again(&rig.store, 20).await.unwrap();
    let late = document::tests::document(1, "open", 100, None);
    line.show(late);
    assert_eq!(line.document().phase(), domain::Phase::Paused);
}
