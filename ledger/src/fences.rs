//! Fences in the log, and what came too late for one: it never takes a serial, a code or a holder from anybody.

use std::collections::{BTreeSet, HashSet};

use domain::record::{Fence, Fences, Record};
use domain::{EventId, RecordId};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::connect::Ledger;
use crate::dialect::Dialect;
use crate::error::LedgerError;
use crate::issuances::{Issuance, json};
use crate::{anomalies, issuances, offsets};

/// Records parted by the fences.
#[derive(Debug, Default)]
pub(crate) struct Parted<'a> {
    /// The places of those that count.
    pub(crate) sound: Vec<usize>,
    /// Those that came too late.
    late: Vec<(&'a Record, Fence)>,
}

/// Parts records, in the log's order, by the fences that stand before each; keeps the fences that are among them.
pub(crate) async fn part<'a>(
    connection: &mut AnyConnection,
    dialect: Dialect,
    records: &[&'a Record],
) -> Result<Parted<'a>, LedgerError> {
    let mut fences = held(connection, dialect, records).await?;
    let mut parted = Parted::default();
    for (place, &record) in records.iter().enumerate() {
        if let Some(fence) = Fence::of(record) {
            keep(connection, &record.event, fence).await?;
        }
        match fences.bar(record) {
            None => parted.sound.push(place),
            Some(fence) => parted.late.push((record, fence)),
        }
    }
    Ok(parted)
}

/// The fences of the events that records tell of.
async fn held(
    connection: &mut AnyConnection,
    dialect: Dialect,
    records: &[&Record],
) -> Result<Fences, LedgerError> {
    let events: BTreeSet<&EventId> = records.iter().map(|record| &record.event).collect();
    let sql = format!(
        "SELECT event, epoch, kept FROM fences WHERE event IN {}",
        dialect.texts()
    );
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(json(&events)?)
        .fetch_all(connection)
        .await?;
    let mut fences = Fences::default();
    for (event, epoch, kept) in rows {
        let fence = Fence {
            epoch: epoch.unsigned_abs(),
            kept: kept.unsigned_abs(),
        };
        if let Some(event) = events.iter().find(|known| known.as_str() == event) {
            fences.add(event, fence);
        }
    }
    Ok(fences)
}

async fn keep(
    connection: &mut AnyConnection,
    event: &EventId,
    fence: Fence,
) -> Result<(), LedgerError> {
    let number = |counted| i64::try_from(counted).unwrap_or(i64::MAX);
    sqlx::query(
        "INSERT INTO fences (event, epoch, kept) VALUES ($1, $2, $3) ON CONFLICT (event, epoch) DO NOTHING",
    )
    .bind(event.as_str())
    .bind(number(fence.epoch))
    .bind(number(fence.kept))
    .execute(connection)
    .await?;
    Ok(())
}

impl Parted<'_> {
    /// Takes note of those that came too late; how many. A coupon that is a row already, by the same record, only came twice
    /// and is not among them.
    pub(crate) async fn note(
        self,
        connection: &mut AnyConnection,
        dialect: Dialect,
    ) -> Result<u64, LedgerError> {
        let issued: Vec<(Issuance, Fence)> = self
            .late
            .iter()
            .filter_map(|&(record, fence)| Some((Issuance::of(record)?, fence)))
            .collect();
        let others = self.late.len() - issued.len();
        let ids: Vec<&str> = issued
            .iter()
            .map(|(issuance, _)| issuance.record_id.0.as_str())
            .collect();
        let rows = match ids.as_slice() {
            [] => Vec::new(),
            ids => issuances::by_record(connection, dialect, ids).await?,
        };
        let rows: HashSet<RecordId> = rows.into_iter().map(|row| row.record_id).collect();
        let mut late = others as u64;
        for (issuance, fence) in &issued {
            if !rows.contains(&issuance.record_id) {
                anomalies::keep_late(connection, issuance, *fence).await?;
                late += 1;
            }
        }
        Ok(late)
    }
}

