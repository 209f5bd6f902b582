//! Books: the scripts against the life that the domain describes, limits under a rush, uploads that count whole.

use std::collections::{BTreeMap, BTreeSet};

use domain::book::{Book, BookFact, BookPut, Coupon, CouponState, Rules, Step, StepRefused};
use domain::record::Fact;
use domain::{EventId, Holder, Millis};
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{Rig, SOON, id};
use crate::keys::Keys;
use crate::{
    Added, Assign, Assigned, BookStep, OutboxReader, PutBook, Staged, StepAsked, SteppedCoupon,
    Store, Upload,
};

fn holder(n: u8) -> Holder {
    format!("user {n}").parse().unwrap()
}

pub(super) async fn make(store: &Store, book: &EventId, put: &str) -> Rules {
    let put: BookPut = serde_json::from_str(put).unwrap();
    let book = Book::create(book.clone(), put).unwrap();
    let made = store.put_book(&book, 0).await.unwrap();
    assert!(matches!(made, PutBook::Created(_)), "{made:?}");
    book.rules
}

pub(super) fn codes(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|n| format!("CODE-{n}")).collect()
}

pub(super) async fn add(store: &Store, book: &EventId, codes: &[String]) {
    let mut upload = Upload::new(book.clone(), "one".into(), "test");
    let staged = store.stage_codes(&mut upload, codes).await.unwrap();
    assert_eq!(staged, Staged::Staged(vec![]));
    let added = store.add_codes(&upload).await.unwrap();
    assert!(matches!(added, Added::Added(_)), "{added:?}");
}

pub(super) fn wants(who: u8, count: u32, code: Option<&str>) -> Assign {
    Assign {
        by: "test".into(),
        holder: holder(who),
        count,
        code: code.map(Into::into),
        once: None,
    }
}

