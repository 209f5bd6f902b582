/** Scenes of the account page. */

import type { Coupon, Held } from '../src/account/api';
import type { Refused } from './scenes';

export interface AccountScene {
  /** Is somebody signed in when the page opens? */
  signedIn: boolean;
  coupons: Held[];
  /** How a coupon stands when it is opened. */
  live?: (code: string) => Coupon | Refused;
  /** What the calls of the session or of a step answer instead. */
  refuses?: Record<string, Refused>;
  acts?: AccountAct[];
  /** Codes of the summer book that this tab has locked. */
  locked?: string[];
}

export type AccountAct = 'sign-up' | 'wrong' | 'open' | 'use' | 'lock';

const inAMinute = () => new Date(Date.now() + 89_000).toISOString();

const held = (code: string, state: Held['state'], book = 'summer'): Held => ({
  book,
  title: book === 'summer' ? 'Summer sale' : book,
  code,
  state,
  assigned_at: '2026-11-21T10:03:00.000Z',
  locked_until: state === 'locked' ? inAMinute() : null,
  redemptions: state === 'redeemed' ? 1 : 0,
  remaining: state === 'redeemed' ? 0 : 1,
});

const FOUR = [
  held('SUMMER-AAAA1111', 'assigned'),
  held('SUMMER-BBBB2222', 'locked'),
  held('SUMMER-CCCC3333', 'redeemed'),
  held('AUTUMN-2027-8HJQ-RW3N-K7QF2MZRXW4T-VB6D9SYE', 'expired', 'autumn-market'),
];

const live =
  (change: Partial<Coupon>) =>
  (code: string): Coupon => ({ code, state: 'assigned', locked_until: null, redemptions: 0, remaining: 1, ...change });

export const ACCOUNT_SCENES: Record<string, AccountScene> = {
  'sign-in': { signedIn: false, coupons: [] },
  'sign-up': { signedIn: false, coupons: [], acts: ['sign-up'] },
  'sign-wrong': {
    signedIn: false,
    coupons: [],
    refuses: { '/sessions': { status: 401, problem: 'wrong-credentials' } },
    acts: ['wrong'],
  },
  away: { signedIn: true, coupons: [], refuses: { '/sessions/refresh': { status: 503, problem: 'try-again' } } },
  none: { signedIn: true, coupons: [] },
  coupons: { signedIn: true, coupons: FOUR },
  coupon: { signedIn: true, coupons: FOUR, live: live({}), acts: ['open'] },
  'coupon-uses': { signedIn: true, coupons: FOUR, live: live({ redemptions: 2, remaining: 3 }), acts: ['open'] },
  'coupon-locked': {
    signedIn: true,
    coupons: FOUR,
    live: (code) => ({ code, state: 'locked', locked_until: inAMinute(), redemptions: 0, remaining: 1 }),
    locked: ['SUMMER-AAAA1111'],
    acts: ['open'],
  },
  'coupon-expired': {
    signedIn: true,
    coupons: FOUR.slice(3),
    live: live({ state: 'expired' }),
    acts: ['open'],
  },
  'coupon-locked-elsewhere': {
    signedIn: true,
    coupons: [held('SUMMER-BBBB2222', 'locked')],
    live: (code) => ({ code, state: 'locked', locked_until: inAMinute(), redemptions: 0, remaining: 1 }),
    acts: ['open'],
  },
  'coupon-used': {
    signedIn: true,
    coupons: FOUR,
    live: live({ state: 'redeemed', redemptions: 1, remaining: 0 }),
    acts: ['open'],
  },
  'coupon-of-a-line': {
    signedIn: true,
    coupons: [held('K7QF2MZRXW4T', 'assigned', 'demo')],
    live: () => ({ status: 404, problem: 'no-such-book' }),
    acts: ['open'],
  },
  'coupon-question': { signedIn: true, coupons: FOUR, live: live({}), acts: ['open', 'use'] },
  'coupon-refused': {
    signedIn: true,
    coupons: FOUR,
    live: live({}),
    refuses: { '/lock': { status: 409, problem: 'coupon-locked' } },
    acts: ['open', 'lock'],
  },
};
