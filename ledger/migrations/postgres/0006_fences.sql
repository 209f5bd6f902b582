-- Where epochs ended in the log: what comes behind a fence from an earlier epoch, and has an ordinal above `kept`, counts no more.

CREATE TABLE fences (
    event text   NOT NULL,
    epoch bigint NOT NULL,
    kept  bigint NOT NULL,
    PRIMARY KEY (event, epoch)
);
