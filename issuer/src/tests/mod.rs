//! The role as a whole; each endpoint has its tests beside it.

mod book_ack;
mod full;
pub mod rig;

use std::num::NonZeroU32;

use chassis::throttle::{Limits, Rate};

use super::*;
use rig::{Rig, issuer, open, parts, redeem_at};

#[tokio::test]
async fn redeeming_counts_as_requests_of_the_address() {
    let rig = Rig::start().await;
    let demo = rig.event("demo", open(5, "redis")).await;
    let visitor = rig.visitor(&demo).await;
    let once = Limits {
        requests: Some(Rate {
            per_s: NonZeroU32::MIN,
            burst: NonZeroU32::MIN,
        }),
        ..Limits::default()
    };
    let limited = Parts {
        throttle: Throttle::new(once),
        ..parts(&rig.settings, &rig.ledger, &rig.lifecycle).await
    };
    let router = issuer(limited).await;
    redeem_at(&router, "demo", &visitor).await.passed(false);
    let reply = redeem_at(&router, "demo", &visitor).await;
    reply.refused(429, "slow-down");
}

#[test]
fn every_call_is_described() {
    let api = Api::openapi();
    for path in [
        "/api/v1/events/{event}/redemptions",
        "/api/v1/events/{event}/redemptions/me",
        "/.well-known/jwks.json",
    ] {
        assert!(api.paths.paths.contains_key(path), "{path}");
    }
}
