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

export interface Why extends Omit<Question, 'grave'> {
  label: string;
}

/** Asks why; null when the operator rather would not. */
export async function askReason({ question, text, label, yes, no }: Why): Promise<string | null> {
  const reason = h('input', { id: 'reason', maxlength: 500, required: true, autocomplete: 'off' });
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'question', 'aria-describedby': 'question-text' },
    h('h2', { id: 'question' }, question),
    h('p', { id: 'question-text' }, text),
    h(
      'form',
      { method: 'dialog', class: 'fields' },
      h('label', { for: 'reason' }, label),
      reason,
      h(
        'div',
        { class: 'row' },
        h('button', { type: 'button', click: () => dialog.close('no') }, no),
        h('button', { value: 'yes', class: 'primary grave' }, yes),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  reason.focus();
  return new Promise((done) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      done(dialog.returnValue === 'yes' ? reason.value : null);
    });
  });
}
