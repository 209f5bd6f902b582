-- Accounts and what hangs on them: sessions, service keys, pools, and who changed any of it.

CREATE TABLE accounts (
    account_id    TEXT    PRIMARY KEY NOT NULL,
    email         TEXT    NOT NULL UNIQUE,
    name          TEXT,
    role          TEXT    NOT NULL CHECK (role IN ('user', 'operator', 'admin')),
    password_hash TEXT    NOT NULL,
    created_at    TEXT    NOT NULL
) STRICT;

CREATE INDEX accounts_role ON accounts (role) WHERE role <> 'user';

-- Somebody signed in. A session that was ended is no row any more.
CREATE TABLE sessions (
    session_id    TEXT    PRIMARY KEY NOT NULL,
    account_id    TEXT    NOT NULL REFERENCES accounts ON DELETE CASCADE,
    started_at    TEXT    NOT NULL,
    ends_at       TEXT    NOT NULL
) STRICT;

CREATE INDEX sessions_account ON sessions (account_id, started_at);
CREATE INDEX sessions_ends ON sessions (ends_at);

-- The secrets that renewed a session, and the one that still may: by digest, so that nobody who reads this can use them.
-- One that comes a second time ends its session.
CREATE TABLE refresh_secrets (
    digest        TEXT    PRIMARY KEY NOT NULL,
    session_id    TEXT    NOT NULL REFERENCES sessions ON DELETE CASCADE,
    spent_at   TEXT
) STRICT;

CREATE INDEX refresh_secrets_session ON refresh_secrets (session_id);

-- Sessions that were ended while an access token of theirs may live: told to the store again and again until it cannot.
CREATE TABLE ended_sessions (
    session_id    TEXT    PRIMARY KEY NOT NULL,
    ended_at      TEXT    NOT NULL
) STRICT;

CREATE INDEX ended_sessions_at ON ended_sessions (ended_at);

-- Programs that act for their users, each on the books it names (a JSON array).
CREATE TABLE service_keys (
    key_id        TEXT    PRIMARY KEY NOT NULL,
    name          TEXT    NOT NULL,
    books         TEXT    NOT NULL,
    digest        TEXT    NOT NULL UNIQUE,
    created_at    TEXT    NOT NULL
) STRICT;

CREATE TABLE pools (
    pool          TEXT    PRIMARY KEY NOT NULL,
    title         TEXT    NOT NULL,
    created_at    TEXT    NOT NULL
) STRICT;

CREATE TABLE pool_members (
    pool          TEXT    NOT NULL REFERENCES pools ON DELETE CASCADE,
    user_id       TEXT    NOT NULL CHECK (user_id <> ''),
    PRIMARY KEY (pool, user_id)
) STRICT;

-- What staff did to any of these: written with the change, never changed.
CREATE TABLE admin_acts (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    at            TEXT    NOT NULL,
    by_whom       TEXT    NOT NULL,
    action        TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    was           TEXT    NOT NULL,
    became        TEXT    NOT NULL
) STRICT;

-- The coupons of one person, across books.
CREATE INDEX coupons_holder ON coupons (holder, event, code);
