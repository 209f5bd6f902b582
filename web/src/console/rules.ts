/** The rules of a book: to make it, and to change what it holds. */

import { h, say } from '../element';
import type { BookCalls, Rules } from './books-api';
import { type Desk, timeOf } from './desk';
import { choice, field, tellRefusal } from './fields';

/** What was filled in, as the call wants it; empty fields are left out, and stay as they are. */
export function rulesFrom(form: FormData): Partial<Rules> {
  const text = (name: string) => String(form.get(name) ?? '').trim();
  const number = (name: string) => (text(name) === '' ? {} : { [name]: Number(text(name)) });
  return {
    ...(text('title') !== '' && { title: text('title') }),
    ...(text('expires_at') !== '' && { expires_at: new Date(text('expires_at')).toISOString() }),
    ...number('max_per_person'),
    ...number('redemptions_per_code'),
    ...number('max_redemptions_per_person'),
    ...number('lock_s'),
    ...(text('code_pattern') !== '' && { code_pattern: text('code_pattern') }),
    ...(text('on_cancel') !== '' && { on_cancel: text('on_cancel') as Rules['on_cancel'] }),
    ...(text('ack') !== '' && { ack: text('ack') as Rules['ack'] }),
  };
}

export interface RulesPanel {
  root: HTMLElement;
  /** Says whether the form makes the book or changes it. */
  isNew(now: boolean): void;
  /** Shows the rules that are in force. */
  hold(rules: Rules): void;
}

export function rulesPanel(desk: Desk, calls: BookCalls, changed: () => void): RulesPanel {
  const { rules: words, make } = desk.words;
  const headline = h('h2', {}, words.headline);
  const about = h('p', { class: 'quiet' });
  const error = h('p', { class: 'error', role: 'alert' });
  const said = h('p', { class: 'said', role: 'status' });
  const inForce = h('dl', { class: 'rules' });
  const button = h('button', { class: 'primary' });
  const whole = { type: 'number', min: 1, step: 1, max: 1_000_000 };
  const form = h(
    'form',
    { class: 'fields' },
    field('title', words.title, '', { maxlength: 200, autocomplete: 'off' }),
    field('expires_at', words.expires_at, words.ownZone, { type: 'datetime-local', step: 1 }),
    field('max_per_person', words.max_per_person, '', whole),
    field('redemptions_per_code', words.redemptions_per_code, '', whole),
    field('code_pattern', make.pattern, make.patternHint, { maxlength: 40, autocomplete: 'off' }),
    field('max_redemptions_per_person', words.max_redemptions_per_person, '', whole),
    field('lock_s', words.lock_s, '', { ...whole, max: 3600 }),
    choice('on_cancel', words.on_cancel, Object.entries(words.onCancel)),
    choice('ack', words.ack, Object.entries({ ...make.acks, '': words.onCancel[''] }), make.ackHint),
    error,
    said,
    button,
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    const reply = await calls.put(rulesFrom(new FormData(form)));
    button.disabled = false;
    tellRefusal(desk, form, error, reply);
    say(said, reply.ok ? (reply.status === 201 ? words.made : words.changed) : '');
    if (reply.ok) {
      form.reset();
      changed();
    }
  });
  return {
    root: h('section', { class: 'panel' }, headline, inForce, about, form),
    hold: (rules) => inForce.replaceChildren(...shown(desk, rules)),
    isNew(now) {
      say(headline, now ? words.make : words.headline);
      say(about, now ? words.aboutNew : words.about);
      say(button, now ? words.makeButton : words.button);
      form.querySelector('#title')?.toggleAttribute('required', now);
    },
  };
}

/** Every rule as it now holds. */
function shown(desk: Desk, rules: Rules): HTMLElement[] {
  const { rules: words, make } = desk.words;
  const told: [string, string][] = [
    [words.title, rules.title],
    [words.expires_at, rules.expires_at ? timeOf(rules.expires_at, desk.at || Date.now(), desk.language) : words.never],
    [words.max_per_person, desk.n(rules.max_per_person)],
    [words.redemptions_per_code, desk.n(rules.redemptions_per_code)],
    [
      words.max_redemptions_per_person,
      rules.max_redemptions_per_person ? desk.n(rules.max_redemptions_per_person) : words.unlimited,
    ],
    [words.lock_s, desk.n(rules.lock_s)],
    [make.pattern, rules.code_pattern],
    [words.on_cancel, words.onCancel[rules.on_cancel]],
    [words.ack, make.acks[rules.ack]],
  ];
  return told.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)));
}
