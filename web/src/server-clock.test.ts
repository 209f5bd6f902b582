import { expect, test } from 'vitest';
import { ServerClock } from './server-clock';

test('a machine an hour behind still counts by the server', () => {
  let local = Date.parse('2026-11-21T09:00:00.000Z');
  const clock = new ServerClock(() => local);
  expect(clock.now()).toBe(local);
  clock.hear('2026-11-21T10:00:00.000Z');
  local += 5000;
  expect(clock.now()).toBe(Date.parse('2026-11-21T10:00:05.000Z'));
});

test('of several times heard the freshest counts, for each was written before it arrived', () => {
  const clock = new ServerClock(() => 0);
  clock.hear('1970-01-01T00:00:07.000Z');
  clock.hear('1970-01-01T00:00:09.000Z');
  clock.hear('1970-01-01T00:00:04.000Z');
  clock.hear('not a time');
  expect(clock.now()).toBe(9000);
});
