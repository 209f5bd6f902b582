-- Jobs on books: what is to be done, how far it has come, and what came of it.

CREATE TABLE jobs (
    job         text        PRIMARY KEY,
    book        text        NOT NULL,
    work        text        NOT NULL,
    by_whom     text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    done        bigint      NOT NULL DEFAULT 0,
    total       bigint      NOT NULL DEFAULT 0,
    report      text,
    error       text,
    -- The idempotency key it was asked under, for a day; and what was asked.
    once_name   text        UNIQUE,
    once_digest text,
    created_at  timestamptz NOT NULL
);

CREATE INDEX jobs_live ON jobs (created_at, job) WHERE state IN ('queued', 'running');

-- To whom a distribution deals: the pool as it was when it was asked for.
CREATE TABLE job_users (
    job     text NOT NULL REFERENCES jobs ON DELETE CASCADE,
    user_id text NOT NULL,
    PRIMARY KEY (job, user_id)
);
