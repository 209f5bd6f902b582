/** Who changed what: the newest changes, and older ones on demand. */

import { h, say, show } from '../element';
import type { Audited } from './api';
import { type Desk, type Part, timeOf } from './desk';

/** Every value under its path, `admission.rate_per_s`; nothing for what is not set. */
function leaves(value: unknown, path = ''): [string, string][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([name, inner]) => leaves(inner, path === '' ? name : `${path}.${name}`));
  }
  return value === null || value === undefined
    ? []
    : [[path, typeof value === 'string' ? value : JSON.stringify(value)]];
}

/** A change in few words: only what differs, `rate_per_s 5 → 20`. */
export function difference(from: unknown, to: unknown): string {
  const [before, now] = [new Map(leaves(from)), new Map(leaves(to))];
  const paths = [...new Set([...before.keys(), ...now.keys()])].filter((path) => before.get(path) !== now.get(path));
  return paths
    .map((path) => {
      const value = now.get(path) ?? '–';
      const change = before.has(path) ? `${before.get(path)} → ${value}` : value;
      return `${path} ${change}`.trim();
    })
    .join(', ');
}

export interface Audit extends Part {
  /** Reads the newest changes again. */
  read(): Promise<void>;
}

/** `heard` is told the newest change of the pace whenever the table is read. */
export function audit(desk: Desk, id: string, heard: (last: Audited | undefined) => void): Audit {
  const { audit: words } = desk.words;
  const body = h('tbody');
  const none = h('p', {}, words.none);
  const error = h('p', { class: 'error', role: 'alert' });
  const more = h('button', { type: 'button', click: () => void load(next) }, words.more);
  const head = h(
    'tr',
    {},
    ...[words.at, words.by, words.what, words.change].map((name) => h('th', { scope: 'col' }, name)),
  );
  const table = h('table', { class: 'audit' }, h('thead', {}, head), body);
  let next: string | null = null;

  async function load(after: string | null): Promise<void> {
    const reply = await desk.ops.audit(id, after);
    say(error, desk.failure(reply));
    if (!reply.ok) {
      return;
    }
    const { items } = reply.body;
    const rows = items.map((entry) =>
      h(
        'tr',
        {},
        h('td', {}, timeOf(entry.at, desk.at, desk.language)),
        h('td', {}, entry.by),
        h('td', {}, words.action[entry.action] ?? entry.action),
        h('td', { class: 'change' }, difference(entry.from, entry.to)),
      ),
    );
    if (after === null) {
      body.replaceChildren(...rows);
      heard(items.find(({ action }) => action === 'admission' || action === 'created'));
    } else {
      body.append(...rows);
    }
    next = reply.body.next;
    show(more, next !== null);
    show(table, body.childElementCount > 0);
    show(none, body.childElementCount === 0);
  }
  show(more, false);
  show(none, false);
  return {
    root: h(
      'section',
      { class: 'panel' },
      h('h2', {}, words.headline),
      h('div', { class: 'scroll' }, table),
      none,
      error,
      more,
    ),
    paint() {},
    read: () => load(null),
  };
}
