/** A small chart: a line, and at most one line of reference. */

import { h, s, say } from '../element';

const WIDTH = 600;
const HEIGHT = 100;

export type Point = [at: number, value: number | null];

/** The next round number at or above `value`: 1, 2 or 5 times a power of ten. */
export function ceiling(value: number): number {
  if (value <= 0) {
    return 1;
  }
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

/** An SVG path through the points that have a value; a gap in time begins a new stretch. */
export function line(points: Point[], now: number, span: number, most: number): string {
  let last: number | null = null;
  const steps: string[] = [];
  for (const [at, value] of points) {
    if (value !== null) {
      const x = WIDTH - ((now - at) / span) * WIDTH;
      const y = HEIGHT - (Math.min(value, most) / most) * HEIGHT;
      steps.push(`${last !== null && at - last < 5000 ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`);
      last = at;
    }
  }
  return steps.join('');
}

export interface Chart {
  root: HTMLElement;
  /** Draws the last `span` milliseconds anew; `told` is the figure beside the title. */
  draw(now: number, span: number, told: string, series: Point[], reference: Point[]): void;
}

export function chart(title: string, format: (n: number) => string): Chart {
  const value = h('strong');
  const top = h('span', { class: 'top' });
  const drawn = s('path', { class: 'series' });
  const aim = s('path', { class: 'reference' });
  const grid = s('path', { class: 'grid', d: `M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}` });
  const picture = s(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' },
    grid,
    aim,
    drawn,
  );
  const root = h('figure', { class: 'chart' }, h('figcaption', {}, title, value), h('div', {}, picture, top));
  return {
    root,
    draw(now, span, told, series, reference) {
      const values = [...series, ...reference].map(([, n]) => n ?? 0);
      const most = ceiling(values.reduce((a, b) => Math.max(a, b), 0));
      say(value, told);
      say(top, format(most));
      picture.setAttribute('aria-label', `${title}: ${told}`);
      drawn.setAttribute('d', line(series, now, span, most));
      aim.setAttribute('d', line(reference, now, span, most));
    },
  };
}
