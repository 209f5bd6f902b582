import { expect, test } from 'vitest';
import { SYMBOLS, symbols } from './barcode';

test('every symbol is as the standard wants it: eleven modules, an even number of them dark, no two alike', () => {
  const stop = SYMBOLS.at(-1);
  expect(stop).toBe('2331112');
  const others = SYMBOLS.slice(0, -1);
  expect([others.length, new Set(others).size]).toEqual([106, 106]);
  for (const symbol of others) {
    const widths = [...symbol].map(Number);
    const dark = (widths[0] ?? 0) + (widths[2] ?? 0) + (widths[4] ?? 0);
    expect([symbol, widths.reduce((a, b) => a + b), dark % 2]).toEqual([symbol, 11, 0]);
  }
});

test('a code stands between start and stop, with a check symbol that weighs every place', () => {
  // 104 + 48 + 2*42 + 3*42 + 4*17 + 5*18 + 6*19 + 7*35 = 879, and 879 mod 103 = 55.
  expect(symbols('PJJ123C')).toEqual([104, 48, 42, 42, 17, 18, 19, 35, 55, 106]);
});

test('what set B does not hold, or a screen has no room for, has no barcode', () => {
  for (const text of ['', 'ä', 'A B', 'A'.repeat(25)]) {
    expect(symbols(text)).toBeNull();
  }
  expect(symbols('A'.repeat(24))?.length).toBe(27);
});
