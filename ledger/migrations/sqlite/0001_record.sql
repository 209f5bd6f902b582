-- What the log tells, as tables, and how far it has been read. Times are RFC 3339 in UTC with milliseconds.

CREATE TABLE events (
    id              TEXT    PRIMARY KEY,
    title           TEXT    NOT NULL,
    phase           TEXT    NOT NULL,
    stock           INTEGER NOT NULL CHECK (stock >= 0),
    definition      TEXT    NOT NULL,
    updated_ordinal INTEGER NOT NULL,
    updated_at      TEXT    NOT NULL
) STRICT;

-- One row per coupon given away. The unique keys make a second coupon for one holder, a serial or a code given twice, and
-- a record counted twice impossible as rows, whatever the stores before this one forgot.
CREATE TABLE coupon_issuances (
    event     TEXT    NOT NULL,
    serial    INTEGER NOT NULL CHECK (serial >= 1),
    code      TEXT    NOT NULL CHECK (code <> ''),
    holder    TEXT    NOT NULL,
    record_id TEXT    PRIMARY KEY NOT NULL,
    issued_at TEXT    NOT NULL,
    UNIQUE (event, serial),
    UNIQUE (event, code),
    UNIQUE (event, holder)
) STRICT;

-- The coupon as a thing that lives on after it was issued.
CREATE TABLE coupons (
    event       TEXT NOT NULL,
    code        TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('unassigned', 'assigned', 'locked', 'redeemed', 'expired')),
    holder      TEXT,
    assigned_at TEXT,
    PRIMARY KEY (event, code)
) STRICT, WITHOUT ROWID;

-- Messages that could not be made rows, kept with the place they came from.
CREATE TABLE dead_letters (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    topic      TEXT    NOT NULL,
    partition  INTEGER NOT NULL,
    log_offset INTEGER NOT NULL,
    key        BLOB,
    payload    BLOB    NOT NULL,
    reason     TEXT    NOT NULL,
    state      TEXT    NOT NULL DEFAULT 'dead' CHECK (state IN ('dead', 'redriven')),
    at         TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    UNIQUE (topic, partition, log_offset)
) STRICT;

-- Records that contradict a row that is already here: never expected, never silent.
CREATE TABLE anomalies (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    event            TEXT    NOT NULL,
    record_id        TEXT    NOT NULL UNIQUE,
    kind             TEXT    NOT NULL,
    stored_record_id TEXT    NOT NULL,
    record           TEXT    NOT NULL,
    at               TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

-- The next offset to read, moved on in the transaction that writes the rows.
CREATE TABLE log_offsets (
    topic       TEXT    NOT NULL,
    partition   INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) STRICT, WITHOUT ROWID;

-- The highest ordinal of each event's records among the rows: what a redeem that waits for the ledger is told, also when the
-- process that wrote the rows died before it could tell.
CREATE TABLE watermarks (
    event   TEXT    PRIMARY KEY NOT NULL,
    ordinal INTEGER NOT NULL
) STRICT;
