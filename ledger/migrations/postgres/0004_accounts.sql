-- Accounts and what hangs on them: sessions, service keys, pools, and who changed any of it.

CREATE TABLE accounts (
    account_id    text        PRIMARY KEY,
    email         text        NOT NULL UNIQUE,
    name          text,
    role          text        NOT NULL CHECK (role IN ('user', 'operator', 'admin')),
    password_hash text        NOT NULL,
    created_at    timestamptz NOT NULL
);

CREATE INDEX accounts_role ON accounts (role) WHERE role <> 'user';

-- Somebody signed in. A session that was ended is no row any more.
CREATE TABLE sessions (
    session_id text        PRIMARY KEY,
    account_id text        NOT NULL REFERENCES accounts ON DELETE CASCADE,
    started_at timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL
);

CREATE INDEX sessions_account ON sessions (account_id, started_at);
CREATE INDEX sessions_ends ON sessions (ends_at);

-- The secrets that renewed a session, and the one that still may: by digest, so that nobody who reads this can use them.
-- One that comes a second time ends its session.
CREATE TABLE refresh_secrets (
    digest     text        PRIMARY KEY,
    session_id text        NOT NULL REFERENCES sessions ON DELETE CASCADE,
    spent_at   timestamptz
);

CREATE INDEX refresh_secrets_session ON refresh_secrets (session_id);

-- Sessions that were ended while an access token of theirs may live: told to the store again and again until it cannot.
CREATE TABLE ended_sessions (
    session_id text        PRIMARY KEY,
    ended_at   timestamptz NOT NULL
);

CREATE INDEX ended_sessions_at ON ended_sessions (ended_at);

-- Programs that act for their users, each on the books it names (a JSON array).
CREATE TABLE service_keys (
    key_id     text        PRIMARY KEY,
    name       text        NOT NULL,
    books      text        NOT NULL,
    digest     text        NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);

CREATE TABLE pools (
    pool       text        PRIMARY KEY,
    title      text        NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE pool_members (
    pool    text NOT NULL REFERENCES pools ON DELETE CASCADE,
    user_id text NOT NULL CHECK (user_id <> ''),
    PRIMARY KEY (pool, user_id)
);

-- What staff did to any of these: written with the change, never changed.
CREATE TABLE admin_acts (
    id      bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at      timestamptz NOT NULL,
    by_whom text        NOT NULL,
    action  text        NOT NULL,
    subject text        NOT NULL,
    was     text        NOT NULL,
    became  text        NOT NULL
);

-- The coupons of one person, across books.
CREATE INDEX coupons_holder ON coupons (holder, event, code);
