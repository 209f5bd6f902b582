//! Limits per client address (IPv6 by /64), by named action, changed while they are in force. Memory stays flat under spoofed
//! addresses.

pub(crate) mod limits;
mod misses;
mod table;

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use domain::Refusal;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;

use crate::client_address::ClientAddress;
use crate::problem::Problem;
pub use limits::{LimitName, Limits, Rate};
use misses::Misses;
use table::BoundedTable;

/// How long a client with too many sockets is told to wait, in seconds.
const SOCKET_WAIT_S: u32 = 5;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Entering a line.
    Enter,
    /// Any other visitor or redeem call.
    Request,
    /// A call without a line.
    Direct,
}

/// Whom a limit counts: an IPv4 address, or an IPv6 /64, which is what one subscriber is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    V4(u32),
    V6(u64),
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                let prefix = [a, b, c, d];
                Self::V6(
                    prefix
                        .iter()
                        .fold(0, |bits, &part| bits << 16 | u64::from(part)),
                )
            }
        }
    }
}

/// One action's limit: governor's token bucket (GCRA) over a table that does not grow past its bound.
struct Limiter<K: Hash + Eq + Clone, C: Clock> {
    buckets: RateLimiter<K, BoundedTable<K>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Limiter<K, C> {
    fn new(rate: Rate, clock: C) -> Self {
        let quota = Quota::per_second(rate.per_s).allow_burst(rate.burst);
        Self::of(quota, clock)
    }

    fn of(quota: Quota, clock: C) -> Self {
        Self {
            buckets: RateLimiter::new(quota, BoundedTable::default(), clock.clone()),
            clock,
        }
    }

    /// Counts one call; how long to wait when it is one too many.
    fn check(&self, whom: &K) -> Result<(), Duration> {
        self.buckets
            .check_key(whom)
            .map_err(|until| until.wait_time_from(self.clock.now()))
    }
}

/// A limit on calls, or none.
type Calls = Option<Arc<Limiter<Network, DefaultClock>>>;

/// The limits in force, with what they have counted.
struct InForce {
    limits: Limits,
    enters: Calls,
    requests: Calls,
    direct: Calls,
}

impl InForce {
    /// The limits that come after these: one that stays as it is goes on counting, another begins anew.
    fn followed_by(&self, limits: Limits) -> Self {
        let next = |held: &Calls, before: Option<Rate>, rate: Option<Rate>| {
            if before == rate {
                held.clone()
            } else {
                calls(rate)
            }
        };
        Self {
            enters: next(&self.enters, self.limits.enters, limits.enters),
            requests: next(&self.requests, self.limits.requests, limits.requests),
            direct: next(&self.direct, self.limits.direct, limits.direct),
            limits,
        }
    }

    fn is_exempt(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let exempt = &self.limits.exempt;
        exempt.iter().any(|network| network.contains(&address))
    }
}

fn calls(rate: Option<Rate>) -> Calls {
    rate.map(|rate| Arc::new(Limiter::new(rate, DefaultClock::default())))
}

/// Counts calls and sockets per address.
pub struct Throttle {
    in_force: ArcSwap<InForce>,
    passwords: Limiter<Network, DefaultClock>,
    guesses: Limiter<u64, DefaultClock>,
    codes: Misses<DefaultClock>,
    /// Open sockets by whom they belong to; as long as the sockets are open, and no longer. They are counted without a limit,
    /// too: there may be one before they are closed.
    sockets: Mutex<HashMap<Network, u32>>,
}

/// One open socket's share of its address's limit; given back when dropped.
pub struct SocketPermit {
    /// `None` for an exempt address.
    counted: Option<(Arc<Throttle>, Network)>,
}

impl Throttle {
    /// A throttle with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            in_force: ArcSwap::from_pointee(InForce {
                enters: calls(limits.enters),
                requests: calls(limits.requests),
                direct: calls(limits.direct),
                limits,
            }),
            passwords: Limiter::of(passwords(), DefaultClock::default()),
            guesses: Limiter::of(guesses(), DefaultClock::default()),
            codes: Misses::new(codes(), DefaultClock::default()),
            sockets: Mutex::default(),
        })
    }

    /// Puts other limits in force, now. What those that stay as they are have counted goes on; sockets that are open stay open.
    pub fn change(&self, limits: Limits) {
        let held = self.in_force.load();
        if held.limits != limits {
            self.in_force.store(Arc::new(held.followed_by(limits)));
        }
    }

    /// Counts one call; `slow-down` with `Retry-After` when it is one too many.
    pub fn check(&self, action: Action, address: IpAddr) -> Result<(), Problem> {
        let in_force = self.in_force.load();
        let limiter = match action {
            Action::Enter => &in_force.enters,
            Action::Request => &in_force.requests,
            Action::Direct => &in_force.direct,
        };
        let Some(limiter) = limiter else {
            return Ok(());
        };
        if in_force.is_exempt(address) {
            return Ok(());
        }
        limiter.check(&address.into()).map_err(too_fast)
    }

    /// Counts one password from `address` for whatever `account` stands for: slowly for each address, more slowly for each
    /// account, wherever the guesses come from.
    pub fn password(&self, address: IpAddr, account: u64) -> Result<(), Problem> {
        if !self.in_force.load().is_exempt(address) {
            self.passwords.check(&address.into()).map_err(too_fast)?;
        }
        self.guesses.check(&account).map_err(too_fast)
    }

    /// Refuses an account that has named too many codes which are not its own.
    pub fn code(&self, account: &str) -> Result<(), Problem> {
        self.codes.check(account).map_err(too_fast)
    }

    /// Counts a code that is not the account's.
    pub fn wrong_code(&self, account: &str) {
        self.codes.count(account);
    }

    /// Takes a socket's share; `slow-down` when the address has as many as it may.
    pub fn socket(self: &Arc<Self>, address: IpAddr) -> Result<SocketPermit, Problem> {
        let in_force = self.in_force.load();
        if in_force.is_exempt(address) {
            return Ok(SocketPermit { counted: None });
        }
        let network = Network::from(address);
        let mut sockets = self.sockets.lock();
        let open = sockets.entry(network).or_default();
        if let Some(most) = in_force.limits.sockets.filter(|most| *open >= *most) {
            let detail = format!("At most {most} sockets per address; close one first.");
            return Err(Problem::new(Refusal::SlowDown, detail).retry_after(SOCKET_WAIT_S));
        }
        *open += 1;
        Ok(SocketPermit {
            counted: Some((self.clone(), network)),
        })
    }

    /// Puts the check of `action` in front of every route of `routes`.
    pub fn limit<S: Clone + Send + Sync + 'static>(
        self: &Arc<Self>,
        action: Action,
        routes: Router<S>,
    ) -> Router<S> {
        routes.route_layer(middleware::from_fn_with_state(
            (self.clone(), action),
            check,
        ))
    }
}

