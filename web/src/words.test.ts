import { describe, expect, test } from 'vitest';
import { en as accountEn } from './account/words.en';
import { ko as accountKo } from './account/words.ko';
import { en as consoleEn } from './console/words.en';
import { ko as consoleKo } from './console/words.ko';
import { en as queueEn } from './queue/words.en';
import { ko as queueKo } from './queue/words.ko';

/** Every sentence by its path; those with figures in them are told with some. */
function sentences(words: object, path = ''): [string, string][] {
  return Object.entries(words).flatMap(([name, value]): [string, string][] => {
    const here = `${path}.${name}`;
    if (typeof value === 'function') {
      return [[here, told(value as (...figures: unknown[]) => string)]];
    }
    return typeof value === 'object' ? sentences(value, here) : [[here, String(value)]];
  });
}

/** A sentence whose figure is a range of time takes one, all others take numbers as text. */
function told(sentence: (...figures: unknown[]) => string): string {
  const range = { unit: 'minute', low: 3, high: 5 };
  const asRange = sentence(range, range);
  return asRange.includes('object') || asRange.includes('NaN') ? sentence('12', '34', '56') : asRange;
}

/** Names and signs that are the same everywhere. */
const SAME = /^[\s\d/%+−–-]*$|Redis/;

describe.each([
  ['queue page', queueEn, queueKo],
  ['console', consoleEn, consoleKo],
  ['account page', accountEn, accountKo],
])('the %s', (_name, en, ko) => {
  const english = sentences(en);
  const korean = new Map(sentences(ko));

  test('says everything in both languages', () => {
    expect([...korean.keys()].sort()).toEqual(english.map(([path]) => path).sort());
    for (const [path, text] of english) {
      expect(korean.get(path) === '', path).toBe(text === '');
    }
  });

  test('says it in Korean where it says it in Korean, and never leaves a figure out', () => {
    for (const [path, text] of english) {
      const there = korean.get(path) ?? '';
      if (path === '.otherLanguage' || SAME.test(text)) {
        continue;
      }
      expect(/[가-힣]/.test(there) || text === '', `${path}: ${there}`).toBe(true);
      expect(text, path).not.toMatch(/undefined|NaN|\[object/);
      expect(there, path).not.toMatch(/undefined|NaN|\[object/);
      expect(there.includes('12'), `${path}: ${text} / ${there}`).toBe(text.includes('12'));
    }
  });
});

test('one person is not "1 people"', () => {
  expect(queueEn.behind('1')).toBe('1 person behind you');
  expect(queueEn.behind('0')).toBe('Nobody behind you yet');
  expect(queueEn['sold-out'].headline('1')).toBe('The one coupon is gone.');
  expect(queueEn.others('1')).toBe('1 other person is here');
  expect(accountEn.headline.some('1')).toBe('1 coupon to use');
  expect(consoleEn.move.told('1')).toBe('1 person will be told.');
});

test('a time is told as a range, as about, or as at most', () => {
  expect(queueEn.eta({ unit: 'minute', low: 3, high: 5 })).toBe('3–5 minutes to go');
  expect(queueEn.eta({ unit: 'minute', low: 3, high: 3 })).toBe('About 3 minutes to go');
  expect(queueEn.eta({ unit: 'second', low: 0, high: 10 })).toBe('Under 10 seconds to go');
  expect(queueKo.eta({ unit: 'minute', low: 3, high: 5 })).toBe('예상 대기 3–5분');
});
