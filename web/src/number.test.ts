import { describe, expect, test } from 'vitest';
import { clock, count, position, range, rate } from './number';

test('a count has its thousands parted', () => {
  expect(count(1_234_567, 'en')).toBe('1,234,567');
  expect(count(812, 'ko')).toBe('812');
});

test('a small rate keeps its fraction', () => {
  expect([0.5, 5, 9.96, 1234.5].map((n) => rate(n, 'en'))).toEqual(['0.5', '5', '10', '1,235']);
});

describe('a position', () => {
  test('is exact up to ten thousand and in hundreds beyond', () => {
    expect(position(10_000, 'en')).toEqual({ about: false, digits: '10,000' });
    expect(position(12_345, 'en')).toEqual({ about: true, digits: '12,300' });
  });

  test('never rises on the screen while it falls in truth', () => {
    let last = Number.POSITIVE_INFINITY;
    for (let truth = 10_500; truth > 9500; truth -= 1) {
      const shown = Number(position(truth, 'en').digits.replace(',', ''));
      expect(shown).toBeLessThanOrEqual(last);
      last = shown;
    }
  });
});

test('a range of time is told in the unit that suits its far end, and holds the truth', () => {
  expect(range(0, 1)).toEqual({ unit: 'second', low: 0, high: 10 });
  expect(range(37, 61)).toEqual({ unit: 'second', low: 30, high: 70 });
  expect(range(197, 309)).toEqual({ unit: 'minute', low: 3, high: 6 });
  expect(range(197_530, 308_642)).toEqual({ unit: 'day', low: 2, high: 4 });
  expect(range(4000, 7200)).toEqual({ unit: 'hour', low: 1, high: 2 });
});

test('a countdown counts every second once and never below nothing', () => {
  expect([105_000, 104_001, 1, 0, -5].map((ms) => clock(ms).digits)).toEqual(['1:45', '1:45', '0:01', '0:00', '0:00']);
  expect(clock(3_600_000).digits).toBe('1:00:00');
  expect(clock(90_061_000)).toEqual({ days: 1, digits: '1:01:01' });
});
