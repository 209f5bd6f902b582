/** Three charts of an event on one time axis. */

import { h, say } from '../element';
import { chart, type Point } from './chart';
import type { Desk, Part } from './desk';

export function charts(desk: Desk, id: string): Part {
  const { charts: words } = desk.words;
  const waiting = chart(words.waiting, (n) => desk.n(n));
  const admitted = chart(words.admitted, (n) => desk.r(n));
  const redeemed = chart(words.redeemed, (n) => desk.r(n));
  const [start, middle] = [h('span'), h('span')];
  return {
    root: h(
      'section',
      { class: 'panel charts' },
      h('h2', {}, words.headline),
      waiting.root,
      admitted.root,
      redeemed.root,
      h('p', { class: 'axis', 'aria-hidden': 'true' }, start, middle, h('span', {}, words.now)),
    ),
    paint() {
      const history = desk.history(id);
      const { samples } = history;
      const last = samples.at(-1);
      const span = history.span();
      if (!last) {
        return;
      }
      const over = (values: (number | null)[]): Point[] => samples.map(({ at }, i) => [at, values[i] ?? null]);
      const [letIn, passed] = [history.perSecond('admitted'), history.perSecond('redeemed')];
      const told = (n: number | null | undefined) => (n === null || n === undefined ? '–' : desk.r(n));
      say(start, words.ago(span / 60_000));
      say(middle, words.ago(span / 120_000));
      const set = samples.map(({ rate }) => rate);
      waiting.draw(last.at, span, desk.n(last.waiting), over(samples.map((sample) => sample.waiting)), []);
      admitted.draw(last.at, span, words.rate(told(letIn.at(-1)), desk.r(last.rate)), over(letIn), over(set));
      redeemed.draw(last.at, span, told(passed.at(-1)), over(passed), []);
    },
  };
}
