/** One question before something that many people feel. */

import { h } from '../element';

export interface Question {
  question: string;
  text: string;
  yes: string;
  no: string;
  grave: boolean;
}

/** Asks; true when the operator said yes. Escape and the way back mean no. */
export function ask({ question, text, yes, no, grave }: Question): Promise<boolean> {
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'question', 'aria-describedby': 'question-text' },
    h('h2', { id: 'question' }, question),
    h('p', { id: 'question-text' }, text),
    h(
      'form',
      { method: 'dialog', class: 'row' },
      h('button', { value: 'no', autofocus: true }, no),
      h('button', { value: 'yes', class: grave ? 'primary grave' : 'primary' }, yes),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      done(dialog.returnValue === 'yes');
    });
  });
}
