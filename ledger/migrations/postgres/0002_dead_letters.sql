-- What a dead letter says it is, what became of it, and who decided.

ALTER TABLE dead_letters
    ADD COLUMN event     text,
    ADD COLUMN ordinal   bigint,
    ADD COLUMN record_id text,
    DROP CONSTRAINT dead_letters_state_check,
    ADD CONSTRAINT dead_letters_state_check CHECK (state IN ('dead', 'redriven', 'discarded'));

-- The page of those that wait for a decision, and the ordinals that an event's watermark passes by.
CREATE INDEX dead_letters_waiting ON dead_letters (id) WHERE state = 'dead';
CREATE INDEX dead_letters_buried ON dead_letters (event, ordinal) WHERE state <> 'redriven';

CREATE TABLE dead_letter_audit (
    id     bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    letter bigint      NOT NULL REFERENCES dead_letters (id),
    by     text        NOT NULL,
    action text        NOT NULL CHECK (action IN ('redriven', 'refused', 'discarded')),
    note   text        NOT NULL,
    at     timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX dead_letter_audit_of ON dead_letter_audit (letter, id);
