//! Books as the log tells of them: rules, how each coupon stands, and what happened to it.

mod compare;
mod told;

use std::collections::BTreeMap;

use domain::book::{Book, CouponState};
use domain::{EventId, Millis};
use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::connect::Ledger;
use crate::dialect::Dialect;
use crate::error::LedgerError;
use crate::offsets::whole;

pub use compare::{BookRow, LastStep};
pub(crate) use told::write;

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

/// A book of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedBook {
    /// The book.
    pub book: Book,
    /// Does the event of its id issue its codes?
    pub for_event: bool,
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

/// The columns of a coupon, in the order of the statement that reads them.
type CouponColumns = (
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    i64,
);
/// The columns of a step.
type StepColumns = (
    i64,
    String,
    String,
    String,
    String,
    String,
    String,
    Option<String>,
);

impl Ledger {
    /// All books, in order of id.
    pub async fn books(&self) -> Result<Vec<Book>, LedgerError> {
        let sql = "SELECT book, CAST(rules AS text) FROM books ORDER BY book";
        let rows: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&self.pool).await?;
        rows.into_iter().map(book).collect()
    }

    /// The books with an id after `after`, in order of id, at most `limit`.
    pub async fn books_after(
        &self,
        after: &str,
        limit: usize,
    ) -> Result<Vec<ListedBook>, LedgerError> {
        let sql = "SELECT books.book, CAST(books.rules AS text), CAST(events.definition ->> 'given_codes' AS text) \
                   FROM books LEFT JOIN events ON events.id = books.book WHERE books.book > $1 ORDER BY books.book LIMIT $2";
        let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(sql)
            .bind(after)
            .bind(whole(limit as u64)?)
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter()
            .map(|(id, rules, given)| {
                Ok(ListedBook {
                    book: book((id, rules))?,
                    // What `true` reads as: in PostgreSQL, in SQLite.
                    for_event: given.is_some_and(|given| given == "true" || given == "1"),
                })
            })
            .collect()
    }

    /// How many coupons of a book stand where at `now`; a lock that ended by then leaves its coupon assigned.
    pub async fn coupons_by_state(
        &self,
        book: &EventId,
        now: Millis,
        is_over: bool,
    ) -> Result<BTreeMap<CouponState, u64>, LedgerError> {
        let sql = format!(
            "SELECT CASE WHEN state = 'locked' AND NOT locked_until > {} THEN 'assigned' ELSE state END AS stands, count(*) \
             FROM coupons WHERE event = $1 AND updated_ordinal > 0 GROUP BY stands",
            self.dialect.moment("$2")
        );
        let rows: Vec<(String, i64)> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(book.as_str())
            .bind(now.to_string())
            .fetch_all(&self.pool)
            .await?;
        let mut counts: BTreeMap<_, _> = CouponState::ALL.map(|state| (state, 0)).into();
        for (state, count) in rows {
            let state = match state.parse().map_err(odd)? {
                CouponState::Redeemed => CouponState::Redeemed,
                _ if is_over => CouponState::Expired,
                state => state,
            };
            *counts.entry(state).or_default() += count.unsigned_abs();
        }
        Ok(counts)
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
        let rows: Vec<CouponColumns> = sqlx::query_as(AssertSqlSafe(sql))
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
        let rows: Vec<StepColumns> = sqlx::query_as(AssertSqlSafe(sql))
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

fn book((book, rules): (String, String)) -> Result<Book, LedgerError> {
    Ok(Book {
        book: book.parse().map_err(odd)?,
        rules: serde_json::from_str(&rules).map_err(odd)?,
    })
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
    use domain::book::{BookFact, BookPut, StepKind, Stepped};
    use domain::event::{AckLevel, Event};
    use domain::record::{Fact, Record};
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

    /// The record of an event that issues the codes of the book of this id.
    fn issuing(book: &str) -> Record {
        let event: EventId = book.parse().unwrap();
        let put = serde_json::from_value(json!({"title": "Line"})).unwrap();
        let made = Event::create_with_codes(event.clone(), put, AckLevel::Log, 4).unwrap();
        Record {
            id: RecordId::new(&event, 1, 9),
            event,
            fact: Fact::Changed(Box::new(made)),
            ..record(9, BookFact::CodesAdded(Vec::new()))
        }
    }

    /// Commits the life in one batch, then in two that come late and again.
    async fn lived(ledger: &Ledger) {
        let life = life();
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
    }

    #[tokio::test]
    async fn every_step_is_a_row_once_and_each_coupon_stands_as_it_last_did() {
        let (ledgers, _folder) = both().await;
        for ledger in ledgers {
            lived(&ledger).await;
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
            assert_eq!(only(CouponState::Locked, early, false).await, all[1..2]);
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

    #[tokio::test]
    async fn a_listed_book_tells_whether_the_event_of_its_id_issues_its_codes() {
        for ledger in both().await.0 {
            lived(&ledger).await;
            let for_event = async || {
                let listed = ledger.books_after("", 9).await.unwrap();
                listed.iter().map(|it| it.for_event).collect::<Vec<_>>()
            };
            assert_eq!(for_event().await, [false]);
            for (from, (book, told)) in [("autumn", false), ("spring", true)].iter().enumerate() {
                let record = issuing(book);
                let step = Step {
                    topic: "coupon.records".into(),
                    partition: 1,
                    from: from as u64,
                    to: from as u64 + 1,
                };
                let batch = Batch {
                    records: &[&record],
                    step: &step,
                };
                let staged = ledger.stage(batch).await.unwrap();
                staged.commit().await.unwrap();
                assert_eq!(for_event().await, [*told], "{book}");
            }
        }
    }

    #[tokio::test]
    async fn coupons_are_counted_by_where_they_stand_and_books_are_listed() {
        let (spring, (early, late)) = (spring(), (1_800_000_000_100, 1_800_000_100_000));
        for ledger in both().await.0 {
            lived(&ledger).await;
            let counted = async |now, is_over| {
                let counts = ledger.coupons_by_state(&spring, Millis(now), is_over);
                let counts = counts.await.unwrap();
                CouponState::ALL.map(|state| counts[&state])
            };
            assert_eq!(counted(early, false).await, [2, 0, 1, 1, 0]);
            assert_eq!(counted(late, false).await, [2, 1, 0, 1, 0]);
            assert_eq!(counted(late, true).await, [0, 0, 0, 1, 3]);
            let listed = ledger.books_after("", 9).await.unwrap();
            let books: Vec<Book> = listed.iter().map(|listed| listed.book.clone()).collect();
            assert_eq!(books, ledger.books().await.unwrap());
            assert_eq!(ledger.books_after("spring", 9).await.unwrap(), []);
            let days = "SELECT event, CAST(day AS text), issued, redeemed FROM event_stats";
            let days: Vec<(String, String, i64, i64)> =
                sqlx::query_as(days).fetch_all(&ledger.pool).await.unwrap();
            assert_eq!(days, [("spring".into(), "2027-01-15".into(), 0, 1)]);
        }
    }
}
