//! The ledger on the real PostgreSQL and the real SQLite: every promise holds on both.

use crate::dialect::Dialect;
use crate::{
    Batch, Committed, DeadLetter, DeadState, Issuance, Ledger, LedgerError, Redriven, Step,
    sqlite_url,
};
use domain::coupon::Coupon;
use domain::event::{AckLevel, Event, EventPut};
use domain::record::{Claimed, Fact, Record};
use domain::{EventId, Millis, RecordId, Serial};
use sqlx::{AnyPool, AssertSqlSafe};
use testbed::Postgres;

/// A ledger of each kind, tables made; the folder holds SQLite's file.
pub(crate) async fn both() -> (Vec<Ledger>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let urls = [
        Postgres::shared().database().unwrap(),
        sqlite_url(&folder.path().join("ledger 100%?#.sqlite")),
    ];
    let mut ledgers = Vec::new();
    for url in urls {
        let ledger = Ledger::connect(&url).await.unwrap();
        ledger.migrate().await.unwrap();
        ledgers.push(ledger);
    }
    (ledgers, folder)
}

#[tokio::test]
async fn processes_that_start_at_once_make_the_tables_once() {
    let folder = tempfile::tempdir().unwrap();
    let urls = [
        Postgres::shared().database().unwrap(),
        sqlite_url(&folder.path().join("new.sqlite")),
    ];
    for url in urls {
        let mut processes = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let url = url.clone();
            processes.spawn(async move { Ledger::connect(&url).await?.migrate().await });
        }
        while let Some(migrated) = processes.join_next().await {
            migrated.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn every_file_of_the_tables_story_is_told() {
    for (ledger, folder) in both().await.0.into_iter().zip(["postgres", "sqlite"]) {
        let files = format!("{}/migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
        let told: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations")
            .fetch_one(&ledger.pool)
            .await
            .unwrap();
        let files = std::fs::read_dir(files).unwrap().count();
        assert_eq!(usize::try_from(told).unwrap(), files, "{folder}");
    }
}

fn demo() -> EventId {
    "demo".parse().unwrap()
}

fn issue(ordinal: u64, serial: u64, code: &str, holder: &str) -> Record {
    Record {
        id: RecordId::new(&demo(), 1, ordinal),
        event: demo(),
        ordinal,
        time: Millis(1_800_000_000_123),
        fact: Fact::Issued {
            coupon: Coupon {
                code: code.to_owned(),
                serial: Serial(serial),
            },
            holder: holder.parse().unwrap(),
        },
    }
}

fn issues(ordinals: std::ops::Range<u64>) -> Vec<Record> {
    ordinals
        .map(|n| issue(n, n, &format!("CODE-{n}"), &format!("holder-{n}")))
        .collect()
}

fn change(ordinal: u64, title: &str) -> Record {
    let put = EventPut {
        title: Some(title.to_owned()),
        stock: Some(7),
        ..EventPut::default()
    };
    Record {
        id: RecordId::new(&demo(), 1, ordinal),
        event: demo(),
        ordinal,
        time: Millis(1_800_000_000_000),
        fact: Fact::Changed(Box::new(Event::create(demo(), put, AckLevel::Log).unwrap())),
    }
}

fn step(from: u64, to: u64) -> Step {
    Step {
        topic: "coupon.records".to_owned(),
        partition: 3,
        from,
        to,
    }
}

async fn commit(
    ledger: &Ledger,
    records: &[Record],
    step: &Step,
) -> Result<Committed, LedgerError> {
    let records: Vec<&Record> = records.iter().collect();
    let records = &records;
    let staged = ledger.stage(Batch { records, step }).await?;
    assert_eq!(staged.refused(), []);
    staged.commit().await
}

/// A letter about a record.
fn letter(offset: u64, record: &Record, reason: &str) -> DeadLetter {
    DeadLetter {
        offset,
        key: None,
        payload: record.to_json().unwrap(),
        reason: reason.to_owned(),
        claimed: Claimed {
            id: Some(record.id.clone()),
            event: Some(record.event.clone()),
            ordinal: Some(record.ordinal),
        },
    }
}

/// Commits records and buries those that are refused; their indexes.
async fn commit_and_bury(ledger: &Ledger, records: &[Record], step: &Step) -> Vec<usize> {
    let borrowed: Vec<&Record> = records.iter().collect();
    let batch = Batch {
        records: &borrowed,
        step,
    };
    let mut staged = ledger.stage(batch).await.unwrap();
    let refused = staged.refused().to_vec();
    let letters: Vec<DeadLetter> = refused
        .iter()
        .map(|refused| {
            letter(
                step.from + refused.index as u64,
                &records[refused.index],
                &refused.reason,
            )
        })
        .collect();
    staged.bury(&letters).await.unwrap();
    staged.commit().await.unwrap();
    refused.into_iter().map(|refused| refused.index).collect()
}

/// A table of each kind whose owner forbids some codes: what no check of ours can foresee.
async fn both_forbidding(pattern: &str) -> (Vec<(Ledger, AnyPool)>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = sqlite_url(&folder.path().join("ledger.sqlite"));
    let forbid = [
        (
            Postgres::shared().database().unwrap(),
            format!(
                "ALTER TABLE coupon_issuances ADD CONSTRAINT odd CHECK (code NOT LIKE '{pattern}')"
            ),
        ),
        (
            sqlite,
            format!(
                "CREATE TRIGGER odd BEFORE INSERT ON coupon_issuances WHEN new.code LIKE '{pattern}' \
                 BEGIN SELECT RAISE(ABORT, 'odd'); END"
            ),
        ),
    ];
    let mut ledgers = Vec::new();
    for (url, sql) in forbid {
        let ledger = Ledger::connect(&url).await.unwrap();
        ledger.migrate().await.unwrap();
        let pool = AnyPool::connect(&url).await.unwrap();
        sqlx::query(AssertSqlSafe(sql))
            .execute(&pool)
            .await
            .unwrap();
        ledgers.push((ledger, pool));
    }
    (ledgers, folder)
}

/// The owner changes their mind.
async fn mend(pool: &AnyPool) {
    let sql = "ALTER TABLE coupon_issuances DROP CONSTRAINT odd";
    if sqlx::query(sql).execute(pool).await.is_err() {
        let sql = "DROP TRIGGER odd";
        sqlx::query(sql).execute(pool).await.unwrap();
    }
}

async fn rows(ledger: &Ledger) -> Vec<Issuance> {
    ledger.issuances(&demo(), Serial(0), 10_000).await.unwrap()
}

async fn next_offset(ledger: &Ledger) -> u64 {
    ledger.next_offset("coupon.records", 3).await.unwrap()
}

#[tokio::test]
async fn a_batch_becomes_rows_and_a_replay_changes_only_the_offset() {
    for ledger in both().await.0 {
        assert_eq!(next_offset(&ledger).await, 0);
        let records = issues(1..1_001);
        let committed = commit(&ledger, &records, &step(0, 1_000)).await.unwrap();
        assert_eq!(committed.issued, 1_000);
        let before = rows(&ledger).await;
        assert_eq!(before.len(), 1_000);
        assert_eq!(before[0].code, "CODE-1");
        assert_eq!(before[0].holder.as_str(), "holder-1");
        assert_eq!(before[0].record_id.0, "demo:1:1");
        assert_eq!(before[0].issued_at, Millis(1_800_000_000_123));

        let again = commit(&ledger, &records, &step(1_000, 2_000))
            .await
            .unwrap();
        let duplicates = Committed {
            duplicates: 1_000,
            ..Committed::default()
        };
        assert_eq!(again, duplicates);
        assert_eq!(ledger.watermark(&demo()).await.unwrap(), 1_000);
        assert_eq!(rows(&ledger).await, before);
        assert_eq!(ledger.issued(&demo()).await.unwrap(), 1_000);
        assert_eq!(next_offset(&ledger).await, 2_000);
    }
}

#[tokio::test]
async fn an_issued_coupon_is_assigned_also_when_its_code_was_there_before() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = sqlite_url(&folder.path().join("ledger.sqlite"));
    for url in [Postgres::shared().database().unwrap(), sqlite] {
        let ledger = Ledger::connect(&url).await.unwrap();
        ledger.migrate().await.unwrap();
        let pool = AnyPool::connect(&url).await.unwrap();
        sqlx::query(
            "INSERT INTO coupons (event, code, state) VALUES ('demo', 'CODE-2', 'unassigned')",
        )
        .execute(&pool)
        .await
        .unwrap();
        commit(&ledger, &issues(1..4), &step(0, 3)).await.unwrap();
        let coupons: Vec<(String, String, String)> =
            sqlx::query_as("SELECT code, state, holder FROM coupons ORDER BY code")
                .fetch_all(&pool)
                .await
                .unwrap();
        let assigned = |n| {
            (
                format!("CODE-{n}"),
                "assigned".to_owned(),
                format!("holder-{n}"),
            )
        };
        assert_eq!(coupons, [assigned(1), assigned(2), assigned(3)]);
    }
}

#[tokio::test]
async fn a_record_that_comes_twice_in_a_batch_is_one_row() {
    for ledger in both().await.0 {
        let record = issue(1, 1, "A", "me");
        let twice = [record.clone(), record];
        let committed = commit(&ledger, &twice, &step(0, 2)).await.unwrap();
        assert_eq!((committed.issued, committed.duplicates), (1, 1));
        assert_eq!(rows(&ledger).await.len(), 1);
    }
}

#[tokio::test]
async fn a_stale_owner_writes_nothing() {
    for ledger in both().await.0 {
        commit(&ledger, &issues(1..11), &step(0, 10)).await.unwrap();
        for stale in [step(0, 20), step(9, 20), step(11, 20)] {
            let refused = commit(&ledger, &issues(11..21), &stale).await;
            assert!(
                matches!(refused, Err(LedgerError::Stale { .. })),
                "{refused:?}"
            );
        }
        assert_eq!(rows(&ledger).await.len(), 10);
        assert_eq!(next_offset(&ledger).await, 10);
    }
}

#[tokio::test]
async fn of_two_owners_at_once_one_wins() {
    for ledger in both().await.0 {
        for round in 0..20 {
            let records = issues(round * 10 + 1..round * 10 + 11);
            let step = step(round * 10, round * 10 + 10);
            let (one, other) = tokio::join!(
                commit(&ledger, &records, &step),
                commit(&ledger, &records, &step)
            );
            let stale = |end: &Result<_, _>| matches!(end, Err(LedgerError::Stale { .. }));
            assert!(
                one.is_ok() && stale(&other) || stale(&one) && other.is_ok(),
                "{one:?} {other:?}"
            );
        }
        assert_eq!(rows(&ledger).await.len(), 200);
    }
}

#[tokio::test]
async fn a_contradiction_is_kept_as_an_anomaly_and_the_rest_goes_through() {
    for ledger in both().await.0 {
        commit(&ledger, &[issue(1, 1, "A", "me")], &step(0, 1))
            .await
            .unwrap();
        let batch = [
            issue(2, 1, "B", "you"),
            issue(3, 2, "A", "she"),
            issue(4, 3, "C", "me"),
            issue(1, 4, "D", "they"),
            issue(5, 5, "E", "we"),
        ];
        let committed = commit(&ledger, &batch, &step(1, 6)).await.unwrap();
        assert_eq!((committed.issued, committed.anomalies), (1, 4));
        let anomalies = ledger.anomalies(&demo()).await.unwrap();
        let kinds: Vec<(&str, &str)> = anomalies
            .iter()
            .map(|anomaly| (anomaly.record_id.0.as_str(), anomaly.kind.as_str()))
            .collect();
        let expected = [
            ("demo:1:2", "serial-taken"),
            ("demo:1:3", "code-taken"),
            ("demo:1:4", "holder-has-one"),
            ("demo:1:1", "record-differs"),
        ];
        assert_eq!(kinds, expected);
        assert!(
            anomalies
                .iter()
                .all(|anomaly| anomaly.stored_record_id.0 == "demo:1:1")
        );
        assert!(anomalies[0].record.contains("\"you\""));

        let replay = commit(&ledger, &batch, &step(6, 7)).await.unwrap();
        assert_eq!((replay.duplicates, replay.anomalies), (1, 4));
        assert_eq!(
            ledger.anomalies(&demo()).await.unwrap().len(),
            4,
            "once each"
        );
    }
}

#[tokio::test]
async fn what_the_database_refuses_is_set_aside_and_keeps_nothing_else_out() {
    for (ledger, _) in both_forbidding("CODE-%7").await.0 {
        let mut records = issues(1..1_001);
        records[499] = issue(500, 0, "no serial zero", "a");
        let refused = commit_and_bury(&ledger, &records, &step(0, 1_000)).await;
        let mut expected: Vec<usize> = (6..1_000).step_by(10).collect();
        expected.push(499);
        expected.sort_unstable();
        assert_eq!(refused, expected);
        assert_eq!(rows(&ledger).await.len(), 899);
        assert_eq!(next_offset(&ledger).await, 1_000);
        assert_eq!(ledger.watermark(&demo()).await.unwrap(), 1_000);
        let letters = ledger.dead_letters(0, 1_000).await.unwrap();
        assert_eq!(letters.len(), 101);
        assert!(letters[0].letter.reason.contains("odd"), "{letters:?}");
        let buried: Vec<u64> = expected.iter().map(|index| *index as u64 + 1).collect();
        assert_eq!(ledger.buried(&demo()).await.unwrap(), buried);
    }
}

#[tokio::test]
async fn a_letter_lands_once_after_a_mend_whoever_and_however_often() {
    for (ledger, pool) in both_forbidding("ODD").await.0 {
        let records = [issue(1, 1, "A", "me"), issue(2, 2, "ODD", "you")];
        assert_eq!(commit_and_bury(&ledger, &records, &step(0, 2)).await, [1]);
        let id = ledger.dead_letters(0, 1).await.unwrap()[0].id;
        let early = ledger.redrive(id, &records[1], "ops").await.unwrap();
        assert!(matches!(early, Redriven::Refused(_)), "{early:?}");
        assert_eq!(rows(&ledger).await.len(), 1);
        mend(&pool).await;

        let (one, other) = tokio::join!(
            ledger.redrive(id, &records[1], "ops"),
            ledger.redrive(id, &records[1], "ops")
        );
        let ends = [one.unwrap(), other.unwrap()];
        assert!(ends.contains(&Redriven::Landed), "{ends:?}");
        assert!(
            ends.contains(&Redriven::Settled(DeadState::Redriven)),
            "{ends:?}"
        );
        assert_eq!(rows(&ledger).await.len(), 2);
        assert!(ledger.dead_letters(0, 10).await.unwrap().is_empty());
        assert!(ledger.buried(&demo()).await.unwrap().is_empty());
        assert_eq!(
            ledger.discard(id, "ops").await.unwrap(),
            Some(DeadState::Redriven)
        );
        let decisions = ledger.decisions(id).await.unwrap();
        let told: Vec<(&str, &str)> = decisions
            .iter()
            .map(|decision| (decision.by.as_str(), decision.action.as_str()))
            .collect();
        assert_eq!(told, [("ops", "refused"), ("ops", "redriven")]);
        assert!(!decisions[0].note.is_empty());
    }
}

#[tokio::test]
async fn a_letter_that_contradicts_a_row_stays_dead_until_it_is_discarded() {
    for ledger in both().await.0 {
        commit(&ledger, &[issue(1, 1, "A", "me")], &step(0, 1))
            .await
            .unwrap();
        let second = issue(2, 2, "A", "you");
        let step = step(1, 2);
        let batch = Batch {
            records: &[],
            step: &step,
        };
        let mut staged = ledger.stage(batch).await.unwrap();
        staged.bury(&[letter(1, &second, "why not")]).await.unwrap();
        staged.commit().await.unwrap();
        let id = ledger.dead_letters(0, 1).await.unwrap()[0].id;
        let refused = ledger.redrive(id, &second, "ops").await.unwrap();
        assert!(matches!(refused, Redriven::Refused(_)), "{refused:?}");
        assert!(ledger.anomalies(&demo()).await.unwrap().is_empty());
        assert_eq!(ledger.discard(id, "ops").await.unwrap(), None);
        let held = ledger.dead_letter(id).await.unwrap().unwrap();
        assert_eq!(held.state, DeadState::Discarded);
        assert_eq!(
            ledger.buried(&demo()).await.unwrap(),
            [2],
            "discarding makes no row"
        );
        assert_eq!(rows(&ledger).await.len(), 1);
    }
}

#[tokio::test]
async fn a_change_never_goes_back() {
    for ledger in both().await.0 {
        let batch = [change(2, "second"), change(3, "third"), change(1, "first")];
        commit(&ledger, &batch, &step(0, 3)).await.unwrap();
        commit(&ledger, &[change(2, "second")], &step(3, 4))
            .await
            .unwrap();
        assert_eq!(ledger.watermark(&demo()).await.unwrap(), 3);
        let events = ledger.events().await.unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].event.definition.title, "third");
        assert_eq!(
            (events[0].ordinal, events[0].at),
            (3, Millis(1_800_000_000_000))
        );
        commit(&ledger, &[change(4, "fourth")], &step(4, 5))
            .await
            .unwrap();
        assert_eq!(
            ledger.events().await.unwrap()[0].event.definition.title,
            "fourth"
        );
    }
}

