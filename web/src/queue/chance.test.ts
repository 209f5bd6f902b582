import { expect, test } from 'vitest';
import { judgement } from './chance';
import { en } from './words.en';
import { ko } from './words.ko';

test('what is said fits the two numbers above it', () => {
  expect(judgement('likely', 812, 640, en)).toBe('Likely: there should be one for you.');
  expect(judgement('likely', 812, 1000, en)).toBe('Likely: so far enough people do not take theirs.');
  expect(judgement('uncertain', 812, 790, en)).toBe('Uncertain: it depends on how many take theirs.');
  expect(judgement('unlikely', 812, 2400, en)).toMatch(/^Unlikely: /);
});

test('when all are taken no chance is told, whatever was heard before', () => {
  for (const chance of ['likely', 'uncertain', 'unlikely', null] as const) {
    expect(judgement(chance, 0, 3, en)).toBe(en.chance.none);
  }
});

test('where nothing is known nothing is said', () => {
  expect(judgement(null, 5, 3, en)).toBe('');
});

test('no chance promises anything, in either language', () => {
  for (const { chance } of [en, ko]) {
    const said = [chance.likely, chance.likelyStill, chance.uncertain, chance.unlikely, chance.none];
    expect(new Set(said).size).toBe(said.length);
    for (const sentence of said) {
      expect(sentence).not.toMatch(/will get|guarantee|certain to|반드시|확실히|보장/);
    }
  }
});
