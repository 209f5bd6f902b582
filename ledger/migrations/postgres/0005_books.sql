-- Books of given codes: their rules, how their coupons stand, and every step that one made.

CREATE TABLE books (
    book            text        PRIMARY KEY,
    title           text        NOT NULL,
    rules           json        NOT NULL,
    updated_ordinal bigint      NOT NULL,
    updated_at      timestamptz NOT NULL
);

ALTER TABLE coupons ADD COLUMN redemptions bigint NOT NULL DEFAULT 0;
ALTER TABLE coupons ADD COLUMN locked_until timestamptz;
-- The record that last told of the coupon; 0 for one that was issued and has made no step since.
ALTER TABLE coupons ADD COLUMN updated_ordinal bigint NOT NULL DEFAULT 0;

CREATE TABLE coupon_history (
    record_id  text        PRIMARY KEY,
    book       text        NOT NULL,
    ordinal    bigint      NOT NULL,
    at         timestamptz NOT NULL,
    code       text        NOT NULL,
    user_id    text        NOT NULL,
    step       text        NOT NULL,
    from_state text        NOT NULL,
    to_state   text        NOT NULL,
    by_whom    text        NOT NULL,
    metadata   json
);

CREATE INDEX coupon_history_book ON coupon_history (book, ordinal);