#[tokio::test]
async fn a_dead_letter_is_kept_byte_for_byte_with_the_step_past_it() {
    for ledger in both().await.0 {
        let letter = DeadLetter {
            offset: 1,
            key: None,
            payload: vec![0, 255, 13, 10],
            reason: "not a record: \0".to_owned(),
            claimed: Claimed::default(),
        };
        let keyed = DeadLetter {
            offset: 2,
            key: Some(b"demo".to_vec()),
            ..letter.clone()
        };
        let (records, step) = (issues(1..2), step(0, 3));
        let batch = Batch {
            records: &records.iter().collect::<Vec<_>>(),
            step: &step,
        };
        let mut staged = ledger.stage(batch).await.unwrap();
        let dead = [letter.clone(), keyed.clone()];
        staged.bury(&dead).await.unwrap();
        staged.commit().await.unwrap();
        let stored = ledger.dead_letters(0, 10).await.unwrap();
        assert_eq!(stored.len(), 2);
        assert_eq!(
            (stored[0].topic.as_str(), stored[0].partition),
            ("coupon.records", 3)
        );
        assert_eq!(stored[0].letter.payload, letter.payload);
        assert_eq!(
            (stored[0].letter.key.as_ref(), stored[0].letter.offset),
            (None, 1)
        );
        assert_eq!(stored[1].letter.key, keyed.key);
        assert_eq!(
            ledger.dead_letters(stored[0].id, 10).await.unwrap().len(),
            1
        );
        assert_eq!(rows(&ledger).await.len(), 1);
        assert_eq!(next_offset(&ledger).await, 3);
    }
}

