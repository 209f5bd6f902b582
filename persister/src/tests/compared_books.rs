//! A book compared with its rows: what was planted is named by code and kind and nothing else, however busy the book is.

use domain::EventId;
use domain::book::{Book, BookPut};
use domain::event::AckLevel;
use kafka::{Producer, Settings, ensure_topics};
use lua::{Assign, Assigned, BookStep, OutboxReader, PutBook, SteppedCoupon, Store, Upload};
use testbed::{Kafka, Postgres};

use super::{Rig, SOON, eventually, stopped};
use crate::reconcile::{BookReport, Cause, Kind, Memory, Outcome, Report, Which};

/// A book with the codes C-00, C-01 … of which each may be redeemed twice.
async fn opened(rig: &Rig, name: &str, codes: usize) -> EventId {
    let put: BookPut = serde_json::from_str(
        r#"{"title":"Spring","redemptions_per_code":2,"max_per_person":100000}"#,
    )
    .unwrap();
    let book = Book::create(name.parse().unwrap(), put).unwrap();
    let made = rig.store.put_book(&book, 0).await.unwrap();
    assert!(matches!(made, PutBook::Created(_)));
    add(rig, &book.book, 0..codes).await;
    book.book
}

async fn add(rig: &Rig, book: &EventId, codes: std::ops::Range<usize>) {
    let mut upload = Upload::new(book.clone(), format!("from-{}", codes.start), "test");
    let codes: Vec<String> = codes.map(|n| format!("C-{n:02}")).collect();
    for codes in codes.chunks(1_000) {
        rig.store.stage_codes(&mut upload, codes).await.unwrap();
    }
    rig.store.add_codes(&upload).await.unwrap();
}

async fn assign(store: &Store, book: &EventId, who: &str, code: Option<&str>) -> Assigned {
    let wants = Assign {
        by: "test".into(),
        holder: who.parse().unwrap(),
        count: 1,
        code: code.map(str::to_owned),
        once: None,
    };
    store.assign(book, &wants).await.unwrap()
}

async fn step(store: &Store, book: &EventId, code: &str, step: BookStep) -> SteppedCoupon {
    let asked = lua::StepAsked {
        by: "test".into(),
        code: code.into(),
        holder: None,
        step,
        metadata: None,
        once: None,
    };
    store.step_coupon(book, &asked).await.unwrap()
}

const REDEEM: BookStep = BookStep::Redeem { token: None };

fn lock() -> BookStep {
    BookStep::Lock {
        token: "t".into(),
        lock_s: Some(3_600),
    }
}

/// Codes C-02 to C-09 are somebody's: C-04 redeemed, C-09 locked.
async fn in_use(rig: &Rig, name: &str) -> EventId {
    let book = opened(rig, name, 40).await;
    for n in 2..10 {
        let code = format!("C-{n:02}");
        let given = assign(&rig.store, &book, "ann", Some(&code)).await;
        assert!(matches!(given, Assigned::Assigned { .. }), "{given:?}");
    }
    for (code, made) in [("C-04", REDEEM), ("C-09", lock())] {
        let made = step(&rig.store, &book, code, made).await;
        assert!(matches!(made, SteppedCoupon::Done { .. }), "{made:?}");
    }
    book
}

/// Waits until the ledger has every record of the book.
async fn kept(rig: &Rig, book: &EventId) {
    let last = rig.store.look_at_codes(book, &[]).await.unwrap().ordinal;
    eventually("the ledger has it", async || {
        rig.ledger.watermark(book).await.unwrap() >= last
            && rig.store.watermarks(book).await.unwrap().ledger >= last
    })
    .await;
}

/// Code, kind and cause of every difference of the book, the only thing that is unexplained.
async fn named(rig: &Rig, book: &EventId) -> Vec<(String, Kind, Cause)> {
    let report = rig.verify(book).await;
    let found = report.book.as_ref().unwrap();
    assert_eq!(report.unexplained, found.differences.len() as u64);
    assert_eq!((found.moving, found.more), (0, 0));
    let each = found.differences.iter();
    each.map(|d| (d.code.clone(), d.kind, d.cause)).collect()
}

/// Repairs, and tells which codes were mended and which refused.
async fn repaired(rig: &Rig, book: &EventId) -> (Vec<String>, Vec<String>) {
    let redis = rig.redis.settings();
    let stations = rig.stations(&redis);
    let mut memory = Memory::default();
    let report = stations.reconcile(Some(book), &mut memory).await.unwrap();
    let (mut mended, mut refused) = (Vec::new(), Vec::new());
    for repaired in stations.repair(&report).await.unwrap() {
        let Which::Code(code) = repaired.coupon else {
            panic!("{repaired:?}");
        };
        match repaired.outcome {
            Outcome::Mended(_) => mended.push(code),
            Outcome::Refused(_) => refused.push(code),
        }
    }
    (mended, refused)
}

