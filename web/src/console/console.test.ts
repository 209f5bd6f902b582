import { describe, expect, test } from 'vitest';
import type { LiveEvent } from './api';
import { difference } from './audit';
import { ceiling, line } from './chart';
import { type Reason, reasonFor } from './health';
import { History } from './history';
import { changeFrom } from './limits';
import { movesFrom } from './moves';
import { onTheWay, rateAt, stepAt, tenth } from './pace';
import { conflicts } from './setting';
import { nextMove, told } from './terms';
import { timely } from './timely';
import { en } from './words.en';

const EVENT: LiveEvent = {
  event: 'demo',
  title: 'Demo',
  lobby_at: null,
  opens_at: null,
  closes_at: null,
  order: 'fifo',
  identity: 'place',
  book: 'demo',
  code_pattern: '{}',
  ack: 'ledger',
  on_sold_out: 'close',
  presence_s: 20,
  grace_s: 300,
  phase: 'open',
  stock: { total: 1000, remaining: 377 },
  admission: { rate_per_s: 5, capacity: 100, ticket_ttl_s: 120 },
  waiting: 3120,
  admitted: 702,
  outstanding: 54,
  redeemed: 623,
  no_shows: 25,
  left: 88,
  outbox_lag: 0,
  ledger_lag: 0,
  waits: { all: 0, in_range: 0 },
};

/** The event once a second; `at` changes it by the second. */
function watched(seconds: number, at: (second: number) => Partial<LiveEvent>): { event: LiveEvent; history: History } {
  const history = new History();
  let event = EVENT;
  for (let second = 0; second <= seconds; second += 1) {
    event = { ...EVENT, ...at(second) };
    history.hear(second * 1000, event);
  }
  return { event, history };
}

function reason(seconds: number, at: (second: number) => Partial<LiveEvent>): Reason {
  const { event, history } = watched(seconds, at);
  return reasonFor(event, history);
}

const moving = (second: number) => ({ admitted: 702 + 5 * second, redeemed: 623 + 5 * second });

describe('the history', () => {
  test('tells what happened per second over the last seconds', () => {
    const { history } = watched(20, (second) => ({ admitted: second < 10 ? 0 : (second - 10) * 4 }));
    const rates = history.perSecond('admitted');
    expect(rates[0]).toBeNull();
    expect(rates[5]).toBe(0);
    expect(rates[20]).toBe(4);
  });

  test('is shown on the shortest axis that holds it', () => {
    expect([60, 121, 301, 1000].map((seconds) => watched(seconds, moving).history.span() / 60_000)).toEqual([
      2, 5, 15, 15,
    ]);
  });

  test('keeps a quarter of an hour and no more, and hears no frame twice', () => {
    const { event, history } = watched(1000, moving);
    history.hear(1_000_000, event);
    expect(history.samples).toHaveLength(901);
    expect(history.samples[0]?.at).toBe(100_000);
  });
});

describe('the state of an event', () => {
  test('is well while people are let in at a slow rate', () => {
    const slow = { rate_per_s: 0.1, capacity: 100, ticket_ttl_s: 120 };
    const at = (second: number) => ({ admission: slow, admitted: 702 + Math.floor(second / 10) });
    expect(reason(60, at).is).toBe('well');
  });

  test.each<[Reason['is'], Reason['level'], Partial<LiveEvent>]>([
    ['rate-zero', 'amber', { admission: { rate_per_s: 0, capacity: 100, ticket_ttl_s: 120 } }],
    ['capacity-full', 'amber', { outstanding: 100 }],
    ['no-shows', 'amber', { admitted: 700, no_shows: 400, waiting: 0 }],
    ['braked', 'amber', { brake: { divided_by: 4, since: '', why: 'failed', share: 0.12 }, waiting: 0 }],
    ['sold-out', 'calm', { stock: { total: 1000, remaining: 0 }, phase: 'draining', waiting: 0 }],
    ['well', 'calm', { phase: 'paused' }],
    ['well', 'calm', { phase: 'lobby', admission: { rate_per_s: 0, capacity: 100, ticket_ttl_s: 120 } }],
    ['nobody-let-in', 'red', {}],
    ['ledger-still', 'red', { ledger_lag: 3 }],
    ['log-still', 'red', { outbox_lag: 3, ledger_lag: 3 }],
  ])('is %s (%s) after twelve seconds of %o', (is, level, change) => {
    expect(reason(12, () => change)).toMatchObject({ is, level });
  });

  test('is well while the ledger is behind but follows', () => {
    expect(reason(30, (second) => ({ ...moving(second), ledger_lag: 40 })).is).toBe('well');
  });

  test('does not alarm at the first coupon after a quiet hour', () => {
    const opened = (second: number): Partial<LiveEvent> =>
      second < 60 ? { phase: 'lobby' } : { phase: 'open', redeemed: 624, ledger_lag: 1 };
    expect(reason(61, opened).is).toBe('well');
  });
});

