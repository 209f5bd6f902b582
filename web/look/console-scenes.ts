/** Scenes of the ops console. A scene's name is its admin token. */

import type { Audited, Frame, List, LiveEvent } from '../src/console/api';
import type { Refused } from './scenes';

export interface ConsoleScene {
  /** An operator with an account looks on, rather than whoever holds the admin token. */
  operator?: true;
  /** The screen, as the part of the address after `#`. */
  at: string;
  answer(method: string, path: string): object | Refused | undefined;
  play(send: (frame: Frame) => void): void;
  /** Ends every socket after its frames, and lets none in again. */
  drop?: boolean;
  /** What an operator does before the picture: presses buttons by the name of their words, or types. */
  acts?: Act[];
}

export type Act =
  | 'pause'
  | 'close'
  | 'keys'
  | 'type-rate'
  | 'add-stock'
  | 'wrong-token'
  | 'find-nothing'
  | 'make-taken'
  | 'by-account'
  | 'rotate'
  | 'show-letter'
  | 'discard'
  | 'still-dead'
  | 'look-at-codes'
  | 'take-back'
  | 'generate'
  | 'deal'
  | 'open-all'
  | 'edit'
  | 'edit-refused';

const FRAMES = 840;

function event(change: Partial<LiveEvent> & { event: string; title: string }): LiveEvent {
  return {
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
    waits: { all: 4123, in_range: 3711 },
    phase: 'open',
    stock: { total: 6000, remaining: 1877 },
    admission: { rate_per_s: 5, capacity: 1000, ticket_ttl_s: 120 },
    waiting: 3120,
    admitted: 4502,
    outstanding: 54,
    redeemed: 4123,
    no_shows: 325,
    left: 88,
    outbox_lag: 0,
    ledger_lag: 3,
    ...change,
  };
}

const DEMO = event({ event: 'demo', title: 'Autumn Market – first come, first served' });

/** The longest title that there may be, and as many people and coupons. */
const HUGE = event({
  event: 'a-very-long-id-of-an-event-that-somebody-made-with-a-program-0001',
  title: 'Autumn Market – first come, first served, one for each household while stocks last, '.repeat(3).slice(0, 200),
  phase: 'draft',
  stock: { total: 10_000_000, remaining: 9_876_543 },
  admission: { rate_per_s: 1_000_000, capacity: 10_000_000, ticket_ttl_s: 86_400 },
  waiting: 12_345_678,
  admitted: 12_345_678,
  outstanding: 9_999_999,
  redeemed: 9_876_543,
  no_shows: 2_469_135,
  left: 1_234_567,
  ledger_lag: 1_234_567,
  waits: { all: 12_345_678, in_range: 12_345_677 },
});

/** On its way to a higher rate, and braked at once. */
const BRAKED = event({
  event: 'demo',
  title: DEMO.title,
  admission: {
    rate_per_s: 200,
    capacity: 1000,
    ticket_ttl_s: 120,
    ramp: { from_per_s: 5, since: '2026-11-21T10:00:00.000Z', until: '2026-11-21T10:05:00.000Z' },
  },
  rate_in_force_per_s: 25.6,
  brake: { divided_by: 4, since: '2026-11-21T10:02:40.000Z', why: 'failed', share: 0.12 },
});

const MANY = [
  event({
    event: 'autumn-shoes',
    title: 'Autumn shoes, second batch',
    phase: 'lobby',
    order: 'draw',
    opens_at: '2026-11-21T12:00:00.000Z',
    waiting: 48_213,
    admitted: 0,
    outstanding: 0,
    redeemed: 0,
    no_shows: 0,
    ledger_lag: 0,
    stock: { total: 20_000, remaining: 20_000 },
    admission: { rate_per_s: 200, capacity: 5000, ticket_ttl_s: 120 },
  }),
  event({
    event: 'concert-busan',
    title: 'Concert in Busan',
    outstanding: 400,
    stock: { total: 5000, remaining: 4100 },
    admission: { rate_per_s: 20, capacity: 400, ticket_ttl_s: 300 },
    waiting: 12_400,
  }),
  DEMO,
  event({
    event: 'early-birds',
    title: 'Early birds',
    phase: 'closed',
    waiting: 0,
    outstanding: 0,
    redeemed: 1000,
    stock: { total: 1000, remaining: 0 },
    ledger_lag: 0,
  }),
  event({
    event: 'ledger-trouble',
    title: 'Museum night',
    ledger_lag: 412,
    stock: { total: 2000, remaining: 1100 },
  }),
  event({
    event: 'nobody-moves',
    title: 'Winter coats',
    ledger_lag: 0,
    admission: { rate_per_s: 0, capacity: 500, ticket_ttl_s: 120 },
  }),
  event({
    event: 'spring-drop',
    title: '봄맞이 쿠폰 이벤트',
    phase: 'draft',
    waiting: 0,
    admitted: 0,
    outstanding: 0,
    redeemed: 0,
    no_shows: 0,
    left: 0,
    ledger_lag: 0,
    stock: { total: 500, remaining: 500 },
  }),
];