/// What somebody does to the rows.
const ROWS: [&str; 6] = [
    "DELETE FROM coupons WHERE code = 'C-01'",
    "UPDATE coupons SET state = 'redeemed' WHERE code = 'C-02'",
    "UPDATE coupons SET holder = 'eve' WHERE code = 'C-03'",
    "UPDATE coupons SET redemptions = 0 WHERE code = 'C-04'",
    "UPDATE coupons SET locked_until = '2100-01-01T00:00:00.000Z' WHERE code = 'C-09'",
    "INSERT INTO coupons (event, code, state, updated_ordinal) VALUES ('spring', 'FOREIGN', 'unassigned', 1)",
];

/// What somebody does to Redis: C-05 is given back, C-06 is free, too, C-07 and C-10 are gone.
fn plant_in_redis(rig: &Rig) {
    for command in [
        ["HDEL", "book:{spring}:assigned", "C-05"],
        ["SADD", "book:{spring}:free", "C-05"],
        ["SADD", "book:{spring}:free", "C-06"],
        ["HDEL", "book:{spring}:assigned", "C-07"],
        ["SREM", "book:{spring}:free", "C-10"],
    ] {
        rig.redis_cli(&command);
    }
}

/// What is named then: `lost` is said of a code without a step that Redis does not have, `foreign` of one that never came.
fn planted(lost: Cause, foreign: Cause) -> Vec<(String, Kind, Cause)> {
    [
        ("C-01", Kind::MissingInLedger, Cause::RowDeleted),
        ("C-02", Kind::StateDiffers, Cause::RowAltered),
        ("C-03", Kind::HolderDiffers, Cause::RowAltered),
        ("C-04", Kind::RedemptionsDiffer, Cause::RowAltered),
        ("C-05", Kind::StateDiffers, Cause::AlteredInRedis),
        ("C-06", Kind::TwiceInRedis, Cause::AlteredInRedis),
        ("C-07", Kind::MissingInRedis, Cause::LostInRedis),
        ("C-09", Kind::LockDiffers, Cause::Unknown),
        ("C-10", Kind::MissingInRedis, lost),
        ("FOREIGN", Kind::MissingInRedis, foreign),
    ]
    .map(|(code, kind, cause)| (code.to_owned(), kind, cause))
    .to_vec()
}

/// Plants everything, and holds that it is named, and mended or refused.
async fn planted_is_named(
    rig: &Rig,
    book: &EventId,
    rows: impl Fn(&str),
    expected: Vec<(String, Kind, Cause)>,
) {
    assert_eq!(named(rig, book).await, []);
    ROWS.into_iter().for_each(rows);
    plant_in_redis(rig);
    assert_eq!(named(rig, book).await, expected);
    let codes = |named: &[(String, Kind, Cause)]| -> Vec<String> {
        named.iter().map(|(code, _, _)| code.clone()).collect()
    };
    let (mended, refused) = repaired(rig, book).await;
    assert_eq!(mended, codes(&expected[..4]));
    assert_eq!(refused, codes(&expected[4..]));
    assert_eq!(named(rig, book).await, expected[4..]);
}

#[tokio::test]
async fn every_planted_difference_of_a_book_is_named_by_code_and_kind_and_nothing_else() {
    let rig = Rig::embedded().await;
    let persister = rig.persist();
    let book = in_use(&rig, "spring").await;
    kept(&rig, &book).await;
    stopped(&persister).await;
    let expected = planted(Cause::Unknown, Cause::Unknown);
    planted_is_named(&rig, &book, |sql| rig.sqlite(sql), expected).await;
    let report = serde_json::to_value(rig.verify(&book).await.book).unwrap();
    assert_eq!(
        report["codes"],
        serde_json::json!({"redis": 39, "ledger": 41})
    );
    let twice = &report["differences"][1];
    assert_eq!(
        (&twice["code"], &twice["is_free_too"]),
        (&"C-06".into(), &true.into())
    );
    assert_eq!(twice["redis"], twice["ledger"]);
}

/// Everything that waits in the outbox goes to the log, and the outbox forgets it.
async fn relay(rig: &Rig, book: &EventId) {
    let producer = Producer::new(rig.kafka.as_ref().unwrap()).unwrap();
    let mut reader = OutboxReader::connect(&rig.redis.settings()).await.unwrap();
    let read = reader
        .next(&[(book.clone(), 0)], 10_000, SOON)
        .await
        .unwrap();
    for batch in read {
        producer.send(&batch.records).await.unwrap();
        let last = batch.records.last().unwrap().ordinal;
        let store = &rig.store;
        store
            .raise_watermark(book, AckLevel::Log, last)
            .await
            .unwrap();
        store.trim_outbox(book, last).await.unwrap();
    }
}

