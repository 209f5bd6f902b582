import { expect, test } from 'vitest';
import type { Coupon } from './books-api';
import { csv } from './coupons';
import { idsFrom } from './pools';
import { rulesFrom } from './rules';
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
  expect(csv([coupon, { ...coupon, code: 'B2', holder: null }])).toBe(
    '"A""1",assigned,"kim, lee",,,0,1\r\nB2,assigned,,,,0,1\r\n',
  );
});

test('rules that are left empty are left out', () => {
  const form = new FormData();
  for (const name of ['title', 'expires_at', 'max_per_person', 'lock_s', 'on_cancel']) {
    form.set(name, ' ');
  }
  expect(rulesFrom(form)).toEqual({});
  form.set('title', ' Summer ');
  form.set('lock_s', '90');
  form.set('on_cancel', 'keep');
  expect(rulesFrom(form)).toEqual({ title: 'Summer', lock_s: 90, on_cancel: 'keep' });
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
