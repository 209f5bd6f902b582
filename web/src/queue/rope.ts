/** The progress picture: a rope between stanchions that you move along, to the coupon at its end. */

import { s } from '../element';

const POSTS = [34, 177, 320, 463, 606];
const TOP = 30;
const SAG = 52;
const FLOOR = 128;

/** The point of the rope at `along` (0 the first post, 1 the last): each span is a parabola between two posts. */
export function pointAt(along: number): { x: number; y: number } {
  const spans = POSTS.length - 1;
  const scaled = Math.min(1, Math.max(0, along)) * spans;
  const span = Math.min(Math.floor(scaled), spans - 1);
  const t = scaled - span;
  const from = POSTS[span] ?? 0;
  const to = POSTS[span + 1] ?? from;
  return { x: from + (to - from) * t, y: TOP + 4 * SAG * t * (1 - t) };
}

/** The rope from the first post to `along`, as an SVG path. */
export function ropeTo(along: number): string {
  const steps = Math.max(1, Math.ceil(along * 64));
  const points = Array.from({ length: steps + 1 }, (_, i) => pointAt((along * i) / steps));
  return `M${points.map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`).join('L')}`;
}

function post(x: number): SVGElement {
  return s(
    'g',
    { class: 'post' },
    s('path', { d: `M${x} ${TOP - 4}V${FLOOR}` }),
    s('path', { d: `M${x - 15} ${FLOOR}h30`, class: 'foot' }),
    s('circle', { cx: x, cy: TOP - 10, r: 8 }),
  );
}

/** A coupon on top of the last post: a strip with a notch at each end and a tear line. */
const PRIZE = 'M578 -14h56v9a7 7 0 0 0 0 14v9h-56v-9a7 7 0 0 0 0 -14zM596 -8v4M596 2v4M596 12v2';

export interface Rope {
  root: SVGElement;
  /** Moves you to `along`; the picture never moves back. */
  move(along: number): void;
}

/** A rope; it is decoration beside the number, so readers of the page skip it. */
export function rope(): Rope {
  const walked = s('path', { class: 'walked' });
  const you = s(
    'g',
    { class: 'you', visibility: 'hidden' },
    s('circle', { r: 17, class: 'halo' }),
    s('circle', { r: 10 }),
  );
  const posts = POSTS.map(post);
  const root = s(
    'svg',
    { class: 'rope', viewBox: '0 -20 640 160', 'aria-hidden': 'true', focusable: 'false' },
    s('path', { class: 'ahead', d: ropeTo(1) }),
    walked,
    ...posts,
    s('path', { class: 'prize', d: PRIZE }),
    you,
  );
  let furthest = -1;
  return {
    root,
    move(along) {
      if (along <= furthest) {
        return;
      }
      furthest = along;
      const { x, y } = pointAt(along);
      you.removeAttribute('visibility');
      walked.setAttribute('d', ropeTo(along));
      you.setAttribute('transform', `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
      for (const [i, element] of posts.entries()) {
        element.classList.toggle('passed', along >= i / (POSTS.length - 1));
      }
    },
  };
}
