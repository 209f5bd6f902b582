/** The way in: the admin token, asked for once a tab. */

import { h, say } from '../element';
import { Ops } from './api';
import type { Words } from './words.en';

const KEY = 'stanchion-admin-token';

export function heldToken(): string | null {
  return sessionStorage.getItem(KEY);
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}

/** Asks for the token, tries it, and hands over the calls that it opens. `said` is why it is asked for again, if it is. */
export function gate(words: Words, said: string, opened: (ops: Ops) => void): HTMLElement {
  const field = h('input', { id: 'token', type: 'password', autocomplete: 'current-password', required: true });
  const error = h('p', { class: 'error', role: 'alert' }, said);
  const button = h('button', { class: 'primary' }, words.gate.button);
  const form = h('form', {}, h('label', { for: 'token' }, words.gate.label), field, error, button);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const ops = new Ops(field.value.trim());
    button.disabled = true;
    const reply = await ops.events();
    button.disabled = false;
    if (reply.ok) {
      sessionStorage.setItem(KEY, ops.token);
      opened(ops);
    } else {
      say(error, reply.problem === 'unauthorized' ? words.gate.wrong : words.gate.away);
      field.select();
    }
  });
  return h('section', { class: 'gate' }, h('h1', {}, words.gate.headline), h('p', {}, words.gate.text), form);
}