/// Passwords from one address: sixty at once, then one each second. An office behind one address signs in within a minute.
fn passwords() -> Quota {
    Quota::per_second(NonZeroU32::MIN).allow_burst(NonZeroU32::MIN.saturating_add(59))
}

/// Passwords for one account: ten at once, then ten a minute.
fn guesses() -> Quota {
    Quota::per_minute(NonZeroU32::MIN.saturating_add(9))
}

/// Codes that are not the account's: twenty at once, then twenty a minute.
fn codes() -> Quota {
    Quota::per_minute(NonZeroU32::MIN.saturating_add(19))
}

fn too_fast(wait: Duration) -> Problem {
    let wait_s = u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
    Problem::from(Refusal::SlowDown).retry_after(wait_s.max(1))
}

async fn check(
    State((throttle, action)): State<(Arc<Throttle>, Action)>,
    ClientAddress(address): ClientAddress,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    throttle.check(action, address)?;
    Ok(next.run(request).await)
}

impl Drop for SocketPermit {
    fn drop(&mut self) {
        let Some((throttle, network)) = &self.counted else {
            return;
        };
        let mut sockets = throttle.sockets.lock();
        if let Some(open) = sockets.get_mut(network) {
            *open -= 1;
            if *open == 0 {
                sockets.remove(network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::header::RETRY_AFTER;
    use axum::response::IntoResponse as _;
    use axum::routing::get;
    use governor::clock::FakeRelativeClock;
    use proptest::prelude::*;
    use tower::ServiceExt as _;

    use super::*;

    fn rate(per_s: u32, burst: u32) -> Rate {
        Rate {
            per_s: per_s.try_into().unwrap(),
            burst: burst.try_into().unwrap(),
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    proptest! {
        /// Over any span, at most burst + rate × span; and one address never spends another's.
        #[test]
        fn no_address_gets_more_than_its_burst_and_its_rate(
            per_s in 1u32..50, burst in 1u32..50,
            calls in prop::collection::vec((0u64..400, 0u32..3), 1..200),
        ) {
            let clock = FakeRelativeClock::default();
            let limiter = Limiter::new(rate(per_s, burst), clock.clone());
            let (mut passed, mut elapsed_ms) = ([0u64; 3], 0);
            for (pause_ms, who) in calls {
                clock.advance(Duration::from_millis(pause_ms));
                elapsed_ms += pause_ms;
                let got = limiter.check(&Network::V4(who));
                passed[who as usize] += u64::from(got.is_ok());
                let most = u64::from(burst) + u64::from(per_s) * elapsed_ms / 1_000 + 1;
                prop_assert!(passed[who as usize] <= most);
                prop_assert!(got.is_ok() || passed[who as usize] >= u64::from(burst));
            }
        }
    }

    #[test]
    fn one_too_many_is_told_how_long_to_wait_and_passes_after_it() {
        let clock = FakeRelativeClock::default();
        let limiter = Limiter::new(rate(2, 3), clock.clone());
        let one = Network::V4(1);
        for _ in 0..3 {
            assert_eq!(limiter.check(&one), Ok(()));
        }
        let wait = limiter.check(&one).unwrap_err();
        assert_eq!(wait, Duration::from_millis(500));
        clock.advance(wait);
        assert_eq!(limiter.check(&one), Ok(()));
        assert_eq!(limiter.check(&Network::V4(2)), Ok(()));
    }

    #[test]
    fn an_ipv6_subscriber_is_one_address_and_a_mapped_ipv4_is_that_ipv4() {
        let network = |text| Network::from(ip(text));
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }

    #[test]
    fn limits_are_per_action_and_exempt_networks_have_none() {
        let throttle = Throttle::new(Limits {
            enters: Some(rate(1, 1)),
            requests: Some(rate(1, 2)),
            exempt: vec!["10.0.0.0/8".parse().unwrap()],
            ..Limits::default()
        });
        let visitor = ip("192.0.2.1");
        assert!(throttle.check(Action::Enter, visitor).is_ok());
        let problem = throttle.check(Action::Enter, visitor).unwrap_err();
        assert_eq!(problem.refusal(), Refusal::SlowDown);
        assert_eq!(problem.into_response().headers()[RETRY_AFTER], "1");
        assert!(throttle.check(Action::Request, visitor).is_ok());
        for _ in 0..9 {
            assert!(throttle.check(Action::Enter, ip("10.1.2.3")).is_ok());
            assert!(throttle.check(Action::Enter, ip("::ffff:10.1.2.3")).is_ok());
            assert!(throttle.check(Action::Direct, visitor).is_ok());
        }
    }

    #[test]
    fn a_socket_gives_its_share_back_and_leaves_no_trace() {
        let throttle = Throttle::new(Limits {
            sockets: Some(2),
            ..Limits::default()
        });
        let visitor = ip("2001:db8::1");
        let first = throttle.socket(visitor).unwrap();
        let second = throttle.socket(ip("2001:db8::2")).unwrap();
        assert!(throttle.socket(visitor).is_err());
        drop(first);
        let third = throttle.socket(visitor).unwrap();
        assert!(throttle.socket(visitor).is_err());
        drop((second, third));
        assert!(throttle.sockets.lock().is_empty());
    }

    #[test]
    fn a_changed_limit_counts_anew_and_the_others_go_on() {
        let before = Limits {
            enters: Some(rate(1, 1)),
            requests: Some(rate(1, 1)),
            ..Limits::default()
        };
        let throttle = Throttle::new(before.clone());
        let visitor = ip("192.0.2.1");
        let passes = |action| throttle.check(action, visitor).is_ok();
        assert!(passes(Action::Enter) && passes(Action::Request));
        assert!(!passes(Action::Enter) && !passes(Action::Request));
        let open = [0; 3].map(|_| throttle.socket(visitor).unwrap());
        throttle.change(Limits {
            enters: Some(rate(1, 2)),
            sockets: Some(3),
            ..before.clone()
        });
        assert!(passes(Action::Enter) && passes(Action::Enter) && !passes(Action::Enter));
        assert!(!passes(Action::Request), "its bucket was empty");
        assert!(
            throttle.socket(visitor).is_err(),
            "those open before count, too"
        );
        throttle.change(Limits {
            exempt: vec!["192.0.2.0/24".parse().unwrap()],
            ..before.clone()
        });
        assert!(passes(Action::Request));
        throttle.change(before);
        drop(open);
        assert!(throttle.sockets.lock().is_empty());
    }

    #[test]
    fn guesses_are_counted_by_account_and_by_address() {
        let throttle = Throttle::new(Limits::default());
        let address = |n: u8| ip(&format!("192.0.2.{n}"));
        for n in 0..10 {
            assert!(throttle.password(address(n), 1).is_ok(), "{n}");
        }
        let slowed = throttle.password(address(99), 1).unwrap_err();
        assert_eq!(slowed.refusal(), Refusal::SlowDown);
        for account in 2..62 {
            assert!(
                throttle.password(address(200), account).is_ok(),
                "{account}"
            );
        }
        assert!(throttle.password(address(200), 99).is_err());
        assert!(throttle.password(address(201), 99).is_ok());
    }

    #[tokio::test]
    async fn a_limited_route_answers_429() {
        let throttle = Throttle::new(Limits {
            requests: Some(rate(1, 1)),
            ..Limits::default()
        });
        let routes: Router = throttle.limit(
            Action::Request,
            Router::new().route("/", get(|| async { "in" })),
        );
        for status in [200, 429] {
            let mut request = Request::get("/").body(Body::empty()).unwrap();
            request
                .extensions_mut()
                .insert(ClientAddress(ip("192.0.2.1")));
            let reply = routes.clone().oneshot(request).await.unwrap();
            assert_eq!(reply.status(), status);
        }
    }
}
