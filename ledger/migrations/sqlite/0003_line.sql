-- What is needed to put a lost Redis back: the line's story, and which Redis was the last.

-- What happened in each event's line, as its records tell; read only when Redis has to be put back.
CREATE TABLE line_journal (
    event   TEXT    NOT NULL,
    ordinal INTEGER NOT NULL,
    record  TEXT    NOT NULL,
    PRIMARY KEY (event, ordinal)
) STRICT, WITHOUT ROWID;

-- The number of the Redis that was last recognised, in one row.
CREATE TABLE installation (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    incarnation INTEGER NOT NULL
) STRICT;
