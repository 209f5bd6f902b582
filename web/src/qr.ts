/**
 * A QR code for a coupon's code: byte mode, error level L, versions 1 to 5, which hold 106 bytes in one block (ISO/IEC 18004).
 * Longer codes get none.
 */

import { s } from './element';

/** Per version: data codewords, error codewords. */
const SIZES = [
  [19, 7],
  [34, 10],
  [55, 15],
  [80, 20],
  [108, 26],
] as const;

const MASKS: ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** Rows of modules, dark = true, without the quiet zone. */
export type Modules = boolean[][];

/** The modules for a text, or null when it is too long. */
export function qr(text: string): Modules | null {
  const bytes = [...new TextEncoder().encode(text)];
  const version = SIZES.findIndex(([room]) => bytes.length <= room - 2) + 1;
  const size = SIZES[version - 1];
  if (!size) {
    return null;
  }
  const words = codewords(bytes, size[0]);
  const stream = [...words, ...remainder(words, size[1])];
  const drawn = MASKS.map((_, mask) => draw(17 + 4 * version, stream, mask));
  const quietest = drawn.map(sameness).reduce((best, value, i, all) => (value < (all[best] ?? value) ? i : best), 0);
  return drawn[quietest] ?? null;
}

/** Mode, length, text, terminator and padding, as bytes: the text sits four bits off the byte grid. */
function codewords(bytes: number[], room: number): number[] {
  const nibbles = [4, bytes.length >> 4, bytes.length & 15, ...bytes.flatMap((byte) => [byte >> 4, byte & 15]), 0];
  const words: number[] = [];
  for (let i = 0; i < nibbles.length; i += 2) {
    words.push(((nibbles[i] ?? 0) << 4) | (nibbles[i + 1] ?? 0));
  }
  for (let pad = 0xec; words.length < room; pad ^= 0xec ^ 0x11) {
    words.push(pad);
  }
  return words;
}

/** A product in the field of 256 elements. */
function times(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((b >> bit) & 1) * a;
  }
  return product;
}

/** The Reed–Solomon error codewords. */
function remainder(words: number[], degree: number): number[] {
  const divisor = [...Array<number>(degree - 1).fill(0), 1];
  for (let i = 0, root = 1; i < degree; i += 1, root = times(root, 2)) {
    for (let j = 0; j < degree; j += 1) {
      divisor[j] = times(divisor[j] ?? 0, root) ^ (divisor[j + 1] ?? 0);
    }
  }
  const rest = Array<number>(degree).fill(0);
  for (const word of words) {
    const factor = word ^ (rest.shift() ?? 0);
    rest.push(0);
    divisor.forEach((coefficient, i) => {
      rest[i] = (rest[i] ?? 0) ^ times(coefficient, factor);
    });
  }
  return rest;
}

/** Everything but the text: the three finders, the alignment, the timing lines and the format. */
function frame(side: number, mask: number): (boolean | undefined)[][] {
  const grid = Array.from({ length: side }, () => Array<boolean | undefined>(side).fill(undefined));
  const set = (x: number, y: number, dark: boolean) => {
    const row = grid[y];
    if (row && x >= 0 && x < side) {
      row[x] = dark;
    }
  };
  const rings = (cx: number, cy: number, reach: number, light: number[]) => {
    for (let dy = -reach; dy <= reach; dy += 1) {
      for (let dx = -reach; dx <= reach; dx += 1) {
        set(cx + dx, cy + dy, !light.includes(Math.max(Math.abs(dx), Math.abs(dy))));
      }
    }
  };
  for (let i = 8; i < side - 8; i += 1) {
    set(i, 6, i % 2 === 0);
    set(6, i, i % 2 === 0);
  }
  for (const [x, y] of [
    [3, 3],
    [side - 4, 3],
    [3, side - 4],
  ] as const) {
    rings(x, y, 4, [2, 4]);
  }
  if (side > 21) {
    rings(side - 7, side - 7, 2, [1]);
  }
  // The format stands twice: around the first finder, and split between the other two.
  format(mask).forEach((dark, i) => {
    if (i < 8) {
      set(8, i < 6 ? i : i + 1, dark);
      set(side - 1 - i, 8, dark);
    } else {
      set(i === 8 ? 7 : 14 - i, 8, dark);
      set(8, side - 15 + i, dark);
    }
  });
  set(8, side - 8, true);
  return grid;
}

/** Level and mask with their own check bits, least first. */
function format(mask: number): boolean[] {
  const value = (1 << 3) | mask;
  let check = value;
  for (let i = 0; i < 10; i += 1) {
    check = (check << 1) ^ ((check >> 9) * 0x537);
  }
  const bits = ((value << 10) | check) ^ 0x5412;
  return Array.from({ length: 15 }, (_, i) => ((bits >> i) & 1) === 1);
}

/** Lays the stream into the free modules, two columns at a time, up and down from the right. */
function draw(side: number, stream: number[], mask: number): Modules {
  const grid = frame(side, mask);
  const masked = MASKS[mask] ?? (() => false);
  let bit = 0;
  for (let right = side - 1; right > 0; right -= 2) {
    right -= right === 6 ? 1 : 0;
    const upwards = ((right + 1) & 2) === 0;
    for (let step = 0; step < side; step += 1) {
      const y = upwards ? side - 1 - step : step;
      for (const x of [right, right - 1]) {
        const row = grid[y];
        if (row && row[x] === undefined) {
          const dark = (((stream[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1;
          row[x] = dark !== masked(x, y);
          bit += 1;
        }
      }
    }
  }
  return grid.map((row) => row.map((dark) => dark === true));
}

/** How often neighbours are equal: the less, the easier the picture is to scan. */
function sameness(modules: Modules): number {
  let same = 0;
  modules.forEach((row, y) => {
    row.forEach((dark, x) => {
      same += Number(dark === row[x + 1]) + Number(dark === modules[y + 1]?.[x]);
    });
  });
  return same;
}

/** As an SVG with its quiet zone. */
export function svg(modules: Modules, label: string): SVGElement {
  const side = modules.length + 8;
  const d = modules.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + 4} ${y + 4}h1v1h-1z` : ''))).join('');
  return s(
    'svg',
    { class: 'qr', viewBox: `0 0 ${side} ${side}`, role: 'img', 'aria-label': label, 'shape-rendering': 'crispEdges' },
    s('path', { d }),
  );
}

/** Onto a canvas. */
export function paint(pen: CanvasRenderingContext2D, modules: Modules, x: number, y: number, side: number): void {
  const size = side / modules.length;
  modules.forEach((row, j) => {
    row.forEach((dark, i) => {
      if (dark) {
        pen.fillRect(x + i * size, y + j * size, Math.ceil(size), Math.ceil(size));
      }
    });
  });
}
