import jsqr from 'jsqr';
import { expect, test } from 'vitest';
import { type Modules, qr } from './qr';

const SCALE = 4;
const QUIET = 4;

/** Reads a code as a camera would, from its picture. */
function read(modules: Modules): string | undefined {
  const side = (modules.length + 2 * QUIET) * SCALE;
  const pixels = new Uint8ClampedArray(side * side * 4).fill(255);
  modules.forEach((row, y) => {
    row.forEach((dark, x) => {
      for (let i = 0; dark && i < SCALE * SCALE; i += 1) {
        const px = (x + QUIET) * SCALE + (i % SCALE);
        const py = (y + QUIET) * SCALE + Math.floor(i / SCALE);
        pixels.fill(0, (py * side + px) * 4, (py * side + px) * 4 + 3);
      }
    });
  });
  return jsqr(pixels, side, side)?.data;
}

test.each([1, 12, 17, 18, 32, 33, 53, 54, 78, 79, 106])('a code of %i characters is read back', (length) => {
  const code = 'K7QF2MZRXW4T-'.repeat(9).slice(0, length);
  const modules = qr(code);
  expect(modules && read(modules)).toBe(code);
});

test('a code that fits no version gets no picture', () => {
  expect(qr('A'.repeat(107))).toBeNull();
});