#[tokio::test]
async fn a_stamp_stays_while_nobody_commits_and_changes_whoever_does() {
    for ledger in both().await.0 {
        let mut stamps = ledger.stamps().await.unwrap();
        let before = stamps.stamp().await.unwrap();
        ledger.row_count(&demo()).await.unwrap();
        // The tests share a PostgreSQL, and somebody may commit just now.
        if ledger.dialect == Dialect::Sqlite {
            assert_eq!(stamps.stamp().await.unwrap(), before);
        }
        commit(&ledger, &[change(1, "Demo")], &step(0, 1))
            .await
            .unwrap();
        assert_ne!(stamps.stamp().await.unwrap(), before);
    }
}

#[tokio::test]
async fn issuances_are_read_in_pages_by_serial() {
    for ledger in both().await.0 {
        let mut records = issues(1..26);
        records.reverse();
        commit(&ledger, &records, &step(0, 25)).await.unwrap();
        let mut serials = Vec::new();
        loop {
            let after = serials.last().copied().unwrap_or(Serial(0));
            let page = ledger.issuances(&demo(), after, 10).await.unwrap();
            if page.is_empty() {
                break;
            }
            serials.extend(page.into_iter().map(|row| row.serial));
        }
        assert_eq!(serials, (1..26).map(Serial).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn migrating_twice_and_at_once_is_one_migration() {
    let url = Postgres::shared().database().unwrap();
    let ledger = Ledger::connect(&url).await.unwrap();
    let (one, other) = tokio::join!(ledger.migrate(), ledger.migrate());
    one.unwrap();
    other.unwrap();
    ledger.migrate().await.unwrap();
    assert!(ledger.events().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_commit_that_meets_a_stopped_database_may_be_repeated() {
    let server = Postgres::start().unwrap();
    let ledger = Ledger::connect(&server.url()).await.unwrap();
    ledger.migrate().await.unwrap();
    commit(&ledger, &issues(1..11), &step(0, 10)).await.unwrap();
    server.stop().unwrap();
    let refused = commit(&ledger, &issues(11..21), &step(10, 20)).await;
    assert!(
        matches!(refused, Err(LedgerError::Unavailable(_))),
        "{refused:?}"
    );
    server.start_again().unwrap();
    commit(&ledger, &issues(11..21), &step(10, 20))
        .await
        .unwrap();
    assert_eq!(rows(&ledger).await.len(), 20);
}

#[tokio::test]
async fn a_database_that_may_forget_commits_is_named() {
    let url = Postgres::shared().database().unwrap();
    let (_, name) = url.rsplit_once('/').unwrap();
    let ledger = Ledger::connect(&url).await.unwrap();
    assert_eq!(ledger.faults().await.unwrap(), []);
    sqlx::any::install_default_drivers();
    let pool = AnyPool::connect(&url).await.unwrap();
    let sql = format!("ALTER DATABASE {name} SET synchronous_commit = off");
    sqlx::query(AssertSqlSafe(sql))
        .execute(&pool)
        .await
        .unwrap();
    let faults = Ledger::connect(&url).await.unwrap().faults().await.unwrap();
    assert_eq!(faults.len(), 1);
    assert_eq!(
        (faults[0].setting.as_str(), faults[0].held.as_str()),
        ("synchronous_commit", "off")
    );
}

#[tokio::test]
async fn a_url_of_another_kind_is_refused() {
    let refused = Ledger::connect("mysql://localhost/x").await.unwrap_err();
    assert!(refused.to_string().contains("postgres://"), "{refused}");
}
