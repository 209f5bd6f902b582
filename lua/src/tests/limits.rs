//! Limits that are set live.

use std::collections::BTreeMap;

use serde_json::json;

use super::{ADMIN, Rig};

#[tokio::test]
async fn limits_are_kept_by_name_and_who_changed_them_is_told() {
    let rig = Rig::start().await;
    let set = async |limits: &[(&'static str, Option<&str>)]| {
        let limits: BTreeMap<&str, Option<String>> = limits
            .iter()
            .map(|(name, text)| (*name, text.map(str::to_owned)))
            .collect();
        rig.store.set_limits(&limits, ADMIN).await.unwrap();
        rig.store.limits().await.unwrap()
    };
    assert!(set(&[]).await.is_empty());
    let both = set(&[("enters", Some("1/2")), ("sockets", Some("off"))]).await;
    assert_eq!(json!(both), json!({ "enters": "1/2", "sockets": "off" }));
    set(&[("enters", Some("1/2"))]).await;
    let one = set(&[("enters", None), ("direct", None)]).await;
    assert_eq!(json!(one), json!({ "sockets": "off" }));
    let page = rig.store.limits_audit(None, 9).await.unwrap();
    let told: Vec<_> = page
        .entries
        .iter()
        .map(|entry| (entry.by.as_str(), entry.from.clone(), entry.to.clone()))
        .collect();
    assert_eq!(
        told,
        [
            (
                "admin",
                json!({ "enters": "1/2" }),
                json!({ "enters": null })
            ),
            (
                "admin",
                json!({ "enters": null, "sockets": null }),
                json!({ "enters": "1/2", "sockets": "off" })
            ),
        ]
    );
}
