/** The keyboard: `/` finds, `r` goes to the rate, `+` and `-` change it, `?` lists the keys. */

import { h } from '../element';
import type { Words } from './words.en';

export interface Hands {
  find(): void;
  rate(): void;
  nudge(direction: 1 | -1): void;
}

/** Opens the list of keys. */
export function listKeys(words: Words): void {
  const { keys } = words;
  const rows: [string, string][] = [
    ['/', keys.find],
    ['r', keys.rate],
    ['↑ ↓', keys.slide],
    ['+ −', keys.ten],
    ['?', keys.list],
  ];
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'keys' },
    h('h2', { id: 'keys' }, keys.headline),
    h(
      'dl',
      { class: 'keys' },
      ...rows.map(([key, what]) => h('div', {}, h('dt', {}, h('kbd', {}, key)), h('dd', {}, what))),
    ),
    h('form', { method: 'dialog' }, h('button', { autofocus: true }, keys.close)),
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** Listens to keys pressed outside of fields and dialogs. */
export function listen(words: () => Words, hands: Hands): void {
  const acts: Partial<Record<string, () => void>> = {
    '/': hands.find,
    r: hands.rate,
    '+': () => hands.nudge(1),
    '-': () => hands.nudge(-1),
    '?': () => listKeys(words()),
  };
  document.addEventListener('keydown', (event) => {
    const typing = (event.target as Element).closest?.('input:not([type=range]), select, textarea, dialog');
    const act = acts[event.key];
    if (act && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      act();
    }
  });
}
