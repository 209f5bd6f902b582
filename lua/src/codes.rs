//! Uploads of codes into a book: taken in piece by piece, decided on all at once or not at all, carried in in small steps.

use std::time::Duration;

use domain::EventId;
use domain::job::JobId;
use domain::once::Once;

use crate::connect::{Store, StoreError};
use crate::keys::Keys;
use crate::script::{script, tags};

script!(STAGE_CODES = "stage_codes");
script!(once ADD_CODES = "add_codes", "records");
script!(
    MOVE_CODES = "move_codes",
    "clock",
    "moves",
    "records",
    "pace",
    "event",
    "book"
);

/// How long an upload may pause between two pieces before it is forgotten.
const PATIENCE: Duration = Duration::from_mins(10);
/// Records of one step that carries an upload in, each of a hundred codes: some milliseconds of Redis.
const STEP: usize = 25;
/// Books that are looked at in one call.
const PAGE: usize = 1_000;

/// An upload under way.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The book.
    pub book: EventId,
    /// A name that no other upload of the book has.
    pub name: String,
    /// Who sends it, for the audit of the event that issues the codes.
    pub by: String,
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
    /// All its codes are in the book, now or because they were added before; a record that is not below the last of theirs.
    Added(u64),
    /// Another upload came first, or this one took too long: nothing was added, and it must be sent again.
    Overtaken,
    /// The job that made the codes has lost its turn on the book.
    JobOver,
    /// Some of its codes were rejected, so none was added.
    Rejected,
    /// Something else was asked under the same idempotency key before.
    Mismatch,
}

/// What was decided of an upload.
pub(crate) enum Decided {
    /// It is to be carried in, or was added before.
    Added,
    /// An earlier one must be carried in first.
    Coming,
    /// It is not to be added.
    Not(Added),
}

impl Upload {
    /// A new upload of `by`.
    #[must_use]
    pub fn new(book: EventId, name: String, by: &str) -> Self {
        Self {
            book,
            name,
            by: by.to_owned(),
            job: None,
            uploads: None,
            codes: 0,
        }
    }
}

impl Store {
    /// Takes in a piece of an upload: at most a thousand codes, each as a book may hold it.
    pub async fn stage_codes(
        &self,
        upload: &mut Upload,
        codes: &[String],
    ) -> Result<Staged, StoreError> {
        tags!(Outcome { Staged = "staged", NoSuchBook = "no-such-book" });
        let keys = Keys::of(&upload.book);
        let [staged, pieces] = keys.upload(&upload.name);
        let mut reply = STAGE_CODES
            .keys([
                keys.book(),
                keys.free(),
                keys.assigned(),
                keys.coming(),
                staged,
                pieces,
            ])
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
        self.add_codes_once(upload, true, None).await
    }

    /// Puts a whole upload into its book, not twice for one idempotency key. One that is not sound, for some of its codes were
    /// rejected, is not added; but one that was added before under the same key is, whatever is said of it now. Once it is
    /// decided that it is added, an error is [`StoreError::Unknown`], and [`Self::finish_upload`] goes on with it.
    pub async fn add_codes_once(
        &self,
        upload: &Upload,
        is_sound: bool,
        once: Option<&Once>,
    ) -> Result<Added, StoreError> {
        loop {
            match self.decide(upload, is_sound, once).await? {
                Decided::Added => break,
                Decided::Coming => self.finish_upload(&upload.book).await?,
                Decided::Not(why) => return Ok(why),
            };
        }
        match self.finish_upload(&upload.book).await {
            Ok(ordinal) => Ok(Added::Added(ordinal)),
            Err(error) => Err(StoreError::Unknown(error.to_string())),
        }
    }

