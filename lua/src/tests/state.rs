//! The whole state of an event as it is stored, so that a model can be compared with it; and time travel.

use std::collections::{BTreeMap, BTreeSet};

use domain::EventId;
use serde_json::Value;

use crate::Store;
use crate::keys::Keys;

/// Everything that is stored of an event. JSON is kept as values with all numbers as floats, times and ids as written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    pub(super) event: BTreeMap<String, String>,
    pub(super) stock: Option<u64>,
    pub(super) seq: u64,
    pub(super) places: Vec<(String, u64)>,
    pub(super) passed: Vec<(String, u64)>,
    pub(super) grace: BTreeMap<String, i64>,
    pub(super) seen: BTreeMap<String, i64>,
    pub(super) admitted: BTreeMap<String, String>,
    pub(super) outstanding: BTreeMap<String, i64>,
    pub(super) tickets: BTreeMap<String, String>,
    pub(super) unminted: BTreeMap<String, i64>,
    pub(super) gone: BTreeMap<String, String>,
    pub(super) counts: BTreeMap<String, u64>,
    pub(super) participants: BTreeSet<String>,
    pub(super) issued: BTreeMap<String, String>,
    pub(super) coupons: BTreeMap<String, String>,
    pub(super) pace: BTreeMap<String, f64>,
    pub(super) moves: Vec<(String, BTreeMap<String, String>)>,
    pub(super) outbox: Vec<(String, BTreeMap<String, Value>)>,
    pub(super) audit: Vec<BTreeMap<String, Value>>,
}

type Entries = Vec<(String, BTreeMap<String, String>)>;

impl State {
    /// Reads the state of `event`.
    pub(super) async fn read(store: &Store, event: &EventId) -> Self {
        let keys = Keys::of(event);
        let replies: Vec<redis::Value> = everything(&keys)
            .query_async(&mut store.connection())
            .await
            .unwrap();
        let mut replies = replies.into_iter();
        let replies = &mut replies;
        Self {
            event: next(replies),
            stock: next(replies),
            seq: next::<Option<u64>>(replies).unwrap_or(0),
            places: next(replies),
            passed: next(replies),
            grace: next::<Vec<_>>(replies).into_iter().collect(),
            seen: next(replies),
            admitted: next(replies),
            outstanding: next::<Vec<_>>(replies).into_iter().collect(),
            tickets: next(replies),
            unminted: next::<Vec<_>>(replies).into_iter().collect(),
            gone: next(replies),
            counts: next(replies),
            participants: next(replies),
            issued: next(replies),
            coupons: next(replies),
            pace: next(replies),
            moves: next(replies),
            outbox: next::<Entries>(replies)
                .into_iter()
                .map(|(id, fields)| (id, json_fields(fields)))
                .collect(),
            audit: next::<Entries>(replies)
                .into_iter()
                .map(|(_, fields)| json_fields(fields))
                .collect(),
        }
    }
}

/// Asks for every key, in the order of the fields of [`State`].
fn everything(keys: &Keys<'_>) -> redis::Pipeline {
    let mut pipe = redis::pipe();
    pipe.hgetall(keys.event())
        .get(keys.stock())
        .get(keys.seq())
        .zrange_withscores(keys.places(), 0, -1)
        .zrange_withscores(keys.passed(), 0, -1)
        .zrange_withscores(keys.grace(), 0, -1)
        .hgetall(keys.seen())
        .hgetall(keys.admitted())
        .zrange_withscores(keys.outstanding(), 0, -1)
        .hgetall(keys.tickets())
        .zrange_withscores(keys.unminted(), 0, -1)
        .hgetall(keys.gone())
        .hgetall(keys.counts())
        .smembers(keys.participants())
        .hgetall(keys.issued())
        .hgetall(keys.coupons())
        .hgetall(keys.pace());
    for stream in [keys.moves(), keys.outbox(), keys.audit()] {
        pipe.cmd("XRANGE").arg(stream).arg("-").arg("+");
    }
    pipe
}

/// The next reply.
fn next<T: redis::FromRedisValue>(replies: &mut impl Iterator<Item = redis::Value>) -> T {
    redis::from_redis_value(replies.next().unwrap()).unwrap()
}

