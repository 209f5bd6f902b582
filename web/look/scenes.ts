/** Every state of the queue page, as the server would tell it. The shapes are the API's own types. */

import { createHash } from 'node:crypto';
import type { DrawRecord, EventStatus, Frame, Pending, PlaceStatus } from '../src/queue/api';

/** What the server answers instead of a body: a status and a problem's name, or silence. */
export type Refused = { status: number; problem: string; retryAfter?: number; more?: object } | 'silence';

export interface Scene {
  status: EventStatus | Refused;
  me: PlaceStatus | Refused;
  /** Sent when the socket opens; after `drop` the server answers nobody any more. */
  frames?: (Frame | 'drop')[];
  enter?: Refused | PlaceStatus;
  /** The answers to redeeming, one a call; the last one stays. */
  redeem?: (Refused | Pending | { code: string })[];
  /** What a person presses before the picture is taken. */
  presses?: ('join' | 'redeem' | 'leave' | 'draw' | 'check')[];
  /** How the lobby was drawn, and the list of it. */
  draw?: DrawRecord & { list: string };
}

const NO_PLACE: Refused = { status: 401, problem: 'no-place' };
const iso = (ms: number) => new Date(Date.now() + ms).toISOString();

function status(change: Partial<EventStatus> = {}): EventStatus {
  return {
    event: 'demo',
    title: 'Autumn Market – first 1,000 coupons',
    phase: 'open',
    opens_at: null,
    waiting: 3120,
    rate_per_s: 5,
    stock: { total: 1000, remaining: 812 },
    sold_out: false,
    at: iso(0),
    ...change,
  };
}

function place(change: Partial<PlaceStatus> = {}): PlaceStatus {
  return {
    place_id: 'kT9r2mB0QJmVwL0y8mYh1A',
    state: 'waiting',
    position: 1234,
    waiting: 3120,
    phase: 'open',
    eta_s: { low: 197, high: 309 },
    chance: 'uncertain',
    poll_after_ms: 1100,
    ...change,
  };
}

/** Somebody in line at `position`, with the same told over the socket. */
function waitingAt(position: number, waiting: number, remaining: number, change: Partial<PlaceStatus> = {}): Scene {
  const eta_s = { low: Math.floor((position / 5) * 0.8), high: Math.ceil((position / 5) * 1.25) + 1 };
  const ahead = position - 1;
  const chance = ahead < remaining ? 'likely' : ahead < 2 * remaining ? 'uncertain' : 'unlikely';
  const me = place({ position, waiting, eta_s, chance, ...change });
  return {
    status: status({ phase: me.phase, waiting, stock: { total: 1000, remaining } }),
    me,
    frames: [
      {
        type: 'position',
        position,
        waiting,
        eta_s: me.eta_s,
        rate_per_s: 5,
        stock_remaining: remaining,
        chance: me.chance,
        at: iso(0),
      },
    ],
  };
}

const turn = (): Scene => ({
  status: status(),
  me: place({
    state: 'admitted',
    position: null,
    eta_s: null,
    ticket: 'header.claims.signature',
    ticket_expires_at: iso(105_000),
  }),
  frames: [],
});

