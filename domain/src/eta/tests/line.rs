//! A simulated line. The clock is a number, luck a seed.

use std::time::Duration;

use crate::Millis;
use crate::eta::{Eta, Flow, Pace, Reading};
use crate::event::{Admission, Ramp};

/// Steps of the simulation in a second.
const STEPS: u32 = 20;
/// The length of one.
const STEP_S: f64 = 0.05;

/// A pace as it stands at a moment.
#[derive(Clone, Copy)]
pub struct Set {
    pub rate_per_s: f64,
    pub ramp: Option<Ramp>,
    /// What a brake divides it by.
    pub divisor: f64,
    pub paused: bool,
}

/// This rate, and nothing else.
pub const fn at(rate_per_s: f64) -> Set {
    Set {
        rate_per_s,
        ramp: None,
        divisor: 1.0,
        paused: false,
    }
}

/// From one rate to another, from the opening on.
pub const fn ramp(from_per_s: f64, rate_per_s: f64, over_s: i64) -> Set {
    let ramp = Ramp {
        from_per_s,
        since_ms: 0,
        until_ms: over_s * 1_000,
    };
    Set {
        ramp: Some(ramp),
        ..at(rate_per_s)
    }
}

/// A line and the people who come to it.
#[derive(Clone, Copy)]
pub struct Case {
    /// Who stand there at the opening.
    pub crowd: u32,
    /// Who come in each second after it.
    pub come_per_s: f64,
    /// The share of people who are not there when they are reached.
    pub absent: f64,
    /// The share of those in line who leave per second.
    pub leave: f64,
    /// The share of people with a ticket who take their coupon,
    pub take: f64,
    /// after so many seconds, the fastest and the slowest; the others let it lapse.
    pub after_s: (f64, f64),
    pub ticket_s: u32,
    pub capacity: u64,
    pub stock: u64,
    /// The pace at a second.
    pub pace: fn(f64) -> Set,
    /// Who are judged: those to whom a range was shown first between these seconds; when both are the same, everybody, by what
    /// is shown then.
    pub judged: (f64, f64),
    pub lasts_s: u32,
}

/// Ten a second, for ever; room and coupons for everybody; everybody there.
pub const STEADY: Case = Case {
    crowd: 1_000,
    come_per_s: 10.0,
    absent: 0.0,
    leave: 0.0,
    take: 0.9,
    after_s: (1.0, 20.0),
    ticket_s: 120,
    capacity: 1_000_000,
    stock: 1_000_000,
    pace: |_| at(10.0),
    judged: (0.0, 300.0),
    lasts_s: 900,
};

/// How it went.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Of so many people,
    pub people: u32,
    /// so many were shown a range that came true.
    pub right: u32,
    /// How wide the ranges were, and how long people waited, all together in seconds.
    widths: f64,
    waits: f64,
    /// What some of those in the wrong were shown, and how long they waited.
    wrong: Vec<(Eta, f64)>,
}

impl Outcome {
    fn judge(&mut self, shown: Eta, waited: f64) {
        self.people += 1;
        self.widths += (Duration::from_secs(shown.high).as_secs_f64())
            - Duration::from_secs(shown.low).as_secs_f64();
        self.waits += waited;
        if shown.holds(Duration::from_secs_f64(waited)) {
            self.right += 1;
        } else if self.wrong.len() < 5 {
            self.wrong.push((shown, waited));
        }
    }

    /// The share of those who were right, in percent.
    pub fn percent(&self) -> f64 {
        100.0 * f64::from(self.right) / f64::from(self.people)
    }

    /// How wide the ranges were, as a part of the waits.
    pub fn width(&self) -> f64 {
        self.widths / self.waits
    }
}

/// Dice.
struct Dice(u64);

impl Dice {
    /// From 0 up to 1.
    fn roll(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / 4_294_967_296.0
    }
}

#[derive(Default)]
struct Person {
    absent: bool,
    /// The range that counts down for them, and since when.
    shown: Option<(Eta, f64)>,
    /// The range by which they are judged, and since when.
    judged: Option<(Eta, f64)>,
}

struct Line {
    case: Case,
    dice: Dice,
    flow: Flow,
    people: Vec<Person>,
    tokens: f64,
    /// When each ticket that is out ends, and whether by a coupon.
    out: Vec<(f64, bool)>,
    admitted: u64,
    redeemed: u64,
    outcome: Outcome,
}