impl Ledger {
    /// Raises fences where the outboxes are the log: each with what its event's outbox is called here. Whoever is about to commit
    /// records read before is either done or finds the fence.
    pub async fn fence(&self, fences: &[(String, EventId, Fence)]) -> Result<(), LedgerError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        for (topic, event, fence) in fences {
            offsets::hold(&mut transaction, topic).await?;
            keep(&mut transaction, event, *fence).await?;
        }
        Ok(transaction.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use domain::coupon::Coupon;
    use domain::record::Fact;
    use domain::{Millis, Serial};

    use super::*;
    use crate::tests::both;
    use crate::{Batch, Committed, Step};

    fn demo() -> EventId {
        "demo".parse().unwrap()
    }

    fn issued(epoch: u64, ordinal: u64, serial: u64, holder: &str) -> Record {
        Record {
            id: RecordId::new(&demo(), epoch, ordinal),
            event: demo(),
            ordinal,
            time: Millis(1_800_000_000_123),
            fact: Fact::Issued {
                coupon: Coupon {
                    code: format!("CODE-{epoch}-{ordinal}"),
                    serial: Serial(serial),
                },
                holder: holder.parse().unwrap(),
            },
        }
    }

    async fn committed(ledger: &Ledger, from: u64, records: &[Record]) -> (Committed, Vec<usize>) {
        let step = Step {
            topic: "log".to_owned(),
            partition: 0,
            from,
            to: from + records.len() as u64,
        };
        let records: Vec<&Record> = records.iter().collect();
        let batch = Batch {
            records: &records,
            step: &step,
        };
        let staged = ledger.stage(batch).await.unwrap();
        let refused = staged
            .refused()
            .iter()
            .map(|refused| refused.index)
            .collect();
        (staged.commit().await.unwrap(), refused)
    }

    async fn holders(ledger: &Ledger) -> Vec<String> {
        let rows = ledger.issuances(&demo(), Serial(0), 100).await.unwrap();
        rows.into_iter().map(|row| row.holder.to_string()).collect()
    }

    #[tokio::test]
    async fn behind_a_fence_what_was_forgotten_makes_no_row_and_what_was_kept_does() {
        let (ledgers, _folder) = both().await;
        for ledger in ledgers {
            let fence = Fence { epoch: 2, kept: 2 }.record(&demo(), Millis(0));
            let first = [issued(1, 1, 1, "one"), fence, issued(1, 3, 3, "late")];
            let (told, _) = committed(&ledger, 0, &first).await;
            assert_eq!((told.issued, told.late), (1, 1));
            // In a later batch, with a record that no table takes among them.
            let second = [
                issued(1, 4, 4, "later"),
                issued(1, 2, 2, "two"),
                issued(2, 10_003, 0, "flawed"),
                issued(2, 10_004, 3, "three"),
                issued(1, 3, 3, "late"),
            ];
            let (told, refused) = committed(&ledger, 3, &second).await;
            assert_eq!((told.issued, told.late, told.anomalies), (2, 2, 0));
            assert_eq!(refused, [2]);
            assert_eq!(holders(&ledger).await, ["one", "two", "three"]);
            let noted = ledger.anomalies(&demo()).await.unwrap();
            let noted: Vec<_> = noted
                .iter()
                .map(|noted| (noted.kind.as_str(), noted.stored_record_id.0.as_str()))
                .collect();
            assert_eq!(noted, [("late", "demo:2:0"), ("late", "demo:2:0")]);
        }
    }

    #[tokio::test]
    async fn a_coupon_that_is_a_row_and_comes_again_behind_the_fence_only_came_twice() {
        let (ledgers, _folder) = both().await;
        for ledger in ledgers {
            let one = issued(1, 5, 1, "one");
            committed(&ledger, 0, std::slice::from_ref(&one)).await;
            let fence = Fence { epoch: 2, kept: 0 };
            let topic = "log".to_owned();
            ledger.fence(&[(topic, demo(), fence)]).await.unwrap();
            let (told, _) = committed(&ledger, 1, &[one, issued(1, 6, 2, "late")]).await;
            assert_eq!((told.issued, told.late), (0, 1));
            assert_eq!(holders(&ledger).await, ["one"]);
            assert_eq!(ledger.anomalies(&demo()).await.unwrap().len(), 1);
        }
    }
}
