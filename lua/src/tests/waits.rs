//! What gateways told of the waits that people were told.

use super::{Rig, id};
use crate::Waits;

#[tokio::test]
async fn what_several_gateways_counted_adds_up_and_of_an_unknown_event_nothing_is_kept() {
    let rig = Rig::start().await;
    let (demo, nowhere) = (id("demo"), id("nowhere"));
    rig.make("demo", r#"{"title":"Demo","stock":9}"#).await;
    let held = async || rig.store.figures(&demo).await.unwrap().unwrap().waits;
    assert_eq!(held().await, Waits::default());
    for (all, in_range) in [(3, 2), (1, 0)] {
        let waits = Waits { all, in_range };
        rig.store.tell_waits(&demo, waits).await.unwrap();
        rig.store.tell_waits(&nowhere, waits).await.unwrap();
    }
    let (all, in_range) = (4, 2);
    assert_eq!(held().await, Waits { all, in_range });
    // An event of this name, made later, begins at nothing.
    rig.make("nowhere", r#"{"title":"Late","stock":9}"#).await;
    let late = rig.store.figures(&nowhere).await.unwrap().unwrap();
    assert_eq!(late.waits, Waits::default());
}
