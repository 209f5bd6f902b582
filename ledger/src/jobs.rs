//! Jobs: what is to be done with a book, how far it has come, and what came of it.

use domain::job::{JobId, JobState, Work};
use domain::once::Once;
use domain::{EventId, Holder, Millis};
use serde_json::Value;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::acts::{Act, read};
use crate::connect::Ledger;
use crate::error::LedgerError;
use crate::issuances::json as as_json;
use crate::offsets::whole;

/// For how long an idempotency key holds, in milliseconds.
const ONCE_KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

/// A job as the ledger keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The book.
    pub book: EventId,
    /// What is to be done.
    pub work: Work,
    /// Who asked for it.
    pub by: String,
    /// How far it has come.
    pub state: JobState,
    /// How many codes are made or dealt.
    pub done: u64,
    /// How many there are to be; 0 while that is not known.
    pub total: u64,
    /// What came of it.
    pub report: Option<Value>,
    /// Why it failed.
    pub error: Option<String>,
}

/// What became of asking for a job.
#[derive(Clone, Debug, PartialEq)]
pub enum JobAsked {
    /// It is new.
    New,
    /// It was asked for before, under the same idempotency key.
    Held(Box<Job>),
    /// Something else was asked for under that key.
    Mismatch,
}

type Row = (
    String,
    String,
    String,
    String,
    String,
    i64,
    i64,
    Option<String>,
    Option<String>,
);

const COLUMNS: &str = "job, book, work, by_whom, state, done, total, report, error";

impl Ledger {
    /// Keeps a new job, with the members of its pool as they are now.
    pub async fn ask_job(
        &self,
        job: &Job,
        once: Option<&Once>,
        act: Act<'_>,
    ) -> Result<JobAsked, LedgerError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        self.forget_once(&mut transaction, once, act.at).await?;
        let sql = format!(
            "INSERT INTO jobs (job, book, work, by_whom, state, report, error, once_name, once_digest, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, {}) ON CONFLICT (once_name) DO NOTHING",
            self.dialect.moment("$10")
        );
        let made = sqlx::query(AssertSqlSafe(sql))
            .bind(job.id.as_str())
            .bind(job.book.as_str())
            .bind(as_json(&job.work)?)
            .bind(act.by)
            .bind(job.state.as_str())
            .bind(job.report.as_ref().map(Value::to_string))
            .bind(job.error.as_deref())
            .bind(once.map(Once::name))
            .bind(once.map(Once::digest))
            .bind(act.at.to_string())
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        if made == 0 {
            drop(transaction);
            let held = match once {
                Some(once) => self.job_asked(once).await?,
                None => None,
            };
            let gone = || LedgerError::Unavailable("a job went while it was read".to_owned());
            return held.ok_or_else(gone);
        }
        if let Work::Distribute { pool, .. } = &job.work {
            sqlx::query(
                "INSERT INTO job_users (job, user_id) SELECT $1, user_id FROM pool_members WHERE pool = $2",
            )
            .bind(job.id.as_str())
            .bind(pool.as_str())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(JobAsked::New)
    }

