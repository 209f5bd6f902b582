//! Writing records so that one which the database refuses keeps none of the others out: first all at once and, after a refusal,
//! in parts: what fails is rolled back to a savepoint and written again in ever smaller ones, until the one to blame stands alone.

use std::collections::HashMap;

use domain::RecordId;
use domain::book::BookFact;
use domain::record::{Fact, Record};
use sqlx::{AnyConnection, Executor as _};

use crate::commit::Committed;
use crate::dialect::Dialect;
use crate::error::LedgerError;
use crate::issuances::{Issuance, json};
use crate::{anomalies, books, events, issuances, journal};

/// The most records of a part that a refused batch is cut into. With one record in a hundred to blame, about half of such
/// parts go through at once; larger ones would nearly all be sent again, smaller ones cost a statement each.
const PART: usize = 64;
/// The most rows of a part, unless one record tells of more: SQLite keeps every page that a part changes in memory until it is
/// through, and the rows of random codes lie in pages of their own.
const ROWS: usize = 500;

/// A record that the database refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which of the batch.
    pub index: usize,
    /// Why, in the database's words.
    pub reason: String,
}

/// What became of records.
#[derive(Debug, Default)]
pub(crate) struct Sifted {
    pub(crate) committed: Committed,
    pub(crate) refused: Vec<Refused>,
}

/// A record and its place in the batch.
type Grain<'a> = (usize, &'a Record);

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// All at once, and a refusal is an error: nearly always right, and the database need not know of any page how it was.
    AllAtOnce,
    /// In parts, each behind a savepoint, so that what is refused is found.
    InParts,
}

/// What the coupons of a part are taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// None of them is a row or contradicts one: nearly always so, and the least work.
    ForNew,
    /// Each may be a row already, or contradict one.
    AsTheyCome,
}

/// Writes records. In parts those are set aside that are refused for what is in them; any other error ends it.
pub(crate) async fn sift(
    connection: &mut AnyConnection,
    dialect: Dialect,
    records: &[&Record],
    care: Care,
) -> Result<Sifted, LedgerError> {
    let (mut sifted, sound) = flawless(records);
    match care {
        Care::AllAtOnce if sound.is_empty() => {}
        Care::AllAtOnce => {
            sifted.committed = write(connection, dialect, &sound, Taken::ForNew).await?;
        }
        Care::InParts => in_parts(connection, dialect, &sound, &mut sifted).await?,
    }
    sifted.refused.sort_by_key(|refused| refused.index);
    Ok(sifted)
}

/// Writes records in their order, in parts.
async fn in_parts(
    connection: &mut AnyConnection,
    dialect: Dialect,
    sound: &[Grain<'_>],
    sifted: &mut Sifted,
) -> Result<(), LedgerError> {
    connection.execute("SAVEPOINT part").await?;
    let mut parts: Vec<_> = by_rows(sound)
        .into_iter()
        .map(|part| (part, Taken::ForNew))
        .collect();
    while let Some((part, taken)) = parts.pop() {
        match write(connection, dialect, part, taken).await {
            Ok(written) => {
                sifted.committed.issued += written.issued;
                sifted.committed.duplicates += written.duplicates;
                sifted.committed.anomalies += written.anomalies;
                if !parts.is_empty() {
                    connection.execute("RELEASE SAVEPOINT part").await?;
                    connection.execute("SAVEPOINT part").await?;
                }
            }
            Err(LedgerError::Poison {
                reason,
                row,
                taken: has_row,
            }) => {
                connection.execute("ROLLBACK TO SAVEPOINT part").await?;
                if has_row && taken == Taken::ForNew {
                    parts.push((part, Taken::AsTheyCome));
                } else if let [(index, _)] = part {
                    let index = *index;
                    sifted.refused.push(Refused { index, reason });
                } else {
                    let smaller = cut(part, row.as_deref());
                    parts.extend(smaller.into_iter().map(|part| (part, taken)));
                }
            }
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

/// The records without a flaw, beside those that are refused for one.
fn flawless<'a>(records: &[&'a Record]) -> (Sifted, Vec<Grain<'a>>) {
    let mut sifted = Sifted::default();
    let mut sound = Vec::with_capacity(records.len());
    for (index, &record) in records.iter().enumerate() {
        match flaw(record) {
            Some(flaw) => sifted.refused.push(Refused {
                index,
                reason: flaw.to_owned(),
            }),
            None => sound.push((index, record)),
        }
    }
    (sifted, sound)
}

/// Cuts records into parts by the rows that they tell of, the first part last.
fn by_rows<'a, 'r>(records: &'a [Grain<'r>]) -> Vec<&'a [Grain<'r>]> {
    let mut rows = 0;
    let mut parts: Vec<_> = records
        .chunk_by(|(_, record), (_, next)| {
            rows += rows_of(record);
            let fits = rows + rows_of(next) <= ROWS;
            if !fits {
                rows = 0;
            }
            fits
        })
        .collect();
    parts.reverse();
    parts
}

