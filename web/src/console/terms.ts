/** What holds for an event besides its pace: when it moves by itself, who comes first, what a pass means. */

import { h, say, show } from '../element';
import type { LiveEvent } from './api';
import { type Desk, type Part, timeOf } from './desk';
import { editForm } from './edit';

const TERMS = [
  'lobby_at',
  'opens_at',
  'closes_at',
  'order',
  'identity',
  'book',
  'code_pattern',
  'ack',
  'on_sold_out',
  'presence_s',
  'grace_s',
] as const;
type Term = (typeof TERMS)[number];

/** One term in words. */
export function told(desk: Pick<Desk, 'words' | 'at' | 'language'>, event: LiveEvent, term: Term): string {
  const { make, terms } = desk.words;
  const value = event[term];
  switch (term) {
    case 'lobby_at':
    case 'opens_at':
    case 'closes_at':
      return value ? timeOf(value, desk.at, desk.language) : terms.byHand;
    case 'order':
      return make.orders[event.order];
    case 'identity':
      return terms.identities[event.identity];
    case 'ack':
      return make.acks[event.ack];
    case 'on_sold_out':
      return make.soldOuts[event.on_sold_out];
    default:
      return String(value ?? '');
  }
}

/** Which time moves an event of this phase next, if one is set. */
export function nextMove({
  phase,
  lobby_at,
  opens_at,
  closes_at,
}: LiveEvent): ['lobby' | 'opens' | 'closes', string] | null {
  if (phase === 'draft') {
    return lobby_at ? ['lobby', lobby_at] : null;
  }
  if (phase === 'lobby' && opens_at) {
    return ['opens', opens_at];
  }
  return phase !== 'closed' && closes_at ? ['closes', closes_at] : null;
}

export function termsPanel(desk: Desk, id: string, changed: () => void): Part {
  const { make, terms } = desk.words;
  const names: Record<Term, string> = {
    lobby_at: make.lobby_at,
    opens_at: make.opens_at,
    closes_at: make.closes_at,
    order: make.order,
    identity: terms.identity,
    book: terms.book,
    code_pattern: make.pattern,
    ack: make.ack,
    on_sold_out: make.soldOut,
    presence_s: terms.presence_s,
    grace_s: terms.grace_s,
  };
  const rows = TERMS.map((term) => ({ term, value: h('dd') }));
  const list = rows.map(({ term, value }) => h('div', {}, h('dt', {}, names[term]), value));
  const rules = h('dl', { class: 'rules' }, ...list);
  const said = h('p', { class: 'said', role: 'status' });
  const button = h('button', { type: 'button', click: () => open() }, terms.change);
  const head = h('div', { class: 'row spread' }, h('h2', {}, terms.headline), desk.admin && button);
  const root = h('section', { class: 'panel' }, head, said, rules);
  let form: Part | null = null;

  function open(): void {
    const event = desk.events.get(id);
    if (event) {
      form = editForm(desk, event, close);
      root.append(form.root);
      swap(true);
      form.root.querySelector('input')?.focus();
    }
  }
  function close(now: boolean): void {
    form?.root.remove();
    form = null;
    swap(false);
    say(said, now ? terms.changed : '');
    button.focus();
    if (now) {
      changed();
    }
  }
  function swap(editing: boolean): void {
    show(rules, !editing);
    show(button, !editing);
    say(said, '');
  }
  return {
    root,
    paint() {
      const event = desk.events.get(id);
      form?.paint();
      for (const { term, value } of event ? rows : []) {
        say(value, event ? told(desk, event, term) : '');
      }
    },
  };
}
