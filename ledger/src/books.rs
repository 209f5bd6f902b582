//! Books as the log tells of them: rules, how each coupon stands, and what happened to it.

use std::collections::BTreeMap;

use domain::book::{Book, BookFact, CouponState, StepKind, Stepped};
use domain::record::{Fact, Record};
use domain::{EventId, Millis};
use serde::Serialize;
use serde_json::Value;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::connect::Ledger;
use crate::dialect::Dialect;
use crate::error::LedgerError;
use crate::issuances::json;
use crate::offsets::whole;

/// Most rows that one statement writes: a record may tell of a thousand codes.
const ROWS: usize = 5_000;

/// A coupon of a book, as it stood when a record last told of it. A lock and a book end by themselves: see
/// [`domain::book::Coupon::state`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookCoupon {
    /// The code.
    pub code: String,
    /// Its state.
    pub state: CouponState,
    /// Whose it is.
    pub holder: Option<String>,
    /// Since when.
    pub assigned_at: Option<Millis>,
    /// When its last lock ends.
    pub locked_until: Option<Millis>,
    /// How often it was redeemed.
    pub redemptions: u32,
}

/// A step that a coupon made.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    /// The record's ordinal.
    pub ordinal: u64,
    /// When.
    pub at: Millis,
    /// Which coupon.
    pub code: String,
    /// Whose it was.
    pub user_id: String,
    /// Where it stood.
    pub from: String,
    /// Where it stood then.
    pub to: String,
    /// Who did it.
    pub by: String,
    /// What came with it.
    pub metadata: Option<Value>,
}

/// Which coupons of a book are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Only those in this state at `now`.
    pub state: Option<CouponState>,
    /// The present moment.
    pub now: Millis,
    /// Is the book over by then?
    pub is_over: bool,
}

#[derive(Serialize)]
struct BookRow<'a> {
    book: &'a EventId,
    title: &'a str,
    rules: Value,
    updated_ordinal: u64,
    updated_at: Millis,
}

#[derive(Serialize)]
struct CouponRow<'a> {
    event: &'a EventId,
    code: &'a str,
    state: CouponState,
    holder: Option<&'a str>,
    assigned_at: Option<Millis>,
    redemptions: u32,
    locked_until: Option<Millis>,
    updated_ordinal: u64,
}

#[derive(Serialize)]
struct StepRow<'a> {
    record_id: &'a str,
    book: &'a EventId,
    ordinal: u64,
    at: Millis,
    #[serde(flatten)]
    stepped: &'a Stepped,
}

/// What records tell of books, gathered for a few statements.
#[derive(Default)]
struct Told<'a> {
    books: BTreeMap<&'a EventId, BookRow<'a>>,
    coupons: BTreeMap<(&'a EventId, &'a str), CouponRow<'a>>,
    steps: Vec<StepRow<'a>>,
}

/// Writes what the records tell of books; a replay changes nothing, and no row is taken back to an older record.
pub(crate) async fn write(
    connection: &mut AnyConnection,
    dialect: Dialect,
    records: &[&Record],
) -> Result<(), LedgerError> {
    let mut told = Told::default();
    for record in records {
        if let Fact::Book(fact) = &record.fact {
            told.take(record, fact)?;
        }
    }
    let books: Vec<_> = told.books.into_values().collect();
    let coupons: Vec<_> = told.coupons.into_values().collect();
    for rows in books.chunks(ROWS) {
        let sql = format!(
            "INSERT INTO books (book, title, rules, updated_ordinal, updated_at) \
             SELECT book, title, rules, updated_ordinal, updated_at FROM {} WHERE true \
             ON CONFLICT (book) DO UPDATE SET title = excluded.title, rules = excluded.rules, \
             updated_ordinal = excluded.updated_ordinal, updated_at = excluded.updated_at \
             WHERE excluded.updated_ordinal > books.updated_ordinal",
            dialect.books()
        );
        run(connection, sql, &rows).await?;
    }
    for rows in coupons.chunks(ROWS) {
        let sql = format!(
            "INSERT INTO coupons (event, code, state, holder, assigned_at, redemptions, locked_until, updated_ordinal) \
             SELECT event, code, state, holder, assigned_at, redemptions, locked_until, updated_ordinal FROM {} WHERE true \
             ON CONFLICT (event, code) DO UPDATE SET state = excluded.state, holder = excluded.holder, \
             assigned_at = CASE WHEN excluded.state = 'unassigned' THEN NULL \
             ELSE COALESCE(excluded.assigned_at, coupons.assigned_at) END, redemptions = excluded.redemptions, \
             locked_until = excluded.locked_until, updated_ordinal = excluded.updated_ordinal \
             WHERE excluded.updated_ordinal > coupons.updated_ordinal",
            dialect.book_coupons()
        );
        run(connection, sql, &rows).await?;
    }
    for rows in told.steps.chunks(ROWS) {
        let sql = format!(
            "INSERT INTO coupon_history (record_id, book, ordinal, at, code, user_id, step, from_state, to_state, by_whom, \
             metadata) SELECT record_id, book, ordinal, at, code, holder, step, \"from\", \"to\", \"by\", metadata FROM {} \
             WHERE true ON CONFLICT (record_id) DO NOTHING",
            dialect.coupon_steps()
        );
        run(connection, sql, &rows).await?;
    }
    Ok(())
}

