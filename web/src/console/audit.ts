/** Who changed what: the newest changes, and older ones on demand. */

import { h } from '../element';
import type { Act, Audited } from './api';
import { type Desk, type Part, timeOf } from './desk';
import { table } from './table';

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

/** What was done to one event. `heard` is told the newest change of the pace whenever the table is read. */
export function audit(desk: Desk, id: string, heard: (last: Audited | undefined) => void): Audit {
  const { audit: words } = desk.words;
  const changes = table<Audited>(desk, {
    columns: [words.at, words.by, words.what, words.change],
    none: words.none,
    read: (after) => desk.ops.audit(id, after),
    cells: (entry) => [
      timeOf(entry.at, desk.at, desk.language),
      desk.who(entry.by),
      words.action[entry.action] ?? entry.action,
      difference(entry.from, entry.to),
    ],
    heard: (items) => heard(items.find(({ action }) => action === 'admission' || action === 'created')),
  });
  return {
    root: h('section', { class: 'panel' }, h('h2', {}, words.headline), changes.root),
    paint() {},
    read: changes.read,
  };
}

/** What staff did to accounts, keys and pools. */
export function auditScreen(desk: Desk): Part {
  const { audit: words } = desk.words;
  const acts = table<Act>(desk, {
    columns: [words.at, words.by, words.what, words.subject, words.change],
    none: words.none,
    read: (after) => desk.ops.acts(after),
    cells: (act) => [
      timeOf(act.at, desk.at || Date.now(), desk.language),
      desk.who(act.by),
      words.action[act.action] ?? act.action,
      act.subject,
      difference(act.from, act.to),
    ],
  });
  void acts.read();
  return {
    root: h(
      'section',
      {},
      h('h1', { tabindex: -1 }, words.acts),
      h('p', { class: 'quiet' }, words.actsText),
      acts.root,
    ),
    paint() {},
  };
}
