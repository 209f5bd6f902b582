import { expect, test } from 'vitest';
import type { Coupon, Step } from './books-api';
import { csv } from './csv';
import { idsFrom } from './pools';
import { rulesFrom } from './rules';
import { found } from './steps';
import { agreement } from './unexplained';

test('coupons are saved as CSV that survives commas, quotes and what is not there', () => {
  const coupon: Coupon = {
    code: 'A"1',
    state: 'assigned',
    holder: 'kim, lee',
    assigned_at: null,
    locked_until: null,
    redemptions: 0,
    remaining: 1,
  };
  const columns = ['code', 'state', 'holder', 'assigned_at', 'redemptions'] as const;
  expect(csv(columns, [coupon, { ...coupon, code: 'B2', holder: null }])).toBe(
    '"A""1",assigned,"kim, lee",,0\r\nB2,assigned,,,0\r\n',
  );
});

test('rules that are left empty are left out', () => {
  const form = new FormData();
  for (const name of ['title', 'expires_at', 'max_per_person', 'lock_s', 'on_cancel', 'ack']) {
    form.set(name, ' ');
  }
  expect(rulesFrom(form)).toEqual({});
  form.set('title', ' Summer ');
  form.set('lock_s', '90');
  form.set('on_cancel', 'keep');
  form.set('ack', 'redis');
  expect(rulesFrom(form)).toEqual({ title: 'Summer', lock_s: 90, on_cancel: 'keep', ack: 'redis' });
});

test('ids are taken as people paste them', () => {
  expect(idsFrom('kim\r\n lee ,park\n\n')).toEqual(['kim', 'lee', 'park']);
});

test('what is unexplained is read out of the metrics, and unknown where nobody compares', () => {
  const metrics = '# TYPE stanchion_unexplained gauge\nstanchion_unexplained 2\nstanchion_unexplained_age_s 11.5\n';
  expect(agreement(metrics)).toEqual({ unexplained: 2, age_s: 11.5 });
  expect(agreement('stanchion_unexplained NaN\nstanchion_unexplained_age_s NaN\n')).toBeNull();
  expect(agreement('other 1\n')).toBeNull();
});

test('what is looked for in a history is found however far back, and what does not speak of it is left out', async () => {
  const step = (code: string, user_id: string, metadata: unknown = null): Step => ({
    at: '2026-11-21T10:03:00.000Z',
    code,
    user_id,
    from: 'unassigned',
    to: 'assigned',
    by: 'admin',
    metadata,
  });
  const pages = [[step('A', 'kim')], [step('B', 'lee', { till: 'North' }), step('C', 'kim')], [step('D', 'lee')]];
  const asked: (string | null)[] = [];
  const read = async (after: string | null) => {
    asked.push(after);
    const at = Number(after ?? 0);
    const next = at + 1 < pages.length ? String(at + 1) : null;
    return { ok: true, status: 200, body: { items: pages[at] ?? [], next }, retryAfterMs: null, date: null } as const;
  };
  const codes = async (wanted: string, from: string | null) => {
    const reply = await found(read, wanted, from);
    return reply.ok && [reply.body.items.map(({ code }) => code).join(), reply.body.next];
  };
  expect(await codes('LEE', null)).toEqual(['B', '2']);
  expect(await codes('lee', '2')).toEqual(['D', null]);
  expect(await codes('north', null)).toEqual(['B', '2']);
  expect(await codes('park', null)).toEqual(['', null]);
  expect(asked).toEqual([null, '1', '2', null, '1', null, '1', '2']);
});