async fn run(
    connection: &mut AnyConnection,
    sql: String,
    rows: &impl Serialize,
) -> Result<(), LedgerError> {
    sqlx::query(AssertSqlSafe(sql))
        .bind(json(rows)?)
        .execute(connection)
        .await?;
    Ok(())
}

impl<'a> Told<'a> {
    /// Takes in one record; of several that tell of one row the newest counts.
    fn take(&mut self, record: &'a Record, fact: &'a BookFact) -> Result<(), LedgerError> {
        let event = &record.event;
        match fact {
            BookFact::Changed(book) => {
                let rules = serde_json::to_value(&book.rules)
                    .map_err(|error| LedgerError::Poison(error.to_string()))?;
                let row = BookRow {
                    book: event,
                    title: &book.rules.title,
                    rules,
                    updated_ordinal: record.ordinal,
                    updated_at: record.time,
                };
                if (self.books.get(event)).is_none_or(|held| held.updated_ordinal < record.ordinal)
                {
                    self.books.insert(event, row);
                }
            }
            BookFact::CodesAdded(codes) => {
                for code in codes {
                    self.coupon(CouponRow {
                        event,
                        code,
                        state: CouponState::Unassigned,
                        holder: None,
                        assigned_at: None,
                        redemptions: 0,
                        locked_until: None,
                        updated_ordinal: record.ordinal,
                    });
                }
            }
            BookFact::Stepped(stepped) => {
                self.coupon(CouponRow {
                    event,
                    code: &stepped.code,
                    state: stepped.to,
                    holder: (stepped.to != CouponState::Unassigned)
                        .then_some(stepped.holder.as_str()),
                    assigned_at: (stepped.step == StepKind::Assigned).then_some(record.time),
                    redemptions: stepped.redemptions,
                    locked_until: stepped.locked_until,
                    updated_ordinal: record.ordinal,
                });
                self.steps.push(StepRow {
                    record_id: &record.id.0,
                    book: event,
                    ordinal: record.ordinal,
                    at: record.time,
                    stepped,
                });
            }
        }
        Ok(())
    }

    fn coupon(&mut self, mut row: CouponRow<'a>) {
        let key = (row.event, row.code);
        if let Some(held) = self.coupons.get(&key) {
            if held.updated_ordinal >= row.updated_ordinal {
                return;
            }
            // When it was assigned is told by that step alone.
            if row.state != CouponState::Unassigned {
                row.assigned_at = row.assigned_at.or(held.assigned_at);
            }
        }
        self.coupons.insert(key, row);
    }
}

impl Wanted {
    /// The condition on a row; `$4` is the present moment.
    fn condition(self, dialect: Dialect) -> String {
        let now = dialect.moment("$4");
        let locked = format!("state = 'locked' AND locked_until > {now}");
        match (self.state, self.is_over) {
            // `$4` must be named in every form of the statement.
            (None, _) => format!("{now} IS NOT NULL"),
            (Some(CouponState::Redeemed), _) => format!("state = 'redeemed' AND {now} IS NOT NULL"),
            (Some(CouponState::Expired), true) => {
                format!("state <> 'redeemed' AND {now} IS NOT NULL")
            }
            (Some(_), true) => format!("{now} IS NULL"),
            (Some(CouponState::Locked), false) => locked,
            (Some(CouponState::Assigned), false) => {
                format!("state IN ('assigned', 'locked') AND NOT ({locked})")
            }
            (Some(state), false) => format!("state = '{state}' AND {now} IS NOT NULL"),
        }
    }
}