const sha = (...parts: (string | Buffer)[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex');

/** Somebody who sees the draw of a lobby of so many end. */
function drawn(people: number): Scene {
  const seed = sha('a scene');
  const me = place().place_id;
  const others = Array.from({ length: people - 1 }, (_, i) => sha(String(i)).slice(0, 22));
  const by = (id: string) => sha(Buffer.from(seed, 'hex'), id);
  const ids = [me, ...others].sort((a, b) => (by(a) < by(b) ? -1 : 1));
  const position = ids.indexOf(me) + 1;
  const list = ids.map((id) => `${id}\n`).join('');
  const drawn_at = '2026-11-21T10:00:00.000Z';
  return {
    ...waitingAt(position, people, 1000),
    me: place({ position: null, waiting: people, eta_s: null, chance: null }),
    draw: { seed, seed_origin: 'random', people, drawn_at, digest: sha(list), list },
  };
}

/** Scenes are made anew for each request: their times run from then. */
export const SCENES: Record<string, () => Scene> = {
  unreachable: () => ({ status: 'silence', me: 'silence' }),
  recovering: () => ({
    status: { status: 503, problem: 'try-again', retryAfter: 600 },
    me: { status: 503, problem: 'try-again', retryAfter: 600 },
  }),
  'unknown-event': () => ({
    status: { status: 404, problem: 'no-such-event' },
    me: { status: 404, problem: 'no-such-event' },
  }),
  'not-open-yet': () => ({ status: status({ phase: 'draft', opens_at: '2027-03-01T10:00:00.000Z' }), me: NO_PLACE }),
  'not-open-yet-no-time': () => ({ status: status({ phase: 'draft' }), me: NO_PLACE }),
  join: () => ({ status: status(), me: NO_PLACE }),
  'join-lobby': () => ({ status: status({ phase: 'lobby', opens_at: iso(754_000), waiting: 48 }), me: NO_PLACE }),
  'join-paused': () => ({ status: status({ phase: 'paused' }), me: NO_PLACE }),
  'join-returns': () => ({ status: status({ sold_out: true, stock: { total: 1000, remaining: 0 } }), me: NO_PLACE }),
  'entering-crowded': () => ({
    status: status(),
    me: NO_PLACE,
    enter: { status: 429, problem: 'slow-down', retryAfter: 600 },
    presses: ['join'],
  }),
  'entering-recovery': () => ({
    status: status(),
    me: NO_PLACE,
    enter: { status: 503, problem: 'try-again', retryAfter: 600 },
    presses: ['join'],
  }),
  'join-stranger': () => ({
    status: status(),
    me: NO_PLACE,
    enter: { status: 401, problem: 'unauthorized' },
    presses: ['join'],
  }),
  'join-refused': () => ({
    status: status(),
    me: NO_PLACE,
    enter: { status: 403, problem: 'foreign-origin' },
    presses: ['join'],
  }),
  lobby: () => ({
    ...waitingAt(37, 48, 1000, { phase: 'lobby', eta_s: null }),
    status: status({ phase: 'lobby', opens_at: iso(754_000) }),
  }),
  'lobby-drawn': () => ({
    ...waitingAt(37, 48, 1000, { phase: 'lobby', eta_s: null, position: null }),
    status: status({ phase: 'lobby', opens_at: iso(754_000) }),
    frames: [
      {
        type: 'position',
        position: null,
        waiting: 48,
        eta_s: null,
        rate_per_s: 5,
        stock_remaining: 1000,
        chance: null,
        at: iso(0),
      },
    ],
  }),
  drawing: () => ({ ...waitingAt(37, 48, 1000, { eta_s: null, position: null }), frames: [] }),
  drawn: () => ({ ...drawn(48), presses: ['draw', 'check'] }),
  waiting: () => waitingAt(641, 3120, 812),
  'waiting-halfway': () => ({ ...waitingAt(641, 3120, 812), frames: waitingAt(236, 2715, 700).frames ?? [] }),
  'waiting-uncertain': () => waitingAt(1190, 3120, 812),
  'waiting-likely-still': () => waitingAt(970, 3120, 812, { chance: 'likely' }),
  'waiting-far': () => waitingAt(12_345, 98_000, 812),
  'waiting-a-million': () => waitingAt(1_234_567, 2_000_000, 812),
  'waiting-few': () => waitingAt(7, 64, 95),
  'waiting-next': () => waitingAt(1, 12, 95),
  'waiting-returns': () => waitingAt(40, 120, 0),
  paused: () => waitingAt(641, 3120, 812, { phase: 'paused', eta_s: null }),
  reconnecting: () => ({ ...waitingAt(641, 3120, 812), frames: [...(waitingAt(641, 3120, 812).frames ?? []), 'drop'] }),
  'leave-question': () => ({ ...waitingAt(641, 3120, 812), presses: ['leave'] }),
  turn,
  'turn-trouble': () => ({ ...turn(), redeem: [{ status: 403, problem: 'not-the-holder' }], presses: ['redeem'] }),
  checking: () => ({
    ...turn(),
    redeem: [{ status: 503, problem: 'outcome-unknown', retryAfter: 600 }],
    presses: ['redeem'],
  }),
  coupon: () => ({ ...turn(), redeem: [{ code: 'K7QF2MZRXW4T' }], presses: ['redeem'] }),
  'coupon-long': () => ({
    ...turn(),
    redeem: [{ code: 'AUTUMN-2027-8HJQ-RW3N-K7QF2MZRXW4T-VB6D9SYE' }],
    presses: ['redeem'],
  }),
  'sold-out': () => ({
    status: status({ phase: 'draining', sold_out: true, stock: { total: 1000, remaining: 0 } }),
    me: place({ state: 'gone', reason: 'sold-out', position: null, eta_s: null, phase: 'draining' }),
  }),
  missed: () => ({ status: status(), me: place({ state: 'gone', reason: 'no-show', position: null, eta_s: null }) }),
  left: () => ({ status: status(), me: place({ state: 'gone', reason: 'left', position: null, eta_s: null }) }),
  'line-closed': () => ({ status: status({ phase: 'draining' }), me: NO_PLACE }),
  closed: () => ({ status: status({ phase: 'closed' }), me: NO_PLACE }),
};

const turnFrames = (): Frame[] => [{ type: 'ticket', ticket: 'header.claims.signature', expires_at: iso(105_000) }];

/** Whole ways through the page, for tests that walk them. */
export const WAYS: Record<string, () => Scene> = {
  'from-the-door-to-the-code': () => ({
    status: status(),
    me: NO_PLACE,
    enter: place({ position: 3, waiting: 12 }),
    frames: [
      {
        type: 'position',
        position: 1,
        waiting: 10,
        eta_s: null,
        rate_per_s: 5,
        stock_remaining: 95,
        chance: 'likely',
        at: iso(0),
      },
      { type: 'ticket', ticket: 'header.claims.signature', expires_at: iso(105_000) },
    ],
    redeem: [{ code: 'K7QF2MZRXW4T' }],
  }),
  'a-draw-to-check': () => drawn(48),
  'a-draw-that-was-bent': () => {
    const { draw, ...scene } = drawn(48);
    return draw ? { ...scene, draw: { ...draw, seed: sha('another seed') } } : scene;
  },
  'a-turn-elsewhere': () => ({ ...turn(), me: place({ position: 1 }), frames: turnFrames() }),
  'a-coupon-to-keep': () => ({ ...turn(), redeem: [{ code: 'K7QF2MZRXW4T' }] }),
  'an-answer-lost-twice': () => ({
    ...turn(),
    redeem: [
      { status: 503, problem: 'outcome-unknown', retryAfter: 1 },
      { result: 'pending' },
      { code: 'K7QF2MZRXW4T' },
    ],
  }),
};
