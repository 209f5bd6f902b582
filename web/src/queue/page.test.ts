import { describe, expect, test } from 'vitest';
import type { EventStatus, Frame, GoneReason, Pass, Phase, PlaceStatus } from './api';
import { after, type News, type Page, START, type State, stateOf } from './page';

const EVENT: EventStatus = {
  event: 'demo',
  title: 'Demo',
  phase: 'open',
  opens_at: null,
  waiting: 3120,
  rate_per_s: 5,
  stock: { total: 1000, remaining: 812 },
  sold_out: false,
  at: '2026-11-21T10:00:00.000Z',
};
const WAITING: PlaceStatus = {
  place_id: 'p',
  state: 'waiting',
  position: 641,
  waiting: 3120,
  phase: 'open',
  eta_s: { low: 100, high: 160 },
  chance: 'likely',
  poll_after_ms: 1000,
};
const TICKET: Frame = { type: 'ticket', ticket: 't1', expires_at: '2026-11-21T10:02:00.000Z' };
const PASS: Pass = {
  result: 'pass',
  event: 'demo',
  coupon: { code: 'K7QF2MZRXW4T', serial: 17 },
  issued_at: '2026-11-21T10:00:03.120Z',
};

const event = (change: Partial<EventStatus> = {}): News => ({ is: 'event', status: { ...EVENT, ...change } });
const place = (change: Partial<PlaceStatus> = {}): News => ({
  is: 'place',
  status: { ...WAITING, ...change },
  at: 1,
});
const frame = (told: Frame): News => ({ is: 'frame', frame: told, at: 2 });
const position = (n: number | null): News =>
  frame({
    type: 'position',
    position: n,
    waiting: 3000,
    eta_s: null,
    chance: null,
    rate_per_s: 7,
    stock_remaining: 700,
    at: '2026-11-21T10:00:01.000Z',
  });
const gone = (reason: GoneReason): News => frame({ type: 'gone', reason });
const ASKING: News = { is: 'asking', again: false };
const ASKING_AGAIN: News = { is: 'asking', again: true };

function page(...news: News[]): Page {
  return news.reduce(after, START);
}

const STATES: [State, News[]][] = [
  ['loading', []],
  ['loading', [event()]],
  ['unreachable', [{ is: 'link', link: 'lost' }]],
  ['recovering', [{ is: 'link', link: 'recovering' }]],
  ['recovering', [{ is: 'no-place' }, { is: 'link', link: 'recovering' }]],
  ['unknown-event', [{ is: 'no-place' }, { is: 'unknown-event' }]],
  ['not-open-yet', [event({ phase: 'draft' }), { is: 'no-place' }]],
  ['join', [event(), { is: 'no-place' }]],
  ['join', [event({ phase: 'lobby' }), { is: 'no-place' }]],
  ['join', [event({ phase: 'paused' }), { is: 'no-place' }]],
  ['join', [event({ sold_out: true }), { is: 'no-place' }]],
  ['line-closed', [event({ phase: 'draining' }), { is: 'no-place' }]],
  ['sold-out', [event({ phase: 'draining', sold_out: true }), { is: 'no-place' }]],
  ['closed', [event({ phase: 'closed' }), { is: 'no-place' }]],
  ['entering', [event(), { is: 'entering', held: 'nothing' }]],
  ['sold-out', [event(), { is: 'refused', phase: 'draining', soldOut: true }]],
  ['not-open-yet', [event(), { is: 'refused', phase: 'draft', soldOut: false }]],
  ['lobby', [event({ phase: 'lobby' }), place({ phase: 'lobby' })]],
  ['waiting', [event(), place()]],
  ['waiting', [place()]],
  ['paused', [event(), place({ phase: 'paused' })]],
  ['waiting', [event({ phase: 'draining' }), place({ phase: 'draining' })]],
  ['turn', [event(), place(), frame(TICKET)]],
  ['turn', [event(), place(), frame(TICKET), ASKING]],
  ['checking', [event(), place(), frame(TICKET), ASKING, ASKING_AGAIN]],
  ['checking', [event(), place({ state: 'redeemed' })]],
  ['coupon', [event(), place({ state: 'redeemed' }), { is: 'pass', pass: PASS }]],
  ['left', [event(), place(), gone('left')]],
  ['missed', [event(), place(), frame(TICKET), gone('no-show')]],
  ['sold-out', [event(), place(), gone('sold-out')]],
  ['closed', [event(), place(), gone('closed')]],
  ['missed', [event(), place({ state: 'gone', reason: 'no-show' })]],
  ['waiting', [event(), place(), gone('no-show'), { is: 'entering', held: 'nothing' }, place({ position: 3121 })]],
];