pub(super) async fn free(store: &Store, book: &EventId) -> BTreeSet<String> {
    redis::cmd("SMEMBERS")
        .arg(Keys::of(book).free())
        .query_async(&mut store.connection())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_30_assignments_at_once_a_person_gets_as_many_as_one_may_have() {
    let rig = Rig::start().await;
    let spring = id("spring");
    make(&rig.store, &spring, r#"{"title":"x","max_per_person":2}"#).await;
    add(&rig.store, &spring, &codes(0..100)).await;
    let asking = (0..30).map(|_| {
        let (store, spring) = (rig.store.clone(), spring.clone());
        tokio::spawn(async move { store.assign(&spring, &wants(1, 1, None)).await.unwrap() })
    });
    let mut granted = BTreeSet::new();
    for answer in join_all(asking).await {
        match answer.unwrap() {
            Assigned::Assigned { codes, .. } => granted.extend(codes),
            other => assert_eq!(other, Assigned::LimitReached),
        }
    }
    assert_eq!(granted.len(), 2);
    assert_eq!(free(&rig.store, &spring).await.len(), 98);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_1000_people_on_100_codes_100_get_one_each_of_their_own() {
    let rig = Rig::start().await;
    let spring = id("spring");
    make(&rig.store, &spring, r#"{"title":"x"}"#).await;
    let all = codes(0..100);
    add(&rig.store, &spring, &all).await;
    let asking = (0..1_000_u32).map(|n| {
        let (store, spring) = (rig.store.clone(), spring.clone());
        let asked = Assign {
            holder: format!("person {n}").parse().unwrap(),
            ..wants(0, 1, None)
        };
        tokio::spawn(async move { store.assign(&spring, &asked).await.unwrap() })
    });
    let (mut given, mut order, mut none) = (BTreeSet::new(), Vec::new(), 0);
    for answer in join_all(asking).await {
        match answer.unwrap() {
            Assigned::Assigned { codes, .. } => {
                order.extend(codes.iter().cloned());
                given.extend(codes);
            }
            other => {
                assert_eq!(other, Assigned::NoneLeft(0));
                none += 1;
            }
        }
    }
    assert_eq!((given, none), (all.iter().cloned().collect(), 900));
    assert_ne!(order, all, "at random");
}

#[tokio::test]
async fn an_upload_counts_whole_or_not_at_all() {
    let rig = Rig::start().await;
    let (store, spring) = (&rig.store, id("spring"));
    let mut none = Upload::new(spring.clone(), "none".into(), "test");
    let staged = store.stage_codes(&mut none, &codes(0..1)).await.unwrap();
    assert_eq!(staged, Staged::NoSuchBook);
    make(store, &spring, r#"{"title":"x"}"#).await;
    add(store, &spring, &codes(0..10)).await;
    store
        .assign(&spring, &wants(1, 1, Some("CODE-3")))
        .await
        .unwrap();

    let mut upload = Upload::new(spring.clone(), "two".into(), "test");
    let mut piece = codes(20..23);
    piece.extend(["CODE-3".into(), "CODE-4".into(), "CODE-21".into()]);
    let staged = store.stage_codes(&mut upload, &piece).await.unwrap();
    assert_eq!(
        staged,
        Staged::Staged(vec![3, 4, 5]),
        "somebody's, free, twice"
    );
    assert_eq!(free(store, &spring).await.len(), 9, "nothing yet");
    store.forget_upload(&upload).await.unwrap();
    assert_eq!(store.add_codes(&upload).await.unwrap(), Added::Overtaken);

    let mut slow = Upload::new(spring.clone(), "slow".into(), "test");
    store.stage_codes(&mut slow, &codes(30..32)).await.unwrap();
    let mut fast = Upload::new(spring.clone(), "fast".into(), "test");
    store.stage_codes(&mut fast, &codes(31..33)).await.unwrap();
    store.stage_codes(&mut fast, &codes(33..35)).await.unwrap();
    assert!(matches!(store.add_codes(&fast).await, Ok(Added::Added(_))));
    assert_eq!(store.add_codes(&slow).await.unwrap(), Added::Overtaken);
    let held = free(store, &spring).await;
    assert!(held.contains("CODE-31") && !held.contains("CODE-30"));
    assert_eq!(held.len(), 13);

    let mut reader = OutboxReader::connect(&rig.redis.settings()).await.unwrap();
    let read = reader.next(&[(spring, 0)], 100, SOON).await.unwrap();
    let told: Vec<usize> = read[0]
        .records
        .iter()
        .filter_map(|record| match &record.fact {
            Fact::Book(told) => match &**told {
                BookFact::CodesAdded(codes) => Some(codes.len()),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(told, [10, 2, 2]);
}

/// A step of a random life, before it is known what it is about.
#[derive(Clone, Debug)]
enum Move {
    Assign {
        who: u8,
        code: Option<u8>,
        count: u32,
    },
    Step {
        who: Option<u8>,
        code: u8,
        step: Step,
    },
    Pass(i64),
}

const CODES: u8 = 3;

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let token = || prop_oneof![Just("a".to_owned()), Just("b".to_owned())];
    let step = prop_oneof![
        3 => (token(), 1..4_u64).prop_map(|(token, lock_s)| Step::Lock { token, lock_s }),
        2 => token().prop_map(|token| Step::Unlock { token }),
        5 => prop::option::of(token()).prop_map(|token| Step::Redeem { token }),
    ];
    let step = (prop::option::weighted(0.95, 0..2_u8), 0..CODES, step);
    let one = prop_oneof![
        4 => (0..2_u8, prop::option::of(0..CODES), 1..3_u32)
            .prop_map(|(who, code, count)| Move::Assign { who, count: if code.is_some() { 1 } else { count }, code }),
        8 => step.prop_map(|(who, code, step)| Move::Step { who, code, step }),
        1 => (0..CODES).prop_map(|code| Move::Step { who: None, code, step: Step::Cancel }),
        2 => (100..2_000_i64).prop_map(Move::Pass),
    ];
    prop::collection::vec(one, 1..40)
}

fn rules() -> impl Strategy<Value = String> {
    let ack = prop::sample::select(&["null", "\"redis\"", "\"log\"", "\"ledger\""][..]);
    (1..4_u32, 1..4_u32, prop::option::of(1..4_u32), any::<bool>(), prop::bool::weighted(0.3), ack).prop_map(
        |(per_person, uses, person_uses, keep, ends, ack)| {
            let person_uses = person_uses.map_or("null".to_owned(), |n| n.to_string());
            let on_cancel = if keep { "keep" } else { "return" };
            let ends = if ends { "\"ENDS\"" } else { "null" };
            format!(
                r#"{{"title":"x","max_per_person":{per_person},"redemptions_per_code":{uses},"max_redemptions_per_person":{person_uses},"on_cancel":"{on_cancel}","expires_at":{ends},"ack":{ack}}}"#
            )
        },
    )
}

/// What the domain says of a book.
struct Model {
    rules: Rules,
    coupons: BTreeMap<String, Coupon>,
    redeemed: BTreeMap<Holder, u32>,
}

impl Model {
    fn held(&self, holder: &Holder) -> usize {
        let live = self.coupons.values().filter(|one| !one.is_cancelled);
        live.filter(|one| one.holder == *holder).count()
    }

    fn assign(&mut self, asked: &Assign, got: &Assigned, now: Millis) {
        let free = CODES as usize - self.coupons.len();
        let wanted = asked.code.as_ref();
        let expected = if self.rules.are_over(now) {
            Some(Assigned::Expired)
        } else if wanted.is_some_and(|code| self.coupons.contains_key(code)) {
            Some(Assigned::NoSuchCoupon)
        } else if self.held(&asked.holder) + asked.count as usize
            > self.rules.max_per_person as usize
        {
            Some(Assigned::LimitReached)
        } else if free < asked.count as usize {
            Some(Assigned::NoneLeft(free as u64))
        } else {
            None
        };
        let Assigned::Assigned {
            codes,
            at,
            uses,
            ack,
            ..
        } = got
        else {
            return assert_eq!(Some(got), expected.as_ref());
        };
        assert_eq!(*uses, self.rules.redemptions_per_code);
        assert_eq!(*ack, self.rules.ack);
        assert_eq!((expected, codes.len()), (None, asked.count as usize));
        for code in codes {
            let coupon = Coupon {
                holder: asked.holder.clone(),
                assigned_at: *at,
                redemptions: 0,
                lock: None,
                is_cancelled: false,
            };
            assert!(
                self.coupons.insert(code.clone(), coupon).is_none(),
                "it was free"
            );
        }
    }

    fn step(&mut self, asked: &StepAsked, step: &Step, got: &SteppedCoupon, now: Millis) {
        let held = self.coupons.get(&asked.code).cloned();
        let is_theirs = |coupon: &Coupon| {
            asked
                .holder
                .as_ref()
                .is_none_or(|who| *who == coupon.holder)
        };
        let Some(before) = held.filter(is_theirs) else {
            let is_free = asked.holder.is_none() && !self.coupons.contains_key(&asked.code);
            assert_eq!(
                is_free,
                matches!(
                    got,
                    SteppedCoupon::Move {
                        from: CouponState::Unassigned,
                        ..
                    }
                )
            );
            assert!(is_free || *got == SteppedCoupon::NoSuchCoupon, "{got:?}");
            return;
        };
        let redeemed = self.redeemed.entry(before.holder.clone()).or_default();
        let (expected, got) = match (before.step(&self.rules, step, *redeemed, now), got) {
            (Ok(expected), SteppedCoupon::Done { coupon, .. }) => (expected, coupon),
            (Err(StepRefused::Expired), SteppedCoupon::Expired)
            | (Err(StepRefused::Locked), SteppedCoupon::Locked)
            | (Err(StepRefused::LimitReached), SteppedCoupon::LimitReached) => return,
            (Err(StepRefused::Move { from, to }), got) => {
                return assert_eq!(*got, SteppedCoupon::Move { from, to });
            }
            (expected, got) => panic!("{before:?} {step:?} at {now:?}: {expected:?}, {got:?}"),
        };
        match expected {
            None => {
                assert_eq!(*got, None);
                *redeemed -= before.redemptions;
                self.coupons.remove(&asked.code);
            }
            Some(mut after) => {
                let mut got = got.clone().unwrap();
                // A lock that ended is nothing, whether it is still written down or not.
                for coupon in [&mut after, &mut got] {
                    coupon.lock = coupon.live_lock(now).cloned();
                }
                assert_eq!(got, after);
                *redeemed += after.redemptions - before.redemptions;
                self.coupons.insert(asked.code.clone(), after);
            }
        }
    }
}

/// The step as the store is asked for it.
fn asked(step: &Step) -> BookStep {
    match step.clone() {
        Step::Lock { token, lock_s } => BookStep::Lock {
            token,
            lock_s: Some(lock_s),
        },
        Step::Unlock { token } => BookStep::Unlock { token },
        Step::Redeem { token } => BookStep::Redeem { token },
        Step::Cancel => BookStep::Cancel,
    }
}

/// Moves every moment of a book into the past: Redis has no clock to turn.
async fn let_pass(store: &Store, book: &EventId, model: &mut Model, ms: i64) {
    const SHIFT: &str = r"
        local ends = redis.call('HGET', KEYS[1], 'expires_ms')
        if ends ~= '' then
            redis.call('HSET', KEYS[1], 'expires_ms', string.format('%d', ends - ARGV[1]))
        end
        local held = redis.call('HGETALL', KEYS[2])
        for i = 1, #held, 2 do
            local uses, at, ends, rest = string.match(held[i + 1], '^(%d+) (%d+) (%d+) (.*)$')
            if ends ~= '0' then
                ends = string.format('%d', ends - ARGV[1])
            end
            redis.call('HSET', KEYS[2], held[i], uses .. ' ' .. at .. ' ' .. ends .. ' ' .. rest)
        end";
    let keys = Keys::of(book);
    redis::Script::new(SHIFT)
        .key(keys.book())
        .key(keys.assigned())
        .arg(ms)
        .invoke_async::<()>(&mut store.connection())
        .await
        .unwrap();
    model.rules.expires_at = model.rules.expires_at.map(|at| at.plus(-ms));
    for coupon in model.coupons.values_mut() {
        if let Some(lock) = &mut coupon.lock {
            lock.until = lock.until.plus(-ms);
        }
    }
}

/// Makes a move at the store and at the model, which is asked for the moment at which the store decided. A refusal does not tell it:
/// that something is over is judged by the clock afterwards, all else by the clock before.
async fn make_move(store: &Store, book: &EventId, model: &mut Model, one: &Move) {
    match one {
        Move::Assign { who, code, count } => {
            let code = code.map(|n| format!("CODE-{n}"));
            let wanted = wants(*who, *count, code.as_deref());
            let before = store.now().await.unwrap();
            let got = store.assign(book, &wanted).await.unwrap();
            let at = match &got {
                Assigned::Assigned { at, .. } => *at,
                Assigned::Expired => store.now().await.unwrap(),
                _ => before,
            };
            model.assign(&wanted, &got, at);
        }
        Move::Step { who, code, step } => {
            let wanted = StepAsked {
                by: "test".into(),
                code: format!("CODE-{code}"),
                holder: who.map(holder),
                step: asked(step),
                metadata: None,
                once: None,
            };
            let before = store.now().await.unwrap();
            let got = store.step_coupon(book, &wanted).await.unwrap();
            let at = match &got {
                SteppedCoupon::Done { at, .. } => *at,
                SteppedCoupon::Expired => store.now().await.unwrap(),
                _ => before,
            };
            model.step(&wanted, step, &got, at);
        }
        Move::Pass(ms) => let_pass(store, book, model, *ms).await,
    }
}

async fn live(store: &Store, book: EventId, put: &str, moves: &[Move]) {
    let ends = store.now().await.unwrap().plus(3_000).to_string();
    let rules = make(store, &book, &put.replace("ENDS", &ends)).await;
    add(store, &book, &codes(0..CODES.into())).await;
    let mut model = Model {
        rules,
        coupons: BTreeMap::new(),
        redeemed: BTreeMap::new(),
    };
    for one in moves {
        make_move(store, &book, &mut model, one).await;
    }
    let free = free(store, &book).await;
    assert_eq!(
        free.len() + model.coupons.len(),
        CODES as usize,
        "no code is lost"
    );
    assert!(free.iter().all(|code| !model.coupons.contains_key(code)));
}

#[test]
fn random_lives_of_coupons_are_what_the_domain_says() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rig = runtime.block_on(Rig::start());
    let cases = std::cell::Cell::new(0);
    let config = Config {
        cases: 150,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&(rules(), moves()), |(rules, moves)| {
        cases.set(cases.get() + 1);
        let book = id(&format!("case-{}", cases.get()));
        runtime.block_on(live(&rig.store, book, &rules, &moves));
        Ok(())
    });
    outcome.unwrap();
}
