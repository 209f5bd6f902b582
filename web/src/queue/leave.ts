/** Leaving the line, asked once. */

import { h, say } from '../element';
import type { Stage } from './screen';

/** The button and its question. */
export function leaveButton({ visit, words }: Stage): HTMLElement {
  const failed = h('p', { class: 'note', role: 'status' });
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'leave-question', 'aria-describedby': 'leave-text' },
    h('h2', { id: 'leave-question' }, words.leave.question),
    h('p', { id: 'leave-text' }, words.leave.text),
    h(
      'form',
      { method: 'dialog' },
      h('button', { value: 'no', class: 'primary', autofocus: true }, words.leave.no),
      h('button', { value: 'yes', class: 'quiet' }, words.leave.yes),
    ),
  );
  dialog.addEventListener('close', () => {
    if (dialog.returnValue === 'yes') {
      void visit.leave().then((gone) => say(failed, gone ? '' : words.leave.failed));
    }
  });
  const ask = () => {
    dialog.returnValue = 'no';
    dialog.showModal();
  };
  return h(
    'div',
    { class: 'leave' },
    failed,
    h('button', { type: 'button', class: 'quiet', click: ask }, words.leave.button),
    dialog,
  );
}
