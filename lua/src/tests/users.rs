//! Users known by entry tokens: one place and one coupon each, whatever tokens they bring; and keys whose secrets nobody sees.

use domain::entry::{EntrySecrets, GivenKey};
use domain::event::EventPut;
use domain::place::{GoneReason, PlaceState};
use domain::{EventId, Holder, PlaceId};
use futures_util::future::join_all;

use super::{ADMIN, Rig, SOON, event, id, place, redeem};
use crate::{Entered, Look, OutboxReader, PutOutcome, Redeemed};

/// 32 bytes in base64url.
const SECRET: &str = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U";

/// The body of a PUT of an open event for users.
fn put(secret: &str) -> String {
    format!(
        r#"{{"title": "x", "stock": 5, "phase": "open", "admission": {{"rate_per_s": 1000000}}, "identity": "entry-token",
            "entry_keys": [{{"alg": "HS256", "k": "{secret}"}}]}}"#
    )
}

fn user(n: u64) -> Holder {
    format!("user-{n}").parse().unwrap()
}

impl Rig {
    async fn enter_as(&self, event: &EventId, n: u64, token: u64) -> Entered {
        let entered = self.store.enter_as(event, user(n), place(token)).await;
        entered.unwrap()
    }
}

#[tokio::test]
async fn all_who_enter_at_once_as_one_user_get_one_place_and_one_coupon() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make("demo", &put(SECRET)).await;
    let entered = join_all((1..=30).map(|token| rig.enter_as(&demo, 1, token))).await;
    let new = |entered: &&Entered| matches!(entered, Entered::New(_));
    assert_eq!(entered.iter().filter(new).count(), 1);
    rig.enter_as(&demo, 2, 99).await;
    assert_eq!(rig.store.figures(&demo).await.unwrap().unwrap().waiting, 2);
    for token in 1..=30 {
        assert_eq!(
            rig.store.whose(&demo, place(token)).await.unwrap(),
            Some(user(1))
        );
    }
    assert_eq!(rig.store.whose(&demo, place(77)).await.unwrap(), None);

    let admitted = rig.admitted(&demo, 2).await;
    let theirs = PlaceId::of_user(&demo, &user(1));
    let admitted = admitted.iter().find(|one| one.place == theirs).unwrap();
    let mut asked = redeem(admitted, "CODE-1");
    asked.holder = user(1);
    let passed = match rig.store.redeem(&demo, asked.clone()).await.unwrap() {
        Redeemed::Pass(issue) => issue,
        other => panic!("{other:?}"),
    };
    assert_eq!(passed.holder, user(1));
    let again = rig.store.redeem(&demo, asked).await.unwrap();
    assert_eq!(again, Redeemed::Replayed(passed.clone()));
    let redeemed = PlaceState::Redeemed(passed);
    assert_eq!(
        rig.store.look(&demo, &theirs).await.unwrap(),
        Look::Known(redeemed.clone())
    );
    assert_eq!(
        rig.store.leave(&demo, &theirs).await.unwrap(),
        Look::Known(redeemed.clone())
    );
    assert_eq!(rig.enter_as(&demo, 1, 31).await, Entered::Held(redeemed));
}

#[tokio::test]
async fn a_user_who_left_enters_at_the_back_and_a_token_is_its_last_users() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make("demo", &put(SECRET)).await;
    let first = rig.enter_as(&demo, 1, 1).await;
    rig.enter_as(&demo, 2, 2).await;
    let theirs = PlaceId::of_user(&demo, &user(1));
    let left = PlaceState::Gone {
        reason: GoneReason::Left,
    };
    assert_eq!(
        rig.store.leave(&demo, &theirs).await.unwrap(),
        Look::Known(left)
    );
    let again = rig.enter_as(&demo, 1, 3).await;
    assert!(
        matches!(again, Entered::New(_)) && again != first,
        "{again:?}"
    );
    rig.enter_as(&demo, 2, 3).await;
    assert_eq!(
        rig.store.whose(&demo, place(3)).await.unwrap(),
        Some(user(2))
    );
    assert_eq!(
        rig.store.whose(&demo, place(1)).await.unwrap(),
        Some(user(1))
    );
}

#[tokio::test]
async fn who_is_refused_leaves_nothing_behind() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make("demo", &put(SECRET).replace("open", "draft"))
        .await;
    assert_eq!(rig.enter_as(&demo, 1, 1).await, Entered::NotOpenYet);
    assert_eq!(rig.store.whose(&demo, place(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_new_secret_is_a_change_that_shows_no_secret() {
    let rig = Rig::start().await;
    let other = SECRET.replace("c2V", "d2V");
    let mut version = 0;
    for secret in [SECRET, SECRET, &other] {
        let body = put(secret);
        let given: EventPut = serde_json::from_str(&body).unwrap();
        let keys: Vec<GivenKey> = given.entry_keys.unwrap();
        let secrets = EntrySecrets::of(&keys);
        let outcome = rig
            .store
            .put_event_with_secrets(&event("demo", &body), version, ADMIN, Some(&secrets))
            .await;
        let (PutOutcome::Created(live) | PutOutcome::Held(live)) = outcome.unwrap() else {
            panic!("a conflict");
        };
        let changed = live.version != version;
        assert_eq!(changed, version == 0 || secret == other);
        version = live.version;
        let held = rig.store.entry_secrets(&id("demo")).await.unwrap();
        assert_eq!(held, secrets);
    }
    let audit = rig.store.audit(&id("demo"), None, 10).await.unwrap();
    let shown = format!("{audit:?}");
    assert!(
        shown.contains("HS256") && !shown.contains(SECRET) && !shown.contains(&other),
        "{shown}"
    );
    let mut reader = OutboxReader::connect(&rig.redis.settings()).await.unwrap();
    let records = reader.next(&[(id("demo"), 0)], 10, SOON).await.unwrap();
    let shown = format!("{records:?}");
    assert!(
        !shown.contains(SECRET) && !shown.contains(&other),
        "{shown}"
    );
}
