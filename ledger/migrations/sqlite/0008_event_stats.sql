-- What happened to each event's coupons on each day (UTC): counted when it is asked for, so it is never behind the rows.

CREATE VIEW event_stats AS
SELECT event, day, sum(issued) AS issued, sum(redeemed) AS redeemed
FROM (
    SELECT event, substr(issued_at, 1, 10) AS day, 1 AS issued, 0 AS redeemed FROM coupon_issuances
    UNION ALL
    SELECT book, substr(at, 1, 10), 0, 1 FROM coupon_history WHERE step = 'redeemed'
) AS steps
GROUP BY event, day;