fn json_fields(fields: BTreeMap<String, String>) -> BTreeMap<String, Value> {
    fields
        .into_iter()
        .map(|(name, text)| {
            let value = match name.as_str() {
                "event" | "from" | "to" => floats(serde_json::from_str(&text).unwrap()),
                _ => Value::String(text),
            };
            (name, value)
        })
        .collect()
}

/// The value with every number as a float: `10` and `10.0` are one rate.
pub(super) fn floats(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(values) => values.into_iter().map(floats).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, floats(value)))
            .collect(),
        other => other,
    }
}

/// Moves every moment of an event into the past by so many milliseconds. KEYS as [`let_pass`] gives them.
const SHIFT: &str = r"
        local ms = tonumber(ARGV[1])
        for _, field in ipairs({ 'lobby_at', 'opens_at', 'closes_at' }) do
            local at = redis.call('HGET', KEYS[1], field)
            if at and at ~= '' then
                redis.call('HSET', KEYS[1], field, string.format('%d', at - ms))
            end
        end
        for field, pattern in pairs({ ramp = '^(%S+) (%d+) (%d+)(.*)$', brake = '^(%d+) (%d+) (%d+)(.*)$' }) do
            local first, since, at, rest = string.match(redis.call('HGET', KEYS[1], field) or '', pattern)
            if first then
                redis.call('HSET', KEYS[1], field, string.format('%s %d %d%s', first, since - ms, at - ms, rest))
            end
        end
        local strain = redis.call('HGETALL', KEYS[8])
        redis.call('DEL', KEYS[8])
        for i = 1, #strain, 2 do
            local second, rest = string.match(strain[i + 1], '^(%d+)(.*)$')
            second = second - math.floor(ms / 1000)
            local slot = strain[i] == 'judged' and 'judged' or second % 16
            redis.call('HSET', KEYS[8], slot, string.format('%d%s', second, rest))
        end
        local admitted = redis.call('HGETALL', KEYS[2])
        for i = 1, #admitted, 2 do
            local seq, at, ends, kid = string.match(admitted[i + 1], '^(%S+) (%S+) (%S+) (.*)$')
            redis.call('HSET', KEYS[2], admitted[i], string.format('%s %d %d %s', seq, at - ms, ends - ms, kid))
        end
        for _, key in ipairs({ KEYS[3], KEYS[4], KEYS[6] }) do
            for _, place in ipairs(redis.call('ZRANGE', key, 0, -1)) do
                redis.call('ZINCRBY', key, -ms, place)
            end
        end
        local at_us = redis.call('HGET', KEYS[5], 'at_us')
        if at_us then
            redis.call('HSET', KEYS[5], 'at_us', at_us - ms * 1000)
        end
        if redis.call('HEXISTS', KEYS[5], 'near_ms') == 1 then
            redis.call('HINCRBY', KEYS[5], 'near_ms', -ms)
        end
        for _, place in ipairs(redis.call('HKEYS', KEYS[7])) do
            redis.call('HINCRBY', KEYS[7], place, -ms)
        end";

/// Lets `ms` pass for an event: Redis has no clock to turn, so every moment that the scripts compare with the present is
/// moved into the past instead.
pub(super) async fn let_pass(store: &Store, event: &EventId, ms: i64) {
    let keys = Keys::of(event);
    let keys = [
        keys.event(),
        keys.admitted(),
        keys.outstanding(),
        keys.unminted(),
        keys.pace(),
        keys.grace(),
        keys.seen(),
        keys.strain(),
    ];
    redis::cmd("EVAL")
        .arg(SHIFT)
        .arg(keys.len())
        .arg(&keys)
        .arg(ms)
        .exec_async(&mut store.connection())
        .await
        .unwrap();
}

/// The present moment by the store's clock, in microseconds.
pub(super) async fn now_us(store: &Store) -> i64 {
    let (seconds, micros): (i64, i64) = redis::cmd("TIME")
        .query_async(&mut store.connection())
        .await
        .unwrap();
    seconds * 1_000_000 + micros
}

/// A hash as it is written.
pub(super) fn hash<const N: usize>(fields: [(&str, String); N]) -> BTreeMap<String, String> {
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
