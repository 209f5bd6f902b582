//! What an installation shares: leases and signing keys.

use std::time::Duration;

use domain::ticket::PublicKey;

use super::{Rig, SOON};
use crate::Lease;

fn lease(owner: &str) -> Lease {
    Lease {
        name: "relay",
        owner: owner.into(),
    }
}

#[tokio::test]
async fn a_lease_has_one_holder_until_it_is_given_back() {
    let rig = Rig::start().await;
    let store = &rig.store;
    let (one, two) = (lease("one"), lease("two"));
    assert!(store.hold_lease(&one, SOON).await.unwrap());
    assert!(
        store.hold_lease(&one, SOON).await.unwrap(),
        "its holder renews it"
    );
    assert!(!store.hold_lease(&two, SOON).await.unwrap());
    store.release_lease(&two).await.unwrap();
    assert!(
        !store.hold_lease(&two, SOON).await.unwrap(),
        "another one's is not given back"
    );
    store.release_lease(&one).await.unwrap();
    assert!(store.hold_lease(&two, SOON).await.unwrap());
}

#[tokio::test]
async fn a_lease_ends_when_its_holder_is_silent() {
    let rig = Rig::start().await;
    assert!(
        rig.store
            .hold_lease(&lease("one"), Duration::from_millis(30))
            .await
            .unwrap()
    );
    let taken = async {
        while !rig.store.hold_lease(&lease("two"), SOON).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, taken).await.unwrap();
    assert!(!rig.store.hold_lease(&lease("one"), SOON).await.unwrap());
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