    async fn forget_once(
        &self,
        connection: &mut AnyConnection,
        once: Option<&Once>,
        now: Millis,
    ) -> Result<(), LedgerError> {
        let Some(once) = once else {
            return Ok(());
        };
        let sql = format!(
            "UPDATE jobs SET once_name = NULL WHERE once_name = $1 AND created_at < {}",
            self.dialect.moment("$2")
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(once.name())
            .bind(now.plus(-ONCE_KEPT_MS).to_string())
            .execute(connection)
            .await?;
        Ok(())
    }

    /// The job that was asked for under this idempotency key, or that something else was; `None` for a new key.
    pub async fn job_asked(&self, once: &Once) -> Result<Option<JobAsked>, LedgerError> {
        let digest: Option<String> =
            sqlx::query_scalar("SELECT once_digest FROM jobs WHERE once_name = $1")
                .bind(once.name())
                .fetch_optional(&self.pool)
                .await?;
        match digest {
            None => Ok(None),
            Some(digest) if digest != once.digest() => Ok(Some(JobAsked::Mismatch)),
            Some(_) => {
                let held = self.job_where("once_name = $1", once.name()).await?;
                Ok(held.map(|job| JobAsked::Held(Box::new(job))))
            }
        }
    }

    /// A job, if there is one of this id.
    pub async fn job(&self, id: &JobId) -> Result<Option<Job>, LedgerError> {
        self.job_where("job = $1", id.as_str()).await
    }

    /// The job that is to be worked on next: one that was begun, else the oldest.
    pub async fn next_job(&self) -> Result<Option<Job>, LedgerError> {
        let live = "state IN ('queued', 'running') AND job <> $1 ORDER BY state DESC, created_at, job LIMIT 1";
        self.job_where(live, "").await
    }

    async fn job_where(&self, which: &str, value: &str) -> Result<Option<Job>, LedgerError> {
        let sql = format!("SELECT {COLUMNS} FROM jobs WHERE {which}");
        let row: Option<Row> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(value)
            .fetch_optional(&self.pool)
            .await?;
        row.map(job).transpose()
    }

    /// The users of a distribution in order of id, at most `limit` after `after`.
    pub async fn job_users(
        &self,
        id: &JobId,
        after: Option<&Holder>,
        limit: usize,
    ) -> Result<Vec<Holder>, LedgerError> {
        let users: Vec<String> = sqlx::query_scalar(
            "SELECT user_id FROM job_users WHERE job = $1 AND user_id > $2 ORDER BY user_id LIMIT $3",
        )
        .bind(id.as_str())
        .bind(after.map_or("", Holder::as_str))
        .bind(whole(limit as u64)?)
        .fetch_all(&self.pool)
        .await?;
        let users = users.into_iter();
        users.map(|user| read("job_users", user.parse())).collect()
    }

    /// A job has come so far; one that has ended stays as it is.
    pub async fn tell_job(&self, id: &JobId, done: u64, total: u64) -> Result<(), LedgerError> {
        sqlx::query(
            "UPDATE jobs SET state = 'running', done = $2, total = $3 WHERE job = $1 AND state IN ('queued', 'running')",
        )
        .bind(id.as_str())
        .bind(whole(done)?)
        .bind(whole(total)?)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Keeps what came of a job that is about to end.
    pub async fn report_job(&self, id: &JobId, report: &Value) -> Result<(), LedgerError> {
        sqlx::query("UPDATE jobs SET report = $2 WHERE job = $1 AND state = 'running'")
            .bind(id.as_str())
            .bind(report.to_string())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Ends a job that could not begin: what it needed, and why.
    pub async fn refuse_job(
        &self,
        id: &JobId,
        needed: u64,
        report: &Value,
        error: &str,
    ) -> Result<(), LedgerError> {
        sqlx::query(
            "UPDATE jobs SET state = 'failed', total = $2, report = $3, error = $4 WHERE job = $1 AND state = 'queued'",
        )
        .bind(id.as_str())
        .bind(whole(needed)?)
        .bind(report.to_string())
        .bind(error)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Forgets the jobs that have ended and were asked for before `before`; how many.
    pub async fn forget_jobs(&self, before: Millis) -> Result<u64, LedgerError> {
        let sql = format!(
            "DELETE FROM jobs WHERE state IN ('done', 'failed') AND created_at < {}",
            self.dialect.moment("$1")
        );
        let forgotten = sqlx::query(AssertSqlSafe(sql))
            .bind(before.to_string())
            .execute(&self.pool)
            .await?;
        Ok(forgotten.rows_affected())
    }

    /// Ends a job: done, or failed with an error. One that has ended stays as it is.
    pub async fn end_job(&self, id: &JobId, error: Option<&str>) -> Result<(), LedgerError> {
        let state = if error.is_some() {
            JobState::Failed
        } else {
            JobState::Done
        };
        sqlx::query(
            "UPDATE jobs SET state = $2, error = $3 WHERE job = $1 AND state IN ('queued', 'running')",
        )
        .bind(id.as_str())
        .bind(state.as_str())
        .bind(error)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

fn job((id, book, work, by, state, done, total, report, error): Row) -> Result<Job, LedgerError> {
    let report = report.map(|text| serde_json::from_str(&text)).transpose();
    Ok(Job {
        id: read("jobs", id.parse())?,
        book: read("jobs", book.parse())?,
        work: read("jobs", serde_json::from_str(&work))?,
        by,
        state: read("jobs", state.parse())?,
        done: done.unsigned_abs(),
        total: total.unsigned_abs(),
        report: read("jobs", report)?,
        error,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Membership;
    use crate::tests::both;

    const DAY: Millis = Millis(1_800_000_000_000);

    fn staff(at: Millis) -> Act<'static> {
        Act { by: "admin", at }
    }

    fn wanted(id: char, work: Value) -> Job {
        Job {
            id: format!("job_{}", id.to_string().repeat(21) + "A")
                .parse()
                .unwrap(),
            book: "spring".parse().unwrap(),
            work: serde_json::from_value(work).unwrap(),
            by: "admin".into(),
            state: JobState::Queued,
            done: 0,
            total: 0,
            report: None,
            error: None,
        }
    }

    fn codes(id: char) -> Job {
        wanted(
            id,
            json!({"kind": "generate", "count": 5, "code_pattern": "{}"}),
        )
    }

    #[tokio::test]
    async fn what_was_begun_goes_first_and_what_has_ended_stays() {
        for ledger in both().await.0 {
            for (id, later) in [('a', 0), ('b', 1)] {
                let wanted = codes(id);
                let asked = ledger.ask_job(&wanted, None, staff(DAY.plus(later)));
                assert_eq!(asked.await.unwrap(), JobAsked::New);
            }
            let (first, second) = (codes('a').id, codes('b').id);
            assert_eq!(ledger.next_job().await.unwrap(), Some(codes('a')));
            ledger.tell_job(&second, 2, 5).await.unwrap();
            let next = ledger.next_job().await.unwrap().unwrap();
            assert_eq!((&next.id, next.done, next.total), (&second, 2, 5));
            ledger.report_job(&second, &json!({"x": 1})).await.unwrap();
            ledger.end_job(&second, None).await.unwrap();
            ledger.end_job(&first, Some("none-left")).await.unwrap();
            for id in [&first, &second] {
                ledger.tell_job(id, 9, 9).await.unwrap();
                ledger.end_job(id, Some("late")).await.unwrap();
            }
            let short = codes('c');
            ledger.ask_job(&short, None, staff(DAY)).await.unwrap();
            let why = json!({"needed": 7});
            let refused = ledger.refuse_job(&short.id, 7, &why, "none-left");
            refused.await.unwrap();
            let short = ledger.job(&short.id).await.unwrap().unwrap();
            assert_eq!((short.state, short.total), (JobState::Failed, 7));
            let done = ledger.job(&second).await.unwrap().unwrap();
            assert_eq!((done.state, done.done), (JobState::Done, 2));
            assert_eq!(done.report, Some(json!({"x": 1})));
            let failed = ledger.job(&first).await.unwrap().unwrap();
            assert_eq!(failed.error.as_deref(), Some("none-left"));
            assert_eq!(ledger.next_job().await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn a_job_is_forgotten_when_it_has_ended_and_its_time_has_passed() {
        for ledger in both().await.0 {
            for id in ['a', 'b'] {
                ledger.ask_job(&codes(id), None, staff(DAY)).await.unwrap();
            }
            let (ended, live) = (codes('a').id, codes('b').id);
            ledger.end_job(&ended, None).await.unwrap();
            assert_eq!(ledger.forget_jobs(DAY).await.unwrap(), 0);
            assert_eq!(ledger.forget_jobs(DAY.plus(1)).await.unwrap(), 1);
            assert_eq!(ledger.job(&ended).await.unwrap(), None);
            assert!(ledger.job(&live).await.unwrap().is_some());
        }
    }

    #[tokio::test]
    async fn a_key_makes_one_job_for_a_day_and_a_pool_is_dealt_to_as_it_was() {
        for ledger in both().await.0 {
            let once = Once::new("admin", "POST /x", "k", b"{}");
            let other = Once::new("admin", "POST /x", "k", b"{ }");
            let asked =
                async |id, once, at| ledger.ask_job(&codes(id), Some(once), staff(at)).await;
            assert_eq!(asked('a', &once, DAY).await.unwrap(), JobAsked::New);
            let held = JobAsked::Held(Box::new(codes('a')));
            assert_eq!(asked('b', &once, DAY).await.unwrap(), held);
            assert_eq!(asked('b', &other, DAY).await.unwrap(), JobAsked::Mismatch);
            let later = DAY.plus(ONCE_KEPT_MS + 1);
            assert_eq!(asked('b', &other, later).await.unwrap(), JobAsked::New);

            let pool = "gold".parse().unwrap();
            ledger.put_pool(&pool, "Gold", staff(DAY)).await.unwrap();
            let users: Vec<Holder> = ["ann", "ben"].map(|user| user.parse().unwrap()).to_vec();
            let set = ledger.set_members(&pool, &users, Membership::In, staff(DAY));
            assert!(set.await.unwrap());
            let deal =
                json!({"kind": "distribute", "pool": "gold", "mode": "equal", "per_person": null});
            let deal = wanted('c', deal);
            ledger.ask_job(&deal, None, staff(DAY)).await.unwrap();
            ledger.delete_pool(&pool, staff(DAY)).await.unwrap();
            let first = ledger.job_users(&deal.id, None, 1).await.unwrap();
            assert_eq!(first, users[..1]);
            let rest = ledger.job_users(&deal.id, first.last(), 9).await.unwrap();
            assert_eq!(rest, users[1..]);
        }
    }
}
