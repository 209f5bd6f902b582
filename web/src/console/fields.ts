/** Fields of forms: each with its label, and a hint where it needs one. */

import { h } from '../element';

export function field(
  id: string,
  label: string,
  hint: string,
  attributes: Record<string, string | number | boolean>,
): HTMLElement {
  const hinted = hint ? { 'aria-describedby': `${id}-hint` } : {};
  return h(
    'div',
    { class: 'setting' },
    h('label', { for: id }, label),
    h('input', { id, name: id, ...hinted, ...attributes }),
    hint !== '' && h('small', { id: `${id}-hint` }, hint),
  );
}

export function choice(id: string, label: string, options: [string, string][], hint = ''): HTMLElement {
  const hinted = hint ? { 'aria-describedby': `${id}-hint` } : {};
  return h(
    'div',
    { class: 'setting' },
    h('label', { for: id }, label),
    h('select', { id, name: id, ...hinted }, ...options.map(([value, text]) => h('option', { value }, text))),
    hint !== '' && h('small', { id: `${id}-hint` }, hint),
  );
}
