/** The first screen: every event as a row, in the order of their ids, so that nothing moves under the pointer. */

import { h, say, show } from '../element';
import type { LiveEvent } from './api';
import type { Desk, Part } from './desk';
import { reasonFor } from './health';
import { unexplainedNote } from './unexplained';

const COLUMNS = ['event', 'phase', 'waiting', 'admitted', 'outstanding', 'stock', 'redeemed', 'lag', 'state'] as const;

interface Row {
  root: HTMLTableRowElement;
  paint(event: LiveEvent): void;
}

/** A thin bar that shows how full something is. */
function meter(): { root: HTMLElement; fill(part: number, whole: number): void } {
  const inner = h('i');
  return {
    root: h('span', { class: 'meter', 'aria-hidden': 'true' }, inner),
    fill(part, whole) {
      inner.style.width = `${whole > 0 ? Math.min(100, (part / whole) * 100) : 0}%`;
    },
  };
}

function row(id: string, desk: Desk): Row {
  const { words } = desk;
  const title = h('a', { href: `#/events/${id}` });
  const text = Object.fromEntries(COLUMNS.map((column) => [column, h('span')])) as Record<
    (typeof COLUMNS)[number],
    HTMLElement
  >;
  const [out, stock] = [meter(), meter()];
  const cells = COLUMNS.map((column) => {
    const inside = column === 'event' ? [title, h('small', {}, id)] : [text[column]];
    const bar = column === 'outstanding' ? out.root : column === 'stock' ? stock.root : null;
    const tag = column === 'event' ? 'th' : 'td';
    return h(
      tag,
      { class: column, 'data-label': words.columns[column], ...(tag === 'th' && { scope: 'row' }) },
      ...inside,
      bar,
    );
  });
  const root = h('tr', {}, ...cells);
  return {
    root,
    paint(event) {
      const history = desk.history(id);
      const reason = reasonFor(event, history);
      root.dataset.level = reason.level;
      say(title, event.title);
      say(text.phase, words.phase[event.phase]);
      text.phase.dataset.phase = event.phase;
      say(text.waiting, desk.n(event.waiting));
      const letIn = history.perSecond('admitted').at(-1) ?? null;
      say(
        text.admitted,
        words.of(letIn === null ? '–' : desk.r(letIn), desk.r(event.rate_in_force_per_s ?? event.admission.rate_per_s)),
      );
      say(text.outstanding, words.of(desk.n(event.outstanding), desk.n(event.admission.capacity)));
      say(text.stock, words.of(desk.n(event.stock.remaining), desk.n(event.stock.total)));
      say(text.redeemed, desk.n(event.redeemed));
      say(text.lag, desk.n(event.ledger_lag));
      say(text.state, words.reason[reason.is](desk.n(reason.n)));
      out.fill(event.outstanding, event.admission.capacity);
      stock.fill(event.stock.remaining, event.stock.total);
    },
  };
}

export function listScreen(desk: Desk): Part {
  const { words } = desk;
  const rows = new Map<string, Row>();
  const body = h('tbody');
  const find = h('input', {
    id: 'find',
    type: 'search',
    placeholder: words.events.find,
    'aria-label': words.events.find,
  });
  const head = h('tr', {}, ...COLUMNS.map((column) => h('th', { scope: 'col', class: column }, words.columns[column])));
  const table = h('table', { class: 'events' }, h('thead', {}, head), body);
  const none = h('p');
  const make = desk.admin && h('a', { class: 'button primary', href: '#/new' }, words.events.make);
  const unexplained = unexplainedNote(desk);
  const root = h(
    'section',
    {},
    h(
      'div',
      { class: 'row spread' },
      h('h1', { tabindex: -1 }, words.events.headline),
      h('div', { class: 'row' }, find, make),
    ),
    unexplained.root,
    h('div', { class: 'scroll' }, table),
    none,
  );
  find.addEventListener('input', paint);
  find.addEventListener('keydown', (event) => {
    const only = [...body.rows].find((candidate) => !candidate.hidden);
    if (event.key === 'Enter' && only) {
      only.querySelector('a')?.click();
    }
  });

  function paint(): void {
    unexplained.paint();
    const wanted = find.value.trim().toLowerCase();
    for (const [id, event] of desk.events) {
      const held = rows.get(id) ?? row(id, desk);
      if (!rows.has(id)) {
        rows.set(id, held);
        const later = [...rows.keys()].filter((other) => other > id).sort()[0];
        body.insertBefore(held.root, later === undefined ? null : (rows.get(later)?.root ?? null));
      }
      held.paint(event);
      show(held.root, `${id} ${event.title}`.toLowerCase().includes(wanted));
    }
    const shown = [...body.rows].some((candidate) => !candidate.hidden);
    show(table, shown);
    say(
      none,
      shown ? '' : desk.at === 0 ? words.connecting : desk.events.size === 0 ? words.events.none : words.events.noMatch,
    );
  }
  return { root, paint };
}