#[tokio::test]
async fn with_kafka_the_log_tells_which_codes_there_are_and_what_is_on_its_way_in_it_is_no_difference()
 {
    let (kafka, server) = (Kafka::start().unwrap(), Postgres::shared());
    let settings = Settings::new(kafka.brokers());
    ensure_topics(&settings).await.unwrap();
    let url = server.database().unwrap();
    let rig = Rig::with(&url, Some(settings)).await;
    let book = in_use(&rig, "spring").await;
    assert_eq!(
        named(&rig, &book).await,
        [],
        "all of it waits in the outbox"
    );
    relay(&rig, &book).await;
    assert_eq!(
        named(&rig, &book).await,
        [],
        "all of it is in the log alone"
    );
    let persister = rig.persist();
    kept(&rig, &book).await;
    stopped(&persister).await;
    let expected = planted(Cause::LostInRedis, Cause::ForeignRow);
    let rows = |sql: &str| server.execute(&url, sql).unwrap();
    planted_is_named(&rig, &book, rows, expected).await;
}

#[tokio::test]
async fn what_is_on_its_way_is_no_difference_and_what_vanished_on_it_is() {
    let rig = Rig::embedded().await;
    let book = in_use(&rig, "spring").await;
    assert_eq!(named(&rig, &book).await, []);
    let persister = rig.persist();
    kept(&rig, &book).await;
    stopped(&persister).await;
    // Some are in the ledger, and some wait.
    step(&rig.store, &book, "C-02", REDEEM).await;
    step(&rig.store, &book, "C-03", BookStep::Cancel).await;
    add(&rig, &book, 40..42).await;
    assert_eq!(named(&rig, &book).await, []);
    let first = rig.store.watermarks(&book).await.unwrap().ledger + 1;
    rig.redis_cli(&["XDEL", "coupon:{spring}:outbox", &format!("{first}-0")]);
    let vanished = (
        "C-02".to_owned(),
        Kind::RedemptionsDiffer,
        Cause::AlteredInRedis,
    );
    assert_eq!(named(&rig, &book).await, [vanished]);
}

/// Hands codes out, locks, redeems and takes them back, each of `codes` in its turn.
async fn busy(store: &Store, book: &EventId, codes: std::ops::Range<usize>) {
    let holder = format!("holder-{}", codes.start);
    for n in codes {
        let code = format!("C-{n:02}");
        assign(store, book, &holder, Some(&code)).await;
        let steps: &[BookStep] = match n % 4 {
            0 => &[lock()],
            1 => &[REDEEM, REDEEM],
            2 => &[lock(), BookStep::Cancel],
            _ => &[REDEEM, BookStep::Cancel],
        };
        for made in steps {
            let made = step(store, book, &code, made.clone()).await;
            assert!(matches!(made, SteppedCoupon::Done { .. }), "{made:?}");
        }
    }
}

fn book_of<'a>(report: &'a Report, book: &EventId) -> &'a BookReport {
    let mut events = report.events.iter();
    let found = events.find(|found| found.event == *book).unwrap();
    found.book.as_ref().unwrap()
}

#[tokio::test]
async fn of_a_busy_book_nothing_is_named_and_what_is_planted_meanwhile_is() {
    let rig = Rig::embedded().await;
    let persister = rig.persist();
    let book = opened(&rig, "spring", 4_000).await;
    let redis = rig.redis.settings();
    let stations = rig.stations(&redis);
    let mut listening = Memory::default();
    listening.listen(&rig.store, &redis).await.unwrap();
    let steps = async {
        let some = |first| busy(&rig.store, &book, first..first + 500);
        tokio::join!(some(0), some(500), some(1_000), some(1_500));
    };
    let mut steps = std::pin::pin!(steps);
    let (mut is_over, mut compared) = (false, 0);
    while !is_over {
        let compare = async {
            for memory in [&mut listening, &mut Memory::default()] {
                let report = stations.reconcile(None, memory).await.unwrap();
                assert_eq!(report.unexplained, 0, "{report:?}");
            }
        };
        tokio::select! {
            biased;
            () = &mut steps => is_over = true,
            () = compare => compared += 1,
        }
    }
    assert!(compared > 1, "compared {compared} times");
    kept(&rig, &book).await;
    assert_eq!(named(&rig, &book).await, []);
    let report = rig.verify(&book).await.book.unwrap();
    assert_eq!((report.codes.redis, report.codes.ledger), (4_000, 4_000));

    rig.sqlite("UPDATE coupons SET holder = 'eve' WHERE code = 'C-400'");
    let busy = busy(&rig.store, &book, 2_000..2_500);
    let compare = async {
        let report = stations
            .reconcile(None, &mut Memory::default())
            .await
            .unwrap();
        let codes = book_of(&report, &book).differences.iter();
        codes.map(|d| d.code.clone()).collect::<Vec<_>>()
    };
    let ((), found) = tokio::join!(busy, compare);
    assert_eq!(found, ["C-400"]);
    stopped(&persister).await;
}

