//! What an installation shares: leases and signing keys.

use std::time::Duration;

use domain::Random;
use domain::ticket::PublicKey;

use super::{Rig, SOON};
use crate::Lease;

/// Gives every owner this name.
struct Named(u8);

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
