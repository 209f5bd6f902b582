/** The form that makes an event. */

import { h, say } from '../element';
import type { NewEvent, Phase } from './api';
import type { Desk, Part } from './desk';
import { choice, field, tellRefusal } from './fields';

/** When the event moves by itself. */
const TIMES = ['lobby_at', 'opens_at', 'closes_at'] as const;

/** The fields of the form as the call wants them; empty ones are left to the server. */
export function newEvent(form: FormData): NewEvent {
  const text = (name: string) => String(form.get(name) ?? '').trim();
  // A time of this computer's zone, as the call wants it.
  const time = (name: (typeof TIMES)[number]) =>
    text(name) === '' ? {} : { [name]: new Date(text(name)).toISOString() };
  const number = (name: string) => (text(name) === '' ? undefined : Number(text(name)));
  const given = (...names: string[]) =>
    Object.fromEntries(names.map((name) => [name, number(name)]).filter(([, value]) => value !== undefined));
  const admission = given('rate_per_s', 'capacity', 'ticket_ttl_s');
  return {
    title: text('title'),
    ...given('stock', 'presence_s', 'grace_s'),
    phase: text('phase') as Phase,
    order: text('order'),
    ...Object.assign({}, ...TIMES.map(time)),
    on_sold_out: text('on_sold_out'),
    ...(text('ack') !== '' && { ack: text('ack') }),
    ...(text('code_pattern') !== '' && { code_pattern: text('code_pattern') }),
    ...(Object.keys(admission).length > 0 && { admission }),
  };
}

export function makeScreen(desk: Desk, made: (id: string) => void): Part {
  const { make: words, phase, terms } = desk.words;
  const error = h('p', { class: 'error', role: 'alert' });
  const button = h('button', { class: 'primary' }, words.button);
  const whole = { type: 'number', min: 0, step: 1 };
  const form = h(
    'form',
    { class: 'panel make' },
    field('id', words.id, words.idHint, { required: true, pattern: '[a-z0-9][a-z0-9\\-]{0,62}', autocomplete: 'off' }),
    field('title', words.title, '', { required: true, maxlength: 200 }),
    field('stock', words.stock, words.stockHint, { ...whole, max: 10_000_000, value: 1000 }),
    choice('phase', words.phase, [
      ['draft', phase.draft],
      ['lobby', phase.lobby],
      ['open', phase.open],
    ]),
    ...TIMES.map((name) => field(name, words[name], words.timeHint, { type: 'datetime-local', step: 1 })),
    choice('order', words.order, Object.entries(words.orders), words.orderHint),
    field('rate_per_s', words.rate, '', { ...whole, step: 'any', max: 1_000_000, value: 10 }),
    field('capacity', words.capacity, words.capacityHint, { ...whole, min: 1, max: 10_000_000 }),
    field('ticket_ttl_s', words.ttl, '', { ...whole, min: 1, max: 86_400, value: 120 }),
    h(
      'details',
      {},
      h('summary', {}, words.more),
      field('code_pattern', words.pattern, words.patternHint, { maxlength: 40, value: '{}' }),
      choice('ack', words.ack, Object.entries(words.acks), words.ackHint),
      choice('on_sold_out', words.soldOut, Object.entries(words.soldOuts)),
      field('presence_s', terms.presence_s, '', { ...whole, min: 1, max: 3600, value: 20 }),
      field('grace_s', terms.grace_s, '', { ...whole, max: 86_400, value: 300 }),
    ),
    error,
    button,
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const fields = new FormData(form);
    const id = String(fields.get('id'));
    if (desk.events.has(id)) {
      say(error, words.exists);
      return;
    }
    button.disabled = true;
    const reply = await desk.ops.make(id, newEvent(fields));
    button.disabled = false;
    tellRefusal(desk, form, error, reply);
    if (reply.ok) {
      made(id);
    }
  });
  const back = h('p', {}, h('a', { href: '#/' }, desk.words.back));
  return {
    root: h('section', { class: 'narrow' }, back, h('h1', { tabindex: -1 }, words.headline), form),
    paint() {},
  };
}