test.each(STATES)('%s', (state, news) => {
  expect(stateOf(page(...news))).toBe(state);
});

describe('a position', () => {
  test('follows the frames, and brings rate and stock with it', () => {
    const now = page(event(), place(), position(600));
    expect(now.place).toMatchObject({ is: 'waiting', id: 'p', position: 600, waiting: 3000, heardAt: 2 });
    expect(now.event).toMatchObject({ rate_per_s: 7, stock: { total: 1000, remaining: 700 } });
  });

  test('never rises, though an older answer arrives late', () => {
    expect(page(event(), place(), position(600), place()).place).toMatchObject({ position: 600 });
  });

  test('of a new place after a missed turn may be at the back', () => {
    const again = page(
      event(),
      place(),
      gone('no-show'),
      { is: 'entering', held: 'nothing' },
      place({ position: 3121 }),
    );
    expect(again.place).toMatchObject({ position: 3121 });
  });

  test('is drawn when the lobby opens', () => {
    const drawn = page(event({ phase: 'lobby' }), place({ position: null, phase: 'lobby' }), position(37));
    expect(drawn.place).toMatchObject({ position: 37 });
  });
});

test('an entering that the server will not take leads back to the door, and says why', () => {
  const back = page(event(), { is: 'entering', held: 'nothing' }, { is: 'not-entered', problem: 'foreign-origin' });
  expect(stateOf(back)).toBe('join');
  expect(back.place).toMatchObject({ trouble: 'foreign-origin' });
});

describe('a ticket', () => {
  test('is not taken back by news that was under way', () => {
    for (const late of [position(1), place(), frame(TICKET)]) {
      expect(page(event(), place(), frame(TICKET), ASKING, late).place).toMatchObject({
        ticket: 't1',
        asking: 'first',
      });
    }
  });

  test('being redeemed is answered by the issuer, whatever the line says', () => {
    for (const reason of ['no-show', 'closed', 'sold-out'] as const) {
      expect(stateOf(page(event(), place(), frame(TICKET), ASKING, ASKING_AGAIN, gone(reason)))).toBe('checking');
    }
  });

  test('that was refused can be tried again, and says why', () => {
    const refused = page(event(), place(), frame(TICKET), ASKING, { is: 'trouble', problem: 'not-the-holder' });
    expect(refused.place).toMatchObject({ asking: 'no', trouble: 'not-the-holder' });
    expect(stateOf(refused)).toBe('turn');
  });

  test('that ended here is remembered with its time; one that ended elsewhere has none', () => {
    const ended = Date.parse('2026-11-21T10:02:00.000Z');
    expect(page(event(), place(), frame(TICKET), gone('no-show')).place).toMatchObject({ ticketEnded: ended });
    expect(page(event(), place({ state: 'gone', reason: 'no-show' })).place).toMatchObject({ ticketEnded: null });
  });
});

test('a coupon stays, whatever comes', () => {
  const held = [event(), place({ state: 'redeemed' }), { is: 'pass', pass: PASS }] as News[];
  const late = [gone('closed'), gone('sold-out'), position(1), frame(TICKET), place({ state: 'redeemed' }), ASKING];
  for (const news of late) {
    expect(stateOf(page(...held, news))).toBe('coupon');
  }
});

test.each(['paused', 'open', 'draining'] as Phase[])('the phase %s reaches those in line by a frame', (phase) => {
  const told = page(event(), place(), frame({ type: 'event', phase, sold_out: true, stock_remaining: 0 }));
  expect(told.event).toMatchObject({ phase, sold_out: true, stock: { total: 1000, remaining: 0 } });
});