impl Ledger {
    /// All books, in order of id.
    pub async fn books(&self) -> Result<Vec<Book>, LedgerError> {
        let sql = "SELECT book, CAST(rules AS text) FROM books ORDER BY book";
        let rows: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&self.pool).await?;
        rows.into_iter()
            .map(|(book, rules)| {
                Ok(Book {
                    book: book.parse().map_err(odd)?,
                    rules: serde_json::from_str(&rules).map_err(odd)?,
                })
            })
            .collect()
    }

    /// The coupons of a book with a code after `after`, in order of code, at most `limit`.
    pub async fn book_coupons(
        &self,
        book: &EventId,
        wanted: Wanted,
        after: &str,
        limit: usize,
    ) -> Result<Vec<BookCoupon>, LedgerError> {
        let sql = format!(
            "SELECT code, state, holder, {}, {}, redemptions FROM coupons WHERE event = $1 AND code > $2 AND updated_ordinal > 0 AND ({}) \
             ORDER BY code LIMIT $3",
            self.dialect.shown("assigned_at"),
            self.dialect.shown("locked_until"),
            wanted.condition(self.dialect)
        );
        type Row = (
            String,
            String,
            Option<String>,
            Option<String>,
            Option<String>,
            i64,
        );
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(book.as_str())
            .bind(after)
            .bind(whole(limit as u64)?)
            .bind(wanted.now.to_string())
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter()
            .map(
                |(code, state, holder, assigned_at, locked_until, redemptions)| {
                    Ok(BookCoupon {
                        code,
                        state: state.parse().map_err(odd)?,
                        holder,
                        assigned_at: moment(assigned_at)?,
                        locked_until: moment(locked_until)?,
                        redemptions: u32::try_from(redemptions).unwrap_or(u32::MAX),
                    })
                },
            )
            .collect()
    }

    /// What happened to the coupons of a book after the record with ordinal `after`, oldest first, at most `limit`.
    pub async fn coupon_history(
        &self,
        book: &EventId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<HistoryRow>, LedgerError> {
        let sql = format!(
            "SELECT ordinal, {}, code, user_id, from_state, to_state, by_whom, CAST(metadata AS text) FROM coupon_history \
             WHERE book = $1 AND ordinal > $2 ORDER BY ordinal LIMIT $3",
            self.dialect.shown("at")
        );
        type Row = (
            i64,
            String,
            String,
            String,
            String,
            String,
            String,
            Option<String>,
        );
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(book.as_str())
            .bind(whole(after)?)
            .bind(whole(limit as u64)?)
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter()
            .map(|(ordinal, at, code, user_id, from, to, by, metadata)| {
                Ok(HistoryRow {
                    ordinal: ordinal.unsigned_abs(),
                    at: Millis::parse(&at).map_err(odd)?,
                    code,
                    user_id,
                    from,
                    to,
                    by,
                    metadata: metadata
                        .map(|text| serde_json::from_str(&text))
                        .transpose()
                        .map_err(odd)?,
                })
            })
            .collect()
    }
}

fn moment(text: Option<String>) -> Result<Option<Millis>, LedgerError> {
    text.map(|text| Millis::parse(&text))
        .transpose()
        .map_err(odd)
}

fn odd(what: impl std::fmt::Display) -> LedgerError {
    LedgerError::Unavailable(format!("a row of a book: {what}"))
}

#[cfg(test)]
mod tests {
    use domain::RecordId;
    use domain::book::BookPut;
    use serde_json::json;

    use super::*;
    use crate::tests::both;
    use crate::{Batch, Step};

    fn spring() -> EventId {
        "spring".parse().unwrap()
    }

    fn record(ordinal: u64, fact: BookFact) -> Record {
        Record {
            id: RecordId::new(&spring(), 1, ordinal),
            event: spring(),
            ordinal,
            time: Millis(1_800_000_000_000 + i64::try_from(ordinal).unwrap()),
            fact: Fact::Book(Box::new(fact)),
        }
    }

