-- Where epochs ended in the log: what comes behind a fence from an earlier epoch, and has an ordinal above `kept`, counts no more.

CREATE TABLE fences (
    event TEXT    NOT NULL,
    epoch INTEGER NOT NULL,
    kept  INTEGER NOT NULL,
    PRIMARY KEY (event, epoch)
) STRICT, WITHOUT ROWID;