fn rows_of(record: &Record) -> usize {
    let Fact::Book(fact) = &record.fact else {
        return 1;
    };
    match &**fact {
        BookFact::CodesAdded(codes) => codes.len(),
        BookFact::Changed(_) | BookFact::Stepped(_) => 1,
    }
}

/// Cuts a refused part in smaller ones, the first of them last. Where the database showed the row at fault, its record is cut
/// out; should the row name another, nothing is lost but a cut.
fn cut<'a, 'r>(part: &'a [Grain<'r>], row: Option<&str>) -> Vec<&'a [Grain<'r>]> {
    let at_fault = |(_, record): &Grain<'_>| {
        let named = format!(" {},", record.id.0);
        row.is_some_and(|row| row.contains(&named))
    };
    if let Some(found) = part.iter().position(at_fault) {
        let (before, rest) = part.split_at(found);
        let (alone, after) = rest.split_at(1);
        let parts = after.chunks(PART).rev().chain([alone, before]);
        return parts.filter(|part| !part.is_empty()).collect();
    }
    let size = part.len().div_ceil(2).min(PART);
    part.chunks(size).rev().collect()
}

/// What the tables refuse in every version of them: found here, it costs no round to the database.
pub(crate) fn flaw(record: &Record) -> Option<&'static str> {
    if i64::try_from(record.ordinal).is_err() {
        return Some("its sequence is not a 64-bit number");
    }
    if record.id.0.contains('\0') {
        return Some("its id holds a NUL");
    }
    let Fact::Issued { coupon, .. } = &record.fact else {
        return None;
    };
    match i64::try_from(coupon.serial.0) {
        Err(_) => Some("its serial is not a 64-bit number"),
        Ok(0) => Some("its serial is 0; the first is 1"),
        Ok(_) if coupon.code.is_empty() => Some("its code is empty"),
        Ok(_) if coupon.code.contains('\0') => Some("its code holds a NUL"),
        Ok(_) => None,
    }
}

