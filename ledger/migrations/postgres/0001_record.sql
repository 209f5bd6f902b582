-- What the log tells, as tables, and how far it has been read.

CREATE TABLE events (
    id              text        PRIMARY KEY,
    title           text        NOT NULL,
    phase           text        NOT NULL,
    stock           bigint      NOT NULL CHECK (stock >= 0),
    definition      json        NOT NULL,
    updated_ordinal bigint      NOT NULL,
    updated_at      timestamptz NOT NULL
);

-- One row per coupon given away. The unique keys make a second coupon for one holder, a serial or a code given twice, and
-- a record counted twice impossible as rows, whatever the stores before this one forgot.
CREATE TABLE coupon_issuances (
    event     text        NOT NULL,
    serial    bigint      NOT NULL CHECK (serial >= 1),
    code      text        NOT NULL CHECK (code <> ''),
    holder    text        NOT NULL,
    record_id text        PRIMARY KEY,
    issued_at timestamptz NOT NULL,
    UNIQUE (event, serial),
    UNIQUE (event, code),
    UNIQUE (event, holder)
);

-- The coupon as a thing that lives on after it was issued.
CREATE TABLE coupons (
    event       text        NOT NULL,
    code        text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('unassigned', 'assigned', 'locked', 'redeemed', 'expired')),
    holder      text,
    assigned_at timestamptz,
    PRIMARY KEY (event, code)
);

-- Messages that could not be made rows, kept with the place they came from.
CREATE TABLE dead_letters (
    id         bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    topic      text        NOT NULL,
    partition  integer     NOT NULL,
    log_offset bigint      NOT NULL,
    key        bytea,
    payload    bytea       NOT NULL,
    reason     text        NOT NULL,
    state      text        NOT NULL DEFAULT 'dead' CHECK (state IN ('dead', 'redriven')),
    at         timestamptz NOT NULL DEFAULT now(),
    UNIQUE (topic, partition, log_offset)
);

-- Records that contradict a row that is already here: never expected, never silent.
CREATE TABLE anomalies (
    id               bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    event            text        NOT NULL,
    record_id        text        NOT NULL UNIQUE,
    kind             text        NOT NULL,
    stored_record_id text        NOT NULL,
    record           text        NOT NULL,
    at               timestamptz NOT NULL DEFAULT now()
);

-- The next offset to read, moved on in the transaction that writes the rows.
CREATE TABLE log_offsets (
    topic       text    NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint  NOT NULL,
    PRIMARY KEY (topic, partition)
);

-- The highest ordinal of each event's records among the rows: what a redeem that waits for the ledger is told, also when the
-- process that wrote the rows died before it could tell.
CREATE TABLE watermarks (
    event   text   PRIMARY KEY,
    ordinal bigint NOT NULL
);
