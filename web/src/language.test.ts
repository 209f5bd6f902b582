import { expect, test } from 'vitest';
import { choose } from './language';

test('the language comes from the address, then the cookie, then the browser, then it is English', () => {
  expect(choose('?lang=ko', 'stanchion-lang=en', ['en-GB'])).toBe('ko');
  expect(choose('', 'a=b; stanchion-lang=ko', ['en'])).toBe('ko');
  expect(choose('', '', ['fr', 'ko-KR', 'en'])).toBe('ko');
  expect(choose('', '', ['fr'])).toBe('en');
});

test('a language that the page does not speak is passed over', () => {
  expect(choose('?lang=fr', 'stanchion-lang=xx', ['ko'])).toBe('ko');
});
