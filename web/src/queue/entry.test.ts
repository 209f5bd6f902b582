import { expect, test } from 'vitest';
import { entryTokenIn } from './entry';

test('an entry token is read from behind the # and from nowhere else', () => {
  expect(entryTokenIn('#entry_token=header.claims.sig-na_ture')).toBe('header.claims.sig-na_ture');
  expect(entryTokenIn('#other=1&entry_token=t')).toBe('t');
  expect(entryTokenIn('#somewhere')).toBeNull();
  expect(entryTokenIn('')).toBeNull();
});
