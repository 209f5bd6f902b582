-- Books of given codes: their rules, how their coupons stand, and every step that one made.

CREATE TABLE books (
    book            TEXT    PRIMARY KEY NOT NULL,
    title           TEXT    NOT NULL,
    rules           TEXT    NOT NULL,
    updated_ordinal INTEGER NOT NULL,
    updated_at      TEXT    NOT NULL
) STRICT;

ALTER TABLE coupons ADD COLUMN redemptions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE coupons ADD COLUMN locked_until TEXT;
-- The record that last told of the coupon; 0 for one that was issued and has made no step since.
ALTER TABLE coupons ADD COLUMN updated_ordinal INTEGER NOT NULL DEFAULT 0;

CREATE TABLE coupon_history (
    record_id  TEXT    PRIMARY KEY NOT NULL,
    book       TEXT    NOT NULL,
    ordinal    INTEGER NOT NULL,
    at         TEXT    NOT NULL,
    code       TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    step       TEXT    NOT NULL,
    from_state TEXT    NOT NULL,
    to_state   TEXT    NOT NULL,
    by_whom    TEXT    NOT NULL,
    metadata   TEXT
) STRICT;

CREATE INDEX coupon_history_book ON coupon_history (book, ordinal);
