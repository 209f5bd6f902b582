//! How a role starts and stops: configuration, telemetry, health, problems, throttle, lifecycle. It knows HTTP and the
//! process, and no business.

pub mod accept;
pub mod admin;
pub mod client_address;
pub mod config;
pub mod doors;
pub mod extract;
pub mod health;
pub mod lifecycle;
pub mod list;
pub mod outage;
pub mod problem;
pub mod reply;
pub mod request_id;
pub mod system;
pub mod telemetry;
pub mod throttle;
pub mod visitor;

pub use client_address::{ClientAddress, TrustedProxies};
pub use doors::Role;
pub use extract::{Asked, IdempotencyKey, Json, Keyed, KeyedCall, Path, Query};
pub use health::Health;
pub use lifecycle::Lifecycle;
pub use outage::Outage;
pub use problem::Problem;
pub use throttle::{Action, Throttle};
pub use visitor::VisitorRules;
