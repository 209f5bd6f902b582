/** The keys that sign tickets, and making the next one. */

import { h, say } from '../element';
import type { SigningKey } from './api';
import { ask } from './ask';
import { type Desk, type Part, timeOf } from './desk';
import { table } from './table';

export function signingScreen(desk: Desk): Part {
  const { signing: words, move } = desk.words;
  const time = (at: string) => timeOf(at, desk.at || Date.now(), desk.language);
  const keys = table<SigningKey>(desk, {
    columns: [words.state, words.kid, words.since, words.until],
    none: words.none,
    read: () => desk.ops.keys(),
    cells: ({ kid, state, since, until }) => [
      words.states[state],
      h('code', {}, kid),
      state === 'next' ? words.from(time(since)) : time(since),
      until === null ? '–' : time(until),
    ],
  });
  const said = h('p', { class: 'said', role: 'status' });
  const error = h('p', { class: 'error', role: 'alert' });
  const button = h('button', { type: 'button' }, words.rotate);
  button.addEventListener('click', async () => {
    const { question, text, yes } = words;
    if (!(await ask({ question, text, yes, no: move.no, grave: false }))) {
      return;
    }
    button.disabled = true;
    const reply = await desk.ops.rotate();
    button.disabled = false;
    say(error, desk.failure(reply));
    if (reply.ok) {
      say(said, (reply.status === 201 ? words.made : words.waits)(time(reply.body.since)));
      await keys.read();
    }
  });
  void keys.read();
  return {
    root: h(
      'section',
      {},
      h('div', { class: 'row spread' }, h('h1', { tabindex: -1 }, words.headline), button),
      h('p', { class: 'quiet' }, words.about),
      said,
      error,
      keys.root,
    ),
    paint() {},
  };
}
