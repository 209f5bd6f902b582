import { describe, expect, test } from 'vitest';
import type { LiveEvent, Phase } from './api';
import { changeOf, type Editable, editable, held, localTime } from './edit';
import { refusal } from './fields';
import { en } from './words.en';

const may = (phase: Phase, given_codes?: true) => editable(given_codes ? { phase, given_codes } : { phase });

describe('an event', () => {
  test('may be changed in whatever its phase still lets change', () => {
    const live: Editable[] = ['title', 'closes_at', 'on_sold_out', 'presence_s', 'grace_s'];
    expect(may('draft')).toHaveLength(11);
    expect(may('draft', true)).not.toContain('stock');
    expect(may('lobby')).toEqual(['title', 'opens_at', ...live.slice(1)]);
    for (const phase of ['open', 'paused', 'draining'] as const) {
      expect(may(phase), phase).toEqual(live);
    }
    expect(may('closed')).toEqual(['title']);
  });

  test('sends what was typed and nothing else, so that what others changed meanwhile stays', () => {
    const shown = { title: 'Demo', stock: '10', closes_at: '2026-11-21T10:00:00', lobby_at: '', ack: 'log' } as const;
    expect(changeOf(shown, shown)).toEqual({});
    // A browser leaves seconds out that are nothing.
    expect(changeOf({ closes_at: '2026-11-21T10:00' }, shown)).toEqual({});
    expect(changeOf({ ...shown, title: 'Demo 2', stock: '12', closes_at: '' }, shown)).toEqual({
      title: 'Demo 2',
      stock: 12,
      closes_at: null,
    });
    const lobby_at = new Date('2026-11-21T09:30:15').toISOString();
    expect(changeOf({ lobby_at: '2026-11-21T09:30:15' }, shown)).toEqual({ lobby_at });
  });

  test('is shown as it holds, its times in the zone of this computer', () => {
    const at = '2026-11-21T09:30:15.250Z';
    expect(new Date(localTime(at)).toISOString()).toBe('2026-11-21T09:30:15.000Z');
    const event = { stock: { total: 7, remaining: 3 }, opens_at: at, closes_at: null, grace_s: 300 } as LiveEvent;
    const told = (['stock', 'closes_at', 'grace_s'] as const).map((name) => held(event, name));
    expect(told).toEqual(['7', '', '300']);
    expect(held(event, 'opens_at')).toBe(localTime(at));
  });
});

test('what the server will not have is said in words where there are some', () => {
  const refused = (problem: string, name: string) =>
    refusal(en, name, { ok: false, problem, detail: 'as it says', more: {}, retryAfterMs: null, date: null });
  expect(refused('event-is-live', 'order')).toBe('This cannot change any more.');
  expect(refused('bad-request', 'closes_at')).toContain('Must be later');
  expect(refused('bad-request', 'code_pattern')).toBe('as it says');
});