impl Case {
    /// Plays it.
    pub fn run(self) -> Outcome {
        let mut line = Line {
            case: self,
            dice: Dice(7),
            flow: Flow::default(),
            people: Vec::new(),
            tokens: 0.0,
            out: Vec::new(),
            admitted: 0,
            redeemed: 0,
            outcome: Outcome::default(),
        };
        (0..self.crowd).for_each(|_| line.enter());
        let mut coming = 0.0;
        for step in 0..self.lasts_s * STEPS {
            let now = f64::from(step) * STEP_S;
            coming += self.come_per_s * STEP_S;
            while coming >= 1.0 {
                coming -= 1.0;
                line.enter();
            }
            line.end_tickets(now);
            // As a gateway does: it reads every second, and looks after new people before the second is over.
            if step % STEPS == 0 {
                line.read(now);
            }
            if step % (STEPS / 4) == 0 {
                line.show(now);
            }
            line.leave();
            line.admit(now);
        }
        line.outcome
    }
}

impl Line {
    fn pace(&self, now: f64) -> Option<Pace> {
        let set = (self.case.pace)(now);
        (!set.paused).then(|| Pace {
            set: Admission {
                rate_per_s: set.rate_per_s,
                capacity: self.case.capacity,
                ticket_ttl_s: self.case.ticket_s.into(),
                ramp: set.ramp,
            },
            divisor: set.divisor,
        })
    }

    fn read(&mut self, now: f64) {
        self.flow.read(Reading {
            at: at_ms(now),
            pace: self.pace(now),
            drawing: false,
            waiting: self.people.len() as u64,
            admitted: self.admitted,
            outstanding: self.out.len() as u64,
            redeemed: self.redeemed,
            remaining: self.case.stock - self.redeemed,
        });
    }

    fn enter(&mut self) {
        let absent = self.dice.roll() < self.case.absent;
        self.people.push(Person {
            absent,
            ..Person::default()
        });
    }

    fn leave(&mut self) {
        let (dice, leave) = (&mut self.dice, self.case.leave * STEP_S);
        if leave > 0.0 {
            let before = self.people.len();
            self.people.retain(|_| dice.roll() >= leave);
            self.flow.left((before - self.people.len()) as u64);
        }
    }

    fn end_tickets(&mut self, now: f64) {
        let redeemed = &mut self.redeemed;
        self.out.retain(|&(ends, takes)| {
            *redeemed += u64::from(ends <= now && takes);
            ends > now
        });
    }

    /// Lets in who may be, and passes over the absent before them.
    fn admit(&mut self, now: f64) {
        let Some(pace) = self.pace(now) else { return };
        let per_s = pace.per_s(at_ms(now));
        self.tokens = (self.tokens + per_s * STEP_S).min(per_s.max(1.0));
        let may_be_out = self.case.capacity.min(self.case.stock - self.redeemed);
        let mut turned = 0;
        while self.tokens >= 1.0
            && (self.out.len() as u64) < may_be_out
            && turned < self.people.len()
        {
            let person = &self.people[turned];
            turned += 1;
            if person.absent {
                continue;
            }
            if let Some((shown, since)) = person.judged {
                self.outcome.judge(shown, now - since);
            }
            let takes = self.dice.roll() < self.case.take;
            let (fastest, slowest) = self.case.after_s;
            let lasts_s = if takes {
                fastest + (slowest - fastest) * self.dice.roll()
            } else {
                self.case.ticket_s.into()
            };
            self.out.push((now + lasts_s, takes));
            self.admitted += 1;
            self.tokens -= 1.0;
        }
        self.people.drain(..turned);
        self.flow.reached(turned as u64);
    }

    /// Shows everybody who has not seen one a range; when everybody is judged at one moment, the newest to all, as a slot does.
    fn show(&mut self, now: f64) {
        let outlook = self.flow.outlook();
        let (from, to) = self.case.judged;
        let at_once = (from - to).abs() < STEP_S;
        for (position, person) in (1..).zip(&mut self.people) {
            let first = person.shown.is_none();
            if !first && (!at_once || now > from) {
                continue;
            }
            let newest = outlook.as_ref().and_then(|outlook| outlook.range(position));
            let shown = person.shown.map(|(eta, since)| {
                let passed = Duration::from_secs_f64(now - since);
                eta.counted_down(passed.as_secs())
            });
            let next = newest.map(|newest| shown.map_or(newest, |shown| newest.after(shown)));
            if next != shown {
                person.shown = next.map(|next| (next, now));
            }
            let judges = if at_once {
                (now - from).abs() < STEP_S / 2.0
            } else {
                (from..to).contains(&now)
            };
            if judges && person.judged.is_none() && (first || at_once) {
                person.judged = next.map(|next| (next, now));
            }
        }
    }
}

fn at_ms(seconds: f64) -> Millis {
    let passed = Duration::from_secs_f64(seconds);
    Millis(i64::try_from(passed.as_millis()).unwrap())
}