/** An event as it was `ago` seconds before what `now` says: its counts grow in waves, and the rate was changed twice. */
function earlier(now: LiveEvent, ago: number): LiveEvent {
  const moving = now.event === 'demo' || now.event === 'concert-busan' || now.event === 'ledger-trouble';
  const rate = now.admission.rate_per_s;
  const was = ago > 500 ? rate / 2 : ago > 300 ? rate * 1.6 : rate;
  const grown = moving ? Math.round(ago * 4.4 + 12 * Math.sin(ago / 23)) : 0;
  const redeemed = Math.max(0, now.redeemed - grown);
  return {
    ...now,
    waiting: Math.max(0, Math.round(now.waiting + (moving ? ago * 1.7 - 300 * Math.sin(ago / 140) : 0))),
    admitted: Math.max(0, now.admitted - grown),
    redeemed,
    // The museum's ledger took its last record when 3,711 coupons were out.
    ledger_lag: now.event === 'ledger-trouble' ? Math.max(0, redeemed - 3711) : now.ledger_lag,
    admission: { ...now.admission, rate_per_s: was },
  };
}

function play(events: LiveEvent[]): (send: (frame: Frame) => void) => void {
  return (send) => {
    const end = Date.now();
    for (let ago = FRAMES; ago >= 0; ago -= 1) {
      const at = new Date(end - ago * 1000).toISOString();
      send({ type: 'figures', at, events: events.map((one) => earlier(one, ago)) });
    }
  };
}

const AUDIT: List<Audited> = {
  items: [
    change(
      '5-0',
      'admission',
      { rate_per_s: 8, capacity: 1000, ticket_ttl_s: 120 },
      { rate_per_s: 5, capacity: 1000, ticket_ttl_s: 120 },
    ),
    change('4-0', 'phase', 'paused', 'open'),
    change('3-0', 'phase', 'open', 'paused'),
    change('2-0', 'stock', { total: 900 }, { total: 1000 }),
    change('1-0', 'created', null, { title: 'Autumn Market – first come, first served', stock: 900 }),
  ],
  next: '1-0',
};

function change(id: string, action: string, from: unknown, to: unknown): Audited {
  return { id, at: '2026-11-21T10:03:00.000Z', by: 'admin', action, from, to };
}

function answers(events: LiveEvent[]): ConsoleScene['answer'] {
  return (method, path) => {
    if (path === '/events') {
      return { items: events, next: null };
    }
    if (path === '/dead-letters') {
      return { items: [], next: null };
    }
    return path.endsWith('/audit') ? AUDIT : method === 'GET' ? { status: 404, problem: 'not-found' } : {};
  };
}

function scene(at: string, events: LiveEvent[], more: Partial<ConsoleScene> = {}): ConsoleScene {
  return { at, answer: answers(events), play: play(events), ...more };
}

/** The rate is changed by somebody else while a value is being typed. */
function overtaken(): ConsoleScene {
  const after = { ...DEMO, admission: { ...DEMO.admission, rate_per_s: 8 } };
  return scene('/events/demo', [DEMO], {
    acts: ['type-rate'],
    play(send) {
      play([DEMO])(send);
      const later = (s: number) => new Date(Date.now() + s * 1000).toISOString();
      setTimeout(() => send({ type: 'figures', at: later(1), events: [after] }), 2500);
    },
  });
}

const AT = '2026-11-21T10:03:00.000Z';
const ANA = 'acc_bGV0cyBub3QgZ3Vlc3MgaQ';

const coupon = (code: string, state: string, holder: string | null) => ({
  code,
  state,
  holder,
  assigned_at: holder && AT,
  locked_until: null,
  redemptions: state === 'redeemed' ? 1 : 0,
  remaining: state === 'redeemed' ? 0 : 1,
});

const LETTER = {
  id: 17,
  at: AT,
  state: 'dead',
  reason: 'the database refuses the row: value too long for type character varying(64)',
  event: 'demo',
  record_id: 'demo.1.4123',
  topic: 'coupon.records',
  partition: 3,
  offset: 90_412,
};