describe('the pace', () => {
  test('of the slider goes from nothing over a tenth to a hundred thousand, and back to the same step', () => {
    expect([0, 1, 11, 18, 61].map(rateAt)).toEqual([0, 0.1, 1, 5, 100_000]);
    for (let step = 0; step <= 61; step += 1) {
      expect(stepAt(rateAt(step))).toBe(step);
    }
  });

  test('moves by a tenth to a number one would type', () => {
    expect([tenth(200, 1), tenth(200, -1), tenth(5, 1), tenth(0, 1)]).toEqual([220, 180, 5.5, 0]);
  });

  test('tells what is in force in place of the rate that is set, and why', () => {
    const desk = { words: en, r: String, at: 0, language: 'en' } as const;
    expect(onTheWay(desk, EVENT)).toBe('');
    const brake = { divided_by: 4, since: '', why: 'failed', share: 0.123 } as const;
    const ramp = { from_per_s: 1, since: '1970-01-01T00:00:00Z', until: '1970-01-01T00:01:00Z' };
    const admission = { ...EVENT.admission, ramp };
    const told = onTheWay(desk, { ...EVENT, admission, brake, rate_in_force_per_s: 1.25 });
    expect(told).toContain('The rate goes to 5 until');
    expect(told, 'what changes every second is not read out').not.toContain('1.25');
    expect(told).toContain('Admission is braked to 1/4: 12 % of the redeems of the last 10 s failed.');
  });

  test('typed over a value that somebody else has changed is a conflict', () => {
    expect(conflicts({ is: 'typed', basis: 5 }, 8)).toBe(true);
    expect(conflicts({ is: 'typed', basis: 5 }, 5)).toBe(false);
    expect(conflicts({ is: 'following' }, 8)).toBe(false);
  });
});

test('limits are changed where something else was typed, and go back to the flag where all was taken out', () => {
  const held = { enters: '20/40', requests: '1/2', sockets: '5', direct: 'off', exempt: 'off' };
  const form = new FormData();
  for (const [name, typed] of Object.entries({ ...held, enters: ' 30/60 ', requests: '', direct: '' })) {
    form.set(name, typed);
  }
  expect(changeFrom(form, { ...held, set: ['requests'] })).toEqual({ enters: '30/60', requests: null });
});

describe('a chart', () => {
  test('has a round number on top', () => {
    expect([0, 0.3, 1, 4.2, 7, 3120].map(ceiling)).toEqual([1, 0.5, 1, 5, 10, 5000]);
  });

  test('ends at the right edge now, and leaves a gap where nothing was heard', () => {
    const points: [number, number | null][] = [
      [880_000, 0],
      [881_000, 50],
      [882_000, null],
      [899_000, 100],
      [900_000, 100],
    ];
    expect(line(points, 900_000, 900_000, 100)).toBe('M586.7 100.0L587.3 50.0M599.3 0.0L600.0 0.0');
  });
});

test('a change is told by the fields that differ', () => {
  expect(difference({ rate_per_s: 5, capacity: 10 }, { rate_per_s: 8, capacity: 10 })).toBe('rate_per_s 5 → 8');
  expect(difference('open', 'paused')).toBe('open → paused');
  expect(difference(null, { title: 'Demo', stock: 5 })).toBe('title Demo, stock 5');
  expect(difference({ a: { b: 1, c: 3 } }, { a: { b: 2, c: 3 } })).toBe('a.b 1 → 2');
  expect(difference({ opens_at: '10:00' }, { opens_at: null })).toBe('opens_at 10:00 → –');
});

test('an event moves as the contract says', () => {
  expect(movesFrom('draft')).toEqual(['lobby', 'open', 'closed']);
  expect(movesFrom('draining')).toEqual(['open', 'closed']);
  expect(movesFrom('closed')).toEqual([]);
});

test('how often the time left was right is told as all gateways counted it, and not before anybody was', () => {
  const desk = { words: en, n: String };
  const of = (in_range: number, all: number) => timely(desk, { waits: { all, in_range } });
  expect(of(84, 100)).toBe('The time left that 100 people saw first was right for 84 %.');
  expect(of(2, 3)).toContain('66 %');
  expect(of(0, 0)).toBe('');
});

test('nobody reads of 1 tickets, and of no ticket nothing is said', () => {
  const { closed, paused } = en.move.what;
  expect(paused('5', '1')).toContain('The one ticket that is out can still be redeemed.');
  expect(closed('5', '0')).toBe('Everybody in line is sent away. This cannot be undone.');
  expect(en.reason['ledger-still']('1')).toBe('The ledger stands still; 1 record waits for it.');
});

test('an event says when it moves by itself, with the day when that is not today, and what is done by hand', () => {
  const at = Date.parse('2026-11-21T09:00:00.000Z');
  const event: LiveEvent = { ...EVENT, order: 'draw', opens_at: '2026-12-24T09:00:00.000Z' };
  const desk = { words: en, at, language: 'en' as const };
  expect(told(desk, event, 'opens_at')).toMatch(/Dec 24, 2026/);
  expect(told(desk, event, 'closes_at')).toBe('by hand');
  const next = (change: Partial<LiveEvent>) => nextMove({ ...event, ...change })?.[0];
  const times = { lobby_at: event.opens_at, closes_at: event.opens_at };
  expect((['draft', 'lobby', 'paused', 'closed'] as const).map((phase) => next({ ...times, phase }))).toEqual([
    'lobby',
    'opens',
    'closes',
    undefined,
  ]);
  // Nothing moves a draft but the opening of its lobby.
  expect(next({ phase: 'draft' })).toBeUndefined();
  expect(told(desk, event, 'order')).toBe('are drawn into random order');
});
