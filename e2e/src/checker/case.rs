//! What there is to judge, and the names of what may be found.

use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::history::{Ms, Said};

/// A row of `coupon_issuances`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The coupon's serial.
    pub serial: u64,
    /// Its code.
    pub code: String,
    /// Who has it.
    pub holder: String,
    /// The record that told of it.
    pub record_id: String,
    /// When it was issued, by the store's clock.
    pub issued_at: Ms,
}

/// What there is to judge, at rest: nobody asks any more and the ledger has caught up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// What clients asked and heard.
    pub history: Vec<Said>,
    /// The event's rows.
    pub rows: Vec<Row>,
    /// All coupons there ever were.
    pub stock: u64,
    /// Coupons not issued, as the ops door shows.
    pub remaining: u64,
    /// How many wait, as the ops door shows.
    pub waiting: u64,
    /// Differences that `verify` cannot explain.
    pub unexplained: u64,
    /// How long a ticket lasts.
    pub ticket_ttl_ms: Ms,
    /// For how long somebody counts as present after a call.
    pub presence_ms: Ms,
    /// Did the store lose its last writes? Places may then be lost, and coupons that nobody had heard of be free again.
    pub memory_cut: bool,
}

/// A promise that was not kept. Its name is the stable, kebab-case one of its JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "violation", rename_all = "kebab-case")]
pub enum Violation {
    /// A heard pass is no row.
    LostPass {
        /// Whose.
        holder: String,
        /// Which.
        serial: u64,
    },
    /// A heard pass and the holder's row differ.
    PassDiffersFromRow {
        /// Whose.
        holder: String,
    },
    /// Somebody heard two coupons.
    TwoCouponsHeard {
        /// Who.
        holder: String,
    },
    /// One coupon was told to two people.
    CouponHeardByTwo {
        /// Which.
        serial: u64,
    },
    /// There are more rows than coupons.
    Oversold {
        /// Rows.
        rows: u64,
        /// Coupons.
        stock: u64,
    },
    /// Serials are not 1, 2, 3 … without gap and repetition.
    SerialsNotDense {
        /// The first that is wrong.
        at: u64,
    },
    /// A code stands in two rows.
    CodeTwice {
        /// Which.
        code: String,
    },
    /// A holder has two rows.
    HolderTwice {
        /// Who.
        holder: String,
    },
    /// Issued and remaining coupons do not make the stock.
    StockDoesNotAddUp {
        /// Rows.
        rows: u64,
        /// Remaining.
        remaining: u64,
    },
    /// "Sold out" was heard while coupons were left.
    SoldOutTooSoon {
        /// By whom.
        who: String,
        /// How many rows there were by then.
        issued: u64,
    },
    /// A fail was heard by somebody who has a row.
    FailHeardByAHolder {
        /// Who.
        holder: String,
    },
    /// Somebody heard that they have a coupon, and have none.
    AlreadyIssuedToNobody {
        /// Who.
        who: String,
    },
    /// Somebody who was there was let in after somebody behind them.
    Overtaken {
        /// Whose place it was.
        seq: u64,
    },
    /// A position that one process showed rose.
    PositionRose {
        /// Whose.
        who: String,
    },
    /// More were shown as waiting than ever asked for a place.
    TooManyShownWaiting {
        /// Shown.
        waiting: u64,
        /// Had asked by then.
        asked: u64,
    },
    /// At rest the number waiting is not the number of people who still wait.
    WaitingCountFalse {
        /// As the ops door shows.
        shown: u64,
        /// Those who certainly wait.
        least: u64,
        /// Those who may.
        most: u64,
    },
    /// `verify` found what it cannot explain.
    Unexplained {
        /// How much.
        differences: u64,
    },
}

impl Violation {
    /// Its stable name.
    #[must_use]
    pub fn name(&self) -> String {
        let json = serde_json::to_value(self).unwrap_or_default();
        json["violation"].as_str().unwrap_or_default().to_owned()
    }
}

impl Case {
    /// Keeps a case that was refuted where its reader finds it: in the folder that `STANCHION_CASES` names.
    pub fn keep(&self, seed: u64) -> Result<()> {
        if let Some(folder) = std::env::var_os("STANCHION_CASES").map(PathBuf::from) {
            let file = folder.join(format!("case-{seed}.json"));
            std::fs::write(&file, serde_json::to_vec_pretty(self)?)?;
            eprintln!("the case is in {}", file.display());
        }
        Ok(())
    }
}
