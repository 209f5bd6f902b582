-- What a dead letter says it is, what became of it, and who decided. SQLite cannot change a check: the table is made anew.

CREATE TABLE dead_letters_anew (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    topic      TEXT    NOT NULL,
    partition  INTEGER NOT NULL,
    log_offset INTEGER NOT NULL,
    key        BLOB,
    payload    BLOB    NOT NULL,
    reason     TEXT    NOT NULL,
    state      TEXT    NOT NULL DEFAULT 'dead' CHECK (state IN ('dead', 'redriven', 'discarded')),
    at         TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    event      TEXT,
    ordinal    INTEGER,
    record_id  TEXT,
    UNIQUE (topic, partition, log_offset)
) STRICT;

INSERT INTO dead_letters_anew (id, topic, partition, log_offset, key, payload, reason, state, at)
SELECT id, topic, partition, log_offset, key, payload, reason, state, at FROM dead_letters;

DROP TABLE dead_letters;

ALTER TABLE dead_letters_anew RENAME TO dead_letters;

-- The page of those that wait for a decision, and the ordinals that an event's watermark passes by.
CREATE INDEX dead_letters_waiting ON dead_letters (id) WHERE state = 'dead';
CREATE INDEX dead_letters_buried ON dead_letters (event, ordinal) WHERE state <> 'redriven';

CREATE TABLE dead_letter_audit (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    letter INTEGER NOT NULL REFERENCES dead_letters (id),
    by     TEXT    NOT NULL,
    action TEXT    NOT NULL CHECK (action IN ('redriven', 'refused', 'discarded')),
    note   TEXT    NOT NULL,
    at     TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX dead_letter_audit_of ON dead_letter_audit (letter, id);
