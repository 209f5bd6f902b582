/** Changing what an event was set up with: what its phase still lets change, and of that what was typed. */

import { h, say, show } from '../element';
import type { EventChange, LiveEvent } from './api';
import { type Desk, type Part, timeOf } from './desk';
import { choice, field, tellRefusal } from './fields';

const TIMES = ['lobby_at', 'opens_at', 'closes_at'] as const;
const WHOLE = ['stock', 'presence_s', 'grace_s'] as const;
const CHOICES = ['order', 'ack', 'on_sold_out'] as const;
type Time = (typeof TIMES)[number];
export type Editable = 'title' | 'code_pattern' | Time | (typeof WHOLE)[number] | (typeof CHOICES)[number];

const isTime = (name: Editable): name is Time => (TIMES as readonly string[]).includes(name);
const isWhole = (name: Editable) => (WHOLE as readonly string[]).includes(name);

/** What may still change, in the order of the form. The server has the last word. */
export function editable({ phase, given_codes }: Pick<LiveEvent, 'phase' | 'given_codes'>): Editable[] {
  const [draft, over] = [phase === 'draft', phase === 'closed'];
  const all: [Editable, boolean][] = [
    ['title', true],
    ['stock', draft && !given_codes],
    ['lobby_at', draft],
    ['opens_at', draft || phase === 'lobby'],
    ['closes_at', !over],
    ['order', draft],
    ['on_sold_out', !over],
    ['presence_s', !over],
    ['grace_s', !over],
    ['code_pattern', draft && !given_codes],
    ['ack', draft],
  ];
  return all.filter(([, may]) => may).map(([name]) => name);
}

/** A moment as a field holds it: in the zone of this computer, to the second. */
export function localTime(at: string): string {
  const then = new Date(at);
  return new Date(then.getTime() - then.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** What the field of a name shows of what holds. */
export function held(event: LiveEvent, name: Editable): string {
  if (name === 'stock') {
    return String(event.stock.total);
  }
  const value = event[name];
  return isTime(name) ? (value ? localTime(String(value)) : '') : String(value);
}

/** Browsers write the same moment with and without its seconds. */
function same(name: Editable, a: string, b: string): boolean {
  return a === b || (isTime(name) && a !== '' && b !== '' && Date.parse(a) === Date.parse(b));
}

/** What was typed over what the fields showed; an emptied time is taken away. */
export function changeOf(
  typed: Partial<Record<Editable, string>>,
  shown: Partial<Record<Editable, string>>,
): EventChange {
  const change: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(typed)) {
    const name = key as Editable;
    if (same(name, text, shown[name] ?? '')) {
      continue;
    }
    change[name] = isTime(name)
      ? text === ''
        ? null
        : new Date(text).toISOString()
      : isWhole(name)
        ? Number(text)
        : text;
  }
  return change;
}

/** The field of a name. */
function input(desk: Desk, name: Editable): HTMLElement {
  const { make, terms } = desk.words;
  const options = (all: Record<string, string>) => Object.entries(all).filter(([value]) => value !== '');
  const whole = { type: 'number', step: 1, required: true };
  switch (name) {
    case 'title':
      return field(name, make.title, '', { required: true, maxlength: 200, autocomplete: 'off' });
    case 'stock':
      return field(name, make.stock, '', { ...whole, min: 0, max: 10_000_000 });
    case 'presence_s':
      return field(name, terms.presence_s, '', { ...whole, min: 1, max: 3600 });
    case 'grace_s':
      return field(name, terms.grace_s, '', { ...whole, min: 0, max: 86_400 });
    case 'code_pattern':
      return field(name, make.pattern, make.patternHint, { required: true, maxlength: 40, autocomplete: 'off' });
    case 'order':
      return choice(name, make.order, options(make.orders), make.orderHint);
    case 'ack':
      return choice(name, make.ack, options(make.acks), make.ackHint);
    case 'on_sold_out':
      return choice(name, make.soldOut, options(make.soldOuts));
    default:
      return field(name, make[name], make.timeHint, { type: 'datetime-local', step: 1 });
  }
}

/** What somebody else made of a field while one typed, in words. */
function news(desk: Desk, event: LiveEvent, name: Editable, was: string): string {
  if (!editable(event).includes(name)) {
    return desk.words.refused.live;
  }
  const told = (value: string) =>
    isTime(name) ? (value === '' ? desk.words.terms.byHand : timeOf(value, desk.at, desk.language)) : value;
  const now = held(event, name);
  return same(name, was, now) ? '' : desk.words.pace.moved(told(was), told(now));
}

/** A form over `event`; `over` is called when it is done with, with true when something was changed. */
export function editForm(desk: Desk, event: LiveEvent, over: (changed: boolean) => void): Part {
  const { terms } = desk.words;
  const names = editable(event);
  const shown: Partial<Record<Editable, string>> = {};
  const error = h('p', { class: 'error', role: 'alert' });
  const save = h('button', { class: 'primary' }, terms.save);
  const keep = h('button', { type: 'button', click: () => over(false) }, terms.keep);
  const notes = new Map(names.map((name) => [name, h('p', { class: 'warning', role: 'status' })]));
  const form = h(
    'form',
    { class: 'fields' },
    ...names.map((name) => {
      const one = input(desk, name);
      one.append(notes.get(name) ?? '');
      return one;
    }),
    error,
    h('div', { class: 'row actions' }, save, keep),
  );
  const at = (name: Editable) => form.elements.namedItem(name) as HTMLInputElement;
  const fill = (name: Editable, value: string) => {
    shown[name] = value;
    at(name).value = value;
  };
  for (const name of names) {
    fill(name, held(event, name));
  }
  form.addEventListener('submit', async (submitted) => {
    submitted.preventDefault();
    const typed = Object.fromEntries(names.map((name) => [name, at(name).value.trim()]));
    const change = changeOf(typed, shown);
    if (Object.keys(change).length === 0) {
      over(false);
      return;
    }
    save.disabled = true;
    const reply = await desk.ops.change(event.event, change);
    save.disabled = false;
    tellRefusal(desk, form, error, reply);
    if (reply.ok) {
      over(true);
    }
  });
  return {
    root: form,
    paint() {
      const now = desk.events.get(event.event);
      for (const name of now ? names : []) {
        const was = shown[name] ?? '';
        // What nobody typed in follows what holds.
        if (now && same(name, at(name).value, was) && !same(name, was, held(now, name))) {
          fill(name, held(now, name));
        }
        const note = notes.get(name);
        if (now && note) {
          say(note, news(desk, now, name, shown[name] ?? ''));
          show(note, note.textContent !== '');
        }
      }
    },
  };
}