/** The lists of the rooms, by the path that is asked for. */
const ROOMS: Record<string, object> = {
  '/books': {
    items: [
      { book: 'autumn', title: 'Autumn market', event: 'autumn' },
      { book: 'summer', title: 'Summer sale', event: null },
    ],
    next: null,
  },
  '/books/summer': {
    book: 'summer',
    title: 'Summer sale',
    event: 'summer',
    expires_at: null,
    max_per_person: 2,
    redemptions_per_code: 1,
    max_redemptions_per_person: null,
    lock_s: 300,
    code_pattern: 'SUMMER-{8}',
    on_cancel: 'return',
    ack: 'ledger',
    coupons: { unassigned: 8123, assigned: 1204, locked: 3, redeemed: 412, expired: 1 },
  },
  '/pools': { items: [{ pool: 'gold', title: 'Gold customers', members: 3120 }], next: null },
  '/books/summer/coupons': {
    items: [
      coupon('SUMMER-AAAA1111', 'unassigned', null),
      coupon('SUMMER-BBBB2222', 'assigned', ANA),
      coupon('SUMMER-CCCC3333', 'locked', ANA),
      coupon('SUMMER-DDDD4444', 'redeemed', ANA),
      coupon('SUMMER-EEEE5555', 'expired', ANA),
    ],
    next: 'SUMMER-EEEE5555',
  },
  '/books/summer/history': {
    items: [
      { at: AT, code: 'SUMMER-DDDD4444', user_id: ANA, from: 'unassigned', to: 'assigned', by: ANA, metadata: null },
      {
        at: AT,
        code: 'SUMMER-DDDD4444',
        user_id: ANA,
        from: 'assigned',
        to: 'redeemed',
        by: 'key_bGV0cyBub3QgZ3Vlc3MgaQ',
        metadata: { till: 4 },
      },
    ],
    next: null,
  },
  '/pools/gold': { pool: 'gold', title: 'Gold customers', members: 3120 },
  '/pools/gold/members': { items: ['kim', 'lee', 'park'].map((user_id) => ({ user_id })), next: 'park' },
  '/dead-letters': {
    items: [
      LETTER,
      { ...LETTER, id: 18, event: null, record_id: null, reason: 'not a record: expected value at line 1' },
    ],
    next: null,
  },
  '/dead-letters/17': {
    ...LETTER,
    payload: '{"specversion":"1.0","id":"demo.1.4123","type":"coupon.issued","data":{"event":"demo","serial":4123}}',
    decisions: [{ at: AT, by: 'admin', action: 'refused', note: 'still too long' }],
  },
  '/limits': {
    enters: '5/10',
    requests: '100/200',
    sockets: '50',
    direct: 'off',
    exempt: '10.0.0.0/8,192.0.2.7/32',
    set: ['enters', 'exempt'],
  },
  '/limits/audit': {
    items: [
      change('3', 'limits', { enters: null, exempt: null }, { enters: '5/10', exempt: '10.0.0.0/8,192.0.2.7/32' }),
    ],
    next: null,
  },
  '/keys': {
    items: [
      { kid: 'kT9r2mB0QJmVwL0y', state: 'old', since: AT, until: AT },
      { kid: '-kEx4sbdTl6y0e7d', state: 'active', since: AT, until: null },
      { kid: 'r8Qw1mZx0yTn4uVb', state: 'next', since: AT, until: null },
    ],
    next: null,
  },
  '/accounts': {
    items: [
      { account_id: ANA, email: 'ana@example.org', name: '김아나', role: 'user', created_at: AT },
      {
        account_id: 'acc_2',
        email: 'somebody-with-a-long-name@example.org',
        name: null,
        role: 'admin',
        created_at: AT,
      },
    ],
    next: null,
  },
  '/service-keys': {
    items: [{ id: 'key_bGV0cyBub3QgZ3Vlc3MgaQ', name: 'till', books: ['summer', 'autumn'], created_at: AT }],
    next: null,
  },
  '/audit': {
    items: [
      { ...change('2', 'account-changed', { role: 'user' }, { role: 'operator' }), subject: ANA },
      { ...change('1', 'pool-created', null, { title: 'Gold customers' }), subject: 'gold' },
    ],
    next: null,
  },
};

const JOB = { report: null, error: null };

