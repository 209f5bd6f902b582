//! Uploads of codes into a book: taken in piece by piece, counted all at once or not at all.

use std::time::Duration;

use domain::EventId;
use domain::job::JobId;

use crate::connect::{Store, StoreError};
use crate::keys::Keys;
use crate::script::{script, tags};

script!(STAGE_CODES = "stage_codes");
script!(ADD_CODES = "add_codes", "clock", "records", "book");

/// How long an upload may pause between two pieces before it is forgotten.
const PATIENCE: Duration = Duration::from_mins(10);

/// An upload under way.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The book.
    pub book: EventId,
    /// A name that no other upload of the book has.
    pub name: String,
    /// The job that makes the codes.
    pub job: Option<JobId>,
    /// How many uploads the book had had when the first piece came.
    uploads: Option<u64>,
    /// How many codes were taken in.
    codes: u64,
}

/// What became of a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Staged {
    /// Taken in, but for those with these indexes (from 0), which are in the book or in the upload already.
    Staged(Vec<usize>),
    /// There is no such book.
    NoSuchBook,
}

/// What became of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// All its codes are in the book; the last of their records, or 0 for those that a job added before.
    Added(u64),
    /// Another upload came first, or this one took too long: nothing was added, and it must be sent again.
    Overtaken,
    /// The job that made the codes has lost its turn on the book.
    JobOver,
}

impl Upload {
    /// A new upload.
    #[must_use]
    pub fn new(book: EventId, name: String) -> Self {
        Self {
            book,
            name,
            job: None,
            uploads: None,
            codes: 0,
        }
    }
}

impl Store {
    /// Takes in a piece of an upload: at most a few thousand codes, each as a book may hold it.
    pub async fn stage_codes(
        &self,
        upload: &mut Upload,
        codes: &[String],
    ) -> Result<Staged, StoreError> {
        tags!(Outcome { Staged = "staged", NoSuchBook = "no-such-book" });
        let keys = Keys::of(&upload.book);
        let [staged, pieces] = keys.upload(&upload.name);
        let mut reply = STAGE_CODES
            .keys([keys.book(), keys.free(), keys.assigned(), staged, pieces])
            .arg(u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX))
            .arg(codes)
            .run(&self.door)
            .await?;
        match reply.tag()? {
            Outcome::NoSuchBook => Ok(Staged::NoSuchBook),
            Outcome::Staged => {
                let uploads = reply.take()?;
                upload.uploads.get_or_insert(uploads);
                let taken: Vec<usize> = reply.rest()?;
                upload.codes += codes.len() as u64 - taken.len() as u64;
                Ok(Staged::Staged(taken.iter().map(|n| n - 1).collect()))
            }
        }
    }

    /// Puts a whole upload into its book.
    pub async fn add_codes(&self, upload: &Upload) -> Result<Added, StoreError> {
        tags!(Outcome { Added = "added", Gone = "gone", Overtaken = "overtaken", JobOver = "job-over" });
        let keys = Keys::of(&upload.book);
        let [staged, pieces] = keys.upload(&upload.name);
        let mut reply = ADD_CODES
            .keys([
                keys.event(),
                keys.counts(),
                keys.outbox(),
                keys.book(),
                keys.free(),
                staged,
                pieces,
            ])
            .arg(upload.codes)
            .arg(upload.uploads.unwrap_or_default())
            .arg(upload.job.as_ref().map_or("", JobId::as_str))
            .run(&self.door)
            .await?;
        Ok(match reply.tag()? {
            Outcome::Added => Added::Added(reply.take()?),
            Outcome::Gone | Outcome::Overtaken => Added::Overtaken,
            Outcome::JobOver => Added::JobOver,
        })
    }

    /// Forgets an upload that is not to count.
    pub async fn forget_upload(&self, upload: &Upload) -> Result<(), StoreError> {
        Ok(redis::cmd("UNLINK")
            .arg(&Keys::of(&upload.book).upload(&upload.name))
            .exec_async(&mut self.connection())
            .await?)
    }
}
