-- Jobs on books: what is to be done, how far it has come, and what came of it.

CREATE TABLE jobs (
    job         TEXT    PRIMARY KEY NOT NULL,
    book        TEXT    NOT NULL,
    work        TEXT    NOT NULL,
    by_whom     TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    done        INTEGER NOT NULL DEFAULT 0,
    total       INTEGER NOT NULL DEFAULT 0,
    report      TEXT,
    error       TEXT,
    -- The idempotency key it was asked under, for a day; and what was asked.
    once_name   TEXT    UNIQUE,
    once_digest TEXT,
    created_at  TEXT    NOT NULL
) STRICT;

CREATE INDEX jobs_live ON jobs (created_at, job) WHERE state IN ('queued', 'running');

-- To whom a distribution deals: the pool as it was when it was asked for.
CREATE TABLE job_users (
    job     TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    PRIMARY KEY (job, user_id)
) STRICT;
