/**
 * A barcode for a coupon's code, for tills that read no QR: Code 128 in set B, which holds visible ASCII (ISO/IEC 15417). Longer
 * codes get none: their bars would be too thin for a telephone's screen.
 */

import { s } from './element';

/** Most characters. */
const LONGEST = 24;
const [START_B, STOP] = [104, 106];
/** Modules on either side that stay empty. */
const QUIET = 10;

/** Per symbol the widths of its bars and of the gaps between them, in modules; a bar comes first. */
export const SYMBOLS = (
  '212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 123122 ' +
  '123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 232121 111323 ' +
  '131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 ' +
  '213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422 121124 121421 141122 ' +
  '141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 111242 121142 121241 114212 124112 ' +
  '124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 ' +
  '411131 211412 211214 211232 2331112'
).split(' ');

/** The numbers of the symbols for a text, from the start to the stop; null for one that has no barcode. */
export function symbols(text: string): number[] | null {
  if (text.length > LONGEST || !/^[!-~]+$/.test(text)) {
    return null;
  }
  const values = [...text].map((character) => character.charCodeAt(0) - 32);
  const check = values.reduce((sum, value, i) => sum + value * (i + 1), START_B) % 103;
  return [START_B, ...values, check, STOP];
}

/** The barcode as a picture that says what it is; null for a text that has none. */
export function barcode(text: string, label: string): SVGElement | null {
  const numbers = symbols(text);
  if (!numbers) {
    return null;
  }
  const widths = numbers.flatMap((number) => [...(SYMBOLS[number] ?? '')].map(Number));
  let x = QUIET;
  let d = '';
  widths.forEach((width, i) => {
    d += i % 2 === 0 ? `M${x} 0h${width}v30h-${width}z` : '';
    x += width;
  });
  return s(
    'svg',
    {
      class: 'barcode',
      viewBox: `0 0 ${x + QUIET} 30`,
      preserveAspectRatio: 'none',
      role: 'img',
      'aria-label': label,
      'shape-rendering': 'crispEdges',
    },
    s('path', { d }),
  );
}