#[tokio::test]
async fn of_quiet_books_nothing_is_asked_until_something_is_heard_of_them() {
    let rig = Rig::embedded().await;
    let persister = rig.persist();
    let book = in_use(&rig, "spring").await;
    let other = in_use(&rig, "autumn").await;
    kept(&rig, &book).await;
    kept(&rig, &other).await;
    let redis = rig.redis.settings();
    let stations = rig.stations(&redis);
    let mut memory = Memory::default();
    memory.listen(&rig.store, &redis).await.unwrap();
    // What is named, and how many scripts, scans and reads it took.
    let mut compared = async || {
        let asked = async || {
            let commands = rig.redis.commands().await.unwrap();
            let names = ["hscan", "sscan"].map(|name| commands.get(name).copied().unwrap_or(0));
            names.iter().sum::<u64>()
        };
        let before = asked().await;
        let report = stations.reconcile(None, &mut memory).await.unwrap();
        let codes = book_of(&report, &book).differences.iter();
        let codes: Vec<String> = codes.map(|d| d.code.clone()).collect();
        assert_eq!(report.unexplained, codes.len() as u64);
        (codes, asked().await - before)
    };
    let (found, asked) = compared().await;
    assert!(found.is_empty() && asked >= 6, "{found:?}, {asked} asked");
    assert_eq!(compared().await, (vec![], 0), "nothing happened");
    rig.redis_cli(&["SREM", "book:{spring}:free", "C-20"]);
    assert_eq!(compared().await, (vec![], 0), "nobody was told");
    step(&rig.store, &book, "C-02", REDEEM).await;
    kept(&rig, &book).await;
    let (found, asked) = compared().await;
    assert_eq!(found, ["C-20"]);
    assert!(asked > 0);
    let (found, again) = compared().await;
    assert_eq!(found, ["C-20"], "looked at until it is mended");
    assert!(again > 0);
    rig.redis_cli(&["SADD", "book:{spring}:free", "C-20"]);
    assert!(compared().await.0.is_empty());
    assert_eq!(compared().await, (vec![], 0));
    stopped(&persister).await;
}

#[tokio::test]
async fn a_code_that_has_made_a_step_since_it_was_compared_is_not_mended_but_compared_again() {
    let rig = Rig::embedded().await;
    let persister = rig.persist();
    let book = in_use(&rig, "spring").await;
    kept(&rig, &book).await;
    rig.sqlite("UPDATE coupons SET holder = 'eve' WHERE code IN ('C-02', 'C-03')");
    let redis = rig.redis.settings();
    let stations = rig.stations(&redis);
    let mut memory = Memory::default();
    let report = stations.reconcile(None, &mut memory).await.unwrap();
    step(&rig.store, &book, "C-02", REDEEM).await;
    kept(&rig, &book).await;
    stopped(&persister).await;
    let repaired = stations.repair(&report).await.unwrap();
    let mended: Vec<bool> = repaired
        .iter()
        .map(|repaired| matches!(repaired.outcome, Outcome::Mended(_)))
        .collect();
    assert_eq!(mended, [false, true]);
    assert_eq!(named(&rig, &book).await, [], "the step has written the row");
}

#[tokio::test]
async fn a_step_that_the_database_refuses_is_named_with_its_dead_letter_and_other_rules_are_no_difference()
 {
    let server = Postgres::shared();
    let url = server.database().unwrap();
    let rig = Rig::with(&url, None).await;
    let odd = "ALTER TABLE coupons ADD CONSTRAINT odd CHECK (holder <> 'eve')";
    server.execute(&url, odd).unwrap();
    let book = in_use(&rig, "spring").await;
    assign(&rig.store, &book, "eve", Some("C-20")).await;
    for _ in 0..2 {
        step(&rig.store, &book, "C-02", REDEEM).await;
    }
    let held = rig.store.book(&book).await.unwrap().unwrap();
    let more = serde_json::from_str(r#"{"redemptions_per_code":3}"#).unwrap();
    let more = held.book.changed(more).unwrap();
    rig.store.put_book(&more, held.version).await.unwrap();
    assert_eq!(named(&rig, &book).await, [], "all of it is on its way");
    let persister = rig.persist();
    kept(&rig, &book).await;
    stopped(&persister).await;
    let refused = ("C-20".to_owned(), Kind::StateDiffers, Cause::DeadLetter);
    assert_eq!(named(&rig, &book).await, [refused]);
}
