import { expect, test } from 'vitest';
import { glide, milestone, progress } from './pace';

test('between two messages the number runs ahead by what the rate promises, but by two in a hundred at most', () => {
  expect(glide(5000, 5, 4000)).toBe(4980);
  expect(glide(5000, 200, 12_000)).toBe(4900);
  expect(glide(5000, 5, 0)).toBe(5000);
  expect(glide(5000, 0, 60_000)).toBe(5000);
});

test('near the head nothing is guessed, and a guess never enters there', () => {
  expect(glide(100, 50, 60_000)).toBe(100);
  expect(glide(101, 50, 60_000)).toBe(100);
});

test('a message overtaken by its time does not lift the number', () => {
  expect(glide(5000, 5, -3000)).toBe(5000);
});

test('the way is none at the first position seen and all at the door', () => {
  expect([641, 321, 1].map((now) => progress(641, now))).toEqual([0, 0.5, 1]);
  expect(progress(1, 1)).toBe(1);
  expect(progress(10, 12)).toBe(0);
});

test('a position is announced at first, at milestones, and else not', () => {
  expect(milestone(null, 641)).toBe(true);
  expect(milestone(641, 520)).toBe(false);
  expect(milestone(520, 499)).toBe(true);
  expect(milestone(499, 499)).toBe(false);
  expect(milestone(2, 1)).toBe(true);
});
