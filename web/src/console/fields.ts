/** Fields of forms: each with its label, and a hint where it needs one. */

import { h, say } from '../element';
import type { Reply } from '../reply';
import type { Desk } from './desk';

export function field(
  id: string,
  label: string,
  hint: string,
  attributes: Record<string, string | number | boolean>,
): HTMLElement {
  return whole(id, label, hint, h('input', { id, name: id, ...described(id, hint), ...attributes }));
}

export function choice(id: string, label: string, options: [string, string][], hint = ''): HTMLElement {
  const choices = options.map(([value, text]) => h('option', { value }, text));
  return whole(id, label, hint, h('select', { id, name: id, ...described(id, hint) }, ...choices));
}

function described(id: string, hint: string): { 'aria-describedby': string } {
  return { 'aria-describedby': hint ? `${id}-hint ${id}-error` : `${id}-error` };
}

function whole(id: string, label: string, hint: string, input: HTMLElement): HTMLElement {
  return h(
    'div',
    { class: 'setting' },
    h('label', { for: id }, label),
    input,
    hint !== '' && h('small', { id: `${id}-hint` }, hint),
    h('p', { id: `${id}-error`, class: 'error' }),
  );
}

/** Why the server will not have a field, in words. */
export function refusal(words: Desk['words'], name: string, reply: Reply<unknown>): string {
  if (reply.ok) {
    return '';
  }
  const { live, ...times } = words.refused;
  return reply.problem === 'event-is-live' ? live : ((times as Record<string, string>)[name] ?? reply.detail);
}

/**
 * Says why a call failed: beside the field that the server names, which gets the keyboard, else at `error`. After a call that
 * did not fail nothing is said.
 */
export function tellRefusal(desk: Desk, form: HTMLFormElement, error: HTMLElement, reply: Reply<unknown>): void {
  const name = reply.ok
    ? ''
    : (String(reply.more.field ?? '')
        .split('.')
        .at(-1) ?? '');
  let beside = false;
  for (const input of form.querySelectorAll<HTMLInputElement>('[name]')) {
    const told = form.querySelector(`#${input.id}-error`);
    const is = told !== null && input.name === name;
    if (told) {
      say(told, is ? refusal(desk.words, name, reply) : '');
      input.setAttribute('aria-invalid', String(is));
    }
    if (is) {
      input.closest('details')?.setAttribute('open', '');
      input.focus();
      beside = true;
    }
  }
  say(error, beside ? '' : desk.failure(reply));
}
