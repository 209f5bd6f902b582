/** The coupons of an event: how many are left, and adding some. */

import { h, say, show } from '../element';
import { ask } from './ask';
import type { Desk, Part } from './desk';

export function stockPanel(desk: Desk, id: string, changed: () => void): Part {
  const { words } = desk;
  const left = h('p', { class: 'figure' });
  const bar = h('i');
  const error = h('p', { class: 'error', role: 'alert' });
  const field = h('input', { id: 'add', type: 'number', min: 1, max: 1_000_000, step: 1, required: true });
  const form = h(
    'form',
    { class: 'setting' },
    h('label', { for: 'add' }, words.stock.add),
    h('div', { class: 'row' }, field, h('button', {}, words.stock.button)),
    error,
  );
  form.addEventListener('submit', async (submitted) => {
    submitted.preventDefault();
    const add = field.valueAsNumber;
    const total = (desk.events.get(id)?.stock.total ?? 0) + add;
    const { question, text, yes } = words.stock;
    const asked = { question: question(desk.n(add)), text: text(desk.n(total)), yes, no: words.move.no, grave: false };
    if (await ask(asked)) {
      const reply = await desk.ops.addStock(id, add);
      say(error, desk.failure(reply));
      field.value = reply.ok ? '' : field.value;
      changed();
    }
  });
  return {
    root: h(
      'section',
      { class: 'panel' },
      h('h2', {}, words.stock.headline),
      left,
      h('span', { class: 'meter wide', 'aria-hidden': 'true' }, bar),
      form,
    ),
    paint() {
      const { stock, phase, given_codes } = desk.events.get(id) ?? {};
      // Codes that were given are added to their book.
      show(form, desk.admin && phase !== 'closed' && !given_codes);
      if (stock) {
        say(left, words.stock.left(desk.n(stock.remaining), desk.n(stock.total)));
        bar.style.width = `${stock.total > 0 ? (stock.remaining / stock.total) * 100 : 0}%`;
      }
    },
  };
}