    fn stepped(ordinal: u64, code: &str, step: StepKind, to: CouponState) -> Record {
        let locked = to == CouponState::Locked;
        record(
            ordinal,
            BookFact::Stepped(Stepped {
                code: code.into(),
                holder: "me".parse().unwrap(),
                step,
                from: CouponState::Assigned,
                to,
                by: "key_1".into(),
                redemptions: u32::from(step == StepKind::Redeemed),
                locked_until: locked.then_some(Millis(1_800_000_100_000)),
                metadata: (step == StepKind::Redeemed).then(|| json!({"till": 7})),
            }),
        )
    }

    fn life() -> Vec<Record> {
        let put = BookPut {
            title: Some("Spring".into()),
            ..BookPut::default()
        };
        let book = Book::create(spring(), put).unwrap();
        let codes = ["A", "B", "C", "D"].map(String::from).to_vec();
        let (assigned, locked) = (StepKind::Assigned, StepKind::Locked);
        vec![
            record(1, BookFact::Changed(book)),
            record(2, BookFact::CodesAdded(codes)),
            stepped(3, "A", assigned, CouponState::Assigned),
            stepped(4, "B", assigned, CouponState::Assigned),
            stepped(5, "C", assigned, CouponState::Assigned),
            stepped(6, "A", StepKind::Redeemed, CouponState::Redeemed),
            stepped(7, "B", locked, CouponState::Locked),
            stepped(8, "C", StepKind::Cancelled, CouponState::Unassigned),
        ]
    }

    async fn states(ledger: &Ledger, wanted: Wanted) -> Vec<(String, CouponState)> {
        let rows = ledger.book_coupons(&spring(), wanted, "", 10).await;
        let rows = rows.unwrap();
        rows.into_iter().map(|row| (row.code, row.state)).collect()
    }

    #[tokio::test]
    async fn every_step_is_a_row_once_and_each_coupon_stands_as_it_last_did() {
        let (ledgers, _folder) = both().await;
        for ledger in ledgers {
            let life = life();
            // In one batch, then in two that come late and again: nothing is taken back.
            for (n, part) in [&life[..6], &life[4..], &life[..3]].into_iter().enumerate() {
                let records: Vec<&Record> = part.iter().collect();
                let step = Step {
                    topic: "coupon.records".into(),
                    partition: 0,
                    from: n as u64,
                    to: n as u64 + 1,
                };
                let batch = Batch {
                    records: &records,
                    step: &step,
                };
                let staged = ledger.stage(batch).await.unwrap();
                assert_eq!(staged.refused(), []);
                staged.commit().await.unwrap();
            }
            let at = |state, now, is_over| Wanted {
                state,
                now: Millis(now),
                is_over,
            };
            let (early, late) = (1_800_000_000_100, 1_800_000_100_000);
            let row = |code: &str, state| (code.to_owned(), state);
            let all = states(&ledger, at(None, early, false)).await;
            let (a, b) = (
                row("A", CouponState::Redeemed),
                row("B", CouponState::Locked),
            );
            let free = ["C", "D"].map(|code| row(code, CouponState::Unassigned));
            assert_eq!(all, [&[a.clone(), b.clone()][..], &free].concat());
            let only = |state, now, is_over| states(&ledger, at(Some(state), now, is_over));
            assert_eq!(only(CouponState::Locked, early, false).await, [b.clone()]);
            assert_eq!(only(CouponState::Locked, late, false).await, []);
            assert_eq!(only(CouponState::Assigned, early, false).await, []);
            assert_eq!(only(CouponState::Assigned, late, false).await, [b]);
            assert_eq!(only(CouponState::Redeemed, late, true).await, [a]);
            assert_eq!(only(CouponState::Expired, late, true).await.len(), 3);
            assert_eq!(only(CouponState::Expired, late, false).await, []);

            let rows = ledger
                .book_coupons(&spring(), at(None, early, false), "", 1)
                .await;
            let first = rows.unwrap().remove(0);
            assert_eq!(first.assigned_at, Some(Millis(1_800_000_000_003)));
            assert_eq!(
                (first.redemptions, first.holder.as_deref()),
                (1, Some("me"))
            );
            let history = ledger.coupon_history(&spring(), 3, 10).await.unwrap();
            let told: Vec<u64> = history.iter().map(|row| row.ordinal).collect();
            assert_eq!(told, [4, 5, 6, 7, 8]);
            assert_eq!(history[2].metadata, Some(json!({"till": 7})));
            assert_eq!(history[2].by, "key_1");
        }
    }
}
