import { expect, test } from 'vitest';
import type { Coupon } from './api';
import { actsOn, scannable, stateAt } from './card';

const LOCKED: Coupon = {
  code: 'K7QF',
  state: 'locked',
  locked_until: '2026-11-21T10:05:00.000Z',
  redemptions: 0,
  remaining: 1,
};

test('a lock is over at its time, by the clock of the server, though nobody told', () => {
  const ends = Date.parse('2026-11-21T10:05:00.000Z');
  expect(stateAt(LOCKED, ends - 1)).toBe('locked');
  expect(stateAt(LOCKED, ends)).toBe('assigned');
  expect(stateAt({ ...LOCKED, state: 'redeemed' }, ends)).toBe('redeemed');
});

test('a locked coupon is used and unlocked by the tab that locked it, and by no other', () => {
  expect(actsOn('assigned', false)).toEqual({ lock: true, unlock: false, redeem: true });
  expect(actsOn('locked', true)).toEqual({ lock: false, unlock: true, redeem: true });
  for (const state of ['locked', 'redeemed', 'expired'] as const) {
    expect(actsOn(state, false)).toEqual({ lock: false, unlock: false, redeem: false });
  }
});

test('nothing that is used up or over is shown to a scanner', () => {
  expect((['assigned', 'locked', 'redeemed', 'expired'] as const).map(scannable)).toEqual([true, true, false, false]);
});