/** A room of the console with something in it. */
function room(at: string, acts: Act[] = []): ConsoleScene {
  const events = answers([DEMO]);
  return scene(at, [DEMO], {
    acts,
    answer(method, path) {
      if (path.endsWith('/codes')) {
        return {
          status: 422,
          problem: 'codes-rejected',
          more: {
            rejected: [
              { line: 3, code: 'SUMMER-AAAA1111', reason: 'is in the book or in this list already' },
              { line: 4, code: 'with a space', reason: 'is not 1 to 64 visible ASCII characters without spaces' },
            ],
            rejected_total: 4123,
          },
        };
      }
      if (path.endsWith('/generate') || path === '/jobs/running') {
        return { ...JOB, id: 'running', kind: 'generate', state: 'running', done: 412_000, total: 1_000_000 };
      }
      if (path.endsWith('/distributions')) {
        const given = { kim: ['SUMMER-AAAA1111'], lee: ['SUMMER-FFFF6666'] };
        const nothing = [{ user_id: 'park', reason: 'limit-reached' }];
        return { ...JOB, id: 'done', kind: 'distribute', state: 'done', done: 2, total: 2, report: { given, nothing } };
      }
      if (path.endsWith('/redrive')) {
        return { status: 409, problem: 'still-dead', more: { reason: LETTER.reason } };
      }
      const missing = { status: 404, problem: path.startsWith('/pools') ? 'no-such-pool' : 'no-such-book' };
      return ROOMS[path] ?? (/^\/(books|pools)/.test(path) ? missing : events(method, path));
    },
  });
}

export const CONSOLE_SCENES: Record<string, ConsoleScene> = {
  gate: scene('/', []),
  'gate-wrong': scene('/', [], { acts: ['wrong-token'] }),
  events: scene('/', MANY),
  'events-none': scene('/', []),
  'events-no-match': scene('/', MANY, { acts: ['find-nothing'] }),
  'events-lost': scene('/', MANY, { drop: true }),
  event: scene('/events/demo', [DEMO]),
  'event-lobby': scene('/events/autumn-shoes', MANY),
  'event-red': scene('/events/ledger-trouble', MANY),
  'event-braked': scene('/events/demo', [BRAKED]),
  'event-closed': scene('/events/early-birds', MANY),
  'event-typed': scene('/events/demo', [DEMO], { acts: ['type-rate'] }),
  'event-overtaken': overtaken(),
  'event-pause': scene('/events/demo', [DEMO], { acts: ['pause'] }),
  'event-close': scene('/events/demo', [DEMO], { acts: ['close'] }),
  'event-add-stock': scene('/events/demo', [DEMO], { acts: ['add-stock'] }),
  'event-huge': scene(`/events/${HUGE.event}`, [HUGE]),
  'events-huge': scene('/', [HUGE, DEMO]),
  'event-edit': scene('/events/demo', [DEMO], { acts: ['edit'] }),
  'event-edit-draft': scene('/events/spring-drop', MANY, { acts: ['edit'] }),
  'event-edit-refused': scene('/events/demo', [DEMO], {
    acts: ['edit-refused'],
    answer: (method, path) =>
      method === 'PUT'
        ? { status: 400, problem: 'bad-request', more: { field: 'closes_at' } }
        : answers([DEMO])(method, path),
  }),
  'event-unknown': scene('/events/nowhere', [DEMO]),
  keys: scene('/', MANY, { acts: ['keys'] }),
  'operator-events': { ...scene('/', MANY), operator: true },
  'operator-event': { ...scene('/events/demo', [DEMO]), operator: true },
  'operator-book': { ...room('/books/summer'), operator: true },
  'operator-pool': { ...room('/pools/gold'), operator: true },
  'operator-letters': { ...room('/letters'), operator: true },
  'operator-limits': { ...room('/limits'), operator: true },
  'operator-closed': { ...room('/accounts'), operator: true },
  'gate-account': scene('/', [], { acts: ['by-account'] }),
  'event-unexplained': scene('/events/demo', [DEMO]),
  books: room('/books'),
  book: room('/books/summer'),
  'book-rejected': room('/books/summer', ['look-at-codes']),
  'book-take-back': room('/books/summer', ['take-back']),
  'book-making': room('/books/summer', ['generate']),
  'book-dealt': room('/books/summer', ['deal']),
  'book-new': room('/books/nowhere'),
  pools: room('/pools'),
  pool: room('/pools/gold'),
  letters: room('/letters'),
  'letters-none': scene('/letters', [DEMO]),
  'letters-show': room('/letters', ['show-letter']),
  'letters-discard': room('/letters', ['discard']),
  'letters-still-dead': room('/letters', ['still-dead']),
  limits: room('/limits'),
  signing: room('/keys'),
  'signing-rotate': room('/keys', ['rotate']),
  accounts: room('/accounts'),
  'accounts-new': room('/accounts', ['open-all']),
  audit: room('/audit'),
  make: scene('/new', MANY),
  'make-more': scene('/new', MANY, { acts: ['open-all'] }),
  'make-taken': scene('/new', MANY, { acts: ['make-taken'] }),
};
