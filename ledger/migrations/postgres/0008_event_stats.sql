-- What happened to each event's coupons on each day (UTC): counted when it is asked for, so it is never behind the rows.

CREATE VIEW event_stats AS
SELECT event, day, CAST(sum(issued) AS bigint) AS issued, CAST(sum(redeemed) AS bigint) AS redeemed
FROM (
    SELECT event, CAST(issued_at AT TIME ZONE 'UTC' AS date) AS day, 1 AS issued, 0 AS redeemed FROM coupon_issuances
    UNION ALL
    SELECT book, CAST(at AT TIME ZONE 'UTC' AS date), 0, 1 FROM coupon_history WHERE step = 'redeemed'
) AS steps
GROUP BY event, day;
