/** The limits per client address: what is in force, and setting them live for every process. */

import { h, say } from '../element';
import type { Audited, Limits, LimitsChange } from './api';
import { difference } from './audit';
import { type Desk, type Part, timeOf } from './desk';
import { field, tellRefusal } from './fields';
import { type Table, table } from './table';

export const NAMES = ['enters', 'requests', 'sockets', 'direct', 'exempt'] as const;

/** What the form changes of what holds: an emptied field goes back to the flag, an untouched one is left out. */
export function changeFrom(form: FormData, held: Limits): LimitsChange {
  const change: LimitsChange = {};
  for (const name of NAMES) {
    const typed = String(form.get(name) ?? '').trim();
    if (typed === '' && held.set.includes(name)) {
      change[name] = null;
    } else if (typed !== '' && typed !== held[name]) {
      change[name] = typed;
    }
  }
  return change;
}

/** Who changed them. */
function changesOf(desk: Desk): Table {
  const { audit } = desk.words;
  return table<Audited>(desk, {
    columns: [audit.at, audit.by, audit.change],
    none: audit.none,
    read: (after) => desk.ops.limitsAudit(after),
    cells: (entry) => [
      timeOf(entry.at, desk.at || Date.now(), desk.language),
      desk.who(entry.by),
      difference(entry.from, entry.to),
    ],
  });
}

export function limitsScreen(desk: Desk): Part {
  const { limits: words, audit } = desk.words;
  let held: Limits | null = null;
  const said = h('p', { class: 'said', role: 'status' });
  const error = h('p', { class: 'error', role: 'alert' });
  const button = h('button', { class: 'primary' }, words.save);
  const own = h('p', { class: 'quiet' });
  const fields = NAMES.map((name) =>
    field(name, words[name], words.hints[name], { autocomplete: 'off', readonly: !desk.admin }),
  );
  const form = h('form', { class: 'fields' }, ...fields, own, error, said, desk.admin && button);
  const changes = changesOf(desk);

  /** Shows what holds. */
  function fill(limits: Limits): void {
    held = limits;
    for (const name of NAMES) {
      const input = form.elements.namedItem(name) as HTMLInputElement;
      input.value = limits[name];
    }
    say(own, limits.set.length === 0 ? words.none : words.live(limits.set.map((name) => words[name]).join(', ')));
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (held === null) {
      return;
    }
    say(said, '');
    button.disabled = true;
    const reply = await desk.ops.setLimits(changeFrom(new FormData(form), held));
    button.disabled = false;
    tellRefusal(desk, form, error, reply);
    if (reply.ok) {
      fill(reply.body);
      say(said, words.saved);
      await changes.read();
    }
  });
  void desk.ops.limits().then((reply) => {
    say(error, desk.failure(reply));
    if (reply.ok) {
      fill(reply.body);
    }
  });
  void changes.read();
  return {
    root: h(
      'section',
      {},
      h('h1', { tabindex: -1 }, words.headline),
      h('p', { class: 'quiet' }, words.about),
      h('section', { class: 'panel' }, form),
      h('section', { class: 'panel' }, h('h2', {}, audit.headline), changes.root),
    ),
    paint() {},
  };
}