    /// Decides in one short step whether an upload is added.
    pub(crate) async fn decide(
        &self,
        upload: &Upload,
        is_sound: bool,
        once: Option<&Once>,
    ) -> Result<Decided, StoreError> {
        tags!(Outcome {
            Added = "added",
            Coming = "coming",
            Rejected = "rejected",
            Gone = "gone",
            Overtaken = "overtaken",
            JobOver = "job-over",
            Mismatch = "once-mismatch",
        });
        let keys = Keys::of(&upload.book);
        let [staged, pieces] = keys.upload(&upload.name);
        let mut reply = ADD_CODES
            .keys([
                keys.event(),
                keys.counts(),
                keys.outbox(),
                keys.book(),
                staged,
                pieces,
                keys.coming(),
                keys.coming_pieces(),
            ])
            .arg(upload.codes)
            .arg(upload.uploads.unwrap_or_default())
            .arg(upload.job.as_ref().map_or("", JobId::as_str))
            .arg(upload.by.as_str())
            .arg(u8::from(is_sound))
            .arg(self.door.outbox_max())
            .once(&keys, once)
            .run(&self.door)
            .await?;
        Ok(match reply.tag()? {
            Outcome::Added => Decided::Added,
            Outcome::Coming => Decided::Coming,
            Outcome::Gone | Outcome::Overtaken => Decided::Not(Added::Overtaken),
            Outcome::JobOver => Decided::Not(Added::JobOver),
            Outcome::Rejected => Decided::Not(Added::Rejected),
            Outcome::Mismatch => Decided::Not(Added::Mismatch),
        })
    }

    /// Carries the upload that was decided on last into its book, if that is not done; a record that is not below its last one.
    /// Any number of processes may do so at once, and go on where another one ended.
    pub async fn finish_upload(&self, book: &EventId) -> Result<u64, StoreError> {
        loop {
            let (left, ordinal) = self.move_codes(book, STEP).await?;
            if left == 0 {
                return Ok(ordinal);
            }
        }
    }

    /// One step of that, of so many records: how many are left, and the last record of the book.
    pub(crate) async fn move_codes(
        &self,
        book: &EventId,
        most: usize,
    ) -> Result<(u64, u64), StoreError> {
        tags!(Outcome { Moved = "moved" });
        let keys = Keys::of(book);
        let mut reply = MOVE_CODES
            .keys([
                keys.event(),
                keys.counts(),
                keys.outbox(),
                keys.book(),
                keys.free(),
                keys.coming(),
                keys.coming_pieces(),
                keys.stock(),
                keys.seq(),
                keys.moves(),
                keys.audit(),
            ])
            .arg(most)
            .run(&self.door)
            .await?;
        match reply.tag()? {
            Outcome::Moved => Ok((reply.take()?, reply.take()?)),
        }
    }

    /// The books into which an upload is still carried; whoever decided on it may be gone.
    pub async fn unfinished_uploads(&self) -> Result<Vec<EventId>, StoreError> {
        let mut unfinished = Vec::new();
        for books in self.events().await?.chunks(PAGE) {
            let mut pipe = redis::pipe();
            for book in books {
                pipe.hexists(Keys::of(book).book(), "coming");
            }
            let coming: Vec<bool> = pipe.query_async(&mut self.connection()).await?;
            let coming = books.iter().zip(coming).filter(|(_, coming)| *coming);
            unfinished.extend(coming.map(|(book, _)| book.clone()));
        }
        Ok(unfinished)
    }

    /// How many codes of a book are nobody's; `None` when there is no such book.
    pub async fn given_codes(&self, book: &EventId) -> Result<Option<u64>, StoreError> {
        let keys = Keys::of(book);
        let (is_there, free): (bool, u64) = redis::pipe()
            .exists(keys.book())
            .scard(keys.free())
            .query_async(&mut self.connection())
            .await?;
        if !is_there {
            self.door.confirm(book).await?;
        }
        Ok(is_there.then_some(free))
    }

    /// Forgets an upload that is not to count.
    pub async fn forget_upload(&self, upload: &Upload) -> Result<(), StoreError> {
        Ok(redis::cmd("UNLINK")
            .arg(&Keys::of(&upload.book).upload(&upload.name))
            .exec_async(&mut self.connection())
            .await?)
    }
}
