//! What an installation shares: leases and signing keys.

use std::time::Duration;

use domain::Random;
use domain::ticket::PublicKey;

use super::{Rig, SOON};
use crate::Lease;

/// Gives every owner this name.
pub(super) struct Named(pub(super) u8);

impl Random for Named {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

#[tokio::test]
async fn a_lease_has_one_holder_until_it_is_given_back() {
    let rig = Rig::start().await;
    let [one, two] = [1, 2].map(|name| Lease::new(&rig.store, "relay", &Named(name)));
    assert!(one.hold().await.unwrap());
    assert!(one.hold().await.unwrap(), "its holder renews it");
    assert!(!two.hold().await.unwrap());
    two.release().await;
    assert!(
        !two.hold().await.unwrap(),
        "another one's is not given back"
    );
    one.release().await;
    assert!(two.hold().await.unwrap());
}

#[tokio::test]
async fn a_lease_ends_when_its_holder_is_silent() {
    let rig = Rig::start().await;
    let [one, two] = [1, 2].map(|name| Lease::new(&rig.store, "relay", &Named(name)));
    assert!(one.hold_for(Duration::from_millis(30)).await.unwrap());
    tokio::time::timeout(SOON, two.take())
        .await
        .unwrap()
        .unwrap();
    assert!(!one.hold().await.unwrap());
    tokio::time::timeout(SOON, one.keep())
        .await
        .expect("whoever lost it hears so");
}

#[tokio::test]
async fn a_key_keeps_every_url_it_signed_under_newest_last() {
    let rig = Rig::start().await;
    assert_eq!(rig.store.public_keys().await.unwrap(), []);
    let key = |kid: &str, issuers: &[&str]| PublicKey {
        kid: kid.into(),
        x: format!("x-of-{kid}"),
        issuers: issuers.iter().map(|&url| url.to_owned()).collect(),
    };
    for issuer in ["http://one", "https://two", "http://one"] {
        rig.store.publish_key(&key("b", &[issuer])).await.unwrap();
    }
    rig.store
        .publish_key(&key("a", &["https://two"]))
        .await
        .unwrap();
    let held = rig.store.public_keys().await.unwrap();
    assert_eq!(
        held,
        [
            key("a", &["https://two"]),
            key("b", &["https://two", "http://one"])
        ]
    );
}

#[tokio::test]
async fn a_key_is_retired_when_its_last_ticket_has_ended_and_stays_so() {
    let rig = Rig::start().await;
    let store = &rig.store;
    let key = |kid: &str| PublicKey {
        kid: kid.into(),
        x: format!("x-of-{kid}"),
        issuers: vec!["http://one".to_owned()],
    };
    for kid in ["a", "b"] {
        store.publish_key(&key(kid)).await.unwrap();
    }
    let times = store.key_times().await.unwrap();
    assert!(times.shown["a"] <= times.shown["b"] && times.shown["b"] <= times.now);
    store.publish_key(&key("a")).await.unwrap();
    let again = store.key_times().await.unwrap();
    assert_eq!((again.shown, again.ends.len()), (times.shown, 0));

    let later = times.now.plus(60_000);
    assert!(!store.retire_key("a", later).await.unwrap());
    assert!(
        !store.retire_key("a", times.now).await.unwrap(),
        "its end stays"
    );
    assert_eq!(store.key_times().await.unwrap().ends["a"], later);
    assert!(store.retire_key("b", times.now).await.unwrap());
    assert_eq!(store.public_keys().await.unwrap(), [key("a")]);
    let retired = store.retired_keys().await.unwrap();
    assert_eq!(retired, [(key("b"), times.now)]);
    store.publish_key(&key("b")).await.unwrap();
    assert_eq!(store.public_keys().await.unwrap(), [key("a")], "for good");
}

#[tokio::test]
async fn the_last_ticket_of_all_events_is_found() {
    let rig = Rig::start().await;
    assert_eq!(rig.store.last_ticket_end().await.unwrap(), None);
    let mut ends = Vec::new();
    for (event, ttl_s) in [("one", 60), ("two", 900), ("three", 1)] {
        let put = format!(
            r#"{{"title":"Demo","stock":5,"phase":"open","admission":{{"rate_per_s":1000000,"ticket_ttl_s":{ttl_s}}}}}"#
        );
        rig.make(event, &put).await;
        let event = event.parse().unwrap();
        rig.enter(&event, 1..=2).await;
        ends.extend(
            rig.admitted(&event, 2)
                .await
                .into_iter()
                .map(|one| one.expires_at),
        );
    }
    let last = rig.store.last_ticket_end().await.unwrap();
    assert_eq!(last, ends.into_iter().max());
}