/// Writes records, all of them or none.
async fn write(
    connection: &mut AnyConnection,
    dialect: Dialect,
    part: &[Grain<'_>],
    taken: Taken,
) -> Result<Committed, LedgerError> {
    let records: Vec<&Record> = part.iter().map(|(_, record)| *record).collect();
    events::upsert(connection, dialect, &records).await?;
    journal::append(connection, dialect, &records).await?;
    books::write(connection, dialect, &records).await?;
    let given: Vec<Issuance> = records
        .iter()
        .filter_map(|record| Issuance::of(record))
        .collect();
    if given.is_empty() {
        return Ok(Committed::default());
    }
    let all = json(&given)?;
    if taken == Taken::ForNew {
        issuances::give_new(connection, dialect, &all).await?;
        return Ok(Committed {
            issued: given.len() as u64,
            ..Committed::default()
        });
    }
    let mut fresh = issuances::insert(connection, dialect, &all).await?;
    // A record that came twice in one batch is fresh once and a duplicate once.
    let (fresh, others): (Vec<&Issuance>, Vec<&Issuance>) = given
        .iter()
        .partition(|issuance| fresh.remove(&issuance.record_id.0));
    if !fresh.is_empty() {
        issuances::assign_coupons(connection, dialect, &json(&fresh)?).await?;
    }
    let anomalies = account_for(connection, dialect, &others).await?;
    let (issued, others) = (fresh.len() as u64, others.len() as u64);
    Ok(Committed {
        issued,
        duplicates: others - anomalies,
        anomalies,
        late: 0,
    })
}

/// Compares issuances that are no new rows with the rows that are there; how many contradict them.
async fn account_for(
    connection: &mut AnyConnection,
    dialect: Dialect,
    others: &[&Issuance],
) -> Result<u64, LedgerError> {
    if others.is_empty() {
        return Ok(0);
    }
    let ids: Vec<&str> = others
        .iter()
        .map(|other| other.record_id.0.as_str())
        .collect();
    let stored = issuances::by_record(connection, dialect, &ids).await?;
    let stored: HashMap<&RecordId, &Issuance> =
        stored.iter().map(|row| (&row.record_id, row)).collect();
    let mut contradictions = 0;
    for &other in others {
        match stored.get(&other.record_id) {
            Some(&row) if row == other => {}
            Some(&row) => {
                anomalies::keep(connection, other, row).await?;
                contradictions += 1;
            }
            None => {
                let row = issuances::in_the_way(connection, dialect, other).await?;
                anomalies::keep(connection, other, &row).await?;
                contradictions += 1;
            }
        }
    }
    Ok(contradictions)
}

#[cfg(test)]
mod tests {
    use domain::coupon::Coupon;
    use domain::{Millis, Serial};

    use super::*;

    /// A record of so many codes that came.
    fn codes(ordinal: u64, codes: usize) -> Record {
        let codes = (0..codes).map(|nth| format!("{ordinal}-{nth}"));
        Record {
            id: RecordId(format!("spring:1:{ordinal}")),
            event: "spring".parse().unwrap(),
            ordinal,
            time: Millis(0),
            fact: Fact::Book(Box::new(BookFact::CodesAdded(codes.collect()))),
        }
    }

    #[test]
    fn a_part_holds_as_many_records_as_their_rows_allow() {
        let sizes = [250, 250, 1, 499, 2, 5_000, 1, 0];
        let records: Vec<Record> = (1..).zip(sizes).map(|(n, size)| codes(n, size)).collect();
        let grains: Vec<Grain<'_>> = records.iter().enumerate().collect();
        let parts = by_rows(&grains);
        let ordinals =
            |part: &&[Grain<'_>]| part.iter().map(|(_, record)| record.ordinal).collect();
        let taken: Vec<Vec<u64>> = parts.iter().rev().map(ordinals).collect();
        assert_eq!(
            taken,
            [vec![1, 2], vec![3, 4], vec![5], vec![6], vec![7, 8]],
            "all in their order, the first on top"
        );
        assert!(by_rows(&[]).is_empty());
    }

    #[test]
    fn what_no_table_takes_is_known_before_the_database_is_asked() {
        let record = |ordinal, serial, code: &str| Record {
            id: RecordId("demo:1:1".to_owned()),
            event: "demo".parse().unwrap(),
            ordinal,
            time: Millis(0),
            fact: Fact::Issued {
                coupon: Coupon {
                    code: code.to_owned(),
                    serial: Serial(serial),
                },
                holder: "me".parse().unwrap(),
            },
        };
        assert_eq!(flaw(&record(1, 1, "A")), None);
        for flawed in [
            record(u64::MAX, 1, "A"),
            record(1, 0, "A"),
            record(1, u64::MAX, "A"),
            record(1, 1, ""),
            record(1, 1, "A\0"),
        ] {
            assert!(flaw(&flawed).is_some(), "{flawed:?}");
        }
    }
}
