//! The bucket under a rate that goes to another in a straight line: by numbers of its own clock, and on the store's.

use domain::event::{Admission, AdmissionChange, Ramp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::state::{let_pass, now_us};
use super::{ADMIN, Rig, id};
use crate::{LiveEvent, SetOutcome, Store};

/// The part itself, on a clock that is an argument: tells of pauses and changes what was taken and what could come.
/// ARGV: 1 the first rate, then pairs: the µs that pass, and '' to take what there is or `rate lasts_ms` for a new rate.
/// Gives for each taking: µs, people taken, the rate in force.
const TIMELINE: &str = r"
    local event = { rate = ARGV[1], ramp = '', brake = ARGV[2] }
    local now, told = 1795280000000000, {}
    settle(KEYS[1], 0, now)
    for i = 3, #ARGV, 2 do
        now = now + ARGV[i]
        local rate, lasts_ms = string.match(ARGV[i + 1], '^(%S+) (%S+)$')
        if rate then
            local since_ms, from = math.floor(now / 1000), unbraked_at(event, now)
            settle(KEYS[1], tokens_at(KEYS[1], event, now), now)
            event.rate, event.ramp = rate, ''
            if tonumber(lasts_ms) > 0 then
                event.ramp = string.format('%s %d %d', plain(from), since_ms, since_ms + lasts_ms)
            end
        else
            local tokens = tokens_at(KEYS[1], event, now)
            settle(KEYS[1], tokens - math.floor(tokens), now)
            told[#told + 1] = string.format('%d %d %.9f', now, math.floor(tokens), rate_at(event, now))
        end
    end
    return told";

/// One step: so many µs pass, and then people are taken, or a rate is set that is reached after so many ms.
type Step = (u32, Option<(u32, u32)>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let rate = prop_oneof![0_u32..3, 0_u32..2_000];
    let change = prop::option::weighted(0.2, (rate, prop_oneof![Just(0), 1_u32..20_000]));
    let pause = prop_oneof![1_u32..50_000, 1_u32..3_000_000];
    prop::collection::vec((pause, change), 1..60)
}

/// A rate since a moment: where its line begins and at which rate, where it ends and at which; µs.
#[derive(Clone, Copy)]
struct Piece {
    holds: f64,
    begin: f64,
    from: f64,
    end: f64,
    to: f64,
}

/// What was taken, when, and the rate at each moment by the same steps, reckoned anew.
struct Line {
    pieces: Vec<Piece>,
    taken: Vec<(f64, f64)>,
}

impl Line {
    fn of(now: f64, rate: f64) -> Self {
        let still = Piece {
            holds: now,
            begin: now,
            from: rate,
            end: now,
            to: rate,
        };
        Self {
            pieces: vec![still],
            taken: Vec::new(),
        }
    }

    /// From now on the rate goes to another.
    fn turn(&mut self, now: f64, to: f64, lasts_ms: u32) {
        // A ramp begins at a whole millisecond.
        let begin = if lasts_ms > 0 {
            (now / 1_000.0).floor() * 1_000.0
        } else {
            now
        };
        self.pieces.push(Piece {
            holds: now,
            begin,
            from: self.rate_at(now),
            end: begin + f64::from(lasts_ms) * 1_000.0,
            to,
        });
    }

    fn rate_at(&self, at: f64) -> f64 {
        let held = self.pieces.iter().rfind(|one| one.holds <= at).unwrap();
        if at >= held.end {
            held.to
        } else {
            held.from + (held.to - held.from) * (at - held.begin) / (held.end - held.begin)
        }
    }

    /// The area under the rate, in people, by thin slices.
    fn area(&self, from: f64, to: f64) -> f64 {
        let pieces = self.pieces.iter();
        let mut bends: Vec<f64> = pieces.flat_map(|one| [one.holds, one.end]).collect();
        bends.extend([from, to]);
        bends.retain(|bend| (from..=to).contains(bend));
        bends.sort_by(f64::total_cmp);
        let slices = bends.windows(2).filter(|pair| pair[1] > pair[0]);
        slices
            .map(|pair| {
                // Within a slice the rate is a straight line; a jump is at its beginning.
                let inside = |part: f64| self.rate_at(pair[0] + (pair[1] - pair[0]) * part);
                f64::midpoint(inside(0.25), inside(0.75)) * (pair[1] - pair[0]) / 1e6
            })
            .sum()
    }
}

/// The part in a script that plays a timeline.
fn player() -> redis::Script {
    let part = concat!(
        include_str!("../../scripts/parts/pace.lua"),
        "\nreturn (function()\n"
    );
    redis::Script::new(&format!("{part}{TIMELINE}\nend)()"))
}

async fn timeline(store: &Store, divisor: u32, steps: &[Step]) -> Line {
    let brake = if divisor > 1 {
        format!("{divisor} 1 1 failed 1.000")
    } else {
        String::new()
    };
    let script = player();
    let mut call = script.key("pace");
    call.arg("5").arg(brake);
    let (mut now, by) = (1_795_280_000_000_000.0, f64::from(divisor));
    let mut line = Line::of(now, 5.0 / by);
    for (pause, change) in steps {
        now += f64::from(*pause);
        call.arg(*pause);
        if let Some((rate, lasts_ms)) = change {
            call.arg(format!("{rate} {lasts_ms}"));
            line.turn(now, f64::from(*rate) / by, *lasts_ms);
        } else {
            call.arg("");
        }
    }
    let told: Vec<String> = call.invoke_async(&mut store.connection()).await.unwrap();
    for one in told {
        let parts: Vec<f64> = one.split(' ').map(|part| part.parse().unwrap()).collect();
        let expected = line.rate_at(parts[0]);
        let off = (parts[2] - expected).abs();
        assert!(off < 1e-3 * expected.max(1.0), "{} is {expected}", parts[2]);
        line.taken.push((parts[0], parts[1]));
    }
    line
}

/// In any stretch of time no more than came at the rate in force, and one second's burst of the rate at its beginning.
fn assert_paced(line: &Line) {
    for (first, (from, _)) in line.taken.iter().enumerate() {
        let mut taken = 0.0;
        for (to, people) in &line.taken[first..] {
            taken += people;
            let rate = line.rate_at(*from);
            let burst = if rate > 0.0 { rate.max(1.0) } else { 0.0 };
            let most = burst + line.area(*from, *to);
            assert!(
                taken <= most + 1e-2 + most * 1e-6,
                "{taken} of {most} in {} s",
                (to - from) / 1e6
            );
        }
    }
}

#[test]
fn a_ramp_never_lets_in_more_than_the_area_under_the_rate_and_a_burst() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rig = runtime.block_on(Rig::start());
    let store = &rig.store;
    let mut runner = TestRunner::new(Config::with_cases(300));
    let cases = (prop_oneof![Just(1_u32), Just(4)], steps());
    runner
        .run(&cases, |(divisor, steps)| {
            assert_paced(&runtime.block_on(timeline(store, divisor, &steps)));
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_ramp_gives_all_that_the_area_under_the_rate_holds() {
    let rig = Rig::start().await;
    // From 5 to 1005 in ten seconds, taken every tenth of a second: 50 + 5000 people.
    let mut steps: Vec<Step> = vec![(1, Some((1_005, 10_000)))];
    steps.extend([(100_000, None); 100]);
    let line = timeline(&rig.store, 1, &steps).await;
    let taken: f64 = line.taken.iter().map(|(_, people)| people).sum();
    assert!((5_048.0..=5_051.0).contains(&taken), "{taken}");
}

/// A rate that is set, with a ramp of so many seconds.
fn rate(rate_per_s: f64, ramp_s: u64) -> AdmissionChange {
    AdmissionChange {
        rate_per_s: Some(rate_per_s),
        ramp_s: Some(ramp_s),
        ..AdmissionChange::default()
    }
}

async fn set(rig: &Rig, change: AdmissionChange) -> LiveEvent {
    let set = rig
        .store
        .change_admission(&id("demo"), change, ADMIN)
        .await
        .unwrap();
    match set {
        SetOutcome::Set(live) => live,
        other => panic!("{other:?}"),
    }
}

async fn held(rig: &Rig) -> LiveEvent {
    rig.store.event(&id("demo")).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_ramp_goes_from_what_is_in_force_by_the_stores_clock() {
    let rig = Rig::start().await;
    let demo = id("demo");
    let put = r#"{"title":"Demo","stock":9,"phase":"open","admission":{"rate_per_s":100}}"#;
    rig.make("demo", put).await;
    let begun = set(&rig, rate(1_100.0, 1_000)).await;
    let Some(Ramp {
        from_per_s,
        since_ms,
        until_ms,
    }) = begun.event.admission.ramp
    else {
        panic!("{begun:?}")
    };
    assert_eq!(
        (from_per_s.to_bits(), until_ms - since_ms),
        (100_f64.to_bits(), 1_000_000)
    );
    assert_eq!(begun.at.0, since_ms);
    let_pass(&rig.store, &demo, 500_000).await;
    let half = held(&rig).await;
    assert!(
        (590.0..=620.0).contains(&half.rate_in_force_per_s),
        "{half:?}"
    );
    assert_eq!(
        half.event.admission.rate_per_s.to_bits(),
        1_100_f64.to_bits()
    );

    // Another part of the pace, and a put that names the same rate, leave the ramp alone.
    let capacity = AdmissionChange {
        capacity: Some(5),
        ..AdmissionChange::default()
    };
    assert!(set(&rig, capacity).await.event.admission.ramp.is_some());
    let same = r#"{"title":"Other","admission":{"rate_per_s":1100}}"#;
    assert!(rig.change(&demo, same).await.event.admission.ramp.is_some());
}

#[tokio::test]
async fn a_ramp_goes_on_from_where_another_is_and_leaves_no_trace() {
    let rig = Rig::start().await;
    let demo = id("demo");
    let put = r#"{"title":"Demo","stock":9,"phase":"open","admission":{"rate_per_s":100}}"#;
    rig.make("demo", put).await;
    set(&rig, rate(1_100.0, 1_000)).await;
    let_pass(&rig.store, &demo, 500_000).await;
    // Another ramp goes on from where the first one is.
    let down = set(&rig, rate(0.0, 1_000)).await;
    let from = down.event.admission.ramp.unwrap().from_per_s;
    assert!((590.0..=650.0).contains(&from), "{from}");
    let_pass(&rig.store, &demo, 1_000_000).await;
    let over = held(&rig).await;
    assert_eq!(
        over.event.admission,
        Admission {
            rate_per_s: 0.0,
            capacity: 9,
            ticket_ttl_s: 120,
            ramp: None
        }
    );
    assert_eq!(over.rate_in_force_per_s.to_bits(), 0_f64.to_bits());
    let version = over.version;
    assert_eq!(
        set(&rig, rate(0.0, 0)).await.version,
        version,
        "the same again changes nothing"
    );

    // A put that names another rate sets it at once, and so does a rate without a ramp.
    set(&rig, rate(50.0, 60)).await;
    let put = rig.change(&demo, r#"{"admission":{"rate_per_s":7}}"#).await;
    assert_eq!(
        (put.event.admission.ramp, put.rate_in_force_per_s.to_bits()),
        (None, 7_f64.to_bits())
    );
    set(&rig, rate(50.0, 60)).await;
    let at_once = set(&rig, rate(50.0, 0)).await;
    assert_eq!(at_once.event.admission.ramp, None);
    assert_eq!(at_once.rate_in_force_per_s.to_bits(), 50_f64.to_bits());
    let audit = rig.store.audit(&demo, None, 50).await.unwrap().entries;
    assert_eq!(audit[0].from, serde_json::json!({ "ramp_s": 60 }));
}

#[tokio::test]
async fn people_are_let_in_along_the_ramp() {
    let rig = Rig::start().await;
    let demo = id("demo");
    let put = r#"{"title":"Demo","stock":900,"phase":"open","presence_s":3600,"admission":{"rate_per_s":0}}"#;
    rig.make("demo", put).await;
    rig.enter(&demo, 1..=120).await;
    // In 1000 s to 0.1 per second: after 400 s 8 have come by, but the burst of a slow rate is one.
    set(&rig, rate(0.1, 1_000)).await;
    let begun = now_us(&rig.store).await;
    let mut let_in = 0;
    for _ in 0..400 {
        let_pass(&rig.store, &demo, 1_000).await;
        let_in += rig
            .store
            .admit(&demo, "key", 9)
            .await
            .unwrap()
            .admitted
            .len();
    }
    let real_s = (now_us(&rig.store).await - begun) / 1_000_000;
    assert!(real_s < 60, "too slow to tell");
    assert!((7..=11).contains(&let_in), "{let_in}");
}
