import { expect, test } from 'vitest';
import { pointAt, ropeTo } from './rope';

test('the rope hangs between the posts and meets every one at the same height', () => {
  const posts = [0, 0.25, 0.5, 0.75, 1].map(pointAt);
  expect(new Set(posts.map(({ y }) => y)).size).toBe(1);
  expect(pointAt(0.125).y).toBeGreaterThan(pointAt(0).y);
});

test('going on means going right, and never past the ends', () => {
  const xs = [-1, 0, 0.1, 0.4, 0.9, 1, 2].map((along) => pointAt(along).x);
  expect(xs).toEqual([...xs].sort((a, b) => a - b));
  expect(xs[0]).toBe(xs[1]);
  expect(xs[5]).toBe(xs[6]);
});

test('the rope walked ends where you stand', () => {
  const { x, y } = pointAt(0.6);
  expect(ropeTo(0.6).endsWith(`L${x.toFixed(1)} ${y.toFixed(1)}`)).toBe(true);
});
