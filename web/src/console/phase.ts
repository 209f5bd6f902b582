/** The phase of an event: where it may go, and what that would do, asked once. */

import { h, say } from '../element';
import type { LiveEvent, Phase } from './api';
import { ask } from './ask';
import type { Desk, Part } from './desk';
import { movesFrom } from './moves';

/** What a move would do, in one sentence or two. */
export function consequence(to: Phase, event: LiveEvent, desk: Desk): string {
  const { move } = desk.words;
  const told = to !== 'lobby' && event.waiting > 0 ? ` ${move.told(desk.n(event.waiting))}` : '';
  return move.what[to](desk.r(event.admission.rate_per_s), desk.n(event.outstanding)) + told;
}

export function phasePanel(desk: Desk, id: string, changed: () => void): Part {
  const { words } = desk;
  const buttons = h('div', { class: 'row' });
  const error = h('p', { class: 'error', role: 'alert' });
  let shown: Phase | null = null;

  async function go(to: Phase): Promise<void> {
    const event = desk.events.get(id);
    if (!event) {
      return;
    }
    const yes = label(to, event.phase).replace('…', '');
    const text = consequence(to, event, desk);
    const sure = await ask({ question: words.move.question[to], text, yes, no: words.move.no, grave: to === 'closed' });
    if (sure) {
      const reply = await desk.ops.phase(id, to);
      say(error, desk.failure(reply));
      changed();
    }
  }
  function label(to: Phase, from: Phase): string {
    return to === 'open' && (from === 'paused' || from === 'draining') ? words.move.resume : words.move.label[to];
  }
  return {
    root: h('section', { class: 'panel' }, h('h2', {}, words.move.headline), buttons, error),
    paint() {
      const phase = desk.events.get(id)?.phase ?? null;
      if (phase === null || phase === shown) {
        return;
      }
      shown = phase;
      const moves = movesFrom(phase).map((to) =>
        h(
          'button',
          { type: 'button', class: to === 'closed' ? 'grave' : '', click: () => void go(to) },
          label(to, phase),
        ),
      );
      buttons.replaceChildren(...(moves.length > 0 ? moves : [h('p', {}, words.move.none)]));
    },
  };
}
