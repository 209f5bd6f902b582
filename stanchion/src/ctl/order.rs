//! What can be ordered from a terminal.

use client::{AdmissionChange, EventPut, LimitsChange, Moment, Phase};
use serde_json::Map;

use super::draw::DrawOrder;

/// An order.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Order {
    /// One that needs the admin token.
    #[command(flatten)]
    Admin(AdminOrder),
    /// The draw of a lobby.
    #[command(subcommand)]
    Draw(DrawOrder),
}

/// An order to the admin API.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum AdminOrder {
    /// Events: list them, show one, make or change one.
    #[command(subcommand)]
    Event(EventOrder),
    /// Lets so many visitors in per second; 0 stops admission.
    Rate {
        /// The event.
        event: String,
        /// Visitors per second; fractions such as 0.5 are allowed.
        per_s: f64,
        /// Over so many seconds, in a straight line from the rate in force; at once when not given.
        #[arg(long)]
        ramp_s: Option<u64>,
    },
    /// Moves an event to another phase.
    Phase {
        /// The event.
        event: String,
        /// draft, lobby, open, paused, draining or closed.
        phase: Phase,
    },
    /// Adds coupons.
    Stock {
        /// The event.
        event: String,
        /// How many more.
        add: u64,
    },
    /// The limits per client address: shows them, or sets those that are given, for every process.
    Limits(LimitsArgs),
    /// The keys that tickets are signed with.
    #[command(subcommand)]
    Keys(KeysOrder),
    /// Messages of the log that could not be made rows of the ledger.
    #[command(subcommand)]
    Dead(DeadOrder),
    /// Who changed what, newest first.
    Audit {
        /// The event.
        event: String,
        /// At most so many entries.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

/// An order about events.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum EventOrder {
    /// All events with their figures.
    List,
    /// One event with its figures and settings.
    Show {
        /// The event.
        event: String,
    },
    /// Makes an event, or changes it: what is not given stays.
    Put(Box<PutArgs>),
}

/// What is to be set of the limits per client address.
#[derive(Clone, Debug, clap::Args)]
pub struct LimitsArgs {
    /// Entering a line, such as 20/40 (calls per second and at once), off, or flag: what each process was started with.
    #[arg(long)]
    pub enters: Option<String>,
    /// Other visitor and redeem calls, likewise.
    #[arg(long)]
    pub requests: Option<String>,
    /// Open sockets, off, or flag.
    #[arg(long)]
    pub sockets: Option<String>,
    /// Calls without a line, as --enters.
    #[arg(long)]
    pub direct: Option<String>,
    /// Networks without limits, joined by commas, off, or flag.
    #[arg(long)]
    pub exempt: Option<String>,
}

impl LimitsArgs {
    /// The body of the call.
    pub fn change(&self) -> LimitsChange {
        [
            ("enters", &self.enters),
            ("requests", &self.requests),
            ("sockets", &self.sockets),
            ("direct", &self.direct),
            ("exempt", &self.exempt),
        ]
        .into_iter()
        .filter_map(|(name, given)| {
            let text = given.as_ref()?;
            let set = (text != "flag").then(|| text.clone());
            Some((name.to_owned(), set))
        })
        .collect()
    }
}

/// An order about keys.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum KeysOrder {
    /// All keys that are shown.
    List,
    /// Makes the next key; it signs as soon as everybody has heard of it.
    Rotate,
}

/// An order about dead letters.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum DeadOrder {
    /// Those that nobody has decided on, oldest first.
    List,
    /// One of them, with its message and what was done about it.
    Show {
        /// Its number.
        id: i64,
    },
    /// Sends them again, after a mend. Each lands once, however often it is sent.
    Redrive {
        /// Their numbers.
        #[arg(required_unless_present = "all")]
        ids: Vec<i64>,
        /// All that nobody has decided on.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
    /// Gives them up.
    Discard {
        /// Their numbers.
        #[arg(required = true)]
        ids: Vec<i64>,
    },
}

/// What is to be set in an event.
#[derive(Clone, Debug, clap::Args)]
pub struct PutArgs {
    /// The event.
    pub event: String,
    /// 1–200 characters; a new event needs it.
    #[arg(long)]
    pub title: Option<String>,
    /// Coupons to begin with; a new event needs it.
    #[arg(long)]
    pub stock: Option<u64>,
    /// Visitors let in per second.
    #[arg(long)]
    pub rate: Option<f64>,
    /// Most admitted visitors that may be outstanding.
    #[arg(long)]
    pub capacity: Option<u64>,
    /// How long a ticket lasts, in seconds.
    #[arg(long)]
    pub ticket_ttl_s: Option<u64>,
    /// The phase a new event begins in.
    #[arg(long)]
    pub phase: Option<Phase>,
    /// How the line is ordered: fifo, or draw for those who come before the opening.
    #[arg(long)]
    pub order: Option<String>,
    /// What a pass waits for: redis, log or ledger.
    #[arg(long)]
    pub ack: Option<String>,
    /// What the codes look like.
    #[arg(long)]
    pub code_pattern: Option<String>,
    /// When everything is gone: close or keep the line.
    #[arg(long)]
    pub on_sold_out: Option<String>,
    /// When it opens, such as 2026-11-21T10:00:00Z.
    #[arg(long)]
    pub opens_at: Option<Moment>,
    /// When it closes.
    #[arg(long)]
    pub closes_at: Option<Moment>,
}

impl PutArgs {
    /// The body of the call.
    pub fn body(&self) -> EventPut {
        let mut others = Map::new();
        let texts = [
            ("order", self.order.clone()),
            ("ack", self.ack.clone()),
            ("code_pattern", self.code_pattern.clone()),
            ("on_sold_out", self.on_sold_out.clone()),
            ("opens_at", self.opens_at.map(|at| at.to_string())),
            ("closes_at", self.closes_at.map(|at| at.to_string())),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                others.insert(name.to_owned(), text.into());
            }
        }
        EventPut {
            title: self.title.clone(),
            stock: self.stock,
            phase: self.phase,
            admission: AdmissionChange {
                rate_per_s: self.rate,
                ramp_s: None,
                capacity: self.capacity,
                ticket_ttl_s: self.ticket_ttl_s,
            },
            others,
        }
    }
}
