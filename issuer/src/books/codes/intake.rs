//! An upload on its way into a book: every code looked at, taken in by the thousand, counted whole at the end or not at all.

use domain::book::{LONGEST_CODE, is_code};
use domain::once::Once;
use domain::{EventId, Refusal};
use lua::{Added, Staged, Upload};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Desk;
use crate::redeem::lost;
use chassis::Problem;

/// Codes of one call of the store.
const PIECE: usize = 1_000;
/// Most codes of one upload.
const MOST_CODES: u64 = 1_000_000;
/// So many rejected codes are named.
const NAMED: usize = 100;

/// A code that cannot be in the book.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RejectedCode)]
pub struct Rejected {
    /// Its line, or its number in a JSON list, from 1.
    line: u64,
    /// The code as it was sent, cut when it is too long.
    code: String,
    /// What is wrong with it.
    reason: &'static str,
}

/// An upload under way.
pub struct Intake<'a> {
    desk: &'a Desk,
    upload: Upload,
    lines: Vec<u64>,
    codes: Vec<String>,
    sent: u64,
    rejected: Vec<Rejected>,
    rejected_total: u64,
}

impl<'a> Intake<'a> {
    /// An upload of `by` into `book`, under a name of its own.
    pub fn new(desk: &'a Desk, book: EventId, name: String, by: &str) -> Self {
        Self {
            desk,
            upload: Upload::new(book, name, by),
            lines: Vec::new(),
            codes: Vec::new(),
            sent: 0,
            rejected: Vec::new(),
            rejected_total: 0,
        }
    }

    /// Takes in a code.
    pub async fn take(&mut self, line: u64, code: &str) -> Result<(), Problem> {
        self.sent += 1;
        if self.sent > MOST_CODES {
            return Err(Problem::field(
                "codes",
                "One upload holds at most 1000000 codes; send the rest in another.",
            ));
        }
        let code = code.trim();
        if !is_code(code) {
            let reason = "is not 1 to 64 visible ASCII characters without spaces";
            self.reject(line, code, reason);
            return Ok(());
        }
        self.lines.push(line);
        self.codes.push(code.to_owned());
        if self.codes.len() >= PIECE {
            self.flush().await?;
        }
        Ok(())
    }

    fn reject(&mut self, line: u64, code: &str, reason: &'static str) {
        self.rejected_total += 1;
        self.rejected.push(Rejected {
            line,
            code: code.chars().take(LONGEST_CODE).collect(),
            reason,
        });
        // The first hundred in order of line, though the store tells of its own a little later.
        if self.rejected.len() > NAMED + PIECE {
            self.keep_the_first();
        }
    }

    fn keep_the_first(&mut self) {
        self.rejected.sort_by_key(|rejected| rejected.line);
        self.rejected.truncate(NAMED);
    }

    /// Hands what was gathered to the store.
    async fn flush(&mut self) -> Result<(), Problem> {
        if self.codes.is_empty() {
            return Ok(());
        }
        let (lines, codes) = (
            std::mem::take(&mut self.lines),
            std::mem::take(&mut self.codes),
        );
        let staged = self.desk.store.stage_codes(&mut self.upload, &codes).await;
        match staged.map_err(Problem::try_again)? {
            Staged::NoSuchBook => Err(Refusal::NoSuchBook.into()),
            Staged::Staged(taken) => {
                for n in taken {
                    self.reject(
                        lines[n],
                        &codes[n],
                        "is in the book or in this list already",
                    );
                }
                Ok(())
            }
        }
    }

    /// Puts the whole upload into the book, unless one of its codes was rejected or it is only tried. How many codes there
    /// are, and the record that tells of the last. What came of it is kept under its idempotency key.
    pub async fn finish(
        &mut self,
        is_dry: bool,
        once: Option<&Once>,
    ) -> Result<(u64, Option<u64>), Problem> {
        self.flush().await?;
        if self.sent == 0 {
            return Err(Problem::field("codes", "There are no codes in the body."));
        }
        let is_sound = self.rejected_total == 0;
        if is_dry {
            return if is_sound {
                Ok((self.sent, None))
            } else {
                Err(self.rejected())
            };
        }
        if !is_sound && once.is_none() {
            return Err(self.rejected());
        }
        let store = &self.desk.store;
        match store
            .add_codes_once(&self.upload, is_sound, once)
            .await
            .map_err(lost)?
        {
            Added::Added(ordinal) => Ok((self.sent, Some(ordinal))),
            Added::Rejected => Err(self.rejected()),
            Added::Mismatch => Err(Refusal::IdempotencyMismatch.into()),
            Added::Overtaken | Added::JobOver => Err(Problem::try_again(
                "another upload into the book came first, or this one took too long",
            )),
        }
    }

    /// Which codes cannot be in the book.
    fn rejected(&mut self) -> Problem {
        self.keep_the_first();
        Problem::from(Refusal::CodesRejected)
            .with("rejected", &self.rejected)
            .with("rejected_total", self.rejected_total)
    }

    /// Forgets what does not count; what cannot be forgotten now ends by itself.
    pub async fn forget(&self) {
        if let Err(error) = self.desk.store.forget_upload(&self.upload).await {
            tracing::warn!(%error, "an upload that does not count could not be forgotten; it ends by itself");
        }
    }
}
