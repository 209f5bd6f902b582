//! What records tell of books, made rows.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use domain::book::{BookFact, CouponState, StepKind, Stepped};
use domain::record::{Fact, Record};
use domain::{EventId, Millis};
use serde::{Serialize, Serializer};
use serde_json::Value;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::dialect::Dialect;
use crate::error::LedgerError;
use crate::issuances::json;

/// Most rows that one statement writes: a record may tell of many codes, and SQLite keeps how each page was that a statement
/// changes until it is through.
const ROWS: usize = 2_000;

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

/// A code that came, and the record that told of it.
struct Arrival<'a> {
    event: &'a EventId,
    code: &'a str,
    ordinal: u64,
}

/// Codes of one book, as a JSON object.
struct Codes<'a>(&'a [Arrival<'a>]);

impl Serialize for Codes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|row| (row.code, row.ordinal)))
    }
}

/// What records tell of books, gathered for a few statements.
#[derive(Default)]
struct Told<'a> {
    books: BTreeMap<&'a EventId, BookRow<'a>>,
    codes: Vec<Arrival<'a>>,
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
    add_codes(connection, dialect, told.codes).await?;
    let coupons: Vec<_> = told.coupons.into_values().collect();
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

/// Writes codes that came. In order of code: random ones lie all over the table, and in order each page of it is fetched and
/// changed once, however many records told of its rows.
async fn add_codes(
    connection: &mut AnyConnection,
    dialect: Dialect,
    mut codes: Vec<Arrival<'_>>,
) -> Result<(), LedgerError> {
    // Of several records that tell of one code the newest counts.
    codes.sort_unstable_by_key(|row| (row.event, row.code, Reverse(row.ordinal)));
    codes.dedup_by_key(|row| (row.event, row.code));
    let books = codes.chunk_by(|one, next| one.event == next.event);
    for rows in books.flat_map(|codes| codes.chunks(ROWS)) {
        let sql = format!(
            "INSERT INTO coupons (event, code, state, redemptions, updated_ordinal) \
             SELECT CAST($2 AS text), code, 'unassigned', 0, ordinal FROM {} WHERE true \
             ON CONFLICT (event, code) DO UPDATE SET state = excluded.state, holder = NULL, assigned_at = NULL, \
             redemptions = 0, locked_until = NULL, updated_ordinal = excluded.updated_ordinal \
             WHERE excluded.updated_ordinal > coupons.updated_ordinal",
            dialect.codes()
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(json(&Codes(rows))?)
            .bind(rows[0].event.as_str())
            .execute(&mut *connection)
            .await?;
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
                    .map_err(|error| LedgerError::poison(error.to_string()))?;
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
                self.codes.extend(codes.iter().map(|code| Arrival {
                    event,
                    code,
                    ordinal: record.ordinal,
                }));
            }
            BookFact::Stepped(stepped) => self.step(record, stepped),
        }
        Ok(())
    }

    fn step(&mut self, record: &'a Record, stepped: &'a Stepped) {
        let event = &record.event;
        self.coupon(CouponRow {
            event,
            code: &stepped.code,
            state: stepped.to,
            holder: (stepped.to != CouponState::Unassigned).then_some(stepped.holder.as_str()),
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
