import { expect, test } from 'vitest';
import { backoff } from './backoff';

test('the ceiling doubles with each failure up to a quarter of a minute, and the draw picks anywhere below', () => {
  expect([0, 1, 2, 5, 6, 60].map((failures) => backoff(failures, 1))).toEqual([
    500, 1000, 2000, 15_000, 15_000, 15_000,
  ]);
  expect(backoff(3, 0)).toBe(0);
  expect(backoff(3, 0.5)).toBe(2000);
});
